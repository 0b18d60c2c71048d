"""What is said where no family's rule says anything: nothing matches, too little was seen, or it only just starts.

Not for causes that can be named (``families``). The surprising thing: silence of the rules is not health. Healthy takes that
the essential things were seen and that every replica wanted is ready; otherwise one of these findings says what is not so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from lockage.core.diagnosis.evidence import Evidence, PlatformEvidence
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Migrating
from lockage.core.diagnosis.present import event_line
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import Event, LedgerState, Replica, ReplicaPhase, Workload
from lockage.core.wording import counted, duration, listed

STARTING_S = 60.0
"""How long a replica that was never ready and never restarted is taken to be starting, where no startup probe says more.

An image that is pulled, a process that opens its connections and a first readiness probe take a few tens of seconds.
"""

LATE_RESTARTS = 3
"""Restarts from which on a replica that is ready now is not called well, when the last was within ``RECENT_S``.

One restart has a hundred harmless reasons; Kubernetes itself calls the third one a loop, by its growing back-off.
"""

RECENT_S = 600.0
"""What is "now" for restarts: the back-off between two of them grows to five minutes at most, and is reset after ten.

Source: Kubernetes documentation v1.33, Pod Lifecycle, container restarts.
"""

MOST_WARNINGS = 3
"""Of the platform, in a finding that has no other clue."""


def unexplained(case: Case, found: Sequence[Finding], migrating: Migrating | None) -> tuple[Finding, ...]:
    """What must be said beside what the rules found; empty where they explain everything, or all is well."""
    if any(not finding.harmless for finding in found):
        return ()
    wrong = tuple(_wrong(case, migrating))
    if not found:
        wrong = (*_unfinished(case.evidence), *wrong)
    # Otherwise a migration that works, or a turn that is waited for, is why a replica is not ready.
    if wrong:
        return (_nothing_matches(case, wrong),)
    if unseen := essential_unseen(case):
        return (_too_little(case, unseen),)
    if not found and not is_as_wanted(case.evidence):
        return (_still_starting(case),)
    return ()


def is_as_wanted(evidence: Evidence) -> bool:
    """Whether every replica that is wanted is there, of the wanted image, and ready; False where that was not seen."""
    platform = evidence.platform
    if platform.workload is None or platform.replicas is None:
        return False
    return not tuple(_unready(platform.workload, platform)) and not tuple(_not_as_wanted(platform.workload, platform))


def essential_unseen(case: Case) -> tuple[str, ...]:
    """What must be seen to call a deployment healthy, and was not."""
    platform, database = case.evidence.platform, case.evidence.database
    looked = {"the Deployment": platform.workload, "its replicas": platform.replicas, "the database": database.server}
    unseen = [name for name, value in looked.items() if value is None]
    ledger = database.ledger
    if case.known and (ledger is None or ledger.state is LedgerState.UNREADABLE):
        unseen.append("the ledger")
    return tuple(unseen)


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _wrong(case: Case, migrating: Migrating | None) -> Iterator[str]:
    """What is not as it should be whatever goes on, one clause each."""
    at = case.evidence.at
    for replica in case.evidence.platform.replicas or ():
        ended = replica.last_exit
        if ended is not None and replica.restarts >= LATE_RESTARTS and (at - ended.at).total_seconds() < RECENT_S:
            ago = duration(max(0.0, (at - ended.at).total_seconds()))
            how = f"{ago} ago last ({ended.reason}, exit code {ended.code})"
            yield f"{replica.name} has restarted {replica.restarts} times, {how}"
    limit_s = case.profile.vendor.call_after_s
    if migrating is not None and migrating.pace != "works" and (migrating.since_s or 0.0) > limit_s:
        yield f"backend {migrating.pid} migrates for {duration(migrating.since_s or 0.0)}, longer than {duration(limit_s)}"


def _unfinished(evidence: Evidence) -> Iterator[str]:
    """What a rollout has not reached, and does not seem to be reaching now."""
    platform = evidence.platform
    if platform.workload is None or platform.replicas is None:
        return
    starting = set(_starting(evidence))
    late = tuple(replica for replica in _unready(platform.workload, platform) if replica not in starting)
    if late:
        yield _ages_in_words(late, evidence.at)
    if not starting and not any(replica.phase is ReplicaPhase.TERMINATING for replica in platform.replicas):
        yield from _not_as_wanted(platform.workload, platform)


def _present(platform: PlatformEvidence) -> tuple[Replica, ...]:
    return tuple(r for r in platform.replicas or () if r.phase is not ReplicaPhase.TERMINATING)


def _unready(workload: Workload, platform: PlatformEvidence) -> tuple[Replica, ...]:
    """The replicas that are not ready, where too few are, or the wanted image's own."""
    present = _present(platform)
    enough = sum(replica.ready for replica in present) >= workload.replicas
    return tuple(r for r in present if not r.ready and (not enough or r.image == workload.image))


def _not_as_wanted(workload: Workload, platform: PlatformEvidence) -> Iterator[str]:
    present = _present(platform)
    if len(present) != workload.replicas:
        yield f"{counted(workload.replicas, 'replica')} wanted, {len(present)} there"
    others = sorted({replica.image for replica in present} - {workload.image})
    if others:
        yield f"the rollout is not finished: {workload.image} is wanted, and {listed(tuple(others))} runs"


def _starting(evidence: Evidence) -> Iterator[Replica]:
    """Replicas so young that a rollout goes on with them: they may still become ready by themselves, or just have."""
    platform = evidence.platform
    startup = platform.workload.startup if platform.workload is not None else None
    limit_s = max(STARTING_S, startup.kill_budget_s if startup is not None else 0.0)
    for replica in _present(platform):
        age_s = (evidence.at - (replica.started_at or replica.created_at)).total_seconds()
        if replica.phase is not ReplicaPhase.BACK_OFF and not replica.restarts and age_s < limit_s:
            yield replica


def _ages_in_words(replicas: Sequence[Replica], at: datetime) -> str:
    ages = {replica.name: duration(max(0.0, (at - replica.created_at).total_seconds())) for replica in replicas}
    return listed(tuple(f"{name} is not ready, {age} old" for name, age in sorted(ages.items())))


# --- the findings -----------------------------------------------------------------------------------------------------


def _nothing_matches(case: Case, wrong: Sequence[str]) -> Finding:
    warned = tuple(_warnings(case))
    last = f"; the platform's last warning is {warned[-1].reason}: {warned[-1].text[:160]}" if warned else ""
    return Finding(
        code="F000",
        cause=f"something is wrong, and no rule knows why: {'; '.join(wrong)}{last}",
        confidence=1.0,
        why="what is wrong was seen, and every cause that would show in what was seen is ruled out",
        evidence=(
            *(Exhibit(source="what was found beside what is wanted", text=text) for text in wrong),
            *map(event_line, warned),
        ),
        next=lockage(case, "bundle"),
        avoid="restart or change nothing before the bundle is made: what would tell goes with the replica",
    )


def _warnings(case: Case) -> Iterator[Event]:
    """The newest warning of each reason, of replicas that are not ready, oldest first."""
    waiting = {f"Pod/{replica.name}" for replica in case.evidence.platform.replicas or () if not replica.ready}
    newest: dict[str, Event] = {}
    for event in case.evidence.platform.events or ():
        if event.kind == "Warning" and event.subject in waiting and (case.evidence.at - event.at).total_seconds() < RECENT_S:
            newest[event.reason] = event
    yield from sorted(newest.values(), key=lambda event: event.at)[-MOST_WARNINGS:]


def _too_little(case: Case, unseen: tuple[str, ...]) -> Finding:
    missing = case.evidence.missing
    return Finding(
        code="F086",
        cause=f"too little was seen to call it healthy or ill: {listed(unseen)} could not be looked at",
        confidence=1.0,
        why="silence of what does not answer is no health",
        evidence=tuple(Exhibit(source=one.source, text=one.why) for one in missing),
        next=_way_in(case, unseen),
    )


def _way_in(case: Case, unseen: tuple[str, ...]) -> str:
    if case.evidence.platform_kind != "kubernetes":
        return lockage(case, "survey")
    if unseen[0] == "the database":
        return lockage(case, "diagnose", "--database", "URL")
    return lockage(case, "rbac", "--read-only", "--missing")


def _still_starting(case: Case) -> Finding:
    """What is said of a rollout that moves: there are young replicas, or old ones that end."""
    evidence, platform = case.evidence, case.evidence.platform
    workload = platform.workload
    assert workload is not None, "without it too little was seen"
    ready = sum(replica.ready and replica.image == workload.image for replica in _present(platform))
    text = f"{ready} of {counted(workload.replicas, 'replica')} of {workload.release} ready"
    young = tuple(replica for replica in _starting(evidence) if not replica.ready)
    ages = (Exhibit(source="replicas", text=_ages_in_words(young, evidence.at)),) if young else ()
    return Finding(
        code="F087",
        cause=f"a rollout is under way and moves: {text}",
        confidence=0.8,
        why="no replica has restarted, and none has had more than the time that a start takes",
        evidence=(Exhibit(source="replicas", text=text), *ages),
        next=lockage(case, "diagnose"),
        avoid="do not restart it: it would begin anew",
        harmless=True,
        about=tuple(f"pod {replica.name}" for replica in young),
    )
