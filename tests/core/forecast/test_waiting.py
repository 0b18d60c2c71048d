"""Who stands in a script's way, and who would queue, from a forecast and one look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import RelationLock, Session
from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast, Seconds
from lockage.core.forecast.traffic import PreparedLocks, StatementLoad, Traffic
from lockage.core.forecast.waiting import with_waiting
from lockage.core.forecast.waiting_records import Queue, Waiting
from lockage.settings import Waits
from support.plan_material import blocked, forecast, session

SECONDS = Seconds(low=1.0, likely=2.0, high=10.0)
USERS = blocked("public.users", Blocks.READS, SECONDS)
SINCE = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def load(text: str, calls_s: float | None, *, max_s: float = 0.01) -> StatementLoad:
    return StatementLoad(text=text, calls_s=calls_s, mean_s=0.001, max_s=max_s)


def holding(mode: str, *, age_s: float | None = 30.0, relation: str = "public.users", **changes: Any) -> Session:
    return replace(session(age_s=age_s), relation_locks=(RelationLock(relation=relation, mode=mode, granted=True),), **changes)


def seen(relation: RelationForecast = USERS, **look: Any) -> Waiting:
    return whole(relation, **look).relations[-1].waiting or Waiting()


def whole(relation: RelationForecast = USERS, **look: Any) -> Forecast:
    traffic = Traffic(**{"statements": (), "counted_since": SINCE} | look)
    return with_waiting(
        forecast(relations=(relation,)),
        traffic,
        statements=(),
        relations=["public.users", "public.keys"],
        keys=(),
        limits=Waits(),
    )


# --- in the way -------------------------------------------------------------------------------------------------------


def test_an_open_transaction_with_a_conflicting_lock_is_named_with_its_age() -> None:
    (entry,) = seen(sessions=(holding("AccessShareLock", query="SELECT 'secret'"),)).in_the_way
    assert (entry.pid, entry.user, entry.application) == (4711, "towpath", "psql")
    assert (entry.what, entry.since_s, entry.holds) == ("idle in transaction", 30.0, "AccessShareLock")
    assert entry.statement == "SELECT $1"


def test_a_lock_that_the_script_passes_by_is_not() -> None:
    weak = blocked("public.users", Blocks.WRITES, SECONDS)
    assert not seen(weak, sessions=(holding("AccessShareLock"),)).in_the_way
    assert seen(weak, sessions=(holding("RowExclusiveLock"),)).in_the_way


def test_a_lock_that_is_waited_for_or_on_another_relation_is_not() -> None:
    other = holding("AccessShareLock", relation="public.keys")
    awaited = replace(session(), relation_locks=(RelationLock(relation="public.users", mode="AccessShareLock", granted=False),))
    assert not seen(sessions=(other, awaited)).in_the_way


def test_what_began_a_moment_ago_is_ordinary_traffic_and_an_unknown_age_is_not() -> None:
    assert not seen(sessions=(holding("AccessShareLock", age_s=0.2),)).in_the_way
    hidden = replace(holding("AccessShareLock"), transaction_age_s=None, state=None, query="")
    (entry,) = seen(sessions=(hidden,)).in_the_way
    assert (entry.what, entry.since_s, entry.statement) == ("state not visible", None, "")


@pytest.mark.parametrize(
    ("query", "what", "gives_way"),
    [
        ("autovacuum: VACUUM public.users", "autovacuum", True),
        ("autovacuum: VACUUM public.users (to prevent wraparound)", "autovacuum to prevent wraparound", False),
    ],
)
def test_an_autovacuum_gives_way_but_for_one_that_prevents_wraparound(query: str, what: str, gives_way: bool) -> None:
    (entry,) = seen(sessions=(holding("ShareUpdateExclusiveLock", age_s=0.1, query=query),)).in_the_way
    assert (entry.what, entry.gives_way) == (what, gives_way)


def test_a_prepared_transaction_has_no_backend() -> None:
    lock = RelationLock(relation="public.users", mode="RowExclusiveLock", granted=True)
    prepared = PreparedLocks(gid="two-phase", user="app", age_s=7200.0, locks=(lock,))
    (entry,) = seen(prepared=(prepared,)).in_the_way
    assert (entry.pid, entry.what, entry.since_s) == (None, "prepared transaction two-phase", 7200.0)


def test_a_concurrent_build_waits_for_snapshots_and_writers_that_it_does_not_block() -> None:
    lock = replace(
        USERS.locks[0], mode="ShareUpdateExclusiveLock", blocks=Blocks.NONE, concurrently=True, statement="CREATE INDEX …"
    )
    building = RelationForecast(
        relation="public.users", locks=(lock,), blocks=Blocks.NONE, blocked_s=Seconds(low=0, likely=0, high=0)
    )
    reading = replace(session(1, age_s=100.0), state="active")
    found = seen(building, sessions=(reading, holding("RowExclusiveLock"), session(3)), snapshots={1: 99.0})
    assert [(entry.pid, entry.holds, entry.since_s) for entry in found.in_the_way] == [
        (1, None, 99.0),
        (4711, "RowExclusiveLock", 30.0),
    ]
    plain = replace(building, locks=(replace(lock, concurrently=False),))
    assert not seen(plain, sessions=(reading, holding("RowExclusiveLock")), snapshots={1: 99.0}).in_the_way


# --- behind it --------------------------------------------------------------------------------------------------------

READ, WRITE, ADD = "SELECT * FROM users", "UPDATE users SET a = $1", "INSERT INTO users (a) VALUES ($1)"


@pytest.mark.parametrize(("blocks", "calls_s"), [(Blocks.READS, 111.0), (Blocks.WRITES, 11.0), (Blocks.ROWS, 10.0)])
def test_those_queue_who_wait_at_that_level(blocks: Blocks, calls_s: float) -> None:
    statements = (load(READ, 100.0), load(WRITE, 10.0), load(ADD, 1.0), load("SELECT * FROM keys", 1000.0))
    queue = seen(blocked("public.users", blocks, SECONDS), statements=statements).queue
    assert queue is not None
    assert (queue.calls_s, queue.waiting, queue.waiting_most) == (calls_s, 2 * calls_s, 10 * calls_s)


@pytest.mark.parametrize(("free", "fills_s"), [(50, 5.0), (200, None), (None, None)])
def test_connections_are_full_when_as_many_have_come_as_are_free(free: int | None, fills_s: float | None) -> None:
    queue = seen(statements=(load(READ, 10.0),), free_connections=free).queue
    assert queue == Queue(calls_s=10.0, waiting=20.0, waiting_most=100.0, free_connections=free, fills_s=fills_s)


def test_a_queue_that_nobody_counted_is_not_known() -> None:
    assert seen(statements=None).queue is None
    assert seen(statements=(load(READ, None),)).queue is None


def test_an_unknown_end_of_the_block_leaves_the_most_unknown_and_fills_all_the_same() -> None:
    endless = blocked("public.users", Blocks.READS, replace(SECONDS, high=None))
    queue = seen(endless, statements=(load(READ, 1.0),), free_connections=500).queue
    assert queue is not None
    assert (queue.waiting_most, queue.fills_s) == (None, 500.0)


def test_a_statement_that_is_known_to_run_long_is_named_without_its_constants() -> None:
    slow = load("SELECT 'secret' FROM users", 0.1, max_s=45.0)
    (found,) = seen(statements=(slow, load(READ, 1.0))).long_statements
    assert (found.statement, found.max_s) == ("SELECT $1 FROM users", 45.0)
    assert not seen(blocked("public.users", Blocks.WRITES, SECONDS), statements=(slow,)).long_statements


@given(st.floats(0.001, 1e6), st.integers(0, 10_000))
def test_the_lock_timeout_leaves_half_of_the_free_connections_within_what_people_bear(calls_s: float, free: int) -> None:
    timeout_s = seen(statements=(load(READ, calls_s),), free_connections=free).lock_timeout_s
    assert timeout_s is not None
    assert Waits().least_lock_timeout_s <= timeout_s <= Waits().lock_timeout_s
    if timeout_s > Waits().least_lock_timeout_s:
        assert timeout_s * calls_s <= free / 2 + 0.01 * calls_s


def test_what_could_not_be_seen_and_since_when_is_an_assumption() -> None:
    made = whole(problems=("prepared transactions cannot be seen",), statements=(load(READ, 3.0),))
    assert made.calls_s == 3.0
    assert made.assumptions == (
        "prepared transactions cannot be seen",
        "statements a second are averages since 2026-11-20 08:00 UTC (pg_stat_statements): at a busy hour more would wait",
    )


def test_without_a_look_nothing_is_said_but_what_texts_and_keys_tell() -> None:
    made = with_waiting(
        forecast(relations=(USERS,)), None, statements=(READ,), relations=["public.users"], keys=(), limits=Waits()
    )
    assert all(relation.waiting is None for relation in made.relations)
    assert made.assumptions == ()


def test_nobody_but_migrators_queues_at_the_ledger_and_broken_statements_have_their_rate() -> None:
    found = forecast(relations=(USERS,), broken=(READ, WRITE))
    found = replace(found, script=replace(found.script, ledger="public.users"))
    traffic = Traffic(statements=(load(READ, 7.0),), counted_since=SINCE)
    made = with_waiting(found, traffic, statements=(), relations=["public.users"], keys=(), limits=Waits())
    assert made.relations[-1].waiting is None
    assert [broken.calls_s for broken in made.broken] == [7.0, None]
