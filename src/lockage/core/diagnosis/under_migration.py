"""Whether a replica migrates, or did when its process ended, and how well that is known.

Not for how far a migration is. The surprising thing: a process that is gone left its proof in the database (the backend lives
on, and began while the process lived) or in its previous log, and where neither was seen only the ledger tells: a replica that
never got ready, with migrations pending, was migrating, and one with nothing to migrate was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lockage.core.diagnosis.evidence import ContainerPhase, LogText, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.migrator import last_look, migrator
from lockage.core.diagnosis.migrator_lines import Step, last_step, mid_migration, serves
from lockage.core.diagnosis.present import (
    CLOCK_S,
    Ending,
    age_s,
    log_exhibit,
    log_of,
    log_of_ending,
    newest_revision,
    own_containers,
)
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.facts import LedgerState, OwnedSession
from lockage.core.sessions import APPLICATION_NAME_BYTES

PROVEN, LIKELY, POSSIBLE = 0.95, 0.75, 0.5

BEGINS_S = 10.0
"""How long after its start a replica has begun to migrate, if it is going to: most take one or two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That a replica migrated."""

    strength: float  # 0 to 1
    why: str  # a clause
    exhibits: tuple[Exhibit, ...] = ()
    about: tuple[str, ...] = ()  # "backend 4711"
    doing: str = "it was migrating"


def busy(case: Case, name: str) -> OwnedSession | None:
    """A session of this replica that keeps it from serving: it migrates, or waits for its turn."""
    found = migrator(case)
    if found is not None and found.owned.replica == name:
        return found.owned
    for owned in case.evidence.database.owned or ():
        session = owned.session
        if owned.replica == name and (session.waits_for_lock or (session.in_transaction and session.state != "idle")):
            return owned
    return None


def was_migrating(case: Case, ending: Ending) -> Proof | None:
    """What speaks for it that the process migrated when it ended; None where it did not, as far as that can be told."""
    name, log = ending.detail.name, log_of_ending(case, ending)
    found = (
        of_orphan(case, name, began_at=ending.detail.created_at or ending.began_at, ended_at=ending.state.finished_at)
        or of_log(log)
        or _of_turn(log)
        or _of_successor(case, name)
    )
    if found is None and log is not None and case.evidence.database.ledger is None:
        if serves(log):
            return None
        found = _between_two(log)
    if found is None and case.evidence.database.ledger is None and ending.state is not ending.container.last:
        found = _of_predecessor(log_of(case, name, ending.container.name, previous=True))
    return found or _of_ledger(case, ending.detail)


def of_orphan(case: Case, name: str, *, began_at: datetime | None, ended_at: datetime | None) -> Proof | None:
    """A backend that a process of this replica left behind, with a lock or a transaction.

    ``began_at``, ``ended_at``: when the replica was made and its last process ended; None: only its name can tell.
    """
    activity = last_look(case)
    ahead = timedelta(seconds=activity.ahead_s if activity is not None else 0.0)
    for owned in case.evidence.database.owned or ():
        session = owned.session
        if not owned.orphan or not (session.advisory_locks or session.in_transaction):
            continue
        named = _named(case, session.application_name, name)
        if named is False or (named is None and not _within(session.backend_start - ahead, began_at, ended_at)):
            continue
        doing = " ".join(session.query.split())[:120] or "(not visible)"
        text = f"backend {session.pid}, no client, {session.state or 'state not visible'}: {doing}"
        return Proof(
            strength=PROVEN if named else 0.85,
            why=f"its backend {session.pid} outlived it, in the middle of a transaction",
            exhibits=(Exhibit(source="pg_stat_activity", text=text),),
            about=(f"backend {session.pid}",),
        )
    return None


def _named(case: Case, application_name: str, replica: str) -> bool | None:
    """Whether a session's name is that of this replica; None where names do not tell replicas apart."""
    pattern = case.profile.workload.application_name
    if "{replica}" in pattern:
        expected = pattern.replace("{replica}", replica).encode()[:APPLICATION_NAME_BYTES].decode(errors="ignore")
        return application_name == expected
    return True if replica in application_name else None


def _within(begun: datetime, began_at: datetime | None, ended_at: datetime | None) -> bool:
    slack = timedelta(seconds=CLOCK_S)
    if began_at is None or begun < began_at - slack:
        return False
    return ended_at is None or begun <= ended_at + slack


def of_log(log: LogText | None) -> Proof | None:
    """A log that ends in the middle of a migration."""
    line = mid_migration(log) if log is not None else None
    if log is None or line is None:
        return None
    return Proof(strength=PROVEN, why="its log ends in the middle of a migration", exhibits=(log_exhibit(log, line.raw),))


def _of_predecessor(log: LogText | None) -> Proof | None:
    """The process before it ended in the middle of a migration, which this one would begin anew: for where no ledger tells."""
    found = of_log(log)
    if found is None:
        return None
    why = f"the process before it migrated: {found.why}"
    return Proof(strength=LIKELY, why=why, exhibits=found.exhibits, doing="it was migrating, or about to")


def _of_turn(log: LogText | None) -> Proof | None:
    """A log that ends while its process waits for the migration lock."""
    line = last_step(log) if log is not None else None
    if log is None or line is None or line.step is not Step.WAITS:
        return None
    why = "its log ends while it waits for its turn"
    return Proof(strength=0.85, why=why, exhibits=(log_exhibit(log, line.raw),), doing="it was waiting for its turn to migrate")


def _between_two(log: LogText) -> Proof | None:
    """A log that ends behind one migration, with nothing said of the end of them all: for where no ledger tells."""
    line = last_step(log)
    if line is None or line.step is not Step.DONE:
        return None
    why = "its log ends behind one migration and says nothing of the end of them all"
    return Proof(strength=LIKELY, why=why, exhibits=(log_exhibit(log, line.raw),))


def migrates_now(case: Case, name: str) -> Proof | None:
    """What shows that this replica migrates at present."""
    found = migrator(case)
    if found is not None and found.owned.replica == name:
        text = f"{found.name}, {found.session.state or 'state not visible'}: {' '.join(found.session.query.split())[:120]}"
        return Proof(
            strength=min(PROVEN, found.sure),
            why=f"its backend {found.session.pid} migrates now: {found.why}",
            exhibits=(Exhibit(source="pg_stat_activity", text=text),),
            about=(f"backend {found.session.pid}",),
        )
    return of_log(log_of(case, name, previous=False)) if found is None else None


def _of_successor(case: Case, name: str) -> Proof | None:
    """Its next process migrates, so that it did too."""
    found = migrates_now(case, name)
    if found is None:
        return None
    return Proof(
        strength=0.85, why=f"its next process does what it did: {found.why}", exhibits=found.exhibits, about=found.about
    )


def _of_ledger(case: Case, detail: ReplicaDetail) -> Proof | None:
    """What the ledger says of a replica of the newest revision; the weakest proof."""
    ledger, last = case.evidence.database.ledger, last_of_image(case)
    newest = newest_revision(case)
    if newest is not None and (newest.ready > 0 or (detail.revision and detail.revision != newest.name)):
        return None  # one of its kind serves: the schema is theirs already
    if ledger is not None and ledger.state is LedgerState.READ and ledger.version is not None and last is not None:
        if ledger.version >= last:
            return None
        text = f"{ledger.table} is at {ledger.version}, the image brings migrations up to {last}"
        return Proof(strength=LIKELY, why="migrations are pending", exhibits=(Exhibit(source="the ledger", text=text),))
    if ledger is not None and ledger.state is LedgerState.MIGRATING:
        text = f"the migration lock is held by backend {ledger.holder_pid}"
        said = Exhibit(source="the ledger", text=text)
        doing = "it was migrating, or waiting for its turn to"
        return Proof(strength=LIKELY, why="a migration is under way", exhibits=(said,), doing=doing)
    if newest is None or _idles(case, detail):
        return None
    why = "no replica of its revision was ever ready, and whether migrations are pending is not known"
    return Proof(strength=POSSIBLE, why=why, doing="it may have been migrating")


def _idles(case: Case, detail: ReplicaDetail) -> bool:
    """Whether its present process has had the time to begin, and does nothing in the database."""
    if case.evidence.database.owned is None:
        return False
    running = [c.state.started_at for c in own_containers(detail) if c.state.phase is ContainerPhase.RUNNING]
    began = [at for at in running if at is not None and age_s(case, at) >= BEGINS_S]
    works = (o for o in case.evidence.database.owned if o.replica == detail.name and o.session.in_transaction)
    return bool(began) and next(works, None) is None
