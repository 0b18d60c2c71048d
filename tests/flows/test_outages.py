"""A database or a platform that does not answer in the middle of a run, at every effect: waited out, or a halt by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lockage.core.plan import steps as s
from lockage.core.run import RUN_NOTE
from lockage.errors import HaltedError, LockageError
from lockage.ports import LeaseState
from support.dying import Death
from support.fake_world import FakeWorld
from support.machine import SWEEP, Machine, a_world, calm_end, end_of, to_two


class Outage(Death):
    """Nobody dies: at the k-th effect something becomes unreachable."""

    def _end(self) -> None:
        assert self.die is not None
        self.die()


def _cut(world: FakeWorld, port: str, *, seconds: float) -> Callable[[], None]:
    def cut() -> None:
        world.out_of_reach[port] = (world.clock.elapsed_s, world.clock.elapsed_s + seconds)

    return cut


def _error(machine: Machine, plan: s.Plan, outage: Outage) -> LockageError | None:
    try:
        machine.upgrade(plan, outage)
    except LockageError as error:
        return error
    return None


@pytest.mark.parametrize("port", ["database", "platform"])
@pytest.mark.parametrize("plan", SWEEP)
def test_a_short_outage_at_any_effect_is_waited_out(plan: s.Plan, port: str) -> None:
    calm, effects = calm_end(plan)
    refused = 0
    for k in range(effects):
        world = a_world()
        machine = Machine(world=world)
        error = _error(machine, plan, Outage(at=k, when="after", die=_cut(world, port, seconds=8.0)))
        world.clock.sleep(8.0)
        if error is not None:  # the survey before anything is touched waits for nobody
            assert (error.exit_code, error.code in {"LK121", "LK302"}, world.changes) == (3, True, [])
            refused += 1
            machine.upgrade(plan)
        assert end_of(world) == calm, f"{port} out of reach after effect {k}"
    assert refused <= 5, "only while the facts are checked"


@pytest.mark.parametrize("port", ["database", "platform"])
@pytest.mark.parametrize("plan", SWEEP)
def test_a_long_outage_stops_the_run_by_name_and_the_same_command_ends_as_the_calm_run(plan: s.Plan, port: str) -> None:
    calm, effects = calm_end(plan)
    halted = 0
    for k in range(effects):
        world = a_world()
        machine = Machine(world=world)
        error = _error(machine, plan, Outage(at=k, when="after", die=_cut(world, port, seconds=1000.0)))
        world.clock.sleep(1000.0)
        if error is not None:
            assert error.exit_code == (4 if RUN_NOTE in world.annotations else 3), error
            assert error.hint is not None, error
            halted += error.exit_code == 4
            machine.upgrade(plan)
        assert end_of(world) | {"lease": None} == calm, f"{port} out of reach after effect {k}"
    assert halted > effects / 3


def test_an_outage_is_told_with_its_beginning_and_its_end() -> None:
    world = a_world()
    machine = Machine(world=world)
    outage = Outage(at=12, when="after", die=_cut(world, "database", seconds=8.0))
    machine.upgrade(to_two(), outage)
    told = [e.text for e in machine.told if e.text.startswith("the database")]
    assert told == [
        "the database does not answer, and is waited for up to 60 s: the database does not answer",
        "the database answers again after 8 s",
    ]


def test_a_run_that_can_no_longer_go_on_is_never_called_a_refusal() -> None:
    world = a_world()
    machine = Machine(world=world)
    outage = Outage(at=12, when="after", die=lambda: _steal_lease(world))
    with pytest.raises(HaltedError) as halted:
        machine.upgrade(to_two(), outage)
    assert halted.value.code == "LK311"


def _steal_lease(world: FakeWorld) -> None:
    now = world.clock.now()
    world.lease = LeaseState(holder="elsewhere", run_id="other", renewed_at=now, expires_at=now + timedelta(seconds=600))
