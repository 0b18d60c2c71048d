"""Usage read by a profile's own queries from a real PostgreSQL, and the windows that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import psycopg
import pytest
from msgspec.structs import replace

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.session import load_sql
from lockage.core.plan.window_report import WindowReport
from lockage.core.release.profile import Profile, UsageProfile, parse_profile
from lockage.errors import RefusedError, UsageError
from lockage.flows.usage import UsageHistory, read_usage, sample_load, usage_from_load
from lockage.flows.windows import length_asked, windows_for
from lockage.settings import Windows
from support.coder_tables import add_build, add_work, add_workspaces, make_tables
from support.fake_world import FakeClock
from support.usage_weeks import SUNDAY_NIGHT, half_hours_of

pytestmark = pytest.mark.real

BERLIN = ZoneInfo("Europe/Berlin")


class StoppedClock(FakeClock):
    """A clock that stands at a moment."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        return self._at


def coder() -> Profile:
    return parse_profile(resources.files("lockage").joinpath("profiles", "coder.toml").read_bytes(), file="coder.toml")


def usage_of_coder() -> UsageProfile:
    usage = coder().usage
    assert usage is not None
    return usage


@contextmanager
def coders(url: str, *, now: datetime) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        make_tables(connection, now=now)
        yield connection


def history_of(url: str, usage: UsageProfile | None = None) -> UsageHistory:
    with closing(PostgresDatabase(url)) as database:
        return read_usage(usage or usage_of_coder(), database.ask, narrate=lambda _: None)


def report_of(history: UsageHistory, *, zone: ZoneInfo, now: datetime) -> WindowReport:
    return windows_for(
        "coder",
        history=history,
        wanted=length_asked(2700),
        days=14,
        count=5,
        zone=zone,
        freezes=(),
        clock=StoppedClock(now),
    )


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        pytest.param("Europe/Berlin", date(2026, 1, 19), id="Berlin, summer time begins on 29 March"),
        pytest.param("America/New_York", date(2026, 9, 7), id="New York, summer time ends on 1 November"),
        pytest.param("Australia/Lord_Howe", date(2026, 8, 3), id="Lord Howe, half an hour of summer time begins on 4 October"),
    ],
)
def test_three_months_in_coders_tables_propose_the_quiet_time(zone: str, first: date, database_url: str) -> None:
    here = ZoneInfo(zone)
    now = datetime.combine(first + timedelta(days=91), time(10, 7), tzinfo=here).astimezone(UTC)
    work = list(half_hours_of(here, first, 91))
    with coders(database_url, now=now) as connection:
        add_work(connection, work)
    history = history_of(database_url)
    report = report_of(history, zone=here, now=now)
    assert [SUNDAY_NIGHT.holds(w.begin) and SUNDAY_NIGHT.holds(w.end - timedelta(seconds=1)) for w in report.windows[:3]] == [
        True, True, False,
    ]  # fmt: skip
    assert report.unknown == 0
    assert report.windows[0].most_people <= 1
    # Each half hour as it was generated: a user in two templates counts once.
    counted = {s.start_at: s.people for s in history.samples}
    generated = {each.start_at: each.people for each in work if each.start_at in counted}
    assert len(generated) > 4000
    assert {at: counted[at] for at in generated} == generated


def test_half_hours_without_rows_are_empty_ones_and_those_before_the_first_are_unknown(database_url: str) -> None:
    now = datetime(2026, 3, 2, 12, 7, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        first = datetime(2026, 2, 28, 6, tzinfo=UTC)
        weekend = half_hours_of(BERLIN, date(2026, 2, 28), 2)
        add_work(connection, [each for each in weekend if each.start_at >= first and each.start_at.hour >= 6])
    history = history_of(database_url)
    assert history.first_at == first
    assert history.last_at == datetime(2026, 3, 2, 11, tzinfo=UTC)  # the last hour and a half is not rolled up yet
    by_start = {s.start_at: s.people for s in history.samples}
    assert by_start[datetime(2026, 3, 1, 3, tzinfo=UTC)] == 0
    report = report_of(history, zone=BERLIN, now=now)
    assert report.unknown > 200
    assert report.left_out_unknown > 0
    assert all(w.begin.weekday() in {5, 6, 0} for w in report.windows)


def test_the_last_thirteen_weeks_count_and_no_more(database_url: str) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        add_work(connection, [each for each in half_hours_of(BERLIN, date(2026, 1, 5), 300) if each.start_at.hour == 9])
    history = history_of(database_url)
    assert history.first_at == now - timedelta(weeks=13)


def test_a_server_in_a_zone_off_by_a_quarter_of_an_hour_counts_the_same(database_url: str) -> None:
    now = datetime(2026, 3, 2, 12, 7, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        add_work(connection, list(half_hours_of(BERLIN, date(2026, 2, 26), 3)))
        connection.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L', "
                           "current_database(), 'Asia/Kathmandu'); END $$")  # fmt: skip
    people = [s.people for s in history_of(database_url).samples]
    assert sum(people) > 1000


def test_builds_that_people_began_count_and_autostarts_are_foreseen_instead(database_url: str) -> None:
    now = datetime(2026, 3, 23, 12, 7, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        add_work(connection, list(half_hours_of(BERLIN, date(2026, 3, 2), 21)))
        for day in range(2, 23):
            add_build(connection, datetime(2026, 3, day, 9, 10, tzinfo=UTC))
            add_build(connection, datetime(2026, 3, day, 9, 20, tzinfo=UTC), reason="autostop")
            add_build(connection, datetime(2026, 3, day, 3, 0, tzinfo=UTC), reason="autostart")
        add_workspaces(connection, "CRON_TZ=Europe/Berlin 15 3 * * 0", count=40)
        add_workspaces(connection, "CRON_TZ=Europe/Berlin 15 3 * * 0", count=7, deleted=True)
        add_workspaces(connection, None, count=5)
        add_workspaces(connection, "CRON_TZ=Nowhere/Else 15 3 * * 0", count=2)
    history = history_of(database_url)
    assert {(j.start_at.hour, j.start_at.minute, j.jobs) for j in history.jobs} == {(9, 0, 2.0)}
    assert {(s.cron, s.jobs) for s in history.schedules} == {
        ("CRON_TZ=Europe/Berlin 15 3 * * 0", 40.0),
        ("CRON_TZ=Nowhere/Else 15 3 * * 0", 2.0),
    }
    report = report_of(history, zone=BERLIN, now=now)
    # The quiet Sunday from 03:00 to 05:00 is not so quiet at 03:15, in winter and in summer time.
    assert report.windows[0].begin.weekday() == 6
    assert time(3, 30) <= report.windows[0].begin.time() < time(5)
    assert report.windows[0].scheduled_jobs == 0
    assert any("2 jobs is not counted" in note and "Nowhere/Else" in note for note in report.notes)


def test_people_and_jobs_of_this_moment(database_url: str) -> None:
    now = datetime(2026, 3, 23, 12, 7, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        add_work(connection, list(half_hours_of(BERLIN, date(2026, 3, 22), 1)))
        add_build(connection, now - timedelta(minutes=3), running=True)
        add_build(connection, now - timedelta(minutes=30))
        for minutes, user in ((2, 1), (3, 1), (4, 2), (50, 3)):
            connection.execute(
                "INSERT INTO workspace_agent_stats "
                "(created_at, user_id, agent_id, workspace_id, template_id, connection_count) "
                "VALUES (%s, lpad(%s::text, 32, '0')::uuid, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1)",
                (now - timedelta(minutes=minutes), user),
            )
    present = history_of(database_url).present
    assert present is not None
    assert (present.people, present.jobs) == (2, 1)


def test_empty_tables_know_nothing(database_url: str) -> None:
    now = datetime(2026, 3, 23, 12, tzinfo=UTC)
    with coders(database_url, now=now):
        pass
    history = history_of(database_url)
    assert (history.samples, history.first_at) == ((), None)
    report = report_of(history, zone=BERLIN, now=now)
    assert (report.windows, report.unknown) == ((), 336)


def test_the_activity_queries_of_the_profile_run_too_where_only_the_history_is_needed(database_url: str) -> None:
    """A table that another release does not have costs its part of the answer, and is said."""
    now = datetime(2026, 3, 23, 12, tzinfo=UTC)
    with coders(database_url, now=now) as connection:
        add_work(connection, list(half_hours_of(BERLIN, date(2026, 3, 22), 1)))
        connection.execute("DROP TABLE workspace_agent_stats, workspaces, workspace_builds")
    history = history_of(database_url)
    assert len(history.samples) > 40
    assert len(history.notes) == 3
    assert history.present is None


def test_without_the_table_of_the_history_nothing_is_made_up(database_url: str) -> None:
    with pytest.raises(RefusedError):
        history_of(database_url)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ("SELECT now() AS at, 1 AS seconds, 1 AS people", "start_at"),
        ("SELECT now() AS start_at, -1 AS seconds, 1 AS people", "seconds"),
        ("SELECT now()::timestamp AS start_at, 1 AS seconds, 1 AS people", "start_at"),
        ("SELECT now() AS start_at, 1 AS seconds, NULL::int AS people", "people"),
    ],
)
def test_a_query_that_gives_something_else_is_a_mistake_in_the_profile(history: str, said: str, database_url: str) -> None:
    with pytest.raises(UsageError, match=said) as wrong:
        history_of(database_url, replace(usage_of_coder(), history=history))
    assert wrong.value.code == "LK201"
    assert "usage.history" in wrong.value.message


def test_any_numbers_will_do_in_any_profiles_query(database_url: str) -> None:
    usage = UsageProfile(history="SELECT now() AS start_at, 1800::numeric AS seconds, 7::bigint AS people")
    [sample] = history_of(database_url, usage).samples
    assert (sample.seconds, sample.people) == (1800.0, 7.0)


def test_a_sample_of_the_load_is_taken_from_the_counters_of_this_database(database_url: str) -> None:
    query = load_sql("read_load")
    with closing(PostgresDatabase(database_url)) as database, psycopg.connect(database_url, autocommit=True) as client:
        first = sample_load(database.ask, query)
        for _ in range(200):
            client.execute("SELECT 1")
        client.execute("SELECT pg_stat_force_next_flush()")
        client.execute("SELECT 1")
        second = sample_load(database.ask, query)
    assert second.transactions - first.transactions >= 200
    assert second.at > first.at
    assert second.sessions == 1  # ours do not count
    history = usage_from_load((first, second), settings=Windows())
    [sample] = history.samples
    assert sample.people > 0
    assert history.measure == "transactions/s"
