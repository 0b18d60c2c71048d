"""Dirty ledgers made for real: each file stopped at each place, judged, and led out every way there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from msgspec.structs import replace

from lockage.adapters.clock import SystemClock
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.migration.formats import golang_migrate
from lockage.core.migration.statement import split_statements
from lockage.core.progress import MigrationText
from lockage.core.recovery.dirty import DirtyLedger, Verdict
from lockage.errors import HaltedError, RefusedError, UsageError
from lockage.flows.dirty import examine_dirty
from lockage.flows.drift import compare
from lockage.flows.world import World
from lockage.settings import Settings
from support.plan_material import towpath

pytestmark = pytest.mark.real

FIRST = "create table users (id int primary key, name text); create table audit (note text);"
SECOND = """
alter table users add column email text;
update users set email = name || '@example.invalid' where email is null;
create index users_email on users (email);
create table teams (id int primary key, owner int references users (id));
insert into audit (note) values ('teams made');
alter table users alter column email set default 'none';
"""
DOWN = "alter table users drop column email; drop table teams;"


@dataclass
class Scene:
    live: psycopg.Connection
    world: World

    def dirty(self, *, done: int, text: str = SECOND, model: str = "statement") -> None:
        self.live.execute(FIRST)
        self.live.execute("insert into users values (1, 'ada'), (2, 'bob')")
        for statement in split_statements(text, file="2")[:done]:
            if statement.control is None:
                self.live.execute(statement.text.encode())
        self.live.execute("create table schema_migrations (version bigint not null primary key, dirty boolean not null)")
        self.live.execute("insert into schema_migrations values (2, true)")
        migrations = (MigrationText(version=1, name="first", text=FIRST), MigrationText(version=2, name="second", text=text))
        profile = towpath()
        profile = replace(profile, migrations=replace(profile.migrations, transaction=model))
        self.world = World(
            deployment="demo", profile=profile, platform=cast("Any", None), database=self.world.database,
            service=cast("Any", None), clock=SystemClock(), settings=Settings(), migrations=migrations, tell=lambda _: None,
        )  # fmt: skip

    def examine(self, *, told: int | None = None, down: str | None = None) -> DirtyLedger:
        return examine_dirty(self.world, EmbeddedShadows(), form=golang_migrate.FORMAT, told=told, down=down)

    def take(self, found: DirtyLedger, name: Any) -> None:
        way = found.way(name)
        assert way.possible, way.why
        self.world.database.mend(way.sql, together=way.together, lock=77)

    @property
    def ledger(self) -> tuple[int, bool] | None:
        return cast("Any", self.live.execute("select version, dirty from schema_migrations").fetchone())


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    with closing(psycopg.connect(database_url, autocommit=True)) as live, closing(PostgresDatabase(database_url)) as database:
        yield Scene(live, cast("Any", type("Half", (), {"database": database})))


def verdicts(found: DirtyLedger) -> str:
    return "".join({"applied": "A", "not applied": "n", "unprovable": "?", "neutral": "."}[v.verdict] for v in found.statements)


@pytest.mark.parametrize(
    ("done", "expected"),
    [(0, "nnnnnn"), (1, "A?nnnn"), (2, "A?nnnn"), (3, "AAAnnn"), (4, "AAAA?n"), (5, "AAAA?n"), (6, "AAAAAA")],
)
def test_each_statement_is_judged_wherever_the_file_stopped(scene: Scene, done: int, expected: str) -> None:
    scene.dirty(done=done)
    assert verdicts(scene.examine()) == expected


@pytest.mark.parametrize("done", [1, 2, 4, 5])
def test_the_query_of_what_cannot_be_proved_tells_the_truth(scene: Scene, done: int) -> None:
    scene.dirty(done=done)
    (open_one,) = [v for v in scene.examine().statements if v.verdict is Verdict.UNPROVABLE]
    assert open_one.query is not None
    (answer,) = cast("Any", scene.live.execute(open_one.query.encode()).fetchone())
    executed = open_one.number <= done
    assert (answer > 0) == (executed if open_one.text.startswith("insert") else not executed), open_one.means


@pytest.mark.parametrize("done", range(7))
def test_finishing_ends_at_the_whole_migration_with_every_row_as_a_clean_run_makes_it(scene: Scene, done: int) -> None:
    scene.dirty(done=done)
    found = scene.examine(told=done)
    scene.take(found, "mark" if done == 6 else "finish")
    assert scene.ledger == (2, False)
    assert compare(scene.world, EmbeddedShadows(), asked=True).drifts == ()
    rows = scene.live.execute("select id, name, email from users order by id").fetchall()
    assert rows == [(1, "ada", "ada@example.invalid"), (2, "bob", "bob@example.invalid")]
    assert scene.live.execute("select count(*) from audit").fetchone() == (1,)


@pytest.mark.parametrize("done", range(7))
def test_undoing_ends_at_the_schema_before(scene: Scene, done: int) -> None:
    scene.dirty(done=done)
    found = scene.examine(told=done, down=DOWN)
    scene.take(found, "undo" if done else "mark")
    assert scene.ledger == (1, False)
    assert compare(scene.world, EmbeddedShadows(), asked=True).drifts == ()
    assert scene.live.execute("select id, name from users order by id").fetchall() == [(1, "ada"), (2, "bob")]


@pytest.mark.parametrize(("done", "expected"), [(0, "nnnnnn"), (6, "AAAAAA")])
def test_one_transaction_shares_its_fate_and_only_marking_is_left(scene: Scene, done: int, expected: str) -> None:
    scene.dirty(done=done, model="file")
    found = scene.examine()
    assert verdicts(found) == expected
    assert found.advised == "mark"
    scene.take(found, "mark")
    assert scene.ledger == (2 if done else 1, False)


def test_nothing_is_advised_while_a_person_must_tell_first(scene: Scene) -> None:
    scene.dirty(done=2)
    found = scene.examine()
    assert found.advised is None
    assert all("--applied N" in way.why for way in found.ways)


def test_a_person_cannot_say_what_the_catalog_denies(scene: Scene) -> None:
    scene.dirty(done=3)
    with pytest.raises(UsageError) as refused:
        scene.examine(told=5)
    assert refused.value.code == "LK578"


def test_an_index_whose_build_did_not_end_is_dropped_before_it_is_built_again(scene: Scene) -> None:
    text = "alter table users add column code int; create unique index concurrently users_code on users (code);"
    scene.dirty(done=1, text=text)
    scene.live.execute("update users set code = 1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        scene.live.execute("create unique index concurrently users_code on users (code)")
    found = scene.examine()
    assert verdicts(found) == "An"
    assert not found.way("finish").together
    with pytest.raises(Exception, match="could not create unique index"):
        scene.take(found, "finish")
    scene.live.execute("update users set code = id")
    scene.take(scene.examine(), "finish")
    assert scene.ledger == (2, False)


def test_the_first_migration_of_all_leads_back_to_an_empty_ledger(scene: Scene) -> None:
    scene.dirty(done=0)
    scene.live.execute("drop table users, audit")
    scene.live.execute("update schema_migrations set version = 1")
    found = scene.examine()
    assert (found.previous, found.advised) == (0, "mark")
    scene.take(found, "mark")
    assert scene.ledger is None


def test_a_clean_ledger_is_refused(scene: Scene) -> None:
    scene.dirty(done=6)
    scene.live.execute("update schema_migrations set dirty = false")
    with pytest.raises(RefusedError) as refused:
        scene.examine()
    assert refused.value.code == "LK581"


def test_a_migration_whose_file_is_not_known_here_is_refused(scene: Scene) -> None:
    scene.dirty(done=0)
    scene.live.execute("update schema_migrations set version = 9")
    with pytest.raises(RefusedError, match="migration 9 is dirty, and its file is not known here") as refused:
        scene.examine()
    assert refused.value.code == "LK582"


def test_a_repair_that_cannot_be_one_transaction_says_where_it_stopped(scene: Scene) -> None:
    scene.dirty(done=0)
    with pytest.raises(HaltedError, match="statement 2 of 2 of the repair failed, and what came before it stays") as halted:
        scene.world.database.mend(("create table t ()", "no such thing"), together=False, lock=7)
    assert halted.value.code == "LK580"
    assert scene.live.execute("select to_regclass('t')").fetchone() == ("t",)


def test_a_repair_waits_for_whoever_migrates_and_leaves_nothing_of_itself(scene: Scene) -> None:
    scene.dirty(done=0)
    with pytest.raises(RefusedError) as refused:
        scene.world.database.mend(("create table t ()", "no such thing"), together=True, lock=7)
    assert refused.value.code == "LK579"
    assert scene.live.execute("select to_regclass('t')").fetchone() == (None,)


def test_a_failed_migration_reaches_nothing_outside_where_it_is_tried(scene: Scene, outside: Path) -> None:
    body = f"begin copy (select 1) to program 'touch {outside}'; return 1; end"
    function = f"create function reach() returns int language plpgsql as $$ {body} $$"
    scene.dirty(done=1, text=f"{function}; select reach(); create table more as select reach(); alter table users add a int")
    found = scene.examine()
    assert not outside.exists()
    assert [one.verdict for one in found.statements] == [
        Verdict.APPLIED, Verdict.UNPROVABLE, Verdict.UNPROVABLE, Verdict.NOT_APPLIED,
    ]  # fmt: skip
    assert found.statements[1].why == "it calls public.reach, which runs a program on the server, and was not tried"


def test_nobody_tries_a_failed_migration_where_an_earlier_one_reaches_out(scene: Scene, outside: Path) -> None:
    scene.dirty(done=1)
    first = MigrationText(version=1, name="first", text=f"{FIRST}; copy users to program 'touch {outside}'")
    scene.world = dataclasses.replace(scene.world, migrations=(first, *scene.world.migrations[1:]))
    with pytest.raises(RefusedError) as refused:
        scene.examine()
    assert (refused.value.code, outside.exists()) == ("LK708", False)
