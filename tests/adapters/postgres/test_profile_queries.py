"""Every query of the profiles that Lockage brings is executed on a real server, and what it says of a few rows is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.release.advisories import Detour, ForbiddenOverlap, ManualStep
from lockage.core.release.profile import Profile, parse_profile

pytestmark = pytest.mark.real

TABLES = Path(__file__).parents[2] / "support" / "coder_tables.sql"

PEOPLE = tuple(UUID(int=number) for number in (1, 2, 3))


def brought(name: str) -> Profile:
    file = files("lockage.profiles").joinpath(f"{name}.toml")
    return parse_profile(file.read_bytes(), file=name)


def queries(profile: Profile) -> Iterator[str]:
    """All SQL that a profile holds."""
    for advisory in profile.advisories:
        match advisory:
            case Detour():
                found = (advisory.leave_when, advisory.rows_after)
            case ManualStep():
                found = (advisory.applies_when, advisory.done_when)
            case ForbiddenOverlap():
                found = (advisory.detect,)
            case _:
                found = ()
        yield from (sql for sql in found if sql)
    yield from (sql for sql in (profile.activity.replicas, profile.activity.jobs) if sql)
    usage = profile.usage
    if usage is not None:
        yield from (sql for sql in (usage.history, usage.jobs, usage.schedules, usage.now) if sql)


@pytest.fixture
def coder(connect_as, database: PostgresDatabase) -> PostgresDatabase:
    """A database with the tables that Coder's profile reads."""
    connect_as().execute(TABLES.read_text(encoding="utf-8"))
    return database


@pytest.fixture
def admin(connect_as) -> psycopg.Connection:
    return connect_as()


def rows(database: PostgresDatabase, sql: str | None) -> list[Mapping[str, object]]:
    assert sql is not None
    return list(database.ask(sql))


def detects(database: PostgresDatabase, code: str) -> object:
    (advisory,) = [advisory for advisory in brought("coder").advisories if advisory.code == code]
    match advisory:
        case ForbiddenOverlap(detect=sql) | ManualStep(applies_when=sql):
            (row,) = rows(database, sql)
            return next(iter(row.values()))
        case _:
            pytest.fail(f"{code} detects nothing")


def test_every_query_of_coder_is_executed_and_the_empty_application_has_answers(coder: PostgresDatabase) -> None:
    asked = list(queries(brought("coder")))
    assert len(asked) >= 9
    for sql in asked:
        coder.ask(sql)


def test_a_quota_is_seen_in_builds_and_in_resources(coder: PostgresDatabase, admin: psycopg.Connection) -> None:
    assert detects(coder, "CODER-2.39-QUOTAS") is False
    admin.execute("INSERT INTO workspace_resources (daily_cost) VALUES (0), (20)")
    assert detects(coder, "CODER-2.39-QUOTAS") is True
    admin.execute(
        "TRUNCATE workspace_resources; INSERT INTO workspace_builds (job_id, daily_cost) VALUES (gen_random_uuid(), 1)"
    )
    assert detects(coder, "CODER-2.39-QUOTAS") is True


def test_only_external_provisioners_that_live_ask_for_the_manual_step(
    coder: PostgresDatabase, admin: psycopg.Connection
) -> None:
    admin.execute(
        "INSERT INTO provisioner_daemons (name, replica_id, last_seen_at) VALUES "
        "('embedded', gen_random_uuid(), now()), ('gone', NULL, now() - interval '2 days')"
    )
    assert detects(coder, "CODER-2.34-PROVISIONERS") is False
    admin.execute("INSERT INTO provisioner_daemons (name, last_seen_at) VALUES ('external', now())")
    assert detects(coder, "CODER-2.34-PROVISIONERS") is True


def test_live_replicas_are_those_that_wrote_lately_and_no_workspace_proxy(
    coder: PostgresDatabase, admin: psycopg.Connection
) -> None:
    admin.execute(
        'INSERT INTO replicas (hostname, version, updated_at, stopped_at, "primary") VALUES '
        "('coder-a', 'v2.34.0+abc', now(), NULL, true), ('coder-b', 'v2.29.1+def', now() - interval '5 minutes', NULL, true), "
        "('coder-c', 'v2.29.1+def', now(), now(), true), ('proxy', 'v2.34.0+abc', now(), NULL, false)"
    )
    assert rows(coder, brought("coder").activity.replicas) == [{"name": "coder-a", "version": "v2.34.0+abc"}]


def test_jobs_in_progress_are_told_with_what_they_do(coder: PostgresDatabase, admin: psycopg.Connection) -> None:
    job = uuid4()
    admin.execute("INSERT INTO provisioner_jobs (id, job_status, started_at) VALUES (%s, 'running', now())", (job,))
    admin.execute("INSERT INTO workspace_builds (job_id, transition) VALUES (%s, 'stop')", (job,))
    admin.execute("INSERT INTO provisioner_jobs (job_status) VALUES ('pending'), ('succeeded')")
    admin.execute("INSERT INTO provisioner_jobs (job_status, type) VALUES ('canceling', 'template_version_import')")
    found = {(row["kind"], row["state"]) for row in rows(coder, brought("coder").activity.jobs)}
    assert found == {("stop", "running"), ("template_version_import", "canceling")}


def test_usage_counts_each_person_once_a_half_hour_and_knows_the_empty_ones(
    coder: PostgresDatabase, admin: psycopg.Connection
) -> None:
    usage = brought("coder").usage
    assert usage is not None
    assert rows(coder, usage.history) == []
    for person, hours, templates in ((PEOPLE[0], 5, 2), (PEOPLE[1], 5, 1), (PEOPLE[2], 4, 1)):
        for _ in range(templates):
            admin.execute(
                "INSERT INTO template_usage_stats SELECT begin, begin + interval '30 minutes', gen_random_uuid(), %s, 30 "
                "FROM (SELECT date_trunc('hour', now()) - make_interval(hours => %s) AS begin) AS half_hour",
                (person, hours),
            )
    found = [row["people"] for row in rows(coder, usage.history)]
    assert found[:3] == [2.0, 0.0, 1.0]
    assert set(found[3:]) == {0.0}  # up to an hour or so before now
    assert {row["seconds"] for row in rows(coder, usage.history)} == {1800.0}


def test_builds_that_people_began_count_and_scheduled_ones_are_known_by_their_schedule(
    coder: PostgresDatabase, admin: psycopg.Connection
) -> None:
    usage = brought("coder").usage
    assert usage is not None
    for reason in ("initiator", "initiator", "autostart"):
        job = uuid4()
        admin.execute(
            "INSERT INTO provisioner_jobs (id, job_status, created_at) VALUES (%s, 'succeeded', '2026-09-01')", (job,)
        )
        admin.execute("UPDATE provisioner_jobs SET created_at = date_trunc('hour', now()) WHERE id = %s", (job,))
        admin.execute("INSERT INTO workspace_builds (job_id, reason) VALUES (%s, %s)", (job, reason))
    admin.execute(
        "INSERT INTO workspaces (deleted, autostart_schedule) VALUES (false, 'CRON_TZ=Europe/Berlin 30 9 * * 1-5'), "
        "(false, 'CRON_TZ=Europe/Berlin 30 9 * * 1-5'), (true, '0 0 * * *'), (false, NULL), (false, '')"
    )
    (jobs,) = rows(coder, usage.jobs)
    assert jobs["jobs"] == 2.0
    assert rows(coder, usage.schedules) == [{"schedule": "CRON_TZ=Europe/Berlin 30 9 * * 1-5", "jobs": 2.0}]


def test_who_is_at_work_now_is_counted_by_connections(coder: PostgresDatabase, admin: psycopg.Connection) -> None:
    usage = brought("coder").usage
    assert usage is not None
    admin.execute(
        "INSERT INTO workspace_agent_stats (created_at, user_id, connection_count) VALUES "
        "(now(), %(a)s, 1), (now(), %(a)s, 3), (now(), %(b)s, 0), (now() - interval '1 hour', %(c)s, 1)",
        dict(zip("abc", PEOPLE, strict=True)),
    )
    admin.execute("INSERT INTO provisioner_jobs (job_status) VALUES ('running')")
    assert rows(coder, usage.now) == [{"people": 1.0, "jobs": 1.0}]
