"""The ledger is read when it can be, and never waited for."""

from __future__ import annotations

import time

import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import LedgerState
from ports.database_suite import PATIENCE_S
from support.app_profile import PROFILE

pytestmark = pytest.mark.real

KEY = PROFILE.migrations.advisory_lock
GOLANG_MIGRATE = "create table schema_migrations (version bigint not null primary key, dirty boolean not null)"


def test_a_ledger_that_does_not_exist_is_missing(database: PostgresDatabase) -> None:
    assert database.ledger(PROFILE).state is LedgerState.MISSING


def test_a_ledger_without_rows_is_empty(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute(GOLANG_MIGRATE)
    assert database.ledger(PROFILE).state is LedgerState.EMPTY


def test_a_locked_ledger_is_unreadable_within_the_lock_timeout(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute(GOLANG_MIGRATE)
    holder = connect_as(autocommit=False)
    holder.execute("truncate schema_migrations")
    begun = time.monotonic()
    reading = database.ledger(PROFILE)
    assert time.monotonic() - begun < PATIENCE_S / 2
    assert reading.state is LedgerState.UNREADABLE
    assert reading.problem is not None
    assert f"locked by pid {holder.info.backend_pid} (AccessExclusiveLock)" in reading.problem


def test_the_ledger_is_not_read_while_the_advisory_lock_is_held(connect_as, patient: PostgresDatabase) -> None:
    connect_as().execute(GOLANG_MIGRATE)
    migrator = connect_as(autocommit=False)
    migrator.execute("select pg_advisory_xact_lock(%s)", (KEY,))
    migrator.execute("truncate schema_migrations")
    begun = time.monotonic()
    reading = patient.ledger(PROFILE)
    assert time.monotonic() - begun < PATIENCE_S / 2, "it did not wait"
    assert (reading.state, reading.holder_pid) == (LedgerState.MIGRATING, migrator.info.backend_pid)


def test_the_same_key_in_another_database_or_in_two_halves_is_not_ours(
    connect_as, postgres_server, database: PostgresDatabase
) -> None:
    connect_as().execute(GOLANG_MIGRATE)
    connect_as(url=postgres_server.url()).execute("select pg_advisory_lock(%s)", (KEY,))
    high, low = KEY >> 32, KEY & 0xFFFFFFFF
    halves = (high, low - 2**32 if low >= 2**31 else low)
    connect_as().execute("select pg_advisory_lock(%s::int, %s::int)", halves)
    assert database.ledger(PROFILE).state is LedgerState.EMPTY


def test_several_rows_where_there_is_one_are_a_problem(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute(GOLANG_MIGRATE + "; insert into schema_migrations values (3, false), (4, false)")
    reading = database.ledger(PROFILE)
    assert (reading.state, reading.version) == (LedgerState.UNREADABLE, None)
    assert reading.problem == "public.schema_migrations has 2 rows where its format has one (versions 3, 4)"


def test_a_ledger_with_a_row_for_each_migration_gives_the_last(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table schema_migrations (version text); insert into schema_migrations values ('9'), ('10')")
    reading = database.ledger(PROFILE)
    assert (reading.state, reading.version, reading.dirty) == (LedgerState.READ, 10, False)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("create table schema_migrations (filename text)", "has no column version"),
        ("create table schema_migrations as select 'first' as version", "has a version that is no number"),
    ],
)
def test_a_table_of_another_shape_is_a_problem(connect_as, database: PostgresDatabase, table: str, problem: str) -> None:
    connect_as().execute(table)
    reading = database.ledger(PROFILE)
    assert reading.state is LedgerState.UNREADABLE
    assert problem in (reading.problem or "")
