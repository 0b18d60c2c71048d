"""Rows of plain constants are read as the parser reads them; anything more is left to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.migration.folded import SHORTEST_RUN, folded
from lockage.core.migration.plain_rows import PlainRows, head_and_row
from lockage.core.migration.statement import split_statements

HEADS = (
    "INSERT INTO t VALUES",
    "insert into a.t (x, y, z) values",
    'INSERT INTO "T" ("x y", z) VALUES',
    "INSERT INTO t(a)VALUES",
)
VALUES = st.one_of(
    st.integers(0, 2**40).map(str),
    st.sampled_from(
        ["NULL", "null", "TRUE", "false", "1.5", "-1", "007", "1e3", "now()", "x", "E'a'", "B'1'", "1::int", "DEFAULT"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6).map(
        lambda text: f"'{text.replace(chr(39), chr(39) * 2)}'"
    ),
)
ROWS = st.lists(VALUES, min_size=1, max_size=3).map(lambda values: f" ({', '.join(values)})")


@given(st.sampled_from(HEADS), st.lists(ROWS, min_size=2, max_size=6))
def test_statements_that_are_read_together_are_read_as_each_by_itself(head: str, rows: list[str]) -> None:
    together = split_statements(";\n".join(head + row for row in rows), file="x")
    apart = [split_statements("\n" * n + head + row, file="x")[0] for n, row in enumerate(rows)]
    if len(together) == len(apart) and not any("\n" in row for row in rows):
        assert list(together) == apart


@given(st.sampled_from(HEADS), st.lists(ROWS, min_size=1, max_size=3))
def test_a_long_run_says_what_one_statement_of_all_its_rows_says(head: str, some: list[str]) -> None:
    width = some[0].count(",")
    rows = [row for row in some if row.count(",") == width and "\n" not in row and ";" not in row] * SHORTEST_RUN
    found = folded(split_statements(";\n".join(head + row for row in rows), file="x"))
    if len(found) == 1:
        (whole,) = split_statements(head + ",".join(rows), file="x")
        assert found[0].changes == whole.changes
        assert split_statements(found[0].text, file="x")[0].changes == whole.changes


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO t VALUES (-1)",
        "INSERT INTO t VALUES (f(1))",
        "INSERT INTO t VALUES (E'a')",
        r"INSERT INTO t VALUES ('a\b')",
        "INSERT INTO t VALUES (1) RETURNING id",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t AS u VALUES (1)",
        "INSERT INTO t VALUES (1 /* one */)",
        "INSERT INTO t VALUES ('a' 'b')",
        "INSERT INTO t SELECT 1",
        f"INSERT INTO t VALUES ('{'x' * 6_000}')",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(text: str) -> None:
    assert head_and_row(text) is None


def test_a_statement_is_parsed_once_for_all_like_it() -> None:
    rows = PlainRows()
    assert rows.read("INSERT INTO t VALUES (1, 'a')", line=1) is None
    rows.learn(split_statements("INSERT INTO t VALUES (1, 'a')", file="x")[0])
    assert (
        rows.read("INSERT INTO t VALUES (2, NULL)", line=7)
        == split_statements("\n" * 6 + "INSERT INTO t VALUES (2, NULL)", file="x")[0]
    )
    assert rows.read("INSERT INTO t VALUES (2)", line=7) is None
    assert rows.read("INSERT INTO u VALUES (1, 'a')", line=7) is None
