"""What goes on in the database that a script is for: open transactions, connections, statements and how often they come.

Not for judging it (``waiting``). The surprising thing: a look never fails as a whole. What could not be seen is a sentence in
``problems``, and whatever hangs on it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lockage.core.facts import RelationLock, Session
from lockage.core.migration.constants import without_constants
from lockage.core.release.statements import looks_at_the_catalog_only


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLoad:
    """One statement that the server has counted (``pg_stat_statements``)."""

    text: str  # with $1 for constants, as the server keeps it
    calls_s: float | None  # calls a second, on average since they are counted; None: not known
    mean_s: float
    max_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLocks:
    """One prepared transaction with what it locks."""

    gid: str
    user: str
    age_s: float
    locks: tuple[RelationLock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOrder:
    """Two locks of one transaction in the order in which it was seen to take them."""

    first: str  # schema.name
    first_mode: str
    second: str
    second_mode: str
    text: str  # of the statement that it had come to, without constants


def orders_between(earlier: Iterable[Session], later: Iterable[Session]) -> Iterator[LockOrder]:
    """What transactions had locked before what they lock, or wait for, by two looks; each pair once, in order."""
    before = {session.pid: session for session in earlier}
    for session in later:
        former = before.get(session.pid)
        if session.transaction_age_s is None or session.is_autovacuum:
            continue
        same = (
            former is not None
            and former.backend_start == session.backend_start
            and (former.transaction_age_s or 0.0) < session.transaction_age_s
        )
        held = {(lock.relation, lock.mode) for lock in session.relation_locks if lock.granted}
        had = {(lock.relation, lock.mode) for lock in former.relation_locks if lock.granted} if same and former else set[Lock]()
        awaited = {(lock.relation, lock.mode) for lock in session.relation_locks if not lock.granted}
        yield from _in_order(had & held, held - had, session)
        yield from _in_order(held, awaited, session)


Lock = tuple[str, str]


def _in_order(first: Iterable[Lock], second: Collection[Lock], session: Session) -> Iterator[LockOrder]:
    for relation, mode in first:
        for later, later_mode in second:
            if relation != later:
                yield LockOrder(
                    first=relation,
                    first_mode=mode,
                    second=later,
                    second_mode=later_mode,
                    text=without_constants(session.query),
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One look."""

    sessions: tuple[Session, ...] = ()  # of this database, Lockage's own left out
    snapshots: Mapping[int, float] = field(default_factory=dict[int, float])  # pid to seconds since its transaction began
    prepared: tuple[PreparedLocks, ...] = ()
    statements: tuple[StatementLoad, ...] | None = None  # None: nobody counts them, or they cannot be read
    counted_since: datetime | None = None  # aware; None: rates come from two looks a moment apart
    free_connections: int | None = None  # of the application: idle ones, and those that may still be opened
    orders: tuple[LockOrder, ...] = ()  # in which transactions of several statements lock, as far as some were met
    problems: tuple[str, ...] = ()

    @property
    def calls_s(self) -> float | None:
        """Queries a second, all together; not what begins, ends or sets something, nor what tools ask of the catalog."""
        known = [
            load.calls_s
            for load in self.statements or ()
            if load.calls_s is not None and _QUERY.match(load.text) and not looks_at_the_catalog_only(load.text)
        ]
        return round(sum(known), 3) if known else None


_QUERY = re.compile(r"(?:\s|\()*(?:select|insert|update|delete|merge|with|values|table|copy)\b", re.IGNORECASE)
