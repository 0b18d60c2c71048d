"""Keeps what is known of a shadow's catalog, and reads anew what a script may have changed.

Not for locks or plans (``traced``). The surprising thing: whether anything has changed is not told from the statement, which
may have called a function or fired a trigger, but from how many rows of which catalogs the session itself has written.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_mark import MarkReader
from lockage.adapters.postgres.catalog_rules import rule_lists, rules_from_lists
from lockage.adapters.postgres.exchange import Row, exchange
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.errors import RefusedError

READING_LIMIT_S = 10.0
"""Longest run of a reading in the traced session: of milliseconds, but the machine may be busy."""


class Part(IntEnum):
    """Parts of the catalog that are read by themselves; values are columns of ``select_catalog_writes.sql``."""

    RELATIONS = 0
    KEYS = 1
    CODE = 2


_RULES = {Part.KEYS: "select_key_rules", Part.CODE: "select_code_rules"}


class CatalogWatch:
    """The catalog as the traced session sees it; ``observer`` is a session of its own with nothing open."""

    def __init__(self, traced: psycopg.Connection[TupleRow], observer: psycopg.Connection[TupleRow]) -> None:
        self._traced = traced
        self._observer = observer
        self._marks = MarkReader()
        self._mark = CatalogMark(relations={})
        self._lists: dict[str, list[Any]] = {}
        self._rules = CatalogRules()
        self._writes: Row = ()  # as counted last in the open transaction
        self._stale = set(Part)

    def mark(self) -> CatalogMark:
        """Gives the relations; inside an aborted transaction, as they were seen last."""
        if Part.RELATIONS in self._stale and self._status is not TransactionStatus.INERROR:
            rows = self._read("select_catalog_mark")
            self._mark = self._marks.read(rows[0][0] or "")
            self._stale.discard(Part.RELATIONS)
        return self._mark

    def rules(self) -> CatalogRules:
        """Gives what PostgreSQL does by itself; inside an aborted transaction, as it was seen last."""
        stale = self._stale & _RULES.keys()
        if stale and self._status is not TransactionStatus.INERROR:
            for part in stale:
                self._lists |= rule_lists(self._read(_RULES[part]))
            self._rules = rules_from_lists(self._lists)
            self._stale -= stale
        return self._rules

    def transaction_begins(self) -> None:
        """Forgets what the transaction before has written: it was looked at in time."""
        self._writes = ()

    def look(self) -> None:
        """Finds out in the open transaction which parts were written to since the last look."""
        rows = exchange(self._traced, load_sql("select_catalog_writes"), limit_s=READING_LIMIT_S).rows
        writes = rows[0] if rows else ()
        for part in Part:
            now = writes[part] if writes else None
            if now != "0" and (not self._writes or now != self._writes[part]):
                self._stale.add(part)
        self._writes = writes

    def doubt(self) -> None:
        """Takes everything for changed: after a rollback, which the numbers do not show, or behind several transactions."""
        self._stale = set(Part)

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _read(self, name: str) -> tuple[Row, ...]:
        # What an open transaction made only it can see; otherwise the script's session is left in peace.
        session = self._traced if self._status is TransactionStatus.INTRANS else self._observer
        outcome = exchange(session, load_sql(name), limit_s=READING_LIMIT_S)
        if outcome.failure is not None:
            raise RefusedError(
                f"the catalog of the shadow cannot be read: {outcome.failure.message} (SQLSTATE {outcome.failure.sqlstate})",
                code="LK426",
                hint="please report it, with the migration that was being forecast",
            )
        return outcome.rows
