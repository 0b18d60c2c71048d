"""Sessions that stand in the way of a real upgrade: other people's, and those of migrators that are dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest

from support.on_stage import OnStage, ended_well, eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

TO_2_27_8 = ("upgrade", "demo", "--to", "2.27.8", "--no-restore-point", "--yes")

NAMED_LIMIT_S = 5.0
"""Within this a blocker stands on the screen."""


@pytest.mark.parametrize("when", ["scaled down", "rolled out"])
@pytest.mark.parametrize("policy", ["wait", "terminate"])
def test_a_blocker_that_comes_in_mid_run_is_named_and_treated_as_the_policy_says(
    on_stage: OnStage, when: str, policy: str
) -> None:
    on_stage.put_back("2.26.6")
    rolled_out = when == "rolled out"
    with on_stage.blocker_once(lambda w: w.release == "2.27.8" if rolled_out else w.replicas == 0) as blocker:
        run = on_stage.begin_lockage(*TO_2_27_8, "--on-blocker", policy)
        blocker.until_it_holds()
        named = run.until_it_says(f"pid {blocker.pid}")
        line = next(line for line in run.err.splitlines() if f"pid {blocker.pid}" in line)
        for part in ("user towpath", "application reports/nightly", "transaction open", "query: lock table api_keys"):
            assert part in line
        assert named - blocker.began < NAMED_LIMIT_S
        if policy == "wait":
            time.sleep(2.0)  # it is let alone for as long as it likes
            assert _is_there(on_stage, blocker.pid)
            blocker.let_go()
        done = run.ended()
        assert done.code == 0, done.err
        assert (f"terminate sent to third party: pid {blocker.pid}" in done.err) == (policy == "terminate")
        assert not _is_there(on_stage, blocker.pid)
    assert on_stage.end() == ended_well()


def test_a_killed_migrator_leaves_an_orphan_that_the_next_upgrade_names_removes_and_outlives(on_stage: OnStage) -> None:
    on_stage.put_back()
    with an_orphan(on_stage) as (pid, holder):
        assert on_stage.ask("select 1 from pg_locks where pid = %s and locktype = 'advisory' and granted", (pid,))
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says(f"terminate sent to doomed orphan: pid {pid}")
        holder.close()
        done = run.ended()
    assert done.code == 0, done.err
    assert not _is_there(on_stage, pid)
    assert on_stage.end() == ended_well()


def test_killed_after_it_removed_an_orphan_the_same_command_again_ends_as_a_calm_run(on_stage: OnStage) -> None:
    on_stage.put_back()
    with an_orphan(on_stage) as (pid, _):
        killed = on_stage.driver(target="2.27.8", effect="terminate", when="after")
        assert killed.code == -signal.SIGKILL, killed.err
        eventually(lambda: not _is_there(on_stage, pid), "the orphan is gone")
    done = on_stage.go_on()
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well()


def test_an_orphan_whose_whole_file_works_is_waited_for_and_its_commit_is_noticed(on_stage: OnStage) -> None:
    on_stage.put_back()
    with a_working_orphan(on_stage, works_s=12.0) as pid:
        done = on_stage.driver(target="2.27.8", transaction="file")
    assert done.code == 0, done.err
    assert f"working orphan: pid {pid}" in done.err
    assert "terminate sent" not in done.err
    assert "public.schema_migrations went from 12 to 13" in done.err
    assert on_stage.end() == ended_well()


@contextmanager
def an_orphan(on_stage: OnStage) -> Generator[tuple[int, psycopg.Connection[object]]]:
    """The backend of a migrator to 2.27.8 that was killed while it waited for ``api_keys``; and who holds that."""
    with on_stage.session("somebody/else") as holder:
        holder.execute("lock table api_keys in access share mode")
        own = {"TOWPATH_PG_CONNECTION_URL": on_stage.stage.application_url, "TOWPATH_REPLICA": "towpath-dead"}
        migrator = on_stage.begin(
            sys.executable, "-m", "lockage.demo.towpath", "--release", "2.27.8", "migrate", environment=own
        )
        pid = eventually(lambda: _waiting(on_stage, "towpath/towpath-dead"), "the migrator waits for a lock")
        os.kill(migrator.process.pid, signal.SIGKILL)
        migrator.process.wait(10)
        yield pid, holder


WORKER = """
import sys, psycopg
file = open(sys.argv[2]).read()
with psycopg.connect(sys.argv[1], application_name="towpath/towpath-dead", autocommit=True) as connection:
    connection.execute(f"{file}; select pg_sleep({sys.argv[3]}); update schema_migrations set version = 13")
"""


@contextmanager
def a_working_orphan(on_stage: OnStage, *, works_s: float) -> Generator[int]:
    """The backend of a migrator that sends a whole file as one Query, and was killed while that works."""
    from lockage.demo.towpath.releases import migrations_dir

    file = next(migrations_dir().glob("*013*.up.sql"))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, on_stage.stage.application_url, str(file), str(works_s)])
    working = "select pid from pg_stat_activity where application_name = 'towpath/towpath-dead' and wait_event = 'PgSleep'"
    pid = eventually(lambda: on_stage.ask(working), "the whole file works")[0][0]
    worker.kill()
    worker.wait(10)
    yield pid


def _waiting(on_stage: OnStage, name: str) -> int | None:
    rows = on_stage.ask("select pid from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'", (name,))
    return rows[0][0] if rows else None


def _is_there(on_stage: OnStage, pid: int) -> bool:
    return bool(on_stage.ask("select from pg_stat_activity where pid = %s", (pid,)))
