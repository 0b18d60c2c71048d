"""Windows with everything joined: whose week it is, and which source of usage counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from lockage.core.plan.load import LoadSample
from lockage.core.release.profile import UsageProfile
from lockage.errors import RefusedError, UsageError
from lockage.flows.world import World
from lockage.interfaces.folders import Folders, find_folders
from lockage.interfaces.windows import freezes_of, usage_of, zone_named
from lockage.interfaces.wiring import load_samples
from support.fake_database import FakeDatabase
from support.fake_world import START
from support.machine import a_world, seen_by_flows

Rows = tuple[Mapping[str, object], ...]


class Answering(FakeDatabase):
    """A database that answers a profile's queries as it is told to."""

    def __init__(self, answer: Callable[[], Rows]) -> None:
        super().__init__(a_world())
        self.answer = answer

    def ask(self, sql: str) -> Rows:
        return self.answer()


def using(answer: Callable[[], Rows], *, profile: bool = True) -> World:
    seen: Any = a_world()
    usage = UsageProfile(history="SELECT …", history_text="users at work") if profile else None
    return seen_by_flows(seen, profile=replace(seen.profile, usage=usage), database=Answering(answer))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return find_folders({"LOCKAGE_HOME": str(tmp_path)})


def sampled(folders: Folders) -> None:
    for n in (0, 1):
        at = START + timedelta(minutes=5 * n)
        sample = LoadSample(at=at, started_at=START, reset_at=None, transactions=300 * n, sessions=1)
        load_samples(folders, "app").add(sample, keep_days=184)


def denied() -> Rows:
    raise RefusedError("no privilege on template_usage_stats", code="LK130")


ONE_ROW = ({"start_at": START, "seconds": 1800.0, "people": 4.0},)


def test_the_profiles_history_counts_before_samples(folders: Folders) -> None:
    sampled(folders)
    found = usage_of(using(lambda: ONE_ROW), folders, narrate=lambda _: None)
    assert (found.measure, len(found.samples), found.notes) == ("people", 1, ())


@pytest.mark.parametrize(
    ("answer", "said"),
    [(lambda: (), "nothing is in the profile's history of usage (users at work)"), (denied, "no privilege on template_usage")],
    ids=["empty", "denied"],
)
def test_samples_step_in_where_the_profiles_history_gives_nothing_and_it_is_said(
    answer: Callable[[], Rows], said: str, folders: Folders
) -> None:
    sampled(folders)
    found = usage_of(using(answer), folders, narrate=lambda _: None)
    assert (found.measure, found.samples[0].people) == ("transactions/s", 1.0)
    assert said in found.notes[0]


def test_without_samples_a_history_that_cannot_be_read_is_a_refusal(folders: Folders) -> None:
    with pytest.raises(RefusedError) as refused:
        usage_of(using(denied), folders, narrate=lambda _: None)
    assert refused.value.code == "LK130"


def test_without_a_profiles_history_the_samples_are_all_there_is(folders: Folders) -> None:
    found = usage_of(using(denied, profile=False), folders, narrate=lambda _: None)
    assert (found.samples, found.first_at) == ((), None)
    sampled(folders)
    assert len(usage_of(using(denied, profile=False), folders, narrate=lambda _: None).samples) == 1


def test_the_time_zone_is_the_one_that_was_named_else_the_environments_else_the_machines() -> None:
    assert zone_named("Europe/Berlin", environment={"TZ": "Asia/Tokyo"}).key == "Europe/Berlin"
    assert zone_named(None, environment={"TZ": ":Asia/Tokyo"}).key == "Asia/Tokyo"
    own = zone_named(None, environment={}).key
    assert ZoneInfo(own)
    assert zone_named(None, environment={"TZ": "no such zone"}).key == own


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd"])
def test_a_time_zone_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as wrong:
        zone_named(name, environment={})
    assert wrong.value.code == "LK545"


def test_freezes_of_several_calendars_count_once_each(tmp_path: Path) -> None:
    content = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
        "DTSTART;VALUE=DATE:20260106\r\nSUMMARY:Epiphany\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    files = (tmp_path / "one.ics", tmp_path / "two.ics")
    for file in files:
        file.write_text(content)
    [freeze] = freezes_of(files, world=using(lambda: ()), days=7, zone=ZoneInfo("Europe/Berlin"))
    assert freeze.text == "Epiphany"
