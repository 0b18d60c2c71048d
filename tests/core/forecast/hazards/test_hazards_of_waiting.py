"""Hazards of waiting: long locks, work under them, orders of locking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.forecast.assess import Script as ScriptRead
from lockage.core.forecast.hazards import blocking
from lockage.core.forecast.trace import CatalogRules
from support.hazard_scenes import LONG, SHORT, UNKNOWN, blocked, operation, scene, sized, told
from support.traces import KEYS, USERS, Script, mark, relation, users_key

EXCLUSIVE = "AccessExclusiveLock"
SHARE = "ShareLock"

REFERS = CatalogRules(foreign_keys=(users_key(),))


@pytest.mark.parametrize(
    ("lasts_s", "expected"),
    [
        (LONG, [("H001", "public.users", None)]),
        (UNKNOWN, [("H001", "public.users", None)]),
        (Seconds(low=0.1, likely=0.5, high=3.0), [("H001", "public.users", "warning")]),
        (SHORT, []),
    ],
)
def test_a_long_exclusive_lock_is_as_bad_as_it_is_sure(lasts_s: Seconds, expected: list[object]) -> None:
    assert told(list(blocking.long_exclusive(scene(relations=[blocked("users", Blocks.READS, lasts_s)])))) == expected


@pytest.mark.parametrize(
    ("blocks", "lasts_s", "expected"),
    [
        (Blocks.WRITES, LONG, "error"),
        (Blocks.WRITES, Seconds(low=1.0, likely=4.0, high=9.0), None),
        (Blocks.ROWS, LONG, None),
    ],
)
def test_a_long_write_block_is_told(blocks: Blocks, lasts_s: Seconds, expected: str | None) -> None:
    found = list(blocking.long_write_block(scene(relations=[blocked("users", blocks, lasts_s, mode=SHARE)])))
    assert told(found) == [("H002", "public.users", expected)]


def test_a_table_without_rows_is_locked_without_harm() -> None:
    empty = scene(
        relations=[blocked("users", Blocks.READS, LONG, rows=0.0), blocked("keys", Blocks.WRITES, LONG, mode=SHARE, rows=0.0)]
    )
    assert not list(blocking.long_exclusive(empty))
    assert not list(blocking.long_write_block(empty))


def test_what_holds_for_a_partitioned_table_is_not_said_of_each_partition() -> None:
    both = [blocked("events", Blocks.READS, LONG), blocked("events_1", Blocks.READS, LONG)]
    assert told(list(blocking.long_exclusive(scene(relations=both)))) == [("H001", "public.events", None)]
    one = [blocked("events", Blocks.NONE, SHORT), blocked("events_1", Blocks.READS, LONG)]
    assert told(list(blocking.long_exclusive(scene(relations=one)))) == [("H001", "public.events_1", None)]


def test_the_table_of_the_migrators_own_is_left_out() -> None:
    of_it = {"script": ScriptRead(migrations=(), ledger="public.users")}
    assert not list(blocking.long_exclusive(scene(relations=[blocked("users", Blocks.READS, LONG)], forecast=of_it)))
    assert parent_then_child(forecast=of_it) == []


def test_a_wait_that_no_lock_of_its_own_makes_is_told_of_the_relation_that_is_locked() -> None:
    assert not list(blocking.long_exclusive(scene(relations=[blocked("user_view", Blocks.READS, LONG, mode=None)])))


def changed_behind(*, rows: float = 1e6, seconds: Seconds = LONG, users: float = 1000.0) -> list[object]:
    script = (
        Script()
        .did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE))
        .did("UPDATE keys SET b = 1", (USERS, EXCLUSIVE), (KEYS, "RowExclusiveLock"))
    )
    seen = scene(
        script,
        operations=[operation("update", "keys", rows=rows, seconds=seconds)],
        seconds=seconds,
        sizes=sized(users=users, keys=rows),
    )
    return [*told(list(blocking.changes_behind_ddl(seen)))]


def test_many_rows_changed_behind_ddl_are_told() -> None:
    assert ("H003", "public.keys", None) in changed_behind()


def test_few_rows_changed_behind_ddl_are_nothing_and_quick_ones_a_note() -> None:
    assert changed_behind(rows=200.0) == []
    assert ("H003", "public.keys", "note") in changed_behind(seconds=SHORT)


@pytest.mark.parametrize("sql", ["UPDATE keys SET b = 1 WHERE id = 7", "INSERT INTO keys VALUES (1), (2)"])
def test_a_row_by_its_key_or_written_out_is_few_whatever_the_size_of_its_table(sql: str) -> None:
    rules = CatalogRules(unique_keys={KEYS: (("id",),)})
    script = Script(rules=rules).did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE)).did(sql, (USERS, EXCLUSIVE))
    seen = scene(script, operations=[operation("update", "keys", rows=0.0, seconds=UNKNOWN)], seconds=UNKNOWN)
    assert not list(blocking.changes_behind_ddl(seen))


def test_several_changes_of_one_transaction_are_one_hazard() -> None:
    script = Script().did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE))
    for _ in range(3):
        script.did("UPDATE keys SET b = 1", (USERS, EXCLUSIVE), (KEYS, "RowExclusiveLock"))
    (found,) = blocking.changes_behind_ddl(scene(script, operations=[operation("update", "keys", rows=1e6)]))
    assert "beside 2 more such statements" in found.sentence


def test_rows_changed_while_only_an_empty_table_is_shut_are_nothing() -> None:
    assert changed_behind(users=0.0) == []


def test_rows_changed_in_a_transaction_of_their_own_are_nothing() -> None:
    script = (
        Script()
        .did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE), open_behind=False)
        .did("UPDATE keys SET b = 1", (KEYS, "RowExclusiveLock"), transaction=2)
    )
    seen = scene(script, operations=[operation("update", "keys", rows=1e6)], sizes=sized(users=10.0, keys=1e6))
    assert not list(blocking.changes_behind_ddl(seen))


def parent_then_child(*, child_first: bool = False, **known: object) -> list[object]:
    first, second = (KEYS, USERS) if child_first else (USERS, KEYS)
    script = Script(rules=REFERS).did("SELECT 1", (first, EXCLUSIVE)).did("SELECT 2", (first, EXCLUSIVE), (second, EXCLUSIVE))
    return [*told(list(blocking.opposite_orders(scene(script, **known))))]


def test_a_parent_that_is_locked_before_its_child_may_deadlock_with_whoever_writes_the_child() -> None:
    assert parent_then_child() == [("H004", "public.keys", None)]
    assert parent_then_child(child_first=True) == []
    assert parent_then_child(sizes=sized(users=5.0, keys=0.0)) == []


def test_two_transactions_of_opposite_order_are_told_once() -> None:
    script = (
        Script()
        .did("SELECT 1", (USERS, EXCLUSIVE))
        .did("SELECT 2", (USERS, EXCLUSIVE), (KEYS, EXCLUSIVE), open_behind=False)
        .did("SELECT 3", (KEYS, EXCLUSIVE), transaction=2)
        .did("SELECT 4", (KEYS, EXCLUSIVE), (USERS, EXCLUSIVE), transaction=2)
    )
    assert told(list(blocking.opposite_orders(scene(script)))) == [("H004", "public.users", None)]


@given(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.from_regex(r"[a-z_]{1,12}", fullmatch=True))
def test_what_tables_are_called_changes_nothing(one: str, other: str) -> None:
    other = other if other != one else other + "2"
    start = mark(relation(USERS, one), relation(KEYS, other))
    script = (
        Script(rules=REFERS, start=start)
        .did("SELECT 1", (USERS, EXCLUSIVE))
        .did("SELECT 2", (USERS, EXCLUSIVE), (KEYS, EXCLUSIVE))
    )
    found = list(blocking.opposite_orders(scene(script)))
    assert told(found) == [("H004", f"public.{other}", None)]
