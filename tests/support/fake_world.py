"""A small simulated world: an application's pods, other people's sessions, and a clock that moves only when somebody sleeps.

For the fakes behind the ports (``fake_platform``, ``fake_database``), which pass the ports' own suites. The surprising thing:
nothing happens while time moves; each look first lets happen, in small steps, what should have happened since the last one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lockage.core.facts import Check, Event, Exit, Probe, RelationLock, Usage
from lockage.core.release.profile import Profile
from lockage.errors import UnreachableError
from lockage.ports import LeaseState

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)

STEP_S = 0.25
"""The simulation's longest step: below every time constant of it."""

START_S = 0.2
"""From a pod's making to its process."""

GRACE_S = 10.0
"""After which a pod that takes no notice of SIGTERM is killed."""

BACK_OFF_S = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Before each restart in turn. Source: Kubernetes, pod lifecycle, container restarts."""


class FakeClock:
    """Time that moves only by sleeping."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds


@dataclass(kw_only=True)
class Pod:
    """One simulated replica."""

    name: str
    release: str
    revision: int
    liveness: Probe | None
    created_s: float
    port: int
    start_s: float  # when its process starts, or starts again
    started_s: float | None = None
    ready_s: float | None = None
    stop_s: float | None = None  # when its termination ends
    silent_s: float | None = None  # since when it does not answer its health check
    migration_began_s: float | None = None
    restarts: int = 0
    backs_off: bool = False
    last_exit: Exit | None = None
    log: str = ""
    previous_log: str = ""


@dataclass(kw_only=True)
class Client:
    """One simulated session that is not a pod's own."""

    pid: int
    application_name: str
    began_s: float
    locks: tuple[RelationLock, ...] = ()
    advisory_locks: tuple[int, ...] = ()
    state: str = "idle in transaction"
    query: str = "SELECT 1"
    waits_for: str | None = None  # a relation
    tries_again: bool = False  # at once, when its statement is cancelled
    commits_s: float | None = None  # it ends by itself then
    on_commit: Callable[[], None] = lambda: None
    port: int = 40_000


AUTOSCALER_PERIOD_S = 15.0
"""Source: Kubernetes, horizontal-pod-autoscaler-sync-period."""


@dataclass(kw_only=True)
class Autoscaler:
    """A simulated HorizontalPodAutoscaler: rests at no replicas, and otherwise wants what its load asks for."""

    object: str = "HorizontalPodAutoscaler/app"
    minimum: int = 2
    maximum: int = 5
    load: int = 3  # replicas that its metrics ask for
    changed_by: str | None = None
    looked_s: float = 0.0


@dataclass(kw_only=True)
class Owner:
    """A simulated GitOps controller, which puts back within a second what it wants; None: whatever is there."""

    object: str = "Application/app in argocd"
    release: str
    replicas: int | None = None
    liveness: Probe | None = None
    syncs: bool = True
    looked_s: float = 0.0


@dataclass(kw_only=True)
class FakeWorld:
    """What the fakes share: time, the workload, its pods, the database's sessions and ledger."""

    profile: Profile
    clock: FakeClock = field(default_factory=FakeClock)
    release: str
    replicas: int = 3
    liveness: Probe | None = field(default_factory=Probe)
    ledger: int
    dirty: bool = False
    locked: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])  # release to relations
    migration_s: Mapping[str, float] = field(default_factory=dict[str, float])
    crashes: dict[str, int] = field(default_factory=dict[str, int])  # releases whose process ends by itself, with its code
    deaf: set[str] = field(default_factory=set[str])  # releases that do not answer their health check
    clinging: set[str] = field(default_factory=set[str])  # releases that take no notice of SIGTERM
    out_of_reach: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])  # port to when
    boot_s: float = 1.0
    stop_s: float = 0.5
    revision: int = 1
    resource_version: int = 1
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    pods: list[Pod] = field(default_factory=list[Pod])
    clients: list[Client] = field(default_factory=list[Client])
    events: list[Event] = field(default_factory=list[Event])
    lease: LeaseState | None = None
    fence: object | None = None
    changes: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])  # scales and rollouts that changed
    autoscalers: list[Autoscaler] = field(default_factory=list[Autoscaler])
    owners: list[Owner] = field(default_factory=list[Owner])
    failing: list[Check] = field(default_factory=list[Check])  # of every preflight
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])  # by release; its replica's name is filled in
    happenings: list[tuple[float, Callable[[], None]]] = field(default_factory=list[tuple[float, Callable[[], None]]])
    scaled_by: str | None = None
    changed_by: str | None = None
    paused: bool = False
    answers: dict[str, bool] = field(default_factory=dict[str, bool])  # SQL of a condition to its answer
    now_s: float = 0.0  # how far the simulation has come; the clock may be ahead
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for _ in range(self.replicas):
            pod = self._new_pod()
            pod.started_s = pod.ready_s = self.now_s

    def at(self, seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    def reach(self, port: str, *, code: str) -> None:
        """Raises while a port ("platform", "database") is out of reach."""
        if self.cut_off(port):
            raise UnreachableError(f"the {port} does not answer", code=code, hint="see that it answers")

    def cut_off(self, port: str) -> bool:
        begin_s, end_s = self.out_of_reach.get(port, (0.0, 0.0))
        return begin_s <= self.clock.elapsed_s < end_s

    # --- the simulation: called at every look ------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring the world to the present."""
        while self.now_s + STEP_S < self.clock.elapsed_s:
            self.now_s += STEP_S
            self._step()
        self.now_s = self.clock.elapsed_s
        self._step()

    def _step(self) -> None:
        for client in [c for c in self.clients if c.commits_s is not None and c.commits_s <= self.now_s]:
            self.clients.remove(client)
            client.on_commit()
        self.pods = [p for p in self.pods if p.stop_s is None or p.stop_s > self.now_s]
        self._others()
        self._reconcile()
        for pod in self.pods:
            if pod.stop_s is None:
                self._live(pod)

    def _others(self) -> None:
        """What everybody but Lockage does."""
        for at_s, happens in [h for h in self.happenings if h[0] <= self.now_s]:
            self.happenings.remove((at_s, happens))
            happens()
        for autoscaler in self.autoscalers:
            if self.now_s - autoscaler.looked_s >= AUTOSCALER_PERIOD_S:
                autoscaler.looked_s = self.now_s
                if self.replicas:
                    wanted = min(autoscaler.maximum, max(autoscaler.minimum, autoscaler.load))
                    self.change("kube-controller-manager", replicas=wanted)
        for owner in self.owners:
            if owner.syncs and self.now_s - owner.looked_s >= 1.0:
                owner.looked_s = self.now_s
                self.change("argocd-controller", release=owner.release, replicas=owner.replicas, liveness=owner.liveness)

    def change(
        self, who: str, *, release: str | None = None, replicas: int | None = None, liveness: Probe | None = None
    ) -> None:
        """Somebody else changes what is asked for; None: that stays."""
        was = (self.release, self.replicas, self.liveness)
        now = (release or self.release, self.replicas if replicas is None else replicas, liveness or self.liveness)
        if was == now:
            return
        named = f"{who} at {self.at(self.now_s):%H:%M:%S}"
        if (was[0], was[2]) != (now[0], now[2]):
            self.revision += 1
            self.changed_by = named
        if was[1] != now[1]:
            self.scaled_by = named
        self.release, self.replicas, self.liveness = now
        self.resource_version += 1

    def _new_pod(self) -> Pod:
        n = next(self._numbers)
        pod = Pod(
            name=f"app-{self.revision}-{n}",
            release=self.release,
            revision=self.revision,
            liveness=self.liveness,
            created_s=self.now_s,
            start_s=self.now_s + START_S,
            port=50_000 + n,
        )
        self.pods.append(pod)
        return pod

    def _reconcile(self) -> None:
        current = [p for p in self.pods if p.revision == self.revision and p.stop_s is None]
        old = [p for p in self.pods if p.revision != self.revision and p.stop_s is None]
        if len(current) > self.replicas:
            for pod in current[self.replicas :]:
                self._terminate(pod)
        ready = sum(1 for p in current if self.serves(p))
        keep = max(0, self.replicas - ready)
        for pod in old[keep:]:
            self._terminate(pod)
        surge = 1 if old else self.replicas
        while len(current) < self.replicas and len(current) + min(len(old), keep) < self.replicas + surge:
            current.append(self._new_pod())

    def _terminate(self, pod: Pod) -> None:
        pod.stop_s = self.now_s + (GRACE_S if pod.release in self.clinging else self.stop_s)
        if pod.started_s is not None:
            self._event(pod, "Normal", "Killing", "Stopping container app")

    def _live(self, pod: Pod) -> None:
        if pod.started_s is None:
            if self.now_s >= pod.start_s:
                pod.started_s = pod.silent_s = self.now_s
                pod.backs_off = False
                pod.previous_log, pod.log = pod.log, f"{pod.release} begins\n"
                pod.restarts += pod.last_exit is not None
                self._event(pod, "Normal", "Started", "Started container app")
            return
        if pod.ready_s is None:
            self._boot(pod)
        if pod.release in self.deaf or pod.ready_s is None:
            pod.silent_s = self.now_s if pod.silent_s is None else pod.silent_s
            if pod.liveness is not None and self.now_s >= pod.silent_s + pod.liveness.kill_budget_s:
                self._event(pod, "Warning", "Unhealthy", "Liveness probe failed: no answer")
                self._event(pod, "Normal", "Killing", "Container app failed liveness probe, will be restarted")
                self._ended(pod, 137)
        else:
            pod.silent_s = None

    def _boot(self, pod: Pod) -> None:
        assert pod.started_s is not None
        wanted = self.profile.migrations.releases[pod.release]
        if pod.release in self.crashes or self.ledger > wanted or (self.dirty and self.ledger < wanted):
            self._ended(pod, self.crashes.get(pod.release, 1))
        elif self.ledger == wanted:
            ready_s = max(pod.started_s, pod.migration_began_s or 0.0) + self.boot_s
            migrated_s = self.migration_s.get(pod.release, 0.0) * (pod.migration_began_s is not None)
            if self.now_s >= ready_s + migrated_s and pod.release not in self.deaf:
                pod.ready_s = self.now_s
        elif pod.migration_began_s is None:
            if not self.blocking(pod):
                pod.migration_began_s = self.now_s
        elif self.now_s >= pod.migration_began_s + self.migration_s.get(pod.release, 0.0):
            self.ledger = wanted

    def _ended(self, pod: Pod, code: int) -> None:
        if self.migrates(pod):
            self._leave_orphan(pod)
        pod.log += f"ends with {code}\n"
        pod.last_exit = Exit(code=code, reason="Error", at=self.at(self.now_s))
        pod.started_s = pod.ready_s = pod.silent_s = pod.migration_began_s = None
        wait_s = BACK_OFF_S[min(pod.restarts, len(BACK_OFF_S) - 1)]
        pod.backs_off = wait_s > 0
        pod.start_s = self.now_s + max(START_S, wait_s)
        if pod.backs_off:
            self._event(pod, "Warning", "BackOff", "Back-off restarting failed container app")

    def _leave_orphan(self, pod: Pod) -> None:
        """A backend does not notice that its client is dead: it keeps its locks."""
        key = self.profile.migrations.advisory_lock
        assert pod.started_s is not None
        locks = tuple(
            RelationLock(relation=r, mode="AccessExclusiveLock", granted=True) for r in self.locked.get(pod.release, ())
        )
        self.clients.append(
            Client(
                pid=pod.port,
                application_name=f"app/{pod.name}",
                began_s=pod.started_s,
                locks=locks,
                advisory_locks=() if key is None else (key,),
                port=60_000 + pod.restarts,
            )
        )

    def _event(self, pod: Pod, kind: str, reason: str, text: str) -> None:
        event = Event(at=self.at(self.now_s), kind=kind, reason=reason, subject=f"Pod/{pod.name}", text=text)
        self.events.append(event)

    # --- what the fakes ask -------------------------------------------------------------------------------------------

    def serves(self, pod: Pod) -> bool:
        """Whether a pod is ready."""
        return pod.ready_s is not None and pod.stop_s is None and pod.release not in self.deaf

    def blocking(self, pod: Pod) -> tuple[int, ...]:
        """Pids that hold what this pod's migration needs."""
        relations = set(self.locked.get(pod.release, ()))
        key = self.profile.migrations.advisory_lock
        holders = [c.pid for c in self.clients if key in c.advisory_locks or relations & {k.relation for k in c.locks}]
        migrating = [p.port for p in self.pods if p is not pod and self.migrates(p)]
        return (*holders, *migrating)

    def migrates(self, pod: Pod) -> bool:
        """Whether a pod's migration is under way."""
        wanted = self.profile.migrations.releases[pod.release]
        return pod.migration_began_s is not None and self.ledger < wanted and pod.stop_s is None
