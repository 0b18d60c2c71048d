"""Who migrates, as far as two looks at the sessions tell; with a profile surely, without one by signs.

For rules about a migration's session, its blockers and its followers. Not for how far it is (``motion``). The surprising thing:
the lock and the work may be in two sessions of one replica, because some migrators keep a session only to hold the lock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockage.core.blockers import Blocker, blockers_of, roots
from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.rollout import changes_schema, starting, target
from lockage.core.facts import Activity, OwnedSession, Session

THE_LOCK = "migration lock"
"""``about`` key of whoever has the lock that migrators take, waits for it, or gave up waiting."""

STRONG = frozenset({"ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
"""Modes that queries of an application never take by themselves. Source: PostgreSQL 18, 13.3.1."""

_COMMENTS = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrator:
    """The session that migrates."""

    owned: OwnedSession
    holds_lock: bool  # it, or another session of its replica, holds the profile's migration lock
    sure: float  # 0 to 1: that it is a migration at all
    why: str  # a clause

    @property
    def session(self) -> Session:
        """The session itself, as of the last look."""
        return self.owned.session

    @property
    def name(self) -> str:
        """``backend 4711 of replica x``."""
        who = f" of replica {self.owned.replica}" if self.owned.replica else ""
        return f"backend {self.session.pid}{who}"

    @property
    def about(self) -> tuple[str, ...]:
        """``about`` keys."""
        pod = (f"pod {self.owned.replica}",) if self.owned.replica else ()
        return (f"backend {self.session.pid}", *pod, *((THE_LOCK,) if self.holds_lock else ()))


def last_look(case: Case) -> Activity | None:
    """The newer of the two looks; None where none was had."""
    looks = case.evidence.database.looks
    return looks[-1] if looks else None


def first_look(case: Case) -> Activity | None:
    """The older one; None where there was only one."""
    looks = case.evidence.database.looks
    return looks[0] if looks and len(looks) > 1 else None


def owners(case: Case) -> tuple[OwnedSession, ...]:
    """The sessions of the last look with their clients; without an owner where that could not be found out."""
    look = last_look(case)
    if look is None:
        return ()
    by_pid = {o.session.pid: o for o in case.evidence.database.owned or ()}
    return tuple(
        by_pid.get(s.pid) or OwnedSession(session=s, replica=None, orphan=False, ours=s.application_name.startswith("lockage/"))
        for s in look.sessions
    )


def attributed(case: Case) -> bool:
    """Whether clients can be told apart at all: at least one session was found to be a replica's."""
    return any(o.replica is not None for o in owners(case))


def migrator(case: Case) -> Migrator | None:
    """The session that migrates; None where none does, as far as was seen."""
    owned = owners(case)
    key = case.profile.migrations.advisory_lock
    if key is not None:
        holder = next((o for o in owned if key in o.session.advisory_locks and not o.ours), None)
        if holder is not None:
            return _of_holder(case, holder, owned)
    return _by_signs(case, owned)


def _of_holder(case: Case, holder: OwnedSession, owned: Sequence[OwnedSession]) -> Migrator:
    beside = [
        o for o in owned
        if o is not holder and holder.replica is not None and o.replica == holder.replica and _is_busy(o.session)
        and not is_turn(o.session)
    ]  # fmt: skip
    idle = not _is_busy(holder.session)
    worker = max(beside, key=lambda o: (_signs(o.session), o.session.transaction_age_s or 0.0), default=None) if idle else None
    sure = 1.0 if case.known else 0.9
    if holder.replica is None and not holder.orphan and attributed(case) and not _signs(holder.session):
        sure *= 0.5  # a Job's, perhaps; or whoever took the lock for something else
    if worker is not None:
        return Migrator(
            owned=worker, holds_lock=True, sure=0.9 * sure, why="another session of its replica holds the migration lock"
        )
    return Migrator(owned=holder, holds_lock=True, sure=sure, why="it holds the migration lock")


def _by_signs(case: Case, owned: Sequence[OwnedSession]) -> Migrator | None:
    known = case.known and case.profile.migrations.advisory_lock is not None
    found: list[tuple[tuple[object, ...], Migrator]] = []
    for one in owned:
        client, who = _client(case, one)
        signs = _signs(one.session)
        busy = _is_busy(one.session) and not is_turn(one.session)
        if one.ours or not client or not busy or one.session.query.startswith("autovacuum:"):
            continue
        if known and not one.session.waits_for_lock:
            continue  # by the profile it would hold the lock: only what keeps it from coming that far counts
        if not signs and not (one.replica in {r.name for r in starting(case)} and one.session.in_transaction):
            continue
        rank = (signs > 0, client, signs, one.session.waits_for_lock, one.session.transaction_age_s or 0.0)
        why = f"{who}, and {_sign_in_words(one.session)}; no migration lock tells"
        found.append((rank, Migrator(owned=one, holds_lock=False, sure=client if signs else 0.8 * client, why=why)))
    if not found:
        return None
    best = max(found, key=lambda pair: pair[0])[1]
    # Where the migrator takes no lock, a second one waits behind the first: that one migrates, and this is its follower.
    ahead = set(roots(look, best.session.pid)) if (look := last_look(case)) is not None else set[int]()
    of_new = [m for _, m in found if m.session.pid in ahead and m.owned.replica is not None and not m.session.waits_for_lock]
    return of_new[0] if of_new and of_new[0].owned.replica != best.owned.replica else best


def _client(case: Case, one: OwnedSession) -> tuple[float, str]:
    """How well a session's client fits one who migrates, and in words."""
    if one.replica is not None and one.replica in {r.name for r in starting(case)}:
        return 0.9, "its client is a replica of the new release that is not ready"
    if one.orphan:
        return 0.8, "its client is dead"
    replicas = {r.name: r for r in case.evidence.platform.replicas or ()}
    replica = replicas.get(one.replica or "")
    if replica is not None and replica.release == target(case):
        return 0.7, "its client is a replica of the new release"
    if replica is None and not attributed(case):
        return 0.5, "whose client it is cannot be seen"
    return 0.0, ""


def _is_busy(session: Session) -> bool:
    return session.state not in {None, "idle", "disabled"} or session.in_transaction or session.waits_for_lock


def is_turn(session: Session) -> bool:
    """Whether it waits for an advisory lock, as a replica does whose turn to migrate has not come."""
    return session.waits_for_lock and session.wait_event == "advisory"


def _signs(session: Session) -> int:
    strong = any(lock.mode in STRONG for lock in session.relation_locks)
    return 2 * strong + changes_schema(session.query) + (bool(session.advisory_locks) and session.in_transaction)


def _sign_in_words(session: Session) -> str:
    lock = next((lock for lock in session.relation_locks if lock.mode in STRONG), None)
    if lock is not None:
        return f"it {'has' if lock.granted else 'wants'} {lock.mode} on {lock.relation}"
    if changes_schema(session.query):
        return "its statement changes the schema"
    return "it holds an advisory lock" if session.advisory_locks else "its transaction is the oldest one"


# --- who is in the way ------------------------------------------------------------------------------------------------


def blockers(case: Case, pid: int) -> tuple[Blocker, ...]:
    """Who blocks a backend and waits for nobody, each with whose it is."""
    look = last_look(case)
    if look is None:
        return ()
    replicas = case.evidence.platform.replicas or ()
    return blockers_of(pid, activity=look, owned=owners(case), replicas=replicas, target=target(case))


def waits_on(case: Case, session: Session) -> bool:
    """Whether it waits for a lock in both looks, since a wait of a moment is none to speak of; or in the only look."""
    first = first_look(case)
    if not session.waits_for_lock or first is None:
        return session.waits_for_lock
    before = first.session(session.pid)
    return before is not None and before.backend_start == session.backend_start and before.waits_for_lock


def awaited(session: Session) -> tuple[str, str] | None:
    """(mode, relation) of the lock that a session waits for; None where that is no relation's."""
    lock = next((lock for lock in session.relation_locks if not lock.granted), None)
    return (lock.mode, lock.relation) if lock is not None else None


def statement_in_words(query: str, *, most: int = 100) -> str:
    """The beginning of a statement on one line, without the comment that stands before it."""
    return " ".join(_COMMENTS.sub("", query, count=1).split())[:most]


def shown(session: Session) -> Exhibit:
    """A session as a line of evidence."""
    state = session.state or "state not visible"
    wait = (
        f", waits for {session.wait_event_type}:{session.wait_event}" if session.wait_event_type and state == "active" else ""
    )
    age = f", transaction open {session.transaction_age_s:.0f} s" if session.transaction_age_s is not None else ""
    blocked = f", blocked by {', '.join(map(str, session.blocked_by))}" if session.blocked_by else ""
    query = statement_in_words(session.query) or "(not visible)"
    who = f"pid {session.pid}, {session.user}, {session.application_name or '(no name)'}"
    return Exhibit(source="pg_stat_activity", text=f"{who}: {state}{wait}{age}{blocked}: {query}")
