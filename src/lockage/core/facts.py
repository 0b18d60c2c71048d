"""What was seen: frozen records of a deployment, its replicas, its database, its sessions and locks.

Not for opinions: a fact says what is, never whether that is good. The surprising thing: these records are also the shape
of ``--json`` and of the journal (msgspec writes and reads them as they are), so a renamed field is a change of a promise.
All wall times are aware UTC; durations are float seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# --- the workload -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One liveness or readiness probe with its defaults filled in; names are Kubernetes' own, in seconds.

    Source of the defaults: Kubernetes API reference v1.33, core/v1 Probe.
    """

    path: str = "/healthz"
    initial_delay_s: float = 0.0
    period_s: float = 10.0
    timeout_s: float = 1.0
    failure_threshold: int = 3

    @property
    def kill_budget_s(self) -> float:
        """Seconds a replica may go without answering from its start before a liveness probe of this shape kills it.

        The first probe is sent after the initial delay, the last failing one ``failure_threshold - 1`` periods later, and
        it fails when its timeout is over.
        """
        return self.initial_delay_s + (self.failure_threshold - 1) * self.period_s + self.timeout_s


class ReplicaPhase(StrEnum):
    """Where one replica is in its life."""

    PENDING = "pending"  # asked for, its process does not run yet
    RUNNING = "running"  # its process runs
    BACK_OFF = "back-off"  # it exited, and waits to be started again (CrashLoopBackOff)
    TERMINATING = "terminating"  # asked to stop, still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How the process of a replica ended."""

    code: int
    reason: str  # "Completed", "Error", "OOMKilled"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where connections of a replica come from, as PostgreSQL shows it. ``port`` None: any port of that address."""

    address: str
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica (pod or process)."""

    name: str
    revision: int
    image: str
    release: str  # what the image says, without a leading v
    phase: ReplicaPhase
    ready: bool
    restarts: int
    created_at: datetime
    started_at: datetime | None  # of the running process; None when none runs
    ready_at: datetime | None = None  # when it first became ready since ``started_at``
    last_exit: Exit | None = None
    endpoints: tuple[Endpoint, ...] = ()  # its connections' client ends


class UpdateKind(StrEnum):
    """How the platform replaces replicas; values as Kubernetes spells them."""

    ROLLING_UPDATE = "RollingUpdate"
    RECREATE = "Recreate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the platform was asked for: one Deployment (or its local likeness)."""

    name: str
    image: str
    release: str
    revision: int
    replicas: int  # spec.replicas
    update: UpdateKind
    max_surge: int  # absolute, computed for ``replicas``
    max_unavailable: int
    liveness: Probe | None
    readiness: Probe | None
    grace_s: float  # terminationGracePeriodSeconds
    annotations: Mapping[str, str]
    resource_version: str
    paused: bool = False
    owners: tuple[str, ...] = ()  # who else writes to it: "HorizontalPodAutoscaler/x", "Argo CD application y"
    startup: Probe | None = None  # while it has not succeeded once, no liveness probe is sent
    scaled_by: str | None = None  # who set the number of replicas, and when where that is told: "kubectl (scale)"
    changed_by: str | None = None  # who changed the replicas' template last, and when: "kubectl-edit at 16:40:02"
    # Whether a replica that is told to stop goes on serving for a moment (preStop), until nobody sends to it any more; None
    # where the platform itself sees to that.
    pauses_before_stop: bool | None = None

    @property
    def kill_budget_s(self) -> float | None:
        """Seconds that a replica may go without answering from its start; None: no probe kills it."""
        probe = self.startup or self.liveness
        return probe.kill_budget_s if probe is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the platform; reasons as Kubernetes spells them (Killing, Unhealthy, BackOff, …)."""

    at: datetime  # the last time, of one that repeats
    kind: str  # "Normal" or "Warning"
    reason: str
    subject: str  # "Pod/x", "Deployment/y"
    text: str
    count: int = 1  # how often it came
    first_at: datetime | None = None  # None: not told


class ContenderKind(StrEnum):
    """What a contender does to a workload."""

    AUTOSCALER = "autoscaler"  # changes the number of replicas: pinned while a run lasts
    OWNER = "owner"  # puts its own desired state back: the upgrade is its change, not ours
    CONSTRAINT = "constraint"  # undoes nothing, but stops or ends replicas: a budget, a quota, whoever evicts
    UNKNOWN = "unknown"  # may be there, and could not be looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A controller that would undo our changes."""

    kind: ContenderKind
    object: str  # "HorizontalPodAutoscaler/coder", "Application/coder in argocd", "Terraform"
    does: str  # a clause: "keeps 2 to 5 replicas", "syncs by itself"
    minimum: int | None = None  # replicas, of an autoscaler
    maximum: int | None = None
    paused: bool = False  # it does nothing at present
    desired_image: str | None = None  # of an owner: what it would put on the workload
    changed_by: str | None = None  # who changed an autoscaler's numbers last, and when


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one replica uses now, beside what it may; None where it cannot be seen or there is no limit."""

    replica: str
    memory_bytes: int | None
    memory_limit_bytes: int | None
    cpu_cores: float | None
    cpu_limit_cores: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was verified."""

    name: str  # one word or two: "version", "ledger", "image", "quota"
    ok: bool
    text: str
    hint: str | None = None  # what to do when it is not ok


class VersionSource(StrEnum):
    """Where a version was read."""

    IMAGE = "image"
    BUILDINFO = "buildinfo"
    COMMAND = "command"
    CHART = "chart"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReading:
    """One source's answer; ``version`` None with a ``problem`` when it could not be read."""

    source: VersionSource
    where: str  # replica name, URL, object
    version: str | None
    problem: str | None = None


# --- the database -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    """The PostgreSQL server and what decides an upgrade there."""

    version: str  # "18.6"
    version_num: int  # 180006
    database: str
    user: str
    superuser: bool
    can_signal: bool  # member of pg_signal_backend, or superuser
    can_see_others: bool  # member of pg_read_all_stats, or superuser
    in_recovery: bool
    connections: int
    max_connections: int
    size_bytes: int
    settings: Mapping[str, str]  # those that matter, as pg_settings prints them with their unit
    extensions: Mapping[str, str]  # name to version
    prepared_transactions: int
    started_at: datetime | None = None
    recovered_at: datetime | None = None  # when its own processes began: later than it where a backend has crashed

    @property
    def major(self) -> int:
        """The major version, such as 18."""
        return self.version_num // 10_000


class LedgerState(StrEnum):
    """What could be said of the ledger."""

    READ = "read"
    MIGRATING = "migrating"  # the advisory lock is held: not read
    MISSING = "missing"  # no such table
    EMPTY = "empty"
    UNREADABLE = "unreadable"  # blocked, or no privilege: see ``problem``


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReading:
    """The migration ledger of the application."""

    table: str
    state: LedgerState
    version: int | None = None
    dirty: bool = False
    holder_pid: int | None = None  # of the advisory lock, when migrating
    problem: str | None = None
    foreign: bool = False  # unreadable for good: it is in no format that is read here


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationLock:
    """One lock of one session on one relation; the relation of an index, TOAST table or partition is also named."""

    relation: str  # schema.name
    mode: str  # as PostgreSQL prints it: AccessExclusiveLock
    granted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One backend, as pg_stat_activity shows it, with what it waits for and what it holds."""

    pid: int
    backend_start: datetime
    user: str
    database: str
    application_name: str
    client_address: str | None  # None: Unix socket, or not visible to the asking role
    client_port: int | None
    state: str | None  # "active", "idle", "idle in transaction", …; None: not visible
    wait_event_type: str | None
    wait_event: str | None
    transaction_age_s: float | None  # since xact_start; None: no transaction open
    statement_age_s: float | None  # since query_start
    state_age_s: float | None
    query: str  # last or running statement; "" when not visible
    blocked_by: tuple[int, ...] = ()  # pg_blocking_pids, filled for waiting sessions only; 0: a prepared transaction
    relation_locks: tuple[RelationLock, ...] = ()  # granted or awaited, of ordinary relations only
    advisory_locks: tuple[int, ...] = ()  # keys (one bigint) of granted advisory locks

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.transaction_age_s is not None

    @property
    def is_autovacuum(self) -> bool:
        """Whether it is no client, but a worker that vacuums or analyzes."""
        return self.query.startswith("autovacuum:")

    @property
    def yields_by_itself(self) -> bool:
        """Whether PostgreSQL ends what it does as soon as somebody waits for it: an ordinary autovacuum.

        One that prevents wrap-around does not yield. Source: PostgreSQL 18, 24.1.6, and ``ProcSleep`` (after deadlock_timeout).
        """
        return self.is_autovacuum and "to prevent wraparound" not in self.query

    @property
    def waits_for_lock(self) -> bool:
        """Whether it waits for a heavyweight lock now."""
        return self.wait_event_type == "Lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One table, partition or materialised view with its size."""

    relation: str  # schema.name
    kind: str  # pg_class.relkind
    rows: float  # live rows: the freshest of reltuples and n_live_tup; -1 unknown
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    indexes: int
    dead_rows: float = 0.0
    row_bytes: float = 0.0  # of a live row in the heap, by the column statistics; 0 where they are missing or not ours to see


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much one backend has done, to tell working from hanging by two looks apart."""

    pid: int
    command: str | None  # from a pg_stat_progress_* view, such as "CREATE INDEX"
    phase: str | None
    done_ratio: float | None
    wal_lsn_bytes: int  # the server's WAL insert position, 0 when in recovery
    blocks: int  # blocks read, hit and written by the database so far
    relation: str | None = None  # schema.name that the command works on, as the progress view tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One look at the database: who is connected, who waits for whom, how far it is."""

    at: datetime  # by the database's clock
    sessions: tuple[Session, ...]
    work: tuple[Work, ...] = ()
    ahead_s: float = 0.0  # that the database's clock is ahead of ours

    def session(self, pid: int) -> Session | None:
        """The session of a backend, or None when it is gone."""
        return next((s for s in self.sessions if s.pid == pid), None)


# --- a survey ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedSession:
    """A session with what we know of its client."""

    session: Session
    replica: str | None  # name of the live replica that owns it
    orphan: bool  # it belongs to the application, and its client is dead
    ours: bool = False  # Lockage's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Everything that ``lockage survey`` says, in one record (``lockage.survey/1``)."""

    schema: str = "lockage.survey/1"
    at: datetime
    deployment: str
    profile: str
    workload: Workload
    replicas: tuple[Replica, ...]
    versions: tuple[VersionReading, ...]
    release: str | None  # the release that all sources agree on; None when they do not
    kill_budget_s: float | None  # of the liveness probe; None: no liveness probe
    database: DatabaseServer
    ledger: LedgerReading
    sessions: tuple[OwnedSession, ...]
    relations: tuple[Relation, ...]
    events: tuple[Event, ...] = ()
    contenders: tuple[Contender, ...] = ()
    problems: tuple[str, ...] = ()  # what could not be seen, one sentence each
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
