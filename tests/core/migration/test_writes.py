"""What a query's text says of the columns that it writes."""

from __future__ import annotations

import pytest

from lockage.core.migration.syntax import ChangeKind, Name
from lockage.core.migration.writes import (
    Given,
    Write,
    columns_that_decide,
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
