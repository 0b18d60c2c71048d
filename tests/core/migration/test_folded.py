"""Long runs of alike inserts become one statement; whatever is not alike, or is short, stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.migration.folded import SHORTEST_RUN, folded
from lockage.core.migration.statement import split_statements

LONG = SHORTEST_RUN


def fold(statements: Sequence[str]) -> list[tuple[int, int | None]]:
    """The line and the rows of each statement that is left."""
    found = folded(split_statements(";\n".join(statements), file="x"))
    return [(s.line, s.changes[0].rows if s.changes else None) for s in found]


def test_a_long_run_is_one_statement_on_the_line_of_its_first() -> None:
    run = [f"INSERT INTO a.t (x, y) VALUES ({n}, 'it''s; ({n})')" for n in range(LONG)]
    assert fold(["SELECT 1", *run, "SELECT 2"]) == [(1, None), (2, LONG), (LONG + 2, None)]


def test_a_short_run_stays() -> None:
    assert len(fold([f"INSERT INTO t VALUES ({n})" for n in range(LONG - 1)])) == LONG - 1


def test_another_table_or_other_columns_begin_another_run() -> None:
    runs = [f"INSERT INTO {what} VALUES (1, 2)" for what in ("t", "u", "t (x, y)") for _ in range(LONG)]
    assert [rows for _, rows in fold(runs)] == [LONG] * 3


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t (x) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t (x) VALUES (1) ON CONFLICT (x) DO UPDATE SET x = (2)",
        "INSERT INTO t (x) VALUES (1) RETURNING (x)",
        "INSERT INTO t (x) VALUES (f(1))",
        "INSERT INTO t (x) SELECT (1)",
        "INSERT INTO t (x) VALUES ((SELECT max(y) FROM u))",
        "INSERT INTO t DEFAULT VALUES",
        "WITH w AS (SELECT 1) INSERT INTO t (x) VALUES (1)",
        "UPDATE t SET x = 1",
    ],
)
def test_what_would_not_mean_the_same_stays(statement: str) -> None:
    assert len(fold([statement] * LONG)) == LONG


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=8), min_size=LONG, max_size=LONG + 5))
def test_any_words_give_all_their_rows(words: list[str]) -> None:
    quoted = [word.replace("'", "''") for word in words]
    assert [rows for _, rows in fold([f"INSERT INTO t (x) VALUES ('{word}')" for word in quoted])] == [len(words)]
