"""Where a recovery ends with a person, or does more than start replicas: hangs, lost ledgers, strangers, stuck releases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.evidence import InvalidIndex, ReleaseRevision
from lockage.core.facts import Exit, LedgerReading, LedgerState
from lockage.core.progress import MigrationText
from lockage.core.recovery.decide import recovery_from
from lockage.core.recovery.lost import LostLedger, stops
from lockage.core.recovery.scene import Scene, Wishes
from lockage.core.recovery.steps import Course, Direction, Recovery
from lockage.errors import RefusedError
from lockage.flows.rescue import Means, rescue
from lockage.settings import ProbeBudget
from support.fake_world import Client, FakeWorld
from support.machine import ALTER, a_world, seen_by_flows
from support.memory_journals import MemoryJournals
from support.plan_material import towpath
from support.rescuing import diagnosis, scene

PENDING = ReleaseRevision(revision=7, status="pending-upgrade", chart="shop-2.0.0")
LEDGER = "public.schema_migrations"


def found(world: FakeWorld, *codes: str, wishes: Wishes | None = None, **seen: Any) -> tuple[Recovery, Scene]:
    """The way out, of a scene in which this was seen as well."""
    outer = seen_by_flows(world)
    at = replace(scene(outer), **seen)
    return recovery_from(diagnosis(outer, *codes), at, wishes or Wishes(), budget=ProbeBudget()), at


def actions(recovery: Recovery) -> list[str]:
    return [step.action for step in recovery.steps]


# --- Helm -------------------------------------------------------------------------------------------------------------


def test_a_release_that_is_stuck_is_marked_as_failed_and_nothing_else_is_done_to_what_is_well() -> None:
    world = a_world()
    recovery, at = found(world, "F077", helm_pending=PENDING)
    assert (recovery.course, actions(recovery)) == (Course.NOTHING, ["mark-failed"])
    assert not recovery.destroys
    marked: list[int] = []
    means = Means(host="here", run_id="r", mark_failed=marked.append)
    rescue(seen_by_flows(world), MemoryJournals(), recovery, at, means)
    assert marked == [7]


def test_a_release_that_is_pending_for_a_moment_is_its_helm_s() -> None:
    recovery, _ = found(a_world(), helm_pending=PENDING)
    assert actions(recovery) == ["by-hand"]
    assert "helm may still be at work" in recovery.steps[0].reason


def test_a_stuck_release_whose_record_nobody_reaches_is_refused_with_what_to_type() -> None:
    world = a_world()
    recovery, at = found(world, "F077", helm_pending=PENDING)
    with pytest.raises(RefusedError) as refused:
        rescue(seen_by_flows(world), MemoryJournals(), recovery, at, Means(host="here", run_id="r"))
    assert refused.value.code == "LK636"
    assert "kubectl delete secret -l owner=helm,version=7" in (refused.value.hint or "")


# --- ledgers ----------------------------------------------------------------------------------------------------------


def empty_ledger() -> FakeWorld:
    world = a_world()
    world.change("somebody", release="2.0.0")
    world.clock.sleep(30.0)
    world.settle()
    return world


def lost(*fitting: int) -> LostLedger:
    rows = tuple((version, (f"INSERT INTO {LEDGER} VALUES ({version}, false)",)) for version in fitting)
    return LostLedger(table=LEDGER, fitting=fitting, looked_at=(10, 20), ways=rows)


EMPTY = LedgerReading(table=LEDGER, state=LedgerState.EMPTY)


def test_an_empty_ledger_is_written_where_the_catalog_fits_one_version_only() -> None:
    recovery, _ = found(empty_ledger(), "F069", ledger=EMPTY, lost=lost(10))
    assert actions(recovery) == ["mend-ledger", "take-down", "roll-out", "raise"]
    assert recovery.steps[0].sql == (f"INSERT INTO {LEDGER} VALUES (10, false)",)


@pytest.mark.parametrize(("what", "said"), [
    (None, "--migrations DIR"),
    (lost(10, 20), "fits migrations 10, 20, which differ in rows only"),
    (lost(), "from a backup: the catalog fits none of the migrations 10 to 20"),
])  # fmt: skip
def test_nothing_starts_over_an_empty_ledger_of_a_full_schema(what: LostLedger | None, said: str) -> None:
    recovery, _ = found(empty_ledger(), "F069", ledger=EMPTY, lost=what)
    assert (recovery.course, actions(recovery)) == (Course.NOTHING, ["by-hand"])
    assert said in recovery.steps[0].target


def test_a_migrator_of_one_transaction_stops_at_the_ends_of_releases_and_another_one_anywhere() -> None:
    from msgspec.structs import replace as changed

    profile = towpath()
    script = [MigrationText(version=v, name="", text="") for v in (12, 13, 14, 18)]
    assert stops(script, profile) == (12, 13, 18)
    by_file = changed(profile, migrations=changed(profile.migrations, transaction="file"))
    assert stops(script, by_file) == (12, 13, 14, 18)


FOREIGN = LedgerReading(table="public.alembic_version", state=LedgerState.UNREADABLE, problem="no number", foreign=True)


def test_replicas_that_serve_are_not_restarted_for_a_ledger_that_is_not_read() -> None:
    index = InvalidIndex(index="public.i", relation="public.t")
    recovery, _ = found(a_world(), "F070", ledger=FOREIGN, invalid=(index,))
    assert (recovery.course, actions(recovery)) == (Course.NOTHING, ["mend-index"])


def test_no_release_is_chosen_by_a_ledger_that_is_not_read() -> None:
    recovery, _ = found(empty_ledger(), "F010", ledger=FOREIGN)
    assert (recovery.direction, actions(recovery)) == (Direction.NONE, ["by-hand"])


def test_a_unique_index_that_is_invalid_is_a_person_s() -> None:
    index = InvalidIndex(index="public.i", relation="public.t", unique=True)
    recovery, _ = found(a_world(), "F070", invalid=(index,))
    assert actions(recovery) == ["by-hand"]
    assert "DROP INDEX CONCURRENTLY" in recovery.steps[0].target


# --- hangs ------------------------------------------------------------------------------------------------------------


def hanging() -> FakeWorld:
    """2.0.0 is asked for, and its one replica holds the migration lock in an open transaction."""
    world = a_world(migration_s={"2.0.0": 600.0}, liveness=None)
    world.change("somebody", release="2.0.0")
    world.clock.sleep(20.0)
    return world


def test_a_migration_that_seems_to_hang_is_a_person_s_until_a_restart_is_asked_for() -> None:
    recovery, _ = found(hanging(), "F057")
    assert actions(recovery) == ["by-hand"]
    assert "--restart-hung" in recovery.steps[0].target
    asked, _ = found(hanging(), "F057", wishes=Wishes(restart_hung=True))
    assert asked.course is Course.RESTART
    assert asked.warnings[0].startswith("what the hung migration has done rolls back")


def test_a_replica_that_waits_behind_a_dead_client_is_let_go_on() -> None:
    world = a_world(migration_s={"2.0.0": 1.0}, liveness=None)
    orphan = Client(
        pid=7, application_name="app/dead", began_s=0.0, locks=(ALTER,), advisory_locks=(42,), state="idle in transaction"
    )
    world.clients.append(orphan)
    world.change("somebody", release="2.0.0")
    world.clock.sleep(20.0)
    world.settle()
    outer = seen_by_flows(world)
    at = scene(outer)
    killed = [replace(r, last_exit=Exit(code=137, reason="Error", at=world.clock.now())) for r in at.replicas]
    recovery, _ = found(world, "F010", "F043", replicas=tuple(killed))
    assert (recovery.course, recovery.direction) == (Course.AWAIT, Direction.FORWARD)
    assert actions(recovery)[0] == "end-orphan"


def test_a_recovery_from_a_wrong_image_does_not_take_the_schema_for_moved_meanwhile() -> None:
    world = a_world(release="2.0.0", ledger=20)
    world.change("somebody", release="1.0.0")
    world.pods.clear()
    told: list[str] = []
    recovery, at = found(world, "F061")
    outer = replace(seen_by_flows(world), tell=lambda event: told.append(event.text))
    rescue(outer, MemoryJournals(), recovery, at, Means(host="here", run_id="r"))
    assert not [text for text in told if "has committed" in text]
