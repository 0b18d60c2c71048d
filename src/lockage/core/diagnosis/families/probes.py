"""Probes: who kills a replica that migrates, who kills one that does not, and who only calls it not ready.

Pure. The surprising thing: the same kill is told apart by what the replica was doing, not by the event. A process that migrates
answers nothing for as long as that lasts, so its kill budget must be longer than the migration; one that has nothing to migrate
and is killed is ill in another way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockage.core.diagnosis.evidence import Container, ContainerPhase, ReplicaDetail
from lockage.core.diagnosis.families.probes_relapses import killed_again
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import (
    CLOCK_S,
    RECENT_S,
    SIGKILL,
    SIGTERM,
    Ending,
    age_s,
    all_well,
    budget_s,
    details,
    ended_as_budgeted,
    endings,
    event_line,
    events,
    in_trouble,
    is_ready,
    kubectl,
    living,
    log_of_ending,
    noun,
    own_containers,
    pod_events,
    pods,
    state_line,
)
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.under_migration import Proof, busy, migrates_now, of_log, of_orphan, was_migrating
from lockage.core.facts import Event, Probe
from lockage.core.wording import duration

NO_EDIT = "do not edit the Deployment now: it would replace the migrating {noun} and begin the migration anew"
UNREADY_S = 30.0
"""How long a replica that has been ready may fail its readiness probe before that is worth a finding."""

STARTING_S = 60.0
"""How long a replica may take to start, where no probe says more: a start fails a readiness probe or two as a rule."""


def killed_by_probe(case: Case) -> Iterator[Finding]:
    """F001, F002, F003: a probe kills a replica."""
    for ending in endings(case):
        if ending.kill is not None:
            yield _killed(case, ending, startup="startup probe" in ending.kill.text)
        elif (guessed := _budget_reached(case, ending)) is not None:
            yield _killed(case, ending, startup=guessed)
    for detail in living(case):
        for container in own_containers(detail):
            yield from _about_to_be_killed(case, detail, container)


def _killed(case: Case, ending: Ending, *, startup: bool) -> Finding:
    proof = was_migrating(case, ending)
    answers = _answer_of(case, ending)
    if proof is not None and proof.strength < 0.9 and answers is not None:
        proof = None  # it answered, only not as the probe wants: a migrating process answers nothing
    seen = _kill_exhibits(case, ending)
    if startup:
        return _by_startup_probe(case, ending, proof, seen)
    return _of_migrating(case, ending, proof, seen) if proof is not None else _of_other(case, ending, answers, seen)


def _sentence(case: Case, ending: Ending, *, startup: bool, doing: str) -> str:
    after, budget = ending.killed_after_s, budget_s(case, ending.container, startup=startup)
    probe = "startup" if startup else "liveness"
    when = f" after {duration(after)}" if after is not None else ""
    limit = f"; its kill budget is {duration(budget)}" if budget is not None else ""
    times = f" (restart {ending.container.restarts})" if ending.container.restarts > 1 else ""
    return f"{noun(case)} {ending.detail.name} was killed by its {probe} probe{when}{limit}{doing}{times}"


def _of_migrating(case: Case, ending: Ending, proof: Proof, seen: tuple[Exhibit, ...]) -> Finding:
    unsure = "" if ending.kill is not None and not ending.untold else f"; {_untold(ending)}"
    return Finding(
        code="F001",
        cause=_sentence(case, ending, startup=False, doing=f", and {proof.doing}"),
        confidence=proof.strength if ending.kill is not None else min(proof.strength, 0.7),
        why=f"{proof.why}{unsure}",
        evidence=(*seen, *proof.exhibits),
        next=lockage(case, "recover", "--plan-only"),
        avoid=NO_EDIT.format(noun=noun(case)) + ", while the killed one's backend may still hold its locks",
        rules_out=("F003", "F010"),
        about=(*pods(ending.detail.name), *proof.about),
    )


def _untold(ending: Ending) -> str:
    before = "only of one before" if ending.kill is not None else "perhaps no longer"
    return f"no event tells of this very kill, {before}, but it ended when its budget did"


def _by_startup_probe(case: Case, ending: Ending, proof: Proof | None, seen: tuple[Exhibit, ...]) -> Finding:
    doing = f", and {proof.doing}" if proof is not None else ", before it had started"
    return Finding(
        code="F002",
        cause=_sentence(case, ending, startup=True, doing=doing),
        confidence=0.95 if ending.kill is not None else 0.6,
        why=proof.why if proof is not None else "the event names the startup probe",
        evidence=(*seen, *(proof.exhibits if proof is not None else ())),
        next=lockage(case, "recover", "--plan-only")
        if proof is not None
        else kubectl(case, "logs", ending.detail.name, "-c", ending.container.name, "--previous"),
        avoid=NO_EDIT.format(noun=noun(case)) if proof is not None else None,
        rules_out=("F001", "F003", "F010"),
        about=(*pods(ending.detail.name), *(proof.about if proof is not None else ())),
    )


def _of_other(case: Case, ending: Ending, answers: str | None, seen: tuple[Exhibit, ...]) -> Finding:
    known = case.evidence.database.ledger is not None or answers is not None
    doing = f", and it answered: {answers}" if answers is not None else ", and it was not migrating" if known else ""
    return Finding(
        code="F003",
        cause=_sentence(case, ending, startup=False, doing=doing),
        confidence=0.9 if known and ending.kill is not None else 0.5,
        why="nothing shows that it migrated"
        + ("" if known else ", but the database was not seen, which would tell: it may have"),
        evidence=seen,
        next=kubectl(case, "logs", ending.detail.name, "-c", ending.container.name, "--previous"),
        avoid="do not only lengthen the probe: it kills what is ill, and the illness stays",
        rules_out=("F010",),
        about=pods(ending.detail.name),
    )


def _kill_exhibits(case: Case, ending: Ending) -> tuple[Exhibit, ...]:
    shown = [event_line(ending.kill)] if ending.kill is not None else []
    failures = _failures(case, ending.detail, "startup" if ending.kill and "startup" in ending.kill.text else "liveness")
    shown += [event_line(e) for e in failures[-1:]]
    return (*shown, state_line(ending.detail, ending.container, ending.state))


def _failures(case: Case, detail: ReplicaDetail, probe: str) -> tuple[Event, ...]:
    # The kubelet writes "Liveness probe failed: …" and "Liveness probe errored: …".
    return tuple(e for e in pod_events(case, detail.name, "Unhealthy") if e.text.lower().startswith(f"{probe} probe"))


def _answer_of(case: Case, ending: Ending) -> str | None:
    """What the process answered to its last failing probe; None where it did not answer at all."""
    for failure in reversed(_failures(case, ending.detail, "liveness")):
        if ending.began_at is None or failure.at >= ending.began_at - timedelta(seconds=CLOCK_S):
            return _status(failure.text)
    return None


def _status(text: str) -> str | None:
    _, found, code = text.partition("HTTP probe failed with statuscode: ")
    return f"HTTP {code.split()[0]}" if found and code.split() else None


def _budget_reached(case: Case, ending: Ending) -> bool | None:
    """Whether a process that ended on a signal ended with its startup probe's budget, or (False) its liveness probe's.

    None: with neither. For kills that no event tells of.
    """
    if ending.state.exit_code not in {SIGKILL, SIGTERM} or ending.state.reason == "OOMKilled":
        return None
    return ended_as_budgeted(case, ending)


def _about_to_be_killed(case: Case, detail: ReplicaDetail, container: Container) -> Iterator[Finding]:
    """F001 before it happens: a migrating replica whose liveness probe fails, and has used up more than half of its budget."""
    started, probe = container.state.started_at, container.liveness
    if container.state.phase is not ContainerPhase.RUNNING or started is None or probe is None or is_ready(case, detail):
        return
    if any(e.reason == "Killing" and e.at >= started for e in pod_events(case, detail.name)):
        return
    failing = [e for e in _failures(case, detail, "liveness") if e.at >= started]
    if container.last is not None and any(e.detail.name == detail.name and e.kill for e in endings(case)):
        return  # said already, of its last process
    proof, runs, budget = migrates_now(case, detail.name), age_s(case, started), probe.kill_budget_s
    if proof is None or not failing or runs < budget / 2:
        return
    left = max(0.0, budget - runs)
    yield Finding(
        code="F001",
        cause=(
            f"{noun(case)} {detail.name} migrates, and its liveness probe will kill it in about {duration(left)}: "
            f"it runs for {duration(runs)} and its kill budget is {duration(budget)}"
        ),
        confidence=0.7,
        why=f"{proof.why}, and its liveness probe fails; it has not been killed yet",
        evidence=(event_line(failing[-1]), *proof.exhibits),
        next=lockage(case, "watch"),
        avoid=NO_EDIT.format(noun=noun(case)),
        rules_out=("F003",),
        about=(*pods(detail.name), *proof.about),
    )


# --- killed and gone --------------------------------------------------------------------------------------------------


def killed_and_gone(case: Case) -> Iterator[Finding]:
    """F001 of a replica that is gone: what it was doing shows in the backend that it left behind."""
    if all_well(case) or case.evidence.platform.details is None:
        return
    there = {d.name for d in details(case)}
    last: dict[str, Event] = {}
    for kill in events(case, "Killing"):
        name = kill.subject.removeprefix("Pod/")
        if name not in there and "failed liveness probe" in kill.text:
            last[name] = kill
    for name, kill in last.items():
        proof = of_orphan(case, name, began_at=None, ended_at=None)
        if proof is None:
            continue
        yield Finding(
            code="F001",
            cause=f"{noun(case)} {name}, which is gone, was killed by its liveness probe, and it was migrating",
            confidence=0.85,
            why=proof.why,
            evidence=(event_line(kill), *proof.exhibits),
            next=lockage(case, "recover", "--plan-only"),
            avoid=NO_EDIT.format(noun=noun(case)),
            about=(*pods(name), *proof.about),
        )


def cut_off(case: Case) -> Iterator[Finding]:
    """F005: a replica that was asked to stop migrated, did not stop within its grace, and was killed."""
    workload = case.evidence.platform.workload
    grace = workload.grace_s if workload is not None else None
    there = {d.name: d for d in details(case)}
    if all_well(case) and not any(d.deleted_at for d in there.values()):
        return
    stops: dict[str, Event] = {}
    for stop in events(case, "Killing"):
        if stop.text.startswith("Stopping container"):
            stops[stop.subject.removeprefix("Pod/")] = stop
    for name, stop in stops.items():
        detail = there.get(name)
        if detail is not None and detail.deleted_at is None:
            continue
        seen = _seen_cut_off(case, name, detail)
        if seen is None:
            continue
        proof, exhibits = seen
        limit = f" of {duration(grace)}" if grace is not None else ""
        yield Finding(
            code="F005",
            cause=f"{noun(case)} {name} was killed at the end of its grace period{limit}, and it was migrating",
            confidence=min(proof.strength, 0.9),
            why=proof.why,
            evidence=(event_line(stop), *exhibits, *proof.exhibits),
            next=lockage(case, "recover", "--plan-only"),
            avoid="do not delete or replace the next one while it migrates: its backend would outlive it too",
            about=(*pods(name), *proof.about),
        )


def _seen_cut_off(case: Case, name: str, detail: ReplicaDetail | None) -> tuple[Proof, tuple[Exhibit, ...]] | None:
    """What shows that it migrated and was killed; of one that is still there its exit code must say so."""
    if detail is None:
        found = of_orphan(case, name, began_at=None, ended_at=None)
        return (found, ()) if found is not None else None
    for container in own_containers(detail):
        state = container.state
        if state.phase is ContainerPhase.TERMINATED and state.exit_code == SIGKILL and state.reason != "OOMKilled":
            ending = Ending(detail=detail, container=container, state=state)
            found = of_orphan(case, name, began_at=state.started_at, ended_at=state.finished_at)
            found = found or of_log(log_of_ending(case, ending))
            return (found, (state_line(detail, container),)) if found is not None else None
    return None


# --- not ready --------------------------------------------------------------------------------------------------------


def not_ready(case: Case) -> Iterator[Finding]:
    """F004: a replica runs, does nothing that would explain it, and its readiness probe fails."""
    for detail in living(case):
        mains = [c for c in detail.containers if not c.init and c.state.phase is ContainerPhase.RUNNING]
        if is_ready(case, detail) or not mains or len(mains) < sum(1 for c in detail.containers if not c.init):
            continue
        failures = [e for e in _failures(case, detail, "readiness") if _since_start(mains[0], e)]
        if not failures or not _too_long(case, detail, mains[0], failures[-1]) or _explained(case, detail, mains[0]):
            continue
        slow = next((c for c in mains if not c.ready), mains[0])
        yield _unready(case, detail, slow, failures[-1], several=len(mains) > 1, own=any(c.main and not c.ready for c in mains))


def _since_start(container: Container, event: Event) -> bool:
    started = container.state.started_at
    return started is None or event.at >= started - timedelta(seconds=CLOCK_S)


def _too_long(case: Case, detail: ReplicaDetail, container: Container, failure: Event) -> bool:
    """Whether it fails now, and for longer than a start, or a hiccup, takes."""
    probe = container.readiness or Probe()
    # An event that repeats is told again only now and then: the kubelet's own limit is one in five minutes, after 25.
    if age_s(case, failure.at) > max(RECENT_S, 3 * probe.period_s * probe.failure_threshold):
        return False
    started = container.state.started_at
    if started is None:
        return False
    if container.startup is not None and not container.ready and _failures(case, detail, "startup"):
        return False
    normal = max(STARTING_S, probe.initial_delay_s + 2 * probe.period_s * probe.failure_threshold)
    since = next((c.since for c in detail.conditions if c.type == "Ready" and c.status == "False"), None)
    if since is not None and (since - started).total_seconds() > CLOCK_S:  # it was ready, and no longer is
        return age_s(case, since) > UNREADY_S
    return age_s(case, started) > normal


def _explained(case: Case, detail: ReplicaDetail, container: Container) -> bool:
    """Whether it is killed, migrates or waits for its turn: what then keeps it from serving is a cause of its own."""
    ending = any(e.detail.name == detail.name and e.kill is not None for e in endings(case))
    young = container.state.started_at is not None and age_s(case, container.state.started_at) < STARTING_S
    looping = container.restarts > 0 and young and in_trouble(case, detail, container)
    return ending or looping or busy(case, detail.name) is not None or migrates_now(case, detail.name) is not None


def _unready(case: Case, detail: ReplicaDetail, container: Container, failure: Event, *, several: bool, own: bool) -> Finding:
    started = container.state.started_at
    since = next((c.since for c in detail.conditions if c.type == "Ready" and c.status == "False"), None) or started
    lasting = f" for {duration(age_s(case, since))}" if since is not None else ""
    blind = case.evidence.database.owned is None
    which = f"container {container.name} of " if several else ""
    answered = _status(failure.text)
    return Finding(
        code="F004",
        cause=f"{which}{noun(case)} {detail.name} runs and is not ready{lasting}: {failure.text[:160]}",
        confidence=0.6 if blind else 0.8,
        why="its process runs, and the probe fails at present" + (", but the database was not seen" if blind else ""),
        evidence=(event_line(failure), state_line(detail, container)),
        next=kubectl(case, "logs", detail.name, "-c", container.name, "--tail=50"),
        avoid="do not restart it before its log was read" if answered is None else None,
        # It serves, and is not what is asked; or the application is ready, and another container is not.
        rules_out=("F056",) if not own or (answered is not None and answered.startswith("HTTP 4")) else (),
        about=pods(detail.name),
    )


RULES: tuple[Rule, ...] = (killed_by_probe, killed_again, killed_and_gone, cut_off, not_ready)
