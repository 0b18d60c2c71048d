"""When a cron schedule fires, in its own time zone: ``CRON_TZ=Europe/Berlin 30 9 * * 1-5``.

Not for running anything by a schedule. The surprising thing: a time that a change of the clock skips does not fire that day,
and one that it repeats fires once, at its first coming.

Source: crontab(5) for the fields; github.com/robfig/cron v3, Parser, for ``CRON_TZ=`` and ``TZ=`` in front of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAMES = {
    name: str(number)
    for names, first in (
        ("jan feb mar apr may jun jul aug sep oct nov dec", 1),
        ("sun mon tue wed thu fri sat", 0),
    )
    for number, name in enumerate(names.split(), start=first)
}

_PART = re.compile(r"(?:\*|(?P<first>\d+)(?:-(?P<last>\d+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A schedule: the minutes, hours, days, months and weekdays (Sunday is 0) on which it fires."""

    zone: ZoneInfo
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool  # both day fields are restricted: one that matches is enough, as cron has it

    def firings(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """The moments, in UTC and in order, from ``begin`` (included) to ``end`` (not included)."""
        day = begin.astimezone(self.zone).date() - timedelta(days=1)
        last = end.astimezone(self.zone).date()
        while day <= last:
            if self._fires_on(day.month, day.day, day.isoweekday() % 7):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                        real = moment.astimezone(UTC)
                        skipped = real.astimezone(self.zone).replace(tzinfo=None) != moment.replace(tzinfo=None)
                        if begin <= real < end and not skipped:
                            yield real
            day += timedelta(days=1)

    def _fires_on(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        by_day, by_weekday = day in self.days, weekday in self.weekdays
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)


def parse_cron(text: str, *, zone: ZoneInfo) -> Cron:
    """The schedule in a text; ``zone`` where the text names none.

    Raises ``ValueError`` with a sentence for what is no schedule of five fields, or names an unknown time zone.
    """
    fields = text.split()
    if fields and fields[0].startswith(("CRON_TZ=", "TZ=")):
        name = fields.pop(0).partition("=")[2]
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{text!r} names no known time zone: {name}") from error
    if len(fields) != 5:
        raise ValueError(f"{text!r} is no cron schedule: expected minute, hour, day, month and weekday")
    minutes, hours, days, months = (
        _numbers(field, low, high, text)
        for field, (low, high) in zip(fields, ((0, 59), (0, 23), (1, 31), (1, 12)), strict=False)
    )
    weekdays = frozenset(number % 7 for number in _numbers(fields[4], 0, 7, text))
    restricted = [field[0] not in "*?" for field in (fields[2], fields[4])]
    return Cron(
        zone=zone,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=all(restricted),
    )


def _numbers(field: str, low: int, high: int, text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().replace("?", "*").split(","):
        numeric = re.sub(r"[a-z]{3}", lambda m: _NAMES.get(m[0], m[0]), part)
        match = _PART.fullmatch(numeric)
        if match is None:
            raise ValueError(f"{text!r} is no cron schedule: {part!r} cannot be read")
        step = int(match["step"] or 1)
        first = low if match["first"] is None else int(match["first"])
        # "5/15" means from 5 on, as "5-59/15" does.
        last = int(match["last"]) if match["last"] else high if match["first"] is None or match["step"] else first
        if not low <= first <= last <= high or step < 1:
            raise ValueError(f"{text!r} is no cron schedule: {part!r} is not within {low} to {high}")
        found.update(range(first, last + 1, step))
    return frozenset(found)
