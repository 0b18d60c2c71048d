"""One made-up row for each table of a shadow, so that what happens to rows happens: triggers, policies, functions over columns.

Never for production: tables are emptied first, in a transaction that is rolled back. The surprising thing: the row has the very
values that parameters are given, so ``WHERE id = $1`` meets it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.migration.widened import of_every_row

EMPTIED_FROM_BYTES = 1 << 20
"""Tables with longer files are emptied first: to scan a sparse file of 32 MiB takes as long as a hundred statements."""

TABLES_LIMIT = 300
"""With more tables, those whose names stand in no statement are left out: a row costs about 0.3 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    type_oid: int
    type: str
    not_null: bool
    has_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    oid: int
    schema: str
    name: str
    size_bytes: int
    columns: tuple[_Column, ...]
    checks: tuple[str, ...]
    partition: bool
    parents: tuple[int, ...]  # tables that it refers to

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class Samples:
    """A value for each type, as text; the same whenever it is asked for."""

    def __init__(self, session: psycopg.Connection[TupleRow]) -> None:
        self._session = session
        self._values: dict[tuple[int, bool], bytes | None] = {}
        self._inserts: dict[tuple[object, ...], bytes] = {}

    def value(self, type_oid: int, *, other: bool = False) -> bytes | None:
        """A value of the type, None where no good one is known; ``other``: one that differs from the usual one."""
        if (type_oid, other) not in self._values:
            asked = {"type": type_oid, "which": 2 if other else 1}
            row = self._session.execute(load_sql("select_sample_value"), asked).fetchone()
            self._values[type_oid, other] = None if row is None or row[0] is None else str(row[0]).encode()
        return self._values[type_oid, other]

    def insert_into(self, table: _Table) -> bytes:
        """PL/pgSQL that makes up a row, or none where none can be; kept, as tables are filled some dozen times."""
        described = (table.schema, table.name, table.columns, table.checks)
        if described not in self._inserts:
            self._inserts[described] = _attempts(table, list(_variants(table, self))).as_bytes(self._session)
        return self._inserts[described]


def fill_tables(
    session: psycopg.Connection[TupleRow],
    samples: Samples,
    *,
    words: Collection[str],
    only: Collection[int] | None,
    limit: int = TABLES_LIMIT,
) -> frozenset[int]:
    """Empties large tables, makes up a row for each, in the open transaction; gives the oids of those that have one.

    ``words`` are those of the statements; ``only``: tables that may have one, None: all; with more tables than
    ``limit`` those that are named and those that these refer to. No trigger and no foreign key notices.
    """
    tables = [_table(row) for row in session.execute(load_sql("select_fillable_tables")).fetchall()]
    if len(tables) > limit:
        tables = _named(tables, words)
    if not tables:
        return frozenset()
    session.execute("set local session_replication_role = replica")
    large = [table.identifier for table in tables if table.size_bytes > EMPTIED_FROM_BYTES]
    if large:
        session.execute(sql.SQL("truncate table {} cascade").format(sql.SQL(", ").join(large)))
    wanted = [table for table in tables if not table.partition and (only is None or table.oid in only)]
    if wanted:
        for table in wanted:
            for column in table.columns:
                samples.value(column.type_oid)
        # One block, in which each row that cannot be is left out.
        session.execute(b"do $lockage$ begin " + b"".join(map(samples.insert_into, wanted)) + b" end $lockage$")
    session.execute("set local session_replication_role = origin")
    return _with_rows(session, wanted)


def drop_checks(session: psycopg.Connection[TupleRow], words: Collection[str]) -> None:
    """Drops the checks of domains and of the tables that are named, in the open transaction; none where one cannot go."""
    orders = session.execute(load_sql("select_check_drops"), {"words": list(words)}).fetchall()
    # No savepoint between two: behind one, PostgreSQL 18 refuses a second ALTER DOMAIN.
    session.execute("savepoint lockage_checks")
    try:
        session.execute("; ".join(str(order) for (order,) in orders).encode())
    except psycopg.Error:
        session.execute("rollback to savepoint lockage_checks")


def show_all(session: psycopg.Connection[TupleRow], words: Collection[str]) -> bytes | None:
    """SQL behind which no view that is named, or stands below one, and no policy hides a row; None where none does."""
    orders: list[str] = []
    for name, query in session.execute(load_sql("select_hiding"), {"words": list(words)}):
        whole = of_every_row(query) if query is not None else None
        if query is None:
            orders.append(f"alter table {name} disable row level security")
        elif whole is not None:
            orders.append(f"create or replace view {name} as {whole}")
    attempt = sql.SQL("begin execute {}; exception when others then null; end; ")
    attempts = sql.SQL("").join(attempt.format(sql.Literal(order)) for order in orders)
    return b"do $lockage$ begin " + attempts.as_bytes(session) + b"end $lockage$" if orders else None


def empty_tables(session: psycopg.Connection[TupleRow], words: Collection[str]) -> None:
    """Deletes the rows of the tables that are named and small, in the open transaction; no trigger notices."""
    session.execute("set local session_replication_role = replica")
    tables = [_table(row) for row in session.execute(load_sql("select_fillable_tables")).fetchall()]
    named = [t.identifier for t in tables if t.name.lower() in words and 0 < t.size_bytes <= EMPTIED_FROM_BYTES]
    orders = [sql.SQL("delete from {}").format(name).as_string(session) for name in named]
    session.execute("; ".join(orders).encode())
    session.execute("set local session_replication_role = origin")


def holding_rows(session: psycopg.Connection[TupleRow]) -> frozenset[int]:
    """Oids of the tables that have rows."""
    return _with_rows(session, [_table(row) for row in session.execute(load_sql("select_fillable_tables")).fetchall()])


def _table(row: Sequence[Any]) -> _Table:
    oid, schema, name, size_bytes, partition, columns, checks, parents = row
    return _Table(
        oid=oid,
        schema=schema,
        name=name,
        size_bytes=size_bytes,
        columns=tuple(_Column(name=c[0], type_oid=c[1], type=c[2], not_null=c[3], has_default=c[4]) for c in columns or ()),
        checks=tuple(checks or ()),
        partition=partition,
        parents=tuple(parents),
    )


def _named(tables: Sequence[_Table], words: Collection[str]) -> list[_Table]:
    by_oid = {table.oid: table for table in tables}
    found = [table.oid for table in tables if table.name.lower() in words]
    for oid in found:
        found += [parent for parent in by_oid[oid].parents if parent in by_oid and parent not in found]
    return [by_oid[oid] for oid in found]


def _attempts(table: _Table, variants: Sequence[dict[str, bytes]]) -> sql.Composable:
    attempt: sql.Composable = sql.SQL("null; ")
    for values in reversed(variants):
        attempt = sql.SQL("begin {} exception when others then {} end; ").format(_insert(table, values), attempt)
    return attempt


def _insert(table: _Table, values: dict[str, bytes]) -> sql.Composed:
    given = [column for column in table.columns if column.name in values]
    if not given:
        return sql.SQL("insert into {} default values;").format(table.identifier)
    return sql.SQL("insert into {} ({}) overriding system value values ({});").format(
        table.identifier,
        sql.SQL(", ").join(sql.Identifier(column.name) for column in given),
        # format_type gives SQL of the server's own.
        sql.SQL(", ").join(
            sql.SQL("cast({} as {})").format(
                sql.Literal(values[column.name].decode()), sql.SQL(cast("LiteralString", column.type))
            )
            for column in given
        ),
    )


def _variants(table: _Table, samples: Samples) -> Iterator[dict[str, bytes]]:
    """The usual row first, then those that what the checks say of it suggests."""
    usual = {column.name: value for column in table.columns if (value := samples.value(column.type_oid)) is not None}
    yield usual
    for step in (1, 0, -1) if table.checks else ():
        suggested = {
            column.name: value for column in table.columns if (value := _suggested(column, table.checks, step)) is not None
        }
        yield usual | suggested
    required = {column.name for column in table.columns if column.not_null}
    yield {name: value for name, value in usual.items() if name in required}


def _suggested(column: _Column, checks: Iterable[str], step: int) -> bytes | None:
    about = [check for check in checks if re.search(rf"\b{re.escape(column.name)}\b", check)]
    for check in about:
        if found := re.search(r"'((?:[^']|'')*)'", check):
            return found[1].replace("''", "'").encode()
        if found := re.search(r"(?<![\w.])-?\d+", check):
            return str(int(found[0]) + step).encode()
    return None


def _with_rows(session: psycopg.Connection[TupleRow], tables: Sequence[_Table]) -> frozenset[int]:
    if not tables:
        return frozenset()
    asked = sql.SQL(" union all ").join(
        sql.SQL("select {}::bigint where exists (select from {})").format(sql.Literal(table.oid), table.identifier)
        for table in tables
    )
    return frozenset(int(row[0]) for row in session.execute(asked))
