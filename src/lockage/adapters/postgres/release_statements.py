"""The running release's statements as the database that it uses has counted them (``pg_stat_statements``).

Not for how often they come (``traffic``). The surprising thing: it never fails. A forecast without them is worth more than
none, so whatever keeps them from being read becomes a remark.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import psycopg
from psycopg import sql

from lockage.adapters.postgres.session import foreign_errors, granting_sight, load_sql, reading_session
from lockage.core.release.statement_files import HIDDEN, hidden_statements
from lockage.core.release.statements import OldStatement, RunningRelease
from lockage.errors import LockageError
from lockage.settings import Watching

STATEMENTS_LIMIT = 20_000
"""Most that are taken, the most frequent first. The extension keeps 5 000 by default (``pg_stat_statements.max``)."""

SOURCE = "pg_stat_statements"

_WHERE = (
    "select n.nspname::text from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace"
    " where e.extname = 'pg_stat_statements'"
)
_HAS_INFO = "select exists (select from pg_catalog.pg_views where schemaname = %s and viewname = 'pg_stat_statements_info')"


def read_release_statements(url: str, *, watching: Watching, password: Callable[[], str] | None = None) -> RunningRelease:
    """The statements that the database at ``url`` has counted; why there are none is among the remarks."""
    try:
        with (
            reading_session(url, what="statements", watching=watching, password=password) as connection,
            foreign_errors("reading the statements of the running release"),
        ):
            return _read(connection)
    except LockageError as error:
        return RunningRelease(remarks=(f"no statement of the running release is known: {error.message}",))


def _read(connection: psycopg.Connection[Any]) -> RunningRelease:
    where = connection.execute(_WHERE).fetchone()
    if where is None:
        return RunningRelease(
            remarks=("no statement of the running release is known: the database has no extension pg_stat_statements",)
        )
    schema = str(where[0])
    query = sql.SQL(load_sql("select_release_statements")).format(view=sql.Identifier(schema, "pg_stat_statements"))
    rows = connection.execute(query, {"limit": STATEMENTS_LIMIT + 1}).fetchall()
    found = [OldStatement(text=str(text), role=str(role)) for text, role in rows if text not in {HIDDEN, None}]
    hidden = sum(text == HIDDEN for text, _ in rows)
    since, thrown_away = _reset(connection, schema)
    remarks = ["statements that the running release sends rarely, or only elsewhere, may not have been seen"]
    if thrown_away:
        remarks.append(f"the server has thrown rare statements away {thrown_away} times to make room: they are not checked")
    if hidden:
        remarks.append(f"{hidden_statements(hidden)}: {granting_sight(connection)}")
    if len(rows) > STATEMENTS_LIMIT:
        remarks.append(f"only the {STATEMENTS_LIMIT} most frequent statements are checked")
    return RunningRelease(
        statements=tuple(found[:STATEMENTS_LIMIT]), source=SOURCE, since=since, remarks=tuple(remarks) if found else ()
    )


def _reset(connection: psycopg.Connection[Any], schema: str) -> tuple[str | None, int]:
    """Since when statements are counted, and how often some were thrown away; before 14 nobody knows."""
    there = connection.execute(_HAS_INFO, [schema]).fetchone()
    if there is None or not there[0]:
        return None, 0
    query = sql.SQL("select stats_reset, dealloc from {}").format(sql.Identifier(schema, "pg_stat_statements_info"))
    row = connection.execute(query).fetchone()
    if row is None or row[0] is None:
        return None, 0
    return row[0].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), int(row[1])
