"""What a query's text says of the columns that it writes."""

from __future__ import annotations

import pytest

from lockage.core.migration.syntax import ChangeKind, Name
from lockage.core.migration.writes import (
    Given,
    Write,
    changing_every_row,
    columns_that_decide,
    of_every_row,
    on_every_row,
    with_one_row,
    with_parameters,
    writes_of,
)

LITERAL, NULL, PARAMETER, COMPUTED = Given.LITERAL, Given.NULL, Given.PARAMETER, Given.COMPUTED


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("insert into t (a, b, c, d) values (1, $1, null, now())", {"a": LITERAL, "b": PARAMETER, "c": NULL, "d": COMPUTED}),
        ("insert into t (a, b) values (1, default)", {"a": LITERAL}),
        ("insert into t (a, b) values (1, 'x'), ($1, 'y')", {"a": PARAMETER, "b": LITERAL}),
        ("insert into t (a) values ($1::int)", {"a": PARAMETER}),
        ("insert into t values (1, $1)", {"x": LITERAL, "y": PARAMETER}),
        ("insert into t default values", {}),
        ("insert into t (a, b) select 1, z from u", {"a": LITERAL, "b": COMPUTED}),
        ("insert into t (a, b) select * from u", {"a": COMPUTED, "b": COMPUTED}),
        ("insert into t select * from u", {"x": COMPUTED, "y": COMPUTED}),
        ("update t set a = 5, b = b + 1, c = default where d = $1", {"a": LITERAL, "b": COMPUTED}),
    ],
)
def test_how_each_column_is_given_is_read(text: str, given: dict[str, Given]) -> None:
    (write,) = writes_of(text)
    assert write.relation == Name(schema=None, name="t")
    assert write.given(("x", "y")) == given


def test_every_write_of_a_statement_is_found() -> None:
    text = """with gone as (delete from a.t where x returning *)
        insert into u (i) select i from gone on conflict (i) do update set j = excluded.j"""
    assert {(write.kind, str(write.relation)) for write in writes_of(text)} == {
        (ChangeKind.DELETE, "a.t"),
        (ChangeKind.INSERT, "u"),
        (ChangeKind.UPDATE, "u"),
    }


def test_only_a_conflict_without_a_target_is_forgiven() -> None:
    assert [w.forgiving for w in writes_of("insert into t (a) values (1) on conflict do nothing")] == [True]
    assert [w.forgiving for w in writes_of("insert into t (a) values (1) on conflict (a) do nothing")] == [False]
    assert [w.target for w in writes_of("insert into t (a) values (1) on conflict (a, b) do nothing")] == [("a", "b")]
    assert [w.target for w in writes_of("insert into t (a) values (1) on conflict (lower(a)) do nothing")] == [()]


def test_the_columns_of_a_condition_are_those_that_decide() -> None:
    assert columns_that_decide("SELECT a, b FROM t WHERE ((t.state <> 'x'::text) AND (c > 1))") == ("state", "c")
    assert columns_that_decide("SELECT a FROM t") == ()


def test_of_a_merge_each_action_is_a_write_and_what_does_not_parse_is_none() -> None:
    t = Name(schema=None, name="t")
    assert writes_of(
        "merge into t using u on t.i = u.i when matched and u.x then update set a = 1 when matched then delete"
        " when not matched then insert (i, b) values (u.i, default)"
    ) == (
        Write(kind=ChangeKind.UPDATE, relation=t, columns=(("a", LITERAL),)),
        Write(kind=ChangeKind.DELETE, relation=t),
        Write(kind=ChangeKind.INSERT, relation=t, columns=(("i", COMPUTED),), selects=True),
    )
    assert writes_of("insert into t values (extract($1") == ()


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
