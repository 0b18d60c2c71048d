"""Everything that a diagnosis may rest on, as it was seen in a few seconds (``lockage.evidence/1``).

Not for opinions: rules have those. The surprising thing is the difference between None and empty: None was not seen, and the
reason stands in ``missing``; empty was looked for, and there is none. So a rule never takes silence for health. The record is
plain data, because a bundle carries it to another machine, where the same rules give the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lockage.core.facts import (
    Activity,
    Contender,
    DatabaseServer,
    Event,
    LedgerReading,
    OwnedSession,
    Probe,
    RelationLock,
    Replica,
    Usage,
    VersionReading,
    Workload,
)

# --- the platform -----------------------------------------------------------------------------------------------------


class ContainerPhase(StrEnum):
    """Values as Kubernetes names the three states of a container."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """A container now, or before its last restart."""

    phase: ContainerPhase
    reason: str = ""  # "CrashLoopBackOff", "ImagePullBackOff", "OOMKilled", "Error", "Completed"
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a replica, with what it may use and how it is probed; defaults of probes are filled in."""

    name: str
    image: str
    state: ContainerState
    last: ContainerState | None = None  # before the last restart
    init: bool = False
    main: bool = True  # the application's own, not a sidecar
    ready: bool = False
    restarts: int = 0
    memory_limit_bytes: int | None = None
    memory_request_bytes: int | None = None
    cpu_limit_cores: float | None = None
    cpu_request_cores: float | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a pod or a node, as Kubernetes has it."""

    type: str  # "Ready", "PodScheduled", "MemoryPressure"
    status: str  # "True", "False", "Unknown"
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaDetail:
    """One replica looked at closely. Where replicas are processes, each has one container."""

    name: str
    revision: str = ""  # of the ReplicaSet
    node: str | None = None  # None: not scheduled
    phase: str = ""  # "Pending", "Running", "Succeeded", "Failed", "Unknown"
    reason: str = ""  # "Evicted"
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    containers: tuple[Container, ...] = ()
    created_at: datetime | None = None
    deleted_at: datetime | None = None  # asked to end by then (deletionTimestamp)
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of the workload: a ReplicaSet."""

    name: str
    number: int
    image: str
    release: str
    wanted: int
    present: int  # replicas there, without terminating ones
    ready: int
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node that runs a replica, or could."""

    name: str
    ready: bool
    unschedulable: bool = False
    architecture: str = ""  # "amd64"
    conditions: tuple[Condition, ...] = ()
    memory_bytes: int | None = None  # allocatable
    cpu_cores: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRevision:
    """One revision in Helm's history."""

    revision: int
    status: str  # "deployed", "failed", "pending-upgrade"
    chart: str
    description: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One ResourceQuota with what is used of it; quantities as Kubernetes prints them."""

    name: str
    hard: Mapping[str, str]
    used: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogText:
    """What one container wrote, oldest line first."""

    replica: str
    container: str
    lines: tuple[str, ...]
    previous: bool = False  # of the process before the last restart
    cut: bool = False  # older lines were left out


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformEvidence:
    """What the platform shows. None: not seen."""

    workload: Workload | None = None
    conditions: tuple[Condition, ...] | None = None  # of the Deployment: "Progressing", "ReplicaFailure"
    replicas: tuple[Replica, ...] | None = None
    details: tuple[ReplicaDetail, ...] | None = None
    revisions: tuple[Revision, ...] | None = None
    events: tuple[Event, ...] | None = None  # of everything that belongs to the workload, oldest first
    logs: tuple[LogText, ...] | None = None
    nodes: tuple[Node, ...] | None = None
    quotas: tuple[Quota, ...] | None = None
    contenders: tuple[Contender, ...] | None = None
    usage: tuple[Usage, ...] | None = None
    releases: tuple[ReleaseRevision, ...] | None = None  # Helm's, oldest first; empty where Helm has none of it
    versions: tuple[VersionReading, ...] | None = None
    neighbours: tuple[str, ...] | None = None  # other workloads with the same database address: "Deployment/x in y"


# --- the database -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why one does not get into the database."""

    text: str  # as the server or the client library said it, without a password
    sqlstate: str | None = None  # None: there was no answer to speak of


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTransaction:
    """One prepared transaction: it holds its locks without any session."""

    gid: str
    owner: str
    database: str
    age_s: float
    relation_locks: tuple[RelationLock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationSlot:
    """One replication slot; one that nobody reads keeps WAL until the disk is full."""

    name: str
    kind: str  # "physical", "logical"
    active: bool
    retained_bytes: int | None = None
    wal_status: str = ""  # "reserved", "extended", "unreserved", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One standby as its primary sees it."""

    name: str
    state: str  # "streaming", "catchup"
    sync_state: str  # "async", "sync", "quorum", "potential"
    replay_lag_s: float | None = None
    replay_lag_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidIndex:
    """An index that is not used: left behind by a failed ``CREATE INDEX CONCURRENTLY``, or being built."""

    index: str
    relation: str
    building: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be, and are. -1: no limit of its own."""

    role: str
    role_limit: int
    role_connections: int
    database_limit: int
    database_connections: int
    server_limit: int  # max_connections
    reserved: int  # superuser_reserved_connections and reserved_connections
    server_connections: int
    password_until: datetime | None = None  # the role's password is refused from then on; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """What the application's role may do with its schema."""

    role: str
    read_only: bool = False  # default_transaction_read_only
    create_in_schema: bool = True
    not_owned: tuple[str, ...] = ()  # relations of the application's schema that are another role's
    not_owned_count: int = 0  # all of them, when the list is cut
    owned_tables: int | None = None  # tables of the application's schema that are its own; None: not counted
    settings: Mapping[str, str] = field(default_factory=dict[str, str])  # of the role and its database: statement_timeout, …
    missing_extensions: tuple[str, ...] = ()  # that the migrations create, and the server does not have


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger as it stands, whatever its shape."""

    version: str
    dirty: bool | None = None
    success: bool | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseEvidence:
    """What the database shows. None: not seen."""

    trouble: Trouble | None = None  # why nothing else is here
    server: DatabaseServer | None = None
    ledger: LedgerReading | None = None
    ledger_rows: tuple[LedgerRow, ...] | None = None
    looks: tuple[Activity, ...] | None = None  # two, ``look_gap_s`` apart, older first
    look_gap_s: float = 0.0
    owned: tuple[OwnedSession, ...] | None = None  # the sessions of the last look, with their clients
    prepared: tuple[PreparedTransaction, ...] | None = None
    slots: tuple[ReplicationSlot, ...] | None = None
    standbys: tuple[Standby, ...] | None = None
    invalid_indexes: tuple[InvalidIndex, ...] | None = None
    limits: ConnectionLimits | None = None
    absent_role: str | None = None  # the application's role, where the server has none of that name
    privileges: Privileges | None = None
    server_log: tuple[str, ...] | None = None  # PostgreSQL's own, newest lines, where it can be read
    disk_free_bytes: int | None = None  # least of data, pg_wal and tablespaces; seen on the server's own host only
    wal_bytes: int | None = None  # of pg_wal
    drift: tuple[str, ...] | None = None  # where the catalog differs, with harm, from what a clean run makes: --catalog


# --- together ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that was looked for and not seen."""

    source: str  # "logs of pod x", "database", "nodes"
    why: str  # a clause: "no answer within 3 s", "pods/log may not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One look at a deployment that is in trouble, perhaps (``lockage.evidence/1``)."""

    schema: str = "lockage.evidence/1"
    at: datetime
    deployment: str
    platform_kind: str  # "kubernetes", "local"
    namespace: str | None = None
    platform: PlatformEvidence = field(default_factory=PlatformEvidence)
    database: DatabaseEvidence = field(default_factory=DatabaseEvidence)
    collected_s: float = 0.0
    missing: tuple[Missing, ...] = ()
