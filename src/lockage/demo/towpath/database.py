"""The database as a running release sees it: its statements by name, over a pool that survives a restart of the server.

Not for migrations, which have a connection of their own. The surprising thing: statements go out with PostgreSQL's own ``$1``,
and psycopg prepares them on the server after a few uses, so an old release meets a new schema with prepared statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockage.demo.towpath.settings import Settings

_MAX_WAITING = 400
"""Requests that may wait for a connection: ten seconds of the traffic generator's default rate; more are turned away."""


def open_pool(settings: Settings) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
    """A pool for `settings`, not opened yet; its connections commit every statement by itself."""
    return AsyncConnectionPool(
        settings.pg_connection_url,
        connection_class=AsyncConnection[DictRow],
        kwargs=connection_arguments(settings),
        min_size=min(settings.pool_min, settings.pool_max),
        max_size=settings.pool_max,
        max_waiting=_MAX_WAITING,
        # A connection that died with its server must not cost a user an error.
        check=AsyncConnectionPool[AsyncConnection[DictRow]].check_connection,
        open=False,
    )


def connection_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of every connection that a running server makes."""
    return {
        "application_name": settings.application_name,
        "autocommit": True,
        "cursor_factory": AsyncRawCursor,
        "row_factory": dict_row,
    }


class Database:
    """The release's statements, run by name."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], statements: Mapping[str, str]) -> None:
        self._pool = pool
        self._statements = statements

    @property
    def pool(self) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
        """For work that needs several statements in one transaction."""
        return self._pool

    def offers(self, name: str) -> bool:
        """Whether this release has a statement of that name."""
        return name in self._statements

    def text(self, name: str) -> bytes:
        """The statement as psycopg takes it. Raises KeyError for a name that this release does not have."""
        return self._statements[name].encode()

    async def fetch_all(self, name: str, *values: object) -> list[DictRow]:
        """All rows that the statement returns."""
        return await self._run(name, values, returns_rows=True)

    async def fetch_one(self, name: str, *values: object) -> DictRow | None:
        """The first row that the statement returns, or none."""
        rows = await self._run(name, values, returns_rows=True)
        return rows[0] if rows else None

    async def execute(self, name: str, *values: object) -> None:
        """Run a statement that returns nothing."""
        await self._run(name, values, returns_rows=False)

    async def _run(self, name: str, values: Sequence[object], *, returns_rows: bool) -> list[DictRow]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(self.text(name), values)
            return await cursor.fetchall() if returns_rows else []
