"""What a real server refuses or ends, told by its own log alone: exactly the cause, and none for somebody else's query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Thread

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.examination import PostgresExaminer
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.diagnosis.evidence import DatabaseEvidence, Evidence, PlatformEvidence
from lockage.core.diagnosis.families import deadlocks, limits, privileges
from lockage.core.diagnosis.findings import Case, Finding, Rule
from lockage.core.facts import Exit, Replica, ReplicaPhase, UpdateKind, Workload
from lockage.settings import Watching
from ports.database_suite import eventually
from support.app_profile import PROFILE

pytestmark = pytest.mark.real

RULES: tuple[Rule, ...] = (*privileges.RULES, *limits.RULES, *deadlocks.RULES)
WORKLOAD = Workload(
    name="app", image="app:2.0.0", release="2.0.0", revision=2, replicas=2, update=UpdateKind.ROLLING_UPDATE, max_surge=1,
    max_unavailable=0, liveness=None, readiness=None, grace_s=30.0, annotations={}, resource_version="1",
)  # fmt: skip


@dataclass
class Shop:
    """A server with an application's role, and a replica of the new release that keeps failing since the shop opened."""

    server: Server
    began: datetime
    before: int = 0  # lines that the log of this server had, of other tests

    @property
    def url(self) -> str:
        return self.server.url(user="app")

    def admin(self, *statements: str) -> None:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def fails(self, *statements: str) -> None:
        """The application runs these in one transaction, and is refused."""
        with suppress(psycopg.Error), psycopg.connect(self.url, application_name="app/app-2-a") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def waits(self, pid: int) -> bool:
        with psycopg.connect(self.server.url()) as connection:
            row = connection.execute("select wait_event_type from pg_stat_activity where pid = %s", (pid,)).fetchone()
        return row == ("Lock",)

    def log(self) -> tuple[str, ...]:
        with closing(PostgresExaminer(self.server.url(), watching=Watching())) as examiner:
            return examiner.server_log(5000)

    def case(self) -> Case:
        with closing(PostgresExaminer(self.server.url(), watching=Watching())) as examiner:
            evidence = DatabaseEvidence(
                limits=examiner.limits("app"),
                privileges=examiner.privileges(PROFILE, "app"),
                server_log=self.log()[self.before :],
            )
        at, began = datetime.now(UTC), self.began
        replica = Replica(
            name="app-2-a", revision=2, image="app:2.0.0", release="2.0.0", phase=ReplicaPhase.BACK_OFF, ready=False,
            restarts=2, created_at=began, started_at=None, last_exit=Exit(code=1, reason="Error", at=at),
        )  # fmt: skip
        return Case(
            evidence=Evidence(
                at=at,
                deployment="app",
                platform_kind="local",
                platform=PlatformEvidence(workload=WORKLOAD, replicas=(replica,)),
                database=evidence,
            ),
            profile=PROFILE,
        )

    def findings(self) -> tuple[Finding, ...]:
        case = self.case()
        return tuple(found for rule in RULES for found in rule(case))

    def only(self) -> Finding:
        found = self.findings()
        assert [f.code for f in found] == [found[0].code], [f.cause for f in found]
        return found[0]


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    settings = {"max_connections": "12", "max_locks_per_transaction": "10", "deadlock_timeout": "100ms"}
    with throwaway(settings=settings) as server:
        yield server


@pytest.fixture
def shop(own_server: Server) -> Iterator[Shop]:
    made = Shop(server=own_server, began=datetime.now(UTC))
    made.admin("create role app login", "create schema authorization app", "create table public.theirs (id int)")
    made.admin("set role app; create table app.t (id int primary key); insert into app.t values (1)")
    yield replace(made, before=len(made.log()))
    made.admin("drop table public.theirs", "drop owned by app cascade", "drop role app")


def test_not_being_the_owner(shop: Shop) -> None:
    shop.fails("alter table public.theirs add column c int")
    found = shop.only()
    assert found.code == "F026"
    assert "theirs (owner postgres)" in found.cause
    assert "ALTER TABLE public.theirs OWNER TO app" in found.next


def test_not_being_allowed_to_create(shop: Shop) -> None:
    shop.fails("create table public.fresh (id int)")
    found = shop.only()
    assert (found.code, "GRANT CREATE, USAGE ON SCHEMA public TO app" in found.next) == ("F027", True)


def test_an_extension_that_is_not_there(shop: Shop) -> None:
    shop.fails("create extension no_such_extension")
    found = shop.only()
    assert found.code == "F028"
    assert "no_such_extension" in found.cause


def test_read_only_by_a_setting(shop: Shop) -> None:
    shop.admin("alter role app set default_transaction_read_only = on")
    shop.fails("alter table app.t add column c int")
    assert shop.only().code == "F029"


@pytest.mark.parametrize(
    ("setting", "code"), [("statement_timeout", "F034"), ("lock_timeout", "F035"), ("transaction_timeout", "F037")]
)
def test_a_time_limit_that_ends_a_migration_that_waits(shop: Shop, setting: str, code: str) -> None:
    shop.admin(f"alter role app set {setting} = '150ms'")
    with psycopg.connect(shop.server.url()) as holder:
        holder.execute("select * from app.t")
        shop.fails("alter table app.t add column c int")
    found = shop.only()
    assert found.code == code
    assert f"{setting} of 150ms" in found.cause


def test_a_lock_table_that_is_too_small(shop: Shop) -> None:
    many = "; ".join(f"create table app.t{number} (id int primary key)" for number in range(2000))
    shop.fails(many)
    assert shop.only().code == "F033"


def test_a_role_at_its_limit_and_a_full_server(shop: Shop) -> None:
    shop.admin("alter role app connection limit 1")
    with psycopg.connect(shop.url):
        shop.fails("select 1")
        found = shop.only()
    assert (found.code, found.about) == ("F032", ("role app",))
    shop.admin("alter role app connection limit -1")


def test_a_full_server(shop: Shop) -> None:
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(closing(psycopg.connect(shop.url)))
        found = [f for f in shop.findings() if f.code == "F031"]
    assert found
    assert "of max_connections 12" in found[0].cause


@pytest.mark.parametrize("migrates_first", [True, False], ids=["the migration is the victim", "a replica is"])
def test_a_deadlock_names_both_sides(shop: Shop, migrates_first: bool) -> None:
    shop.admin("set role app; create table app.u (id int); insert into app.u values (1)")
    shop.admin("grant set on parameter deadlock_timeout to app")
    with ExitStack() as stack:
        migration, request = (stack.enter_context(closing(psycopg.connect(shop.url))) for _ in range(2))
        victim, other = (migration, request) if migrates_first else (request, migration)
        for session, patience in ((victim, "50ms"), (other, "60s")):
            session.execute(f"set deadlock_timeout = '{patience}'".encode())
            session.commit()
        migration.execute("alter table app.t add column c int")
        request.execute("update app.u set id = 2")
        statements = {migration: "alter table app.u add column c int", request: "update app.t set id = 3"}
        waiting = Thread(target=_quietly, args=(other, statements[other]))
        waiting.start()
        assert eventually(lambda: shop.waits(other.info.backend_pid))
        _quietly(victim, statements[victim])
        victim.rollback()
        waiting.join()
    found = shop.only()
    assert found.code == ("F038" if migrates_first else "F039")
    assert ("update app.t" if migrates_first else "update") in found.cause


def _quietly(session: psycopg.Connection, statement: str) -> None:
    with suppress(psycopg.Error):
        session.execute(statement.encode())


def test_what_was_before_the_rollout_is_no_cause(shop: Shop) -> None:
    shop.fails("alter table public.theirs add column c int")
    later = replace(shop, began=datetime.now(UTC).replace(year=2100))
    assert not later.findings()


def test_a_users_query_that_took_too_long_is_no_cause(shop: Shop) -> None:
    shop.admin("alter role app set statement_timeout = '50ms'")
    shop.fails("select pg_sleep(5)")
    shop.fails("update app.t set id = 1 from pg_sleep(5)")
    assert not shop.findings()
