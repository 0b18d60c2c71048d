"""Who holds the migration lock, or a lock that replicas need, and should not; and who rightly waits for it.

Rules of the family ``waiting``. The surprising thing: a replica that waits for its turn at the migration lock is healthy, and
is said so; most of the night's restarts begin with somebody who took it for stuck.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockage.core.blockers import Who, commits_by_itself
from lockage.core.diagnosis.blocking import lock_in_words, look_at, relation_of
from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.migrator import (
    THE_LOCK,
    attributed,
    blockers,
    is_turn,
    last_look,
    migrator,
    owners,
    shown,
    waits_on,
)
from lockage.core.diagnosis.present import log_exhibit
from lockage.core.diagnosis.rollout import failed, troubled
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import OwnedSession, Session
from lockage.core.wording import counted, duration, listed

NOBODYS_S = 5.0
"""How young a session may be that is no replica's and may yet turn out to be one's: the platform tells of processes later."""


# --- orphans ----------------------------------------------------------------------------------------------------------


def orphan_holds(case: Case) -> Iterator[Finding]:
    """F043: a backend of a dead client holds the migration lock, or a lock that a replica waits for."""
    found = migrator(case)
    if found is not None and found.owned.orphan and (found.holds_lock or _waiting_for(case, found.session)):
        if not _is_pooled(found.session):
            yield orphan_finding(case, None, found.session, sure=0.95 * found.sure, why=found.why, holds=found.holds_lock)
        return
    # A replica's session waits for an orphan that does not migrate, and that the migration itself does not wait for.
    migrating = found.session.pid if found is not None else None
    for one in owners(case):
        if one.replica is None or one.session.pid == migrating or not waits_on(case, one.session):
            continue
        for blocker in blockers(case, one.session.pid):
            if blocker.session is not None and blocker.who in {Who.DOOMED_ORPHAN, Who.WORKING_ORPHAN}:
                yield orphan_finding(case, one.session, blocker.session, sure=0.85, why="pg_blocking_pids names it")


def orphan_finding(
    case: Case, waiter: Session | None, orphan: Session, *, sure: float, why: str, holds: bool = False
) -> Finding:
    works = commits_by_itself(orphan)
    waiting = {s.pid for s in _waiting_for(case, orphan)}
    # Those that wait for their turn first: they are the replicas that do not get ready.
    behind = sorted((o for o in owners(case) if o.session.pid in waiting), key=lambda o: not is_turn(o.session))
    queue = f"; behind it {waiting_in_words(len(behind))}" if behind else ""
    what = "the migration lock" if holds else lock_in_words(waiter) if waiter is not None else "locks that replicas need"
    fate = (
        "it still works, and commits by itself when its statement ends"
        if works
        else f"it can only roll back ({'waits for a lock' if orphan.waits_for_lock else orphan.state or 'state not visible'})"
    )
    again = lockage(case, "diagnose")
    return Finding(
        code="F043",
        cause=f"backend {orphan.pid}, whose client is dead, still holds {what}: {fate}{queue}",
        confidence=sure,
        why=f"{why}; no replica that lives is its client",
        evidence=(shown(orphan), *(shown(o.session) for o in behind[:3])),
        next=f"wait until it has committed, and look again: {again}" if works else lockage(case, "recover"),
        avoid=(
            "do not terminate it: what it has done would be undone, and begun anew by the next replica"
            if works
            else "do not restart replicas: each new one waits behind it again"
        ),
        rules_out=("F042", "F049"),
        about=(
            f"backend {orphan.pid}",
            *_pods(behind),
            *(relation_of(waiter) if waiter is not None else ()),
            *((THE_LOCK,) if holds else ()),
        ),
    )


def _waiting_for(case: Case, holder: Session) -> tuple[Session, ...]:
    """Sessions whose wait leads to this one, straight or through others."""
    look = last_look(case)
    found, edge = dict[int, Session](), {holder.pid}
    while edge and look is not None:
        new = {s.pid: s for s in look.sessions if s.pid not in found and edge & set(s.blocked_by)}
        found |= new
        edge = set(new)
    return tuple(s for s in found.values() if s.pid != holder.pid)


# --- the turn at the migration lock -----------------------------------------------------------------------------------


def waits_its_turn(case: Case) -> Iterator[Finding]:
    """F042, harmless: replicas that wait at the migration lock while one of them migrates."""
    followers = [o for o in owners(case) if o.replica is not None and is_turn(o.session)]
    by_holder: dict[int, list[OwnedSession]] = {}
    for one in followers:
        for pid in one.session.blocked_by:
            by_holder.setdefault(pid, []).append(one)
    waiting = {o.session.pid for o in followers}
    for pid, behind in by_holder.items():
        holder = next((o for o in owners(case) if o.session.pid == pid), None)
        if holder is None or pid in waiting or holder.replica is None or holder.orphan:
            continue
        names = listed(tuple(o.replica or "" for o in behind))
        key = case.profile.migrations.advisory_lock
        sure = 0.95 if key is not None and key in holder.session.advisory_locks else 0.75
        yield Finding(
            code="F042",
            cause=f"{names} {'waits' if len(behind) == 1 else 'wait'} for the turn at the migration lock, which replica "
            f"{holder.replica} (backend {pid}) holds",
            confidence=sure,
            why="it waits for an advisory lock, and whoever holds it is a replica that lives",
            evidence=(*(shown(o.session) for o in behind[:3]), shown(holder.session)),
            next=lockage(case, "watch"),
            avoid="do not restart those that wait: they start serving by themselves when the migration has ended",
            harmless=True,
            about=(*(f"backend {o.session.pid}" for o in behind), *_pods(behind), THE_LOCK),
        )


def nobody_holds(case: Case) -> Iterator[Finding]:
    """F049: the migration lock is held by something that is neither a replica nor a dead replica's backend."""
    for holder, behind in _strange_holders(case):
        session = holder.session
        idle = not session.in_transaction and session.state == "idle"
        sure = 0.9 if idle and attributed(case) else 0.75 if attributed(case) else 0.4
        if _is_pooled(session):
            continue
        queue = f"; behind it {waiting_in_words(len(behind))}" if behind else ""
        does = f"idle for {duration(session.state_age_s or 0.0)}" if idle else session.state or "state not visible"
        yield Finding(
            code="F049",
            cause=f"the migration lock is held by pid {session.pid} (user {session.user}, application "
            f"{session.application_name or '(none)'}), which is no replica: {does}{queue}",
            confidence=sure,
            why="no replica is its client, and its name is none of a replica's"
            if attributed(case)
            else "no session could be told to be a replica's, so this one may be",
            evidence=(shown(session), *(shown(o.session) for o in behind[:3])),
            next=f"find out who it is, and ask them to give it back: {look_at(case, session.pid)}",
            avoid="do not restart the replicas: each waits for the same lock; and do not end it where a Job shall migrate",
            rules_out=("F042",),
            about=(f"backend {session.pid}", *_pods(behind), THE_LOCK),
        )


def _strange_holders(case: Case) -> Iterator[tuple[OwnedSession, Sequence[OwnedSession]]]:
    key = case.profile.migrations.advisory_lock
    owned = owners(case)
    look = last_look(case)
    if look is None or case.evidence.platform.replicas is None:
        return
    for one in owned:
        session = one.session
        if one.ours or one.orphan or one.replica is not None:
            continue
        behind = [o for o in owned if is_turn(o.session) and session.pid in o.session.blocked_by and o.replica is not None]
        if not session.advisory_locks and not behind:  # a lock of two keys is known by who waits for it alone
            continue
        named = key is not None and key in session.advisory_locks
        young = (look.at - session.backend_start).total_seconds() < NOBODYS_S and not _is_named_otherwise(case, session)
        # Whose lock it is, is known by its key or by replicas that wait for it.
        if (named or behind) and not young and (troubled(case) or behind):
            yield one, behind


def _is_named_otherwise(case: Case, session: Session) -> bool:
    """Whether its name tells that it is no replica's, because replicas name theirs after themselves."""
    before, placeholder, _ = case.profile.workload.application_name.partition("{replica}")
    workload = case.evidence.platform.workload
    prefix = before or (f"{workload.name}-" if workload is not None else "")
    return bool(placeholder and prefix and session.application_name) and not session.application_name.startswith(prefix)


# --- a pooler between -------------------------------------------------------------------------------------------------

POOLERS = ("pgbouncer", "odyssey", "pgcat", "supavisor", "pgpool")
"""How poolers call the sessions that they keep for others, where they name them."""

MET_BEHIND_POOLERS = ("26000", "42P05", "08P01")
"""Prepared statements that are not there, or there already, and a setting at log-in that a pooler does not take.

Source: PgBouncer documentation, features and FAQ.
"""


def pooler_between(case: Case) -> Iterator[Finding]:
    """F048: the migration lock stays with a pooler's session whose client is gone, or replicas meet what only poolers do."""
    yield from _pooler_in_logs(case)
    yield from _released_elsewhere(case)
    key = case.profile.migrations.advisory_lock
    for one in owners(case):
        session = one.session
        held = bool(session.advisory_locks) if key is None else key in session.advisory_locks
        if held and _is_pooled(session) and session.state == "idle" and not session.in_transaction:
            behind = [o for o in owners(case) if session.pid in o.session.blocked_by]
            yield Finding(
                code="F048",
                cause=f"the pooler's session {session.pid} still holds the migration lock, though no client uses it: idle for "
                f"{duration(session.state_age_s or 0.0)}",
                confidence=0.9,
                why="a lock of a session belongs to whoever is given that session next, and a pooler keeps it open",
                evidence=(shown(session), *(shown(o.session) for o in behind[:3])),
                next="have the pooler close its sessions (PgBouncer: RECONNECT in its console), then look again: "
                + lockage(case, "diagnose"),
                avoid="do not restart the replicas before it is gone: they wait for the same lock",
                rules_out=("F043", "F049"),
                about=(f"backend {session.pid}", *_pods(behind)),
            )


def _pooler_in_logs(case: Case) -> Iterator[Finding]:
    said = [v for v in failed(case, *MET_BEHIND_POOLERS) if _is_poolers(v.complaint.sqlstate, v.complaint.message)]
    trouble = case.evidence.database.trouble
    ours = trouble is not None and "pooler" in trouble.text and troubled(case) != ()
    if not said and not ours:
        return
    evidence = [v.exhibit for v in said[:2]]
    if trouble is not None and ours:
        evidence.append(Exhibit(source="the answer to a connection of our own", text=trouble.text[:300]))
    message = f": {said[0].complaint.message}" if said else ""
    yield Finding(
        code="F048",
        cause=f"a pooler stands between replicas and database, and what belongs to a session does not stay with it{message}",
        confidence=0.85 if said and ours else 0.7 if said else 0.4,
        why="a server that is reached straight does not say that" if said else "our own connection leads to a pooler",
        evidence=tuple(evidence),
        next="give the migrating replicas the address of PostgreSQL itself (port 5432 of the server, not the pooler's)",
        avoid="do not restart them with the same address: they meet it again",
        rules_out=("F012", "F010"),
        about=tuple(dict.fromkeys(f"pod {v.detail.name}" for v in said)),
    )


_NOT_ITS_OWN = re.compile(
    r"(?i)you don't own a lock of type|failed (?:to release|releasing) (?:the )?(?:advisory |migration )?lock"
)
"""What a session hears that gives back an advisory lock which another one took.

Source: PostgreSQL 18, storage/lmgr/lock.c; Rails 8 (ConcurrentMigrationError), Atlas.
"""


_NEVER_HAD = re.compile(r"(?i)another migration is already running")
"""Source: node-pg-migrate 8 (runner), which goes on to give back what it did not get."""


def _released_elsewhere(case: Case) -> Iterator[Finding]:
    """F048 by a lock that a replica took and could not give back: it had become another session's."""
    trouble = troubled(case)
    said: dict[str, Exhibit] = {}
    for log in case.evidence.platform.logs or ():
        if any(_NEVER_HAD.search(raw) for raw in log.lines):
            continue
        line = next((raw for raw in log.lines if _NOT_ITS_OWN.search(raw)), None)
        if line is not None and (trouble is None or log.replica in trouble):
            said.setdefault(log.replica, log_exhibit(log, line))
    if not said:
        return
    yield Finding(
        code="F048",
        cause=f"{listed(tuple(said))} took the migration lock in one session and gave it back in another: a pooler is between",
        confidence=0.85,
        why="a session that is reached straight keeps its locks; behind a pooler the next statement may be in another one",
        evidence=tuple(said.values())[:2],
        next="give the migrating replicas the address of PostgreSQL itself (port 5432 of the server, not the pooler's)",
        avoid="do not restart them with the same address: the lock that was taken stays with the pooler's session",
        rules_out=("F012", "F010"),
        about=(THE_LOCK, *(f"pod {name}" for name in said)),
    )


def _is_poolers(sqlstate: str | None, message: str) -> bool:
    return "unsupported startup parameter" in message if sqlstate == "08P01" else "prepared statement" in message


def _is_pooled(session: Session) -> bool:
    return any(name in session.application_name.lower() for name in POOLERS)


def waiting_in_words(count: int) -> str:
    """``1 session of replicas waits``."""
    return f"{counted(count, 'session')} of replicas {'waits' if count == 1 else 'wait'}"


def _pods(owned: Sequence[OwnedSession]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"pod {o.replica}" for o in owned if o.replica is not None))
