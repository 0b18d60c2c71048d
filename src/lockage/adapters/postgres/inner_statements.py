"""Tells which statements ran inside another one: in a DO block, a function, a trigger.

Not for production's ``pg_stat_statements``. The surprising thing: the extension is made in another database of the same server,
because it counts for all of them, and nothing that a shadow adds may show to a script.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import foreign_errors, load_sql

INNER_STATEMENTS_SETTINGS: Mapping[str, str] = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.track_planning": "off",
    "pg_stat_statements.save": "off",
}
"""What the server must be started with."""


class InnerStatements:
    """Counts from one ``forget`` to the next."""

    def __init__(self, session: psycopg.Connection[TupleRow], *, database: str) -> None:
        self._session = session
        self._database = database

    def forget(self) -> None:
        """Forgets everything that ran so far."""
        self._session.execute("select public.pg_stat_statements_reset()")

    def seen(self) -> tuple[str, ...]:
        """Gives the texts of inner statements that ran to their end since ``forget``; constants may read ``$1``."""
        rows = self._session.execute(load_sql("select_inner_statements"), {"database": self._database}).fetchall()
        return tuple(str(row[0]) for row in rows)


@contextmanager
def inner_statements(url: str, *, database: str) -> Generator[InnerStatements]:
    """Gives the inner statements of ``database``, asked of another database at ``url`` of the same server."""
    with foreign_errors("counting the statements of the shadow"):
        session = psycopg.connect(url, autocommit=True, application_name="lockage/inner")
    with session:
        with foreign_errors("counting the statements of the shadow"):
            session.execute("create extension if not exists pg_stat_statements schema public")
        yield InnerStatements(session, database=database)
