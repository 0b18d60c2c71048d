"""Looking on while somebody else upgrades: what is said, when it ends, and that nothing is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from lockage.core.facts import Activity
from lockage.core.progress import MigrationText
from lockage.core.run import RunEvent
from lockage.flows.look_on import look_on
from lockage.ports import Rollout
from support.fake_database import FakeDatabase
from support.fake_platform import FakePlatform
from support.fake_world import Client, FakeClock, FakeWorld
from support.machine import ALTER, PATIENT, a_world, seen_by_flows
from support.plans import FORMER

SCRIPT = (
    MigrationText(version=5, name="of_an_earlier_release", text="CREATE TABLE t ()"),
    MigrationText(version=11, name="small", text="ALTER TABLE t ADD a int"),
    MigrationText(version=20, name="large", text="UPDATE t SET a = 1"),
    MigrationText(version=30, name="of_a_later_release", text="DROP TABLE t"),
)


class Played(FakeClock):
    """Time in which somebody else acts."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[tuple[float, Callable[[], None]]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [act for at, act in self.acts if at <= self.elapsed_s]
        self.acts = [(at, act) for at, act in self.acts if at > self.elapsed_s]
        for act in due:
            act()


@dataclass(kw_only=True)
class Scene:
    """A world in which somebody else upgrades, and an onlooker."""

    fake: FakeWorld
    told: list[RunEvent] = field(default_factory=list[RunEvent])
    glimpses: list[str] = field(default_factory=list[str])

    def at(self, seconds: float, act: Callable[[FakePlatform], object]) -> None:
        clock = self.fake.clock
        assert isinstance(clock, Played)
        clock.acts.append((seconds, lambda: act(FakePlatform(self.fake)) and None))

    def look_on(self, target: str | None = None, **changes: Any) -> bool:
        world = seen_by_flows(self.fake, self.told, migrations=SCRIPT, glimpse=self.glimpses.append, **changes)
        return look_on(world, target=target)

    def said(self, words: str) -> list[str]:
        return [event.text for event in self.told if words in event.text]


def scene(**changes: Any) -> Scene:
    return Scene(fake=a_world(clock=Played(), **changes))


def asks_for_two(replicas: int, *, patient: bool = True) -> Callable[[FakePlatform], None]:
    rollout = Rollout(release="2.0.0", replicas=replicas, liveness=PATIENT if patient else FORMER)
    return lambda platform: platform.roll_out(rollout)


def test_nothing_under_way_is_said_and_it_ends() -> None:
    calm = scene()
    assert calm.look_on() is False
    assert calm.told[-1].kind == "ended"
    assert calm.told[-1].text == "nothing is under way; 1.0.0 is healthy: 3 replicas ready, public.schema_migrations at 10"


def test_with_a_target_it_waits_for_the_upgrade_to_begin() -> None:
    later = scene()
    later.at(60, asks_for_two(3))
    assert later.look_on("2.0.0") is True
    assert later.glimpses[0] == "waiting for 2.0.0 to be asked for"
    assert later.told[-1].text.startswith("2.0.0 is healthy: 3 replicas ready, public.schema_migrations at 20")
    assert later.fake.clock.elapsed_s > 60


def test_it_follows_what_is_asked_for_step_by_step() -> None:
    careful = scene()
    careful.at(1, lambda platform: platform.scale(0))
    careful.at(5, asks_for_two(1))
    careful.at(30, lambda platform: platform.roll_out(Rollout(release="2.0.0", replicas=3, liveness=FORMER)))
    careful.look_on("2.0.0")
    asked = [text.partition(" and ")[0] for text in careful.said("asked for: ")]
    assert asked == [
        "asked for: 1.0.0 with 3 replicas",
        "asked for: 1.0.0 with 0 replicas",
        "asked for: 2.0.0 with 1 replica",
        "asked for: 2.0.0 with 3 replicas",
    ]
    assert careful.said("2.0.0 serves with 1 replica; 3 were asked for before, and are waited for")
    assert careful.said("the migration is over: public.schema_migrations is at 20")


def test_scaled_to_zero_is_no_end() -> None:
    down = scene()
    FakePlatform(down.fake).scale(0)
    down.fake.clock.sleep(10)  # whoever looks on now has never seen a replica
    down.at(100, lambda platform: platform.scale(3))
    down.look_on()
    assert down.fake.clock.elapsed_s > 100


def test_a_dirty_ledger_is_no_end() -> None:
    dirty = scene(dirty=True)

    def repair(_: FakePlatform) -> None:
        dirty.fake.dirty = False

    dirty.at(50, repair)
    dirty.look_on()
    assert dirty.fake.clock.elapsed_s > 50


def test_the_migration_and_its_position_are_named() -> None:
    going = scene()

    class Told(FakeDatabase):
        def activity(self) -> Activity:
            seen = super().activity()
            key = self.world.profile.migrations.advisory_lock
            sessions = (replace(one, query="UPDATE t SET a = 1") if key in one.advisory_locks else one for one in seen.sessions)
            return replace(seen, sessions=tuple(sessions))

    going.at(1, asks_for_two(3))
    going.look_on("2.0.0", database=Told(going.fake))
    assert going.said("migrates, as backend")
    assert going.said("migration 2 of 2: 20_large")


def test_a_blocker_is_named_once_and_not_touched() -> None:
    blocked = scene(replicas=1)
    psql = Client(pid=9, application_name="psql", began_s=0, locks=(ALTER,), query="SELECT 1", commits_s=40.0)
    blocked.fake.clients.append(psql)
    blocked.at(1, asks_for_two(1))
    blocked.look_on("2.0.0")
    (said,) = blocked.said("the migration waits for")
    assert "pid 9, user" in said
    assert "application psql" in said
    assert blocked.fake.clock.elapsed_s > 40


def test_a_probe_that_will_kill_is_said_before_it_does_and_each_kill_after() -> None:
    looping = scene(replicas=1, migration_s={"2.0.0": 3 * FORMER.kill_budget_s})
    looping.at(1, asks_for_two(1, patient=False))
    looping.at(60, lambda _: looping.fake.clients.clear())
    looping.at(61, asks_for_two(1))
    looping.look_on("2.0.0")
    warned = next(i for i, event in enumerate(looping.told) if "its liveness probe kills it after 5.0 s" in event.text)
    killed = next(i for i, event in enumerate(looping.told) if "was killed by its liveness probe" in event.text)
    assert warned < killed
    assert len(looping.said("does not mend itself")) == 1
    assert looping.said("of a dead client holds the migration's lock")


def test_a_crash_loop_of_its_own_is_named_with_its_last_lines() -> None:
    crashing = scene(replicas=1, crashes={"2.0.0": 3})
    crashing.at(1, asks_for_two(1))
    crashing.at(120, lambda _: crashing.fake.crashes.clear())
    crashing.look_on("2.0.0")
    assert crashing.said("ended by itself (restarted 1 time; exit code 3, Error)")
    (loop,) = crashing.said("crash loop")
    assert "ends with 3" in loop


def test_late_is_measured_by_the_vendors_typical_time() -> None:
    slow = scene(replicas=1, migration_s={"2.0.0": 30.0})
    vendor = msgspec.structs.replace(slow.fake.profile.vendor, typical_s=10.0)
    slow.fake.profile = msgspec.structs.replace(slow.fake.profile, vendor=vendor)
    slow.at(1, asks_for_two(1))
    slow.look_on("2.0.0")
    assert slow.said("late: 10 s, typically at most 10 s; the migration works")


def test_a_world_that_does_not_answer_is_waited_for() -> None:
    cut = scene()
    cut.at(1, asks_for_two(3))
    cut.fake.out_of_reach["database"] = (5.0, 200.0)
    cut.look_on("2.0.0")
    assert len(cut.said("it cannot be seen for now")) == 1
    assert len(cut.said("it can be seen again")) == 1
    assert cut.fake.clock.elapsed_s > 200


@pytest.mark.parametrize("replicas", [1, 3])
def test_it_changes_nothing(replicas: int) -> None:
    watched = scene(replicas=replicas)
    watched.at(1, asks_for_two(replicas))
    watched.look_on("2.0.0")
    assert len(watched.fake.changes) == 1  # the other's rollout
    assert watched.fake.annotations == {}
    assert watched.fake.lease is None
    assert watched.fake.fence is None
