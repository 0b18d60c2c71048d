"""Sessions that stand in the way of a real upgrade: other people's, and those of migrators that are dead."""

from __future__ import annotations

import time

import pytest

from support.on_stage import OnStage, ended_well

pytestmark = [pytest.mark.real, pytest.mark.slow]

TO_2_27_8 = ("upgrade", "demo", "--to", "2.27.8", "--no-restore-point", "--yes")

NAMED_LIMIT_S = 5.0
"""Within this a blocker stands on the screen."""


@pytest.mark.parametrize(("when", "policy"), [("scaled down", "wait"), ("rolled out", "wait"), ("rolled out", "terminate")])
def test_a_blocker_that_comes_in_mid_run_is_named_and_treated_as_the_policy_says(
    on_stage: OnStage, when: str, policy: str
) -> None:
    on_stage.put_back("2.26.6")
    rolled_out = when == "rolled out"
    with on_stage.blocker_once(lambda w: w.release == "2.27.8" if rolled_out else w.replicas == 0) as blocker:
        run = on_stage.begin_lockage(*TO_2_27_8, "--on-blocker", policy)
        blocker.until_it_holds()
        name = f"third party: pid {blocker.pid}"
        named = run.until_it_says(name)
        line = next(line for line in run.err.splitlines() if name in line)
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
    with on_stage.an_orphan() as (pid, holder):
        assert on_stage.ask("select 1 from pg_locks where pid = %s and locktype = 'advisory' and granted", (pid,))
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says(f"terminate sent to doomed orphan: pid {pid}")
        holder.close()
        done = run.ended()
    assert done.code == 0, done.err
    assert not _is_there(on_stage, pid)
    assert on_stage.end() == ended_well()


def test_an_orphan_whose_whole_file_works_is_waited_for_and_its_commit_is_noticed(on_stage: OnStage) -> None:
    on_stage.put_back()
    with on_stage.a_working_orphan() as (pid, commits):
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says(f"in the way: working orphan: pid {pid}")
        commits()
        done = run.ended()
    assert done.code == 0, done.err
    assert "terminate sent" not in done.err
    assert "public.schema_migrations went from 12 to 13" in done.err
    assert on_stage.end() == ended_well()


def _is_there(on_stage: OnStage, pid: int) -> bool:
    return bool(on_stage.ask("select from pg_stat_activity where pid = %s", (pid,)))
