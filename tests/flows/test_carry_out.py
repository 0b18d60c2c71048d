"""A plan carried out over a simulated world: calm, obstructed, and killed before and after every effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from msgspec.structs import replace

from lockage.core.facts import LedgerState
from lockage.core.forecast.assess import Seconds
from lockage.core.plan import steps as s
from lockage.core.run import RUN_NOTE, read_notes
from lockage.errors import HaltedError, RefusedError
from support.dying import Death, Died
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform, nothing_left
from support.fake_world import Client
from support.machine import ALTER, PATIENT, SWEEP, Machine, a_world, by_way_of_one, calm_end, end_of, to_two
from support.plans import FORMER, hop, plan_of


@pytest.mark.parametrize("strategy", list(s.Strategy))
def test_a_hop_ends_healthy_on_the_target_with_the_former_probe(strategy: s.Strategy) -> None:
    world = a_world()
    with nothing_left(world):
        report = Machine(world=world).upgrade(to_two(strategy))
    assert report.outcome == "healthy"
    assert (world.release, world.ledger, world.liveness) == ("2.0.0", 20, FORMER)
    assert [r.ready for r in FakePlatform(world).replicas()] == [True, True, True]


def test_scale_to_zero_has_no_old_replica_while_the_migration_runs() -> None:
    world = a_world()
    machine = Machine(world=world)
    machine.upgrade(to_two())
    steps = [e.step for e in machine.told if e.kind == "step-done"]
    assert steps.index("scale-down") < steps.index("clear-sessions") < steps.index("roll-out")


def test_the_figures_of_a_hop_are_measured() -> None:
    report = Machine(world=a_world()).upgrade(to_two())
    figures = report.hops[0]
    assert figures.termination_s == pytest.approx(0.5, abs=0.2)
    assert figures.start_s == pytest.approx(0.2, abs=0.2)
    assert figures.migration_s == pytest.approx(4.0, abs=0.5)
    assert figures.boot_s == pytest.approx(1.0, abs=0.3)


def test_a_detour_is_left_only_when_its_condition_holds() -> None:
    world = a_world(answers={"done": False})
    machine = Machine(world=world)
    plan = by_way_of_one()
    with pytest.raises(HaltedError, match="the work is done") as stopped:
        machine.upgrade(plan)
    assert stopped.value.code == "LK342"
    assert (world.release, world.ledger) == ("1.1.0", 11)
    world.answers["done"] = True
    with nothing_left(world):
        report = machine.upgrade(plan)
    assert report.route == ("1.1.0", "2.0.0")


def test_facts_that_changed_refuse_before_anything_is_touched() -> None:
    world = a_world(replicas=5)
    with pytest.raises(RefusedError, match="replicas was 3, and is 5") as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK325"
    assert world.changes == []


def test_without_a_restore_point_or_a_waiver_nothing_begins() -> None:
    world = a_world()
    with pytest.raises(RefusedError) as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two(), no_restore_point=False)
    assert refused.value.code == "LK328"
    assert refused.value.hint is not None
    assert "--no-restore-point" in refused.value.hint


def test_the_restore_point_stands_on_the_object() -> None:
    world = a_world(crashes={"2.0.0": 1})
    with pytest.raises(HaltedError):
        Machine(world=world).upgrade(to_two(), no_restore_point=False, restore_point="snapshot-7")
    waiver = read_notes(FakePlatform(world).workload()).waiver
    assert waiver is not None
    assert waiver.restore_point == "snapshot-7"


def test_a_plan_that_is_not_confirmed_changes_nothing() -> None:
    world = a_world()
    with pytest.raises(RefusedError) as refused, nothing_left(world):
        Machine(world=world, confirms=False).upgrade(to_two())
    assert refused.value.code == "LK329"
    assert world.changes == []


def test_another_target_is_refused_while_a_run_is_part_way() -> None:
    world = a_world(crashes={"2.0.0": 1})
    machine = Machine(world=world)
    with pytest.raises(HaltedError):
        machine.upgrade(to_two())
    with pytest.raises(RefusedError, match=r"from 1\.0\.0 to 2\.0\.0 is part-way") as refused:
        machine.upgrade(to_two(), target="1.1.0")
    assert refused.value.code == "LK327"


def test_nothing_to_go_on_with_is_said() -> None:
    with pytest.raises(RefusedError) as refused:
        Machine(world=a_world()).upgrade(to_two(), target=None, no_restore_point=False)
    assert refused.value.code == "LK315"


def test_asked_to_stop_before_anything_was_changed_it_is_a_refusal() -> None:
    world = a_world()
    with pytest.raises(RefusedError, match="nothing was changed") as refused, nothing_left(world):
        Machine(world=world, stop=lambda: True).upgrade(to_two())
    assert refused.value.code == "LK347"
    assert world.changes == []


def test_asked_to_stop_it_stops_where_nothing_is_down_and_goes_on_later() -> None:
    world = a_world()
    machine = Machine(world=world, stop=lambda: world.release == "1.1.0")
    with pytest.raises(HaltedError, match="nothing is down") as halted:
        machine.upgrade(by_way_of_one())
    assert halted.value.code == "LK345"
    assert [r.ready for r in FakePlatform(world).replicas()] == [True, True, True]
    machine.stop = lambda: False
    with nothing_left(world):
        machine.upgrade(by_way_of_one(), target=None)
    assert world.release == "2.0.0"


def test_another_machines_lease_refuses_a_second_upgrade() -> None:
    world = a_world()
    FakePlatform(world).hold_lease(holder="elsewhere", run_id="other", duration_s=30)
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK311"


def test_a_doomed_orphan_is_named_terminated_and_gone_before_the_migration() -> None:
    world = a_world()
    world.clients.append(Client(pid=7, application_name="app/dead", began_s=0, locks=(ALTER,), advisory_locks=(42,)))
    machine = Machine(world=world)
    plan = to_two()
    assert plan.facts is not None
    with nothing_left(world):  # the plan was made while the orphan kept the ledger from being read
        machine.upgrade(replace(plan, facts=replace(plan.facts, ledger_version=None)))
    acted = [e.text for e in machine.told if e.kind == "acted"]
    assert len(acted) == 1
    assert "doomed orphan" in acted[0]
    assert "pid 7" in acted[0]


def test_an_orphan_whose_whole_file_still_works_is_waited_for() -> None:
    world = a_world()
    orphan = Client(
        pid=7, application_name="app/dead", began_s=0, locks=(ALTER,), state="active",
        query="ALTER TABLE t ADD c int; UPDATE t SET c = 1", commits_s=20.0,
        on_commit=lambda: setattr(world, "ledger", 11),
    )  # fmt: skip
    world.clients.append(orphan)
    machine = Machine(world=world)
    with nothing_left(world):
        machine.upgrade(to_two())
    assert not [e for e in machine.told if e.kind == "acted"]
    assert any("working orphan" in e.text for e in machine.told)
    assert world.clock.elapsed_s > 20


def test_a_foreign_session_is_settled_before_the_outage_and_waited_for_by_default() -> None:
    world = a_world()
    world.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), commits_s=15.0))
    machine = Machine(world=world)
    machine.upgrade(to_two())
    assert not [e for e in machine.told if e.kind == "acted"]
    named = next(e for e in machine.told if "third party" in e.text)
    assert (named.step, "pid 9" in named.text, "application psql" in named.text) == ("settle-foreign-sessions", True, True)


def test_a_foreign_session_that_stays_refuses_with_nothing_changed() -> None:
    world = a_world()
    world.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,)))
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK320"
    assert (world.release, world.replicas, world.annotations) == ("1.0.0", 3, {})


def test_on_blocker_terminate_ends_the_foreign_session() -> None:
    world = a_world()
    world.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,)))
    machine = Machine(world=world)
    machine.upgrade(to_two(on_blocker=s.OnBlocker.TERMINATE))
    assert ["terminate sent to third party" in e.text for e in machine.told if e.kind == "acted"] == [True]


def test_on_blocker_cancel_cancels_the_foreign_statement_once_and_then_waits() -> None:
    world = a_world()
    for pid, state, again in ((9, "active", True), (10, "idle in transaction", False)):
        world.clients.append(
            Client(
                pid=pid, application_name="psql", began_s=0, locks=(ALTER,), state=state, tries_again=again, commits_s=20.0
            )
        )  # fmt: skip
    machine = Machine(world=world)
    machine.upgrade(to_two(on_blocker=s.OnBlocker.CANCEL))
    acted = [e.text.partition(",")[0] for e in machine.told if e.kind == "acted" and "third party" in e.text]
    assert acted == ["cancel sent to third party: pid 9"]


def test_on_blocker_stop_refuses_at_once_before_the_outage() -> None:
    world = a_world()
    world.clients.append(Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,)))
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two(on_blocker=s.OnBlocker.STOP))
    assert (refused.value.code, world.release, world.replicas) == ("LK320", "1.0.0", 3)
    assert "pid 9" in refused.value.message
    assert world.clock.elapsed_s < 5


def test_a_blocker_that_comes_during_the_migration_is_named_by_the_guard() -> None:
    world = a_world()
    machine = Machine(world=world)
    report_of = Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), commits_s=30.0, query="SELECT report")
    plan = to_two()
    first = plan.hops[0]
    steps = tuple(
        step for step in first.steps if not isinstance(step, s.SettleForeignSessions | s.ClearSessions)
    )  # as if it had come just after them
    world.clients.append(report_of)
    machine.upgrade(plan_of(replace(first, steps=steps)))
    seen = [e.text for e in machine.told if e.step == "guard-migration" and "waits for" in e.text]
    assert len(seen) == 1
    assert all(part in seen[0] for part in ("pid 9", "user app", "application psql", "SELECT report"))


def test_a_release_that_cannot_start_halts_with_its_exit_code_and_log() -> None:
    world = a_world(crashes={"2.0.0": 1})
    with pytest.raises(HaltedError, match="exit code 1") as halted:
        Machine(world=world).upgrade(to_two())
    assert halted.value.code == "LK331"
    assert RUN_NOTE in world.annotations


def test_a_ledger_that_an_orphan_left_dirty_halts_before_the_new_release_is_asked_for() -> None:
    world = a_world()
    orphan = Client(
        pid=7,
        application_name="app/dead",
        began_s=0,
        commits_s=0.3,
        on_commit=lambda: setattr(world, "dirty", True),
    )
    world.clients.append(orphan)
    with pytest.raises(HaltedError, match="migration 10 is dirty") as halted:
        Machine(world=world).upgrade(to_two())
    assert halted.value.code == "LK324"
    assert world.release == "1.0.0"


def test_a_later_hop_keeps_the_note_of_how_it_was_before_the_first() -> None:
    world = a_world(crashes={"2.0.0": 1})
    with pytest.raises(HaltedError):
        Machine(world=world).upgrade(by_way_of_one())
    notes = read_notes(FakePlatform(world).workload())
    assert notes.former is not None
    assert notes.run is not None
    assert (notes.former.release, notes.former.replicas, notes.run.hop) == ("1.0.0", 3, 1)


@pytest.mark.parametrize("pause_s", [0.0, 3.0], ids=["at once", "later"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("plan", SWEEP)
def test_killed_at_any_effect_and_started_again_it_ends_as_the_calm_run(
    plan: s.Plan, when: Literal["before", "after"], pause_s: float
) -> None:
    calm, effects = calm_end(plan)
    assert effects > 10
    for k in range(effects):
        world = a_world()
        machine = Machine(world=world)
        with pytest.raises(Died):
            machine.upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(pause_s)
        machine.upgrade(plan)
        assert end_of(world) == calm, f"killed {when} effect {k}"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("plan", SWEEP)
def test_killed_and_taken_up_on_another_machine_it_ends_as_the_calm_run(plan: s.Plan, when: Literal["before", "after"]) -> None:
    calm, effects = calm_end(plan)
    for k in range(effects):
        world = a_world()
        with pytest.raises(Died):
            Machine(world=world).upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(60)  # the lease of the dead machine runs out
        Machine(world=world, name="elsewhere").upgrade(plan)
        assert end_of(world) | {"lease": None} == calm, f"killed {when} effect {k}"


def test_the_ledger_is_not_read_while_the_lock_is_held() -> None:
    world = a_world()
    world.clients.append(Client(pid=7, application_name="x", began_s=0, advisory_locks=(42,)))
    assert FakeDatabase(world).ledger(world.profile).state is LedgerState.MIGRATING


@dataclass(kw_only=True)
class OnArrival(Machine):
    """A machine on which the later hop turns out to need another strategy than was approved."""

    arrived: s.Hop

    def _proposed(self, plan: s.Plan) -> s.Plan:
        return replace(plan, hops=(self.arrived,)) if self.world.release == "1.1.0" else plan


def without_service(strategy: s.Strategy, likely_s: float) -> s.Hop:
    """The later hop by a strategy that is without service for so long."""
    unavailable_s = Seconds(low=0.0, likely=likely_s, high=None)
    verdict = s.StrategyVerdict(strategy=strategy, possible=True, unavailable_s=unavailable_s, reasons=())
    later = hop("1.1.0", "2.0.0", strategy, liveness=FORMER, migrating=PATIENT, last=True)
    return replace(later, considered=(verdict,))


@pytest.mark.parametrize(
    ("approved", "arrived", "goes_on"),
    [
        ((s.Strategy.SCALE_TO_ONE, 4.0), (s.Strategy.SCALE_TO_ZERO, 6.0), True),
        ((s.Strategy.SCALE_TO_ONE, 4.0), (s.Strategy.SCALE_TO_ZERO, 60.0), False),
        ((s.Strategy.ROLLING, 0.0), (s.Strategy.SCALE_TO_ZERO, 2.0), False),  # any outage where none was approved
    ],
)
def test_a_harder_strategy_on_arrival_is_asked_for_unless_the_outage_is_about_what_was_approved(
    approved: tuple[s.Strategy, float], arrived: tuple[s.Strategy, float], goes_on: bool
) -> None:
    world = a_world(answers={"done": True})
    first = hop("1.0.0", "1.1.0", s.Strategy.ROLLING, liveness=FORMER, migrating=FORMER, leave_when="done", blocked=())
    plan = plan_of(first, without_service(*approved))
    machine = OnArrival(world=world, arrived=without_service(*arrived))
    if goes_on:
        machine.upgrade(plan)
        assert world.release == "2.0.0"
        return
    with pytest.raises(HaltedError) as halted:
        machine.upgrade(plan)
    assert (halted.value.code, world.release) == ("LK326", "1.1.0")


@pytest.mark.parametrize("port", ["database", "platform"])
@pytest.mark.parametrize("since_s", [0.5, 8.0])
def test_a_port_that_is_out_of_reach_for_long_halts_a_run_that_is_part_way(port: str, since_s: float) -> None:
    world = a_world(out_of_reach={port: (since_s, 1e9)})
    with pytest.raises(HaltedError, match=f"the run is part-way, and cannot go on: the {port}") as halted:
        Machine(world=world).upgrade(to_two())
    assert halted.value.code == "LK323"
