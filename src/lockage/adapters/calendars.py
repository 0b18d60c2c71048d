"""iCalendar files: freezes read from one, windows written to one.

Not for deciding anything. The surprising thing: events without a time zone (all-day and "floating" ones) are meant in the time
zone that the caller names, since a calendar of holidays says only the day; and an event counts whether its owner is "busy" then
or "free", because most calendars of holidays say free.

Source: RFC 5545; recurrence by ``dateutil.rrule``, on the local clock of the event's own time zone.

Code here: LK546.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr
from icalendar import Calendar, Event

from lockage.core.plan.calendar_text import CalendarEntry
from lockage.core.plan.window import Freeze
from lockage.errors import UsageError

MOST_RECURRENCES = 100_000
"""Occurrences of one event that are counted through: a daily event since 1970 has 20 000, one every second is a mistake."""


def write_calendar(entries: Iterable[CalendarEntry], *, now: datetime) -> bytes:
    """An iCalendar file with these events, tentative, in UTC."""
    calendar: Any = Calendar()
    calendar.add("prodid", "-//lockage//windows//EN")
    calendar.add("version", "2.0")
    for entry in entries:
        event: Any = Event()
        event.add("uid", entry.uid)
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", entry.begin.astimezone(UTC))
        event.add("dtend", entry.end.astimezone(UTC))
        event.add("summary", entry.summary)
        event.add("description", entry.description)
        event.add("status", "TENTATIVE")
        calendar.add_component(event)
    return cast("bytes", calendar.to_ical())


def read_freezes(file: Path, *, begin: datetime, end: datetime, zone: ZoneInfo) -> tuple[Freeze, ...]:
    """The events of a calendar file that lie, in part at least, between two moments; in order.

    ``zone`` is where events without a time zone take place. Raises ``UsageError`` (LK546) when the file cannot be read, or an
    event in it cannot be understood: a freeze that is passed over would be worse than none.
    """
    try:
        calendars: list[Any] = [*Calendar.from_ical(file.read_bytes(), multiple=True)]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", code="LK546", hint=f"ls -l {file}") from error
    except (ValueError, KeyError, IndexError) as error:
        raise _not_understood(file, f"it is no iCalendar file: {_first_line(error)}") from error
    if not calendars:
        raise _not_understood(file, "it is no iCalendar file: it holds no VCALENDAR")
    events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    try:
        found = {f for f in _occurrences(events, begin, end, zone) if max(f.begin, begin) < min(f.end, end)}
    except _UnclearError as unclear:
        raise _not_understood(file, str(unclear)) from unclear
    return tuple(sorted(found, key=lambda f: (f.begin, f.end, f.text)))


class _UnclearError(Exception):
    """What is wrong with an event, in words."""


def _not_understood(file: Path, what: str) -> UsageError:
    return UsageError(f"{file}: {what}", code="LK546", hint="export the calendar anew as .ics (RFC 5545)")


@dataclass(frozen=True, slots=True)
class _Times:
    """Begin and end of an event on its own clock, and the time zone of that clock."""

    begin: datetime  # naive
    end: datetime  # naive
    zone: tzinfo

    def at(self, naive: datetime, text: str) -> Freeze:
        """The occurrence that begins then; it lasts as long as this one by the clock on the wall."""
        begin = naive.replace(tzinfo=self.zone).astimezone(UTC)
        until = (naive + (self.end - self.begin)).replace(tzinfo=self.zone).astimezone(UTC)
        return Freeze(begin=begin, end=until, text=text)


def _occurrences(events: list[Any], begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Freeze]:
    moved: dict[str, set[datetime]] = {}
    for event in events:
        # The parser drops what it cannot read, and a dropped RRULE would be a freeze that is missing.
        for key, problem in event.errors:
            if key in {None, "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}:
                raise _UnclearError(f"{_named(event)} has a {key or 'line'} that cannot be read: {problem}")
        if "RECURRENCE-ID" in event:
            naive, its_zone = _naive(event["RECURRENCE-ID"], event, zone)
            moved.setdefault(str(event.get("UID", "")), set()).add(naive.replace(tzinfo=its_zone).astimezone(UTC))
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        text = str(event.get("SUMMARY", "")).strip() or "an event without a title"
        times = _times(event, zone)
        if "RECURRENCE-ID" in event or not any(key in event for key in ("RRULE", "RDATE")):
            yield times.at(times.begin, text)
            continue
        elsewhere = moved.get(str(event.get("UID", "")), set())
        for naive in _recurrences(event, times, begin, end):
            freeze = times.at(naive, text)
            if freeze.begin not in elsewhere:
                yield freeze


def _times(event: Any, zone: ZoneInfo) -> _Times:
    if "DTSTART" not in event:
        raise _UnclearError(f"{_named(event)} has no DTSTART")
    begin, its_zone = _naive(event["DTSTART"], event, zone)
    if "DTEND" in event:
        naive_end, end_zone = _naive(event["DTEND"], event, zone)
        end = naive_end.replace(tzinfo=end_zone).astimezone(its_zone).replace(tzinfo=None)
    elif "DURATION" in event:
        end = begin + cast("timedelta", event["DURATION"].dt)
    else:
        whole_day = not isinstance(event["DTSTART"].dt, datetime)
        end = begin + timedelta(days=1 if whole_day else 0)
    if end < begin:
        raise _UnclearError(f"{_named(event)} ends before it begins")
    return _Times(begin, end, its_zone)


def _recurrences(event: Any, times: _Times, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The naive beginnings that can matter between two moments."""
    # A day on either side, because the clock of the event and UTC are never further apart.
    first = begin.astimezone(UTC).replace(tzinfo=None) - (times.end - times.begin) - timedelta(days=1)
    last = end.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    for number, naive in enumerate(_rules(event, times)):
        if naive > last:
            return
        if number >= MOST_RECURRENCES:
            raise _UnclearError(f"{_named(event)} recurs more than {MOST_RECURRENCES} times until {last:%Y-%m-%d}")
        if naive >= first:
            yield naive


def _rules(event: Any, times: _Times) -> rruleset:
    found = rruleset()
    if not _listed(event, "RRULE"):
        found.rdate(times.begin)
    try:
        for rule in _listed(event, "RRULE"):
            found.rrule(rrulestr(_rule(rule, times), dtstart=times.begin))  # pyright: ignore[reportArgumentType] a rule, no set
        for key, add in (("RDATE", found.rdate), ("EXDATE", found.exdate)):
            for dates in _listed(event, key):
                for one in dates.dts:
                    add(_on_clock_of(times, one))
    except (ValueError, TypeError) as error:
        raise _UnclearError(f"{_named(event)} recurs in a way that cannot be read: {_first_line(error)}") from error
    return found


def _rule(rule: Any, times: _Times) -> str:
    """The rule with its UNTIL, which stands in UTC, on the event's own clock."""
    clone = rule.copy()
    until = [_until(one, times) for one in clone.get("UNTIL", [])]
    if until:
        clone["UNTIL"] = until
    return cast("str", clone.to_ical().decode())


def _until(until: date, times: _Times) -> datetime:
    if not isinstance(until, datetime):
        return datetime.combine(until, time.max.replace(microsecond=0))
    return until if until.tzinfo is None else until.astimezone(times.zone).replace(tzinfo=None)


def _on_clock_of(times: _Times, one: Any) -> datetime:
    value: Any = one.dt
    if isinstance(value, tuple):  # a period counts by its beginning
        value = cast("tuple[Any, ...]", value)[0]
    if not isinstance(value, datetime):
        # A day, for an event that has a time: the occurrence of that day.
        return datetime.combine(value, times.begin.time())
    if value.tzinfo is None:
        return value
    return value.astimezone(times.zone).replace(tzinfo=None)


def _listed(event: Any, key: str) -> list[Any]:
    value = event.get(key)
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _naive(prop: Any, event: Any, zone: ZoneInfo) -> tuple[datetime, tzinfo]:
    """The property's time on its own clock, and the time zone of that clock."""
    value = prop.dt
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min), zone
    if value.tzinfo is None:
        named = prop.params.get("TZID")
        if named is not None:
            raise _UnclearError(f"{_named(event)} is in the time zone {named}, which nobody here knows")
        return value, zone
    return value.replace(tzinfo=None), value.tzinfo


def _named(event: Any) -> str:
    return f"event {str(event.get('SUMMARY') or event.get('UID') or '?')!r}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
