"""One look: who waits for whom, what is locked, how far it is; without ever waiting itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from ports.database_suite import PATIENCE_S, eventually, session_of

pytestmark = pytest.mark.real


def pid_of(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


@contextmanager
def running(connection: psycopg.Connection, sql: str) -> Iterator[int]:
    """Executes in a thread of its own for as long as the block lasts; gives the pid."""

    def run() -> None:
        with suppress(psycopg.Error):
            connection.execute(sql.encode())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield pid_of(connection)
    finally:
        connection.cancel_safe()
        thread.join()


def waits(database: PostgresDatabase, pid: int) -> Callable[[], bool]:
    return lambda: session_of(database, pid).waits_for_lock


def test_a_chain_of_waits_is_shown_link_by_link(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int)")
    report, alter, reader = connect_as("report", autocommit=False), connect_as("app/new"), connect_as("app/old")
    report.execute("select * from api_keys")
    with running(alter, "alter table api_keys add column c int") as altering:
        assert eventually(waits(database, altering))
        with running(reader, "select * from api_keys") as reading:
            assert eventually(waits(database, reading))
            activity = database.activity()
    assert {s.pid: s.blocked_by for s in activity.sessions if s.blocked_by} == {
        altering: (pid_of(report),),
        reading: (altering,),
    }
    blocker, waiter = activity.session(pid_of(report)), activity.session(altering)
    assert blocker is not None
    assert waiter is not None
    assert [(lock.relation, lock.mode, lock.granted) for lock in blocker.relation_locks] == [
        ("public.api_keys", "AccessShareLock", True)
    ]
    assert ("public.api_keys", "AccessExclusiveLock", False) in [(k.relation, k.mode, k.granted) for k in waiter.relation_locks]
    assert waiter.query == "alter table api_keys add column c int"
    assert waiter.statement_age_s is not None
    assert 0 <= waiter.statement_age_s < 30


def test_a_look_does_not_wait_for_a_relation_that_is_locked_against_all(connect_as, patient: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int primary key, secret text)")
    alter = connect_as(autocommit=False)
    alter.execute("alter table api_keys alter column id type bigint")
    patient.activity()
    begun = time.monotonic()
    session = session_of(patient, pid_of(alter))
    assert time.monotonic() - begun < PATIENCE_S / 2, "it did not wait"
    assert ("public.api_keys", "AccessExclusiveLock") in {(lock.relation, lock.mode) for lock in session.relation_locks}


def test_a_relation_dropped_in_an_open_transaction_still_has_its_name(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int)")
    dropper = connect_as(autocommit=False)
    dropper.execute("drop table api_keys")
    dropper.execute("create table fresh (id int)")
    named = {lock.relation for lock in session_of(database, pid_of(dropper)).relation_locks}
    assert named == {"public.api_keys"}, "what is not committed yet has no name, and nobody can wait for it"


def test_a_lock_on_an_index_counts_for_its_table(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int primary key, secret text); create index other on api_keys (secret)")
    rebuild = connect_as(autocommit=False)
    rebuild.execute("reindex index other")
    locks = {(lock.relation, lock.mode) for lock in session_of(database, pid_of(rebuild)).relation_locks}
    assert locks == {("public.api_keys", "ShareLock"), ("public.api_keys", "AccessExclusiveLock")}


def test_a_lock_on_a_toast_table_counts_for_its_table(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int, secret text)")
    admin.execute("vacuum full api_keys")  # the TOAST table is another one now
    found = admin.execute("select reltoastrelid::regclass::text from pg_class where oid = 'api_keys'::regclass").fetchone()
    assert found is not None
    holder = connect_as(autocommit=False)
    holder.execute(f"select * from {found[0]}")
    locks = {(lock.relation, lock.mode) for lock in session_of(database, pid_of(holder)).relation_locks}
    assert locks == {("public.api_keys", "AccessShareLock")}


def test_a_lock_on_a_partition_counts_for_its_ancestors(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table logs (day int) partition by range (day)")
    admin.execute("create table logs_1 partition of logs for values from (0) to (100) partition by range (day)")
    admin.execute("create table logs_1_1 partition of logs_1 for values from (0) to (10)")
    holder = connect_as(autocommit=False)
    holder.execute("select * from logs_1_1")
    named = {lock.relation for lock in session_of(database, pid_of(holder)).relation_locks}
    assert named == {"public.logs", "public.logs_1", "public.logs_1_1"}


def test_a_prepared_transaction_blocks_as_pid_zero(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    row = admin.execute("show max_prepared_transactions").fetchone()
    if row == ("0",):
        pytest.skip("the test server takes no prepared transactions")
    admin.execute("create table api_keys (id int)")
    admin.execute("begin; insert into api_keys values (1); prepare transaction 'stuck'")
    try:
        with running(connect_as(), "alter table api_keys add column c int") as altering:
            assert eventually(waits(database, altering))
            assert session_of(database, altering).blocked_by == (0,)
            assert database.server().prepared_transactions == 1
    finally:
        admin.execute("rollback prepared 'stuck'")


def test_a_row_that_another_transaction_changed_blocks_its_next_writer(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int); insert into api_keys values (1)")
    first = connect_as(autocommit=False)
    first.execute("update api_keys set id = 2")
    with running(connect_as(), "update api_keys set id = 3") as second:
        assert eventually(waits(database, second))
        assert session_of(database, second).blocked_by == (pid_of(first),)


def test_an_index_build_waiting_for_an_old_snapshot_names_its_holder(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int)")
    old = connect_as(autocommit=False)
    old.execute("set transaction isolation level repeatable read")
    old.execute("select 1 from pg_class limit 1")
    with running(connect_as(), "create index concurrently i on api_keys (id)") as building:
        assert eventually(waits(database, building))
        assert session_of(database, building).blocked_by == (pid_of(old),)
        (work,) = [w for w in database.activity().work if w.pid == building]
        assert work.command == "CREATE INDEX CONCURRENTLY"
        assert work.phase is not None
        assert "waiting" in work.phase


def test_progress_of_a_busy_session_moves_with_what_is_written(connect_as, database: PostgresDatabase) -> None:
    worker = connect_as(autocommit=False)
    worker.execute("select 1")

    def written() -> int:
        (work,) = [w for w in database.activity().work if w.pid == pid_of(worker)]
        return work.wal_lsn_bytes

    before = written()
    worker.execute("create table t as select generate_series(1, 1000)")
    assert written() > before


def test_a_parallel_query_is_one_session(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int); insert into api_keys values (1)")
    report = connect_as("app/report")
    report.execute("set debug_parallel_query = on")

    def workers() -> int:
        row = connect_as().execute("select count(*) from pg_stat_activity where leader_pid = %s", (pid_of(report),)).fetchone()
        assert row is not None
        return row[0]

    with running(report, "select pg_sleep(60) from api_keys") as leader:
        assert eventually(lambda: workers() == 1)
        assert [s.pid for s in database.activity().sessions if s.application_name == "app/report"] == [leader]


def test_an_autovacuum_worker_that_is_waited_for_is_named(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int) with (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_cost_delay = 100)")
    admin.execute("alter table api_keys set (autovacuum_vacuum_cost_limit = 1)")
    admin.execute("insert into api_keys select generate_series(1, 100000); delete from api_keys")
    admin.execute("select pg_stat_force_next_flush()")
    admin.execute("alter system set autovacuum_naptime = 1")
    admin.execute("select pg_reload_conf()")
    try:

        def seen() -> bool:
            return any("autovacuum worker" in s.application_name and s.relation_locks for s in database.activity().sessions)

        assert eventually(seen)
        (worker,) = [s for s in database.activity().sessions if s.application_name == "autovacuum worker"]
        assert [(k.relation, k.mode) for k in worker.relation_locks] == [("public.api_keys", "ShareUpdateExclusiveLock")]
        assert worker.query.startswith("autovacuum: VACUUM")
    finally:
        admin.execute("alter system reset autovacuum_naptime")
        admin.execute("select pg_reload_conf()")


def test_idle_sessions_do_no_work_and_ours_do_not_show(connect_as, database: PostgresDatabase) -> None:
    idle = connect_as("psql")
    activity = database.activity()
    session = activity.session(pid_of(idle))
    assert session is not None
    assert (session.state, session.in_transaction, session.relation_locks) == ("idle", False, ())
    assert session.client_address == "127.0.0.1"
    assert session.client_port is not None
    assert activity.work == ()
    assert [s.application_name for s in activity.sessions if s.application_name.startswith("lockage/watch")] == []


def test_sessions_of_other_databases_do_not_show(connect_as, postgres_server, database: PostgresDatabase) -> None:
    stranger = connect_as("stranger", url=postgres_server.url())
    assert database.activity().session(pid_of(stranger)) is None
