"""Copies the rows of small tables to a shadow: those that a migration looks at to decide what it does.

Not for large tables, nor for what anybody is shown: rows go from server to server in memory and into no output. The surprising
thing: a table goes only together with all that its foreign keys refer to, because half of two tables is a database that could
not exist, on which a script fails where it would not in production.

Settings, kinds and plans are small; rows of users are not. Limits are for the caller's patience, and for the time in which the
tables are locked (``AccessShareLock``), not for the shadow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import exchange
from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.session import load_sql
from lockage.core.facts import Relation
from lockage.core.forecast.beside_schema import SmallTable

ROWS_LIMIT = 1_000
"""Rows of one table: more than any table of settings or kinds has."""

TABLE_LIMIT_BYTES = 256 * 1024
"""Of one table's file with its long values: 1 000 rows of 250 bytes."""

TABLES_LIMIT = 100
"""Tables. Measured: 30 ms to read and 80 ms to write as many."""

ALL_LIMIT_BYTES = 4 * 1024 * 1024
"""Of all of them together."""

WRITING_LIMIT_S = 30.0
"""Longest run of putting the rows on a shadow: of a tenth of a second, but the machine may be busy."""

READING_LIMIT = "2s"
"""As PostgreSQL writes it: the reading of all rows, and not more."""

WAITING_LIMIT = "100ms"
"""The same, for a lock on one of them: whoever wants such a table for himself goes first, and the shadow does without."""

_ROW = "lockage row"
"""Alias that no column is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    parents: frozenset[int]  # tables that its foreign keys refer to
    bytes: int


def read_small_tables(
    connection: psycopg.Connection[Any], relations: Iterable[Relation], *, without: Iterable[tuple[str, str]]
) -> tuple[SmallTable, ...]:
    """Gives the rows of small tables, closed under foreign keys; nothing where that takes too long or cannot be had.

    ``relations`` are all with their sizes; ``without`` are tables, as (schema, name), that are left out.
    """
    sizes = {r.relation: r.heap_bytes + r.toast_bytes for r in relations if r.kind == "r" and r.rows <= ROWS_LIMIT}
    left_out = set(without)
    try:
        with connection.transaction():
            connection.execute("select pg_catalog.set_config('lock_timeout', %s, true)", [WAITING_LIMIT])
            connection.execute("select pg_catalog.set_config('statement_timeout', %s, true)", [READING_LIMIT])
            found = connection.execute(load_sql("select_small_candidates")).fetchall()
            candidates = [
                _Candidate(
                    oid=oid, schema=schema, name=name, columns=tuple(columns), parents=frozenset(parents) - {oid}, bytes=size
                )
                for oid, schema, name, columns, parents in found
                if (size := sizes.get(f"{schema}.{name}", TABLE_LIMIT_BYTES + 1)) <= TABLE_LIMIT_BYTES
                and (schema, name) not in left_out
            ]
            chosen = _affordable(candidates)
            rows = _rows(connection, chosen)
    except psycopg.OperationalError:
        return ()  # locked, or too slow
    except psycopg.Error:
        return ()  # a value that cannot be written out, a right that column privileges take away
    whole = _closed([candidate for candidate in chosen if len(rows[candidate.oid]) <= ROWS_LIMIT])
    return tuple(SmallTable(schema=c.schema, name=c.name, columns=c.columns, rows=rows[c.oid]) for c in whole if rows[c.oid])


def put_rows(
    connection: psycopg.Connection[TupleRow], tables: Sequence[SmallTable], *, without: Collection[str] = ()
) -> tuple[str, ...]:
    """Puts the rows into the shadow's tables, unseen by triggers and foreign keys; gives the tables that took none.

    ``without``: names, in small letters, of tables whose checks or indexes may reach out of the database.
    """
    skipped = tuple(f"{table.schema}.{table.name}" for table in tables if table.name.lower() in without)
    return (*skipped, *_put_all(connection, [table for table in tables if table.name.lower() not in without]))


def _put_all(connection: psycopg.Connection[TupleRow], tables: Sequence[SmallTable]) -> tuple[str, ...]:
    if not tables:
        return ()
    # Together, in one round trip: as a rule all are taken.
    cursor = psycopg.ClientCursor(connection)
    orders = [cursor.mogrify(_insert(table), [list(table.rows)]) for table in tables]
    text = "; ".join(["begin", "set local session_replication_role = replica", *orders, "commit"])
    if exchange(connection, text, limit_s=WRITING_LIMIT_S).failure is None:
        return ()
    exchange(connection, "rollback", limit_s=WRITING_LIMIT_S)
    # One by one, and over again as long as that helps: a check may look into another table.
    left = list(tables)
    while still := [table for table in left if not _put(connection, table)]:
        if len(still) == len(left):
            break
        left = still
    return tuple(f"{table.schema}.{table.name}" for table in still)


def _put(connection: psycopg.Connection[TupleRow], table: SmallTable) -> bool:
    try:
        with connection.transaction():
            connection.execute("set local session_replication_role = replica")
            connection.execute(_insert(table), [list(table.rows)])
    except psycopg.Error:
        return False
    return True


def advance_sequences(connection: psycopg.Connection[TupleRow], tables: Iterable[tuple[str, str]]) -> None:
    """Lets the sequences that fill columns of the tables, as (schema, name), go on behind the rows that are there."""
    names = [f"{schema}.{name}" for schema, name in tables]
    for sequence_schema, sequence, schema, table, column in connection.execute(
        load_sql("select_filling_sequences"), {"tables": names}
    ).fetchall():
        # Heirs and other tables can share one sequence: it only ever goes on.
        order = sql.SQL(
            "select pg_catalog.setval({}::regclass, max({})) from {} having max({}) >= (select last_value from {})"
        ).format(
            sql.Literal(sql.Identifier(sequence_schema, sequence).as_string(connection)),
            sql.Identifier(column),
            sql.Identifier(schema, table),
            sql.Identifier(column),
            sql.Identifier(sequence_schema, sequence),
        )
        connection.execute(order)


def _affordable(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The smallest first, as many as the limits allow."""
    chosen: list[_Candidate] = []
    total = 0
    for candidate in sorted(_closed(candidates), key=lambda c: (c.bytes, c.schema, c.name)):
        if len(chosen) < TABLES_LIMIT and total + candidate.bytes <= ALL_LIMIT_BYTES:
            chosen.append(candidate)
            total += candidate.bytes
    return _closed(chosen)


def _closed(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those whose foreign keys lead nowhere else."""
    kept = list(candidates)
    while True:
        there = {candidate.oid for candidate in kept}
        closed = [candidate for candidate in kept if candidate.parents <= there]
        if len(closed) == len(kept):
            return kept
        kept = closed


def _rows(connection: psycopg.Connection[Any], chosen: Sequence[_Candidate]) -> Mapping[int, tuple[str, ...]]:
    if not chosen:
        return {}
    # One statement for all, so that they are of one moment.
    row = sql.Identifier(_ROW)
    each = sql.SQL("select {oid}::bigint, array(select {row}::text from (select * from only {table} limit {limit}) as {row})")
    query = sql.SQL(" union all ").join(
        each.format(
            oid=sql.Literal(candidate.oid),
            row=row,
            table=sql.Identifier(candidate.schema, candidate.name),
            limit=sql.Literal(ROWS_LIMIT + 1),
        )
        for candidate in chosen
    )
    return {oid: tuple(rows) for oid, rows in connection.execute(marked(query)).fetchall()}


def _insert(table: SmallTable) -> sql.Composed:
    row, target = sql.Identifier(_ROW), sql.Identifier(table.schema, table.name)
    return sql.SQL(
        "insert into {target} ({columns}) overriding system value"
        " select {values} from (select text::{target} as {row} from unnest(%s::text[]) as given (text)) as given"
    ).format(
        target=target,
        row=row,
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        values=sql.SQL(", ").join(sql.SQL("({}).{}").format(row, sql.Identifier(column)) for column in table.columns),
    )
