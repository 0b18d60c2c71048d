"""A small simulated world behind the ports: a platform, a database and a clock that moves only when somebody sleeps.

For tests of the flows. The surprising thing: the fake platform passes the same port suite as the real ones, and the fake
application migrates as the real one does: under an advisory lock, waiting for sessions that hold its relations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lockage.core.facts import (
    Activity,
    DatabaseServer,
    Endpoint,
    Event,
    Exit,
    LedgerReading,
    LedgerState,
    Probe,
    Relation,
    RelationLock,
    Replica,
    ReplicaPhase,
    Session,
    UpdateKind,
    VersionReading,
    VersionSource,
    Work,
    Workload,
)
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError
from lockage.ports import Answer, Journal, JournalEntry, Killed, LeaseState, Rollout

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


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
    started_s: float | None = None
    ready_s: float | None = None
    stop_s: float | None = None  # when its termination ends
    migration_began_s: float | None = None
    restarts: int = 0
    exit_code: int | None = None


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
    commits_s: float | None = None  # it ends by itself then
    on_commit: Callable[[], None] = lambda: None
    port: int = 40_000


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
    crashes: frozenset[str] = frozenset()  # releases whose process ends by itself
    boot_s: float = 1.0
    stop_s: float = 0.5
    revision: int = 1
    resource_version: int = 1
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    pods: list[Pod] = field(default_factory=list[Pod])
    clients: list[Client] = field(default_factory=list[Client])
    lease: LeaseState | None = None
    fence: object | None = None
    changes: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])  # scales and rollouts that changed
    answers: dict[str, bool] = field(default_factory=dict[str, bool])  # SQL of a condition to its answer
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for _ in range(self.replicas):
            pod = self._new_pod()
            pod.started_s = pod.ready_s = self.clock.elapsed_s

    @property
    def now_s(self) -> float:
        return self.clock.elapsed_s

    def at(self, seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    def _new_pod(self) -> Pod:
        n = next(self._numbers)
        pod = Pod(
            name=f"app-{self.revision}-{n}",
            release=self.release,
            revision=self.revision,
            liveness=self.liveness,
            created_s=self.now_s,
            port=50_000 + n,
        )
        self.pods.append(pod)
        return pod

    # --- the simulation: called at every look ------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring the world to the present."""
        for client in [c for c in self.clients if c.commits_s is not None and c.commits_s <= self.now_s]:
            self.clients.remove(client)
            client.on_commit()
        self.pods = [p for p in self.pods if p.stop_s is None or p.stop_s > self.now_s]
        self._reconcile()
        for pod in self.pods:
            if pod.stop_s is None:
                self._advance(pod)

    def _reconcile(self) -> None:
        current = [p for p in self.pods if p.revision == self.revision and p.stop_s is None]
        old = [p for p in self.pods if p.revision != self.revision and p.stop_s is None]
        if len(current) > self.replicas:
            for pod in current[self.replicas :]:
                pod.stop_s = self.now_s + self.stop_s
        ready = sum(1 for p in current if p.ready_s is not None and p.ready_s <= self.now_s)
        keep = max(0, self.replicas - ready)
        for pod in old[keep:]:
            pod.stop_s = self.now_s + self.stop_s
        surge = 1 if old else self.replicas
        while len(current) < self.replicas and len(current) + min(len(old), keep) < self.replicas + surge:
            current.append(self._new_pod())

    def _advance(self, pod: Pod) -> None:
        if pod.started_s is None and self.now_s >= pod.created_s + 0.2:
            pod.started_s = self.now_s
        if pod.started_s is None or pod.ready_s is not None:
            return
        wanted = self.profile.migrations.releases[pod.release]
        if pod.release in self.crashes or self.ledger > wanted:
            pod.restarts, pod.exit_code = pod.restarts + 1, 1
            return
        if self.ledger == wanted:
            ready_s = max(pod.started_s, pod.migration_began_s or 0.0) + self.boot_s
            if self.now_s >= ready_s + self.migration_s.get(pod.release, 0.0) * (pod.migration_began_s is not None):
                pod.ready_s = self.now_s
            return
        if pod.migration_began_s is None:
            if not self.blocking(pod):
                pod.migration_began_s = self.now_s
        elif self.now_s >= pod.migration_began_s + self.migration_s.get(pod.release, 0.0):
            self.ledger = wanted

    def blocking(self, pod: Pod) -> tuple[int, ...]:
        """Pids that hold what this pod's migration needs."""
        relations = set(self.locked.get(pod.release, ()))
        key = self.profile.migrations.advisory_lock
        holders = [c.pid for c in self.clients if key in c.advisory_locks or relations & {k.relation for k in c.locks}]
        migrating = [p.port for p in self.pods if p is not pod and self._migrates(p)]
        return (*holders, *migrating)

    def _migrates(self, pod: Pod) -> bool:
        wanted = self.profile.migrations.releases[pod.release]
        return pod.migration_began_s is not None and self.ledger < wanted and pod.stop_s is None


class FakePlatform:
    """The platform port over a ``FakeWorld``."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    def workload(self) -> Workload:
        w = self.world
        w.settle()
        return Workload(
            name="app",
            image=f"app:{w.release}",
            release=w.release,
            revision=w.revision,
            replicas=w.replicas,
            update=UpdateKind.ROLLING_UPDATE,
            max_surge=1,
            max_unavailable=0,
            liveness=w.liveness,
            readiness=Probe(period_s=1.0),
            grace_s=10.0,
            annotations=dict(w.annotations),
            resource_version=str(w.resource_version),
        )

    def replicas(self) -> tuple[Replica, ...]:
        self.world.settle()
        return tuple(self._replica(p) for p in self.world.pods)

    def _replica(self, pod: Pod) -> Replica:
        w = self.world
        phase = ReplicaPhase.PENDING if pod.started_s is None else ReplicaPhase.RUNNING
        if pod.exit_code is not None:
            phase = ReplicaPhase.BACK_OFF
        if pod.stop_s is not None:
            phase = ReplicaPhase.TERMINATING
        return Replica(
            name=pod.name,
            revision=pod.revision,
            image=f"app:{pod.release}",
            release=pod.release,
            phase=phase,
            ready=pod.ready_s is not None and pod.stop_s is None,
            restarts=pod.restarts,
            created_at=w.at(pod.created_s),
            started_at=w.at(pod.started_s) if pod.started_s is not None else None,
            ready_at=w.at(pod.ready_s) if pod.ready_s is not None else None,
            last_exit=Exit(code=pod.exit_code, reason="Error", at=w.clock.now()) if pod.exit_code is not None else None,
            endpoints=(Endpoint(address="127.0.0.1", port=pod.port),),
        )

    def events(self) -> tuple[Event, ...]:
        return ()

    def log(self, replica: str, *, previous: bool = False) -> str:
        return f"{replica}: {'previous' if previous else 'current'} log"

    def command_version(self, replica: str) -> VersionReading:
        pod = next(p for p in self.world.pods if p.name == replica)
        return VersionReading(source=VersionSource.COMMAND, where=replica, version=pod.release)

    def service_url(self) -> str:
        return "http://app"

    def replica_url(self, replica: str) -> str:
        return f"http://{replica}"

    def releases(self) -> tuple[str, ...]:
        return tuple(self.world.profile.migrations.releases)

    def scale(self, replicas: int) -> None:
        if self.world.replicas != replicas:
            self.world.changes.append(("scale", replicas))
        self.world.replicas = replicas
        self._written()

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        if expected != str(self.world.resource_version):
            raise RefusedError(f"app changed since version {expected}", code="LK310")
        for key, value in changes.items():
            if value is None:
                self.world.annotations.pop(key, None)
            else:
                self.world.annotations[key] = value
        self._written()

    def roll_out(self, rollout: Rollout) -> None:
        w = self.world
        w.settle()
        if (w.release, w.liveness) != (rollout.release, rollout.liveness):
            w.revision += 1
        if (w.release, w.replicas, w.liveness) != (rollout.release, rollout.replicas, rollout.liveness):
            w.changes.append(("roll out", rollout))
        w.release, w.replicas, w.liveness = rollout.release, rollout.replicas, rollout.liveness
        self._written()

    def _written(self) -> None:
        self.world.resource_version += 1
        self.world.settle()

    def lease(self) -> LeaseState | None:
        lease = self.world.lease
        return lease if lease and lease.expires_at > self.world.clock.now() else None

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        lease, now = self.lease(), self.world.clock.now()
        if lease and lease.holder != holder:
            raise RefusedError(f"{lease.holder} holds the lease until {lease.expires_at}", code="LK311")
        self.world.lease = LeaseState(
            holder=holder, run_id=run_id, renewed_at=now, expires_at=now + timedelta(seconds=duration_s)
        )

    def drop_lease(self, *, holder: str) -> None:
        if self.world.lease and self.world.lease.holder == holder:
            self.world.lease = None


class FakeDatabase:
    """The database port over a ``FakeWorld``."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    def server(self) -> DatabaseServer:
        return DatabaseServer(
            version="18.0", version_num=180000, database="app", user="app", superuser=False, can_signal=True,
            can_see_others=True, in_recovery=False, connections=len(self.activity().sessions), max_connections=100,
            size_bytes=1, settings={}, extensions={}, prepared_transactions=0,
        )  # fmt: skip

    def ledger(self, profile: Profile) -> LedgerReading:
        table, w = profile.migrations.ledger, self.world
        w.settle()
        holder = next((s.pid for s in self._sessions() if profile.migrations.advisory_lock in s.advisory_locks), None)
        if holder is not None:
            return LedgerReading(table=table, state=LedgerState.MIGRATING, holder_pid=holder)
        return LedgerReading(table=table, state=LedgerState.READ, version=w.ledger, dirty=w.dirty)

    def relations(self) -> tuple[Relation, ...]:
        return ()

    def activity(self) -> Activity:
        self.world.settle()
        return Activity(at=self.world.clock.now(), sessions=tuple(self._sessions()), work=self._work())

    def _work(self) -> tuple[Work, ...]:
        moved = int(self.world.now_s * 1000)
        return tuple(
            Work(pid=p.port, command=None, phase=None, done_ratio=None, wal_lsn_bytes=moved, blocks=moved)
            for p in self.world.pods
            if p.migration_began_s is not None
        )

    def _sessions(self) -> Iterator[Session]:
        w = self.world
        key = w.profile.migrations.advisory_lock
        for pod in w.pods:
            if pod.started_s is None:
                continue
            migrates = w._migrates(pod)
            wants = w.ledger < w.profile.migrations.releases[pod.release] and not migrates
            blocked = w.blocking(pod) if wants and pod.stop_s is None else ()
            yield _session(
                pid=pod.port,
                began=w.at(pod.started_s),
                application_name=f"app/{pod.name}",
                port=pod.port,
                state="active" if migrates or blocked else "idle",
                age_s=w.now_s - (pod.migration_began_s or w.now_s) if migrates or blocked else None,
                blocked_by=blocked,
                advisory_locks=(key,) if migrates and key is not None else (),
            )
        for client in w.clients:
            yield _session(
                pid=client.pid,
                began=w.at(client.began_s),
                application_name=client.application_name,
                port=client.port,
                state=client.state,
                age_s=w.now_s - client.began_s,
                query=client.query,
                relation_locks=client.locks,
                advisory_locks=client.advisory_locks,
            )

    def ask(self, sql: str) -> tuple[Mapping[str, object], ...]:
        return ({"holds": self.world.answers.get(sql, True)},)

    def cancel(self, *, pid: int, backend_start: datetime) -> Killed:
        found = [c for c in self.world.clients if c.pid == pid and self.world.at(c.began_s) == backend_start]
        for client in found:
            client.state = "idle in transaction"
        return Killed(pid=pid, sent=bool(found))

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        found = [c for c in self.world.clients if c.pid == pid and self.world.at(c.began_s) == backend_start]
        for client in found:
            self.world.clients.remove(client)
        return Killed(pid=pid, sent=bool(found))

    def hold_fence(self, key: int) -> bool:
        del key
        if self.world.fence not in {None, self}:
            return False
        self.world.fence = self
        return True

    def close(self) -> None:
        if self.world.fence is self:
            self.world.fence = None


def _session(
    *,
    pid: int,
    began: datetime,
    application_name: str,
    port: int,
    state: str,
    age_s: float | None,
    query: str = "",
    blocked_by: tuple[int, ...] = (),
    relation_locks: tuple[RelationLock, ...] = (),
    advisory_locks: tuple[int, ...] = (),
) -> Session:
    return Session(
        pid=pid, backend_start=began, user="app", database="app", application_name=application_name,
        client_address="127.0.0.1", client_port=port, state=state, wait_event_type="Lock" if blocked_by else None,
        wait_event="relation" if blocked_by else None, transaction_age_s=age_s, statement_age_s=age_s,
        state_age_s=age_s, query=query, blocked_by=blocked_by, relation_locks=relation_locks,
        advisory_locks=advisory_locks,
    )  # fmt: skip


class FakeService:
    """The service port: each ready pod says its release."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.broken: set[str] = set()  # paths that answer 500

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        del headers, timeout_s
        host, _, path = url.removeprefix("http://").partition("/")
        pod = next((p for p in self.world.pods if p.name == host and p.ready_s is not None), None)
        if pod is None:
            return Answer(status=0, body="", problem="connection refused")
        if f"/{path}" in self.broken:
            return Answer(status=500, body="")
        return Answer(status=200, body=f'{{"version": "v{pod.release}"}}')


class MemoryJournal:
    """The journal port in memory; outlives the "process" that wrote it, as a file does."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._entries: list[JournalEntry] = []

    @property
    def run_id(self) -> str:
        return self._run_id

    def append(self, entry: JournalEntry) -> None:
        self._entries.append(entry)

    def entries(self) -> tuple[JournalEntry, ...]:
        return tuple(self._entries)


class MemoryJournals:
    """The journals port in memory. ``wrap`` stands between a writer and its journal."""

    def __init__(self) -> None:
        self.journals: dict[str, MemoryJournal] = {}
        self.wrap: Callable[[Journal], Journal] = lambda journal: journal

    @contextmanager
    def create(self, deployment: str, *, run_id: str) -> Iterator[Journal]:
        del deployment
        yield self.wrap(self.journals.setdefault(run_id, MemoryJournal(run_id)))

    @contextmanager
    def open(self, run_id: str) -> Iterator[Journal]:
        yield self.wrap(self.journals[run_id])

    def read(self, run_id: str) -> tuple[JournalEntry, ...]:
        return self.journals[run_id].entries()

    def runs(self, deployment: str | None = None) -> tuple[str, ...]:
        del deployment
        return tuple(self.journals)


@contextmanager
def nothing_left(world: FakeWorld) -> Iterator[None]:
    """At its end: no note, no lease, no fence, no orphan."""
    yield
    assert not [key for key in world.annotations if key.startswith("lockage.dev/")]
    assert FakePlatform(world).lease() is None
    assert not [c for c in world.clients if c.application_name.startswith("app/")]
