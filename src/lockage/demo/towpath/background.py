"""What a towpath server does when nobody asks: flushes, heartbeats, builds, reports, and the purge of expired keys.

The surprising thing is the report: it keeps a transaction open on ``api_keys`` for half a minute, now and then, on a
connection of its own. That is what an ``ALTER TABLE`` of the next release has to wait for.
"""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout, TooManyRequests

from lockage.demo.towpath import log
from lockage.demo.towpath.database import connection_arguments
from lockage.demo.towpath.purge import Purge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from lockage.demo.towpath.database import Database
    from lockage.demo.towpath.releases import Release
    from lockage.demo.towpath.settings import Settings
    from lockage.demo.towpath.usage import Usage

_HEARTBEAT_S = 5.0
"""Rest between two heartbeats. Source: Coder's replicas, which are gone after a minute without one."""

_FIRST_REPORT_S = (1.5, 4.5)
"""The first report begins between these seconds after the start: soon, and not with the other replicas'."""

_GOODBYE_S = 0.3
"""Limit for the last word to the database: a stop must not wait for one that does not answer."""

_GOLDEN_RATIO = 0.618_033_988_749_895


def phase_of(replica: str) -> float:
    """Where in a cycle this replica begins, from 0 to 1: the same every time, and apart for replicas numbered in a row."""
    numbered = re.search(r"(\d+)$", replica)
    ordinal = int(numbered[1]) if numbered else zlib.crc32(replica.encode())
    # Multiples of the golden ratio stay as far apart as multiples of anything can.
    return ordinal * _GOLDEN_RATIO % 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """All of a server's background work; cancelling `run` ends it, open transactions included."""

    release: Release
    settings: Settings
    database: Database
    usage: Usage
    started_at: datetime

    async def run(self) -> None:
        """Work until cancelled. A failure of one round is logged, and the next round tries again."""
        flush_s = self.settings.flush_interval_s
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(flush_s, "flush of last_used failed", self._touch_keys))
            group.create_task(self._every(3 * flush_s, "flush of statistics failed", self._flush_traffic))
            group.create_task(self._every(flush_s, "finishing builds failed", self._finish_builds))
            group.create_task(self._every(_HEARTBEAT_S, "heartbeat failed", self._beat))
            group.create_task(self._report_now_and_then())
            if self.release.purges_expired_keys:
                purge = Purge(database=self.database, settings=self.settings)
                group.create_task(self._every(self.settings.purge_interval_s, "purge failed", purge.run))

    async def say_goodbye(self) -> None:
        """Mark the replica as stopped, if the database answers at once."""
        with suppress(TimeoutError, psycopg.Error, PoolTimeout, TooManyRequests):
            async with asyncio.timeout(_GOODBYE_S):
                await self.database.execute("stop_beating", self.settings.replica, self.started_at)

    async def _every(self, interval_s: float, complaint: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (psycopg.Error, PoolTimeout, TooManyRequests) as failure:
                log.warn(complaint, error=log.one_line(failure))
            await asyncio.sleep(interval_s)

    async def _touch_keys(self) -> None:
        if keys := self.usage.take_keys():
            await self.database.execute("touch_keys", keys)

    async def _flush_traffic(self) -> None:
        if not (traffic := self.usage.take_traffic()):
            return
        users = [seen.user_id for seen in traffic]
        received = [seen.rx_bytes for seen in traffic]
        sent = [seen.tx_bytes for seen in traffic]
        workspaces = [seen.workspace_id for seen in traffic]
        await self.database.execute("insert_agent_stats", users, workspaces, received, sent)
        await self.database.execute("add_to_usage_stats", users, received, sent)

    async def _finish_builds(self) -> None:
        await self.database.execute("finish_builds")

    async def _beat(self) -> None:
        await self.database.execute("beat", self.settings.replica, self.release.version, self.started_at)

    async def _report_now_and_then(self) -> None:
        earliest_s, latest_s = _FIRST_REPORT_S
        await asyncio.sleep(earliest_s + (latest_s - earliest_s) * phase_of(self.settings.replica))
        # Seeded by the name: no two replicas keep step, and the same replica does the same every time.
        rhythm = random.Random(self.settings.replica)  # noqa: S311  # not for secrets
        while True:
            try:
                await self._report()
            except psycopg.Error as failure:
                log.warn("report failed", error=log.one_line(failure))
            await asyncio.sleep(self.settings.report_interval_s * rhythm.uniform(0.7, 1.3))

    async def _report(self) -> None:
        arguments = connection_arguments(self.settings)
        connection = await AsyncConnection.connect(self.settings.pg_connection_url, **arguments)
        # Leaving the block by cancellation rolls back and closes, which frees every lock at once.
        async with connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.execute(self.database.text("report_key_use"))
            await asyncio.sleep(self.settings.report_length_s)
