"""Usage by weekday and half hour in one time zone: the weekly pattern behind every proposed window.

Not for reading usage (``flows.usage``) nor for choosing (``window``). The surprising thing: the pattern is kept in *local*
time, because people live by it: nine o'clock stays nine o'clock when summer time begins, although it is another hour of UTC. A
half hour that a change of the clock skips has simply not been seen that week, and one that it repeats is seen twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

SLOTS_A_DAY = 48
SLOTS_A_WEEK = 7 * SLOTS_A_DAY
HALF_HOUR_S = 1800.0

SEEN_RATIO = 0.5
"""The part of a half hour that must have been watched for it to count: less says little about the rest."""


class Slot(NamedTuple):
    """One half hour of the local week."""

    weekday: int  # Monday is 0
    half_hour: int  # 0 to 47; 6 begins at 03:00

    @property
    def clock(self) -> str:
        """When it begins: ``03:30``."""
        return f"{self.half_hour // 2:02d}:{self.half_hour % 2 * 30:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSample:
    """How many people were at work in one stretch of time that was watched."""

    start_at: datetime  # aware
    seconds: float
    people: float  # or another level, where people cannot be counted


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsBegun:
    """How many jobs began in one stretch of time; it does not say that the time was watched."""

    start_at: datetime  # aware
    seconds: float
    jobs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUsage:
    """What is usual in one half hour of the local week."""

    weekday: int  # Monday is 1, as in ISO 8601
    begins: str  # "03:30", local
    people: float  # on average over the weeks seen
    most_people: float  # in any of them
    jobs: float  # begun in it, on average
    weeks: int  # in which it was seen


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyUsage:
    """The weekly pattern; a half hour that was never watched is not in it."""

    zone: ZoneInfo
    slots: Mapping[Slot, SlotUsage] = field(default_factory=dict[Slot, SlotUsage])

    @property
    def unknown(self) -> int:
        """How many of the week's 336 half hours were never watched."""
        return SLOTS_A_WEEK - len(self.slots)


def slot_of(moment: datetime, zone: ZoneInfo) -> Slot:
    """The half hour of the local week in which an aware moment lies."""
    local = moment.astimezone(zone)
    return Slot(local.weekday(), local.hour * 2 + local.minute // 30)


def half_hour_of(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end, in UTC, of the half hour by the local clock in which a moment lies."""
    return _half_hour(moment.astimezone(UTC).replace(second=0, microsecond=0), zone)


@lru_cache(maxsize=65536)
def _half_hour(minute: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # The clocks of all zones are moved by whole half hours, so that counting minutes back on the local clock never meets a
    # change in between.
    begin = minute - timedelta(minutes=minute.astimezone(zone).minute % 30)
    return begin, begin + timedelta(minutes=30)


def half_hours(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, float]]:
    """The half hours that a stretch of time touches: when each begins (UTC), and the seconds of it that lie in the stretch."""
    at, last = begin.astimezone(UTC), end.astimezone(UTC)
    while at < last:
        slot_begin, slot_end = half_hour_of(at, zone)
        until = min(slot_end, last)
        yield slot_begin, (until - at).total_seconds()
        at = until


@dataclass(slots=True)
class _Seen:
    """One real half hour, as far as samples cover it."""

    seconds: float = 0.0
    people_s: float = 0.0  # people times seconds
    jobs: float = 0.0


def weekly_usage(samples: Iterable[UsageSample], zone: ZoneInfo, *, jobs: Iterable[JobsBegun] = ()) -> WeeklyUsage:
    """The pattern of these samples and jobs, in the time zone; their order does not matter.

    A half hour counts where at least half of it was watched. Samples that overlap are averaged by their length; jobs are
    spread evenly over their stretch.
    """
    seen: dict[datetime, _Seen] = defaultdict(_Seen)
    for sample in samples:
        for begin, seconds in half_hours(sample.start_at, sample.start_at + timedelta(seconds=sample.seconds), zone):
            seen[begin].seconds += seconds
            seen[begin].people_s += seconds * sample.people
    for some in jobs:
        for begin, seconds in half_hours(some.start_at, some.start_at + timedelta(seconds=some.seconds), zone):
            seen[begin].jobs += some.jobs * seconds / some.seconds
    by_slot: dict[Slot, list[tuple[date, _Seen]]] = defaultdict(list)
    # In order of time, so that sums of floats do not hang on the order of the samples.
    for begin in sorted(seen):
        if seen[begin].seconds >= SEEN_RATIO * HALF_HOUR_S:
            by_slot[slot_of(begin, zone)].append((begin.astimezone(zone).date(), seen[begin]))
    return WeeklyUsage(zone=zone, slots={slot: _usual(slot, by_slot[slot]) for slot in sorted(by_slot)})


def _usual(slot: Slot, seen: list[tuple[date, _Seen]]) -> SlotUsage:
    levels = [one.people_s / one.seconds for _, one in seen]
    return SlotUsage(
        weekday=slot.weekday + 1,
        begins=slot.clock,
        people=sum(levels) / len(levels),
        most_people=max(levels),
        jobs=sum(one.jobs for _, one in seen) / len(seen),
        weeks=len({day for day, _ in seen}),
    )
