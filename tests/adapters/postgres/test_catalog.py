"""Sizes and rows of relations, and what the server says of itself."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.postgres.catalog import live_rows, read_relations
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import Relation
from ports.database_suite import PATIENCE_S, eventually

counts = st.floats(min_value=0, max_value=1e12)
sizes = st.integers(min_value=0, max_value=10**15)


@given(rows=counts, counted=counts, size=sizes, counted_size=sizes)
def test_statistics_that_a_vacuum_set_are_believed_whatever_the_catalog_says(
    rows: float, counted: float, size: int, counted_size: int
) -> None:
    found = live_rows(
        kind="r", counted_rows=counted, counted_bytes=counted_size, live_rows=rows, anchored=True, heap_bytes=size
    )
    assert found == rows


@given(rows=counts, counted=st.floats(min_value=-1, max_value=1e12), size=sizes, counted_size=sizes)
def test_unanchored_statistics_never_make_a_table_smaller(rows: float, counted: float, size: int, counted_size: int) -> None:
    found = live_rows(
        kind="r", counted_rows=counted, counted_bytes=counted_size, live_rows=rows, anchored=False, heap_bytes=size
    )
    assert found >= rows or found == -1
    never_counted = counted < 0 or counted == counted_size == 0
    assert (found == -1) == (never_counted and rows == 0 and size > 0)


def test_a_table_that_was_counted_when_it_was_empty_is_unknown_after_a_crash_and_not_empty() -> None:
    assert live_rows(kind="r", counted_rows=0, counted_bytes=0, live_rows=0, anchored=False, heap_bytes=8192) == -1


def test_after_a_crash_a_table_that_has_grown_is_estimated_by_its_density() -> None:
    found = live_rows(kind="r", counted_rows=1_000, counted_bytes=8192, live_rows=0, anchored=False, heap_bytes=8192 * 10)
    assert found == 10_000


def relation(database: PostgresDatabase, name: str) -> Relation:
    (found,) = [r for r in database.relations() if r.relation == name]
    return found


def settle_statistics(connection: psycopg.Connection) -> None:
    connection.execute("select pg_stat_force_next_flush()")
    connection.execute("select 1")


@pytest.mark.real
def test_rows_that_are_analysed_by_the_session_that_loads_them_count_once(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table loaded (id int, note text)")
    admin.execute("insert into loaded select i, 'note ' || i from generate_series(1, 20000) as i")
    admin.execute("analyze loaded")
    settle_statistics(admin)
    assert 20_000 <= relation(database, "public.loaded").rows < 25_000


@pytest.mark.real
def test_rows_follow_mass_inserts_and_mass_deletes_without_an_analyze(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int) with (autovacuum_enabled = off)")
    admin.execute("insert into api_keys select generate_series(1, 1000)")
    settle_statistics(admin)  # or they would be added to what the vacuum counts
    admin.execute("vacuum analyze api_keys")
    assert relation(database, "public.api_keys").rows == 1_000
    admin.execute("insert into api_keys select generate_series(1, 5000)")
    settle_statistics(admin)
    assert eventually(lambda: relation(database, "public.api_keys").rows == 6_000)
    admin.execute("delete from api_keys where id > 100")
    settle_statistics(admin)
    assert eventually(lambda: relation(database, "public.api_keys").rows == 200)
    assert relation(database, "public.api_keys").dead_rows == 5_800


@pytest.mark.real
def test_sizes_are_those_of_heap_indexes_and_toast(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int primary key, secret text)")
    admin.execute("alter table api_keys alter column secret set storage external")
    admin.execute("create index on api_keys (id)")
    admin.execute("insert into api_keys select i, repeat('x', 5000) from generate_series(1, 200) i")
    admin.execute("create materialized view seen as select id from api_keys")
    admin.execute("create table logs (day int) partition by range (day)")
    admin.execute("create view v as select 1")
    wanted = admin.execute(
        "select pg_relation_size('api_keys'), pg_indexes_size('api_keys'), "
        "pg_table_size('api_keys') - pg_relation_size('api_keys')"
    ).fetchone()
    assert wanted is not None
    keys = relation(database, "public.api_keys")
    assert (keys.heap_bytes, keys.index_bytes, keys.indexes) == (wanted[0], wanted[1], 2)
    assert 1_000_000 < keys.toast_bytes <= wanted[2]
    assert [(r.relation, r.kind) for r in database.relations()] == [
        ("public.api_keys", "r"),
        ("public.logs", "p"),
        ("public.seen", "m"),
    ]


@pytest.mark.real
def test_a_locked_relation_is_as_large_as_the_catalog_last_knew(connect_as, patient: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int primary key)")
    admin.execute("insert into api_keys select generate_series(1, 10000)")
    admin.execute("vacuum analyze api_keys")
    before = relation(patient, "public.api_keys")
    connect_as(autocommit=False).execute("lock table api_keys in access exclusive mode")
    begun = time.monotonic()
    assert relation(patient, "public.api_keys") == before
    assert time.monotonic() - begun < PATIENCE_S / 2, "it did not wait"


@pytest.mark.real
def test_an_index_that_is_rebuilt_is_as_large_as_the_catalog_last_knew(connect_as, patient: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int primary key)")
    admin.execute("insert into api_keys select generate_series(1, 10000)")
    admin.execute("vacuum analyze api_keys")
    before = relation(patient, "public.api_keys")
    connect_as(autocommit=False).execute("reindex index api_keys_pkey")
    begun = time.monotonic()
    assert relation(patient, "public.api_keys") == before
    assert time.monotonic() - begun < PATIENCE_S / 2, "it did not wait"


@pytest.mark.real
def test_all_sizes_can_be_had_from_the_catalog_when_locks_come_and_go(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int primary key); insert into api_keys select generate_series(1, 10000)")
    admin.execute("vacuum analyze api_keys")
    assert read_relations(admin, by_catalog=True) == database.relations()


@pytest.mark.real
def test_a_queued_alter_is_not_made_to_wait_for_us_nor_we_for_it(connect_as, patient: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int)")
    reader, alter = connect_as(autocommit=False), connect_as()
    reader.execute("select * from api_keys")
    waiting = threading.Thread(target=alter.execute, args=("alter table api_keys add column c int",))
    waiting.start()
    try:
        pid = alter.info.backend_pid
        assert eventually(lambda: any(s.pid == pid and s.waits_for_lock for s in patient.activity().sessions))
        begun = time.monotonic()
        patient.relations()
        assert time.monotonic() - begun < PATIENCE_S / 2, "it did not wait"
    finally:
        reader.rollback()
        waiting.join()


@pytest.mark.real
def test_the_server_says_what_an_application_session_begins_with(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    admin.execute(f'alter database "{admin.info.dbname}" set lock_timeout = 1500')
    admin.execute("create extension citext")
    server = database.server()
    assert server.major == 18
    assert server.database == admin.info.dbname
    assert server.settings["lock_timeout"] == "1500ms", "not the limit of our own session"
    assert server.settings["statement_timeout"] == "0"
    assert server.settings["client_connection_check_interval"] == "0"
    assert server.max_connections == 100
    assert server.connections >= 2
    assert "citext" in server.extensions
    assert (server.superuser, server.can_signal, server.can_see_others) == (True, True, True)
    assert server.size_bytes > 1_000_000
