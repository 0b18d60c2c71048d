"""Who stands in a migration's way, and what the least force against each is.

Not for looking (``adapters``) nor for acting (``flows``). The surprising thing: ``pg_blocking_pids`` lists predecessors in the
queue, victims among them, so the chain is followed to its roots, and only roots are acted upon; a root that works for a dead
client may still commit, and is then waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lockage.core.facts import Activity, OwnedSession, Replica, Session
from lockage.core.plan.steps import OnBlocker, Strategy

PREPARED_TRANSACTION_PID = 0
"""What ``pg_blocking_pids`` gives for a prepared transaction. Source: PostgreSQL 18, functions-info."""


class Who(StrEnum):
    """Whose session it is."""

    LOCKAGE = "lockage"
    DOOMED_ORPHAN = "doomed orphan"  # client dead; its transaction can only roll back
    WORKING_ORPHAN = "working orphan"  # client dead; its statement commits by itself when it ends
    OLD_REPLICA = "old replica"
    NEW_REPLICA = "new replica"
    THIRD_PARTY = "third party"
    PREPARED = "prepared transaction"


class Remedy(StrEnum):
    """The least force that helps."""

    WAIT = "wait"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    STOP = "stop"  # nothing is sent: the run ends, with the blocker named


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One session at the root of a wait."""

    who: Who
    session: Session | None  # None for a prepared transaction
    replica: str | None = None

    @property
    def sentence(self) -> str:
        """The blocker named as people need it: replica, pid, user, application, query, age."""
        if self.session is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        s = self.session
        owner = f"replica {self.replica}, " if self.replica else ""
        age = f"{s.transaction_age_s:.0f} s" if s.transaction_age_s is not None else "unknown age"
        query = " ".join(s.query.split())[:80] or "(not visible)"
        return (
            f"{self.who}: {owner}pid {s.pid}, user {s.user}, application {s.application_name or '(none)'}, "
            f"{s.state or 'state not visible'}, transaction open {age}, query: {query}"
        )


def roots(activity: Activity, pid: int) -> tuple[int, ...]:
    """Pids at the ends of all chains of waits that begin at ``pid``: they block, and wait for no one.

    A prepared transaction is pid 0. A cycle (a deadlock about to be broken by PostgreSQL) has no root of its own.
    """
    found: list[int] = []
    seen = {pid}
    edge = [pid]
    while edge:
        session = activity.session(edge.pop())
        for other in session.blocked_by if session else ():
            if other in seen:
                continue
            seen.add(other)
            blocker = activity.session(other)
            if other == PREPARED_TRANSACTION_PID or (blocker and not blocker.blocked_by):
                found.append(other)
            elif blocker:
                edge.append(other)
    return tuple(sorted(found))


def commits_by_itself(session: Session) -> bool:
    """Whether the running statement of a session commits when it ends, though its client is dead.

    True only for an active statement that waits for no lock and whose transaction began with it: a whole file as one Query, or
    a statement on its own. A transaction that is older than its statement was opened by the client, and only the client could
    have committed it.
    """
    if session.state != "active" or session.waits_for_lock:
        return False
    if session.transaction_age_s is None or session.statement_age_s is None:
        return False
    return session.transaction_age_s <= session.statement_age_s


def yields_by_itself(session: Session) -> bool:
    """Whether PostgreSQL ends what the session does as soon as somebody waits for it."""
    return session.yields_by_itself


def classify(owned: OwnedSession, *, replicas: Mapping[str, Replica], target: str) -> Who:
    """Whose session it is, given the live replicas by name and the target release."""
    if owned.ours:
        return Who.LOCKAGE
    if owned.orphan:
        return Who.WORKING_ORPHAN if commits_by_itself(owned.session) else Who.DOOMED_ORPHAN
    replica = replicas.get(owned.replica or "")
    if replica is None:
        return Who.THIRD_PARTY
    return Who.NEW_REPLICA if replica.release == target else Who.OLD_REPLICA


def blockers_of(
    pid: int,
    *,
    activity: Activity,
    owned: Sequence[OwnedSession],
    replicas: Sequence[Replica],
    target: str,
) -> tuple[Blocker, ...]:
    """The root blockers of one waiting backend, each with whose it is."""
    by_pid = {o.session.pid: o for o in owned}
    by_name = {r.name: r for r in replicas}
    found: list[Blocker] = []
    for root in roots(activity, pid):
        if root == PREPARED_TRANSACTION_PID:
            found.append(Blocker(who=Who.PREPARED, session=None))
        elif root in by_pid:
            who = classify(by_pid[root], replicas=by_name, target=target)
            found.append(Blocker(who=who, session=by_pid[root].session, replica=by_pid[root].replica))
    return tuple(found)


def remedy(  # noqa: PLR0911 - an arm a rule
    blocker: Blocker, *, strategy: Strategy, on_blocker: OnBlocker, already_cancelled: bool
) -> Remedy:
    """The least force that helps against one blocker.

    Orphans that can only roll back are terminated; one that works is waited for. The old release's own sessions are
    cancelled, then terminated, where the strategy ends that replica anyway. Third parties: as the user said; to cancel is to
    cancel once, and then to wait. A session that is idle in its transaction cannot be cancelled (there is no statement), so it
    is terminated at once.
    """
    match blocker.who:
        case Who.DOOMED_ORPHAN:
            return Remedy.TERMINATE
        case Who.OLD_REPLICA if strategy is not Strategy.ROLLING:
            active = blocker.session is not None and blocker.session.state == "active"
            return Remedy.CANCEL if active and not already_cancelled else Remedy.TERMINATE
        case Who.THIRD_PARTY if on_blocker is OnBlocker.TERMINATE:
            return Remedy.TERMINATE
        case Who.THIRD_PARTY if blocker.session is not None and yields_by_itself(blocker.session):
            return Remedy.WAIT
        case Who.THIRD_PARTY if on_blocker is OnBlocker.CANCEL:
            active = blocker.session is not None and blocker.session.state == "active"
            return Remedy.CANCEL if active and not already_cancelled else Remedy.WAIT
        case Who.THIRD_PARTY | Who.PREPARED if on_blocker is OnBlocker.STOP:
            return Remedy.STOP
        case _:
            return Remedy.WAIT
