"""Times writing on a live database, in a schema of its own that is gone afterwards.

Never without a person's word for it (``--calibrate=write``). The surprising thing: the tables are ordinary logged ones, because
the WAL is what writing costs; so a standby and an archive get it too, some 60 MB. The way back is always the same, ``DROP
SCHEMA … CASCADE``: here at the end, however that comes, and after a crash at the beginning of the next calibration, which tells
what an earlier one left by name, comment and a lock that nobody holds any more.

Codes: LK701 no right to make a schema · LK702 a server that takes no writes · LK703 the schema could not be dropped.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.target_reading import IndexDetail, Sample, SampleKind
from lockage.errors import HaltedError, RefusedError
from lockage.ports import Narrate

PREFIX = "lockage_calibration_"

ROWS, FEW_ROWS = 20_000, 2_000
"""Rows that are written: 3 MB, of which a sample takes 20 to 200 ms; on a server that is slow with a tenth of them, a tenth."""

SLOW_S = 0.25
"""A server on which the tenth takes so long is slow."""

ROW_BYTES = 145.0
"""Width of a row of ``fill_scratch.sql`` in the heap: 24 of header, 4 of line pointer, 8 + 4 + 4 + 33 + 68 of columns."""

COMMITS = 9

MARK = "Made by Lockage to measure how fast this server writes. It holds nothing else: DROP SCHEMA {schema} CASCADE"

_ID = IndexDetail(index="id", columns=("id",), unique=True)
_OWNER = IndexDetail(index="owner", columns=("owner",))
_TOKEN = IndexDetail(index="token", columns=("token",), unique=True)
_INDEXES = {"bare": (), "one": (_ID,), "three": (_ID, _TOKEN, _OWNER)}


def refuse_without_rights(connection: psycopg.Connection[Any]) -> None:
    """Nothing, where a schema can be made. Raises RefusedError (LK701, LK702)."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(marked(sql.SQL(load_sql("select_write_rights")))).fetchone()
    assert row is not None, "the query gives a row"
    if row["is_standby"]:
        raise RefusedError(
            f"the server of database {row['database']} is a standby, on which nothing can be written",
            code="LK702",
            hint="give the primary's address, or use --calibrate=read",
        )
    if not row["may_create"]:
        grant = sql.SQL("GRANT CREATE ON DATABASE {} TO {}")
        grant = grant.format(sql.Identifier(row["database"]), sql.Identifier(row["role"])).as_string(connection)
        raise RefusedError(
            f"role {row['role']} may not make a schema in database {row['database']}, which --calibrate=write needs",
            code="LK701",
            hint=f"{grant}, or use --calibrate=read",
        )


def sweep(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Drops the schemas that earlier calibrations left when they died; gives their names."""
    swept: list[str] = []
    for (schema,) in connection.execute(load_sql("select_scratch_schemas")).fetchall():
        if _try_lock(connection, schema):
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable):
                connection.execute(_drop(schema))
                swept.append(schema)
            connection.execute(marked(sql.SQL("select pg_advisory_unlock({})").format(_key(schema))))
    return tuple(swept)


@contextmanager
def scratch_schema(
    connection: psycopg.Connection[Any], *, again: Callable[[], psycopg.Connection[Any]], narrate: Narrate
) -> Generator[str]:
    """A fresh schema, first in the connection's ``search_path``; dropped at the end, in a session that ``again`` opens.

    Raises HaltedError (LK703) where it could not be dropped.
    """
    schema = PREFIX + secrets.token_hex(4)
    _try_lock(connection, schema)
    name = sql.Identifier(schema)
    try:
        with connection.transaction():
            connection.execute(marked(sql.SQL("create schema {}").format(name)))
            comment = MARK.format(schema=schema)
            connection.execute(marked(sql.SQL("comment on schema {} is {}").format(name, sql.Literal(comment))))
        narrate(f"made schema {schema}")
        connection.execute(sql.SQL("set search_path = {}, pg_catalog").format(name))
        yield schema
    finally:
        connection.close()  # ends what it may still be doing, after an interrupt
        _remove(schema, again)
        narrate(f"dropped schema {schema}")


def time_writes(connection: psycopg.Connection[Any]) -> Iterator[Sample]:
    """Gives the samples; the connection's ``search_path`` leads to the schema, and it is in autocommit mode."""
    rows = FEW_ROWS
    _fill(connection, rows)
    if _timed(connection, "insert into three select * from source") < SLOW_S:
        for table in ("source", "bare", "one", "three", "children", "parents", "tiny"):
            connection.execute(marked(sql.SQL("drop table {}").format(sql.Identifier(table))))
        rows = ROWS
        _fill(connection, rows)
    else:
        connection.execute(marked(sql.SQL("truncate three")))
    for table, indexes in _INDEXES.items():
        name = sql.Identifier(table)
        for kind, statement in (
            (SampleKind.INSERT, sql.SQL("insert into {} select * from source").format(name)),
            (SampleKind.UPDATE, sql.SQL("update {} set n = n + 1").format(name)),
        ):
            yield _sample(kind, _timed(connection, statement), rows, indexes)
    yield _sample(SampleKind.INDEX, _timed(connection, "create index on source (owner)"), rows, (_OWNER,))
    yield _sample(SampleKind.INDEX, _timed(connection, "create index on source (token)"), rows, (_TOKEN,))
    yield _sample(SampleKind.REWRITE, _timed(connection, "alter table source alter n type bigint"), rows, (_OWNER, _TOKEN))
    keyed = _timed(connection, "insert into children select id, owner from source")
    yield Sample(kind=SampleKind.KEY, seconds=keyed, rows=float(rows), row_bytes=40.0)
    yield _sample(SampleKind.DELETE, _timed(connection, "delete from source"), rows, ())
    commits = sorted(_committed(connection) for _ in range(COMMITS))
    for seconds in commits[COMMITS // 4 : -COMMITS // 4]:
        yield Sample(kind=SampleKind.COMMIT, seconds=seconds)


def _sample(kind: SampleKind, seconds: float, rows: int, indexes: tuple[IndexDetail, ...]) -> Sample:
    return Sample(kind=kind, seconds=seconds, rows=float(rows), row_bytes=ROW_BYTES, indexes=indexes)


def _fill(connection: psycopg.Connection[Any], rows: int) -> None:
    # As text, because several statements in one Query take no parameters.
    connection.execute(psycopg.ClientCursor(connection).mogrify(load_sql("fill_scratch"), {"rows": rows}).encode())


def _timed(connection: psycopg.Connection[Any], statement: LiteralString | sql.Composed) -> float:
    """Seconds of one statement; its commit comes after."""
    with connection.transaction():
        begun = time.perf_counter()
        connection.execute(marked(sql.SQL(statement) if isinstance(statement, str) else statement))
        return time.perf_counter() - begun


def _committed(connection: psycopg.Connection[Any]) -> float:
    connection.execute("begin")
    connection.execute(marked(sql.SQL("update tiny set n = n + 1")))
    begun = time.perf_counter()
    connection.execute("commit")
    return time.perf_counter() - begun


def _try_lock(connection: psycopg.Connection[Any], schema: str) -> bool:
    row = connection.execute(marked(sql.SQL("select pg_try_advisory_lock({})").format(_key(schema)))).fetchone()
    return row is not None and bool(row[0])


def _key(schema: str) -> sql.Composed:
    return sql.SQL("hashtext('lockage calibration'), hashtext({})").format(sql.Literal(schema))


def _remove(schema: str, again: Callable[[], psycopg.Connection[Any]]) -> None:
    try:
        with contextlib.closing(again()) as connection:
            connection.execute(_drop(schema))
    except Exception as error:
        raise HaltedError(
            f"schema {schema}, made to measure how fast the server writes, could not be dropped: {error}",
            code="LK703",
            hint=f"psql: DROP SCHEMA {schema} CASCADE; or the next --calibrate=write does it",
        ) from error


def _drop(schema: str) -> sql.Composed:
    return marked(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
