"""Windows: the known quiet time is found, on the local clock, and what is frozen or unknown is never proposed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockage.core.plan.usage import UsageSample, weekly_usage
from lockage.core.plan.window import (
    Freeze,
    KnownJobs,
    Proposal,
    Proposals,
    Window,
    Wish,
    parse_length_s,
    parse_window,
    propose_windows,
    rounded_length_s,
)
from lockage.errors import UsageError
from support.usage_weeks import SUNDAY_NIGHT, Quiet, samples_of

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 1, 19)


def proposals(zone: str, first: date, *, days: int = 91, quiet: Quiet = SUNDAY_NIGHT, **wish: object) -> Proposals:
    """After so many days of usage."""
    usage = weekly_usage(samples_of(ZoneInfo(zone), first, days, quiet=quiet), ZoneInfo(zone))
    now = datetime.combine(first + timedelta(days=days), time(10, 7), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    freezes = wish.pop("freezes", ())
    known = wish.pop("known", ())
    fields = {"now": now, "length_s": 2700.0, "days": 14} | wish
    return propose_windows(usage, Wish(**fields), freezes=freezes, known=known)  # type: ignore[arg-type]


def is_quiet(proposal: Proposal, quiet: Quiet = SUNDAY_NIGHT) -> bool:
    last = proposal.end - timedelta(seconds=1)
    return quiet.holds(proposal.begin) and quiet.holds(last)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        pytest.param("Europe/Berlin", date(2026, 1, 19), id="Berlin, into summer time on 29 March"),
        pytest.param("Europe/Berlin", date(2026, 9, 7), id="Berlin, out of summer time on 25 October"),
        pytest.param("America/New_York", date(2026, 1, 19), id="New York, into summer time on 8 March"),
        pytest.param("America/New_York", date(2026, 9, 7), id="New York, out of summer time on 1 November"),
        pytest.param("Australia/Lord_Howe", date(2026, 1, 19), id="Lord Howe, out of summer time on 5 April, by half an hour"),
        pytest.param("Australia/Lord_Howe", date(2026, 8, 3), id="Lord Howe, into summer time on 4 October, by half an hour"),
        pytest.param("Asia/Kathmandu", date(2026, 1, 19), id="Kathmandu, off by a quarter of an hour"),
    ],
)
def test_three_months_of_usage_across_a_change_of_the_clock_propose_the_quiet_time(zone: str, first: date) -> None:
    found = proposals(zone, first)
    assert [is_quiet(p) for p in found.windows] == [True, True, False, False, False]  # two Sundays in fourteen days
    assert found.windows[0].begin.utcoffset() is not None
    assert found.windows[0].most_people <= 1
    assert 11 <= found.windows[0].weeks <= 13


@pytest.mark.parametrize("length_minutes", [30, 45, 90, 120])
def test_a_window_lies_in_the_quiet_time_whatever_its_length(length_minutes: int) -> None:
    best = proposals("Europe/Berlin", MONDAY, length_s=length_minutes * 60.0).windows[0]
    assert is_quiet(best)
    assert (best.end - best.begin).total_seconds() == length_minutes * 60


def test_usage_of_before_a_change_proposes_the_same_local_time_after_it() -> None:
    """All samples are in winter time, the window is in summer time: 03:00 stays 03:00, an hour earlier in UTC."""
    found = proposals("Europe/Berlin", date(2026, 3, 2), days=26)  # to Friday 27 March; the clock changes on the 29th
    second = next(p for p in found.windows if p.begin.date() == date(2026, 4, 5))
    assert is_quiet(second)
    assert second.begin.utcoffset() == timedelta(hours=2)
    assert second.id.startswith("2026-04-05T0")
    assert second.id.endswith("+02:00/PT45M")


def test_on_the_night_of_the_change_a_window_is_as_long_as_asked_for() -> None:
    quiet = Quiet(6, time(0), time(5))
    found = proposals("Europe/Berlin", date(2026, 3, 2), days=26, quiet=quiet, length_s=3 * 3600.0)
    that_night = next(p for p in found.windows if p.begin.date() == date(2026, 3, 29))
    assert that_night.end.timestamp() - that_night.begin.timestamp() == 3 * 3600
    assert is_quiet(that_night, quiet)
    assert that_night.id == "2026-03-29T01:00+01:00/PT3H"
    assert that_night.end.isoformat() == "2026-03-29T05:00:00+02:00"


def test_a_freeze_is_left_out_and_counted() -> None:
    free = proposals("Europe/Berlin", MONDAY)
    first = free.windows[0]
    freeze = Freeze(begin=first.begin.astimezone(UTC) - timedelta(hours=8), end=first.end.astimezone(UTC), text="release party")
    found = proposals("Europe/Berlin", MONDAY, freezes=(freeze,))
    assert found.freezes == (freeze,)
    assert found.frozen > 0
    assert is_quiet(found.windows[0])
    assert found.windows[0].begin.date() == first.begin.date() + timedelta(days=7) or found.windows[0].begin >= first.end
    assert all(p.end <= freeze.begin or p.begin >= freeze.end for p in found.windows)


def test_a_freeze_that_touches_a_window_only_at_its_edge_does_not_forbid_it() -> None:
    first = proposals("Europe/Berlin", MONDAY).windows[0]
    edges = (
        Freeze(begin=first.begin - timedelta(hours=1), end=first.begin, text="before"),
        Freeze(begin=first.end, end=first.end + timedelta(hours=1), text="after"),
    )
    assert first.id in {p.id for p in proposals("Europe/Berlin", MONDAY, freezes=edges).windows}


def test_a_freeze_over_everything_leaves_nothing() -> None:
    freeze = Freeze(begin=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC), text="year end")
    found = proposals("Europe/Berlin", MONDAY, freezes=(freeze,))
    assert found.windows == ()
    assert found.frozen == found.considered > 0


def test_half_hours_without_data_are_not_quiet() -> None:
    """Nothing was recorded on Sundays: they are unknown, and the quiet Sunday is not proposed."""
    samples = [s for s in samples_of(BERLIN, MONDAY, 91) if s.start_at.astimezone(BERLIN).weekday() != 6]
    usage = weekly_usage(samples, BERLIN)
    found = propose_windows(usage, Wish(now=datetime(2026, 4, 20, 8, tzinfo=UTC), length_s=2700, days=14))
    assert usage.unknown == 48
    assert found.unknown > 0
    assert {p.begin.weekday() for p in found.windows} & {6} == set()
    assert not any(p.end.weekday() == 6 and p.end.time() > time() for p in found.windows)


def test_without_any_data_nothing_is_proposed() -> None:
    found = propose_windows(weekly_usage((), BERLIN), Wish(now=datetime(2026, 4, 20, tzinfo=UTC), length_s=1800, days=7))
    assert found.windows == ()
    assert found.unknown == found.considered == 7 * 48


def test_jobs_that_a_schedule_will_begin_count_on_top() -> None:
    free = proposals("Europe/Berlin", MONDAY).windows[0]
    autostart = KnownJobs(at=free.begin + timedelta(minutes=10), jobs=60)
    found = proposals("Europe/Berlin", MONDAY, known=(autostart,))
    assert free.id not in {p.id for p in found.windows}
    weekly = [KnownJobs(at=free.begin + timedelta(days=7 * n, minutes=10), jobs=5) for n in range(-1, 3)]
    everywhere = [KnownJobs(at=free.begin.astimezone(UTC) + timedelta(minutes=30 * n), jobs=60) for n in range(-900, 900)]
    busy = proposals("Europe/Berlin", MONDAY, known=(*weekly, *everywhere)).windows[0]
    assert busy.scheduled_jobs >= 60
    assert busy.jobs_sum >= busy.scheduled_jobs


def test_of_equally_quiet_windows_the_one_with_the_quieter_hour_around_it_is_first() -> None:
    """Nobody works from 02:00 to 07:00: a window of half an hour keeps an hour's distance from both ends."""
    at, samples = datetime(2026, 1, 5, tzinfo=UTC), []
    for n in range(7 * 48):
        begin = at + timedelta(minutes=30 * n)
        samples.append(UsageSample(start_at=begin, seconds=1800, people=0 if 2 <= begin.hour < 7 else 50))
    wish = Wish(now=datetime(2026, 1, 12, tzinfo=UTC), length_s=1800, days=2)
    best = propose_windows(weekly_usage(samples, ZoneInfo("UTC")), wish).windows[0]
    assert best.begin == datetime(2026, 1, 12, 3, tzinfo=UTC)


def test_whom_a_window_meets_is_said() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    samples = [
        UsageSample(start_at=at + timedelta(minutes=30 * n), seconds=1800, people=10 if n % 2 else 20) for n in range(336)
    ]
    wish = Wish(now=datetime(2026, 1, 12, tzinfo=UTC), length_s=2700, days=1)
    best = propose_windows(weekly_usage(samples, ZoneInfo("UTC")), wish).windows[0]
    assert (best.people_at_once, best.people_sum, best.most_people, best.weeks) == (20, 20, 20, 1)  # 10 and half of 20
    assert best.begin.minute == 30


zones = st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"])


@settings(max_examples=25, deadline=None)
@given(
    zone=zones,
    now=st.integers(1767225600, 1798675200).map(lambda second: datetime.fromtimestamp(second, UTC)),
    length_minutes=st.integers(5, 600),
    days=st.integers(1, 10),
    holes=st.sets(st.integers(0, 335), max_size=200),
    freezes=st.lists(st.tuples(st.integers(0, 240), st.integers(1, 60)), max_size=4),
)
def test_every_proposal_is_known_free_long_enough_and_in_time(
    zone: str, now: datetime, length_minutes: int, days: int, holes: set[int], freezes: list[tuple[int, int]]
) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    samples = [
        UsageSample(start_at=at + timedelta(minutes=30 * n), seconds=1800, people=n * 7919 % 100)
        for n in range(336)
        if n not in holes
    ]
    usage = weekly_usage(samples, ZoneInfo(zone))
    begun = now
    frozen = [
        Freeze(begin=begun + timedelta(hours=b), end=begun + timedelta(hours=b + long), text=str(b)) for b, long in freezes
    ]
    wish = Wish(now=begun, length_s=length_minutes * 60.0, days=days)
    found = propose_windows(usage, wish, freezes=frozen)
    assert found == propose_windows(usage, wish, freezes=reversed(frozen))
    assert len({p.begin.date() for p in found.windows}) == len(found.windows) <= 5
    for p in found.windows:
        assert begun <= p.begin
        assert p.end <= begun + timedelta(days=days)
        assert p.end.timestamp() - p.begin.timestamp() == wish.length_s
        assert not any(f.begin < p.end and p.begin < f.end for f in frozen)
        assert p.weeks >= 1
        window = parse_window(p.id)
        assert window.end is not None
        # moments, since Python calls times that a clock shows twice unequal in another zone
        assert (window.begin.timestamp(), window.end.timestamp()) == (p.begin.timestamp(), p.end.timestamp())


# --- as text -------------------------------------------------------------------------------------------------------------


def test_a_window_reads_as_it_is_written() -> None:
    text = "2026-11-29T03:00+01:00/PT45M"
    window = parse_window(text)
    assert window.begin == datetime(2026, 11, 29, 2, tzinfo=UTC)
    assert window.end == datetime(2026, 11, 29, 2, 45, tzinfo=UTC)
    assert window.id == text


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2026-11-29T03:00Z/PT1H30M", 90),
        ("2026-11-29T03:00+01:00/2026-11-29T04:00+01:00", 60),
        ("2026-11-29T03:00:00+01:00/P1DT1M", 1441),
        ("2026-11-29 03:00+01:00", None),
    ],
)
def test_other_spellings_of_a_window(text: str, minutes: int | None) -> None:
    window = parse_window(text)
    assert minutes == (None if window.end is None else (window.end - window.begin).total_seconds() / 60)
    assert parse_window(window.id) == window


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tonight", "no time"),
        ("", "no time"),
        ("2026-11-29T03:00", "which time zone"),
        ("2026-11-29T03:00+01:00/45m", "no time"),
        ("2026-11-29T03:00+01:00/P", "no duration"),
        ("2026-11-29T03:00+01:00/PT0M", "no duration"),
        ("2026-11-29T03:00+01:00/2026-11-29T02:00+01:00", "ends before it begins"),
    ],
)
def test_what_is_no_window_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as wrong:
        parse_window(text)
    assert wrong.value.code == "LK545"
    assert wrong.value.hint


@pytest.mark.parametrize(("text", "seconds"), [("45m", 2700), ("1h30m", 5400), ("2 h", 7200), ("PT45M", 2700), ("90min", 5400)])
def test_a_length_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_length_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0m", "-5m", "30", "9999h"])
def test_what_is_no_length_is_said(text: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse_length_s(text)
    assert wrong.value.code == "LK545"


@given(st.floats(1, 1e6))
def test_a_length_is_rounded_up_to_whole_five_minutes(seconds: float) -> None:
    rounded = rounded_length_s(seconds)
    assert rounded % 300 == 0
    assert seconds <= rounded + 1e-3
    assert rounded - seconds < 300 + 1e-3


def test_an_open_window_has_no_end() -> None:
    assert Window(begin=datetime(2026, 11, 29, 2, tzinfo=UTC), end=None).id == "2026-11-29T02:00+00:00"
