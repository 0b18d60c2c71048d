"""How long a plan can take, and so how long its window must be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lockage.core.plan import steps as s
from lockage.core.plan.approval import worse_than_approved
from lockage.core.plan.length import hop_high_s, plan_high_s, window_length_s
from lockage.settings import Windows
from support.plans import hop, plan_of


def one(**options: object) -> s.Hop:
    return hop("1.0.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, last=True, **options)  # type: ignore[arg-type]


def test_the_migration_counts_with_its_high_end_and_other_steps_with_three_times_what_is_expected() -> None:
    steps = one().steps
    others = len(steps) - 1  # of the guard's one second nothing is left beside two likely seconds of migration
    assert hop_high_s(one(high_s=100.0), unknown_s=3600) == pytest.approx(100 + 3 * others)


def test_an_unknown_high_end_counts_as_the_profiles_maximum() -> None:
    known, unknown = one(high_s=0.0), one(high_s=None)
    assert hop_high_s(unknown, unknown_s=3600) - hop_high_s(known, unknown_s=3600) == pytest.approx(3600)


def test_no_step_counts_more_than_its_limit() -> None:
    a_hop = one(high_s=0.0)
    slow = replace(a_hop, steps=tuple(replace(step, expected_s=1000.0) for step in a_hop.steps))
    assert hop_high_s(slow, unknown_s=0) <= sum(step.limit_s for step in slow.steps)


def test_a_window_has_room_behind_the_high_end_and_is_whole_five_minutes() -> None:
    settings = Windows()
    hops = (one(high_s=1000.0),)
    length_s = window_length_s(hops, unknown_s=3600, settings=settings)
    assert length_s % 300 == 0
    assert length_s >= plan_high_s(hops, unknown_s=3600) + 2 * settings.margin_s


def test_a_gentler_and_quicker_plan_is_no_worse_than_the_approved_one() -> None:
    approved = plan_of(one())
    assert worse_than_approved(approved, plan_of(hop("1.0.0", "2.0.0", s.Strategy.ROLLING, last=True))) == ()


def test_a_harder_or_slower_plan_is_worse_than_the_approved_one() -> None:
    approved = plan_of(hop("1.0.0", "2.0.0", s.Strategy.ROLLING, last=True))
    [harder] = worse_than_approved(approved, plan_of(one()))
    assert harder == "the hop to 2.0.0 was rolling, and is scale-to-zero"
    gentle = approved.hops[0]
    slow = replace(gentle, forecast=replace(gentle.forecast, total_s=replace_likely(gentle, 60.0)))
    [slower] = worse_than_approved(approved, plan_of(slow))
    assert slower == "the migration to 2.0.0 was 2.0 s, and is 60 s (limit 9.0 s)"


def test_another_route_is_worse_than_the_approved_one() -> None:
    detour = plan_of(hop("1.0.0", "1.1.0", s.Strategy.ROLLING), hop("1.1.0", "2.0.0", s.Strategy.ROLLING, last=True))
    [said] = worse_than_approved(plan_of(one()), detour)
    assert said == "the route was 1.0.0 → 2.0.0, and is 1.0.0 → 1.1.0 → 2.0.0"


def replace_likely(of: s.Hop, likely: float) -> s.Seconds:
    return s.Seconds(low=of.forecast.total_s.low, likely=likely, high=of.forecast.total_s.high)
