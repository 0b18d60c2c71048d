"""Recovery from states that Lockage did not make, over a simulated world; and from any place where it is killed itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from lockage.core.diagnosis.evidence import PreparedTransaction
from lockage.core.facts import Probe
from lockage.core.recovery.scene import Wishes
from lockage.core.recovery.steps import Course, Direction
from lockage.errors import RefusedError, UsageError
from support.dying import Death, Died
from support.fake_platform import FakePlatform
from support.fake_world import Autoscaler, Client, FakeWorld, Owner
from support.machine import ALTER, a_world, seen_by_flows
from support.plans import FORMER
from support.rescuing import Rescuer, decided


def state(world: FakeWorld) -> tuple[object, ...]:
    """What users and the next run depend on."""
    platform = FakePlatform(world)
    workload, replicas = platform.workload(), platform.replicas()
    serving = {r.release for r in replicas if r.ready}
    return workload.release, len(replicas), serving, workload.liveness, workload.annotations, world.ledger, platform.lease()


def well_on(release: str, ledger: int, liveness: Probe | None = FORMER) -> tuple[object, ...]:
    return release, 3, {release}, liveness, {}, ledger, None


def naive_upgrade() -> FakeWorld:
    """``helm upgrade`` with a probe that is shorter than the migration, a while ago: killed, orphaned, in a crash loop."""
    world = a_world(migration_s={"2.0.0": 60.0})
    world.change("somebody", release="2.0.0")
    world.clock.sleep(90.0)
    world.settle()
    return world


def wrong_image() -> FakeWorld:
    """The schema is 2.0.0's, and somebody has put 1.0.0 back."""
    world = a_world(release="2.0.0", ledger=20)
    world.change("somebody", release="1.0.0")
    world.clock.sleep(30.0)
    world.settle()
    return world


def only_wrong_image() -> FakeWorld:
    """The same with nobody of 2.0.0 left."""
    world = wrong_image()
    world.pods = [p for p in world.pods if p.release == "1.0.0"]
    return world


def scaled_to_zero() -> FakeWorld:
    world = a_world()
    world.change("kubectl", replicas=0)
    world.clock.sleep(10.0)
    world.settle()
    return world


def hung() -> FakeWorld:
    """The right release, and none of its replicas answers until it is started anew."""
    world = a_world()
    for pod in world.pods:
        pod.ready_s, pod.migration_began_s = None, 1e9
        pod.liveness = None
    return world


def dirty_in_mid_upgrade() -> FakeWorld:
    """A migration to 2.0.0 has failed and left the ledger dirty, and every replica ends because of that."""
    world = a_world(crashes={"2.0.0": 1})
    world.change("somebody", release="2.0.0")
    world.clock.sleep(20.0)
    world.settle()
    world.dirty = True
    world.pods = [p for p in world.pods if p.release == "2.0.0"]
    world.crashes.clear()
    return world


SCENES: dict[str, tuple[Callable[[], FakeWorld], tuple[str, ...], tuple[object, ...]]] = {
    "naive upgrade": (naive_upgrade, ("F001", "F043"), well_on("2.0.0", 20)),
    "wrong image, the right one serves": (wrong_image, ("F061",), well_on("2.0.0", 20)),
    "wrong image, nobody serves": (only_wrong_image, ("F061",), well_on("2.0.0", 20)),
    "dirty ledger": (dirty_in_mid_upgrade, ("F060",), well_on("2.0.0", 20)),
    "scaled to zero": (scaled_to_zero, ("F082",), well_on("1.0.0", 10)),
}


def wishes_of(name: str) -> Wishes:
    return Wishes(replicas=3) if name == "scaled to zero" else Wishes()


@pytest.mark.parametrize("name", SCENES)
def test_a_recovery_ends_healthy_on_the_release_that_the_schema_asks_for(name: str) -> None:
    make, codes, end = SCENES[name]
    world = make()
    report = Rescuer(world=world).type_recover(*codes, wishes=wishes_of(name))
    assert report is not None
    assert state(world) == end
    assert not [c for c in world.clients if c.application_name.startswith("app/")]


def effects(name: str) -> int:
    make, codes, _ = SCENES[name]
    death = Death()
    Rescuer(world=make()).type_recover(*codes, wishes=wishes_of(name), death=death)
    return death.count


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCENES)
def test_a_recovery_killed_at_any_effect_ends_where_the_calm_one_ends(name: str, when: Literal["before", "after"]) -> None:
    make, codes, end = SCENES[name]
    for at in range(effects(name)):
        world = make()
        rescuer = Rescuer(world=world)
        with pytest.raises(Died):
            rescuer.type_recover(*codes, wishes=wishes_of(name), death=Death(at=at, when=when))
        world.clock.sleep(60.0)  # the lease of the dead process runs out
        rescuer.type_recover(*codes, wishes=wishes_of(name))
        world.clock.sleep(40.0)
        assert state(world) == end, f"killed {when} effect {at}"


def test_the_probe_that_killed_the_migration_is_long_for_one_start_and_then_as_it_was() -> None:
    world = naive_upgrade()
    found = decided(seen_by_flows(world), "F001", "F043")
    assert (found.course, found.direction, found.code) == (Course.RESTART, Direction.FORWARD, "F001")
    assert found.migrating_liveness is not None
    assert found.migrating_liveness.kill_budget_s >= 3600
    assert [s.action for s in found.steps][-3:] == ["take-down", "roll-out", "raise"]
    Rescuer(world=world).type_recover("F001", "F043")
    probes = [change[1].liveness for change in world.changes if change[0] == "roll out"]  # type: ignore[attr-defined]
    assert [probe.kill_budget_s >= 3600 for probe in probes] == [True, False]


def test_nothing_is_done_to_a_migration_that_works() -> None:
    world = a_world(migration_s={"2.0.0": 60.0}, liveness=None)
    world.change("somebody", release="2.0.0")
    world.clock.sleep(10.0)
    found = decided(seen_by_flows(world), "-F055")
    assert (found.direction, [s.action for s in found.steps]) == (Direction.NONE, ["wait"])
    assert Rescuer(world=world).type_recover("-F055") is None


def test_nothing_is_done_to_what_is_well() -> None:
    found = decided(seen_by_flows(a_world()))
    assert (found.direction, found.steps, found.acts) == (Direction.NONE, (), False)


def blocked() -> tuple[FakeWorld, Client]:
    """A migration with a patient probe waits for somebody who reports."""
    world = a_world(liveness=None)
    client = Client(
        pid=7, application_name="reports", began_s=0.0, locks=(ALTER,), state="active", query="SELECT pg_sleep(1e6)"
    )
    world.clients.append(client)
    world.change("somebody", release="2.0.0")
    world.clock.sleep(20.0)
    world.settle()
    return world, client


def test_a_blocker_is_cancelled_and_if_that_does_not_help_ended_and_nobody_else() -> None:
    world, _ = blocked()
    other = Client(pid=8, application_name="reports", began_s=0.0)
    world.clients.append(other)
    found = decided(seen_by_flows(world), "F040")
    assert [s.action for s in found.steps] == ["cancel", "terminate", "wait"]
    assert found.course is Course.AWAIT
    assert Rescuer(world=world).type_recover("F040") is not None
    assert state(world) == well_on("2.0.0", 20, None)
    assert world.clients == [other]


def test_a_statement_that_commits_for_a_dead_client_is_waited_for() -> None:
    world = a_world(migration_s={"2.0.0": 1.0})
    world.clients.append(
        Client(
            pid=7, application_name="app/dead", began_s=0, locks=(ALTER,), advisory_locks=(42,), state="active",
            query="ALTER TABLE t ADD c int; UPDATE t SET c = 1", commits_s=100.0,
            on_commit=lambda: setattr(world, "ledger", 20),
        )
    )  # fmt: skip
    world.change("somebody", release="2.0.0")
    world.clock.sleep(20.0)
    found = decided(seen_by_flows(world), "F001", "F043")
    assert found.steps[0].action == "wait"
    Rescuer(world=world).type_recover("F001", "F043")
    assert state(world) == well_on("2.0.0", 20)
    assert world.clock.elapsed_s > 100.0


def test_a_release_that_cannot_come_up_is_left_for_the_one_that_fits_where_the_schema_has_not_moved() -> None:
    world = a_world(crashes={"2.0.0": 1})
    world.change("somebody", release="2.0.0")
    world.clock.sleep(30.0)
    found = decided(seen_by_flows(world), "F010")
    assert (found.direction, found.release, found.course) == (Direction.BACK, "1.0.0", Course.ROLL)
    assert found.steps[-1].action == "by-hand"
    Rescuer(world=world).type_recover("F010")
    assert state(world) == well_on("1.0.0", 10)


def test_a_cause_that_no_start_cures_over_a_moved_schema_is_a_person_s() -> None:
    world = a_world(release="2.0.0", ledger=20, crashes={"2.0.0": 1})
    world.pods.clear()
    world.clock.sleep(30.0)
    found = decided(seen_by_flows(world), "F018")
    assert (found.direction, [s.action for s in found.steps]) == (Direction.NONE, ["by-hand"])
    assert "end F018" in found.steps[0].target


def test_a_schema_that_no_known_release_has_is_touched_by_nobody() -> None:
    world = wrong_image()
    world.ledger = 15
    with pytest.raises(RefusedError) as refused:
        Rescuer(world=world).type_recover("F061")
    assert refused.value.code == "LK583"
    assert world.changes == []


def test_an_older_release_that_is_asked_for_over_a_moved_schema_is_refused() -> None:
    with pytest.raises(Exception, match="would not start") as refused:
        decided(seen_by_flows(wrong_image()), "F061", wishes=Wishes(to_release="1.1.0"))
    assert getattr(refused.value, "code", "") == "LK586"


def test_autoscalers_are_pinned_for_it_and_put_back() -> None:
    world = naive_upgrade()
    world.autoscalers.append(Autoscaler(minimum=3))
    Rescuer(world=world).type_recover("F001", "F043")
    assert state(world) == well_on("2.0.0", 20)
    assert [(a.minimum, a.maximum) for a in world.autoscalers] == [(3, 5)]


def test_scaled_to_zero_without_a_word_how_many_there_were_starts_one_and_says_so() -> None:
    world = scaled_to_zero()
    found = decided(seen_by_flows(world), "F082")
    assert (found.replicas, found.course) == (1, Course.SCALE)
    assert "--replicas N" in found.warnings[-1]


def test_the_last_resort_spares_whoever_migrates_and_asks_for_the_name() -> None:
    world, client = blocked()
    found = decided(seen_by_flows(world), "F040", wishes=Wishes(last_resort=True))
    assert found.steps[-2].action == "end-all-others"
    assert found.steps[-2].named == "app"
    with pytest.raises(RefusedError) as refused:
        Rescuer(world=world).type_recover("F040", wishes=Wishes(last_resort=True))
    assert refused.value.code == "LK592"
    assert client in world.clients


PREPARED = PreparedTransaction(gid="it's 1", owner="orders", database="app", age_s=900.0, relation_locks=(ALTER,))


def test_a_prepared_transaction_is_ended_only_by_its_name() -> None:
    world = a_world()
    assert decided(seen_by_flows(world), "F045", prepared=(PREPARED,)).acts is False
    found = decided(seen_by_flows(world), "F045", prepared=(PREPARED,), wishes=Wishes(prepared=("it's 1",)))
    assert [(s.action, s.sql, s.named) for s in found.steps] == [
        ("end-prepared", ('SET ROLE "orders"', "ROLLBACK PREPARED 'it''s 1'"), "it's 1")
    ]  # fmt: skip
    with pytest.raises(UsageError) as unknown:
        decided(seen_by_flows(world), "F045", prepared=(PREPARED,), wishes=Wishes(prepared=("another",)))
    assert unknown.value.code == "LK587"
    report = Rescuer(world=world).type_recover("F045", prepared=(PREPARED,), wishes=Wishes(prepared=("it's 1",)))
    assert report is not None
    assert world.changes == [("mend", ('SET ROLE "orders"', "ROLLBACK PREPARED 'it''s 1'"))]


def test_what_an_owner_would_put_back_is_the_owner_s_to_ask_for() -> None:
    world = wrong_image()
    world.owners.append(Owner(release="1.0.0", replicas=3))
    found = decided(seen_by_flows(world), "F061")
    assert [s.action for s in found.steps] == ["by-hand"]
    assert "let Application/app in argocd ask for 2.0.0" in found.steps[0].target


def test_notes_without_a_run_are_taken_away_and_its_pins_put_back() -> None:
    world = naive_upgrade()
    world.autoscalers.append(Autoscaler(minimum=3))
    rescuer = Rescuer(world=world)
    with pytest.raises(Died):
        rescuer.type_recover("F001", "F043", death=Death(at=12))
    world.annotations.pop("lockage.dev/run", None)
    world.clock.sleep(200.0)
    for _ in range(2):
        rescuer.type_recover("F001")
        world.clock.sleep(40.0)
    assert not [key for key in world.annotations if key.startswith("lockage.dev/")]
