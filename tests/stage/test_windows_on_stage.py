"""The real commands: ``lockage window`` over a real application's usage, and ``upgrade --at`` the window it proposes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from icalendar import Calendar
from jsonschema import Draft202012Validator

from lockage.interfaces.schemas import json_schema
from support.on_stage import OnStage, what_is_asked_for
from support.usage_weeks import SUNDAY_NIGHT, half_hours_of

pytestmark = [pytest.mark.real, pytest.mark.slow]

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def used(on_stage: OnStage) -> Iterator[OnStage]:
    """The stage at 2.26.6, after three months of work in Berlin."""
    if what_is_asked_for(on_stage)[:2] != ("2.26.6", 3) or on_stage.end()["annotations"]:
        on_stage.put_back("2.26.6")
    now = datetime.now(UTC)
    with on_stage.session("test", autocommit=True) as connection:
        _fill(connection, now)
        yield on_stage
        connection.execute("TRUNCATE usage_stats")


def _fill(connection: psycopg.Connection[Any], now: datetime) -> None:
    connection.execute("TRUNCATE usage_stats")
    connection.execute("CREATE TEMPORARY TABLE work (start_at timestamptz, people int)")
    with connection.cursor().copy("COPY work FROM STDIN") as copy:
        for each in half_hours_of(BERLIN, now.astimezone(BERLIN).date() - timedelta(days=91), 92):
            if each.start_at < now - timedelta(minutes=30):
                copy.write_row((each.start_at, each.people))
    connection.execute("""
        INSERT INTO usage_stats (start_time, user_id)
        SELECT w.start_at, lpad(n::text, 32, '0')::uuid FROM work w, generate_series(1, w.people) n
        ON CONFLICT DO NOTHING
    """)


def test_the_quiet_time_is_proposed_as_json_map_and_calendar(used: OnStage) -> None:
    out = used.home / "windows.ics"
    asked = ("window", "demo", "--time-zone", "Europe/Berlin", "--length", "45m", "--ics", str(out))
    done = used.lockage(*asked, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    Draft202012Validator(json_schema("lockage.window/1")).validate(found)
    best = found["windows"][0]
    assert SUNDAY_NIGHT.holds(datetime.fromisoformat(best["begin"]))
    assert best["id"].endswith("/PT45M")
    calendar: Any = Calendar.from_ical(out.read_bytes())
    events = calendar.walk("VEVENT")
    assert [e["DTSTART"].dt for e in events] == [datetime.fromisoformat(w["begin"]) for w in found["windows"]]
    assert f"--at {best['id']}" in str(events[0]["DESCRIPTION"])
    told = used.lockage(*asked)
    assert len(re.findall(r"^  [A-Z][a-z]{2}  \S{48}$", told.out, re.MULTILINE)) == 7
    assert f"--at {best['id']}" in told.out
    # Its own proposals as freezes: another night is proposed.
    again = used.lockage("window", "demo", "--time-zone", "Europe/Berlin", "--freeze", str(out), "--json")
    others = [w["begin"] for w in json.loads(again.out)["windows"]]
    assert again.code == 0
    assert not {w["begin"] for w in found["windows"]} & set(others)


def test_a_window_for_a_release_is_as_long_as_its_forecast_asks(used: OnStage) -> None:
    done = used.lockage("window", "demo", "--for", "2.27.8", "--time-zone", "Europe/Berlin", "--json")
    found = json.loads(done.out)
    assert (done.code, found["to_release"]) == (0, "2.27.8")
    assert 900 <= found["length_s"] <= 3600
    assert "the upgrade to 2.27.8 takes up to" in found["length_text"]


def test_without_any_history_nothing_is_proposed_until_lockage_has_sampled(on_stage: OnStage) -> None:
    if what_is_asked_for(on_stage)[:2] != ("2.26.6", 3):
        on_stage.put_back("2.26.6")
    with on_stage.session("test", autocommit=True) as connection:
        connection.execute("TRUNCATE usage_stats")
    done = on_stage.lockage("window", "demo")
    assert (done.code, "LK549" in done.err, "--sample" in done.err) == (5, True, True)
    for number in (1, 2):
        sampled = on_stage.lockage("window", "demo", "--sample")
        assert (sampled.code, sampled.out.startswith(f"sample {number} of demo: ")) == (0, True), sampled.err


CASES = [
    pytest.param(("--at", "tonight"), 2, "LK545", id="no window"),
    pytest.param(("--at", "2026-01-01T03:00"), 2, "LK545", id="no time zone"),
    pytest.param(("--at", "2020-01-01T03:00Z/PT45M"), 3, "LK547", id="over"),
]


@pytest.mark.parametrize(("arguments", "code", "named"), CASES)
def test_a_window_that_cannot_be_kept_is_refused_at_once(
    used: OnStage, arguments: tuple[str, ...], code: int, named: str
) -> None:
    before = what_is_asked_for(used)
    done = used.lockage("upgrade", "demo", "--to", "2.27.8", "--yes", "--no-restore-point", *arguments)
    assert (done.code, f"error {named}: " in done.err) == (code, True), done.err
    assert what_is_asked_for(used) == before


def test_an_upgrade_waits_for_its_window_and_leaves_cleanly_when_asked_to(used: OnStage) -> None:
    before = what_is_asked_for(used)
    begin = datetime.now(UTC) + timedelta(hours=2)
    running = used.begin_lockage(
        "upgrade", "demo", "--to", "2.27.8", "--yes", "--no-restore-point", "--at", f"{begin:%Y-%m-%dT%H:%M}Z/PT45M"
    )
    running.until_it_says("waiting until")
    running.process.send_signal(2)
    done = running.ended()
    assert (done.code, "LK347" in done.err, "before the window; nothing was changed" in done.err) == (3, True, True)
    assert what_is_asked_for(used) == before


def test_an_upgrade_begins_in_its_window_and_ends_healthy(used: OnStage) -> None:
    begin = datetime.now(UTC) + timedelta(seconds=15)  # has it begun before there is a plan, it is used at once
    done = used.lockage(
        "upgrade", "demo", "--to", "2.27.8", "--yes", "--no-restore-point", "--json",
        "--at", f"{begin:%Y-%m-%dT%H:%M:%S}Z/PT45M",
    )  # fmt: skip
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["outcome"] == "healthy"
    assert datetime.fromisoformat(report["began_at"]) >= begin.replace(microsecond=0)
    assert what_is_asked_for(used)[0] == "2.27.8"
