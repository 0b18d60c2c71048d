"""Windows for a deployment: the length that its plan needs, and a report that says what it stands on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from lockage.core.plan import steps as s
from lockage.core.plan.calendar_text import command_of, entries_of
from lockage.core.plan.load import LoadSample
from lockage.core.plan.usage import JobsBegun
from lockage.flows.usage import Schedule, usage_from_load
from lockage.flows.windows import length_asked, length_for
from lockage.settings import Windows
from support.plans import hop, plan_of
from support.usage_weeks import SUNDAY_NIGHT, half_hours_of, samples_of
from support.window_reports import BERLIN, NOW, history, report


def test_the_quiet_time_is_proposed_and_the_report_says_on_what_it_stands() -> None:
    found = report()
    assert SUNDAY_NIGHT.holds(found.windows[0].begin)
    assert (found.time_zone, found.unknown, found.length_s, found.notes) == ("Europe/Berlin", 0, 2700, ())
    assert len(found.week) == 336
    assert found.source.watched_s == 91 * 86_400 - 3600  # an hour was skipped
    assert found.source.people_now == 140


def test_a_length_asked_for_is_rounded_to_what_people_announce() -> None:
    assert length_asked(17 * 60).seconds == 20 * 60
    assert length_asked(17 * 60).text == "20 min as asked for"


def test_a_plan_gets_a_window_with_room_and_the_reason() -> None:
    plan = plan_of(hop("1.0.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, last=True, high_s=600.0))
    found = length_for(plan, unknown_s=3600, settings=Windows())
    assert (found.seconds, found.to_release) == (30 * 60, "2.0.0")
    assert found.text == "30 min: the upgrade to 2.0.0 takes up to 10 min; 1.5 times that, with 5 min on either side"


def test_an_unknown_high_end_makes_the_window_as_long_as_the_profile_allows_and_says_so() -> None:
    plan = plan_of(hop("1.0.0", "2.0.0", s.Strategy.SCALE_TO_ZERO, last=True, high_s=None))
    found = length_for(plan, unknown_s=3600, settings=Windows())
    assert found.seconds == 105 * 60
    assert "a migration whose high end is unknown counting 1 h" in found.text


def test_a_schedule_that_cannot_be_read_is_said_and_the_others_count() -> None:
    every_sunday = Schedule(cron="CRON_TZ=Europe/Berlin 15 3 * * 0", jobs=50)
    found = report(history(schedules=(every_sunday, Schedule(cron="whenever", jobs=4))))
    assert found.notes == (
        "a schedule that begins 4 jobs is not counted: 'whenever' is no cron schedule: expected minute, hour, day, month "
        "and weekday",
    )
    # What begins at 03:15 is in no window of the quiet Sunday any more.
    best = found.windows[0]
    assert SUNDAY_NIGHT.holds(best.begin)
    assert best.begin.time().isoformat() >= "03:30"


def test_jobs_that_people_began_at_that_time_of_the_week_count() -> None:
    sundays = [
        each for each in half_hours_of(BERLIN, date(2026, 1, 19), 91) if SUNDAY_NIGHT.holds(each.start_at.astimezone(BERLIN))
    ]
    nightly = tuple(JobsBegun(start_at=each.start_at, seconds=1800, jobs=30) for each in sundays)
    assert not SUNDAY_NIGHT.holds(report(history(jobs=nightly)).windows[0].begin)


def test_a_history_that_has_ended_is_said_to_be_old() -> None:
    assert report(history(samples=samples_of(BERLIN, date(2026, 1, 19), 60))).notes == (
        "the history of usage ended 31 days 9 h ago",
    )


def test_usage_from_samples_of_load_finds_the_quiet_time_too() -> None:
    """Five minutes apart, with a failover and a night in which nobody sampled."""
    samples, total = [], 0
    for each in half_hours_of(BERLIN, date(2026, 3, 16), 35):
        for minute in range(0, 30, 5):
            samples.append(
                LoadSample(
                    at=each.start_at + timedelta(minutes=minute),
                    started_at=NOW if each.start_at.day == 2 else NOW - timedelta(days=90),
                    reset_at=None,
                    transactions=total,
                    sessions=5,
                )
            )
            total += each.people * 300
    night = [one for one in samples if not (one.at.day == 7 and one.at.hour < 6)]
    found = report(usage_from_load(night, settings=Windows()))
    assert found.source.measure == "transactions/s"
    assert SUNDAY_NIGHT.holds(found.windows[0].begin)
    assert {slot.weeks for slot in found.week} >= {4, 5}


def test_the_calendar_gets_the_command_and_the_same_identity_every_time() -> None:
    found = replace(report(), to_release="2.0.0")
    first, *others = entries_of(found)
    assert first.uid == entries_of(replace(found, at=NOW + timedelta(hours=1)))[0].uid
    assert first.uid not in {other.uid for other in others}
    assert command_of(found, found.windows[0]) in first.description
    assert first.summary == "Upgrade of shop to 2.0.0 (proposed)"
    assert command_of(found, found.windows[0]).startswith("lockage upgrade shop --to 2.0.0 --at 2026-04-26T03:")
