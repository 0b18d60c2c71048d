"""Contenders in a run over a simulated world: autoscalers pinned and put back, and owners waited for."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from msgspec.structs import replace

from lockage.core.facts import Check, Usage
from lockage.core.plan import steps as s
from lockage.core.run import read_notes
from lockage.errors import HaltedError, RefusedError
from lockage.flows.contend import wish_as_values
from lockage.flows.vigil import Vigil, watched
from support.contending import ARGO, HPA, at, said, to_two_with, watching
from support.dying import Death, Died
from support.fake_platform import FakePlatform, nothing_left
from support.fake_world import Autoscaler, FakeWorld, Owner
from support.machine import PATIENT, Machine, a_world, end_of, to_two
from support.plan_material import towpath
from support.plans import FORMER, app_profile

# --- before anything is changed ------------------------------------------------------------------------------------------


def test_every_failed_check_of_the_preflight_refuses_with_nothing_changed() -> None:
    checks = [
        Check(name="image", ok=False, text="app:2.0.0 cannot be pulled: not found", hint="push it"),
        Check(name="quota", ok=False, text="quota pods: 3 of 3 pods are used", hint="raise it"),
    ]
    world = a_world(failing=checks)
    with pytest.raises(RefusedError) as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK555"
    assert "image: app:2.0.0 cannot be pulled: not found; quota: quota pods: 3 of 3 pods are used" in refused.value.message
    assert refused.value.hint == "push it; raise it"
    assert (world.changes, world.annotations) == ([], {})


# --- autoscalers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", list(s.Strategy))
def test_an_autoscaler_is_pinned_while_a_run_lasts_and_put_back_as_it_was(strategy: s.Strategy) -> None:
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7, load=6)], migration_s={"2.0.0": 40.0})
    machine = Machine(world=world)
    with nothing_left(world):
        machine.upgrade(to_two_with(strategy, autoscalers=(HPA,)))
    assert (world.release, world.autoscalers[0].minimum, world.autoscalers[0].maximum) == ("2.0.0", 3, 7)
    migrating = 3 if strategy is s.Strategy.ROLLING else 1
    pins = [change for change in world.changes if change[0] == "pin"]
    expected = [("pin", HPA, migrating), ("pin", HPA, 3), ("pin", HPA, "back")]
    assert pins == (expected if migrating == 1 else [expected[0], expected[2]])
    assert f"{HPA} keeps 3 to 7 replicas again" in said(machine)
    world.clock.sleep(20)
    assert FakePlatform(world).workload().replicas == 6


def test_an_unpinned_autoscaler_would_have_spoiled_the_run() -> None:
    """What the pin is for: without the step the autoscaler adds replicas in mid-migration, which the run names."""
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)], migration_s={"2.0.0": 40.0})
    plan = to_two_with(autoscalers=(HPA,))
    first = plan.hops[0]
    unpinned = replace(first, steps=tuple(x for x in first.steps if not isinstance(x, s.PinContenders)))
    with pytest.raises(HaltedError):
        Machine(world=world).upgrade(replace(plan, hops=(unpinned,)))


def test_an_autoscaler_that_somebody_changed_meanwhile_is_named_and_left_alone() -> None:
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)])

    def colleague() -> None:
        world.autoscalers[0].minimum, world.autoscalers[0].maximum = 2, 9
        world.autoscalers[0].changed_by = "kubectl-edit at 03:00:09"

    machine = Machine(world=world)
    at(world, machine, "restore", colleague)
    machine.upgrade(to_two_with(autoscalers=(HPA,)))
    assert (world.autoscalers[0].minimum, world.autoscalers[0].maximum) == (2, 9)
    assert f"{HPA} keeps 2 to 9 replicas now, set by kubectl-edit at 03:00:09" in said(machine)
    assert "before it: keeps 3 to 7 replicas" in said(machine)


def test_an_autoscaler_that_somebody_changed_before_the_raise_is_not_pinned_again() -> None:
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)])

    def colleague() -> None:
        world.autoscalers[0].minimum, world.autoscalers[0].maximum = 2, 9

    machine = Machine(world=world)
    at(world, machine, "verify", colleague)
    machine.upgrade(to_two_with(autoscalers=(HPA,)))
    assert (world.autoscalers[0].minimum, world.autoscalers[0].maximum) == (2, 9)
    assert [change[2] for change in world.changes if change[0] == "pin"] == [1]


def test_an_autoscaler_that_has_gone_meanwhile_is_let_go() -> None:
    world = a_world(autoscalers=[Autoscaler()])
    machine = Machine(world=world)
    at(world, machine, "restore", world.autoscalers.clear)
    machine.upgrade(to_two_with(autoscalers=(HPA,)))
    assert f"{HPA} has gone meanwhile" in said(machine)


def test_what_an_autoscaler_does_between_plan_and_run_does_not_spoil_the_plan() -> None:
    world = a_world(replicas=5, autoscalers=[Autoscaler(minimum=2, maximum=5, load=5)])
    with nothing_left(world):
        Machine(world=world).upgrade(to_two_with(autoscalers=(HPA,)))
    assert world.release == "2.0.0"


def test_an_autoscaler_that_the_plan_does_not_know_refuses() -> None:
    world = a_world(autoscalers=[Autoscaler()])
    with pytest.raises(RefusedError, match=f"owners was none, and is {HPA}") as refused:
        Machine(world=world).upgrade(to_two())
    assert refused.value.code == "LK325"
    assert world.changes == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("strategy", list(s.Strategy))
def test_killed_at_any_effect_and_taken_up_elsewhere_autoscalers_end_as_they_were(
    strategy: s.Strategy, when: Literal["before", "after"]
) -> None:
    plan = to_two_with(strategy, autoscalers=(HPA,))

    def scaled() -> FakeWorld:
        return a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)])

    def end(world: FakeWorld) -> dict[str, object]:
        numbers = [(a.minimum, a.maximum) for a in world.autoscalers]
        return end_of(world) | {"lease": None, "changes": None, "autoscalers": numbers}

    world, death = scaled(), Death()
    Machine(world=world).upgrade(plan, death)
    calm = end(world)
    assert calm["autoscalers"] == [(3, 7)]
    for k in range(death.count):
        world = scaled()
        with pytest.raises(Died):
            Machine(world=world).upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(60)
        Machine(world=world, name="elsewhere").upgrade(plan)
        assert end(world) == calm, f"killed {when} effect {k}"


# --- owners --------------------------------------------------------------------------------------------------------------


def owned(**changes: Any) -> FakeWorld:
    return a_world(owners=[Owner(release="1.0.0", replicas=3, liveness=FORMER)], **changes)


def diligent(world: FakeWorld, machine: Machine) -> None:
    """An owner's people, who do what the run says, a few seconds later."""
    wanted = [("1.0.0", 0, FORMER), ("2.0.0", 1, PATIENT), ("2.0.0", 3, FORMER)]

    def hook(event: Any) -> None:
        if event.step != "hand-over" or "must ask for" not in event.text:
            return
        release, replicas, liveness = wanted.pop(0)

        def merge() -> None:
            world.owners[0].release, world.owners[0].replicas = release, replicas
            world.owners[0].liveness = liveness

        world.happenings.append((world.now_s + 5.0, merge))

    watching(machine).hooks.append(hook)


def test_for_an_owner_the_upgrade_is_its_change_and_lockage_changes_nothing() -> None:
    world = owned()
    machine = Machine(world=world)
    diligent(world, machine)
    with nothing_left(world):
        report = machine.upgrade(to_two_with(owners=(ARGO,)))
    assert (report.outcome, world.release, world.replicas, world.liveness) == ("healthy", "2.0.0", 3, FORMER)
    assert world.changes == []
    wishes = [e.text for e in machine.told if "must ask for" in e.text]
    assert [w.split("must ask for ")[1].split(" and ")[0] for w in wishes] == [
        "1.0.0 with 0 replicas",
        "2.0.0 with 1 replica",
        "2.0.0 with 3 replicas",
    ]


def test_what_an_owner_must_ask_for_is_said_as_values_of_its_chart_too() -> None:
    step = next(x for x in to_two_with(owners=(ARGO,)).hops[0].steps if isinstance(x, s.HandOver))
    asked = replace(step, release="2.26.6", replicas=1, liveness=PATIENT)
    said_so = wish_as_values(towpath(), asked)
    assert said_so is not None
    assert said_so.startswith('towpath.replicaCount=1, towpath.image.tag="2.26.6"')
    assert "failureThreshold=450" in said_so
    assert wish_as_values(app_profile(), asked) is None


def test_an_owner_that_does_not_ask_in_time_halts_by_name() -> None:
    world = owned()
    with pytest.raises(HaltedError, match="not as it should be") as halted:
        Machine(world=world).upgrade(to_two_with(owners=(ARGO,)))
    assert halted.value.code == "LK556"
    assert ARGO in halted.value.message
    assert "wants app:1.0.0" in halted.value.message
    assert world.changes == []
    assert FakePlatform(world).workload().replicas == 3


def test_an_owner_that_goes_another_way_is_named_with_what_it_asks_for() -> None:
    world = owned()
    machine = Machine(world=world)

    def all_at_once() -> None:
        world.owners[0] = Owner(release="2.0.0", replicas=3, liveness=FORMER)

    at(world, machine, "hand-over", all_at_once)
    machine.upgrade(to_two_with(s.Strategy.ROLLING, owners=(ARGO,)))
    assert world.release == "2.0.0"
    assert "the owner asks for a liveness probe that kills after" in said(machine)


@pytest.mark.parametrize("step", ["guard-migration", "verify", "restore"])
def test_an_owner_that_puts_the_old_image_over_the_schema_halts_at_once(step: str) -> None:
    world = owned(migration_s={"2.0.0": 40.0})
    machine = Machine(world=world)
    diligent(world, machine)

    def reverts() -> None:
        world.owners[0] = Owner(release="1.0.0", replicas=3, liveness=FORMER)

    at(world, machine, step, reverts, after_s=2.0 if step != "verify" else 0.0)
    with pytest.raises(HaltedError, match=r"changed by argocd-controller at .*2.0.0 became 1.0.0") as halted:
        machine.upgrade(to_two_with(owners=(ARGO,)))
    assert halted.value.code == "LK558"


def test_a_run_does_not_end_while_a_paused_owner_still_wants_the_old_image() -> None:
    world = owned()
    machine = Machine(world=world)
    diligent(world, machine)

    def paused_on_the_old_one() -> None:
        world.owners[0].syncs, world.owners[0].release = False, "1.0.0"

    at(world, machine, "restore", paused_on_the_old_one)
    with pytest.raises(HaltedError, match="its next sync would put it over the schema") as halted:
        machine.upgrade(to_two_with(owners=(ARGO,)))
    assert halted.value.code == "LK557"
    assert read_notes(FakePlatform(world).workload()).run is not None
    world.owners[0].release = "2.0.0"
    with nothing_left(world):
        machine.upgrade(to_two_with(owners=(ARGO,)))


@pytest.mark.parametrize("strategy", [s.Strategy.SCALE_TO_ZERO, s.Strategy.ROLLING])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_effect_an_owners_upgrade_ends_as_the_calm_one(
    strategy: s.Strategy, when: Literal["before", "after"]
) -> None:
    """The owner goes its way whatever becomes of us: each of its changes comes when it is due."""
    plan = to_two_with(strategy, owners=(ARGO,))

    def world_with_owner() -> FakeWorld:
        world = owned()

        def merges() -> None:
            notes = read_notes(FakePlatform(world).workload())
            owner = world.owners[0]
            if notes.run is not None and owner.release == "1.0.0":
                if strategy is s.Strategy.SCALE_TO_ZERO and world.replicas:
                    owner.replicas = 0
                elif not world.pods or strategy is s.Strategy.ROLLING:
                    first = 3 if strategy is s.Strategy.ROLLING else 1
                    owner.release, owner.replicas, owner.liveness = "2.0.0", first, PATIENT
            elif owner.release == "2.0.0" and world.ledger == 20:
                owner.replicas, owner.liveness = 3, FORMER
            world.happenings.append((world.now_s + 3.0, merges))

        merges()
        return world

    calm, death = world_with_owner(), Death()
    Machine(world=calm).upgrade(plan, death)
    for k in range(death.count):
        world = world_with_owner()
        with pytest.raises(Died):
            Machine(world=world).upgrade(plan, Death(at=k, when=when))
        world.clock.sleep(60)
        Machine(world=world, name="elsewhere").upgrade(plan)
        assert end_of(world) | {"lease": None} == end_of(calm) | {"lease": None}, f"killed {when} effect {k}"


# --- the pod -------------------------------------------------------------------------------------------------------------


def usage(mib: int) -> Usage:
    return Usage(replica="", memory_bytes=mib * 2**20, memory_limit_bytes=256 * 2**20, cpu_cores=0.5, cpu_limit_cores=1.0)


def test_memory_near_its_limit_is_said_once_with_numbers() -> None:
    world = a_world(usage={"2.0.0": usage(240)}, migration_s={"2.0.0": 20.0})
    machine = Machine(world=world)
    machine.upgrade(to_two())
    texts = [e.text for e in machine.told if "memory" in e.text or "MiB" in e.text]
    assert len(texts) == 1
    assert "uses 240 of 256 MiB: beyond its limit it is killed" in texts[0]


def test_memory_well_below_its_limit_is_no_news() -> None:
    world = a_world(usage={"2.0.0": usage(200)}, migration_s={"2.0.0": 20.0})
    machine = Machine(world=world)
    machine.upgrade(to_two())
    assert "MiB" not in said(machine)


def test_an_autoscaler_that_the_chart_frees_with_the_raise_does_what_it_is_for() -> None:
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7, load=5)])
    machine = Machine(world=world)

    def freed() -> None:
        world.autoscalers[0].minimum, world.autoscalers[0].maximum = 3, 7
        world.change("kube-controller-manager", replicas=5)

    at(world, machine, "raise-replicas", freed, after_s=0.5)
    with nothing_left(world):
        machine.upgrade(to_two_with(autoscalers=(HPA,)))
    assert (world.replicas, world.autoscalers[0].minimum, world.autoscalers[0].maximum) == (5, 3, 7)


def test_what_a_pinned_autoscaler_does_is_no_change_of_another() -> None:
    world = a_world(autoscalers=[Autoscaler(minimum=3, maximum=7)])
    vigil = Vigil(platform=FakePlatform(world), clock=world.clock)
    platform = watched(FakePlatform(world), vigil)
    vigil.accept()
    platform.scale(1)
    platform.pin(2, platform.contenders())
    world.change("kube-controller-manager", replicas=2)
    assert vigil.change_of_another(platform.workload()) is None
    world.change("kubectl-scale", replicas=5)
    assert "1 replica became 5" in (vigil.change_of_another(platform.workload()) or "")


def test_what_another_asks_for_before_we_look_again_is_not_taken_for_ours() -> None:
    world = a_world()

    class Hurried(FakePlatform):
        """Somebody scales in the moment after each scale of ours."""

        def scale(self, replicas: int) -> None:
            super().scale(replicas)
            super().scale(2)

    vigil = Vigil(platform=Hurried(world), clock=world.clock)
    watched(Hurried(world), vigil).scale(0)
    said = vigil.change_of_another(FakePlatform(world).workload())
    assert said is not None
    assert "0 replicas became 2" in said
