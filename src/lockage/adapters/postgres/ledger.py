"""The application's migration ledger, read without ever waiting behind a migration.

Not for writing it. The surprising thing: an unreadable ledger does not mean that somebody migrates (anything may hold the
table), and a readable one does not mean that nobody does: the profile's advisory lock decides, before and after.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.session import load_sql
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.release.profile import Profile

_HALF = 0xFFFFFFFF
_NUMBER = re.compile(r"-?[0-9]+")


def read_ledger(connection: psycopg.Connection[Any], profile: Profile) -> LedgerReading:
    """The ledger as the profile names it; not read while the profile's advisory lock is held."""
    table = profile.migrations.ledger
    key = profile.migrations.advisory_lock
    if (migrating := _migrating(connection, table, key)) is not None:
        return migrating
    try:
        return _read_unlocked(connection, table)
    except psycopg.errors.InsufficientPrivilege:
        return _unreadable(table, f"the role may not read {table}")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        # A migration may have begun since we looked.
        return _migrating(connection, table, key) or _unreadable(table, _blocked(connection, table))


def advisory_holder(connection: psycopg.Connection[Any], key: int | None) -> int | None:
    """The pid that holds the advisory lock with this bigint key in this database; None when nobody does."""
    if key is None:
        return None
    halves = {"high": key >> 32 & _HALF, "low": key & _HALF}
    row = connection.execute(load_sql("select_advisory_holder"), halves).fetchone()
    return int(row[0]) if row else None


def _migrating(connection: psycopg.Connection[Any], table: str, key: int | None) -> LedgerReading | None:
    holder = advisory_holder(connection, key)
    return None if holder is None else LedgerReading(table=table, state=LedgerState.MIGRATING, holder_pid=holder)


def _read_unlocked(connection: psycopg.Connection[Any], table: str) -> LedgerReading:
    schema, _, name = table.rpartition(".")
    found = connection.execute(load_sql("select_ledger_columns"), {"schema": schema, "table": name}).fetchall()
    columns = {str(row[0]) for row in found}
    if not columns:
        return LedgerReading(table=table, state=LedgerState.MISSING)
    if "version" not in columns:
        return _foreign(table, f"{table} has no column version: it is not the ledger of this migration format")
    query = sql.SQL("select version::text, {dirty} from {table}").format(
        dirty=sql.SQL("dirty::boolean" if "dirty" in columns else "false"), table=sql.Identifier(schema, name)
    )
    rows = [(str(row[0]), bool(row[1])) for row in connection.execute(marked(query))]
    return _reading(table, rows, one_row="dirty" in columns)


def _reading(table: str, rows: list[tuple[str, bool]], *, one_row: bool) -> LedgerReading:
    if not rows:
        return LedgerReading(table=table, state=LedgerState.EMPTY)
    if one_row and len(rows) > 1:
        versions = ", ".join(sorted(version for version, _ in rows)[:5])
        return _unreadable(table, f"{table} has {len(rows)} rows where its format has one (versions {versions})")
    if any(_NUMBER.fullmatch(version) is None for version, _ in rows):
        return _foreign(table, f"{table} has a version that is no number")
    version = max(int(version) for version, _ in rows)
    return LedgerReading(table=table, state=LedgerState.READ, version=version, dirty=any(dirty for _, dirty in rows))


def _blocked(connection: psycopg.Connection[Any], table: str) -> str:
    schema, _, name = table.rpartition(".")
    holders = connection.execute(load_sql("select_lock_holders"), {"schema": schema, "table": name}).fetchall()
    named = ", ".join(f"pid {pid} ({mode})" for pid, mode in holders[:3])
    return f"{table} could not be read within the lock timeout" + (f": it is locked by {named}" if named else "")


def _unreadable(table: str, problem: str) -> LedgerReading:
    return LedgerReading(table=table, state=LedgerState.UNREADABLE, problem=problem)


def _foreign(table: str, problem: str) -> LedgerReading:
    return LedgerReading(table=table, state=LedgerState.UNREADABLE, problem=problem, foreign=True)
