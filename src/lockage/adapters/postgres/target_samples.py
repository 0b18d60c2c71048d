"""Times queries on a live database that change nothing: without a table, and over a few pages of some.

Not for writing (``target_scratch``). The surprising thing: the scans are explained with their buffers, so that what came from
shared_buffers and what did not are told apart, and the way to the client and back is not in their time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.target_reading import BLOCK_BYTES, Sample, SampleKind

BYTES_LIMIT = 64 * 1024 * 1024
"""Read at most, of all tables together: a second on a slow disk, and 1 % of a small server's cache."""

TABLES_LIMIT = 6
"""The largest of those that the script works on; more would say the same."""

CHUNKS = 3
"""Places in a table: its beginning is warmer than its middle as a rule."""

TIME_LIMIT_S = 8.0
"""For all samples together; what is not timed by then stays untimed."""

TRIES = 3

_COMPUTED_ROWS, _SORTED_ROWS = 60_000, 30_000


def sampling(relations: Sequence[str]) -> str:
    """What will be done, for people, before it is."""
    tables = min(len(relations), TABLES_LIMIT)
    return (
        f"calibrating by reading: at most {BYTES_LIMIT // 1024**2} MB of the {tables} largest tables that the script works on, "
        f"in at most {TIME_LIMIT_S:g} s; nothing is changed"
    )


def time_reads(connection: psycopg.Connection[Any], relations: Sequence[str]) -> Iterator[Sample]:
    """Gives the samples; the connection has its time limits, and is read-only and in autocommit mode."""
    until = time.monotonic() + TIME_LIMIT_S
    yield time_computing(connection, rows=_COMPUTED_ROWS)
    _work_alone(connection, local=False)
    yield _without_table(connection, SampleKind.SORT, "time_sort", rows=_SORTED_ROWS)
    tables = connection.execute(load_sql("select_pages"), {"names": list(relations)}).fetchall()[:TABLES_LIMIT]
    for schema, name, pages in tables:
        chunk = min(pages // CHUNKS, BYTES_LIMIT // BLOCK_BYTES // len(tables) // CHUNKS) or 1
        for place in range(CHUNKS):
            if time.monotonic() > until:
                return
            try:
                yield _scan(connection, schema, name, pages=pages, chunk=chunk, place=place)
            except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
                break


def time_computing(connection: psycopg.Connection[Any], *, rows: int) -> Sample:
    """Digests of so many numbers, in autocommit mode; no table is read, and the session's settings stay as they were."""
    with connection.transaction():
        _work_alone(connection, local=True)
        return _without_table(connection, SampleKind.COMPUTE, "time_compute", rows=rows)


def _work_alone(connection: psycopg.Connection[Any], *, local: bool) -> None:
    connection.execute(marked(sql.SQL(load_sql("set_one_process"))), {"local": local})


def _without_table(connection: psycopg.Connection[Any], kind: SampleKind, query: str, *, rows: int) -> Sample:
    asked = sql.SQL(load_sql(query)).format(rows=sql.Literal(rows))
    times = [_explained(connection, asked)["Execution Time"] for _ in range(TRIES)]
    return Sample(kind=kind, seconds=min(times) / 1000, rows=float(rows))


def _scan(connection: psycopg.Connection[Any], schema: str, name: str, *, pages: int, chunk: int, place: int) -> Sample:
    room = max(pages // CHUNKS - chunk, 0)
    first = place * (pages // CHUNKS) + (secrets.randbelow(room) if room else 0)
    if connection.info.server_version >= 140000:
        # Source: manual, release notes of 14: scans of a range of ctids.
        where = sql.SQL("where ctid >= {} and ctid < {}").format(
            sql.Literal(f"({first},0)"), sql.Literal(f"({first + chunk},0)")
        )
    else:
        where = sql.SQL("tablesample system ({})").format(sql.Literal(min(100.0, 100.0 * chunk / pages)))
    query = sql.SQL("explain (analyze, buffers, timing off, format json) select count(*) from only {table} {where}").format(
        table=sql.Identifier(schema, name), where=where
    )
    plan = _explained(connection, query)
    scan = plan["Plan"]["Plans"][0]
    return Sample(
        kind=SampleKind.SCAN,
        seconds=plan["Execution Time"] / 1000,
        rows=float(scan["Actual Rows"]),
        hit_bytes=float(scan["Shared Hit Blocks"] * BLOCK_BYTES),
        read_bytes=float(scan["Shared Read Blocks"] * BLOCK_BYTES),
        relation=f"{schema}.{name}",
    )


def _explained(connection: psycopg.Connection[Any], query: sql.SQL | sql.Composed) -> dict[str, Any]:
    row = connection.execute(marked(query)).fetchone()
    assert row is not None, "EXPLAIN gives a row"
    return row[0][0]
