"""Runs whose world breaks under them: the database restarts, the supervisor is killed, another machine takes over."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support.on_stage import Done, OnStage, Running, ended_well, eventually, what_is_asked_for

pytestmark = [pytest.mark.real, pytest.mark.slow]

TO_2_27_8 = ("upgrade", "demo", "--to", "2.27.8", "--no-restore-point", "--yes")


def ended_or_gone_on_with(on_stage: OnStage, run: Running) -> Done:
    """The end of a run; where it stopped with a named cause, that of the same command again."""
    done = run.ended()
    if done.code == 0:
        return done
    assert done.code == 4, done.err
    assert "error LK" in done.err
    return on_stage.go_on()


def test_a_restart_of_the_database_and_a_dead_supervisor_do_not_end_a_run_that_waits(on_stage: OnStage) -> None:
    on_stage.put_back()
    with on_stage.purge_held_up():
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says("begin  leave-when")
        on_stage.kill_supervisor()
        on_stage.restart_database("fast")
    done = run.ended()
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well()
    on_stage.assert_served()


@pytest.mark.parametrize("what", ["database crashed", "supervisor killed"])
def test_disturbed_during_the_migration_the_run_ends_healthy(on_stage: OnStage, what: str) -> None:
    on_stage.put_back("2.26.6")
    with on_stage.blocker_once(lambda workload: workload.release == "2.27.8") as blocker:  # or it would be too short
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says("the migration waits for")
        if what == "supervisor killed":
            on_stage.kill_supervisor()
        else:
            on_stage.restart_database("immediate")
        blocker.let_go()
        done = ended_or_gone_on_with(on_stage, run)
    assert done.code == 0, done.err
    assert on_stage.end() == ended_well()
    on_stage.assert_served()


def test_another_machine_takes_over_when_the_lease_of_the_dead_one_has_run_out(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    killed = on_stage.driver(target="2.27.8", effect="roll_out", number=1, when="after", host="here", lease_s=12.0)
    assert killed.code == -signal.SIGKILL, killed.err
    elsewhere = {"host": "elsewhere", "journals": str(tmp_path), "lease_s": 12.0}
    too_early = on_stage.driver(**elsewhere)
    assert (too_early.code, "LK311" in too_early.err) == (3, True), too_early.err
    with on_stage.platform() as platform:
        eventually(lambda: platform.lease() is None, "the lease has run out")
    taken_over = on_stage.driver(**elsewhere)
    assert taken_over.code == 0, taken_over.err
    assert on_stage.end() == ended_well()


def test_one_run_at_a_time_and_ctrl_c_stops_it_where_nothing_is_down(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    with on_stage.purge_held_up():
        run = on_stage.begin_lockage(*TO_2_27_8)
        run.until_it_says("begin  leave-when")
        before = what_is_asked_for(on_stage)
        second = on_stage.lockage("upgrade", "demo", "--yes")
        assert (second.code, "LK312" in second.err) == (3, True), second.err
        of_another_machine = on_stage.driver(target="2.27.8", host="elsewhere", journals=str(tmp_path))
        assert (of_another_machine.code, "LK311" in of_another_machine.err) == (3, True), of_another_machine.err
        assert what_is_asked_for(on_stage) == before
        run.process.send_signal(signal.SIGINT)
        stopped = run.ended()
        assert (stopped.code, "LK345" in stopped.err) == (4, True), stopped.err
        with on_stage.platform() as platform:
            assert [(r.release, r.ready) for r in platform.replicas()] == [("2.26.6", True)] * 3
        on_stage.assert_served()
    again = on_stage.go_on()
    assert again.code == 0, again.err
    assert on_stage.end() == ended_well()
