"""States that Lockage did not make, made for real, and ``lockage recover`` out of each: the right release, no row lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from psycopg import sql

from lockage.core.facts import Probe
from lockage.interfaces.demo import stage
from lockage.ports import Rollout
from support.on_stage import OnStage, ended_well, eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHORT = Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=3)
"""Kills a migration that lasts longer than three seconds."""

OF_THE_MOMENT = frozenset({"replicas", "schema_migrations"})
"""Tables that say who runs now, and nothing that a user has made."""

USED = ["last_used", "updated_at", "expires_at"]
"""Columns that using the application changes, as its own proof of service does."""

Rows = dict[str, list[str]]


def rows(on_stage: OnStage, database: str = "towpath") -> Rows:
    """Every row of every table as text, sorted, those of the moment left out."""
    with stage._superuser(on_stage.stage, database) as session:
        tables = [str(name) for (name,) in session.execute("select relname from pg_stat_user_tables order by 1").fetchall()]
        every = sql.SQL("select (to_jsonb(each) - %s::text[])::text from {} as each order by 1")
        return {
            name: [str(row) for (row,) in session.execute(every.format(sql.Identifier(name)), (USED,)).fetchall()]
            for name in tables
            if name not in OF_THE_MOMENT
        }


def lost(before: Rows, after: Rows) -> dict[str, tuple[list[str], list[str]]]:
    """Of each table the rows that are not there any more, and those that are new."""
    pairs = {name: (set(before.get(name, ())), set(after.get(name, ()))) for name in before.keys() | after.keys()}
    return {name: (sorted(was - now)[:3], sorted(now - was)[:3]) for name, (was, now) in pairs.items() if was != now}


def migrated_calmly(on_stage: OnStage, release: str) -> Rows:
    """The rows that a calm migration makes of the same seed."""
    with stage._superuser(on_stage.stage) as session:
        session.execute("drop database if exists calm with (force)")
        copy = sql.SQL("create database calm owner towpath template {} strategy file_copy")
        session.execute(copy.format(sql.Identifier(on_stage._template("2.26.6"))))
    url = on_stage.stage.application_url.rpartition("/")[0] + "/calm"
    command = [sys.executable, "-m", "lockage.demo.towpath", "--release", release, "migrate"]
    subprocess.run(command, env=os.environ | {"TOWPATH_PG_CONNECTION_URL": url}, check=True, capture_output=True, timeout=60)
    return rows(on_stage, "calm")


def without_traffic(on_stage: OnStage, release: str) -> None:
    """The stage put back, and nobody on it: every row can be held against what it was."""
    on_stage.put_back(release)
    stage._stop_traffic(on_stage.stage)


@contextmanager
def naive_upgrade(on_stage: OnStage) -> Generator[None]:
    """What ``helm upgrade`` makes of a probe that is shorter than a migration which must wait: killed, and an orphan left.

    Whoever it waits for does nothing, and stays.
    """
    with on_stage.session("somebody/else") as holder, on_stage.platform() as platform:
        holder.execute("lock table api_keys in access share mode")
        platform.roll_out(Rollout(release="2.27.8", replicas=3, liveness=SHORT))
        killed = "select pid from pg_stat_activity where application_name like 'towpath/%%' and wait_event_type = 'Lock'"
        eventually(
            lambda: any(e.reason == "Killing" and "liveness" in e.text for e in platform.events()) and on_stage.ask(killed),
            "the probe has killed a replica that migrates, and its backend waits on",
        )
        yield


def test_a_naive_upgrade_that_its_probe_kills_is_finished_with_a_probe_that_fits(on_stage: OnStage) -> None:
    without_traffic(on_stage, "2.26.6")
    calm = migrated_calmly(on_stage, "2.27.8")
    with naive_upgrade(on_stage):
        shown = on_stage.lockage("recover", "demo", "--plan-only", "--json")
        assert shown.code == 0, shown.err
        plan = json.loads(shown.out)
        assert (plan["direction"], plan["release"]) == ("forward", "2.27.8"), plan
        assert [step["action"] for step in plan["steps"]][-3:] == ["take-down", "roll-out", "raise"]
        done = on_stage.lockage("recover", "demo", "--yes")
        assert done.code == 0, done.err
        assert on_stage.end() == ended_well() | {"liveness": SHORT}
        assert lost(calm, rows(on_stage)) == {}
        assert on_stage.lockage("verify", "demo", "--catalog").code == 0


def test_an_older_image_over_a_moved_schema_gives_way_to_the_release_that_fits(on_stage: OnStage) -> None:
    without_traffic(on_stage, "2.27.8")
    before = rows(on_stage)
    with on_stage.platform() as platform:
        liveness = platform.workload().liveness
        platform.roll_out(Rollout(release="2.26.6", replicas=3, liveness=liveness))
        eventually(lambda: any(r.restarts for r in platform.replicas() if r.release == "2.26.6"), "the older release crashes")
    shown = on_stage.lockage("recover", "demo", "--runbook")
    assert shown.code == 0, shown.err
    assert "lockage local roll-out demo --release 2.27.8" in shown.out
    assert on_stage.lockage("recover", "demo", "--to", "2.26.6", "--plan-only").code == 2
    done = on_stage.lockage("recover", "demo", "--yes")
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well()
    assert lost(before, rows(on_stage)) == {}


def test_a_deployment_that_was_scaled_to_nothing_serves_again_and_a_backup_comes_first(on_stage: OnStage) -> None:
    without_traffic(on_stage, "2.26.6")
    before = rows(on_stage)
    with on_stage.platform() as platform:
        platform.scale(0)
        eventually(lambda: not platform.replicas(), "nobody is left")
    done = on_stage.lockage("recover", "demo", "--yes", "--replicas", "3")
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well("2.26.6")
    assert lost(before, rows(on_stage)) == {}


def test_a_backup_that_fails_keeps_everything_as_it_is(on_stage: OnStage) -> None:
    without_traffic(on_stage, "2.26.6")
    with naive_upgrade(on_stage), on_stage.platform() as platform:
        before = platform.workload()
        done = on_stage.lockage("recover", "demo", "--yes", "--backup-command", "false")
        assert done.code == 3, done.err
        assert "backup command false" in done.err
        assert platform.workload().revision == before.revision


def test_a_dirty_ledger_is_judged_and_marked(on_stage: OnStage) -> None:
    without_traffic(on_stage, "2.26.6")
    before = rows(on_stage)
    on_stage.ask("update schema_migrations set dirty = true returning version")
    shown = on_stage.lockage("recover", "demo", "--plan-only", "--json")
    assert shown.code == 0, shown.err
    plan = json.loads(shown.out)
    assert plan["dirty"]["advised"] == "mark", plan
    assert {s["verdict"] for s in plan["dirty"]["statements"]} <= {"applied", "neutral"}
    assert [s["action"] for s in plan["steps"]] == ["mend-ledger"]
    done = on_stage.lockage("recover", "demo", "--yes")
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well("2.26.6")
    assert lost(before, rows(on_stage)) == {}
