"""What dead migrators left behind: removed before a plan where none can be made beside it, and believed where it committed."""

from __future__ import annotations

from datetime import datetime

import pytest

from lockage.core.facts import RelationLock
from lockage.core.run import RUN_NOTE
from lockage.errors import HaltedError, RefusedError
from lockage.flows.quiesce import clear_orphans
from lockage.ports import Killed
from support.dying import Death, Died
from support.fake_database import FakeDatabase
from support.fake_platform import nothing_left
from support.fake_world import Client, FakeWorld
from support.machine import ALTER, Machine, a_world, seen_by_flows, to_two

ALTERED = RelationLock(relation="public.t", mode="AccessExclusiveLock", granted=True)


def with_an_orphan(world: FakeWorld) -> FakeWorld:
    """The world with a killed migrator's backend in it, which keeps a table from being read."""
    world.clients.append(Client(pid=7, application_name="app/dead", began_s=0, locks=(ALTERED,)))
    return world


def test_an_orphan_that_keeps_a_plan_from_being_made_is_named_and_removed_first() -> None:
    world = with_an_orphan(a_world())
    machine = Machine(world=world)
    with nothing_left(world):
        report = machine.upgrade(to_two())
    assert report.outcome == "healthy"
    first = [(e.kind, e.step, "doomed orphan: pid 7" in e.text) for e in machine.told][:2]
    assert first == [("saw", "plan", True), ("acted", "plan", True)]


def test_it_is_not_removed_by_one_who_says_no() -> None:
    world = with_an_orphan(a_world())
    with pytest.raises(RefusedError) as refused:
        Machine(world=world, clears=False).upgrade(to_two())
    assert refused.value.code == "LK421"
    assert [c.pid for c in world.clients] == [7]


def test_a_foreign_session_in_its_place_is_let_alone() -> None:
    world = a_world()
    world.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTERED,)))
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK421"
    assert [c.pid for c in world.clients] == [9]


def test_it_is_let_alone_while_another_run_holds_the_fence() -> None:
    world = with_an_orphan(a_world())
    world.fence = 99
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK313"
    assert [c.pid for c in world.clients] == [7]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_removes_an_orphan_the_same_command_again_ends_healthy(when: str) -> None:
    world = with_an_orphan(a_world())
    machine = Machine(world=world)
    with pytest.raises(Died):
        machine.upgrade(to_two(), Death(at=0, of="terminate", when="before" if when == "before" else "after"))
    with nothing_left(world):
        assert machine.upgrade(to_two()).outcome == "healthy"


def test_what_an_orphan_committed_while_it_was_waited_for_is_said() -> None:
    world = a_world()
    _commits(world, 11)
    machine = Machine(world=world)
    with nothing_left(world):
        machine.upgrade(to_two())
    assert "public.schema_migrations went from 10 to 11" in "\n".join(e.text for e in machine.told)


def test_a_schema_beyond_the_target_halts_before_a_release_is_asked_for_that_would_not_start() -> None:
    world = a_world()
    _commits(world, 30)
    with pytest.raises(HaltedError, match="is at 30, beyond 20") as halted:
        Machine(world=world).upgrade(to_two())
    assert halted.value.code == "LK346"
    assert world.release == "1.0.0"
    assert RUN_NOTE in world.annotations


def _commits(world: FakeWorld, ledger: int) -> None:
    orphan = Client(
        pid=7, application_name="app/dead", began_s=0, locks=(ALTER,), state="active", query="UPDATE t SET c = 1",
        commits_s=20.0, on_commit=lambda: setattr(world, "ledger", ledger),
    )  # fmt: skip
    world.clients.append(orphan)


class Deaf(FakeDatabase):
    """A database whose backends do not heed a signal."""

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        return Killed(pid=pid, sent=True)


def test_an_orphan_that_does_not_go_is_named_and_nothing_was_changed() -> None:
    world = with_an_orphan(a_world())
    with pytest.raises(RefusedError, match=r"pid 7, .* still keeps the database from being read after 5 s") as refused:
        clear_orphans(seen_by_flows(world, database=Deaf(world)), limit_s=5.0, between=lambda: None)
    assert refused.value.code == "LK318"
    assert world.changes == []
