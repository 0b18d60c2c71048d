"""The weekly pattern of usage: in local time, across changes of the clock, and honest about what was not seen."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.plan.usage import (
    SLOTS_A_WEEK,
    JobsBegun,
    Slot,
    UsageSample,
    half_hour_of,
    half_hours,
    slot_of,
    weekly_usage,
)
from support.usage_weeks import samples_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "UTC",
    "Africa/Casablanca",
)

moments = st.integers(1704067200, 1830297600).map(lambda second: datetime.fromtimestamp(second, UTC))
zones = st.sampled_from(ZONES).map(ZoneInfo)


def sample(at: datetime, minutes: float, people: float) -> UsageSample:
    return UsageSample(start_at=at, seconds=minutes * 60, people=people)


@given(moments, zones)
def test_a_moment_lies_in_its_half_hour_which_begins_on_the_local_clock(moment: datetime, zone: ZoneInfo) -> None:
    begin, end = half_hour_of(moment, zone)
    assert begin <= moment < end
    assert end - begin == timedelta(minutes=30)
    assert begin.astimezone(zone).minute in {0, 30}
    assert slot_of(begin, zone) == slot_of(moment, zone)


@given(moments, st.floats(1, 200_000), zones)
def test_the_half_hours_of_a_stretch_cover_it_exactly(begin: datetime, seconds: float, zone: ZoneInfo) -> None:
    end = begin + timedelta(seconds=seconds)
    parts = list(half_hours(begin, end, zone))
    assert sum(part for _, part in parts) == pytest.approx((end - begin).total_seconds())
    assert [at for at, _ in parts] == sorted({at for at, _ in parts})


@given(st.lists(st.tuples(moments, st.floats(1, 7200), st.floats(0, 500)), max_size=30), zones, st.randoms())
def test_the_order_of_samples_does_not_matter(rows: list[tuple[datetime, float, float]], zone: ZoneInfo, dice: object) -> None:
    samples = [UsageSample(start_at=at, seconds=seconds, people=people) for at, seconds, people in rows]
    shuffled = list(samples)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = weekly_usage(samples, zone), weekly_usage(shuffled, zone)
    assert list(one.slots) == list(other.slots)
    for slot in one.slots:
        assert one.slots[slot].people == pytest.approx(other.slots[slot].people)
        assert one.slots[slot].weeks == other.slots[slot].weeks


@given(st.lists(st.tuples(moments, st.floats(1, 7200), st.floats(0, 500)), max_size=30), zones)
def test_the_usual_is_never_more_than_the_most(rows: list[tuple[datetime, float, float]], zone: ZoneInfo) -> None:
    usage = weekly_usage([UsageSample(start_at=at, seconds=s, people=p) for at, s, p in rows], zone)
    for slot in usage.slots.values():
        assert 0 <= slot.people <= slot.most_people + 1e-6
        assert slot.weeks >= 1


@pytest.mark.parametrize("zone", ZONES)
def test_whole_weeks_know_every_half_hour(zone: str) -> None:
    usage = weekly_usage(samples_of(ZoneInfo(zone), date(2026, 1, 19), 91), ZoneInfo(zone))
    assert usage.unknown == 0
    assert len(usage.slots) == SLOTS_A_WEEK


def test_nine_oclock_stays_nine_oclock_when_summer_time_begins() -> None:
    """29 March 2026: nine in Berlin is 8:00 UTC before and 7:00 UTC after."""
    before = sample(datetime(2026, 3, 23, 8, tzinfo=UTC), 30, 100)
    after = sample(datetime(2026, 3, 30, 7, tzinfo=UTC), 30, 200)
    [(slot, usual)] = weekly_usage((before, after), BERLIN).slots.items()
    assert slot == Slot(0, 18)
    assert (usual.begins, usual.weekday, usual.people, usual.most_people, usual.weeks) == ("09:00", 1, 150, 200, 2)


def test_a_half_hour_that_does_not_exist_was_not_seen_that_week() -> None:
    """On 29 March 2026 there is no 02:00 to 03:00 in Berlin."""
    usage = weekly_usage(samples_of(BERLIN, date(2026, 3, 23), 14), BERLIN)
    assert usage.slots[Slot(6, 4)].weeks == 1
    assert usage.slots[Slot(6, 6)].weeks == 2
    only_that_sunday = weekly_usage(samples_of(BERLIN, date(2026, 3, 29), 1), BERLIN)
    assert Slot(6, 4) not in only_that_sunday.slots
    assert Slot(6, 5) not in only_that_sunday.slots
    assert Slot(6, 6) in only_that_sunday.slots


def test_a_half_hour_that_exists_twice_counts_twice_in_one_week() -> None:
    """On 25 October 2026 Berlin has 02:30 at 0:30 and at 1:30 UTC."""
    first = sample(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 30, 10)
    second = sample(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 30, 30)
    usual = weekly_usage((first, second), BERLIN).slots[Slot(6, 5)]
    assert (usual.people, usual.most_people, usual.weeks) == (20, 30, 1)


def test_half_an_hour_of_summer_time_moves_the_pattern_by_half_an_hour() -> None:
    """Lord Howe goes from +11:00 to +10:30 on 5 April 2026, so 01:30 to 02:00 comes twice."""
    zone = ZoneInfo("Australia/Lord_Howe")
    before = sample(datetime(2026, 4, 3, 22, tzinfo=UTC), 30, 10)  # Saturday 09:00
    after = sample(datetime(2026, 4, 10, 22, 30, tzinfo=UTC), 30, 30)  # Saturday 09:00
    [(slot, usual)] = weekly_usage((before, after), zone).slots.items()
    assert slot == Slot(5, 18)
    assert usual.weeks == 2
    that_night = weekly_usage(samples_of(zone, date(2026, 4, 5), 1), zone)
    assert len(that_night.slots) == 48


def test_a_zone_off_by_a_quarter_of_an_hour_has_half_hours_of_its_own() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    begin, _ = half_hour_of(datetime(2026, 1, 5, 3, 20, tzinfo=UTC), zone)
    assert begin == datetime(2026, 1, 5, 3, 15, tzinfo=UTC)
    assert slot_of(begin, zone).clock == "09:00"


def test_a_half_hour_that_was_hardly_watched_is_unknown() -> None:
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert weekly_usage([sample(at, 14, 0)], ZoneInfo("UTC")).slots == {}
    assert len(weekly_usage([sample(at, 15, 0)], ZoneInfo("UTC")).slots) == 1


def test_jobs_are_spread_over_their_stretch_and_make_nothing_known() -> None:
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    jobs = [JobsBegun(start_at=at, seconds=3600, jobs=4)]
    usage = weekly_usage([sample(at, 30, 7)], ZoneInfo("UTC"), jobs=jobs)
    [usual] = usage.slots.values()
    assert (usual.people, usual.jobs) == (7, 2)
