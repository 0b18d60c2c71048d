"""Who or what a migration waits for, and who waits for a migration.

One finding a blocker at the root of the wait, by what must be done about it: an orphan, a session idle in its transaction, a
prepared transaction, an autovacuum that does not yield, an old snapshot, or just somebody's query. The surprising thing: a
replica that waits for its turn at the migration lock is healthy, and is said so; most of the night's restarts begin there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.blockers import Blocker, Who, yields_by_itself
from lockage.core.diagnosis.blocking import (
    aside,
    conflicting,
    lock_in_words,
    look_at,
    names_of,
    relation_of,
    remedy_of,
    snapshot_wait,
    who_in_words,
)
from lockage.core.diagnosis.evidence import PreparedTransaction
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.lock_rows import lock_row_left
from lockage.core.diagnosis.migration_lock import nobody_holds, orphan_finding, orphan_holds, pooler_between, waits_its_turn
from lockage.core.diagnosis.migrator import (
    Migrator,
    awaited,
    blockers,
    first_look,
    is_turn,
    last_look,
    migrator,
    shown,
    statement_in_words,
    waits_on,
)
from lockage.core.diagnosis.typed import lockage, psql
from lockage.core.facts import Session
from lockage.core.wording import duration, listed

ROW_WAITS = frozenset({"transactionid", "tuple", "speculative token"})
"""Waits for rows that another transaction has changed. Source: PostgreSQL 18, table 27.11."""

# --- the migration waits ----------------------------------------------------------------------------------------------


def migration_waits(case: Case) -> Iterator[Finding]:
    """F040, F041, F043 to F047: who stands in the way of the migration, or of a replica that has not begun it."""
    for waiter, sure in _waiters(case):
        for blocker in blockers(case, waiter.session.pid):
            yield from _blocked(case, waiter, blocker, sure)


def _waiters(case: Case) -> Iterator[tuple[Migrator, float]]:
    found = migrator(case)
    if found is not None and waits_on(case, found.session) and not is_turn(found.session):
        sure = 0.95 if first_look(case) is not None else 0.7
        yield found, sure * found.sure


def _blocked(case: Case, waiter: Migrator, blocker: Blocker, sure: float) -> Iterator[Finding]:
    if blocker.who is Who.LOCKAGE:
        return
    session = blocker.session
    if session is None:
        yield _prepared(case, waiter, sure)
    elif snapshot_wait(waiter.session):
        yield _old_snapshot(case, waiter, blocker, sure)
    elif blocker.who in {Who.DOOMED_ORPHAN, Who.WORKING_ORPHAN}:
        yield orphan_finding(
            case, waiter.session, session, sure=sure, why="the same backend was there, without a client, in both looks"
        )
    elif session.query.startswith("autovacuum:"):
        if not yields_by_itself(session):
            yield _wraparound(case, waiter, session, sure)
    elif (session.state or "").startswith("idle in transaction"):
        yield _idle(case, waiter, blocker, sure)
    elif waiter.session.wait_event in ROW_WAITS:
        yield _rows(case, waiter, blocker, sure)
    else:
        yield _relation(case, waiter, blocker, sure)


def _relation(case: Case, waiter: Migrator, blocker: Blocker, sure: float) -> Finding:
    assert blocker.session is not None
    return Finding(
        code="F040",
        cause=f"{waiter.name} waits for {lock_in_words(waiter.session)}, which {who_in_words(case, blocker)} holds",
        confidence=sure,
        why=f"pg_blocking_pids names it, and it waits for nobody; {waiter.why}",
        evidence=(shown(waiter.session), shown(blocker.session), *_held(blocker.session, waiter.session)),
        next=remedy_of(case, blocker),
        avoid=LEFT_INVALID if _BUILDS.match(statement_in_words(blocker.session.query)) else aside(waiter),
        about=names_of(waiter, blocker),
    )


_BUILDS = re.compile(r"(?i)(?:create (?:unique )?|re)index\b.*\bconcurrently\b")
LEFT_INVALID = "do not cancel it lightly: a build CONCURRENTLY that is broken off leaves an invalid index behind, to be dropped"


def _rows(case: Case, waiter: Migrator, blocker: Blocker, sure: float) -> Finding:
    assert blocker.session is not None
    age = blocker.session.transaction_age_s
    open_for = f", whose transaction is open for {duration(age)}," if age is not None else ""
    return Finding(
        code="F041",
        cause=f"{waiter.name} waits for rows that {who_in_words(case, blocker)}{open_for} has changed or locked",
        confidence=sure,
        why=f"it waits for another transaction to end ({waiter.session.wait_event}), and pg_blocking_pids names its session",
        evidence=(shown(waiter.session), shown(blocker.session)),
        next=remedy_of(case, blocker),
        avoid=aside(waiter),
        about=names_of(waiter, blocker),
    )


def _idle(case: Case, waiter: Migrator, blocker: Blocker, sure: float) -> Finding:
    session = blocker.session
    assert session is not None
    idle = duration(session.state_age_s or 0.0)
    what = "rows that it has changed" if waiter.session.wait_event in ROW_WAITS else lock_in_words(waiter.session)
    itself = blocker.replica is not None and blocker.replica == waiter.owned.replica
    circle = ": the replica waits for itself, by two of its own sessions" if itself else ""
    return Finding(
        code="F044",
        cause=f"{who_in_words(case, blocker)} is {session.state} for {idle}, and {waiter.name} waits for {what}{circle}",
        confidence=sure,
        why="pg_blocking_pids names it, it runs no statement, and only its client or its end gives the lock back",
        evidence=(shown(waiter.session), shown(session), *_held(session, waiter.session)),
        next=f"call the vendor, with what this packs: {lockage(case, 'bundle')}" if itself else remedy_of(case, blocker),
        avoid="do not count on another start: the same code waits for itself again" if itself else aside(waiter),
        rules_out=("F040", "F041"),
        about=names_of(waiter, blocker),
    )


def _old_snapshot(case: Case, waiter: Migrator, blocker: Blocker, sure: float) -> Finding:
    session = blocker.session
    assert session is not None
    look = last_look(case)
    work = next((w for w in (look.work if look else ()) if w.pid == waiter.session.pid and w.phase), None)
    phase = (Exhibit(source="pg_stat_progress_create_index", text=f"{work.command}: {work.phase}"),) if work else ()
    age = f", open for {duration(session.transaction_age_s)}," if session.transaction_age_s is not None else ""
    return Finding(
        code="F047",
        cause=f"{waiter.name} builds an index and waits for the older transaction of {who_in_words(case, blocker)}{age} to end",
        confidence=sure,
        why="it waits for a virtual transaction, as CREATE INDEX CONCURRENTLY does for whoever may see the table as it was",
        evidence=(shown(waiter.session), shown(session), *phase),
        next=f"wait for it, or ask {session.user} to end it; who that is: {look_at(case, session.pid)}",
        avoid="do not cancel the index build: it leaves an invalid index behind, and begins anew",
        rules_out=("F040", "F044"),
        about=names_of(waiter, blocker),
    )


def _wraparound(case: Case, waiter: Migrator, session: Session, sure: float) -> Finding:
    look = last_look(case)
    work = next((w for w in (look.work if look else ()) if w.pid == session.pid and w.done_ratio is not None), None)
    far = f" ({work.done_ratio:.0%} of {work.phase})" if work is not None and work.done_ratio is not None else ""
    return Finding(
        code="F046",
        cause=f"{waiter.name} waits for {lock_in_words(waiter.session)}, held by autovacuum pid {session.pid}, which prevents "
        f"transaction wrap-around and does not yield{far}",
        confidence=sure,
        why='its query says "(to prevent wraparound)", and such an autovacuum goes on though somebody waits',
        evidence=(shown(waiter.session), shown(session)),
        next=psql(case, "SELECT * FROM pg_stat_progress_vacuum"),
        avoid="do not cancel it again and again: it comes back at once, and the server stops taking writes when it never ends",
        rules_out=("F040",),
        about=(*waiter.about, f"backend {session.pid}", *relation_of(waiter.session)),
    )


def _prepared(case: Case, waiter: Migrator, sure: float) -> Finding:
    known = case.evidence.database.prepared
    found = conflicting(waiter.session, known or ())
    gid = f"{found.gid} (role {found.owner}, {duration(found.age_s)} old)" if found is not None else "(its name was not seen)"
    named = (f"transaction {found.gid}",) if found is not None else ()
    what = "rows that it has changed" if waiter.session.wait_event in ROW_WAITS else lock_in_words(waiter.session)
    return Finding(
        code="F045",
        cause=f"the prepared transaction {gid} blocks {waiter.name}, which waits for {what}",
        confidence=sure if found is not None else 0.8 * sure,
        why="pg_blocking_pids gives 0, which is a prepared transaction; it has no session and survives a restart",
        evidence=(shown(waiter.session), *((_transaction_shown(found),) if found is not None else ())),
        next=_settled(case, found),
        avoid="do not guess between COMMIT PREPARED and ROLLBACK PREPARED: the transaction manager that prepared it knows, and "
        "the wrong one loses or doubles data elsewhere",
        rules_out=("F040", "F041"),
        about=(*waiter.about, *named, *relation_of(waiter.session)),
    )


def _settled(case: Case, found: PreparedTransaction | None) -> str:
    if found is None:
        return psql(case, "SELECT gid, prepared, owner FROM pg_prepared_xacts ORDER BY prepared")
    gid = found.gid.replace("'", "''")
    commit, back = psql(case, f"COMMIT PREPARED '{gid}'"), psql(case, f"ROLLBACK PREPARED '{gid}'")
    return f"ask the transaction manager of role {found.owner} how {found.gid} ended, then: {commit}, or: {back}"


def _transaction_shown(found: PreparedTransaction) -> Exhibit:
    locks = listed(tuple(f"{lock.mode} on {lock.relation}" for lock in found.relation_locks)) or "no lock on a relation"
    return Exhibit(source="pg_prepared_xacts", text=f"{found.gid}, {found.owner}, {duration(found.age_s)} old: {locks}")


def _held(holder: Session, waiter: Session) -> tuple[Exhibit, ...]:
    """The locks of the holder on the relation that is waited for."""
    wanted = awaited(waiter)
    locks = [k for k in holder.relation_locks if k.granted and wanted is not None and k.relation == wanted[1]]
    return tuple(Exhibit(source="pg_locks", text=f"pid {holder.pid} holds {k.mode} on {k.relation}") for k in locks[:3])


RULES: tuple[Rule, ...] = (migration_waits, orphan_holds, waits_its_turn, nobody_holds, lock_row_left, pooler_between)
