"""Replicas that live and do nothing: no migration, no turn that is waited for, and not ready either.

The surprising thing: silence of the database is the evidence here, so these rules speak only where the sessions and their
clients were seen in two looks, and never surely.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.migrator import attributed, first_look, last_look, migrator, owners, shown
from lockage.core.diagnosis.motion import pace_of
from lockage.core.diagnosis.present import kubectl
from lockage.core.diagnosis.rollout import starting
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import voices
from lockage.core.facts import LedgerState, OwnedSession, Replica, ReplicaPhase
from lockage.core.wording import counted, duration

ALIVE_S = 60.0
"""How long a process may take to reach the database: loading, waiting for DNS and for other services take tens of seconds."""

COMPUTES_CORES = 0.2
"""CPU of a replica that does something: an idle one uses a hundredth of a core."""

_SURE_BY_IDLE_S = ((300.0, 0.9), (60.0, 0.75), (15.0, 0.55), (0.0, 0.4))


def nothing_migrates(case: Case) -> Iterator[Finding]:
    """F056: a replica is alive and not ready, and does nothing in the database."""
    database = case.evidence.database
    if first_look(case) is None or database.owned is None or database.trouble is not None or migrator(case) is not None:
        return
    complaining = {voice.detail.name for voice in voices(case)}
    sessions = owners(case)
    for replica in starting(case):
        own = [o for o in sessions if o.replica == replica.name]
        if replica.name in complaining or not _is_old_enough(case, replica) or _does_something(case, own):
            continue
        # Whose a session is cannot be told where no session at all has an owner.
        if not attributed(case) and any(not o.ours for o in sessions):
            continue
        yield _nothing(case, replica, own)


def _is_old_enough(case: Case, replica: Replica) -> bool:
    if replica.phase is not ReplicaPhase.RUNNING or replica.started_at is None:
        return False
    return (case.evidence.at - replica.started_at).total_seconds() >= ALIVE_S


def _does_something(case: Case, own: list[OwnedSession]) -> bool:
    first = first_look(case)
    for one in own:
        before = first.session(one.session.pid) if first is not None else None
        busy = one.session.state not in {None, "idle"} or one.session.in_transaction
        if busy or before is None or before.query != one.session.query or before.state != "idle":
            return True
    return False


def _nothing(case: Case, replica: Replica, own: list[OwnedSession]) -> Finding:
    ledger, last = case.evidence.database.ledger, last_of_image(case)
    done = ledger is not None and ledger.state is LedgerState.READ and last is not None and (ledger.version or 0) >= last
    alive = duration((case.evidence.at - replica.started_at).total_seconds()) if replica.started_at else "some time"
    usage = next((u for u in case.evidence.platform.usage or () if u.replica == replica.name), None)
    computes = usage is not None and (usage.cpu_cores or 0.0) >= COMPUTES_CORES
    idle = f"its {counted(len(own), 'session')} there do nothing" if own else "it has no session there"
    after = "; the ledger is where its release ends, so that no migration is left" if done else ""
    cpu = (Exhibit(source="usage of replicas", text=f"{usage.cpu_cores:.2f} CPU cores"),) if usage and usage.cpu_cores else ()
    log = kubectl(case, "logs", replica.name) if case.evidence.platform_kind == "kubernetes" else lockage(case, "survey")
    return Finding(
        code="F056",
        cause=f"replica {replica.name} runs for {alive} and is not ready, and nothing migrates: {idle}, and nobody holds the "
        f"migration lock{after}",
        confidence=0.3 if computes else 0.45 if own or done else 0.55,
        why="it uses CPU, so it does something that the database does not show"
        if computes
        else "the database shows nothing of it in two looks, which is silence and no proof",
        evidence=(*(shown(o.session) for o in own[:2]), *cpu, _silence(case)),
        next=log,
        avoid="do not delete it before its log and, where it has one, its stack dump were looked at",
        about=(f"pod {replica.name}",),
    )


def _silence(case: Case) -> Exhibit:
    look = last_look(case)
    count = len(look.sessions) if look is not None else 0
    return Exhibit(source="pg_stat_activity", text=f"{counted(count, 'session')}, none of them migrates in either look")


def client_does_nothing(case: Case) -> Iterator[Finding]:
    """F057: the migration's session waits for its client, which sends nothing."""
    found = migrator(case)
    if found is None or found.owned.orphan or found.owned.replica is None or pace_of(case, found) != "hangs":
        return
    session = found.session
    idle_s = (session.state_age_s if session.state != "active" else session.statement_age_s) or 0.0
    sure = next(sure for least_s, sure in _SURE_BY_IDLE_S if idle_s >= least_s)
    usage = next((u for u in case.evidence.platform.usage or () if u.replica == found.owned.replica), None)
    computes = usage is not None and (usage.cpu_cores or 0.0) >= COMPUTES_CORES
    cpu = (Exhibit(source="usage of replicas", text=f"{usage.cpu_cores:.2f} CPU cores"),) if usage and usage.cpu_cores else ()
    yield Finding(
        code="F057",
        cause=f"{found.name} migrates, and its client has sent nothing for {duration(idle_s)}: {session.state}",
        confidence=(0.5 if computes else 1.0) * sure * found.sure,
        why="the replica uses CPU, so it may be computing between two statements"
        if computes
        else "the same last statement and no work of its own in two looks; PostgreSQL waits for the replica",
        evidence=(shown(session), *cpu),
        next=kubectl(case, "logs", found.owned.replica)
        if case.evidence.platform_kind == "kubernetes"
        else lockage(case, "survey"),
        avoid="do not terminate the session before the replica's log was looked at: what it has done is rolled back",
        about=found.about,
    )


RULES: tuple[Rule, ...] = (nothing_migrates, client_does_nothing)
