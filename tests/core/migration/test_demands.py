"""What statements demand of rows, as far as their text tells."""

from __future__ import annotations

import pytest

from lockage.core.migration.demand_syntax import (
    Added,
    Attached,
    ColumnAdded,
    Effect,
    Holds,
    NotNull,
    Refers,
    RowsInserted,
    RowsUpdated,
    Unique,
)
from lockage.core.migration.demands import ROWS_LIMIT, effects_of


def only(text: str) -> Effect:
    (effect,) = effects_of(text)
    return effect


def test_a_constraint_that_is_not_valid_demands_nothing_yet() -> None:
    added = only("alter table t add constraint c check (a > 0) not valid")
    assert isinstance(added, Added)
    assert added.later
    assert isinstance(added.demands[0], Holds)


def test_a_primary_key_demands_a_value_and_that_it_is_there_once() -> None:
    added = only("alter table t add primary key (a, b)")
    assert isinstance(added, Added)
    assert [type(demand) for demand in added.demands] == [NotNull, NotNull, Unique]


def test_a_new_column_is_there_before_its_own_constraints_are_asked() -> None:
    effects = effects_of("alter table t add constraint c check (x > 0), add column x int not null default 1 references p (k)")
    assert [type(effect) for effect in effects] == [ColumnAdded, Added, Added, Added]
    refers = [demand for effect in effects if isinstance(effect, Added) for demand in effect.demands][1]
    assert isinstance(refers, Refers)
    assert (refers.columns, refers.parent_columns) == (("x",), ("k",))


def test_names_that_need_quotes_keep_them() -> None:
    added = only('alter table t add unique ("Order", b)')
    assert isinstance(added, Added)
    assert isinstance(added.demands[0], Unique)
    assert [key.sql for key in added.demands[0].keys] == ['"Order"', "b"]


def test_bounds_of_a_partition_are_sql_again() -> None:
    added = only("alter table p attach partition t for values from (minvalue) to ('2025-01-01')")
    assert isinstance(added, Added)
    attached = added.demands[0]
    assert isinstance(attached, Attached)
    assert (attached.lower, attached.upper) == (("MINVALUE",), ("'2025-01-01'",))


@pytest.mark.parametrize(
    "text",
    [
        "update t set a = p.a from p where p.id = t.id",
        "with x as (select 1) update t set a = 1",
        "update t set (a, b) = (select 1, 2)",
        "update t set a = default",
    ],
)
def test_an_update_that_no_query_can_repeat_is_not_known(text: str) -> None:
    updated = only(text)
    assert isinstance(updated, RowsUpdated)
    assert not updated.known


def test_a_cursors_row_is_no_condition_that_can_be_asked() -> None:
    updated = only("update t set a = 1 where current of c")
    assert isinstance(updated, RowsUpdated)
    assert updated.where is not None
    assert updated.where.whole


def test_a_long_list_of_rows_is_not_looked_up_one_by_one() -> None:
    inserted = only("insert into t (a) values " + ", ".join(f"({n})" for n in range(ROWS_LIMIT + 1)))
    assert isinstance(inserted, RowsInserted)
    assert not inserted.known


def test_text_that_does_not_parse_demands_nothing() -> None:
    assert effects_of("alter tabel t") == ()
