"""The catalog of a live database against a clean run of its migrations on a shadow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from lockage.adapters.clock import SystemClock
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.progress import MigrationText
from lockage.demo.towpath.releases import migrations_dir
from lockage.errors import RefusedError
from lockage.flows.drift import compare
from lockage.flows.world import World
from lockage.settings import Settings
from support.plan_material import towpath

pytestmark = pytest.mark.real

LEDGER = "create table if not exists schema_migrations (version bigint not null primary key, dirty boolean not null)"


def texts() -> tuple[MigrationText, ...]:
    files = sorted(migrations_dir().glob("*.up.sql"))
    return tuple(MigrationText(version=int(f.name.split("_")[0]), name=f.stem, text=f.read_text()) for f in files)


@pytest.fixture
def live(database_url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(database_url, autocommit=True)) as session:
        yield session


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with closing(PostgresDatabase(database_url)) as database:
        yield World(
            deployment="demo",
            profile=towpath(),
            platform=cast("Any", None),
            database=database,
            service=cast("Any", None),
            clock=SystemClock(),
            settings=Settings(),
            migrations=texts(),
            tell=lambda _: None,
        )


def migrate(live: psycopg.Connection, until: int) -> None:
    for migration in texts():
        if migration.version <= until:
            live.execute(migration.text.encode())
    live.execute(LEDGER)
    live.execute("truncate schema_migrations")
    live.execute("insert into schema_migrations values (%s, false)", (until,))


def test_a_migrated_database_shows_no_drift_at_any_release(live: psycopg.Connection, world: World) -> None:
    migrate(live, 18)
    said: list[str] = []
    found = compare(world, EmbeddedShadows(), asked=False, narrate=said.append)
    assert (found.check.ok, found.drifts, found.version) == (True, (), 18), found.check.text
    assert any("on a shadow" in line for line in said)


def test_a_full_ledger_over_half_a_schema_is_seen(live: psycopg.Connection, world: World) -> None:
    migrate(live, 13)
    live.execute("update schema_migrations set version = 18")
    found = compare(world, EmbeddedShadows(), asked=False)
    assert not found.check.ok
    assert found.check.text.startswith("differs from a clean run up to migration 18")
    for drift in found.drifts:
        for statement in drift.repair:
            live.execute(statement.encode())
    assert compare(world, EmbeddedShadows(), asked=False).check.ok


def test_a_dirty_ledger_is_compared_with_nothing(live: psycopg.Connection, world: World) -> None:
    migrate(live, 13)
    live.execute("update schema_migrations set dirty = true")
    found = compare(world, EmbeddedShadows(), asked=True)
    assert found.check.ok
    assert "the ledger is dirty" in found.check.text


@pytest.mark.parametrize("text", ["create table t (a no_such_type)", "create tabel t (a int)"])
def test_migrations_that_cannot_be_run_are_no_finding_unless_they_were_asked_for(
    live: psycopg.Connection, world: World, text: str
) -> None:
    migrate(live, 13)
    broken = (*world.migrations[:-1], MigrationText(version=13, name="broken", text=text))
    world = replace(world, migrations=tuple(m for m in broken if m.version < 13 or m.name == "broken"))
    found = compare(world, EmbeddedShadows(), asked=False)
    assert found.check.ok
    assert "cannot be run on a shadow" in found.check.text
    with pytest.raises(RefusedError):
        compare(world, EmbeddedShadows(), asked=True)


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1) to program 'touch {mark}'",
        "create function f() returns int language plpgsql as "
        "$$ begin copy (select 1) to program 'touch {mark}'; return 1; end $$;\nselect f()",
    ],
)
def test_a_migration_that_reaches_out_of_the_database_is_not_run_to_compare(
    live: psycopg.Connection, world: World, outside: Path, text: str
) -> None:
    migrate(live, 13)
    last = MigrationText(version=13, name="reaching", text=text.format(mark=outside))
    world = replace(world, migrations=tuple(m for m in (*world.migrations, last) if m.version < 13 or m is last))
    found = compare(world, EmbeddedShadows(), asked=False)
    assert not outside.exists()
    assert "migration 13 (reaching) is not run on a shadow: its line" in found.check.text
    with pytest.raises(RefusedError, match="reaches out of the database") as refused:
        compare(world, EmbeddedShadows(), asked=True)
    assert (refused.value.code, outside.exists()) == ("LK708", False)
