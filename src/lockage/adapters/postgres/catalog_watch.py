"""Keeps what is known of a shadow's catalog, and reads anew what a script may have changed.

Not for locks or plans (``traced``). The surprising thing: whether anything has changed is not told from the statement, which
may have called a function or fired a trigger, but from how many rows of which catalogs the session itself has written; and
what of it, from the relations that it has locked meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_mark import MarkReader
from lockage.adapters.postgres.catalog_rules import RuleReader
from lockage.adapters.postgres.exchange import Row, exchange
from lockage.adapters.postgres.plans import unplanned
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.held import HeldLocks
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.errors import RefusedError

READING_LIMIT_S = 10.0
"""Longest run of a reading in the traced session: of milliseconds, but the machine may be busy."""

FEW = 500
"""Relations that are asked for one by one; for more it is as quick to read them all."""

MANY = 1000
"""Relations that there are; of more it is worth looking first at those that were locked last, before all are looked through."""

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
    *("routines", "schemas"),
)
"""What ``select_catalog_writes.sql`` counts, in its order; of each what was made, changed and gone."""

_KINDS = ("made", "changed", "gone")

_NOT_COUNTED = {Part.RELATIONS: "heirs gone", Part.CODE: "policies gone"}
"""Where a row of these is gone, which is rare, all of the part is read anew: nothing else tells whose it was."""

_COUNTED_RULES = ("constraints", "triggers", "rewrites")
"""A row that is gone tells of no relation; but how many of these there are is known (``select_rule_counts.sql``). An index is a
relation, too, and shows among those that have gone."""

_GOES_UNDER = "AccessExclusiveLock"
"""What drops a relation holds this on it, and does so to the end. Source: PostgreSQL 18, src/backend/catalog/dependency.c,
AcquireDeletionLock, and heap.c, heap_drop_with_catalog; CONCURRENTLY takes a weaker one, and refuses a transaction."""

_SOURCES = {
    Part.RELATIONS: ("relations", "heirs"),
    Part.KEYS: ("constraints", "indexes", "defaults", "columns", "dependencies"),
    Part.CODE: ("relations", "rewrites", "triggers", "policies", "constraints", "indexes", "defaults"),
    Part.ROUTINES: ("routines",),
}
_WRITTEN = {part: {f"{name} {kind}" for name in names for kind in _KINDS} for part, names in _SOURCES.items()}
_WRITTEN[Part.CODE] |= {"columns changed"}
"""Which of it each part is read from. Checks, defaults, indexes and policies execute functions; a relation that is changed may
have switched its policies on."""

_WITH_OIDS = ("constraints", "indexes", "defaults", "triggers", "rewrites", "policies")
"""Entries that bear oids, and so the youngest of them the highest."""

_OF_OWNERS = frozenset({Part.KEYS, Part.CODE})
"""Parts whose entries belong to a relation each."""

_RULES = {Part.KEYS: "select_key_rules", Part.CODE: "select_code_rules", Part.ROUTINES: "select_routines"}


_NAME_RELATIONS = tuple(f"{name} {kind}" for name in _SOURCES[Part.RELATIONS] for kind in ("made", "changed"))

_BEGIN_ANEW = "select pg_catalog.pg_stat_force_next_flush();\n"
"""Lets the numbers of the next transaction begin at nought. Without it, up to a second's transactions are counted with the next
one, and what they have written is read once more. Source: PostgreSQL 15, src/backend/utils/activity/pgstat.c."""


class _Changed(NamedTuple):
    """As ``select_changed_relations.sql`` gives it."""

    oids: set[int]
    newest: str | None
    gone: set[int]
    rows: int


class CatalogWatch:
    """The catalog as the traced session sees it; ``observer`` is a session of its own with nothing open."""

    def __init__(self, traced: psycopg.Connection[TupleRow], observer: psycopg.Connection[TupleRow]) -> None:
        self._traced = traced
        self._observer = observer
        self._marks = MarkReader()
        self._mark = CatalogMark(relations={})
        self._rule_reader = RuleReader()
        self._rules = CatalogRules()
        self._writes: Mapping[str, str | None] = {}  # as counted last in the open transaction
        self._marked: Mapping[str, str | None] = {}  # the same, at the last mark
        self._locked = HeldLocks()  # at the last look
        self._stale = set(Part)
        # Of each part, what was locked when it was changed since its last reading, by transactions; None: it may be any.
        self._concerned: dict[Part, list[HeldLocks] | None] = dict.fromkeys(Part)
        # Of each part, the youngest subtransaction at an earlier reading, and whether all that has changed since was changed by
        # younger ones.
        self._since: dict[Part, str | None] = dict.fromkeys(Part)
        self._newest: dict[Part, str | None] = dict.fromkeys(_OF_OWNERS)  # an oid that there was at that reading
        self._younger: dict[Part, bool] = dict.fromkeys(Part, False)
        self._written: dict[Part, set[str]] = {part: set() for part in Part}  # what was written to since then
        self._gone: dict[Part, set[int]] = {part: set() for part in _RULES}  # relations that went since its last reading
        self._moved: dict[Part, set[int] | None] = dict.fromkeys(_OF_OWNERS)  # … that have changed since then; None: not known
        self._divided = False  # a savepoint or a transaction has begun since the last look

    def mark(self) -> CatalogMark:
        """Gives the relations; inside an aborted transaction, as they were seen last."""
        if Part.RELATIONS in self._stale and self._status is not TransactionStatus.INERROR:
            changed = self._changed_relations()
            few, mark = self._few(Part.RELATIONS, changed), None
            if few is not None:
                few = self._marks.concerned(few)
                mark = self._marks.update(self._read(_only(few))[0][0] or "", few)
            self._mark = mark or self._marks.read(self._read(load_sql("select_catalog_mark"))[0][0] or "")
            self._is_read(Part.RELATIONS)
            self._marked = self._writes
            gone = self._marks.take_gone()
            for part in self._gone:
                self._gone[part] |= gone
            for part, moved in self._moved.items():
                self._moved[part] = None if moved is None or changed is None else moved | changed
        return self._mark

    def tables(self) -> Collection[int]:
        """Gives the oids of the tables and materialised views among the relations."""
        self.mark()
        return self._marks.tables

    def rules(self) -> CatalogRules:
        """Gives what PostgreSQL does by itself; inside an aborted transaction, as it was seen last."""
        stale = self._stale & _RULES.keys()
        if stale and self._status is not TransactionStatus.INERROR:
            self.mark()  # which tells what has gone
            changed, lacking = self._changed_owners(stale), set[str]()
            for part in sorted(stale):
                few = self._few(part, changed)
                few = None if few is None else self._rule_reader.concerned(few | self._gone[part])
                self._rule_reader.take(self._read(_wanting(_RULES[part], few)), few)
                if few is not None:
                    lacking |= {name for name in _COUNTED_RULES if f"{name} gone" in self._written[part]}
                self._is_read(part)
            if lacking:
                self._take_lacking(lacking)
            self._rules = self._rule_reader.rules()
        names = self._rules.routine_list.leading_out
        if names and self._status is not TransactionStatus.INERROR:
            query = _formatted("select_leading_out", routines=sql.Literal(sorted(names)))
            found = json.loads(self._read(query)[0][1] or "[]")
            self._rules = replace(self._rules, leading_out=tuple((kind, name) for kind, name in found))
        return self._rules

    def transaction_begins(self) -> None:
        """Forgets what the transaction before has written: it was looked at in time."""
        self._writes = self._marked = {}
        self._divided = True

    def divided(self) -> None:
        """Notes that what is written from now on is written by a younger subtransaction."""
        self._divided = True

    def look(self, locked: HeldLocks) -> None:
        """Finds out in the open transaction which parts were written to since the last look; ``locked``: what it holds now."""
        before, now = self._writes, self._count()
        self._writes, self._locked = now or {}, locked
        written = {name for name, number in self._writes.items() if number not in ("0", before.get(name))}
        divided, self._divided = self._divided, False
        if now is None or "schemas changed" in written:
            self.doubt()
        elif written:
            for part in (part for part in Part if _WRITTEN[part] & written):
                self._stale.add(part)
                self._younger[part] &= divided
                self._written[part] |= written
                if _NOT_COUNTED.get(part) in written:
                    self._concerned[part] = None
                if (few := self._concerned[part]) is not None:
                    # What a transaction holds later, it holds beside what it held before, or all is doubtful.
                    few[:] = [*(earlier for earlier in few if not locked.continues(earlier)), locked]

    def forgive(self) -> None:
        """Takes what was written since the last look for our own, which changes nothing that is read here."""
        self._writes = self._count() or {}

    def doubt(self) -> None:
        """Takes everything for changed: after a rollback, which the numbers do not show, or behind several transactions."""
        self._stale = set(Part)
        self._concerned = dict.fromkeys(Part)

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _few(self, part: Part, changed: set[int] | None) -> set[int] | None:
        """The relations of which a part must be read anew; None: of all. ``changed``: those that are known to have changed."""
        locked = self._concerned[part]
        if changed is not None and self._is_narrow(part) and self._younger[part]:
            return changed
        if locked is None or sum(len(each.oids) for each in locked) > FEW:
            return None
        return _all_of(locked)

    def _changed_relations(self) -> set[int] | None:
        """Those that have changed, or gone, since the last mark; None: not known."""
        part = Part.RELATIONS
        if not self._is_narrow(part):
            return None
        since = self._since[part] if self._younger[part] else None
        if since is not None and len(self._mark.relations) > MANY:
            lately = {lock.oid for lock in self._locked[-MANY_LOCKED:]}
            found = self._read_changed(since, shut=self._marks.known(lately), among=lately)
            if (found.rows, len(found.gone)) == self._rows_written():
                self._since[part] = found.newest
                return found.oids | found.gone
        shut: Iterable[int] = ()
        if "relations gone" in self._written[part]:
            shut = self._marks.known(oid for each in self._concerned[part] or () for oid in each.held_in(_GOES_UNDER))
        found = self._read_changed(since, shut=shut)
        self._since[part] = found.newest
        return None if since is None else found.oids | found.gone

    def _read_changed(self, since: str | None, *, shut: Iterable[int], among: Iterable[int] | None = None) -> _Changed:
        query = _formatted("select_changed_relations", since=_xid(since), shut=_oids(shut), among=_oids(among))
        ((changed, newest, gone, rows),) = self._read(query)
        return _Changed(_listed(changed), newest, _listed(gone), int(rows or 0))

    def _rows_written(self) -> tuple[int, int]:
        """How many rows that name relations the transaction has written since the last mark, and how many it has taken out.

        Each relation that has changed wrote one or more, so as many relations as rows are all that have changed.
        """
        made, gone = (
            sum(int(self._writes.get(name) or 0) - int(self._marked.get(name) or 0) for name in names)
            for names in (_NAME_RELATIONS, ("relations gone",))
        )
        return made, gone

    def _changed_owners(self, stale: Collection[Part]) -> set[int] | None:
        """The relations of which something has changed since the last reading of any of the parts; None: not known.

        One query serves them all, though they have read at different times: a relation too many costs little.
        """
        narrow = [part for part in stale if part in _OF_OWNERS and self._is_narrow(part)]
        if not narrow:
            return None
        written = {name for part in narrow for name in self._written[part]}
        moved = [self._moved[part] for part in narrow]
        flags = {"relations": None in moved, "columns": "columns changed" in written}
        for name in _WITH_OIDS:
            flags[name] = f"{name} changed" in written
            flags[f"made_{name}"] = f"{name} made" in written and not flags[name]
        since, newest = (_lowest(known[part] for part in narrow) for known in (self._since, self._newest))
        values = {flag: sql.Literal(value) for flag, value in flags.items()}
        query = _formatted("select_changed_owners", since=_xid(since), newest=sql.Literal(int(newest or 0)), **values)
        ((changed, now, highest),) = self._read(query)
        for part in _OF_OWNERS:
            # Of a part that is not stale nothing has changed, so it is as good as read just now.
            if part in narrow or part not in self._stale:
                self._since[part], self._newest[part] = now, highest
        return None if since is None else _listed(changed).union(*(oids or () for oids in moved))

    def _is_narrow(self, part: Part) -> bool:
        """Whether it is worth asking what has changed of all that is locked."""
        locked = self._concerned[part]
        if locked is None or part is Part.ROUTINES or self._status is not TransactionStatus.INTRANS:
            return False
        return sum(len(each.oids) for each in locked) > MANY_LOCKED

    def _is_read(self, part: Part) -> None:
        self._stale.discard(part)
        self._concerned[part] = []
        self._younger[part] = True
        self._written[part] = set()
        if part in self._gone:
            self._gone[part].clear()
        if part in self._moved:
            self._moved[part] = set()

    def _take_lacking(self, lacking: Collection[str]) -> None:
        """Reads all of a part where it has fewer entries than are kept: what is not there any more names no relation."""
        query = _formatted("select_rule_counts", **{name: sql.Literal(name in lacking) for name in _COUNTED_RULES})
        counts = {str(kind): int(number or 0) for kind, number in self._read(query)}
        if self._rule_reader.exceeds(counts):
            for part in sorted(_OF_OWNERS):
                self._rule_reader.take(self._read(_wanting(_RULES[part], None)), None)

    def _count(self) -> Mapping[str, str | None] | None:
        """How many rows of which kind the transaction has written until now; None: it does not say."""
        query = load_sql("select_catalog_writes")
        if not self._writes and self._traced.info.server_version >= 150_000:
            query = _BEGIN_ANEW + query
        outcome = exchange(self._traced, unplanned(self._traced, query), limit_s=READING_LIMIT_S)
        if outcome.failure is not None:
            return None
        return {
            f"{name} {kind}": number
            for name, numbers in zip(_COUNTED, outcome.rows, strict=False)
            for kind, number in zip(_KINDS, numbers, strict=True)
        }

    def _read(self, query: str) -> tuple[Row, ...]:
        # What an open transaction made only it can see; otherwise the script's session is left in peace.
        session = self._traced if self._status is TransactionStatus.INTRANS else self._observer
        outcome = exchange(session, unplanned(session, query), limit_s=READING_LIMIT_S)
        if outcome.failure is not None:
            raise RefusedError(
                f"the catalog of the shadow cannot be read: {outcome.failure.message} (SQLSTATE {outcome.failure.sqlstate})",
                code="LK426",
                hint="please report it, with the migration that was being forecast",
            )
        return outcome.rows


def _listed(oids: str | None) -> set[int]:
    return {int(oid) for oid in (oids or "").split(",") if oid}


def _lowest(numbers: Iterable[str | None]) -> str | None:
    """None where one of them is not known."""
    known = list(numbers)
    return None if None in known else min(known, key=lambda number: int(number or 0))


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
