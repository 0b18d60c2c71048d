"""Whether a log ends in the middle of a migration, by what its migrator said."""

from __future__ import annotations

import pytest

from lockage.core.diagnosis.migrator_lines import Step, mid_migration, migrator_lines
from support.cases import log

STAMP = "2026-11-22 02:59:00.000 [info]  "

LINES = [
    (STAMP + "starting database migration  version=12  name=slow  position=1  total=3", Step.BEGUN, "12"),
    ('{"level":"info","msg":"acquired database migration lock","waited":"0.1s"}', Step.LOCKED, None),
    (STAMP + "waiting for database migration lock held by another instance", Step.WAITS, None),
    (STAMP + "database schema is up to date  version=12", Step.ENDED, None),
    ("INFO  [alembic.runtime.migration] Running upgrade 3c841a1800a1 -> 2fbd3c1f6a10, add table", Step.BEGUN, "2fbd3c1f6a10"),
    ("  Applying auth.0001_initial... OK", Step.DONE, "auth.0001_initial"),
    ("  Applying auth.0002_alter...", Step.BEGUN, "auth.0002_alter"),
    ("== 20240101000000 AddUsers: migrating ======================================", Step.BEGUN, "20240101000000"),
    ("== 20240101000000 AddUsers: migrated (0.0021s) =============================", Step.DONE, "20240101000000"),
    ("12/u slow (13.1ms)", Step.DONE, "12"),
    ('INFO: Migrating schema "public" to version "2 - slow"', Step.BEGUN, "2"),
    ('INFO: Schema "public" is up to date. No migration necessary.', Step.ENDED, None),
    ("Applying migration `20240101_init`", Step.BEGUN, "20240101_init"),
    ('logger=migrator level=info msg="Executing migration" id="add column"', Step.BEGUN, None),
    ("running database migrations", Step.BEGUN, None),
    ("error: migration 12 (slow): migration failed: boom", Step.FAILED, None),
    ("Applying migration '20240101000000_AddFerries'.", Step.BEGUN, "20240101000000_AddFerries"),
    ("Migration 'm20220101_000001_create_table' has been applied", Step.DONE, "m20220101_000001_create_table"),
    ("Migration AddFerries1700000000000 has been executed successfully.", Step.DONE, "AddFerries1700000000000"),
    (
        "2026-11-22 02:59:30,123 INFO  [org.keycloak.quarkus.runtime.storage.legacy.liquibase.QuarkusJpaUpdaterProvider] "
        "(main) Updating database. Using changelog META-INF/jpa-changelog-master.xml",
        Step.BEGUN,
        None,
    ),
    ("  2024_01_01_000000_create_ferries_table ........ 12.5ms DONE", Step.DONE, "2024_01_01_000000_create_ferries_table"),
    ("Migrating: 2024_01_01_000000_create_ferries_table", Step.BEGUN, "2024_01_01_000000_create_ferries_table"),
    (STAMP + "stop signal received, database migrations continue", Step.BEGUN, None),
    ("Database migration is still in progress, not ready yet", Step.BEGUN, None),
    ("Migrating to version 20240101 (2 migrations in total):", Step.BEGUN, "20240101"),
]


@pytest.mark.parametrize(("line", "step", "name"), LINES)
def test_every_migrators_lines_are_read(line: str, step: Step, name: str | None) -> None:
    (found,) = migrator_lines(log(line))
    assert (found.step, found.name) == (step, name) or (step is Step.FAILED and found.step is step)


@pytest.mark.parametrize(
    "line", ["listening on :8080", "user migrated to another plan", "GET /migrations 200", "shutting down", ""]
)
def test_other_lines_are_no_migrators(line: str) -> None:
    assert migrator_lines(log(line)) == ()


def test_a_log_that_ends_behind_a_begun_migration_ends_in_its_middle() -> None:
    found = mid_migration(log(LINES[1][0], LINES[0][0]))
    assert found is not None
    assert found.name == "12"


@pytest.mark.parametrize(
    "end", ["2026-11-22 02:59:30.000 [info]  committed database migrations  count=3", "listening on :8080"]
)
def test_a_log_that_goes_on_behind_the_migrations_does_not(end: str) -> None:
    assert mid_migration(log(LINES[0][0], end)) is None


def test_a_follower_that_waits_for_its_turn_does_not_migrate() -> None:
    assert mid_migration(log(LINES[2][0])) is None
