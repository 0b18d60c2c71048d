"""Works, waits or hangs, how far, and how long still: from two looks, and only from what the backend itself shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.families import failover, hung, slow, waiting
from lockage.core.diagnosis.findings import Case, Migrating
from lockage.core.diagnosis.motion import migrating
from lockage.core.facts import Activity, RelationLock, Session, Work
from lockage.core.progress import MigrationText
from support.cases import (
    ago,
    being_migrated,
    blind,
    case,
    codes,
    container,
    looks,
    migrating_session,
    names,
    owned,
    pod,
    running,
)

NEW = names()[0]
ALL = (waiting.RULES, slow.RULES, hung.RULES, failover.RULES)
INDEX = "CREATE INDEX i ON t (x)"


def seen(
    now: Session, before: Session | None = None, *, work: tuple[Work | None, Work | None] = (None, None), **more: Any
) -> Case:
    """The first replica of the new release migrates by this session, in both looks."""
    first, last = looks(before or now, later=(now,))
    pair: tuple[Activity, ...] = tuple(
        replace(look, work=(one,) if one is not None else ()) for look, one in zip((first, last), work, strict=True)
    )
    details = (pod(NEW, ready=False, containers=(container(ready=False, state=running(for_s=26)),)),)
    return case(
        platform={"details": details},
        database={"ledger": being_migrated(), "looks": pair, "owned": (owned(now, NEW),)},
        **more,
    )


def index_work(ratio: float, **changes: Any) -> Work:
    plain = Work(pid=4711, command="CREATE INDEX", phase="building index: scanning table", done_ratio=ratio,
                 wal_lsn_bytes=1, blocks=1, relation="public.t")  # fmt: skip
    return replace(plain, **changes)


def found(of: Case) -> Migrating:
    answer = migrating(of)
    assert answer is not None
    return answer


def test_it_is_not_stuck_says_how_much_of_the_index_is_done_and_how_long_it_takes_still() -> None:
    answer = found(seen(migrating_session(query=INDEX), work=(index_work(0.59), index_work(0.61))))
    assert (answer.pace, answer.progress_ratio, answer.replica, answer.pid) == ("works", 0.61, NEW, 4711)
    assert answer.left_s == pytest.approx(39.0, rel=0.01)
    assert answer.text.startswith("It is not stuck: 61 % of the index on public.t, about 39 s left")
    assert answer.text.endswith("do not restart it")


@pytest.mark.parametrize(
    "earlier",
    [None, index_work(0.61), index_work(0.2, phase="loading tuples in tree"), index_work(0.2, relation="public.u")],
    ids=["not there before", "has not moved", "another phase", "another table"],
)
def test_what_is_left_is_unknown_where_the_rate_is(earlier: Work | None) -> None:
    answer = found(seen(migrating_session(query=INDEX), work=(earlier, index_work(0.61))))
    assert answer.left_s is None
    assert "left" not in answer.text
    assert "61 %" in answer.text


def test_its_place_among_the_migrations_is_said() -> None:
    script = (
        MigrationText(version=12, name="a", text="x"),
        MigrationText(version=13, name="keys", text="UPDATE api_keys SET x = 1;"),
    )
    assert "migration 2 of 2, 13_keys" in found(seen(migrating_session(), script=script)).text


@pytest.mark.parametrize(
    ("changes", "pace"),
    [
        ({"wait_event_type": None, "wait_event": None}, "works"),
        ({"wait_event_type": "IO", "wait_event": "DataFileRead"}, "works"),
        ({"wait_event_type": "Timeout", "wait_event": "PgSleep"}, "works"),
        ({"wait_event_type": "IPC", "wait_event": "SyncRep"}, "waits"),
        ({"wait_event_type": "Lock", "wait_event": "relation", "blocked_by": (9,)}, "waits"),
        ({"state": "idle in transaction", "wait_event_type": "Client", "state_age_s": 60.0, "statement_age_s": 60.0}, "hangs"),
        ({"state": "idle", "wait_event_type": "Client", "state_age_s": 60.0, "transaction_age_s": None}, "hangs"),
        ({"state": "idle in transaction", "wait_event_type": "Client", "state_age_s": 4.0}, None),
        ({"state": None, "wait_event_type": None}, None),
    ],
)
def test_the_pace_is_what_the_backend_itself_shows(changes: dict[str, Any], pace: str | None) -> None:
    assert found(seen(migrating_session(**changes))).pace == pace


def test_a_statement_that_ended_between_the_looks_is_work() -> None:
    before = migrating_session(state="idle in transaction", wait_event_type="Client", state_age_s=0.5, query="UPDATE a")
    after = migrating_session(state="idle in transaction", wait_event_type="Client", state_age_s=0.2, query="UPDATE b")
    assert found(seen(after, before)).pace == "works"


def test_what_it_waits_for_and_who_has_it_is_in_the_sentence() -> None:
    wanted = RelationLock(relation="public.t", mode="AccessExclusiveLock", granted=False)
    waiter = migrating_session(wait_event_type="Lock", wait_event="relation", blocked_by=(99,), relation_locks=(wanted,))
    text = found(seen(waiter)).text
    assert "needs AccessExclusiveLock on public.t" in text


def test_nobody_migrates_where_nothing_was_seen_or_nobody_does() -> None:
    assert migrating(blind(case(), "database.looks")) is None
    assert migrating(case()) is None


def test_one_look_tells_little() -> None:
    of = seen(migrating_session(wait_event_type="Client", wait_event="ClientRead"))
    last = (of.evidence.database.looks or ())[-1]
    once = replace(of, evidence=replace(of.evidence, database=replace(of.evidence.database, looks=(last,))))
    assert found(once).pace is None


def test_the_time_since_it_began_is_that_of_its_transaction() -> None:
    assert found(seen(migrating_session(transaction_age_s=25.0, backend_start=ago(900)))).since_s == 25.0


def test_a_migration_that_works_is_harmless_and_nothing_else() -> None:
    assert codes(seen(migrating_session()), *ALL) == {"F055"}


def test_a_console_that_holds_the_migration_lock_and_does_nothing_is_no_migration() -> None:
    console = migrating_session(99, state="idle", transaction_age_s=None, statement_age_s=None, state_age_s=60.0)
    serves = replace(migrating_session(100), state="idle", transaction_age_s=None, advisory_locks=())
    scene = case(database={"looks": looks(console, serves), "owned": (owned(console, None), owned(serves))})
    assert migrating(scene) is None
