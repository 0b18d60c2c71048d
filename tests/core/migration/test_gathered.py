"""Long runs of statements that constants tell apart become one that stands for all; whatever is not alike stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lockage.core.migration.folded import SHORTEST_RUN
from lockage.core.migration.gathered import LONGEST_RUN, gathered
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement

LONG = SHORTEST_RUN


def gather(statements: Sequence[str]) -> tuple[Statement, ...]:
    return gathered(split_statements(";\n".join(statements), file="x"))


def updates(count: int, *, table: str = "t") -> list[str]:
    return [f"UPDATE {table} SET name = 'v{n}' WHERE id = {n}" for n in range(count)]


def test_a_long_run_is_one_statement_that_has_all_changes() -> None:
    before, run, after = gather(["SELECT 1", *updates(LONG), "SELECT 2"])
    assert (before.line, run.line, after.line) == (1, 2, LONG + 2)
    assert [each.text for each in run.alike] == updates(LONG)
    assert [change.constants for change in run.changes] == [(("id", n),) for n in range(LONG)]
    assert run.headline == "UPDATE t SET name = 'v0' WHERE id = 0 and 99 more like it, until line 101"


def test_a_short_run_stays() -> None:
    assert len(gather(updates(LONG - 1))) == LONG - 1


def test_a_very_long_run_is_several() -> None:
    assert [len(each.alike) for each in gather(updates(2 * LONGEST_RUN + LONG))] == [LONGEST_RUN, LONGEST_RUN, LONG]


def test_kinds_that_take_turns_are_one_run_and_each_relation_has_its_own_line() -> None:
    (run,) = gather(
        [line for n in range(LONG) for line in (f"UPDATE t SET a = {n} WHERE id = {n}", f"DELETE FROM u WHERE id = {n}")]
    )
    assert [shape.line for shape in run.shapes] == [1, 2]
    assert (run.of("public.t").line, run.of("public.u").line, run.of("public.other").line) == (1, 2, 1)
    assert [name.name for name in run.names] == ["t", "u"]


def test_rows_that_are_inserted_and_rows_that_are_changed_are_not_put_together() -> None:
    inserts = [f"INSERT INTO {table} VALUES ({n})" for n in range(LONG) for table in ("t", "u")]
    assert [len(each.alike) for each in gather([*inserts, *updates(LONG)])] == [2 * LONG, LONG]
    turns = [line for n in range(LONG) for line in (f"INSERT INTO t VALUES ({n})", f"UPDATE t SET a = 1 WHERE id = {n}")]
    assert len(gather(turns)) == 2 * LONG


def test_many_different_statements_are_not_one_run() -> None:
    assert len(gather([f"UPDATE t{n} SET a = 1 WHERE id = {n}" for n in range(LONG)])) == LONG


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET a = 1",
        "UPDATE t SET a = f(1) WHERE id = 1",
        "UPDATE t SET a = 1 WHERE id > 1",
        "UPDATE t SET a = u.a FROM u WHERE u.id = t.id AND t.id = 1",
        "UPDATE t SET a = (SELECT max(b) FROM u) WHERE id = 1",
        "DELETE FROM t",
        "DELETE FROM t USING u WHERE u.id = 1",
        "SELECT a FROM t WHERE id = 1 FOR UPDATE",
        "ALTER TABLE t ADD COLUMN a int",
        "COMMIT",
    ],
)
def test_what_may_touch_more_than_its_constants_say_stays(statement: str) -> None:
    assert len(gather([statement] * LONG)) == LONG
