"""Coder's tables as far as its profile reads them, filled with generated months of work, at a time of our choosing.

The surprising thing: ``now()`` is ours in these databases, by a schema that is searched before PostgreSQL's own, so that a
profile's queries themselves can be taken across a change of the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from support.usage_weeks import HalfHour

# Names and types as in Coder's dump.sql of mid-2026, columns that nobody asks for left out.
TABLES: LiteralString = """
CREATE TYPE provisioner_job_status AS ENUM ('pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown');
CREATE TYPE workspace_transition AS ENUM ('start', 'stop', 'delete');
CREATE TYPE build_reason AS ENUM ('initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete');

CREATE TABLE template_usage_stats (
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    template_id uuid NOT NULL,
    user_id uuid NOT NULL,
    median_latency_ms real,
    usage_mins smallint NOT NULL,
    app_usage_mins jsonb,
    PRIMARY KEY (start_time, template_id, user_id)
);
CREATE INDEX template_usage_stats_start_time_idx ON template_usage_stats (start_time DESC);

CREATE TABLE workspace_agent_stats (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL,
    user_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    template_id uuid NOT NULL,
    connection_count bigint NOT NULL DEFAULT 0
);

CREATE TABLE workspaces (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    deleted boolean NOT NULL DEFAULT false,
    name text NOT NULL,
    autostart_schedule text,
    dormant_at timestamptz
);

CREATE TABLE provisioner_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    canceled_at timestamptz,
    completed_at timestamptz,
    error text,
    job_status provisioner_job_status NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN completed_at IS NOT NULL THEN
                CASE WHEN error <> '' THEN 'failed'::provisioner_job_status
                     WHEN canceled_at IS NOT NULL THEN 'canceled'::provisioner_job_status
                     ELSE 'succeeded'::provisioner_job_status END
            ELSE
                CASE WHEN error <> '' THEN 'failed'::provisioner_job_status
                     WHEN canceled_at IS NOT NULL THEN 'canceling'::provisioner_job_status
                     WHEN started_at IS NULL THEN 'pending'::provisioner_job_status
                     ELSE 'running'::provisioner_job_status END
        END
    ) STORED
);

CREATE TABLE workspace_builds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL,
    workspace_id uuid NOT NULL,
    job_id uuid NOT NULL UNIQUE,
    build_number integer NOT NULL,
    transition workspace_transition NOT NULL,
    reason build_reason NOT NULL DEFAULT 'initiator'
);
"""


def make_tables(connection: psycopg.Connection, *, now: datetime) -> None:
    """The empty tables, in a database whose ``now()`` is that moment from the next session on."""
    connection.execute(TABLES)
    connection.execute("CREATE SCHEMA clock")
    stopped: LiteralString = (
        "CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT {}::timestamptz $$"
    )
    connection.execute(sql.SQL(stopped).format(now.isoformat()))
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = clock, public, pg_catalog").format(database))


def add_work(connection: psycopg.Connection, half_hours: Sequence[HalfHour]) -> None:
    """Rows of ``template_usage_stats``: so many users in each half hour, one in two of them in two templates."""
    connection.execute("CREATE TEMPORARY TABLE work (start_at timestamptz, people int)")
    with connection.cursor().copy("COPY work FROM STDIN") as copy:
        for each in half_hours:
            copy.write_row((each.start_at, each.people))
    connection.execute("""
        INSERT INTO template_usage_stats (start_time, end_time, template_id, user_id, usage_mins)
        SELECT w.start_at, w.start_at + interval '30 minutes', lpad(t::text, 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 12
        FROM work w, generate_series(1, w.people) n, generate_series(1, 1 + n % 2) t
    """)
    connection.execute("DROP TABLE work")


def add_build(connection: psycopg.Connection, at: datetime, *, reason: str = "initiator", running: bool = False) -> None:
    """One build that began then."""
    row = connection.execute(
        "INSERT INTO provisioner_jobs (created_at, started_at, completed_at) VALUES (%s, %s, %s) RETURNING id",
        (at, at, None if running else at + timedelta(minutes=2)),
    ).fetchone()
    assert row is not None
    connection.execute(
        "INSERT INTO workspace_builds (created_at, workspace_id, job_id, build_number, transition, reason) "
        "VALUES (%s, gen_random_uuid(), %s, 1, 'start', %s)",
        (at, row[0], reason),
    )


def add_workspaces(connection: psycopg.Connection, schedule: str | None, *, count: int, deleted: bool = False) -> None:
    """Workspaces with that autostart schedule."""
    connection.execute(
        "INSERT INTO workspaces (name, autostart_schedule, deleted) SELECT 'w' || n, %s, %s FROM generate_series(1, %s) n",
        (schedule, deleted, count),
    )
