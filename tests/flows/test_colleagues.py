"""What somebody else changes while a run goes on is named, and not overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.facts import Probe
from lockage.core.run import read_notes
from lockage.errors import HaltedError, RefusedError
from support.contending import at
from support.fake_platform import FakePlatform, nothing_left
from support.machine import Machine, a_world, to_two


@pytest.mark.parametrize(
    ("step", "after_s", "change", "named"),
    [
        ("clear-sessions", 0.0, {"replicas": 2}, "0 replicas became 2"),
        ("scale-down", 0.2, {"replicas": 2}, "0 replicas became 2"),
        ("clear-sessions", 0.0, {"release": "1.1.0"}, "1.0.0 became 1.1.0"),
        ("guard-migration", 0.2, {"release": "1.0.0"}, "2.0.0 became 1.0.0"),
        ("verify", 0.0, {"replicas": 5}, "1 replica became 5"),
        ("verify", 0.0, {"liveness": Probe(period_s=7.0)}, "became a liveness probe that kills after 15 s"),
        ("raise-replicas", 0.2, {"replicas": 5}, "3 replicas became 5"),
    ],
)
def test_a_colleagues_change_halts_by_name_and_is_not_overwritten(
    step: str, after_s: float, change: dict[str, Any], named: str
) -> None:
    world = a_world(migration_s={"2.0.0": 20.0})
    machine = Machine(world=world)
    at(world, machine, step, lambda: world.change("kubectl-scale", **change), after_s=after_s)
    with pytest.raises(HaltedError) as halted:
        machine.upgrade(to_two())
    assert halted.value.code == "LK558"
    assert named in halted.value.message
    assert "changed by kubectl-scale at 03:00:" in halted.value.message
    for field, value in change.items():
        assert getattr(world, field) == value


@pytest.mark.parametrize(("step", "after_s"), [("scale-down", 0.2), ("clear-sessions", 0.0), ("verify", 0.0)])
def test_what_a_colleague_did_is_accepted_by_who_starts_the_run_again(step: str, after_s: float) -> None:
    world = a_world()
    machine = Machine(world=world)
    at(world, machine, step, lambda: world.change("kubectl-scale", replicas=2), after_s=after_s)
    with pytest.raises(HaltedError):
        machine.upgrade(to_two())
    with nothing_left(world):
        machine.upgrade(to_two())
    assert (world.release, world.replicas) == ("2.0.0", 3)


def test_a_scale_in_mid_migration_is_named_and_the_migration_keeps_its_guard() -> None:
    world = a_world(migration_s={"2.0.0": 30.0})
    machine = Machine(world=world)
    at(world, machine, "guard-migration", lambda: world.change("kubectl-scale", replicas=2))
    with pytest.raises(HaltedError, match="1 replica became 2"):
        machine.upgrade(to_two())
    named = [e.step for e in machine.told if e.kind == "saw" and "1 replica became 2" in e.text]
    assert named == ["guard-migration"]
    assert (world.ledger, world.replicas) == (20, 2)


def test_a_rollout_that_somebody_pauses_is_named() -> None:
    world = a_world()
    machine = Machine(world=world)
    at(world, machine, "clear-sessions", lambda: setattr(world, "paused", True))
    with pytest.raises(HaltedError, match="its rollout was paused"):
        machine.upgrade(to_two())


def test_a_colleagues_change_before_the_note_refuses_with_nothing_changed() -> None:
    world = a_world()
    machine = Machine(world=world)
    at(world, machine, "settle-foreign-sessions", lambda: world.change("kubectl-scale", replicas=4))
    with pytest.raises(RefusedError, match="3 replicas became 4") as refused, nothing_left(world):
        machine.upgrade(to_two())
    assert refused.value.code == "LK325"
    assert (world.changes, world.replicas) == ([], 4)


def test_a_status_that_is_written_between_look_and_note_is_no_refusal() -> None:
    world = a_world()

    class Busy(FakePlatform):
        """Somebody writes a status after each of the first looks."""

        left = 5

        def workload(self) -> Any:
            found = super().workload()
            if self.left:
                type(self).left -= 1
                world.resource_version += 1
            return found

    from lockage.core.run import RunNote, WaiverNote
    from lockage.flows.revise import note_former_state
    from support.machine import seen_by_flows

    note = RunNote(id="r", plan_digest="c", hop=0, holder="h", plan=to_two())
    note_former_state(seen_by_flows(world, platform=Busy(world)), note, WaiverNote())
    assert Busy.left == 0
    assert read_notes(FakePlatform(world).workload()).run == note
