"""Calendars: freezes read as their owner means them, and windows written so that any calendar program reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from lockage.adapters.calendars import read_freezes, write_calendar
from lockage.core.plan.calendar_text import CalendarEntry
from lockage.core.plan.window import Freeze
from lockage.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2027, 4, 30, tzinfo=UTC)


def calendar(tmp_path: Path, *events: str, head: str = "") -> Path:
    """A file with these events, each given as its lines without UID and stamp."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//a test//EN", *head.splitlines()]
    for number, event in enumerate(events):
        own = event.strip().splitlines()
        uid = [] if any(line.startswith("UID:") for line in own) else [f"UID:{number}"]
        lines += ["BEGIN:VEVENT", *uid, "DTSTAMP:20260101T000000Z", *own, "END:VEVENT"]
    file = tmp_path / "freezes.ics"
    file.write_bytes("\r\n".join([*lines, "END:VCALENDAR", ""]).encode())
    return file


def read(file: Path, **changes: Any) -> list[str]:
    """Each freeze as local begin, local end in Berlin, and its text."""
    fields: dict[str, Any] = {"begin": BEGIN, "end": END, "zone": BERLIN}
    return [shown(freeze) for freeze in read_freezes(file, **(fields | changes))]


def shown(freeze: Freeze) -> str:
    begin, end = freeze.begin.astimezone(BERLIN), freeze.end.astimezone(BERLIN)
    return f"{begin:%Y-%m-%d %H:%M} {end:%Y-%m-%d %H:%M} {freeze.text}"


def test_an_all_day_event_lasts_from_midnight_to_midnight_where_we_are(tmp_path: Path) -> None:
    file = calendar(tmp_path, "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Christmas")
    assert read(file) == ["2026-12-24 00:00 2026-12-27 00:00 Christmas"]
    [elsewhere] = read_freezes(file, begin=BEGIN, end=END, zone=ZoneInfo("America/New_York"))
    assert elsewhere.begin == datetime(2026, 12, 24, 5, tzinfo=UTC)


def test_an_all_day_event_without_an_end_lasts_its_day(tmp_path: Path) -> None:
    file = calendar(tmp_path, "DTSTART;VALUE=DATE:20261224\nSUMMARY:Christmas Eve")
    assert read(file) == ["2026-12-24 00:00 2026-12-25 00:00 Christmas Eve"]


@pytest.mark.parametrize(
    "start",
    ["DTSTART:20261201T210000Z", "DTSTART;TZID=Europe/Berlin:20261201T220000", "DTSTART:20261201T220000",
     "DTSTART;TZID=America/New_York:20261201T160000", "DTSTART;TZID=W. Europe Standard Time:20261201T220000"],
    ids=["UTC", "a time zone", "floating", "another time zone", "a name of Windows"],
)  # fmt: skip
def test_a_time_is_read_in_its_own_zone_and_a_floating_one_in_ours(start: str, tmp_path: Path) -> None:
    file = calendar(tmp_path, f"{start}\nDURATION:PT2H\nSUMMARY:x")
    assert read(file) == ["2026-12-01 22:00 2026-12-02 00:00 x"]


def test_a_weekly_freeze_stays_at_its_local_time_across_the_change_to_summer_time(tmp_path: Path) -> None:
    file = calendar(
        tmp_path,
        "DTSTART;TZID=Europe/Berlin:20270319T180000\nDTEND;TZID=Europe/Berlin:20270322T080000\n"
        "RRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:weekend",
    )
    assert read(file) == [
        "2027-03-19 18:00 2027-03-22 08:00 weekend",
        "2027-03-26 18:00 2027-03-29 08:00 weekend",
        "2027-04-02 18:00 2027-04-05 08:00 weekend",
    ]
    hours = [(f.end - f.begin) / timedelta(hours=1) for f in read_freezes(file, begin=BEGIN, end=END, zone=BERLIN)]
    assert hours == [62, 61, 62]


def test_until_is_the_last_time_also_where_it_stands_in_utc(tmp_path: Path) -> None:
    rule = "RRULE:FREQ=DAILY;UNTIL={}"
    event = "DTSTART;TZID=Europe/Berlin:20261201T003000\nDURATION:PT1H\n" + rule + "\nSUMMARY:x"
    assert len(read(calendar(tmp_path, event.format("20261202T233000Z")))) == 3  # 3 December, 00:30 in Berlin
    assert len(read(calendar(tmp_path, event.format("20261202T232959Z")))) == 2
    assert len(read(calendar(tmp_path, event.format("20261203")))) == 3


def test_a_yearly_event_of_long_ago_still_comes(tmp_path: Path) -> None:
    file = calendar(tmp_path, "DTSTART;VALUE=DATE:19901226\nRRULE:FREQ=YEARLY\nSUMMARY:Boxing Day")
    assert read(file) == ["2026-12-26 00:00 2026-12-27 00:00 Boxing Day"]


def test_one_that_was_taken_out_moved_added_or_cancelled_is_honoured(tmp_path: Path) -> None:
    file = calendar(
        tmp_path,
        "UID:w\nDTSTART;TZID=Europe/Berlin:20261127T220000\nDURATION:PT8H\nRRULE:FREQ=WEEKLY;COUNT=4\n"
        "EXDATE;TZID=Europe/Berlin:20261204T220000\nRDATE;TZID=Europe/Berlin:20261129T220000\nSUMMARY:weekly",
        "UID:w\nRECURRENCE-ID;TZID=Europe/Berlin:20261211T220000\nDTSTART;TZID=Europe/Berlin:20261212T100000\n"
        "DURATION:PT1H\nSUMMARY:moved",
        "UID:w\nRECURRENCE-ID;TZID=Europe/Berlin:20261218T220000\nDTSTART;TZID=Europe/Berlin:20261218T220000\n"
        "DURATION:PT8H\nSTATUS:CANCELLED\nSUMMARY:weekly",
        "DTSTART:20261201T000000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nSUMMARY:never",
    )
    assert read(file) == [
        "2026-11-27 22:00 2026-11-28 06:00 weekly",
        "2026-11-29 22:00 2026-11-30 06:00 weekly",
        "2026-12-12 10:00 2026-12-12 11:00 moved",
    ]


def test_free_events_count_too_because_holidays_are_marked_free(tmp_path: Path) -> None:
    file = calendar(tmp_path, "DTSTART;VALUE=DATE:20261225\nTRANSP:TRANSPARENT\nSUMMARY:Christmas Day")
    assert len(read(file)) == 1


def test_what_lies_outside_the_time_looked_at_is_left_out_and_what_reaches_into_it_is_not(tmp_path: Path) -> None:
    file = calendar(
        tmp_path,
        "DTSTART:20261101T000000Z\nDTEND:20261201T000000Z\nSUMMARY:reaches in",
        "DTSTART:20261101T000000Z\nDTEND:20261122T000000Z\nSUMMARY:over",
        "DTSTART:20300101T000000Z\nDURATION:PT1H\nSUMMARY:far away",
        "DTSTART:20261205T000000Z\nSUMMARY:takes no time",
    )
    assert [line.rpartition(":00 ")[2] for line in read(file)] == ["reaches in"]


def test_a_time_zone_that_the_calendar_itself_describes_is_known(tmp_path: Path) -> None:
    zone = """BEGIN:VTIMEZONE
TZID:Company Time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
TZNAME:CT
END:STANDARD
END:VTIMEZONE"""
    file = calendar(tmp_path, "DTSTART;TZID=Company Time:20261201T000000\nDURATION:PT1H\nSUMMARY:x", head=zone)
    [freeze] = read_freezes(file, begin=BEGIN, end=END, zone=BERLIN)
    assert freeze.begin == datetime(2026, 11, 30, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("DTSTART;TZID=Mars/Olympus:20261201T000000\nDURATION:PT1H\nSUMMARY:x", "Mars/Olympus"),
        ("SUMMARY:lost", "'lost' has no DTSTART"),
        ("DTSTART:yesterday\nSUMMARY:x", "cannot be read"),
        ("DTSTART:20261201T000000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\nSUMMARY:x", "cannot be read"),
        ("DTSTART:20261201T000000Z\nDTEND:20261130T000000Z\nSUMMARY:x", "ends before it begins"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY\nSUMMARY:tick", "more than 100000 times"),
    ],
)
def test_an_event_that_is_not_understood_is_refused_by_name(event: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as wrong:
        read(calendar(tmp_path, event))
    assert wrong.value.code == "LK546"
    assert "freezes.ics" in wrong.value.message


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe\x00", b"{}", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"])
def test_what_is_no_calendar_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.ics"
    file.write_bytes(content)
    with pytest.raises(UsageError) as wrong:
        read(file)
    assert wrong.value.code == "LK546"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as wrong:
        read(tmp_path / "none.ics")
    assert wrong.value.code == "LK546"


def test_what_is_written_is_read_back_as_it_was() -> None:
    entry = CalendarEntry(
        uid="abc@lockage",
        begin=datetime(2026, 11, 29, 3, tzinfo=BERLIN),
        end=datetime(2026, 11, 29, 3, 45, tzinfo=BERLIN),
        summary="Upgrade of coder to 2.27.8 (proposed)",
        description="Who: 1 person; 3 jobs, by schedule\nlockage upgrade coder --at 2026-11-29T03:00+01:00/PT45M " + "x" * 100,
    )
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    written = write_calendar([entry], now=now)
    assert max(map(len, written.split(b"\r\n"))) <= 75  # RFC 5545, 3.1
    parsed: Any = Calendar.from_ical(written)
    [event] = parsed.walk("VEVENT")
    assert str(event["UID"]) == entry.uid
    assert event["DTSTART"].dt == entry.begin
    assert event["DTEND"].dt == entry.end
    assert event["DTSTAMP"].dt == now
    assert str(event["SUMMARY"]) == entry.summary
    assert str(event["DESCRIPTION"]) == entry.description
    assert write_calendar([entry], now=now) == written


def test_a_proposed_window_can_be_given_back_as_a_freeze(tmp_path: Path) -> None:
    entry = CalendarEntry(
        uid="abc@lockage", begin=BEGIN + timedelta(days=1), end=BEGIN + timedelta(days=1, hours=1), summary="x", description=""
    )
    file = tmp_path / "out.ics"
    file.write_bytes(write_calendar([entry], now=BEGIN))
    [freeze] = read_freezes(file, begin=BEGIN, end=END, zone=BERLIN)
    assert (freeze.begin, freeze.end) == (entry.begin, entry.end)
