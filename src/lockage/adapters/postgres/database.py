"""The application's database behind ``lockage.ports.Database``: watched without standing in anybody's way.

Not for shadows and not for the application's own writes: every session is read-only. The surprising thing: signals are sent
from the session that holds the fence, once there is one, so a run that has lost its fence to another cannot terminate anybody.

Codes here: LK140 the fence was lost to another run; others: ``sqlstate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.activity import read_activity
from lockage.adapters.postgres.catalog import read_relations, read_server
from lockage.adapters.postgres.catalog_objects import read_catalog
from lockage.adapters.postgres.lasting_session import LastingSession
from lockage.adapters.postgres.ledger import read_ledger
from lockage.adapters.postgres.repairing import execute_repair
from lockage.adapters.postgres.session import load_sql
from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Activity, DatabaseServer, LedgerReading, Relation
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError, UnreachableError
from lockage.ports import Killed
from lockage.settings import Watching

T = TypeVar("T")

_LOCK_NOT_GOT = "LK131"


class PostgresDatabase:
    """The live database of a deployment. Sessions: ``lockage/watch`` at the first look, ``lockage/fence`` at the first act."""

    def __init__(self, url: str, *, watching: Watching | None = None, password: Callable[[], str] | None = None) -> None:
        limits = watching or Watching()
        self._url, self._password = url, password
        self._watch = LastingSession(url, what="watch", watching=limits, password=password)
        self._fence = LastingSession(url, what="fence", watching=limits, password=password)
        self._fence_key: int | None = None
        self._fence_generation = 0

    def server(self) -> DatabaseServer:
        """The server, its settings and our privileges."""
        return self._watch.run("reading the server's settings", read_server)

    def ledger(self, profile: Profile) -> LedgerReading:
        """The ledger; not read while the profile's advisory lock is held."""
        return self._watch.run(f"reading {profile.migrations.ledger}", lambda c: read_ledger(c, profile))

    def relations(self) -> tuple[Relation, ...]:
        """Sizes of all user tables, partitions and materialised views; a locked one's as old as its last VACUUM or ANALYZE."""
        doing = "reading the sizes of relations"
        try:
            return self._watch.run(doing, read_relations)
        except UnreachableError as error:
            if error.code != _LOCK_NOT_GOT:
                raise
        return self._watch.run(doing, lambda c: read_relations(c, by_catalog=True))

    def activity(self) -> Activity:
        """One look: all client sessions of this database, who waits for whom, progress."""
        return self._watch.run("looking at the database's sessions", read_activity)

    def ask(self, sql: str) -> tuple[Mapping[str, object], ...]:
        """Rows of one read-only query; more than one statement, and any that writes, is refused by the server."""
        return self._watch.run("a query of the profile", lambda c: _ask(c, sql))

    def catalog(self) -> tuple[CatalogObject, ...]:
        """Every object of the catalog that is no extension's."""
        return self._watch.run("reading the catalog", read_catalog)

    def cancel(self, *, pid: int, backend_start: datetime) -> Killed:
        """Cancel the running statement of exactly that backend. Cannot be undone; its client may try again."""
        return self._signal("cancel_backend", pid, backend_start)

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        """End exactly that backend. Cannot be undone; its transaction rolls back."""
        return self._signal("terminate_backend", pid, backend_start)

    def mend(self, statements: Sequence[str], *, together: bool, lock: int | None) -> None:
        """Execute statements of a repair, in order; the session that holds the fence is asked first whether it still does."""
        if self._fence_key is not None and not self.hold_fence(self._fence_key):
            raise _fence_lost()
        execute_repair(self._url, statements, together=together, lock=lock, password=self._password)

    def hold_fence(self, key: int) -> bool:
        """Hold Lockage's own advisory lock in one session while the run lives; False when another session holds it."""
        return self._fence.run("taking the fence", lambda c: self._take_fence(c, key))

    def close(self) -> None:
        """Close all sessions, the fence with them."""
        self._fence_key = None
        self._watch.close()
        self._fence.close()

    def _signal(self, statement: LiteralString, pid: int, backend_start: datetime) -> Killed:
        def send(connection: psycopg.Connection[Any]) -> Killed:
            if self._fence_key is not None and not self._take_fence(connection, self._fence_key):
                raise _fence_lost()
            row = connection.execute(load_sql(statement), {"pid": pid, "backend_start": backend_start}).fetchone()
            return Killed(pid=pid, sent=bool(row and row[0]))

        return self._fence.run(f"sending a signal to backend {pid}", send)

    def _take_fence(self, connection: psycopg.Connection[Any], key: int) -> bool:
        if self._fence_key == key and self._fence_generation == self._fence.generation:
            connection.execute("select 1")  # held, if the session still lives; a lost one is opened anew, and we come again
            return True
        row = connection.execute(load_sql("take_fence"), {"key": key}).fetchone()
        held = bool(row and row[-1])
        if held:
            self._fence_key, self._fence_generation = key, self._fence.generation
        return held


def _fence_lost() -> RefusedError:
    return RefusedError(
        "the connection that held the fence was lost, and another run holds the fence now",
        code="LK140",
        hint="lockage runs shows who; this run may be continued when that one has ended",
    )


def _ask(connection: psycopg.Connection[Any], sql: str) -> tuple[Mapping[str, object], ...]:
    # Binary results travel by the extended protocol, which takes one statement only: nothing can end the read-only
    # transaction and begin another.
    with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        cursor.execute(sql.encode())
        return tuple(cursor.fetchall()) if cursor.description is not None else ()
