"""What every recovery keeps to, whatever is found and wherever the schema is."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockage.core.diagnosis.evidence import DatabaseEvidence
from lockage.core.plan.dialect import LocalDialect
from lockage.core.recovery.decide import recovery_from
from lockage.core.recovery.moves import ledger_step, session_steps
from lockage.core.recovery.runbook import recovery_runbook
from lockage.core.recovery.scene import Scene, Wishes, scene_of
from lockage.core.recovery.steps import Course, Direction, Recovery
from lockage.core.release.fits import Fit
from lockage.core.run import read_notes
from lockage.errors import RefusedError, UsageError
from lockage.settings import ProbeBudget
from support.cases import owned, session
from support.fake_world import Client, FakeWorld
from support.machine import ALTER, a_world, seen_by_flows
from support.rescuing import diagnosis, evidence, scene

CODES = [f"F{number:03}" for number in (1, 2, 10, 13, 18, 26, 40, 43, 44, 56, 61, 62, 73, 82)]


@st.composite
def worlds(draw: st.DrawFn) -> FakeWorld:
    """An application in some state: release, schema, replicas that are left, sessions of dead and living clients."""
    world = a_world(
        release=draw(st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])),
        ledger=draw(st.sampled_from([10, 11, 15, 20])),
        replicas=draw(st.integers(0, 3)),
        migration_s={"1.1.0": 1.0, "2.0.0": draw(st.sampled_from([1.0, 600.0]))},
        crashes=draw(st.sampled_from([{}, {"2.0.0": 1}])),
    )
    if draw(st.booleans()):
        world.change("somebody", release=draw(st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])))
    for pid in draw(st.lists(st.sampled_from([7, 8, 9]), unique=True)):
        dead = draw(st.booleans())
        world.clients.append(
            Client(
                pid=pid, application_name="app/dead" if dead else "reports", began_s=0.0, locks=(ALTER,),
                advisory_locks=(42,) if dead and draw(st.booleans()) else (),
                state=draw(st.sampled_from(["active", "idle in transaction"])),
            )
        )  # fmt: skip
    world.clock.sleep(draw(st.sampled_from([1.0, 20.0])))
    return world


def decided(world: FakeWorld, codes: list[str], wishes: Wishes) -> tuple[Scene, Recovery | None]:
    seen = seen_by_flows(world)
    there = scene(seen)
    try:
        return there, recovery_from(diagnosis(seen, *codes), there, wishes, budget=ProbeBudget())
    except (RefusedError, UsageError) as refused:
        if refused.code not in {"LK583", "LK586"}:
            raise
        return there, None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.lists(st.sampled_from(CODES), max_size=3, unique=True), st.sampled_from([None, "1.0.0", "2.0.0"]))
def test_no_old_release_over_a_moved_schema_and_nobody_ended_who_need_not_be(
    world: FakeWorld, codes: list[str], to: str | None
) -> None:
    there, found = decided(world, codes, Wishes(to_release=to))
    if found is None:
        return
    assert found.release is not None
    if found.course in (Course.ROLL, Course.RESTART, Course.SCALE):
        assert there.fit(found.release, there.version) is not Fit.LACKS
    may_end = {b.session.pid for b in (*there.orphans, *there.blockers) if b.session is not None}
    ended = {s.pid for s in found.steps if s.destructive and s.pid is not None}
    assert ended <= may_end
    assert not any(s.action in ("end-all-others", "end-prepared") for s in found.steps)
    assert all(s.reason and s.undo and s.target for s in found.steps)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Recovery) == found
    assert recovery_runbook(found, LocalDialect()).startswith("# Recover app")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.lists(st.sampled_from([c for c in CODES if c not in ("F001", "F002")]), max_size=3, unique=True))
def test_a_migration_of_a_living_client_is_never_taken_down(world: FakeWorld, codes: list[str]) -> None:
    there, found = decided(world, codes, Wishes())
    if found is not None and there.migrator is not None:
        assert found.course in (Course.NOTHING, Course.AWAIT)
        assert there.migrator.session.pid not in {s.pid for s in found.steps if s.destructive}


@pytest.mark.parametrize("code", ["F013", "F018", "F026"])
def test_what_no_start_cures_names_the_cause_s_own_next_step(code: str) -> None:
    _, found = decided(a_world(release="2.0.0", ledger=20), [code], Wishes())
    assert found is not None
    assert found.direction is Direction.NONE
    assert f"end {code}" in found.steps[-1].target


@pytest.mark.parametrize(("wait", "actions"), [("SyncRep", ()), ("BufferIO", ("cancel", "terminate"))])
def test_nobody_ends_a_commit_that_waits_for_a_standby(wait: str, actions: tuple[str, ...]) -> None:
    ends = session(4711, state="active", wait_event_type="IPC", wait_event=wait, query="COMMIT", application_name="reports")
    migrates = session(
        4712, state="active", wait_event_type="Lock", wait_event="relation", blocked_by=(4711,), advisory_locks=(42,)
    )
    there = scene(seen_by_flows(a_world()))
    there = replace(
        there,
        activity=replace(there.activity, sessions=(ends, migrates)),
        owned=(owned(ends, None), owned(migrates, there.replicas[0].name)),
    )
    assert [blocker.session for blocker in there.blockers] == [ends]
    assert tuple(step.action for step in session_steps(there, Wishes(), restarts=False)) == actions


def test_a_database_that_was_not_seen_is_named_and_nothing_is_decided() -> None:
    seen = seen_by_flows(a_world())
    blind = replace(evidence(seen), database=DatabaseEvidence())
    with pytest.raises(RefusedError, match="app cannot be recovered while this is not seen: ") as refused:
        scene_of(blind, seen.profile, notes=read_notes(seen.platform.workload()), releases=())
    assert refused.value.code == "LK584"


def test_a_way_out_of_a_dirty_ledger_that_is_none_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="to undo is no way out: nothing of it is missing") as refused:
        ledger_step(scene(seen_by_flows(a_world(dirty=True))), Wishes(way="undo"))
    assert refused.value.code == "LK588"
