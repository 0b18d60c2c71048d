"""What counts now: the replicas that are in trouble, how their processes ended, and who killed them.

For the rules over the platform's evidence. Not for causes. The surprising thing: events and restarts outlive their cause by an
hour and by months, so that everything here begins with a replica that is there and not well, and only then looks for what was
said of it; where replicas could not be looked at closely, what little the platform's list says stands for the details.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockage.core.diagnosis.evidence import (
    Condition,
    Container,
    ContainerPhase,
    ContainerState,
    LogText,
    ReplicaDetail,
    Revision,
)
from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.facts import Event, Probe, Replica, ReplicaPhase
from lockage.core.wording import listed

RECENT_S = 600.0
"""What is "now" for a replica that is ready again: Kubernetes resets its back-off after ten minutes without a restart.

Source: Kubernetes documentation v1.33, Pod Lifecycle, container restarts.
"""

LOOP_RESTARTS = 3
"""Restarts from which on a replica that is ready at this moment is still taken to be in a loop."""

CLOCK_S = 2.0
"""Times of events and containers have whole seconds, and an event is told a moment after what it tells."""

KILL_S = 10.0
"""How long after its grace a killed process is gone, on a machine that is busy."""

SIGKILL, SIGTERM = 137, 143
"""Exit codes of a process that was killed, and of one that a termination ended. Source: POSIX shells, 128 + signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process of a replica ended, or is being ended."""

    detail: ReplicaDetail
    container: Container
    state: ContainerState  # terminated; running where ``kill`` is under way
    kill: Event | None = None  # the probe's; of an earlier process where ``untold``
    told_start: datetime | None = None  # of the process, by an event, where the platform keeps no start of a past process
    untold: bool = False  # nothing tells of this very kill, only of one before

    @property
    def began_at(self) -> datetime | None:
        """When the process began."""
        return self.state.started_at or self.told_start

    @property
    def killed_after_s(self) -> float | None:
        """Seconds from its start to the kill, or to its end where nothing killed it."""
        until = self.kill.at if self.kill is not None and not self.untold else self.state.finished_at
        if self.began_at is None or until is None:
            return None
        return max(0.0, (until - self.began_at).total_seconds())

    @property
    def ran_s(self) -> float | None:
        """Seconds from its start to its end."""
        if self.began_at is None or self.state.finished_at is None:
            return None
        return max(0.0, (self.state.finished_at - self.began_at).total_seconds())


# --- replicas ---------------------------------------------------------------------------------------------------------


def details(case: Case) -> tuple[ReplicaDetail, ...]:
    """Every replica, from the close look, else from the list of replicas; none where neither was seen."""
    platform = case.evidence.platform
    if platform.details is not None:
        return platform.details
    return tuple(_sketched(case, replica) for replica in platform.replicas or ())


def living(case: Case) -> tuple[ReplicaDetail, ...]:
    """The replicas that are meant to serve: neither ended, nor asked to end."""
    return tuple(d for d in details(case) if d.deleted_at is None and d.phase not in {"Failed", "Succeeded"})


def is_ready(case: Case, detail: ReplicaDetail) -> bool:
    """Whether it serves; False where that was not seen."""
    for condition in detail.conditions:
        if condition.type == "Ready":
            return condition.status == "True"
    listed = replica(case, detail.name)
    if listed is not None:
        return listed.ready
    mains = [c for c in detail.containers if not c.init]
    return bool(mains) and all(c.ready for c in mains)


def replica(case: Case, name: str) -> Replica | None:
    """The platform's short record of a replica."""
    return next((r for r in case.evidence.platform.replicas or () if r.name == name), None)


def condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """The condition of this type, where there is one."""
    return next((c for c in conditions if c.type == kind), None)


def own_containers(detail: ReplicaDetail) -> tuple[Container, ...]:
    """The containers that decide whether the application starts: its own and those that run before it."""
    chosen = tuple(c for c in detail.containers if c.main or c.init)
    return chosen or detail.containers


def in_trouble(case: Case, detail: ReplicaDetail, container: Container) -> bool:
    """Whether what is wrong with this container counts now.

    It does while the replica is not ready, and also when it is, but has been restarted in a loop up to now.
    """
    if container.init and container.state.phase is ContainerPhase.TERMINATED and container.state.exit_code == 0:
        return False
    if not is_ready(case, detail):
        return True
    ended_at = container.last.finished_at if container.last is not None else None
    return container.restarts >= LOOP_RESTARTS and ended_at is not None and age_s(case, ended_at) < RECENT_S


def all_well(case: Case) -> bool:
    """Whether the platform has all that was asked for: then what it said before is over."""
    workload, there = case.evidence.platform.workload, living(case)
    if workload is None or not there:
        return False
    serving = [d for d in there if is_ready(case, d)]
    newest = newest_revision(case)
    complete = newest is None or newest.ready >= newest.wanted
    return len(serving) >= workload.replicas and len(serving) == len(there) and complete


def newest_revision(case: Case) -> Revision | None:
    """The newest ReplicaSet."""
    return max(case.evidence.platform.revisions or (), key=lambda r: r.number, default=None)


def age_s(case: Case, at: datetime) -> float:
    """Seconds from then until the evidence was collected."""
    return (case.evidence.at - at).total_seconds()


def _sketched(case: Case, listed: Replica) -> ReplicaDetail:
    workload = case.evidence.platform.workload
    ended = listed.last_exit
    last = None
    if ended is not None:
        last = ContainerState(phase=ContainerPhase.TERMINATED, reason=ended.reason, exit_code=ended.code, finished_at=ended.at)
    if listed.started_at is not None:
        state = ContainerState(phase=ContainerPhase.RUNNING, started_at=listed.started_at)
    else:
        reason = "CrashLoopBackOff" if listed.phase is ReplicaPhase.BACK_OFF else ""
        state = ContainerState(phase=ContainerPhase.WAITING, reason=reason)
    container = Container(
        name=workload.name if workload is not None else case.evidence.deployment,
        image=listed.image,
        state=state,
        last=last,
        ready=listed.ready,
        restarts=listed.restarts,
        liveness=workload.liveness if workload is not None else None,
        readiness=workload.readiness if workload is not None else None,
        startup=workload.startup if workload is not None else None,
    )
    going = listed.phase is ReplicaPhase.TERMINATING
    return ReplicaDetail(
        name=listed.name,
        phase="Running",
        containers=(container,),
        created_at=listed.created_at,
        deleted_at=case.evidence.at if going else None,  # when is not known: not yet late
    )


# --- events and logs --------------------------------------------------------------------------------------------------


def events(case: Case, *reasons: str, subject: str | None = None) -> tuple[Event, ...]:
    """Events with one of these reasons (any where none is named), oldest first; of one object where it is named."""
    return tuple(
        e
        for e in case.evidence.platform.events or ()
        if (not reasons or e.reason in reasons) and (subject is None or e.subject == subject)
    )


def pod_events(case: Case, name: str, *reasons: str) -> tuple[Event, ...]:
    """Events of one replica."""
    return events(case, *reasons, subject=f"Pod/{name}")


def log_of(case: Case, name: str, container: str | None = None, *, previous: bool) -> LogText | None:
    """What one container wrote; of any container where none is named. None: not seen, or nothing."""
    for log in case.evidence.platform.logs or ():
        if log.replica == name and log.previous is previous and container in {None, log.container} and log.lines:
            return log
    return None


def log_of_ending(case: Case, ending: Ending) -> LogText | None:
    """What the process that ended wrote."""
    name, container = ending.detail.name, ending.container
    before = log_of(case, name, container.name, previous=True) if ending.state is container.last else None
    if before is not None or (ending.state is container.last and container.state.phase is ContainerPhase.RUNNING):
        return before
    # Of a container that waits to be started again, "current" is the process before.
    return log_of(case, name, container.name, previous=False)


def event_line(event: Event) -> Exhibit:
    """An event as it was told, with its time."""
    return Exhibit(source=f"events of {event.subject}", text=f"{event.at:%H:%M:%S} {event.reason}: {event.text}")


def state_line(detail: ReplicaDetail, container: Container, state: ContainerState | None = None) -> Exhibit:
    """The state of a container, or how it ended before."""
    shown = state or container.state
    before = "last state" if shown is container.last else "state"
    parts = [f"{shown.phase}"]
    if shown.reason:
        parts.append(shown.reason)
    if shown.exit_code is not None:
        parts.append(f"exit code {shown.exit_code}")
    if shown.signal:
        parts.append(f"signal {shown.signal}")
    if shown.finished_at is not None:
        parts.append(f"at {shown.finished_at:%H:%M:%S}")
    text = ", ".join(parts) + (f": {shown.message}" if shown.message else "")
    return Exhibit(source=f"{before} of container {container.name} in {detail.name}", text=text)


def log_exhibit(log: LogText, line: str) -> Exhibit:
    """One line of a log."""
    return Exhibit(source=f"log of {log.replica}" + (", previous" if log.previous else ""), text=line.strip()[:400])


# --- endings ----------------------------------------------------------------------------------------------------------


def endings(case: Case) -> Iterator[Ending]:
    """How the processes ended of every container that is in trouble now, with the probe that killed each."""
    for detail in living(case):
        for container in own_containers(detail):
            if in_trouble(case, detail, container):
                yield from _endings_of(case, detail, container)


def _endings_of(case: Case, detail: ReplicaDetail, container: Container) -> Iterator[Ending]:
    state = container.state
    if state.phase is ContainerPhase.RUNNING:
        begun = state.started_at
        kills = [e for e in probe_kills(case, detail, container) if begun is not None and e.at >= begun]
        if kills:  # it was told to stop, and has not yet
            yield Ending(detail=detail, container=container, state=state, kill=kills[-1])
            return
    ended = state if state.phase is ContainerPhase.TERMINATED else container.last
    if ended is None or ended.phase is not ContainerPhase.TERMINATED:
        return
    kill = _kill_within(case, detail, container, ended)
    earlier = probe_kills(case, detail, container) if kill is None else ()
    if earlier and _as_budgeted(case, container, ended, startup="startup probe" in earlier[-1].text):
        yield Ending(detail=detail, container=container, state=ended, kill=earlier[-1], untold=True)
        return
    yield Ending(detail=detail, container=container, state=ended, kill=kill, told_start=_told_start(case, detail, kill, ended))


def _told_start(case: Case, detail: ReplicaDetail, kill: Event | None, ended: ContainerState) -> datetime | None:
    until = kill.at if kill is not None else ended.finished_at
    starts = [e.at for e in pod_events(case, detail.name, "Started") if until is not None and e.at <= until]
    return starts[-1] if starts and sum(1 for c in detail.containers if not c.init) == 1 else None


def probe_kills(case: Case, detail: ReplicaDetail, container: Container) -> tuple[Event, ...]:
    """Each time that a probe had this container killed, oldest first."""
    alone = sum(1 for c in detail.containers if c.liveness is not None or c.startup is not None) <= 1
    return tuple(
        e
        for e in pod_events(case, detail.name, "Killing")
        if ("failed liveness probe" in e.text or "failed startup probe" in e.text)
        and (alone or f"ontainer {container.name} " in e.text or f"ontainer {container.image} " in e.text)
    )


def _kill_within(case: Case, detail: ReplicaDetail, container: Container, ended: ContainerState) -> Event | None:
    slack, grace = timedelta(seconds=CLOCK_S), timedelta(seconds=_grace_s(case) + KILL_S)
    for kill in reversed(probe_kills(case, detail, container)):
        after_start = ended.started_at is None or kill.at >= ended.started_at - slack
        before_end = ended.finished_at is None or ended.finished_at - grace <= kill.at <= ended.finished_at + slack
        if after_start and before_end:
            return kill
    return None


def _as_budgeted(case: Case, container: Container, ended: ContainerState, *, startup: bool) -> bool:
    """Whether a process that a probe may have killed ended when its budget did.

    The kubelet tells of an object 25 times, and then once in five minutes: later kills in a loop leave no event.
    Source: Kubernetes 1.33, client-go tools/record/events_cache.go, defaultSpamBurst and defaultSpamQPS.
    """
    ran = Ending(detail=ReplicaDetail(name=""), container=container, state=ended).ran_s
    budget = budget_s(case, container, startup=startup)
    if ran is None or budget is None or ended.reason == "OOMKilled":
        return False
    grace_s = _grace_s(case)
    probe = container.startup if startup else container.liveness
    period_s = probe.period_s if probe is not None else 10.0
    return budget - CLOCK_S <= ran <= budget + grace_s + period_s + CLOCK_S


def _grace_s(case: Case) -> float:
    """The replicas' grace; Kubernetes' default where it was not seen."""
    workload = case.evidence.platform.workload
    return workload.grace_s if workload is not None else 30.0


def ended_as_budgeted(case: Case, ending: Ending) -> bool | None:
    """Which probe's budget a process ended with: True the startup probe's, False the liveness probe's; None: neither."""
    for startup in (True, False):
        probe = ending.container.startup if startup else ending.container.liveness
        if probe is not None:
            return startup if _as_budgeted(case, ending.container, ending.state, startup=startup) else None
    return None


def budget_s(case: Case, container: Container, *, startup: bool) -> float | None:
    """Seconds without an answer until that probe kills; None where it is not known."""
    probe: Probe | None = container.startup if startup else container.liveness
    if probe is None:
        workload = case.evidence.platform.workload
        probe = (workload.startup if startup else workload.liveness) if workload is not None else None
    return probe.kill_budget_s if probe is not None else None


# --- words ------------------------------------------------------------------------------------------------------------


def noun(case: Case) -> str:
    """What a replica is called where it runs."""
    return "pod" if case.evidence.platform_kind == "kubernetes" else "replica"


def kubectl(case: Case, *words: str) -> str:
    """``kubectl -n NAMESPACE …``; where there is no Kubernetes, to look again."""
    evidence = case.evidence
    if evidence.platform_kind != "kubernetes":
        return f"lockage survey {evidence.deployment}"
    where = ("-n", evidence.namespace) if evidence.namespace else ()
    return " ".join(("kubectl", *where, *words))


def who(case: Case, names: tuple[str, ...]) -> str:
    """``pod x``, ``pods x, y``."""
    return f"{noun(case)}{'s' if len(names) > 1 else ''} {listed(names)}"


def pods(*names: str) -> tuple[str, ...]:
    """What a finding about these replicas is about."""
    return tuple(f"pod {name}" for name in names)
