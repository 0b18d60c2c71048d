"""A closer look at the database: what is not there is empty, what may not be seen is refused with the reason."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.binaries import Binaries
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.examination import PostgresExaminer
from lockage.adapters.postgres.free_disk import free_disk_bytes
from lockage.adapters.postgres.session import load_sql
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.release.profile import Profile
from lockage.errors import RefusedError, UnreachableError
from lockage.settings import Watching
from ports.database_suite import eventually
from support.app_profile import PROFILE

pytestmark = pytest.mark.real

WATCHING = Watching()


@pytest.fixture
def examiner(database_url: str) -> Iterator[PostgresExaminer]:
    with closing(PostgresExaminer(database_url, watching=WATCHING)) as port:
        yield port


@pytest.fixture
def stranger(database_url: str) -> Iterator[tuple[str, str]]:
    """A role without any right of its own, with its URL."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        name = f"stranger_{admin.info.dbname}"
        role = sql.Identifier(name)
        admin.execute(sql.SQL("create role {} login password 'secret-of-the-test'").format(role))
        yield name, psycopg.conninfo.make_conninfo(database_url, user=name, password="secret-of-the-test")
        admin.execute(sql.SQL("drop owned by {} cascade").format(role))
        admin.execute(sql.SQL("drop role {}").format(role))


def with_ledger(table: str, *, lock: int | None = None) -> Profile:
    return msgspec.structs.replace(
        PROFILE, migrations=msgspec.structs.replace(PROFILE.migrations, ledger=table, advisory_lock=lock)
    )


# --- getting in -------------------------------------------------------------------------------------------------------


def test_there_is_no_trouble_where_one_gets_in(examiner: PostgresExaminer) -> None:
    assert examiner.trouble() is None


@pytest.mark.parametrize(
    ("part", "sqlstate"),
    [
        ({"password": "wrong-and-secret"}, "28P01"),
        ({"dbname": "nowhere"}, "3D000"),
        ({"host": "nowhere.invalid"}, None),
        ({"port": "1"}, None),
    ],
    ids=["password", "database", "host", "port"],
)
def test_why_one_does_not_get_in_has_the_servers_words_and_no_password(
    database_url: str, part: dict[str, str], sqlstate: str | None
) -> None:
    url = psycopg.conninfo.make_conninfo(database_url, **part)
    trouble = PostgresExaminer(url, watching=WATCHING).trouble()
    assert trouble is not None
    assert trouble.sqlstate == sqlstate
    assert "\n" not in trouble.text
    assert "wrong-and-secret" not in trouble.text
    assert trouble.text


def test_a_role_at_its_connection_limit_is_told_by_its_sqlstate(database_url: str, stranger: tuple[str, str]) -> None:
    name, url = stranger
    with psycopg.connect(database_url, autocommit=True) as admin, psycopg.connect(url):
        admin.execute(sql.SQL("alter role {} connection limit 1").format(sql.Identifier(name)))
        trouble = PostgresExaminer(url, watching=WATCHING).trouble()
        with closing(PostgresExaminer(database_url, watching=WATCHING)) as examiner:
            limits = examiner.limits(name)
    assert trouble is not None
    assert trouble.sqlstate == "53300"
    assert (limits.role, limits.role_limit, limits.role_connections, limits.database_limit) == (name, 1, 1, -1)
    assert limits.server_limit == 100
    assert limits.reserved >= 3
    assert limits.server_connections >= limits.database_connections >= 2


def test_an_unknown_role_is_refused(examiner: PostgresExaminer) -> None:
    with pytest.raises(RefusedError) as refused:
        examiner.limits("nobody-of-that-name")
    assert refused.value.code == "LK613"


# --- the ledger -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ddl", "newest"),
    [
        (
            "create table l (version bigint primary key, dirty boolean not null); insert into l values (7, true)",
            ("7", True, None, None),
        ),
        ("create table l (version_num varchar(32) primary key); insert into l values ('ae1027')", ("ae1027", None, None, None)),
        (
            "create table l (id serial primary key, app text, name text, applied timestamptz);"
            "insert into l (app, name) values ('a', '0001_initial'), ('a', '0002_more')",
            ("a.0002_more", None, None, None),
        ),
        (
            "create table l (installed_rank int primary key, version text, checksum int, success boolean);"
            "insert into l values (1, '1', 11, true), (2, '2', -5, false)",
            ("2", None, False, "-5"),
        ),
    ],
    ids=["golang-migrate", "alembic", "django", "flyway"],
)
def test_rows_of_any_ledger_are_read_newest_first(
    connect_as, examiner: PostgresExaminer, ddl: str, newest: tuple[object, ...]
) -> None:
    connect_as().execute(ddl)
    row = examiner.ledger_rows(with_ledger("public.l"))[0]
    assert (row.version, row.dirty, row.success, row.checksum) == newest


def test_a_missing_ledger_has_no_rows_and_one_of_unknown_shape_is_refused(connect_as, examiner: PostgresExaminer) -> None:
    assert examiner.ledger_rows(with_ledger("public.l")) == ()
    connect_as().execute("create table l (what int)")
    with pytest.raises(RefusedError, match="what") as refused:
        examiner.ledger_rows(with_ledger("public.l"))
    assert refused.value.code == "LK611"


def test_a_ledger_that_is_migrated_is_not_read(connect_as, examiner: PostgresExaminer) -> None:
    migrator = connect_as()
    migrator.execute("create table l (version int); select pg_advisory_lock(42)")
    with pytest.raises(RefusedError, match=str(migrator.info.backend_pid)) as refused:
        examiner.ledger_rows(with_ledger("public.l", lock=42))
    assert refused.value.code == "LK610"


def test_a_locked_ledger_is_given_up_after_the_lock_timeout(connect_as, database_url: str) -> None:
    connect_as().execute("create table l (version int)")
    holder = connect_as(autocommit=False)
    holder.execute("lock table l")
    impatient = replace(WATCHING, lock_timeout_s=0.05)
    with closing(PostgresExaminer(database_url, watching=impatient)) as examiner, pytest.raises(UnreachableError) as refused:
        examiner.ledger_rows(with_ledger("public.l"))
    assert refused.value.code == "LK131"


# --- what stands in the way -------------------------------------------------------------------------------------------


def test_a_prepared_transaction_is_named_with_what_it_locks(connect_as, examiner: PostgresExaminer) -> None:
    assert examiner.prepared() == ()
    admin = connect_as()
    admin.execute("create table t (id int primary key) partition by range (id)")
    admin.execute("create table t_1 partition of t for values from (0) to (10)")
    admin.execute("begin; insert into t_1 values (1); prepare transaction 'left over'")
    try:
        (found,) = examiner.prepared()
    finally:
        admin.execute("rollback prepared 'left over'")
    assert (found.gid, found.owner, found.database) == ("left over", "postgres", admin.info.dbname)
    assert 0 <= found.age_s < 60
    assert {(k.relation, k.mode) for k in found.relation_locks} >= {
        ("public.t", "RowExclusiveLock"),
        ("public.t_1", "RowExclusiveLock"),
    }


def test_a_slot_that_nobody_reads_says_how_much_it_keeps() -> None:
    settings = {"wal_level": "replica", "max_wal_senders": "2"}
    with (
        throwaway(settings=settings) as server,
        psycopg.connect(server.url(), autocommit=True) as admin,
        closing(PostgresExaminer(server.url(), watching=WATCHING)) as examiner,
    ):
        assert examiner.slots() == ()
        admin.execute("select pg_create_physical_replication_slot('forgotten', true)")
        admin.execute("create table t as select generate_series(1, 1000) as id")
        (slot,) = examiner.slots()
        assert examiner.standbys() == ()
        assert examiner.wal_bytes() >= 1 << 20
    assert (slot.name, slot.kind, slot.active, slot.wal_status) == ("forgotten", "physical", False, "reserved")
    assert slot.retained_bytes is not None
    assert slot.retained_bytes > 0


def test_an_index_left_behind_is_told_from_one_that_is_being_built(connect_as, examiner: PostgresExaminer) -> None:
    admin = connect_as()
    admin.execute("create table t (id int); insert into t values (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        admin.execute("create unique index concurrently left_behind on t (id)")
    (index,) = examiner.invalid_indexes()
    assert (index.index, index.relation, index.building) == ("public.left_behind", "public.t", False)

    old, builder = connect_as(autocommit=False), connect_as()
    old.execute("set transaction isolation level repeatable read; select 1 from pg_class limit 1")

    def build() -> None:
        builder.execute("create index concurrently fresh on t (id)")

    thread = threading.Thread(target=build)
    thread.start()
    try:
        assert eventually(lambda: len(examiner.invalid_indexes()) == 2)
        found = {i.index: i.building for i in examiner.invalid_indexes()}
    finally:
        old.rollback()
        thread.join()
    assert found == {"public.left_behind": False, "public.fresh": True}


# --- privileges -------------------------------------------------------------------------------------------------------


def test_what_another_role_owns_is_named(connect_as, examiner: PostgresExaminer, stranger: tuple[str, str]) -> None:
    name, _ = stranger
    connect_as().execute("create table ledger (version int); create table theirs (id int); create view seen as select 1")
    connect_as().execute(sql.SQL("alter table theirs owner to {}").format(sql.Identifier(name)))
    found = examiner.privileges(with_ledger("public.ledger"), name)
    assert found.role == name
    assert found.not_owned == ("public.ledger (owner postgres)", "public.seen (owner postgres)")
    assert found.not_owned_count == 2
    assert not found.create_in_schema
    assert examiner.privileges(with_ledger("public.ledger")).not_owned == (), "a superuser owns everything"


def test_a_member_of_the_owner_owns(connect_as, examiner: PostgresExaminer, stranger: tuple[str, str]) -> None:
    name, _ = stranger
    connect_as().execute("create table ledger (version int)")
    connect_as().execute(sql.SQL("grant postgres to {}").format(sql.Identifier(name)))
    assert examiner.privileges(with_ledger("public.ledger"), name).not_owned == ()


def test_the_nearest_setting_wins(connect_as, database_url: str, stranger: tuple[str, str]) -> None:
    name, url = stranger
    admin = connect_as()
    role, database = sql.Identifier(name), sql.Identifier(admin.info.dbname)
    for change in (
        "alter database {database} set statement_timeout = '1min'",
        "alter role {role} set statement_timeout = '30s'",
        "alter role {role} set lock_timeout = 2000",
        "alter role {role} in database {database} set default_transaction_read_only = on",
        "alter role {role} set idle_in_transaction_session_timeout = 0",
    ):
        admin.execute(sql.SQL(change).format(role=role, database=database))
    for asking in (database_url, url):
        with closing(PostgresExaminer(asking, watching=WATCHING)) as examiner:
            found = examiner.privileges(with_ledger("public.ledger"), name)
        assert found.read_only
        assert dict(found.settings) == {"statement_timeout": "30s", "lock_timeout": "2000ms"}


def test_our_own_limits_are_not_taken_for_the_applications(examiner: PostgresExaminer) -> None:
    found = examiner.privileges(with_ledger("public.ledger"))
    assert (found.read_only, dict(found.settings)) == (False, {})


# --- the log ----------------------------------------------------------------------------------------------------------


def test_a_log_on_standard_error_is_read_where_that_is_a_file(connect_as, examiner: PostgresExaminer) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        connect_as().execute("select 1 / 0 as marked_by_the_test")
    lines = examiner.server_log(200)
    assert any("marked_by_the_test" in line for line in lines)
    assert len(examiner.server_log(1)) == 1


def test_a_log_that_may_not_be_read_is_refused_with_the_reason(stranger: tuple[str, str]) -> None:
    with closing(PostgresExaminer(stranger[1], watching=WATCHING)) as examiner, pytest.raises(RefusedError) as refused:
        examiner.server_log(10)
    assert refused.value.code == "LK612"
    assert "permission denied" in str(refused.value)


def test_the_room_on_the_disk_is_seen_where_the_server_runs_here(examiner: PostgresExaminer) -> None:
    assert 0 < examiner.disk_free_bytes() <= shutil.disk_usage("/").total * 1000


def test_who_may_not_see_where_the_files_are_sees_no_room_on_the_disk(stranger: tuple[str, str]) -> None:
    with closing(PostgresExaminer(stranger[1], watching=WATCHING)) as examiner, pytest.raises(RefusedError) as refused:
        examiner.disk_free_bytes()
    assert refused.value.code == "LK630"
    assert "may not see where" in str(refused.value)


@pytest.mark.parametrize(
    "other", [{"port": 1}, {"started_s": 0.0}, {"data_directory": "/nowhere"}], ids=["port", "start", "directory"]
)
def test_a_directory_of_another_server_says_nothing_of_this_ones_disk(connect_as, other: dict[str, object]) -> None:
    row = connect_as().execute(load_sql("select_data_place")).fetchone()
    place = dict(zip(("data_directory", "port", "started_s"), row, strict=True))
    assert free_disk_bytes(place) > 0
    with pytest.raises(RefusedError, match="not on this host"):
        free_disk_bytes({**place, **other})


def test_several_threads_may_ask_one_examiner_at_once(connect_as, examiner: PostgresExaminer) -> None:
    answers: list[object] = []
    asks = (examiner.slots, examiner.prepared, examiner.limits, examiner.wal_bytes, examiner.invalid_indexes)
    threads = [threading.Thread(target=lambda ask=ask: answers.append(ask())) for ask in asks * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 15
    row = connect_as().execute("select count(*) from pg_stat_activity where application_name = 'lockage/examine'").fetchone()
    assert row == (1,), "one session, whoever asks"


# --- an older major ---------------------------------------------------------------------------------------------------

OLDER = Path("/usr/lib/postgresql")


@pytest.mark.skipif(not any(OLDER.glob("*/bin/postgres")), reason="no other major is installed here")
def test_every_question_is_answered_by_an_older_major() -> None:
    programs = min(OLDER.glob("*/bin"), key=lambda found: int(found.parent.name))
    with throwaway(binaries=Binaries(major=int(programs.parent.name), bin_dir=programs), tcp=True) as server:
        url = server.url()
        with closing(PostgresExaminer(url, watching=WATCHING)) as examiner, closing(PostgresDatabase(url)) as database:
            profile = with_ledger("public.ledger")
            assert examiner.trouble() is None
            assert examiner.ledger_rows(profile) == examiner.prepared() == examiner.slots() == ()
            assert examiner.standbys() == examiner.invalid_indexes() == ()
            assert examiner.limits().server_limit > 0
            assert examiner.privileges(profile).not_owned == ()
            assert examiner.server_log(5)
            assert examiner.wal_bytes() > 0
            assert database.activity().sessions is not None
