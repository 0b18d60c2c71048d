"""A healthy deployment as evidence, and small builders for what deviates from it: each test changes one thing.

``case()`` is a Deployment ``app`` in namespace ``prod`` with three ready replicas of 2.27.8 on PostgreSQL 18, whose ledger is
at 12: no rule may find anything. Everything is placed around ``NOW``, when the evidence was collected; times are given
in seconds before it (``ago(30)``). ``case(platform={...}, database={...})`` replaces fields of the two halves;
``blind(case, ...)`` takes sources away.

    case(platform={"details": (pod(containers=(container(state=waiting("ImagePullBackOff")),)),), "events": (...)})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lockage.core.diagnosis.evidence import (
    Condition,
    ConnectionLimits,
    Container,
    ContainerPhase,
    ContainerState,
    DatabaseEvidence,
    Evidence,
    LedgerRow,
    LogText,
    Node,
    PlatformEvidence,
    Privileges,
    ReplicaDetail,
    Revision,
)
from lockage.core.diagnosis.findings import Case, Finding, Rule
from lockage.core.facts import (
    Activity,
    DatabaseServer,
    Endpoint,
    Event,
    Exit,
    LedgerReading,
    LedgerState,
    OwnedSession,
    Probe,
    Replica,
    ReplicaPhase,
    Session,
    UpdateKind,
    Workload,
)
from lockage.core.release.profile import Profile
from support.app_profile import PROFILE

NOW = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)
DEPLOYMENT = "app"
NAMESPACE = "prod"
OLD_RELEASE, RELEASE = "2.26.0", "2.27.8"
OLD_SET, SET = "app-5f9d6c7b8", "app-74d8c6f9b"
OLD_NUMBER, NUMBER = 3, 4
LEDGER = 12
LIVENESS = Probe(initial_delay_s=10.0, period_s=5.0, timeout_s=1.0, failure_threshold=4)
"""Kills after 26 s."""
READINESS = Probe(period_s=5.0)
MIB = 1024 * 1024
LOCK: int = PROFILE.migrations.advisory_lock or 0


def ago(seconds: float) -> datetime:
    """A moment before the evidence was collected."""
    return NOW - timedelta(seconds=seconds)


# --- the platform -----------------------------------------------------------------------------------------------------


def image(release: str = RELEASE) -> str:
    """The image of a release."""
    return f"registry.example/app:v{release}"


def names(count: int = 3, *, of: str = SET) -> tuple[str, ...]:
    """Names of replicas: ``app-74d8c6f9b-aaaaa``, …"""
    return tuple(f"{of}-{letter * 5}" for letter in "abcdefghjk"[:count])


def running(*, for_s: float = 3600.0) -> ContainerState:
    """A container that runs."""
    return ContainerState(phase=ContainerPhase.RUNNING, started_at=ago(for_s))


def waiting(reason: str = "ContainerCreating", message: str = "") -> ContainerState:
    """A container that waits."""
    return ContainerState(phase=ContainerPhase.WAITING, reason=reason, message=message)


def ended(code: int = 1, reason: str = "", *, at: float = 60.0, after_s: float = 30.0, **more: Any) -> ContainerState:
    """A container that ended ``at`` seconds ago, ``after_s`` seconds after it had begun."""
    return ContainerState(
        phase=ContainerPhase.TERMINATED,
        reason=reason or ("Completed" if code == 0 else "Error"),
        exit_code=code,
        started_at=ago(at + after_s),
        finished_at=ago(at),
        **more,
    )


def container(**changes: Any) -> Container:
    """The application's container, up and ready."""
    return replace(
        Container(
            name="app",
            image=image(),
            state=running(),
            ready=True,
            memory_limit_bytes=512 * MIB,
            memory_request_bytes=256 * MIB,
            cpu_limit_cores=2.0,
            cpu_request_cores=0.5,
            liveness=LIVENESS,
            readiness=READINESS,
        ),
        **changes,
    )


def crashing(last: ContainerState, *, restarts: int = 4, **changes: Any) -> Container:
    """The application's container between two tries, with how it ended last."""
    message = "back-off 1m20s restarting failed container=app pod=app-74d8c6f9b-aaaaa_prod(0c9f6f5e)"
    return container(state=waiting("CrashLoopBackOff", message), last=last, restarts=restarts, ready=False, **changes)


def conditions(*, ready: bool = True, scheduled: bool = True, **more: Any) -> tuple[Condition, ...]:
    """Conditions of a pod."""
    return (
        Condition(type="PodScheduled", status="True" if scheduled else "False", since=ago(3600), **more),
        Condition(
            type="Ready", status="True" if ready else "False", since=ago(3590), reason="" if ready else "ContainersNotReady"
        ),
    )


def pod(name: str = names()[0], **changes: Any) -> ReplicaDetail:
    """A pod of the newest revision, up and ready; ``ready=False`` changes its condition."""
    ready = changes.pop("ready", True)
    return replace(
        ReplicaDetail(
            name=name,
            revision=SET,
            node="node-1",
            phase="Running",
            conditions=conditions(ready=ready),
            containers=(container(),),
            created_at=ago(3605),
        ),
        **changes,
    )


def old_pod(name: str = names(of=OLD_SET)[0], **changes: Any) -> ReplicaDetail:
    """A pod of the old revision, up and ready."""
    return pod(name, revision=OLD_SET, containers=(container(image=image(OLD_RELEASE), state=running(for_s=86400)),),
               created_at=ago(86400), **changes)  # fmt: skip


def replica_of(detail: ReplicaDetail) -> Replica:
    """The short record of a pod, as the platform gives it beside the detail."""
    main = next((c for c in detail.containers if c.main and not c.init), None)
    state = main.state if main else None
    old = detail.revision == OLD_SET
    alive = state is not None and state.phase is ContainerPhase.RUNNING
    how = (state if state and state.phase is ContainerPhase.TERMINATED else None) or (main.last if main else None)
    ready = any(c.type == "Ready" and c.status == "True" for c in detail.conditions) and detail.deleted_at is None
    phase = ReplicaPhase.RUNNING if alive else ReplicaPhase.BACK_OFF if how else ReplicaPhase.PENDING
    return Replica(
        name=detail.name,
        revision=OLD_NUMBER if old else NUMBER,
        image=main.image if main else image(),
        release=OLD_RELEASE if old else RELEASE,
        phase=ReplicaPhase.TERMINATING if detail.deleted_at else phase,
        ready=ready,
        restarts=main.restarts if main else 0,
        created_at=detail.created_at or ago(3605),
        started_at=state.started_at if state and alive else None,
        ready_at=ago(3590) if ready else None,
        last_exit=Exit(code=how.exit_code or 0, reason=how.reason, at=how.finished_at or NOW) if how else None,
        endpoints=(Endpoint(address=f"10.1.0.{10 + sum(map(ord, detail.name)) % 200}"),),
    )


def revision(**changes: Any) -> Revision:
    """The newest ReplicaSet, complete."""
    return replace(
        Revision(name=SET, number=NUMBER, image=image(), release=RELEASE, wanted=3, present=3, ready=3, created_at=ago(3605)),
        **changes,
    )


def old_revision(**changes: Any) -> Revision:
    """The old ReplicaSet, emptied."""
    return replace(
        Revision(name=OLD_SET, number=OLD_NUMBER, image=image(OLD_RELEASE), release=OLD_RELEASE, wanted=0, present=0, ready=0,
                 created_at=ago(86400)),
        **changes,
    )  # fmt: skip


def workload(**changes: Any) -> Workload:
    """The Deployment: three replicas, rolling."""
    return replace(
        Workload(
            name=DEPLOYMENT,
            image=image(),
            release=RELEASE,
            revision=NUMBER,
            replicas=3,
            update=UpdateKind.ROLLING_UPDATE,
            max_surge=1,
            max_unavailable=0,
            liveness=LIVENESS,
            readiness=READINESS,
            grace_s=30.0,
            annotations={},
            resource_version="81234",
        ),
        **changes,
    )


def progressing(status: str = "True", reason: str = "NewReplicaSetAvailable", **more: Any) -> tuple[Condition, ...]:
    """Conditions of the Deployment."""
    text = f'ReplicaSet "{SET}" has successfully progressed.'
    return (
        Condition(type="Available", status="True", reason="MinimumReplicasAvailable", since=ago(3590)),
        Condition(type="Progressing", status=status, reason=reason, message=more.pop("message", text), since=ago(3500), **more),
    )


def node(name: str = "node-1", **changes: Any) -> Node:
    """A healthy node."""
    healthy = (
        Condition(type="MemoryPressure", status="False", reason="KubeletHasSufficientMemory", since=ago(86400)),
        Condition(type="DiskPressure", status="False", reason="KubeletHasNoDiskPressure", since=ago(86400)),
        Condition(type="Ready", status="True", reason="KubeletReady", since=ago(86400)),
    )
    return replace(
        Node(name=name, ready=True, architecture="amd64", conditions=healthy, memory_bytes=8192 * MIB, cpu_cores=4.0), **changes
    )


def event(
    reason: str, text: str, *, at: float = 30.0, subject: str = f"Pod/{names()[0]}", kind: str = "Warning", **more: Any
) -> Event:
    """An event ``at`` seconds ago; of kind Warning and about the first pod unless told otherwise."""
    return Event(at=ago(at), kind=kind, reason=reason, subject=subject, text=text, **more)


def log(*lines: str, replica: str = names()[0], previous: bool = False, container: str = "app") -> LogText:
    """What a container wrote."""
    return LogText(replica=replica, container=container, lines=lines, previous=previous)


def log_line(text: str, *, at: float = 30.0, level: str = "info") -> str:
    """One line as most loggers write it, ``at`` seconds ago."""
    return f"{ago(at).isoformat(sep=' ', timespec='milliseconds').removesuffix('+00:00')} [{level}]  {text}"


# --- the database -----------------------------------------------------------------------------------------------------


def server(**changes: Any) -> DatabaseServer:
    """PostgreSQL 18, well."""
    settings = {
        "max_connections": "100", "max_locks_per_transaction": "64", "statement_timeout": "0", "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0", "transaction_timeout": "0", "default_transaction_read_only": "off",
        "synchronous_commit": "on", "synchronous_standby_names": "", "max_prepared_transactions": "0",
        "client_connection_check_interval": "0",
    }  # fmt: skip
    return replace(
        DatabaseServer(
            version="18.6",
            version_num=180006,
            database="app",
            user="lockage",
            superuser=False,
            can_signal=True,
            can_see_others=True,
            in_recovery=False,
            connections=12,
            max_connections=100,
            size_bytes=2**30,
            settings=settings,
            extensions={"plpgsql": "1.0"},
            prepared_transactions=0,
            started_at=ago(864_000),
        ),
        **changes,
    )


def session(pid: int = 4711, **changes: Any) -> Session:
    """A backend that serves a replica and is idle."""
    return replace(
        Session(
            pid=pid,
            backend_start=ago(3599),
            user="app",
            database="app",
            application_name=f"app/{names()[0]}",
            client_address="10.1.0.7",
            client_port=40_000 + pid % 20_000,
            state="idle",
            wait_event_type="Client",
            wait_event="ClientRead",
            transaction_age_s=None,
            statement_age_s=2.0,
            state_age_s=2.0,
            query="SELECT 1",
        ),
        **changes,
    )


def migrating_session(pid: int = 4711, **changes: Any) -> Session:
    """A backend that migrates: it holds the advisory lock and works."""
    return session(
        pid,
        **{
            "state": "active", "wait_event_type": "IO", "wait_event": "DataFileRead", "transaction_age_s": 25.0,
            "statement_age_s": 20.0, "state_age_s": 20.0, "query": "UPDATE api_keys SET x = 1", "advisory_locks": (LOCK,),
            "backend_start": ago(26), **changes,
        },
    )  # fmt: skip


def looks(*sessions: Session, gap_s: float = 2.0, later: Iterable[Session] | None = None) -> tuple[Activity, Activity]:
    """Two looks at the same sessions; ``later``: those of the second look."""
    return (
        Activity(at=ago(gap_s), sessions=sessions),
        Activity(at=NOW, sessions=tuple(later) if later is not None else sessions),
    )


def owned(session: Session, replica: str | None = names()[0], *, orphan: bool = False) -> OwnedSession:
    """A session with its replica."""
    return OwnedSession(session=session, replica=None if orphan else replica, orphan=orphan)


def ledger(version: int | None = LEDGER, **changes: Any) -> LedgerReading:
    """The ledger, read."""
    return replace(LedgerReading(table="public.schema_migrations", state=LedgerState.READ, version=version), **changes)


def being_migrated(pid: int = 4711) -> LedgerReading:
    """The ledger while a backend migrates."""
    return ledger(None, state=LedgerState.MIGRATING, holder_pid=pid)


# --- together ---------------------------------------------------------------------------------------------------------


def case(
    *,
    platform: Mapping[str, Any] | None = None,
    database: Mapping[str, Any] | None = None,
    profile: Profile = PROFILE,
    known: bool = True,
    script: Any = (),
    **evidence: Any,
) -> Case:
    """The healthy deployment with these fields replaced. ``replicas`` follow ``details`` unless given."""
    platform = {**(platform or {})}
    details = platform.setdefault("details", tuple(pod(name) for name in names()))
    if "replicas" not in platform and details is not None:
        alive = [detail for detail in details if detail.deleted_at or detail.phase not in {"Failed", "Succeeded"}]
        platform["replicas"] = tuple(replica_of(detail) for detail in alive)
    return Case(
        evidence=Evidence(
            **{
                "at": NOW, "deployment": DEPLOYMENT, "platform_kind": "kubernetes", "namespace": NAMESPACE,
                "platform": replace(_platform(), **platform), "database": replace(_database(), **(database or {})),
                "collected_s": 1.5, **evidence,
            },
        ),
        profile=profile,
        known=known,
        script=script,
    )  # fmt: skip


def _platform() -> PlatformEvidence:
    return PlatformEvidence(
        workload=workload(),
        conditions=progressing(),
        revisions=(old_revision(), revision()),
        events=(),
        logs=tuple(log(log_line("listening on :8080", at=3595), replica=name) for name in names()),
        nodes=(node(),),
        quotas=(),
        contenders=(),
        usage=(),
        releases=(),
        versions=(),
        neighbours=(),
    )


def _database() -> DatabaseEvidence:
    sessions = tuple(session(4711 + i, application_name=f"app/{name}") for i, name in enumerate(names()))
    return DatabaseEvidence(
        server=server(),
        ledger=ledger(),
        ledger_rows=(LedgerRow(version=str(LEDGER), dirty=False),),
        looks=looks(*sessions),
        look_gap_s=2.0,
        owned=tuple(owned(one, one.application_name.removeprefix("app/")) for one in sessions),
        prepared=(),
        slots=(),
        standbys=(),
        invalid_indexes=(),
        limits=ConnectionLimits(role="app", role_limit=-1, role_connections=3, database_limit=-1, database_connections=3,
                                server_limit=100, reserved=3, server_connections=12),
        privileges=Privileges(role="app"),
        server_log=(),
        disk_free_bytes=50 * 2**30,
        wal_bytes=256 * MIB,
    )  # fmt: skip


def blind(seen: Case, *sources: str) -> Case:
    """The case without these sources (``platform.events``, ``database.looks``): None, as if they had not answered."""
    evidence = seen.evidence
    lost = {"platform": {}, "database": {}}
    for source in sources:
        part, _, name = source.partition(".")
        lost[part][name] = None
    return replace(
        seen,
        evidence=replace(
            evidence,
            platform=replace(evidence.platform, **lost["platform"]),
            database=replace(evidence.database, **lost["database"]),
        ),
    )


def sources() -> tuple[str, ...]:
    """Every source that may be None."""
    return tuple(
        f"{part}.{field.name}"
        for part, record in (("platform", PlatformEvidence), ("database", DatabaseEvidence))
        for field in fields(record)
        if field.default is None
    )


def with_profile(**changes: Any) -> Profile:
    """The profile with parts of it replaced."""
    return msgspec.structs.replace(PROFILE, **changes)


def findings(seen: Case, *rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """What the rules of these families find."""
    return tuple(found for family in rules for rule in family for found in rule(seen))


def codes(seen: Case, *rules: Iterable[Rule]) -> set[str]:
    """The codes of what they find, harmless findings included."""
    return {found.code for found in findings(seen, *rules)}
