"""Which tables a statement went through row by row, by the counters of its own session.

Not for how long that takes. The surprising thing: it shows on tables without a row, too. ``SET NOT NULL`` goes through a table
unless a constraint proves that it need not, and the counters know which it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import exchange
from lockage.adapters.postgres.plans import unplanned
from lockage.adapters.postgres.session import load_sql
from lockage.core.migration.statement import split_statements
from lockage.errors import UsageError

COUNTING_LIMIT_S = 10.0
"""Longest run: of under a millisecond, but the machine may be busy."""

_CHECKS = re.compile(r"\b(?:alter|do)\b", re.IGNORECASE)
"""A statement that checks rows has one of these words. Most have neither, and are not parsed here once more."""


def may_check_rows(text: str) -> bool:
    """Whether a statement may go through tables to check their rows, by itself or by code in it."""
    if not _CHECKS.search(text):
        return False
    try:
        statements = split_statements(text, file="statement")
    except UsageError:
        return False
    return any(s.procedure is not None or (s.node == "alter_table_stmt" and (s.works or s.added_columns)) for s in statements)


def scans(session: psycopg.Connection[TupleRow], tables: Collection[int]) -> frozenset[str]:
    """Gives each of the tables (oids) that the open transaction of the session went through, with how often.

    Counts grow to the end of the transaction. Empty in a transaction that is aborted.
    """
    if session.info.transaction_status is not psycopg.pq.TransactionStatus.INTRANS:
        return frozenset()
    # A simple Query: the plan of a portal is reported when the next statement closes it, and would pass for that one's.
    query = sql.SQL(load_sql("select_scans")).format(tables=sql.Literal(f"{{{','.join(map(str, tables))}}}"))
    outcome = exchange(session, unplanned(session, query.as_string()), limit_s=COUNTING_LIMIT_S)
    return frozenset(text for row in outcome.rows for text in (row[0] or "").split(",") if text)


def gone_through(before: frozenset[str], after: frozenset[str]) -> tuple[int, ...]:
    """The tables whose count has changed between two calls of ``scans``."""
    return tuple(sorted(int(text.partition(" ")[0]) for text in after - before))
