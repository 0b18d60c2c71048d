"""Keeps what is known of a shadow's catalog, and reads anew what a script may have changed.

Not for locks or plans (``traced``). The surprising thing: whether anything has changed is not told from the statement, which
may have called a function or fired a trigger, but from how many rows of which catalogs the session itself has written; and
what of it, from the relations that it has locked meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_mark import MarkReader
from lockage.adapters.postgres.catalog_rules import RuleReader
from lockage.adapters.postgres.exchange import Row, exchange
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.held import HeldLocks
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.errors import RefusedError

READING_LIMIT_S = 10.0
"""Longest run of a reading in the traced session: of milliseconds, but the machine may be busy."""

FEW = 500
"""Relations that are asked for one by one; for more it is as quick to read them all."""

MANY_LOCKED = 60
"""Relations that are locked; of more it is asked which ones the last statements have changed, for a long transaction holds all
that it ever touched."""


class Part(IntEnum):
    """Parts of the catalog that are read by themselves."""

    RELATIONS = 0
    KEYS = 1
    CODE = 2
    ROUTINES = 3


_COUNTED = (
    *(
        "relations",
        "heirs",
        "constraints",
        "indexes",
        "defaults",
        "columns",
        "dependencies",
        "rewrites",
        "triggers",
        "policies",
    ),
    *("routines", "attributes", "schemas", "gone"),
)
"""What ``select_catalog_writes.sql`` counts, in its order. ``attributes`` are columns that were changed and not only made;
``schemas`` were renamed, and what is in them too, which no lock tells; rows that are ``gone`` tell of no relation."""

_WRITTEN = {
    Part.RELATIONS: {"relations", "heirs"},
    Part.KEYS: {"constraints", "indexes", "defaults", "columns", "dependencies"},
    Part.CODE: {"relations", "rewrites", "triggers", "policies", "attributes", "constraints", "indexes", "defaults"},
    Part.ROUTINES: {"routines"},
}
"""Which of it each part is read from. Checks, defaults, indexes and policies execute functions; a relation that is changed may
have switched its policies on."""

_FLAGS = ("attributes", "constraints", "indexes", "defaults", "triggers", "rewrites", "policies")
"""What ``select_changed_owners.sql`` looks through where it is told so."""

_CHANGED = {
    Part.RELATIONS: "select_changed_relations",
    Part.KEYS: "select_changed_owners",
    Part.CODE: "select_changed_owners",
}

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
        # Of each part, what was locked when it was changed since its last reading, by transactions; None: it may be any.
        self._concerned: dict[Part, list[HeldLocks] | None] = dict.fromkeys(Part)
        # Of each part, the youngest subtransaction at an earlier reading, and whether all that has changed since was changed by
        # younger ones.
        self._since: dict[Part, str | None] = dict.fromkeys(Part)
        self._younger: dict[Part, bool] = dict.fromkeys(Part, False)
        self._written: dict[Part, set[str]] = {part: set() for part in Part}  # what was written to since then
        self._narrowed: dict[str, Row] = {}  # what a query for changed relations has given, while it holds
        self._divided = False  # a savepoint or a transaction has begun since the last look

    def mark(self) -> CatalogMark:
        """Gives the relations; inside an aborted transaction, as they were seen last."""
        if Part.RELATIONS in self._stale and self._status is not TransactionStatus.INERROR:
            few, mark = self._few(Part.RELATIONS), None
            if few is not None:
                few = self._marks.concerned(few)
                mark = self._marks.update(self._read(_only(few))[0][0] or "", few)
            self._mark = mark or self._marks.read(self._read(load_sql("select_catalog_mark"))[0][0] or "")
            self._is_read(Part.RELATIONS)
        return self._mark

    def tables(self) -> Collection[int]:
        """Gives the oids of the tables and materialised views among the relations."""
        self.mark()
        return self._marks.tables

    def rules(self) -> CatalogRules:
        """Gives what PostgreSQL does by itself; inside an aborted transaction, as it was seen last."""
        stale = self._stale & _RULES.keys()
        if stale and self._status is not TransactionStatus.INERROR:
            for part in stale:
                few = self._few(part)
                few = None if few is None else self._rule_reader.concerned(few)
                self._rule_reader.take(self._read(_wanting(_RULES[part], few)), few)
                if few is not None and "gone" in self._written[part] and self._is_many(part) and part in _CHANGED:
                    self._take_lacking(part)
                self._is_read(part)
            self._rules = self._rule_reader.rules()
        return self._rules

    def transaction_begins(self) -> None:
        """Forgets what the transaction before has written: it was looked at in time."""
        self._writes = ()
        self._divided = True

    def divided(self) -> None:
        """Notes that what is written from now on is written by a younger subtransaction."""
        self._divided = True

    def look(self, locked: HeldLocks) -> None:
        """Finds out in the open transaction which parts were written to since the last look; ``locked``: what it holds now."""
        before, self._writes = self._writes, self._count()
        self._narrowed.clear()
        written = {
            name
            for place, (name, now) in enumerate(zip(_COUNTED, self._writes, strict=False))
            if now != "0" and (not before or now != before[place])
        }
        divided, self._divided = self._divided, False
        if not self._writes or "schemas" in written:
            self.doubt()
        elif written:
            for part in (part for part in Part if _WRITTEN[part] & written):
                self._stale.add(part)
                self._younger[part] &= divided
                self._written[part] |= written
                if (few := self._concerned[part]) is not None:
                    # What a transaction holds later, it holds beside what it held before, or all is doubtful.
                    few[:] = [*(earlier for earlier in few if not locked.continues(earlier)), locked]

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

    def _few(self, part: Part) -> set[int] | None:
        """The relations of which a part must be read anew; None: of all."""
        locked = self._concerned[part]
        if locked is not None and self._is_many(part) and self._status is TransactionStatus.INTRANS and part in _CHANGED:
            since, known = self._since[part], self._younger[part]
            written = self._written[part]
            flags = {flag: sql.Literal(flag in written) for flag in _FLAGS}
            query = _formatted(
                _CHANGED[part], since=_xid(since), locked=_oids(_all_of(locked) if "gone" in written else ()), **flags
            )
            if query not in self._narrowed:
                (self._narrowed[query],) = self._read(query)
            changed, self._since[part], missing = self._narrowed[query]
            if since is not None and known:
                return {int(oid) for listed in (changed, missing) for oid in (listed or "").split(",") if oid}
        if locked is None or sum(len(each.oids) for each in locked) > FEW:
            return None
        return _all_of(locked)

    def _is_many(self, part: Part) -> bool:
        return sum(len(each.oids) for each in self._concerned[part] or ()) > MANY_LOCKED

    def _is_read(self, part: Part) -> None:
        self._stale.discard(part)
        self._concerned[part] = []
        self._younger[part] = True
        self._written[part] = set()

    def _take_lacking(self, part: Part) -> None:
        """Reads all of a part where it has fewer entries than are kept: what is not there any more names no relation."""
        counts = {str(kind): int(number or 0) for kind, number in self._read(load_sql("select_rule_counts"))}
        if self._rule_reader.exceeds(counts):
            self._rule_reader.take(self._read(_wanting(_RULES[part], None)), None)

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


def _all_of(locked: Iterable[HeldLocks]) -> set[int]:
    return {oid for each in locked for oid in each.oids}


def _array(oids: Iterable[int]) -> str:
    return f"{{{','.join(map(str, sorted(oids)))}}}"


def _only(oids: Iterable[int]) -> str:
    """The query for a mark, of these relations."""
    condition = sql.SQL(" and c.oid = any ({}::pg_catalog.oid[])").format(sql.Literal(_array(oids)))
    return load_sql("select_catalog_mark") + condition.as_string()


def _wanting(name: str, few: Iterable[int] | None) -> str:
    """A query for rules, of these relations; None: of all."""
    return _formatted(name, wanted=_oids(few))


def _oids(oids: Iterable[int] | None) -> sql.Composed:
    return sql.SQL("{}::pg_catalog.oid[]").format(sql.Literal(None if oids is None else _array(oids)))


def _xid(number: str | None) -> sql.Composed:
    return sql.SQL("{}::pg_catalog.xid").format(sql.Literal(number))


def _formatted(name: str, **values: sql.Composable) -> str:
    return sql.SQL(load_sql(name)).format(**values).as_string()
