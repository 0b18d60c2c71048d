"""A migration that works: how far, and only when it is late, on what it spends its time."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.diagnosis.evidence import ReplicationSlot, Standby
from lockage.core.diagnosis.families.slow import RULES
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Session, Usage
from support.cases import (
    being_migrated,
    blind,
    case,
    codes,
    container,
    findings,
    looks,
    migrating_session,
    names,
    owned,
    pod,
    running,
    server,
    sources,
)

NEW = names()[0]
GIB = 1 << 30


def migrates(now: Session, *, platform: Any = None, replica: str | None = NEW, **database: Any) -> Case:
    details = (pod(NEW, ready=False, containers=(container(ready=False, state=running(for_s=26)),)),)
    return case(
        platform={"details": details, **(platform or {})},
        database={"ledger": being_migrated(), "looks": looks(now), "owned": (owned(now, replica),), **database},
    )


def late(**changes: Any) -> Session:
    return migrating_session(transaction_age_s=1200.0, statement_age_s=900.0, **changes)


@pytest.mark.parametrize(
    ("wait", "cause"),
    [(("IO", "DataFileRead"), {"F050"}), ((None, None), {"F051"}), (("LWLock", "WALWrite"), set())],
)
def test_a_late_migration_says_what_it_spends_its_time_on(wait: tuple[str | None, str | None], cause: set[str]) -> None:
    found = findings(migrates(late(wait_event_type=wait[0], wait_event=wait[1])), RULES)
    assert {f.code for f in found} == {"F054", *cause}
    assert "20 min by now where 420 s is typical" in found[0].cause
    assert not any(f.harmless for f in found)


def test_a_replica_at_its_cpu_limit_holds_its_own_migration_back() -> None:
    usage = (Usage(replica=NEW, memory_bytes=1, memory_limit_bytes=None, cpu_cores=0.5, cpu_limit_cores=0.5),)
    assert "F051" in codes(migrates(late(wait_event_type="LWLock"), platform={"usage": usage}), RULES)


def test_slow_but_working_within_the_typical_time_is_harmless() -> None:
    (found,) = findings(migrates(migrating_session(transaction_age_s=400.0)), RULES)
    assert (found.code, found.harmless) == ("F055", True)
    assert found.avoid is not None
    assert "do not restart it" in found.avoid


def test_commits_that_wait_for_a_standby_that_is_gone() -> None:
    waiting = migrating_session(wait_event_type="IPC", wait_event="SyncRep", query="COMMIT")
    settings = {**server().settings, "synchronous_standby_names": "replica1"}
    (found,) = findings(migrates(waiting, server=server(settings=settings), standbys=()), RULES)
    assert found.code == "F052"
    assert "(replica1): none is connected" in found.cause
    lagging = Standby(name="replica1", state="catchup", sync_state="sync", replay_lag_s=40.0)
    (slow_one,) = findings(migrates(waiting, standbys=(lagging,)), RULES)
    assert "40 s behind" in slow_one.cause


def test_a_commit_that_waits_for_a_moment_is_no_cause() -> None:
    before, after = migrating_session(), migrating_session(wait_event_type="IPC", wait_event="SyncRep")
    seen = migrates(after, looks=looks(before, later=(after,)))
    assert codes(seen, RULES) == {"F055"}


def slot(**changes: Any) -> ReplicationSlot:
    plain = {"name": "gone", "kind": "physical", "active": False, "retained_bytes": 40 * GIB, "wal_status": "extended"}
    return ReplicationSlot(**{**plain, **changes})


def test_a_slot_that_fills_the_disk_is_named_with_what_it_keeps() -> None:
    (found,) = [
        f for f in findings(migrates(migrating_session(), slots=(slot(),), disk_free_bytes=GIB), RULES) if f.code == "F053"
    ]
    assert not found.harmless
    assert "keeps 40.0 GiB of WAL, and 1.0 GiB are free" in found.cause
    assert found.about == ("slot gone",)
    assert found.next.startswith("find out whose it is")


@pytest.mark.parametrize(
    "one",
    [slot(retained_bytes=64 << 20), slot(wal_status="lost"), slot(retained_bytes=None)],
    ids=["keeps little", "keeps nothing any more", "was never read"],
)
def test_a_slot_that_keeps_little_is_no_cause(one: ReplicationSlot) -> None:
    assert not codes(case(database={"slots": (one,)}), RULES)


def test_a_slot_that_keeps_much_while_there_is_room_is_worth_saying_and_no_trouble() -> None:
    (found,) = findings(case(database={"slots": (slot(),), "disk_free_bytes": 500 * GIB}), RULES)
    assert (found.code, found.harmless) == ("F053", True)


@pytest.mark.parametrize("source", sources())
def test_rules_take_any_source_away(source: str) -> None:
    seen = migrates(late(), slots=(slot(),), disk_free_bytes=GIB)
    assert codes(blind(seen, source), RULES) <= {"F050", "F053", "F054"}
