"""Rows and shares of NULLs as a script goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Relation
from lockage.core.forecast.beliefs import ColumnBelief, TableBelief
from lockage.core.forecast.row_ledger import RowLedger
from lockage.core.forecast.trace import Failure
from support.traces import BEFORE, EVENTS, EVENTS_1, USERS, Script


def size(name: str, rows: float, kind: str = "r") -> Relation:
    return Relation(
        relation=f"public.{name}", kind=kind, rows=rows, heap_bytes=int(rows * 100), index_bytes=0, toast_bytes=0, indexes=1
    )


SIZES = (size("users", 1000.0), size("events_1", 500.0), size("events", 0.0, "p"))


def noted(*statements: str, told: bool = True) -> RowLedger:
    script = Script()
    for statement in statements:
        script.did(statement)
    ledger = RowLedger(BEFORE, SIZES, sizes_known=True)
    ledger.take_news(BEFORE)
    for step in script.steps:
        ledger.note(replace(step, sizes_told=told))
    return ledger


def rows(ledger: RowLedger, oid: int = USERS) -> float:
    return ledger.size(oid).rows


def news(ledger: RowLedger, oid: int = USERS) -> TableBelief | None:
    return next((belief for belief in ledger.take_news(BEFORE) if belief.oid == oid), None)


def null_share(belief: TableBelief | None, column: str, before: float) -> float:
    assert belief is not None
    for one in belief.columns:
        if one.name == column:
            before = before * one.scale + one.shift
    return before


def test_the_planner_is_told_all_sizes_at_first_and_each_news_once() -> None:
    ledger = RowLedger(BEFORE, SIZES, sizes_known=True)
    assert {belief.relation: belief.rows for belief in ledger.take_news(BEFORE)} == {
        "public.users": 1000,
        "public.events": 500,
        "public.events_1": 500,
    }
    assert ledger.take_news(BEFORE) == ()


def test_without_sizes_nothing_is_told() -> None:
    assert RowLedger(BEFORE, SIZES, sizes_known=False).take_news(BEFORE) == ()


def test_a_new_column_is_null_and_one_with_a_default_is_not() -> None:
    belief = news(noted("alter table users add column a int, add column b int not null default 0"))
    assert belief is not None
    assert belief.columns == (
        ColumnBelief(name="a", scale=0.0, shift=1.0, anew=True),
        ColumnBelief(name="b", scale=0.0, shift=0.0, anew=True),
    )


def test_to_fill_the_nulls_leaves_none_whatever_there_were() -> None:
    ledger = noted("update users set name = 'x' where name is null")
    assert null_share(news(ledger), "name", 0.6) == 0


def test_to_fill_some_of_the_nulls_takes_as_many_away_as_rows_are_changed() -> None:
    ledger = noted("alter table users add column a int", "update users set a = 1 where a is null and id > 5")
    assert null_share(news(ledger), "a", 0.5) == pytest.approx(0.67)  # a third of the rows, where nobody plans


def test_to_delete_rows_without_a_value_leaves_those_with_one() -> None:
    ledger = noted(
        "alter table users add column a int", "update users set a = 1 where id > 5", "delete from users where a is null"
    )
    assert rows(ledger) == pytest.approx(330)
    assert null_share(news(ledger), "a", 1.0) == 0


def test_partitions_share_what_their_table_loses_and_add_to_what_it_has() -> None:
    whole = noted("delete from events where id > 5")
    assert rows(whole, EVENTS_1) == rows(whole, EVENTS) == pytest.approx(335)
    part = noted("delete from events_1")
    assert rows(part, EVENTS) == rows(part, EVENTS_1) == 0


def test_a_new_column_of_a_partitioned_table_is_its_partitions_too() -> None:
    belief = news(noted("alter table events add column a int"), EVENTS_1)
    assert null_share(belief, "a", 0.0) == 1


@pytest.mark.parametrize("statements", [("rollback",), ("savepoint s", "delete from users", "rollback to s")])
def test_what_is_rolled_back_is_as_before_and_told_again(statements: tuple[str, ...]) -> None:
    ledger = noted("begin", "delete from users" if statements == ("rollback",) else "select 1", *statements)
    assert rows(ledger) == 1000
    belief = news(ledger)
    assert belief is not None
    assert belief.rows == 1000


def test_a_commit_that_fails_takes_everything_back() -> None:
    script = Script().did("begin").did("delete from users").did("commit", failure=Failure(sqlstate="23503", message="no"))
    ledger = RowLedger(BEFORE, SIZES, sizes_known=True)
    for step in script.steps:
        ledger.note(step)
    assert rows(ledger) == 1000


def test_a_column_that_is_full_is_not_empty_any_more() -> None:
    script = ("alter table users add column a int", "update users set a = 1 where a is null")
    again = Script().did("update users set a = 2 where a is null").steps[0]
    ledger = noted(*script)
    assert ledger.changed_rows(again.statement.changes[0], USERS, again)[1] == 0


_STATEMENTS = st.sampled_from(
    [
        "alter table users add column a int",
        "update users set a = 1 where a is null",
        "update users set a = null where id > 1",
        "update users set name = 'x'",
        "delete from users where name is null",
        "delete from users where id > 7",
        "insert into users select * from users",
        "insert into users (id) values (1)",
        "truncate users",
        "savepoint s",
        "rollback to s",
        "commit",
    ]
)


@given(st.lists(_STATEMENTS, max_size=12), st.booleans())
def test_rows_and_shares_stay_within_bounds(statements: list[str], told: bool) -> None:
    ledger = noted(*statements, told=told)
    size = ledger.size(USERS)
    assert size.rows >= 0
    assert all(0 <= share <= 1 for share in size.nulls.values())
    for belief in ledger.take_news(BEFORE):
        assert belief.rows == ledger.size(belief.oid).rows
        assert belief.bytes >= 0
