"""Surveys, forecasts and the profile that tests of routes, plans and runbooks are made from; nothing here is real."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from lockage.core.facts import (
    DatabaseServer,
    LedgerReading,
    LedgerState,
    OwnedSession,
    Probe,
    Replica,
    ReplicaPhase,
    Session,
    Survey,
    UpdateKind,
    VersionReading,
    VersionSource,
    Workload,
)
from lockage.core.forecast.assess import (
    Blocks,
    Broken,
    Forecast,
    LockTaken,
    MigrationRef,
    RelationForecast,
    Script,
    Seconds,
    Unknown,
)
from lockage.core.release.profile import Profile, parse_profile

NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)

LIVENESS = Probe(path="/healthz", period_s=2.0, failure_threshold=5)


def towpath() -> Profile:
    """The shipped profile of the demonstration's application."""
    file = files("lockage.profiles").joinpath("towpath.toml")
    return parse_profile(file.read_bytes(), file="towpath.toml")


def replica(name: str = "towpath-1", *, release: str = "2.26.0", ready: bool = True) -> Replica:
    """One replica that booted in 1.5 s."""
    return Replica(
        name=name,
        revision=1,
        image=f"towpath:{release}",
        release=release,
        phase=ReplicaPhase.RUNNING,
        ready=ready,
        restarts=0,
        created_at=NOW - timedelta(hours=1),
        started_at=NOW - timedelta(hours=1) + timedelta(seconds=0.5),
        ready_at=NOW - timedelta(hours=1) + timedelta(seconds=2) if ready else None,
    )


def workload(release: str = "2.26.0") -> Workload:
    """Three replicas, replaced one by one."""
    return Workload(
        name="towpath",
        image=f"towpath:{release}",
        release=release,
        revision=1,
        replicas=3,
        update=UpdateKind.ROLLING_UPDATE,
        max_surge=1,
        max_unavailable=0,
        liveness=LIVENESS,
        readiness=Probe(path="/healthz", period_s=1.0),
        grace_s=10.0,
        annotations={},
        resource_version="7",
    )


def session(pid: int = 4711, *, user: str = "towpath", application: str = "psql", age_s: float | None = None) -> Session:
    """One backend; ``age_s``: of its open transaction."""
    return Session(
        pid=pid,
        backend_start=NOW - timedelta(minutes=30),
        user=user,
        database="towpath",
        application_name=application,
        client_address="127.0.0.1",
        client_port=50000 + pid % 1000,
        state="idle" if age_s is None else "idle in transaction",
        wait_event_type="Client",
        wait_event="ClientRead",
        transaction_age_s=age_s,
        statement_age_s=age_s,
        state_age_s=age_s,
        query="SELECT 1",
    )


def owned(backend: Session, *, replica: str | None = None, orphan: bool = False) -> OwnedSession:
    """The backend with its owner."""
    return OwnedSession(session=backend, replica=replica, orphan=orphan)


def server() -> DatabaseServer:
    """A PostgreSQL 18 in which the application's own role looks."""
    return DatabaseServer(
        version="18.6",
        version_num=180006,
        database="towpath",
        user="towpath",
        superuser=False,
        can_signal=False,
        can_see_others=True,
        in_recovery=False,
        connections=30,
        max_connections=100,
        size_bytes=200_000_000,
        settings={},
        extensions={},
        prepared_transactions=0,
    )


def survey(release: str = "2.26.0", *, ledger: int | None = None) -> Survey:
    """A healthy deployment of towpath on that release."""
    return Survey(
        at=NOW,
        deployment="demo",
        profile="towpath",
        workload=workload(release),
        replicas=tuple(replica(f"towpath-{number}", release=release) for number in (1, 2, 3)),
        versions=(
            VersionReading(source=VersionSource.IMAGE, where="towpath", version=release),
            VersionReading(source=VersionSource.BUILDINFO, where="towpath-1", version=release),
        ),
        release=release,
        kill_budget_s=LIVENESS.kill_budget_s,
        database=server(),
        ledger=LedgerReading(
            table="public.schema_migrations",
            state=LedgerState.READ,
            version=towpath().migrations.releases[release] if ledger is None else ledger,
        ),
        sessions=tuple(owned(session(100 + n, application=f"towpath/towpath-{n}"), replica=f"towpath-{n}") for n in (1, 2, 3)),
        relations=(),
    )


def blocked(relation: str, blocks: Blocks, seconds: Seconds) -> RelationForecast:
    """One relation that one statement locks."""
    mode = {Blocks.READS: "AccessExclusiveLock", Blocks.WRITES: "ShareLock"}.get(blocks, "RowExclusiveLock")
    lock = LockTaken(mode=mode, file="000014_x.up.sql", line=1, statement="ALTER TABLE …", transaction=1, blocks=blocks)
    return RelationForecast(relation=relation, locks=(lock,), blocks=blocks, blocked_s=seconds)


LEDGER_LOCKED = blocked("public.schema_migrations", Blocks.READS, Seconds(low=5.0, likely=10.0, high=20.0))
"""The ledger is locked by every migrator from its first to its last statement."""


def forecast(
    *,
    migrations: int = 1,
    total_s: Seconds | None = None,
    relations: tuple[RelationForecast, ...] = (),
    broken: tuple[str, ...] = (),
    checked: int = 20,
    unknown: tuple[str, ...] = (),
) -> Forecast:
    """A forecast; harmless unless told otherwise."""
    return Forecast(
        script=Script(
            migrations=tuple(
                MigrationRef(version=n, name=f"m{n}", file=f"{n:06}_m{n}.up.sql") for n in range(1, migrations + 1)
            )
        ),
        relations=(LEDGER_LOCKED, *relations),
        operations=(),
        unknown=tuple(Unknown(file="000014_x.up.sql", line=5, reason=reason) for reason in unknown),
        broken=tuple(Broken(query=query, sqlstate="42703", message='column "scope" does not exist') for query in broken),
        statements_checked=checked,
        total_s=total_s or Seconds(low=0.05, likely=0.1, high=0.3),
        transactions=1,
    )


def harmless() -> Forecast:
    """Of a release for which rolling is harmless."""
    return forecast(relations=(blocked("public.templates", Blocks.READS, Seconds(low=0.01, likely=0.02, high=0.2)),))


def breaking() -> Forecast:
    """Of 2.26.6 to 2.27.8: statements break, and ``api_keys`` is blocked for nearly all of it."""
    return forecast(
        migrations=5,
        total_s=Seconds(low=4.0, likely=9.0, high=21.0),
        relations=(
            blocked("public.api_keys", Blocks.READS, Seconds(low=4.0, likely=8.5, high=20.0)),
            blocked("public.workspaces", Blocks.READS, Seconds(low=0.0, likely=0.1, high=0.4)),
        ),
        broken=("SELECT api_keys.id, ARRAY[api_keys.scope]::text[] AS scopes FROM api_keys", "SELECT scope FROM api_keys"),
    )


def of_release(found: Survey, **changes: object) -> Survey:
    """The survey with other values."""
    return replace(found, **changes)  # pyright: ignore[reportArgumentType]
