"""The runbook: every step as commands, with this deployment's names and no secret; its SQL is run on a real server."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import msgspec
import psycopg
import pytest

from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.plan.dialect import LocalDialect
from lockage.core.plan.planner import Wishes, plan
from lockage.core.plan.runbook import runbook
from lockage.core.plan.steps import OnBlocker, Plan, Strategy
from lockage.core.plan.wording import step_name
from lockage.core.release.profile import Profile
from lockage.settings import Settings
from support.plan_material import NOW, blocked, breaking, forecast, harmless, survey, towpath

SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PSQL = re.compile(r"^psql .*?<<'SQL'\n(?:.*?\n)SQL$", re.MULTILINE | re.DOTALL)


def planned(**wishes: Any) -> Plan:
    return plan(
        survey(), towpath(), target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings(),
        wishes=Wishes(**wishes),
    )  # fmt: skip


def text(found: Plan | None = None, profile: Profile | None = None) -> str:
    return runbook(found or planned(), profile or towpath(), LocalDialect())


def section(page: str, title: str) -> str:
    """The part of the page under the first heading that contains ``title``."""
    (found,) = [part for part in re.split(r"^(?=##+ )", page, flags=re.MULTILINE) if part.split("\n")[0].endswith(title)]
    return found


def test_every_step_of_every_hop_has_its_heading_with_times_and_undo() -> None:
    page = text()
    for number, hop in enumerate(planned().hops, start=1):
        for index, step in enumerate(hop.steps, start=1):
            assert f"\n### {number}.{index} {step_name(step)}: " in page
            assert f"Undo: {step.undo}." in page


def test_the_commands_are_those_of_the_platform_with_the_deployments_name() -> None:
    lines = [line for block in SHELL.findall(text()) for line in block.splitlines() if line.startswith("lockage local")]
    assert lines == [
        "lockage local roll-out demo --release 2.26.6 --replicas 3 --liveness-failure-threshold 451",
        "lockage local roll-out demo --release 2.26.6 --replicas 3 --liveness-failure-threshold 5",
        "lockage local scale demo 0",
        "lockage local roll-out demo --release 2.27.8 --replicas 1 --liveness-failure-threshold 451",
        "lockage local roll-out demo --release 2.27.8 --replicas 3 --liveness-failure-threshold 5",
    ]


def test_how_users_can_be_warned_stands_first_where_the_profile_says_it() -> None:
    warning = msgspec.structs.replace(towpath().activity, warn_users="Towpath: a banner, by PUT /banner")
    page = text(profile=msgspec.structs.replace(towpath(), activity=warning))
    assert "Warn the users. Towpath: a banner, by PUT /banner.\n\nSet these once" in section(page, "Before")
    assert "Warn the users" not in text()


def test_no_secret_of_the_profile_is_printed() -> None:
    secrets = {value for request in towpath().service.requests for value in request.headers.values()}
    assert secrets
    assert not [secret for secret in secrets if secret in text()]
    assert "export TOKEN=" in text()


def test_terminating_is_offered_for_others_only_where_that_was_asked_for() -> None:
    waits = section(text(), "on public.templates")
    ends = section(text(planned(on_blocker=OnBlocker.TERMINATE)), "on public.templates")
    assert "pg_terminate_backend" not in waits
    assert "pg_terminate_backend" in ends


def test_a_name_with_an_underscore_matches_itself_only() -> None:
    base = towpath()
    odd = msgspec.structs.replace(base.workload, application_name="my_app%/{replica}")
    assert r"LIKE 'my\_app\%/%'" in text(profile=msgspec.structs.replace(base, workload=odd))


def test_a_later_hop_is_called_a_promise() -> None:
    page = text()
    assert "This hop is a promise" not in section(page, "2.26.0 to 2.26.6, rolling")
    assert "This hop is a promise" in section(page, "2.26.6 to 2.27.8, scale-to-zero")


def test_warnings_stand_before_the_first_command() -> None:
    page = text(msgspec.structs.replace(planned(), warnings=("only 5 connections are free",)))
    assert page.index("* only 5 connections are free") < page.index("```sh")


def test_nothing_to_do_is_said_and_nothing_else() -> None:
    found = plan(survey("2.27.8"), towpath(), target="2.27.8", forecasts=(), now=NOW, settings=Settings())
    assert text(found) == "# Runbook: demo from 2.27.8 to 2.27.8\n\ndemo is on 2.27.8 already: nothing to do.\n"


def test_blocks_are_closed_and_blank_lines_single() -> None:
    for found in (planned(), planned(strategy=Strategy.SCALE_TO_ZERO, on_blocker=OnBlocker.TERMINATE)):
        page = text(found)
        assert page.count("```") == 2 * page.count("```sh")
        assert page.count("<<'SQL'\n") == page.count("\nSQL\n")
        assert "\n\n\n" not in page
        assert not [line for line in page.splitlines() if line != line.rstrip()]


# --- its SQL on a real server --------------------------------------------------------------------------------------------


def statements(page: str) -> list[str]:
    return [found for block in SHELL.findall(page) for found in PSQL.findall(block)]


def typed(command: str, url: str) -> subprocess.CompletedProcess[str]:
    """What a person's shell would say to that block, but that rows are unaligned and easy to split."""
    path = f"{embedded_binaries().psql.parent}:/usr/bin:/bin"
    return subprocess.run(
        ["/bin/sh", "-c", command.replace(" -Xq ", " -XqA ")],
        env={**os.environ, "PATH": path, "TOWPATH_PG_CONNECTION_URL": url, "PGAPPNAME": "lockage/runbook"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def the_one(page: str, *words: str) -> str:
    """The first psql command with all the words."""
    return next(command for command in statements(page) if all(word in command for word in words))


@contextmanager
def tables(url: str) -> Iterator[psycopg.Connection[Any]]:
    """The tables of an application, and a session of its replica."""
    with psycopg.connect(url, autocommit=True, application_name="towpath/towpath-1") as replica:
        replica.execute("CREATE TABLE schema_migrations (version bigint, dirty boolean)")
        replica.execute("INSERT INTO schema_migrations VALUES (13, false)")
        replica.execute("CREATE TABLE api_keys (id text, expires_at timestamptz)")
        replica.execute('CREATE TABLE "Odd ""Name" (id int)')
        yield replica


@contextmanager
def waiting_migrator(url: str) -> Iterator[None]:
    """A replica migrates, and waits for the open transaction of a report."""
    with tables(url) as migrator, psycopg.connect(url, application_name="report") as report:
        report.execute("SELECT FROM api_keys")
        migrator.execute("SELECT pg_advisory_lock(%s)", (towpath().migrations.advisory_lock,))
        waiting = Thread(target=_alter, args=(migrator,))
        waiting.start()
        try:
            _until_it_waits(url)
            yield
        finally:
            report.close()
            waiting.join()


def _alter(migrator: psycopg.Connection[Any]) -> None:
    migrator.execute("ALTER TABLE api_keys ADD COLUMN scopes text[]")


def _until_it_waits(url: str) -> None:
    deadline = time.monotonic() + 10
    with psycopg.connect(url, autocommit=True) as watcher:
        while time.monotonic() < deadline:
            if watcher.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone() is not None:
                return
            time.sleep(0.02)
    raise AssertionError("the migrator did not wait within 10 s")


@pytest.mark.real
def test_every_statement_of_the_runbook_runs_as_it_is_typed(database_url: str) -> None:
    odd = forecast(relations=(blocked('public.Odd "Name', Blocks.WRITES, Seconds(low=1.0, likely=9.0, high=9.0)),))
    found = plan(
        survey("2.26.6"), towpath(), target="2.27.8", forecasts=(odd,), now=NOW, settings=Settings(),
        wishes=Wishes(on_blocker=OnBlocker.TERMINATE),
    )  # fmt: skip
    no_lock = msgspec.structs.replace(towpath(), migrations=msgspec.structs.replace(towpath().migrations, advisory_lock=None))
    pages = [text(), text(found), text(found, no_lock)]
    commands = {command for page in pages for command in statements(page)}
    assert len(commands) > 10
    with tables(database_url):
        for command in commands:
            filled = command.replace("pid=PID", "pid=1").replace("BACKEND_START", "2026-01-01 00:00:00+00")
            said = typed(filled, database_url)
            assert (said.returncode, said.stderr) == (0, ""), filled


@pytest.mark.real
def test_the_migrator_and_the_root_of_its_wait_are_named(database_url: str) -> None:
    with waiting_migrator(database_url):
        migrating = typed(the_one(text(), "'advisory'", "client_port"), database_url).stdout
        chain = typed(the_one(text(), "RECURSIVE"), database_url).stdout.splitlines()
    assert "towpath/towpath-1" in migrating
    assert "report" not in migrating
    columns = chain[0].split("|")
    first = dict(zip(columns, chain[1].split("|"), strict=True))
    assert (first["application_name"], first["is_root"]) == ("report", "t")
    assert [line.split("|")[columns.index("application_name")] for line in chain[1:-1]] == ["report", "towpath/towpath-1"]


@pytest.mark.real
def test_sessions_of_others_in_the_way_are_listed_and_those_elsewhere_are_not(database_url: str) -> None:
    found = plan(survey("2.26.6"), towpath(), target="2.27.8", forecasts=(breaking(),), now=NOW, settings=Settings())
    with waiting_migrator(database_url), psycopg.connect(database_url, application_name="elsewhere") as other:
        other.execute("SELECT FROM schema_migrations")
        said = typed(the_one(text(found), "to_regclass"), database_url).stdout
    assert "report" in said
    assert "api_keys AccessShareLock" in said
    assert "elsewhere" not in said
    assert "towpath-1" not in said


@pytest.mark.real
def test_exactly_the_named_backend_is_ended(database_url: str) -> None:
    command = the_one(text(), "pg_terminate_backend")
    with psycopg.connect(database_url, autocommit=True) as watcher, psycopg.connect(database_url) as victim:
        pid = victim.info.backend_pid
        row = watcher.execute("SELECT backend_start::text FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
        assert row is not None
        wrong = command.replace("=PID", f"={pid}").replace("BACKEND_START", "2026-01-01 00:00:00+00")
        assert typed(wrong, database_url).stdout.splitlines() == ["pid|ended", "(0 rows)"]
        victim.execute("SELECT 1")
        right = command.replace("=PID", f"={pid}").replace("BACKEND_START", str(row[0]))
        assert typed(right, database_url).stdout.splitlines() == ["pid|ended", f"{pid}|t", "(1 row)"]
        with pytest.raises(psycopg.OperationalError):
            victim.execute("SELECT 1")


@pytest.mark.real
def test_reading_the_ledger_gives_up_soon_while_it_is_locked(database_url: str) -> None:
    with psycopg.connect(database_url) as migrator:
        migrator.execute("CREATE TABLE schema_migrations (version bigint, dirty boolean)")
        migrator.commit()
        migrator.execute("TRUNCATE schema_migrations")
        asked = time.monotonic()
        said = typed(the_one(text(), "version, dirty"), database_url)
        assert time.monotonic() - asked < 5
    assert said.returncode != 0
    assert "lock timeout" in said.stderr
