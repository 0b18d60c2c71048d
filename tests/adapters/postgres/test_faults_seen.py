"""Faults made by real sessions on a real server, seen by two looks as a diagnosis takes them: exactly the cause is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from threading import Thread

import msgspec
import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.examination import PostgresExaminer
from lockage.core.diagnosis.evidence import DatabaseEvidence, Evidence, PlatformEvidence
from lockage.core.diagnosis.families import failover, hung, limits, slow, waiting
from lockage.core.diagnosis.findings import Case, Finding, Rule
from lockage.core.diagnosis.motion import migrating
from lockage.core.facts import Replica, ReplicaPhase, UpdateKind, Workload
from lockage.core.sessions import confirmed, owned_sessions
from lockage.settings import Watching
from ports.database_suite import eventually, session_of
from support.app_profile import PROFILE

pytestmark = pytest.mark.real

RULES: tuple[Rule, ...] = (*waiting.RULES, *slow.RULES, *hung.RULES, *failover.RULES, *limits.RULES)
LOCK = PROFILE.migrations.advisory_lock
NEW, SECOND, OLD = "app-2-a", "app-2-b", "app-1-a"
GAP_S = 0.3


def replica(name: str, release: str, *, ready: bool, at: object) -> Replica:
    return Replica(
        name=name, revision=int(name[4]), image=f"app:{release}", release=release, phase=ReplicaPhase.RUNNING, ready=ready,
        restarts=0, created_at=at, started_at=at,
    )  # fmt: skip


class Scene:
    """A deployment in the middle of a rolling update, on one real database."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._stack = stack
        self._url = url
        self.database = stack.enter_context(closing(PostgresDatabase(url)))
        self.examiner = stack.enter_context(closing(PostgresExaminer(url, watching=Watching())))
        self.admin = self.session("psql")

    def session(self, application_name: str, *, autocommit: bool = True) -> psycopg.Connection:
        connection = psycopg.connect(self._url, application_name=application_name, autocommit=autocommit)
        return self._stack.enter_context(closing(connection))

    def runs(self, connection: psycopg.Connection, statement: str) -> int:
        """Executes in a thread of its own until the scene ends; gives the pid."""
        thread = Thread(target=self._quietly, args=(connection, statement))
        self._stack.callback(thread.join)
        self._stack.callback(connection.cancel_safe)
        thread.start()
        return connection.info.backend_pid

    @staticmethod
    def _quietly(connection: psycopg.Connection, statement: str) -> None:
        with suppress(psycopg.Error):
            connection.execute(statement.encode())

    def waits(self, pid: int) -> bool:
        return eventually(lambda: session_of(self.database, pid).waits_for_lock)

    def case(self, *, known: bool = True, gone: tuple[str, ...] = ()) -> Case:
        """Two looks, as the collector takes them; ``gone``: replicas whose process is dead."""
        first = self.database.activity()
        time.sleep(GAP_S)
        last = self.database.activity()
        began = min(s.backend_start for s in first.sessions)
        listed = (
            replica(NEW, "2.0.0", ready=False, at=began),
            replica(SECOND, "2.0.0", ready=False, at=began),
            replica(OLD, "1.0.0", ready=True, at=began),
        )
        alive = tuple(r for r in listed if r.name not in gone)
        pattern = PROFILE.workload.application_name
        before, after = (owned_sessions(look.sessions, alive, pattern=pattern, workload="app") for look in (first, last))
        migrations = PROFILE.migrations if known else msgspec.structs.replace(PROFILE.migrations, advisory_lock=None)
        return Case(
            evidence=Evidence(
                at=last.at,
                deployment="app",
                platform_kind="local",
                platform=PlatformEvidence(workload=_workload(), replicas=alive, logs=(), events=()),
                database=DatabaseEvidence(
                    server=replace(self.database.server(), started_at=None),
                    looks=(first, last),
                    look_gap_s=GAP_S,
                    owned=confirmed(before, after),
                    prepared=self.examiner.prepared(),
                    slots=self.examiner.slots(),
                    standbys=self.examiner.standbys(),
                    limits=self.examiner.limits(),
                    server_log=(),
                ),
            ),
            profile=msgspec.structs.replace(PROFILE, migrations=migrations),
            known=known,
        )


def _workload() -> Workload:
    return Workload(
        name="app", image="app:2.0.0", release="2.0.0", revision=2, replicas=2, update=UpdateKind.ROLLING_UPDATE, max_surge=1,
        max_unavailable=0, liveness=None, readiness=None, grace_s=30.0, annotations={}, resource_version="1",
    )  # fmt: skip


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        made = Scene(database_url, stack)
        made.admin.execute("create table api_keys (id int primary key, secret text)")
        made.admin.execute("insert into api_keys select i, 'x' from generate_series(1, 1000) i")
        yield made


@contextmanager
def migrator(scene: Scene, *, name: str = NEW, locked: bool = True) -> Iterator[psycopg.Connection]:
    connection = scene.session(f"app/{name}", autocommit=False)
    if locked:
        connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
    yield connection


def findings(case: Case) -> tuple[Finding, ...]:
    return tuple(found for rule in RULES for found in rule(case))


def only(case: Case) -> Finding:
    found = findings(case)
    assert len(found) == 1, [f.cause for f in found]
    return found[0]


ALTER = "alter table api_keys add column scope text"


@pytest.mark.parametrize("known", [True, False], ids=["with a profile", "without"])
def test_a_running_query_blocks_the_migration(scene: Scene, known: bool) -> None:
    report = scene.session("report")
    blocking = scene.runs(report, "select pg_sleep(60) from api_keys limit 1")
    with migrator(scene, locked=known) as connection:
        assert scene.waits(scene.runs(connection, ALTER))
        found = only(scene.case(known=known))
    assert found.code == "F040"
    assert "AccessExclusiveLock on public.api_keys" in found.cause
    assert {f"backend {blocking}", f"pod {NEW}", "relation public.api_keys"} <= set(found.about)


@pytest.mark.parametrize("known", [True, False], ids=["with a profile", "without"])
def test_a_session_idle_in_its_transaction_blocks_the_migration(scene: Scene, known: bool) -> None:
    console = scene.session(f"app/{OLD}", autocommit=False)
    console.execute("select * from api_keys")
    with migrator(scene, locked=known) as connection:
        assert scene.waits(scene.runs(connection, ALTER))
        found = only(scene.case(known=known))
    assert found.code == "F044"
    assert f"the old release's replica {OLD}" in found.cause


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "running"])
def test_rows_that_another_transaction_has_changed_block_the_migration(scene: Scene, idle: bool) -> None:
    writer = scene.session("batch", autocommit=False)
    writer.execute("update api_keys set secret = 'y' where id = 7")
    if not idle:
        scene.runs(writer, "select pg_sleep(60)")
    with migrator(scene) as connection:
        assert scene.waits(scene.runs(connection, "update api_keys set secret = 'z'"))
        found = only(scene.case())
    assert found.code == ("F044" if idle else "F041")
    assert "rows" in found.cause


@pytest.mark.parametrize("change", [ALTER, "update api_keys set secret = 'z'"], ids=["relation", "rows"])
def test_a_prepared_transaction_blocks_the_migration(scene: Scene, change: str) -> None:
    scene.admin.execute("create table other (id int)")
    for gid, work in (
        ("left over", "update api_keys set secret = 'y' where id = 7"),
        ("elsewhere", "insert into other values (1)"),
    ):
        scene.admin.execute(f"begin; {work}; prepare transaction '{gid}'".encode())
    try:
        with migrator(scene) as connection:
            assert scene.waits(scene.runs(connection, change))
            found = only(scene.case())
    finally:
        for gid in ("left over", "elsewhere"):
            scene.admin.execute(f"rollback prepared '{gid}'".encode())
    assert found.code == "F045"
    assert "transaction left over" in found.about


@pytest.mark.parametrize("known", [True, False], ids=["with a profile", "without"])
def test_an_index_build_waits_for_an_old_snapshot(scene: Scene, known: bool) -> None:
    old = scene.session("report", autocommit=False)
    old.execute("set transaction isolation level repeatable read")
    old.execute("select 1 from pg_class limit 1")
    migrating_one = scene.session(f"app/{NEW}")
    if known:
        migrating_one.execute("select pg_advisory_lock(%s)", (LOCK,))
    assert scene.waits(scene.runs(migrating_one, "create index concurrently i on api_keys (secret)"))
    found = only(scene.case(known=known))
    assert found.code == "F047"
    assert f"backend {old.info.backend_pid}" in found.about
    assert any("waiting" in line.text for line in found.evidence if "progress" in line.source)


def test_a_follower_at_the_migration_lock_waits_its_turn(scene: Scene) -> None:
    with migrator(scene) as connection:
        scene.runs(connection, "do $$ begin while clock_timestamp() < now() + interval '60 s' loop end loop; end $$")
        follower = scene.session(f"app/{SECOND}")
        assert scene.waits(scene.runs(follower, f"select pg_advisory_lock({LOCK})"))
        found = {f.code: f for f in findings(scene.case())}
    assert set(found) == {"F042", "F055"}
    assert all(f.harmless for f in found.values())
    assert SECOND in found["F042"].cause


def test_an_orphan_at_work_is_waited_for_and_one_in_an_open_transaction_recovered_from(scene: Scene) -> None:
    working = scene.session(f"app/{NEW}")
    scene.runs(working, f"select pg_advisory_lock({LOCK}), pg_sleep(60)")
    follower = scene.session(f"app/{SECOND}")
    assert eventually(lambda: bool(session_of(scene.database, working.info.backend_pid).advisory_locks))
    assert scene.waits(scene.runs(follower, f"select pg_advisory_lock({LOCK})"))
    found = only(scene.case(gone=(NEW,)))
    assert found.code == "F043"
    assert found.next.startswith("wait until")

    working.cancel_safe()
    assert eventually(lambda: session_of(scene.database, working.info.backend_pid).state == "idle")


def test_an_orphan_that_waits_can_only_roll_back(scene: Scene) -> None:
    console = scene.session("psql", autocommit=False)
    console.execute("select * from api_keys")
    with migrator(scene) as connection:
        orphan = scene.runs(connection, ALTER)
        assert scene.waits(orphan)
        found = {f.code: f for f in findings(scene.case(gone=(NEW,)))}
    assert set(found) == {"F043", "F044"}
    assert found["F043"].next.startswith("lockage recover app")


def test_a_console_that_holds_the_migration_lock_is_no_replica(scene: Scene) -> None:
    scene.admin.execute("select pg_advisory_lock(%s)", (LOCK,))
    follower = scene.session(f"app/{SECOND}")
    assert scene.waits(scene.runs(follower, f"select pg_advisory_lock({LOCK})"))
    long_ago = replace(waiting_case := scene.case(), evidence=_older(waiting_case.evidence))
    found = only(long_ago)
    assert found.code == "F049"
    assert "application psql" in found.cause


def _older(evidence: Evidence) -> Evidence:
    """The same, as if every backend had begun a minute earlier."""
    from datetime import timedelta

    looks = tuple(replace(look, at=look.at + timedelta(minutes=1)) for look in evidence.database.looks or ())
    return replace(evidence, database=replace(evidence.database, looks=looks))


def test_a_migration_that_builds_an_index_says_how_far_it_is(scene: Scene) -> None:
    scene.admin.execute("create table big as select i, md5(i::text) as x from generate_series(1, 300000) i")
    # An expression that takes its time: the build is seen half-way.
    scene.admin.execute(
        "create function slowly(t text) returns text immutable language plpgsql as "
        "$$ begin perform count(*) from generate_series(1, 300); return t; end $$"
    )
    with migrator(scene) as connection:
        pid = scene.runs(connection, "create index i on big (slowly(x))")

        def half_way() -> bool:
            return any(w.pid == pid and (w.done_ratio or 0.0) > 0.01 for w in scene.database.activity().work)

        assert eventually(half_way)
        case = scene.case()
        found, answer = only(case), migrating(case)
    assert (found.code, found.harmless) == ("F055", True)
    assert answer is not None
    assert answer.pace == "works"
    assert "% of the index on public.big" in answer.text
    assert answer.left_s is not None
    assert answer.left_s > 0


@pytest.mark.parametrize(
    "neighbour",
    ["idle in a transaction that blocks nobody", "a prepared transaction that locks nothing needed", "a lock for a moment"],
)
def test_what_stands_beside_a_working_migration_is_no_cause(scene: Scene, neighbour: str) -> None:
    scene.admin.execute("create table other (id int)")
    beside = scene.session("report", autocommit=False)
    after: Callable[[], object] = beside.rollback
    if neighbour.startswith("idle"):
        beside.execute("select * from other")
    elif neighbour.startswith("a prepared"):
        scene.admin.execute("begin; insert into other values (1); prepare transaction 'beside'")
        after = lambda: scene.admin.execute("rollback prepared 'beside'")  # noqa: E731 - undone where it was done
    with migrator(scene) as connection:
        scene.runs(connection, f"{ALTER}; do $$ begin while clock_timestamp() < now() + interval '60 s' loop end loop; end $$")
        assert eventually(lambda: session_of(scene.database, connection.info.backend_pid).state == "active")
        try:
            assert {f.code for f in findings(scene.case())} == {"F055"}
        finally:
            after()
