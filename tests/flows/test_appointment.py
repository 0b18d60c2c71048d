"""``upgrade --at``: wait for the window, look at everything again, and begin nothing that would not end in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from lockage.core.forecast.assess import Seconds
from lockage.core.plan import steps as s
from lockage.core.plan.window import Window, parse_window
from lockage.errors import HaltedError, RefusedError, UnreachableError
from lockage.flows.appointment import await_begin
from support.fake_platform import FakePlatform, nothing_left
from support.fake_world import START, Client, FakeClock, FakeWorld
from support.machine import ALTER, Machine, a_world, by_way_of_one, seen_by_flows, to_two


def window(hours: float, minutes: float | None = 60) -> Window:
    """A window that begins so many hours after the world does."""
    begin = START + timedelta(hours=hours)
    return Window(begin=begin, end=None if minutes is None else begin + timedelta(minutes=minutes))


def seconds(likely: float, high: float | None) -> Seconds:
    return Seconds(low=0.0, likely=likely, high=high)


def taking(plan: s.Plan, *times: Seconds) -> s.Plan:
    """The plan whose hops' migrations are forecast so."""
    hops = tuple(replace(h, forecast=replace(h.forecast, total_s=t)) for h, t in zip(plan.hops, times, strict=True))
    return replace(plan, hops=hops)


@dataclass(kw_only=True)
class EventfulClock(FakeClock):
    """A clock whose wall can jump, and on which something happens at a moment of sleep."""

    jumps: dict[int, float] = field(default_factory=dict[int, float])  # number of the sleep to seconds of the wall
    then: Callable[[], None] = lambda: None  # at the first sleep
    sleeps: int = 0
    moved_s: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.moved_s)

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.moved_s += self.jumps.get(self.sleeps, 0.0)
        super().sleep(seconds)
        if self.sleeps == 1:
            self.then()


def test_a_run_waits_for_its_window_and_ends_healthy_in_it() -> None:
    world = a_world()
    machine = Machine(world=world)
    with nothing_left(world):
        report = machine.upgrade(to_two(), window=window(2))
    assert report.outcome == "healthy"
    assert report.began_at >= window(2).begin
    assert report.ended_at <= (window(2).end or START)
    assert world.release == "2.0.0"


def test_nothing_is_held_or_written_while_it_waits() -> None:
    clock = EventfulClock()
    world = a_world(clock=clock)
    machine = Machine(world=world)

    def look() -> None:
        assert FakePlatform(world).lease() is None
        assert world.fence is None
        assert world.annotations == {}
        assert machine.journals.runs() == ()

    clock.then = look
    machine.upgrade(to_two(), window=window(3))
    assert clock.sleeps > 3600


def test_a_window_that_has_begun_is_used_at_once() -> None:
    world = a_world()
    report = Machine(world=world).upgrade(to_two(), window=window(-0.5))
    assert report.began_at == START


def test_how_long_still_is_said_now_and_then_and_not_every_second() -> None:
    told: list[str] = []
    world = seen_by_flows(a_world(), glimpse=told.append)
    await_begin(window(72), world, stop=lambda: False)
    assert told[0].endswith("in 3 days")
    assert any(line.endswith("in 2 h") for line in told)
    assert any(line.endswith("in 1 min") for line in told)
    assert told[-1].endswith("in 10 s")
    assert len(told) < 60
    assert world.clock.now() == window(72).begin


def test_asked_to_stop_it_leaves_at_once_and_nothing_was_changed() -> None:
    clock = EventfulClock()
    world = a_world(clock=clock)
    machine = Machine(world=world, stop=lambda: clock.sleeps >= 5)
    with pytest.raises(RefusedError, match=r"before the window; nothing was changed") as refused, nothing_left(world):
        machine.upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK347"
    assert clock.sleeps == 5
    assert world.changes == []
    assert machine.journals.runs() == ()


# --- over, or too short -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("past", [window(-2), window(-1), window(-1, None)], ids=["over", "just over", "a moment ago"])
def test_a_window_that_is_over_is_refused(past: Window) -> None:
    world = a_world()
    with pytest.raises(RefusedError) as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two(), window=past)
    assert refused.value.code == "LK547"
    assert world.changes == []


def test_a_suspend_beyond_the_window_is_noticed_by_the_wall_clock() -> None:
    world = a_world(clock=EventfulClock(jumps={10: 48 * 3600.0}))
    with pytest.raises(RefusedError, match="is over since") as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK547"
    assert world.changes == []


def test_a_suspend_into_the_window_leaves_what_is_left_of_it() -> None:
    jump = 2 * 3600.0 + 10 * 60.0
    world = a_world(clock=EventfulClock(jumps={10: jump}))
    assert Machine(world=world).upgrade(to_two(), window=window(2)).outcome == "healthy"
    late = a_world(clock=EventfulClock(jumps={10: jump + 46 * 60.0}))
    with pytest.raises(RefusedError, match=r"of the window .* are left") as refused, nothing_left(late):
        Machine(world=late).upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK547"


@pytest.mark.parametrize("port", ["database", "platform"])
def test_a_network_that_comes_back_a_moment_after_the_window_began_is_waited_for(port: str) -> None:
    world = a_world(out_of_reach={port: (3600.0, 2 * 3600.0 + 30.0)})
    machine = Machine(world=world)
    assert machine.upgrade(to_two(), window=window(2)).outcome == "healthy"
    assert any("does not answer, and is waited for" in event.text for event in machine.told)


def test_a_network_that_does_not_come_back_is_a_refusal() -> None:
    world = a_world(out_of_reach={"database": (3600.0, 3 * 3600.0)})
    with pytest.raises(UnreachableError):
        Machine(world=world).upgrade(to_two(), window=window(2))
    assert world.changes == []


def test_a_clock_that_is_set_back_makes_it_wait_longer() -> None:
    told: list[str] = []
    clock = EventfulClock(jumps={1800: -3600.0})
    world = seen_by_flows(a_world(clock=clock), glimpse=told.append)
    await_begin(window(1), world, stop=lambda: False)
    assert clock.elapsed_s == pytest.approx(2 * 3600.0, abs=2)
    assert any("in 1 h 30 min" in line for line in told)


def test_what_would_not_end_in_the_window_is_refused_before_anybody_waits() -> None:
    clock = EventfulClock()
    world = a_world(clock=clock)
    plan = taking(to_two(), seconds(2.0, 3600.0))
    with pytest.raises(RefusedError, match=r"takes up to 1 h, with a margin of 5 min; 1 h of the window") as refused:
        Machine(world=world).upgrade(plan, window=window(2))
    assert refused.value.code == "LK547"
    assert refused.value.hint == "a window that is long enough: lockage window app --for 2.0.0"
    assert clock.sleeps == 0


def test_an_unknown_high_end_counts_as_the_profiles_maximum() -> None:
    plan = taking(to_two(), seconds(2.0, None))
    with pytest.raises(RefusedError, match="its high end is unknown") as refused:
        Machine(world=a_world()).upgrade(plan, window=window(2))
    assert refused.value.code == "LK547"
    assert Machine(world=a_world()).upgrade(plan, window=window(2, 90)).outcome == "healthy"


def test_without_an_end_it_only_waits_for_the_beginning() -> None:
    plan = taking(to_two(), seconds(2.0, None))
    report = Machine(world=a_world()).upgrade(plan, window=window(2, None))
    assert report.outcome == "healthy"
    assert report.began_at >= window(2).begin


def test_sessions_that_are_waited_for_too_long_keep_it_from_beginning() -> None:
    """The check is made again behind the wait for other people's sessions, before anything is changed."""
    world = a_world()
    world.clients.append(Client(pid=7, application_name="report", began_s=0.0, locks=(ALTER,), commits_s=50.0))
    needs_s = 27.0 + 6.0 + 300.0
    plan = to_two()
    steps = tuple(replace(x, limit_s=120.0) if isinstance(x, s.SettleForeignSessions) else x for x in plan.hops[0].steps)
    plan = replace(plan, hops=(replace(plan.hops[0], steps=steps),))
    tight = Window(begin=START, end=START + timedelta(seconds=needs_s + 30.0))
    with pytest.raises(RefusedError, match="are left") as refused, nothing_left(world):
        Machine(world=world).upgrade(plan, window=tight)
    assert refused.value.code == "LK547"
    assert world.changes == []


def test_a_later_hop_that_would_not_end_in_the_window_is_not_begun() -> None:
    """The wait between the hops takes longer than planned: the second hop has no room left."""
    world = a_world(answers={"done": False})
    clock = world.clock
    machine = Machine(world=world)
    plan = by_way_of_one()
    hops = tuple(
        replace(h, steps=tuple(replace(x, limit_s=1200.0) if isinstance(x, s.LeaveWhen) else x for x in h.steps))
        for h in plan.hops
    )
    plan = replace(plan, hops=hops)
    begin = START + timedelta(hours=1)
    short = Window(begin=begin, end=begin + timedelta(seconds=600.0))

    class Done(dict[str, bool]):
        def get(self, key: str, default: Any = None) -> Any:
            return clock.now() > begin + timedelta(seconds=400) if key == "done" else default

    world.answers = Done()
    with pytest.raises(HaltedError, match=r"the hop to 2\.0\.0 takes up to") as halted:
        machine.upgrade(plan, window=short)
    assert halted.value.code == "LK548"
    assert halted.value.hint is not None
    assert "lockage upgrade app --at WINDOW" in halted.value.hint
    assert [r.ready for r in FakePlatform(world).replicas()] == [True, True, True]
    assert world.release == "1.1.0"
    # In another window it goes on from there.
    later = Window(begin=clock.now() + timedelta(hours=5), end=clock.now() + timedelta(hours=6))
    with nothing_left(world):
        report = machine.upgrade(plan, target=None, window=later)
    assert report.outcome == "healthy"
    assert world.release == "2.0.0"


# --- looked at again --------------------------------------------------------------------------------------------------------


def meanwhile(change: Callable[[FakeWorld], None]) -> FakeWorld:
    """A world in which something changes while the window is waited for."""
    clock = EventfulClock()
    world = a_world(clock=clock)
    clock.then = lambda: change(world)
    return world


def test_facts_that_changed_while_it_waited_refuse_before_anything_is_touched() -> None:
    world = meanwhile(lambda w: setattr(w, "replicas", 5))
    with pytest.raises(RefusedError, match="replicas was 3, and is 5") as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK325"
    assert world.changes == []


def test_an_approved_plan_is_held_against_the_facts_when_the_window_begins() -> None:
    world = meanwhile(lambda w: setattr(w, "replicas", 5))
    with pytest.raises(RefusedError, match="replicas was 3, and is 5") as refused, nothing_left(world):
        Machine(world=world).upgrade(to_two(), target=None, approved=to_two(), window=window(2))
    assert refused.value.code == "LK325"


class Replanning(Machine):
    """A machine whose second plan is another one."""

    def __init__(self, second: s.Plan, **fields: Any) -> None:
        super().__init__(**fields)
        self.plans = 0
        self.second = second

    def _proposed(self, plan: s.Plan) -> s.Plan:
        self.plans += 1
        return super()._proposed(plan if self.plans == 1 else self.second)


def test_it_is_planned_anew_when_the_window_begins_and_a_worse_plan_is_refused() -> None:
    world = a_world()
    machine = Replanning(taking(to_two(), seconds(100.0, 200.0)), world=world)
    with pytest.raises(RefusedError, match=r"was 2\.0 s, and is 100 s") as refused, nothing_left(world):
        machine.upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK325"
    assert world.changes == []


def test_a_plan_that_is_no_worse_is_carried_out_without_asking_again() -> None:
    machine = Replanning(taking(to_two(), seconds(1.0, 5.0)), world=a_world())
    report = machine.upgrade(to_two(), window=window(2))
    assert machine.plans == 2
    assert report.hops[0].forecast_s == seconds(1.0, 5.0)


def test_a_plan_that_grew_beyond_the_window_is_refused_when_it_begins() -> None:
    world = a_world()
    machine = Replanning(taking(to_two(), seconds(2.0, 3500.0)), world=world)
    with pytest.raises(RefusedError, match="of the window") as refused, nothing_left(world):
        machine.upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK547"


def test_a_release_that_came_by_another_hand_meanwhile_is_noticed() -> None:
    def taken_over(world: FakeWorld) -> None:
        Machine(world=world, name="elsewhere").upgrade(to_two())

    world = meanwhile(taken_over)
    with pytest.raises(RefusedError) as refused:
        Machine(world=world).upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK325"


def test_a_plan_that_is_not_confirmed_is_not_waited_for() -> None:
    clock = EventfulClock()
    world = a_world(clock=clock)
    with pytest.raises(RefusedError) as refused:
        Machine(world=world, confirms=False).upgrade(to_two(), window=window(2))
    assert refused.value.code == "LK329"
    assert clock.sleeps == 0


def test_a_run_that_is_part_way_goes_on_in_its_window() -> None:
    world = a_world(crashes={"2.0.0": 1})
    machine = Machine(world=world)
    with pytest.raises(HaltedError):
        machine.upgrade(to_two())
    world.crashes.clear()
    begin = world.clock.now() + timedelta(hours=3)
    with nothing_left(world):
        machine.upgrade(to_two(), target=None, window=Window(begin=begin, end=begin + timedelta(seconds=30)))
    assert world.release == "2.0.0"
    assert world.clock.now() >= begin


def test_the_window_of_the_listing_is_the_window_that_is_kept() -> None:
    text = "2026-01-05T06:00+01:00/PT45M"
    report = Machine(world=a_world()).upgrade(to_two(), window=parse_window(text))
    assert report.began_at >= datetime(2026, 1, 5, 5, tzinfo=UTC)
