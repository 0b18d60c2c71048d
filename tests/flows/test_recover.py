"""Getting out of a run that is part-way, over a simulated world: back, forward, and from any place where it was killed."""

from __future__ import annotations

from typing import Literal

import pytest
from msgspec.structs import replace

from lockage.core.plan import steps as s
from lockage.core.recovery.of_run import Direction
from lockage.core.run import RunReport
from lockage.errors import HaltedError, RefusedError
from lockage.flows.recover import recover, way_out
from support.dying import Death, Died
from support.fake_platform import FakePlatform
from support.fake_world import Autoscaler, Client, FakeWorld, Owner
from support.machine import ALTER, SWEEP, Machine, a_world, by_way_of_one, seen_by_flows, to_two
from support.memory_journals import MemoryJournals
from support.plans import FORMER, hop, plan_of


def state(world: FakeWorld) -> tuple[object, ...]:
    """What users and the next run depend on."""
    platform = FakePlatform(world)
    workload = platform.workload()
    replicas = platform.replicas()
    served = {r.release for r in replicas if r.ready}
    return workload.release, len(replicas), served, workload.liveness, workload.annotations, world.ledger, world.dirty


def well_on(release: str, ledger: int) -> tuple[object, ...]:
    return release, 3, {release}, FORMER, {}, ledger, False


def halted(world: FakeWorld, plan: s.Plan) -> Machine:
    machine = Machine(world=world)
    with pytest.raises(HaltedError):
        machine.upgrade(plan)
    return machine


def recovered(world: FakeWorld, *, host: str) -> RunReport:
    """What ``lockage recover app`` does in one process on a machine that knows nothing of the run."""
    seen = seen_by_flows(world)
    try:
        return recover(seen, MemoryJournals(), host=host)
    finally:
        seen.database.close()


def test_without_a_run_there_is_nothing_to_recover() -> None:
    world = a_world()
    assert way_out(seen_by_flows(world)).direction is Direction.NONE
    with pytest.raises(RefusedError) as refused:
        recovered(world, host="here")
    assert refused.value.code == "LK315"


def test_a_release_that_cannot_start_is_taken_back_where_the_schema_has_not_moved() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    seen = seen_by_flows(world)
    found = way_out(seen)
    assert (found.direction, found.release, found.replicas) == (Direction.BACK, "1.0.0", 3)
    assert [step.action for step in found.steps] == ["take-down", "clear-sessions", "put-back", "restore"]
    report = recovered(world, host="elsewhere")
    assert (report.outcome, report.to_release) == ("recovered", "1.0.0")
    assert state(world) == well_on("1.0.0", 10)


def test_a_schema_that_has_moved_is_finished_and_never_gets_the_old_release() -> None:
    world = a_world(deaf={"2.0.0"})
    halted(world, to_two())
    assert world.ledger == 20
    world.deaf.clear()
    seen = seen_by_flows(world)
    assert way_out(seen).direction is Direction.FORWARD
    assert recovered(world, host="elsewhere").outcome == "healthy"
    assert state(world) == well_on("2.0.0", 20)
    assert ("roll out", "1.0.0") not in [(change[0], getattr(change[1], "release", None)) for change in world.changes]


def test_forward_finishes_the_hop_and_begins_no_later_one() -> None:
    world = a_world(answers={"done": False})
    halted(world, by_way_of_one())  # 1.1.0 serves, and what it should do first is not done
    report = recovered(world, host="elsewhere")
    assert report.to_release == "1.1.0"
    assert state(world) == well_on("1.1.0", 11)


def test_a_run_that_halted_has_given_its_lease_back() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    assert FakePlatform(world).lease() is None


def test_a_live_migration_is_left_alone() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    world.clients.append(Client(pid=7, application_name="psql", began_s=0, advisory_locks=(42,), port=1))
    before = world.annotations.copy()
    with pytest.raises(RefusedError) as refused:
        way_out(seen_by_flows(world))
    assert refused.value.code in {"LK570", "LK571"}
    assert world.annotations == before


def test_what_a_dead_migrator_commits_while_it_is_waited_for_closes_the_way_back() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    world.clients.append(
        Client(
            pid=7, application_name="app/dead", began_s=0, locks=(ALTER,), advisory_locks=(42,), state="active",
            query="ALTER TABLE t ADD c int; UPDATE t SET c = 1", commits_s=world.clock.elapsed_s + 20,
            on_commit=lambda: setattr(world, "ledger", 20),
        )
    )  # fmt: skip
    with pytest.raises(HaltedError) as closed:
        recovered(world, host="here")
    assert closed.value.code == "LK573"
    world.crashes.clear()
    world.clock.sleep(60)
    assert recovered(world, host="elsewhere").to_release == "2.0.0"
    assert state(world) == well_on("2.0.0", 20)


def test_a_ledger_that_fits_neither_end_halts_with_nothing_changed() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    world.ledger = 15
    with pytest.raises(HaltedError) as unfit:
        recovered(world, host="here")
    assert unfit.value.code == "LK572"


def test_a_run_that_is_carried_out_elsewhere_is_not_taken_back() -> None:
    world = a_world(crashes={"2.0.0": 1})
    halted(world, to_two())
    world.clock.sleep(60)
    FakePlatform(world).hold_lease(holder="elsewhere", run_id="it", duration_s=30)
    with pytest.raises(RefusedError) as refused:
        recovered(world, host="here")
    assert refused.value.code == "LK311"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("plan", SWEEP)
def test_a_run_killed_at_any_effect_is_recovered_on_another_machine(plan: s.Plan, when: Literal["before", "after"]) -> None:
    death = Death()
    Machine(world=a_world()).upgrade(plan, death)
    for k in range(death.count):
        world = a_world()
        with pytest.raises(Died):
            Machine(world=world).upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(60)  # the lease runs out, and what began to migrate has ended
        seen = seen_by_flows(world)
        if way_out(seen).direction is Direction.NONE:
            continue
        report = recovered(world, host="elsewhere")
        assert state(world) == well_on(report.to_release, world.ledger), f"killed {when} effect {k}"
        assert world.ledger == world.profile.migrations.releases[report.to_release]


HPA, ARGO = "HorizontalPodAutoscaler/app", "Application/app in argocd"


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_effect_and_taken_back_elsewhere_an_autoscaler_is_as_it_was(when: Literal["before", "after"]) -> None:
    made = hop("1.0.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, liveness=FORMER, migrating=FORMER, last=True, autoscalers=(HPA,))
    plan = plan_of(made)
    assert plan.facts is not None
    plan = replace(plan, facts=replace(plan.facts, owners=(HPA,)))
    calm, death = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)]), Death()
    Machine(world=calm).upgrade(plan, death)
    for k in range(death.count):
        world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)])
        with pytest.raises(Died):
            Machine(world=world).upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(60)
        if way_out(seen_by_flows(world)).direction is Direction.NONE:
            continue
        recovered(world, host="elsewhere")
        assert (world.autoscalers[0].minimum, world.autoscalers[0].maximum) == (3, 7), f"killed {when} effect {k}"
        assert state(world)[1] == 3


def test_what_an_owner_was_asked_for_is_taken_back_by_the_owner() -> None:
    made = hop("1.0.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, liveness=FORMER, migrating=FORMER, last=True, owners=(ARGO,))
    plan = plan_of(made)
    assert plan.facts is not None
    plan = replace(plan, facts=replace(plan.facts, owners=(ARGO,)))
    world = a_world(owners=[Owner(release="1.0.0", replicas=3, liveness=FORMER)])
    world.happenings.append((5.0, lambda: setattr(world.owners[0], "replicas", 0)))
    halted(world, plan)
    assert world.replicas == 0
    world.happenings.append((world.now_s + 20.0, lambda: setattr(world.owners[0], "replicas", 3)))
    recovered(world, host="elsewhere")
    assert state(world) == well_on("1.0.0", 10)
    assert world.changes == []
