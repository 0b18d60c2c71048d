"""How a session that blocks is called, and what is to be done about it, for the rules of ``waiting``.

Not for finding it. The surprising thing: the same lock is answered differently by whose it is. A person is asked, a query is
cancelled before its session is ended, and what the migrating replica itself holds is no one's to end but the vendor's to mend.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.blockers import Blocker, Who
from lockage.core.diagnosis.evidence import PreparedTransaction
from lockage.core.diagnosis.findings import Case
from lockage.core.diagnosis.migrator import Migrator, awaited
from lockage.core.diagnosis.motion import waits_for_standby
from lockage.core.diagnosis.typed import lockage, psql, standbys_shown
from lockage.core.facts import Session


def who_in_words(case: Case, blocker: Blocker) -> str:
    """``the old release's replica x (pid 12, user app)``."""
    session = blocker.session
    assert session is not None
    login = f"pid {session.pid}, user {session.user}, application {session.application_name or '(none)'}"
    match blocker.who:
        case Who.OLD_REPLICA:
            return f"the old release's replica {blocker.replica} ({login})"
        case Who.NEW_REPLICA:
            return f"the new release's replica {blocker.replica} ({login})"
        case Who.THIRD_PARTY if case.evidence.platform.replicas is not None:
            return f"a third party ({login})"
        case _:
            return f"a session ({login})"


def lock_in_words(session: Session) -> str:
    """``AccessExclusiveLock on public.t``."""
    wanted = awaited(session)
    return f"{wanted[0]} on {wanted[1]}" if wanted is not None else f"a lock ({session.wait_event or 'not visible'})"


def names_of(waiter: Migrator, blocker: Blocker) -> tuple[str, ...]:
    """``about`` keys of a wait."""
    wanted = awaited(waiter.session)
    return (
        *waiter.about,
        *((f"backend {blocker.session.pid}",) if blocker.session is not None else ()),
        *((f"pod {blocker.replica}",) if blocker.replica and blocker.replica != waiter.owned.replica else ()),
        *((f"relation {wanted[1]}",) if wanted is not None else ()),
    )


def remedy_of(case: Case, blocker: Blocker) -> str:
    """What to do about one session that blocks: whoever it belongs to is asked first, and nothing here ends it.

    The command shows which force would do, the least first, before any is used.
    """
    session = blocker.session
    assert session is not None
    if waits_for_standby(session):
        return standbys_shown(case)  # whoever ends it keeps what it has done, and tells its client that it failed
    show = lockage(case, "recover", "--plan-only")
    if blocker.who is Who.THIRD_PARTY and case.evidence.platform.replicas is not None:
        return (
            f"ask {session.user} ({session.application_name or 'no name'}) to end it; what would end just that session: {show}"
        )
    return show


def look_at(case: Case, pid: int) -> str:
    """What to type to see who somebody is and what they do, before anything is asked of them."""
    shown = "usename, application_name, client_addr, state, xact_start, query"
    return psql(case, f"SELECT {shown} FROM pg_stat_activity WHERE pid = {pid}")  # noqa: S608 it is shown, and not run by us


def aside(waiter: Migrator) -> str:
    """What would make a wait worse."""
    if waiter.owned.orphan:
        return "do not restart replicas meanwhile: each new one waits behind it"
    who = f"replica {waiter.owned.replica}" if waiter.owned.replica else "the migrating replica"
    return f"do not restart {who}: its backend would wait on without a client, and the next one behind it"


def snapshot_wait(session: Session) -> bool:
    """Whether it waits for a transaction to end because of what that may still see, and not for a lock of its own."""
    return session.waits_for_lock and session.wait_event == "virtualxid"


def conflicting(session: Session, prepared: Sequence[PreparedTransaction]) -> PreparedTransaction | None:
    """The oldest prepared transaction that locks the relation waited for, or any that the session locks; else the only one."""
    wanted = awaited(session)
    touched = {wanted[1]} if wanted is not None else {lock.relation for lock in session.relation_locks}
    fitting = [p for p in prepared if touched & {lock.relation for lock in p.relation_locks}]
    if not fitting and len(prepared) == 1:
        return prepared[0]
    return max(fitting, key=lambda p: p.age_s, default=None)


def relation_of(session: Session) -> tuple[str, ...]:
    """``about`` key of the relation that a session waits for."""
    wanted = awaited(session)
    return (f"relation {wanted[1]}",) if wanted is not None else ()
