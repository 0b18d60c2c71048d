"""Keeps what is known of a shadow's catalog, and reads anew what a script may have changed.

Not for locks or plans (``traced``). The surprising thing: whether anything has changed is not told from the statement, which
may have called a function or fired a trigger, but from how many rows of which catalogs the session itself has written; and
what of it, from the relations that it has locked meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_mark import MarkReader
from lockage.adapters.postgres.catalog_rules import RuleReader
from lockage.adapters.postgres.exchange import Row, exchange
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.errors import RefusedError

READING_LIMIT_S = 10.0
"""Longest run of a reading in the traced session: of milliseconds, but the machine may be busy."""

FEW = 500
"""Relations that are asked for one by one; for more it is as quick to read them all."""


class Part(IntEnum):
    """Parts of the catalog that are read by themselves; values are columns of ``select_catalog_writes.sql``."""

    RELATIONS = 0
    KEYS = 1
    CODE = 2
    ROUTINES = 3


_SCHEMAS = 4
"""The last column: a schema that is renamed renames what is in it, and no lock tells."""

_RULES = {Part.KEYS: "select_key_rules", Part.CODE: "select_code_rules", Part.ROUTINES: "select_routines"}


class CatalogWatch:
    """The catalog as the traced session sees it; ``observer`` is a session of its own with nothing open."""

    def __init__(self, traced: psycopg.Connection[TupleRow], observer: psycopg.Connection[TupleRow]) -> None:
        self._traced = traced
        self._observer = observer
        self._marks = MarkReader()
        self._mark = CatalogMark(relations={})
        self._rule_reader = RuleReader()
        self._rules = CatalogRules()
        self._writes: Row = ()  # as counted last in the open transaction
        self._stale = set(Part)
        # Of each part, the relations that were locked when it was changed since its last reading; None: it may be any.
        self._concerned: dict[Part, set[int] | None] = dict.fromkeys(Part)

    def mark(self) -> CatalogMark:
        """Gives the relations; inside an aborted transaction, as they were seen last."""
        if Part.RELATIONS in self._stale and self._status is not TransactionStatus.INERROR:
            few, mark = self._concerned[Part.RELATIONS], None
            if few is not None and len(few) <= FEW:
                mark = self._marks.update(self._read(_only(few))[0][0] or "", few)
            self._mark = mark or self._marks.read(self._read(load_sql("select_catalog_mark"))[0][0] or "")
            self._is_read(Part.RELATIONS)
        return self._mark

    def rules(self) -> CatalogRules:
        """Gives what PostgreSQL does by itself; inside an aborted transaction, as it was seen last."""
        stale = self._stale & _RULES.keys()
        if stale and self._status is not TransactionStatus.INERROR:
            for part in stale:
                locked = self._concerned[part]
                few = None if locked is None else self._rule_reader.concerned(locked)
                few = few if few is not None and len(few) <= FEW else None
                self._rule_reader.take(self._read(_wanting(_RULES[part], few)), few)
                self._is_read(part)
            self._rules = self._rule_reader.rules()
        return self._rules

    def transaction_begins(self) -> None:
        """Forgets what the transaction before has written: it was looked at in time."""
        self._writes = ()

    def look(self, locked: Iterable[int]) -> None:
        """Finds out in the open transaction which parts were written to since the last look; ``locked``: what it holds now."""
        before, self._writes = self._writes, self._count()
        written = [place for place, now in enumerate(self._writes) if now != "0" and (not before or now != before[place])]
        if not self._writes or _SCHEMAS in written:
            self.doubt()
        elif written:
            for part in map(Part, written):
                self._stale.add(part)
                if (few := self._concerned[part]) is not None:
                    few.update(locked)

    def forgive(self) -> None:
        """Takes what was written since the last look for our own, which changes nothing that is read here."""
        self._writes = self._count()

    def doubt(self) -> None:
        """Takes everything for changed: after a rollback, which the numbers do not show, or behind several transactions."""
        self._stale = set(Part)
        self._concerned = dict.fromkeys(Part)

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _is_read(self, part: Part) -> None:
        self._stale.discard(part)
        self._concerned[part] = set()

    def _count(self) -> Row:
        rows = exchange(self._traced, load_sql("select_catalog_writes"), limit_s=READING_LIMIT_S).rows
        return rows[0] if rows else ()

    def _read(self, query: str) -> tuple[Row, ...]:
        # What an open transaction made only it can see; otherwise the script's session is left in peace.
        session = self._traced if self._status is TransactionStatus.INTRANS else self._observer
        outcome = exchange(session, query, limit_s=READING_LIMIT_S)
        if outcome.failure is not None:
            raise RefusedError(
                f"the catalog of the shadow cannot be read: {outcome.failure.message} (SQLSTATE {outcome.failure.sqlstate})",
                code="LK426",
                hint="please report it, with the migration that was being forecast",
            )
        return outcome.rows


def _array(oids: Iterable[int]) -> str:
    return f"{{{','.join(map(str, sorted(oids)))}}}"


def _only(oids: Iterable[int]) -> str:
    """The query for a mark, of these relations."""
    condition = sql.SQL(" and c.oid = any ({}::pg_catalog.oid[])").format(sql.Literal(_array(oids)))
    return load_sql("select_catalog_mark") + condition.as_string()


def _wanting(name: str, few: Iterable[int] | None) -> str:
    """A query for rules, of these relations; None: of all."""
    wanted = sql.SQL("{}::pg_catalog.oid[]").format(sql.Literal(None if few is None else _array(few)))
    return sql.SQL(load_sql(name)).format(wanted=wanted).as_string()
