"""Which session migrates, how far it is, and whether it waits, works or hangs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Activity, OwnedSession, Replica, ReplicaPhase, Session, Work
from lockage.core.progress import MigrationText, Pace, Position, migration_session, pace, position

BEGAN = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
KEY = 42

SCRIPT = (
    MigrationText(version=11, name="small", text="ALTER TABLE a ADD COLUMN b int;"),
    MigrationText(version=12, name="large", text="\n-- why\nCREATE TABLE c (d int);\nUPDATE c SET d = 1;\n"),
    MigrationText(version=13, name="long", text="UPDATE a SET b = 2 WHERE " + " OR ".join(f"id = {n}" for n in range(500))),
)


def session(pid: int = 7, **changes: object) -> Session:
    plain = Session(
        pid=pid,
        backend_start=BEGAN,
        user="app",
        database="app",
        application_name="app/x",
        client_address="127.0.0.1",
        client_port=pid,
        state="active",
        wait_event_type=None,
        wait_event=None,
        transaction_age_s=3.0,
        statement_age_s=1.0,
        state_age_s=1.0,
        query="UPDATE c SET d = 1",
    )
    return replace(plain, **changes)


def owned(of: Session, replica: str | None = None, *, orphan: bool = False) -> OwnedSession:
    return OwnedSession(session=of, replica=replica, orphan=orphan)


def replica(name: str, release: str, *, ready: bool = False) -> Replica:
    return Replica(
        name=name,
        revision=1,
        image=f"app:{release}",
        release=release,
        phase=ReplicaPhase.RUNNING,
        ready=ready,
        restarts=0,
        created_at=BEGAN,
        started_at=BEGAN,
    )


def activity(*sessions: Session, work: tuple[Work, ...] = ()) -> Activity:
    return Activity(at=BEGAN, sessions=sessions, work=work)


def migrating(
    *all_owned: OwnedSession, replicas: tuple[Replica, ...] = (), advisory_lock: int | None = KEY
) -> OwnedSession | None:
    return migration_session(all_owned, replicas, advisory_lock=advisory_lock, target="2.0.0")


# --- which session ----------------------------------------------------------------------------------------------------


def test_who_holds_the_advisory_lock_migrates_whoever_it_is() -> None:
    holder = owned(session(8, advisory_locks=(1, KEY)), orphan=True)
    busy = owned(session(7, transaction_age_s=900.0), "new")
    assert migrating(busy, holder, replicas=(replica("new", "2.0.0"),)) == holder


def test_with_an_advisory_lock_that_nobody_holds_nobody_migrates() -> None:
    assert migrating(owned(session(7), "new"), replicas=(replica("new", "2.0.0"),)) is None


def test_without_an_advisory_lock_it_is_the_starting_replicas_oldest_transaction() -> None:
    younger, older = owned(session(7, transaction_age_s=1.0), "new"), owned(session(8, transaction_age_s=5.0), "new")
    idle = owned(session(9, transaction_age_s=None), "new")
    found = migrating(younger, older, idle, replicas=(replica("new", "2.0.0"),), advisory_lock=None)
    assert found == older


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replica("x", "1.0.0"), id="of the old release"),
        pytest.param(replica("x", "2.0.0", ready=True), id="ready: it serves"),
        pytest.param(replica("y", "2.0.0"), id="not the session's"),
    ],
)
def test_without_an_advisory_lock_no_other_replica_migrates(other: Replica) -> None:
    assert migrating(owned(session(7, transaction_age_s=60.0), "x"), replicas=(other,), advisory_lock=None) is None


# --- how far ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("ALTER TABLE a ADD COLUMN b int", 1),
        ("UPDATE c SET d = 1;", 2),
        ("  CREATE TABLE c (d int)\n", 2),
        (SCRIPT[2].text, 3),
        (SCRIPT[2].text[:1023], 3),
        (SCRIPT[1].text.strip(), 2),
    ],
)
def test_the_running_statement_says_which_migration_it_is(query: str, index: int) -> None:
    migration = SCRIPT[index - 1]
    expected = Position(index=index, count=3, name=f"{migration.version}_{migration.name}")
    assert position(session(query=query), SCRIPT) == expected


@pytest.mark.parametrize(
    "query", ["", "   ", "SELECT pg_advisory_lock(42)", "INSERT INTO schema_migrations VALUES (12, false)"]
)
def test_a_statement_of_no_migration_has_no_position(query: str) -> None:
    assert position(session(query=query), SCRIPT) is None


@given(size=st.integers(min_value=40, max_value=2000))
def test_a_whole_file_cut_at_any_size_is_found_as_postgresql_shows_it(size: int) -> None:
    shown = SCRIPT[2].text.encode()[:size].decode()
    found = position(session(query=shown), SCRIPT)
    assert found is not None
    assert found.index == 3


# --- waits, works, hangs ----------------------------------------------------------------------------------------------


def work(blocks: int) -> tuple[Work, ...]:
    return (Work(pid=7, command=None, phase=None, done_ratio=None, wal_lsn_bytes=0, blocks=blocks),)


def test_a_session_that_waits_for_a_lock_waits_however_much_it_did_before() -> None:
    waiting = session(wait_event_type="Lock", wait_event="relation")
    assert pace(7, activity(session(), work=work(1)), activity(waiting, work=work(9))) is Pace.WAITS


@pytest.mark.parametrize("waits_on", [None, "IO", "IPC", "LWLock", "BufferPin"])
def test_an_active_session_on_the_cpu_or_in_io_works(waits_on: str | None) -> None:
    now = session(wait_event_type=waits_on)
    assert pace(7, activity(now), activity(now)) is Pace.WORKS


def test_an_active_session_that_waits_for_its_client_hangs_while_nothing_moves() -> None:
    now = session(wait_event_type="Client", wait_event="ClientRead")
    assert pace(7, activity(now, work=work(5)), activity(now, work=work(5))) is Pace.HANGS
    assert pace(7, activity(now, work=work(5)), activity(now, work=work(6))) is Pace.WORKS


def test_between_two_statements_it_works_when_the_statement_was_another_one_before() -> None:
    idle = {"state": "idle in transaction", "wait_event_type": "Client"}
    before, after = session(query="first", **idle), session(query="second", **idle)
    assert pace(7, activity(before), activity(after)) is Pace.WORKS
    assert pace(7, activity(after), activity(after)) is Pace.HANGS


def test_what_the_server_does_for_others_does_not_make_an_idle_transaction_work() -> None:
    idle = session(state="idle in transaction", wait_event_type="Client")
    assert pace(7, activity(idle, work=work(5)), activity(idle, work=work(500))) is Pace.HANGS


def test_a_session_seen_only_once_has_no_pace() -> None:
    assert pace(7, activity(), activity(session())) is None
    assert pace(7, activity(session()), activity()) is None


@given(
    state=st.sampled_from(["active", "idle in transaction", "idle"]),
    waits_on=st.sampled_from([None, "Lock", "IO", "Client", "LWLock", "Timeout"]),
    blocks=st.integers(min_value=0, max_value=3),
    query=st.sampled_from(["one", "two"]),
)
def test_a_session_seen_twice_always_has_a_pace_and_waits_only_for_locks(
    state: str, waits_on: str | None, blocks: int, query: str
) -> None:
    after = session(state=state, wait_event_type=waits_on, query=query)
    found = pace(7, activity(session(query="one"), work=work(0)), activity(after, work=work(blocks)))
    assert found is not None
    assert (found is Pace.WAITS) == (waits_on == "Lock")
