"""Generated weeks of usage with a known quiet time on the local clock, as a company in one time zone leaves them behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from lockage.core.plan.usage import UsageSample

HALF_HOUR = timedelta(minutes=30)


class Quiet(NamedTuple):
    """A stretch of the local week in which hardly anybody works."""

    weekday: int  # Monday is 0
    begin: time
    end: time

    def holds(self, local: datetime) -> bool:
        return local.weekday() == self.weekday and self.begin <= local.time() < self.end


SUNDAY_NIGHT = Quiet(6, time(3), time(5))


class HalfHour(NamedTuple):
    """One real half hour."""

    start_at: datetime  # UTC
    people: int


def half_hours_of(zone: ZoneInfo, first: date, days: int, *, quiet: Quiet = SUNDAY_NIGHT, seed: int = 1) -> Iterator[HalfHour]:
    """Each half hour of so many local days, with the people at work in it."""
    dice = random.Random(seed)
    at = datetime.combine(first, time(), tzinfo=zone).astimezone(UTC)
    end = datetime.combine(first + timedelta(days=days), time(), tzinfo=zone).astimezone(UTC)
    while at < end:
        yield HalfHour(at, _people(at.astimezone(zone), quiet, dice))
        at += HALF_HOUR


def samples_of(
    zone: ZoneInfo, first: date, days: int, *, quiet: Quiet = SUNDAY_NIGHT, seed: int = 1
) -> tuple[UsageSample, ...]:
    """The same as samples."""
    return tuple(
        UsageSample(start_at=each.start_at, seconds=1800.0, people=each.people)
        for each in half_hours_of(zone, first, days, quiet=quiet, seed=seed)
    )


def _people(local: datetime, quiet: Quiet, dice: random.Random) -> int:
    if quiet.holds(local):
        return dice.randint(0, 1)
    if local.weekday() >= 5:
        return dice.randint(8, 20)
    if 8 <= local.hour < 18:
        return dice.randint(120, 240)
    return dice.randint(20, 50) if 6 <= local.hour < 23 else dice.randint(4, 12)
