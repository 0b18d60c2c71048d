"""Whether the migration works, waits or hangs, and how far it is: from two looks apart.

For ``Diagnosis.migrating`` and the rules about slow and hung migrations. Not for causes. The surprising thing: the counters of
the server move by everybody's work, so that they say nothing of one backend; what counts is what that backend itself shows in
both looks: its wait, its statement, its progress view.
"""

from __future__ import annotations

from datetime import UTC
from typing import Literal

from lockage.core.blockers import commits_by_itself
from lockage.core.diagnosis.findings import Case, Migrating
from lockage.core.diagnosis.migrator import (
    Migrator,
    attributed,
    awaited,
    blockers,
    first_look,
    last_look,
    migrator,
    statement_in_words,
)
from lockage.core.facts import Activity, Session, Work
from lockage.core.progress import position
from lockage.core.sessions import UNSEEN
from lockage.core.wording import duration

IDLE_S = 5.0
"""From how long on a migration whose client says nothing may hang. Between two statements a migrator computes for milliseconds;
one that changes rows in its own code may take seconds, so that such a silence makes nobody sure yet."""

ITS_OWN_WORK = frozenset({None, "IO", "LWLock", "BufferPin", "BufferMapping", "Activity"})
"""Wait events of a backend that works; None is the CPU. Source: PostgreSQL 18, table 27.4."""

Pace = Literal["works", "waits", "hangs"]


def migrating(case: Case) -> Migrating | None:
    """The migration that is under way now, with what it does; None where none is, or the sessions were not seen."""
    found = migrator(case)
    if found is None:
        return None
    pace = pace_of(case, found)
    if pace == "hangs" and _is_a_strangers(case, found):
        return None
    work, left_s = work_of(case, found), left_of(case, found)
    return Migrating(
        pid=found.session.pid,
        replica=found.owned.replica,
        pace=pace,
        text=_sentence(case, found, pace, work, left_s),
        progress_ratio=work.done_ratio if work is not None and pace != "hangs" else None,
        left_s=left_s,
        since_s=since_of(case, found),
    )


def another_works(case: Case, replica: str) -> bool:
    """Whether another replica, which lives, migrates and gets on: then whoever gave up waiting for its turn may."""
    found = migrator(case)
    if found is None or found.owned.replica in {None, replica} or found.owned.orphan:
        return False
    return pace_of(case, found) == "works"


def _is_a_strangers(case: Case, found: Migrator) -> bool:
    """Whether whoever holds the migration lock is no replica and has no transaction: a console, say, and no migration."""
    return found.owned.replica is None and not found.owned.orphan and not found.session.in_transaction and attributed(case)


def pace_of(case: Case, found: Migrator) -> Pace | None:  # noqa: PLR0911 one return a pace
    """What the session did between the looks; None where one look does not tell."""
    now, first = found.session, first_look(case)
    before = first.session(now.pid) if first is not None else None
    if before is not None and before.backend_start != now.backend_start:
        before = None
    if waits_for_standby(now):
        return "waits" if before is None or waits_for_standby(before) else "works"
    if now.waits_for_lock:
        return "waits" if before is None or before.waits_for_lock else "works"
    if _moved(case, now, before):
        return "works"
    if now.state == "active":
        if now.wait_event_type == "Client":
            return _hangs_when(before is not None and (now.statement_age_s or 0.0) >= IDLE_S)
        return "works" if before is not None or now.wait_event_type in ITS_OWN_WORK else None
    if now.state is None or now.state == "disabled":
        return None
    return _hangs_when((now.state_age_s or 0.0) >= IDLE_S)


def _hangs_when(condition: bool) -> Pace | None:
    return "hangs" if condition else None


def _moved(case: Case, now: Session, before: Session | None) -> bool:
    """Whether the backend itself did something between the looks."""
    if before is None:
        return False
    first, last = first_look(case), last_look(case)
    own = _own_work(first, now.pid) != _own_work(last, now.pid)
    gap_s = case.evidence.database.look_gap_s
    # Idle in its transaction for less than the gap between the looks: a statement ended in between.
    fresh = now.state_age_s is not None and before.state_age_s is not None and now.state_age_s < before.state_age_s + gap_s / 2
    changed = now.state != "active" and fresh and now.state_age_s is not None and now.state_age_s < gap_s
    newer = (
        now.statement_age_s is not None and before.statement_age_s is not None and now.statement_age_s < before.statement_age_s
    )
    return own or changed or newer or before.query != now.query


def _own_work(look: Activity | None, pid: int) -> tuple[object, ...]:
    return tuple((w.command, w.phase, w.done_ratio) for w in (look.work if look else ()) if w.pid == pid)


def waits_for_standby(session: Session) -> bool:
    """Whether it has committed and waits until a synchronous standby has it too."""
    return session.wait_event_type == "IPC" and session.wait_event == "SyncRep"


def work_of(case: Case, found: Migrator) -> Work | None:
    """What a progress view shows of the migration's command; None where none does."""
    look = last_look(case)
    return next((w for w in (look.work if look else ()) if w.pid == found.session.pid and w.command is not None), None)


def left_of(case: Case, found: Migrator) -> float | None:
    """Seconds left of the command's present phase, by the rate between the looks; None where it is not known."""
    first, last, work = first_look(case), last_look(case), work_of(case, found)
    if first is None or last is None or work is None or work.done_ratio is None or found.session.waits_for_lock:
        return None
    earlier = next((w for w in first.work if w.pid == work.pid and w.command == work.command and w.phase == work.phase), None)
    gap_s = (last.at - first.at).total_seconds() or case.evidence.database.look_gap_s
    if earlier is None or earlier.done_ratio is None or earlier.relation != work.relation or gap_s <= 0:
        return None
    rate = (work.done_ratio - earlier.done_ratio) / gap_s
    return (1.0 - work.done_ratio) / rate if rate > 0 else None


def since_of(case: Case, found: Migrator) -> float | None:
    """Seconds since the migration began: of its transaction where all is one, else of its session."""
    session = found.session
    open_s = session.transaction_age_s
    if case.profile.migrations.transaction == "whole" and open_s is not None:
        return open_s
    if session.backend_start == UNSEEN:
        return open_s
    look = last_look(case)
    at = look.at if look is not None else case.evidence.at
    return max(0.0, (at.astimezone(UTC) - session.backend_start).total_seconds(), open_s or 0.0)


# --- in words ---------------------------------------------------------------------------------------------------------


def _sentence(case: Case, found: Migrator, pace: Pace | None, work: Work | None, left_s: float | None) -> str:
    since_s = since_of(case, found)
    since = f" for {duration(since_s)}" if since_s is not None else ""
    match pace:
        case "works":
            doing = working_in_words(case, found, work, left_s)
            return _dead_but_working(found, doing) if found.owned.orphan else f"It is not stuck: {doing}; do not restart it"
        case "waits":
            return f"It waits: {found.name} is at it{since}, and needs{_for_what(case, found)}"
        case "hangs":
            state = found.session.state or "state not visible"
            idle = duration(found.session.state_age_s or 0.0)
            return f"It hangs: {found.name} is {state} for {idle}, and its client sends nothing"
        case None:
            return f"{found.name} migrates{since}; one look does not tell whether it moves"


def _dead_but_working(found: Migrator, doing: str) -> str:
    if commits_by_itself(found.session):
        return f"It is not stuck, though its client is dead: {doing}; it commits by itself when its statement ends: wait for it"
    return f"It works for a dead client, and can only roll back in the end: {doing}"


def working_in_words(case: Case, found: Migrator, work: Work | None, left_s: float | None) -> str:
    """What a working migration does and how far it is: a clause."""
    place = position(found.session, case.script)
    where = f" (migration {place.index} of {place.count}, {place.name})" if place is not None else ""
    if work is not None and work.done_ratio is not None:
        left = f", about {duration(left_s)} left" if left_s is not None else ""
        phase = (
            f" of its phase {work.phase!r}" if work.phase and left_s is not None else f" ({work.phase})" if work.phase else ""
        )
        return f"{work.done_ratio:.0%} of {_command_in_words(work)}{left}{phase}{where}".replace("%", " %", 1)
    since_s = since_of(case, found)
    since = f" for {duration(since_s)}" if since_s is not None else ""
    phase = f", {_command_in_words(work)}: {work.phase}" if work is not None and work.phase else ""
    query = statement_in_words(found.session.query, most=60)
    now = f", now: {query}" if query and work is None else ""
    return f"{found.name} works{since}{where}{phase}{now}"


def _command_in_words(work: Work) -> str:
    on = f" on {work.relation}" if work.relation else ""
    command = work.command or ""
    return f"the index{on}" if "INDEX" in command else f"{command}{on}"


def _for_what(case: Case, found: Migrator) -> str:
    session = found.session
    if waits_for_standby(session):
        return " a synchronous standby to confirm its commit"
    wanted = awaited(session)
    lock = f" {wanted[0]} on {wanted[1]}" if wanted is not None else f" a lock ({session.wait_event or 'not visible'})"
    by = blockers(case, session.pid)
    who = f"; in its way: {by[0].sentence}" if by else ""
    return f"{lock}{who}"
