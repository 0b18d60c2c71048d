"""The records of the local platform: what a deployment was asked to be, and what the supervisor knows of it now.

Not for flows, which see `lockage.core.facts` only. The surprising thing: `State` and what it holds can be changed, unlike every
other record of ours. It is the one document of the supervisor, in memory and on disk, and only the supervisor writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from lockage.core.facts import Event, Exit, Probe, Replica, ReplicaPhase, UpdateKind, Workload
from lockage.ports import LeaseState


class UpdateStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """How replicas are replaced: absolute numbers, or percent such as ``25%`` of the wanted replicas.

    Source of the defaults: Kubernetes API reference v1.33, apps/v1 DeploymentStrategy.
    """

    kind: UpdateKind = UpdateKind.ROLLING_UPDATE
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"


class DeploymentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment is created as.

    In ``command``, ``version_command`` and the values of ``environment`` these are replaced: ``{release}``, ``{replica}``
    (its name), ``{host}``, ``{port}`` and ``{address}`` (``host:port``, where the replica must listen). The version command
    runs beside the replica, in its environment.
    """

    name: str
    image: str  # without a tag, such as "towpath"
    release: str  # without a leading v
    replicas: int
    command: tuple[str, ...]
    releases: tuple[str, ...] = ()  # that can be rolled out; empty: any
    environment: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    liveness: Probe | None = None
    readiness: Probe | None = None
    grace_s: float = 30.0  # Source of the default: Kubernetes, terminationGracePeriodSeconds
    update: UpdateStrategy = msgspec.field(default_factory=UpdateStrategy)
    front_port: int = 0  # 0: choose one, and keep it
    version_command: tuple[str, ...] = ()
    version_pattern: str = r"v?(\d+\.\d+\.\d+)"  # its first group is the version
    database_port: int | None = None  # replicas' connections to it are their endpoints; None: all outgoing connections

    back_off_scale: float = 1.0
    """Factor on Kubernetes' 10 s, 20 s, 40 s … 300 s, and on the 10 minutes of running that forget them. A demonstration
    that lasts minutes uses 0.1."""

    drain_s: float = 0.1
    """From taking a replica out of the front to SIGTERM: what a ``preStop`` sleep is on Kubernetes. A request whose connection
    was made just before needs a moment to arrive."""


class Revision(msgspec.Struct, kw_only=True):
    """What its replicas have in common; a change of it is a rollout. ``number`` grows when an old revision comes back."""

    hash: str
    number: int
    release: str
    liveness: Probe | None
    readiness: Probe | None


class ReplicaState(msgspec.Struct, kw_only=True):
    """One replica, as the supervisor knows it."""

    name: str
    revision: str  # hash
    host: str
    port: int
    created_at: datetime
    phase: ReplicaPhase = ReplicaPhase.PENDING
    ready: bool = False
    restarts: int = 0
    runs: int = 0  # processes started so far; its log is ``<runs - 1>.log``
    pid: int | None = None
    process_created_at: float | None = None  # as the kernel says, in epoch seconds: a pid alone may have been given to another
    started_at: datetime | None = None
    ready_at: datetime | None = None
    unready_at: datetime | None = None  # when it was last ready, where it was and no longer is
    last_exit: Exit | None = None
    back_off_s: float = 0.0  # of the next restart; 0: at once
    restart_at: datetime | None = None  # end of the back-off that runs now
    terminated_at: datetime | None = None  # when SIGTERM was sent

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``."""
        return f"{self.host}:{self.port}"


class FrontState(msgspec.Struct, kw_only=True):
    """The process in front of the replicas, and its port, which stays."""

    host: str
    port: int
    pid: int | None = None
    process_created_at: float | None = None


class State(msgspec.Struct, kw_only=True):
    """All that the supervisor knows and must not forget."""

    schema: str = "lockage.local/1"
    spec: DeploymentSpec
    wanted: int
    revisions: list[Revision]  # the last one is current
    front: FrontState
    annotations: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    resource_version: int = 1
    lease: LeaseState | None = None
    replicas: list[ReplicaState] = msgspec.field(default_factory=list[ReplicaState])
    events: list[Event] = msgspec.field(default_factory=list[Event])

    @property
    def revision(self) -> Revision:
        """The current revision."""
        return self.revisions[-1]

    def revision_of(self, replica: ReplicaState) -> Revision:
        """The revision that a replica was made from."""
        return next(revision for revision in self.revisions if revision.hash == replica.revision)


class Refusal(StrEnum):
    """Which class of error a refusal of the supervisor becomes in the adapter."""

    USAGE = "usage"
    REFUSED = "refused"


# --- what travels between adapter and supervisor ----------------------------------------------------------------------


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers on the socket."""

    pid: int
    state_dir: str


class SeenReplica(msgspec.Struct, frozen=True, kw_only=True):
    """A replica for the port, with what the adapter needs beside it."""

    replica: Replica
    pid: int | None
    host: str
    port: int
    runs: int
    unready_at: datetime | None = None  # since when it is not ready, where it was


class ScaleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a number of replicas."""

    replicas: int


class RolloutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a revision and a number of replicas in one change."""

    release: str
    replicas: int
    liveness: Probe | None


class AnnotateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Change annotations, if the workload still is as it was seen."""

    changes: dict[str, str | None]
    expected: str


class LeaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Take, renew or (``duration_s`` 0) give back the lease."""

    holder: str
    run_id: str = ""
    duration_s: float = 0.0


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lease now."""

    lease: LeaseState | None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why the supervisor refused."""

    refusal: Refusal
    message: str
    code: str
    hint: str | None = None


# --- from one shape to the other --------------------------------------------------------------------------------------


def revision_hash(
    *, image: str, release: str, liveness: Probe | None, readiness: Probe | None, environment: Mapping[str, str]
) -> str:
    """Ten hexadecimal digits that differ when anything does that replicas of one revision have in common."""
    content = msgspec.json.encode([image, release, liveness, readiness, sorted(environment.items())])
    return hashlib.sha256(content).hexdigest()[:10]


def new_state(spec: DeploymentSpec, *, front: FrontState) -> State:
    """The state of a deployment that was just created."""
    first = Revision(
        hash=revision_hash(
            image=spec.image,
            release=spec.release,
            liveness=spec.liveness,
            readiness=spec.readiness,
            environment=spec.environment,
        ),
        number=1,
        release=spec.release,
        liveness=spec.liveness,
        readiness=spec.readiness,
    )
    return State(spec=spec, wanted=spec.replicas, revisions=[first], front=front)


def image_of(spec: DeploymentSpec, release: str) -> str:
    """The image with its tag."""
    return f"{spec.image}:v{release}"


def workload_of(state: State, *, max_surge: int, max_unavailable: int) -> Workload:
    """The workload as the port shows it."""
    spec, revision = state.spec, state.revision
    return Workload(
        name=spec.name,
        image=image_of(spec, revision.release),
        release=revision.release,
        revision=revision.number,
        replicas=state.wanted,
        update=spec.update.kind,
        max_surge=max_surge,
        max_unavailable=max_unavailable,
        liveness=revision.liveness,
        readiness=revision.readiness,
        grace_s=spec.grace_s,
        annotations=dict(state.annotations),
        resource_version=str(state.resource_version),
    )


def seen_replica(state: State, replica: ReplicaState) -> SeenReplica:
    """A replica as it travels to the adapter, without its endpoints."""
    revision = state.revision_of(replica)
    fact = Replica(
        name=replica.name,
        revision=revision.number,
        image=image_of(state.spec, revision.release),
        release=revision.release,
        phase=replica.phase,
        ready=replica.ready,
        restarts=replica.restarts,
        created_at=replica.created_at,
        started_at=replica.started_at,
        ready_at=replica.ready_at,
        last_exit=replica.last_exit,
    )
    return SeenReplica(
        replica=fact,
        pid=replica.pid,
        host=replica.host,
        port=replica.port,
        runs=replica.runs,
        unready_at=replica.unready_at,
    )


def filled_in(template: str, *, release: str, replica: ReplicaState) -> str:
    """A template with its placeholders replaced; other braces stay as they are, since values may be JSON."""
    values = {
        "{release}": release,
        "{replica}": replica.name,
        "{host}": replica.host,
        "{port}": str(replica.port),
        "{address}": replica.address,
    }
    for placeholder, value in values.items():
        template = template.replace(placeholder, value)
    return template
