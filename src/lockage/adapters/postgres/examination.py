"""The application's database looked at closely, for a diagnosis, behind ``lockage.ports.examination.DatabaseExaminer``.

Not for runs, which look four times a second (``database``). The surprising thing: in an outage connections are what there is
too few of, so one instance has one session (``lockage/examine``), opened at the first question and kept; several threads may
ask at once, and then wait for each other. Each question is limited by ``watching``, and none waits for a lock beyond it.
``trouble`` alone opens a session of its own each time, and closes it.

Codes here: LK610 the ledger is being migrated, LK611 a ledger of unknown shape, LK612 the server's log cannot be read from
here, LK613 no such role; others: ``sqlstate``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from itertools import groupby
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from lockage.adapters.postgres.free_disk import free_disk_bytes
from lockage.adapters.postgres.lasting_session import LastingSession
from lockage.adapters.postgres.ledger import advisory_holder
from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.server_log import read_server_log
from lockage.adapters.postgres.session import load_sql, reading_session
from lockage.adapters.postgres.sqlstate import login_trouble
from lockage.core.diagnosis.evidence import (
    ConnectionLimits,
    InvalidIndex,
    LedgerRow,
    PreparedTransaction,
    Privileges,
    ReplicationSlot,
    Standby,
    Trouble,
)
from lockage.core.facts import RelationLock
from lockage.core.release.profile import Profile
from lockage.errors import LockageError, RefusedError
from lockage.settings import Watching

T = TypeVar("T")

LEDGER_ROWS = 50
"""Newest rows of a ledger that are read: no upgrade brings more, and a diagnosis shows fewer still."""

NOT_OWNED_NAMED = 20
"""Relations of other roles that are named; all are counted."""

SESSION_LIMITS = (
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
)
"""Settings of a role, its database or the server that end a migration, or refuse it."""

VERSION_COLUMNS = ("version", "version_num", "version_id", "migration_name", "MigrationId", "name", "id")
"""What migrators call the column that says which migration a row is of, the more telling first."""

_ORDER_COLUMNS = ("installed_rank", "orderexecuted", "id", "applied", "applied_at", "executed_at", "finished_at")
_SUCCESS_COLUMNS = ("success", "is_applied")
_COMPOSED_KEYS = (("app", "name"), ("filename", "id", "author"))  # Django's and Liquibase's
_CHECKSUM_COLUMNS = ("checksum", "hash", "md5sum")


class PostgresExaminer:
    """The database of a deployment, looked at closely."""

    def __init__(self, url: str, *, watching: Watching, password: Callable[[], str] | None = None) -> None:
        self._url = url
        self._password = password
        self._watching = watching
        self._session = LastingSession(url, what="examine", watching=watching, password=password)
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the session; the next question opens it again."""
        with self._turn:
            self._session.close()

    def trouble(self) -> Trouble | None:
        """Why one does not get in, tried anew; None: one does."""
        try:
            reading_session(self._url, what="examine", watching=self._watching, password=self._password).close()
        except LockageError as error:
            text, sqlstate = login_trouble(error, self._url)
            return Trouble(text=text, sqlstate=sqlstate)
        return None

    def ledger_rows(self, profile: Profile) -> tuple[LedgerRow, ...]:
        """The newest rows of the ledger, newest first, at most 50; none where there is no such table.

        Raises RefusedError LK610 while it is migrated, LK611 where no column says which migration a row is of.
        """
        return self._ask(f"reading the rows of {profile.migrations.ledger}", lambda c: _read_ledger_rows(c, profile))

    def prepared(self) -> tuple[PreparedTransaction, ...]:
        """Prepared transactions of this database with their locks, oldest first."""
        return self._ask("reading prepared transactions", _read_prepared)

    def slots(self) -> tuple[ReplicationSlot, ...]:
        """Replication slots of the server."""
        return tuple(ReplicationSlot(**row) for row in self._rows("reading replication slots", "select_slots"))

    def standbys(self) -> tuple[Standby, ...]:
        """Standbys that this server sends to."""
        return tuple(Standby(**row) for row in self._rows("reading standbys", "select_standbys"))

    def invalid_indexes(self) -> tuple[InvalidIndex, ...]:
        """Indexes that queries do not use."""
        return tuple(InvalidIndex(**row) for row in self._rows("looking for invalid indexes", "select_invalid_indexes"))

    def limits(self, role: str | None = None) -> ConnectionLimits:
        """Connections that there may be and are. Raises RefusedError (LK613) where there is no such role."""
        rows = self._rows("counting connections", "select_connection_limits", {"role": role})
        found = _the_role(rows, role)
        until = found.pop("password_until")
        return ConnectionLimits(**found, password_until=until.astimezone(UTC) if until is not None else None)

    def privileges(self, profile: Profile, role: str | None = None) -> Privileges:
        """What keeps the application's role from changing its schema; settings that are on, with their unit.

        Which extensions the migrations want is not known here. Raises RefusedError (LK613) where there is no such role.
        """
        schema = profile.migrations.ledger.rpartition(".")[0]
        rows = self._rows("reading privileges", "select_privileges", {"role": role, "schema": schema})
        found = _the_role(rows, role)
        names = {"role": role, "names": list(SESSION_LIMITS)}
        settings = {row["name"]: _with_unit(row) for row in self._rows("reading settings", "select_session_limits", names)}
        return Privileges(
            role=found["role"],
            read_only=settings.pop("default_transaction_read_only", "off").lower() in {"on", "true", "yes", "1"},
            create_in_schema=found["create_in_schema"],
            not_owned=tuple(found["not_owned"][:NOT_OWNED_NAMED]),
            not_owned_count=len(found["not_owned"]),
            owned_tables=found["owned_tables"],
            settings={name: value for name, value in settings.items() if value.strip("0") not in {"", "ms", "s", "min"}},
        )

    def server_log(self, lines: int) -> tuple[str, ...]:
        """The newest lines of PostgreSQL's own log. Raises RefusedError (LK612) where it cannot be read from here."""
        return self._ask("reading the server's log", lambda c: read_server_log(c, lines))

    def wal_bytes(self) -> int:
        """Size of ``pg_wal``."""
        (row,) = self._rows("reading the size of pg_wal", "select_wal_size")
        return int(row["bytes"])

    def disk_free_bytes(self) -> int:
        """Free bytes on the server's disk, where it is this host's. Raises RefusedError (LK630) where it cannot be seen."""
        (row,) = self._rows("asking where its files are", "select_data_place")
        return free_disk_bytes(row)

    def _ask(self, doing: str, query: Callable[[psycopg.Connection[Any]], T]) -> T:
        with self._turn:
            return self._session.run(doing, query)

    def _rows(self, doing: str, name: str, values: Mapping[str, object] | None = None) -> Sequence[dict[str, Any]]:
        def read(connection: psycopg.Connection[Any]) -> Sequence[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(load_sql(name), values).fetchall()

        return self._ask(doing, read)


def _the_role(rows: Sequence[dict[str, Any]], role: str | None) -> dict[str, Any]:
    if not rows:
        raise RefusedError(f'there is no role "{role}" in this server', code="LK613", hint="psql -c '\\du' lists the roles")
    return rows[0]


def _with_unit(row: Mapping[str, Any]) -> str:
    value, unit = str(row["value"]), row["unit"]
    return f"{value}{unit}" if unit and value.isdecimal() else value


def _read_prepared(connection: psycopg.Connection[Any]) -> tuple[PreparedTransaction, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load_sql("select_prepared")).fetchall()
    found: list[PreparedTransaction] = []
    for gid, group in groupby(rows, key=lambda row: row["gid"]):
        locks = list(group)
        found.append(
            PreparedTransaction(
                gid=gid,
                owner=locks[0]["owner"],
                database=locks[0]["database"],
                age_s=locks[0]["age_s"],
                relation_locks=tuple(
                    RelationLock(relation=row["relation"], mode=row["mode"], granted=True)
                    for row in locks
                    if row["relation"] is not None
                ),
            )
        )
    return tuple(found)


def _read_ledger_rows(connection: psycopg.Connection[Any], profile: Profile) -> tuple[LedgerRow, ...]:
    table = profile.migrations.ledger
    schema, _, name = table.rpartition(".")
    holder = advisory_holder(connection, profile.migrations.advisory_lock)
    if holder is not None:
        raise RefusedError(
            f"{table} is not read while backend {holder} holds the migration lock",
            code="LK610",
            hint="look again when that backend has ended",
        )
    found = connection.execute(load_sql("select_ledger_columns"), {"schema": schema, "table": name}).fetchall()
    columns = {str(row[0]) for row in found}
    if not columns:
        return ()
    version = next((column for column in VERSION_COLUMNS if column in columns), None)
    if version is None:
        raise RefusedError(
            f"no column of {table} says which migration a row is of: it has {', '.join(sorted(columns))}",
            code="LK611",
            hint=f"one of {', '.join(VERSION_COLUMNS)} was looked for: is migrations.ledger of the profile right?",
        )
    with connection.cursor(row_factory=dict_row) as cursor:
        query = marked(_ledger_query(columns, version, schema=schema, table=name))
        rows = cursor.execute(query, {"limit": LEDGER_ROWS}).fetchall()
    return tuple(LedgerRow(**row) for row in rows)


def _key(columns: set[str], version: str) -> sql.Composable:
    """What tells a row's migration from all others: some migrators number them anew for each application or file."""
    parts = next((parts for parts in _COMPOSED_KEYS if version in parts and columns.issuperset(parts)), (version,))
    return sql.SQL(" || '.' || ").join(sql.Identifier(part) + sql.SQL("::text") for part in parts)


def _ledger_query(columns: set[str], version: str, *, schema: str, table: str) -> sql.Composed:
    def one_of(names: Sequence[str], kind: sql.SQL) -> sql.Composable:
        there = next((name for name in names if name in columns), None)
        return sql.SQL("null") if there is None else sql.Identifier(there) + kind

    order = next((column for column in _ORDER_COLUMNS if column in columns), version)
    return sql.SQL(
        "select {key} as version, {dirty} as dirty, {success} as success, {checksum} as checksum"
        " from {table} order by {order} desc nulls last, {version} desc limit %(limit)s"
    ).format(
        key=_key(columns, version),
        version=sql.Identifier(version),
        dirty=one_of(("dirty",), sql.SQL("::boolean")),
        success=one_of(_SUCCESS_COLUMNS, sql.SQL("::boolean")),
        checksum=one_of(_CHECKSUM_COLUMNS, sql.SQL("::text")),
        table=sql.Identifier(schema, table),
        order=sql.Identifier(order),
    )
