"""Cron schedules as Coder keeps them: with a time zone in front."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.plan.cron import parse_cron

UTC_ZONE = ZoneInfo("UTC")


def firings(text: str, begin: str, end: str) -> list[str]:
    cron = parse_cron(text, zone=UTC_ZONE)
    first, last = (datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (begin, end))
    return [f"{at:%a %m-%d %H:%M}" for at in cron.firings(first, last)]


def test_an_autostart_fires_on_working_days_in_its_own_time_zone() -> None:
    found = firings("CRON_TZ=Europe/Berlin 30 9 * * 1-5", "2026-11-27", "2026-12-01")
    assert found == ["Fri 11-27 08:30", "Mon 11-30 08:30"]


def test_a_schedule_follows_summer_time() -> None:
    """29 March 2026: 9:30 in Berlin is 8:30 UTC on Friday and 7:30 UTC on Monday."""
    found = firings("CRON_TZ=Europe/Berlin 30 9 * * 1-5", "2026-03-27", "2026-03-31")
    assert found == ["Fri 03-27 08:30", "Mon 03-30 07:30"]


def test_a_time_that_is_skipped_does_not_fire_and_one_that_is_repeated_fires_once() -> None:
    assert firings("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00", "2026-03-29T12:00") == []
    assert firings("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00", "2026-10-25T12:00") == ["Sun 10-25 00:30"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 0 * * sun", ["Sun 11-29 00:00"]),
        ("0 0 * * 7", ["Sun 11-29 00:00"]),
        ("0 0 28 NOV ?", ["Sat 11-28 00:00"]),
        ("0 */12 28 * *", ["Sat 11-28 00:00", "Sat 11-28 12:00"]),
        ("15,45 6 28 * *", ["Sat 11-28 06:15", "Sat 11-28 06:45"]),
        ("30/15 6 28 * *", ["Sat 11-28 06:30", "Sat 11-28 06:45"]),
        ("0 0 28 * 0", ["Sat 11-28 00:00", "Sun 11-29 00:00"]),  # both days restricted: either will do
        ("TZ=America/New_York 0 20 * * fri", ["Sat 11-28 01:00"]),
    ],
)
def test_the_fields_are_crons(text: str, found: list[str]) -> None:
    assert firings(text, "2026-11-28", "2026-11-30") == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "x * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "CRON_TZ=Mars 0 0 * * *",
    ],
)
def test_what_is_no_schedule_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|time zone"):
        parse_cron(text, zone=UTC_ZONE)


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
    st.integers(1767225600, 1796083200).map(lambda second: datetime.fromtimestamp(second, UTC)),
)
def test_a_daily_schedule_fires_at_most_once_a_day_and_in_order(minute: int, hour: int, zone: str, begin: datetime) -> None:
    end = datetime(2026, 12, 30, tzinfo=UTC)
    found = list(parse_cron(f"CRON_TZ={zone} {minute} {hour} * * *", zone=UTC_ZONE).firings(begin, end))
    assert found == sorted(found)
    days = [at.astimezone(ZoneInfo(zone)).date() for at in found]
    assert len(days) == len(set(days))
    assert all((at.astimezone(ZoneInfo(zone)).hour, at.astimezone(ZoneInfo(zone)).minute) == (hour, minute) for at in found)
