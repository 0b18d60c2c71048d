"""A query is written anew where made-up rows would miss it."""

from __future__ import annotations

import pytest

from lockage.core.migration.widened import changing_every_row, of_every_row, on_every_row, with_one_row, with_parameters


@pytest.mark.parametrize(
    ("text", "wider"),
    [
        ("update t set a = 1 where b = 2 and c = $1 returning d", "UPDATE t SET a = 1 RETURNING d"),
        ("delete from t where a in (1, 2)", "DELETE FROM t"),
        ("select f(a) from t where b = 'x' order by 1 limit 3", "SELECT f(a) FROM t ORDER BY 1 LIMIT 3"),
        ("update t set a = $2 where b <> $1", "UPDATE t SET a = $2"),
        ("delete from t where a = $1 and $2 = t.b", None),
        ("select a from t where b = 'x'", None),
        ("select 1", None),
        ("insert into t select a from u where b = 5", "INSERT INTO t SELECT a FROM u"),
        ("insert into t values (1)", None),
        ("select extract(", None),
    ],
)
def test_what_literals_keep_from_every_row_is_widened(text: str, wider: str | None) -> None:
    assert on_every_row(text) == wider


@pytest.mark.parametrize(
    ("text", "wider"),
    [
        ("update t set a = $1, b = 2 where c = $2 returning d", "UPDATE t SET a = $1, b = 2 RETURNING d"),
        ("update t set a = $1::int", "UPDATE t SET a = $1::int"),
        ("update t set a = 1, b = b + $1 where c = $2", None),
        ("delete from t where a = $1", None),
        ("update t set a = extract($1", None),
        ("", None),
    ],
)
def test_a_change_to_values_of_parameters_may_be_one_of_every_row(text: str, wider: str | None) -> None:
    assert changing_every_row(text) == wider


@pytest.mark.parametrize(
    ("query", "whole"),
    [
        (" SELECT id FROM t WHERE gone IS NULL;", "SELECT id FROM t"),
        (" SELECT id FROM t JOIN u ON t.id = u.id WHERE t.a AND u.b;", "SELECT id FROM t JOIN u ON t.id = u.id"),
        (" SELECT id FROM t;", None),
        ("SELECT extract(", None),
    ],
)
def test_a_view_without_its_condition_shows_every_row(query: str, whole: str | None) -> None:
    assert of_every_row(query) == whole


def test_of_many_rows_one_is_kept() -> None:
    assert with_one_row("insert into t (a, b) values ($1, $2), ($3, $4)") == "INSERT INTO t (a, b) VALUES ($1, $2)"
    assert with_one_row("insert into t (a, b) values ($1, $2)") is None
    assert with_one_row("insert into t values (extract($1), 2), (3, 4)") is None


def test_literals_become_parameters_behind_those_that_are_there() -> None:
    assert with_parameters("insert into t values ($1, 5, 'x')") == "insert into t values ($1, $2, $3)"
    assert with_parameters("insert into t values ($1)") is None
    assert with_parameters("insert into") is None
