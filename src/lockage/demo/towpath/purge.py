"""Deletes keys that expired more than seven days ago, in small batches that no request notices.

Not a migration, though a migration of the next release is short only when it is done. The surprising thing: each batch goes
on where the last one ended. Starting from the oldest key every time would step over all rows that are dead but still visible
to an open report, and get slower with every batch.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockage.demo.towpath import log

if TYPE_CHECKING:
    from lockage.demo.towpath.database import Database
    from lockage.demo.towpath.settings import Settings

_TURN_PAUSE_S = 1.0
"""Rest before asking again while another replica purges: soon enough to go on where a killed one stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """The purge of one replica. Of several replicas one deletes at a time; the others wait for a turn."""

    database: Database
    settings: Settings

    async def run(self) -> None:
        """Return when no key remains that expired more than seven days ago. Raises psycopg.Error."""
        if not await self._keys_remain():
            return
        log.info("purge of expired API keys begins", batch_rows=self.settings.purge_batch_rows)
        purged_rows = 0
        while (batch_rows := await self._purge_batch()) != 0:
            purged_rows += batch_rows or 0
            await asyncio.sleep(_TURN_PAUSE_S if batch_rows is None else self.settings.purge_pause_s)
        log.info("purge of expired API keys has ended", purged_rows=purged_rows)

    async def _purge_batch(self) -> int | None:
        """How many rows were deleted: 0 when nothing is left to do, None when it is another replica's turn."""
        async with self.database.pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(self.database.text("take_purge_turn"))
            turn = await cursor.fetchone()
            if turn is None:
                return None
            if turn["just_finished"]:
                return 0
            batch = (turn["purged_until"], self.settings.purge_batch_rows)
            cursor = await connection.execute(self.database.text("purge_keys"), batch)
            gone = await cursor.fetchone()
            rows = int(gone["purged_rows"]) if gone else 0
            if gone and rows:
                await connection.execute(self.database.text("note_purge"), (gone["purged_until"], rows))
                return rows
        return await self._finish()

    async def _finish(self) -> int | None:
        """0 when the table is clean; None when keys were left behind, to begin again from the oldest."""
        if await self._keys_remain():
            await self.database.execute("note_purge", "-infinity", 0)
            return None
        async with self.database.pool.connection() as connection:
            # The next migration is planned with these figures, and most rows have just gone. Not among the statements,
            # since a utility command cannot be prepared.
            await connection.execute("ANALYZE api_keys")
        await self.database.execute("finish_purge")
        return 0

    async def _keys_remain(self) -> bool:
        row = await self.database.fetch_one("expired_keys_remain")
        return row is not None and bool(row["exists"])
