"""What a database demands in addition, and which types are narrower than others."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lockage.core.forecast.strictness import (
    Column,
    Constraint,
    Demanding,
    Strictness,
    is_narrower,
    lost_labels,
    new_demands,
    newly_secured,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("character varying(50)", "character varying(20)"),
        ("text", "character varying(20)"),
        ("character varying(20)[]", "character varying(10)[]"),
        ("bigint", "integer"),
        ("integer", "smallint"),
        ("numeric(12,2)", "numeric(8,2)"),
        ("numeric(12,2)", "numeric(12,4)"),
        ("numeric", "integer"),
        ("double precision", "real"),
        ("bigint", "numeric(10,0)"),
    ],
)
def test_a_type_that_takes_fewer_values_is_narrower_and_never_the_other_way(before: str, after: str) -> None:
    assert is_narrower(before, after)
    assert not is_narrower(after, before)


@pytest.mark.parametrize(("before", "after"), [("text", "uuid"), ("integer", "text"), ("date", "timestamp"), ("text", "text")])
def test_types_of_different_families_are_not_compared(before: str, after: str) -> None:
    assert not is_narrower(before, after)


def one(constraints: Iterable[Constraint] = (), *, not_null: bool = False, secured: bool = False) -> Strictness:
    column = Column(name="a", type="text", type_oid=25, not_null=not_null, has_default=False)
    table = Demanding(name="public.t", kind="r", columns={1: column}, constraints=tuple(constraints), secured=secured)
    return Strictness(tables={7: table})


def check(definition: str, *, oid: int = 1) -> Constraint:
    return Constraint(oid=oid, kind="c", name="k", definition=definition, columns=("a",))


def key(*columns: str, oid: int = 1) -> Constraint:
    return Constraint(oid=oid, kind="u", name="k", definition=", ".join(columns), columns=columns)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (check("CHECK ((a > 0))"), check("CHECK ((a > 0))", oid=2)),  # made anew
        (check("CHECK ((a > 0))"), check("CHECK ((b > 0))")),  # the same, of a renamed column
        (
            check("CHECK ((a = ANY (ARRAY['x'::text, 'y'::text])))"),
            check("CHECK ((a = ANY (ARRAY['x'::text, 'y'::text, 'z'::text])))", oid=2),
        ),
        (key("a"), key("a", oid=2)),
        (key("a"), key("a", "b", oid=2)),
    ],
)
def test_a_demand_that_was_there_before_is_not_new(before: Constraint, after: Constraint) -> None:
    assert new_demands(one([before]), one([after])) == ()


@pytest.mark.parametrize(
    ("before", "after", "sqlstate"),
    [
        ((), check("CHECK ((a > 0))"), "23514"),
        ((check("CHECK ((a = ANY (ARRAY['x'::text, 'y'::text])))"),), check("CHECK ((a = 'x'::text))", oid=2), "23514"),
        ((), key("a"), "23505"),
        ((key("a", "b"),), key("a", oid=2), "23505"),
    ],
)
def test_a_demand_that_was_not_there_is_new(before: Iterable[Constraint], after: Constraint, sqlstate: str) -> None:
    assert [demand.sqlstate for demand in new_demands(one(before), one([after]))] == [sqlstate]


def test_not_null_is_a_demand_and_allowing_null_is_none() -> None:
    demands = new_demands(one(), one(not_null=True))
    assert [(demand.sqlstate, demand.columns, demand.omitted) for demand in demands] == [
        ("23502", ("a",), False),
        ("23502", ("a",), True),
    ]
    assert new_demands(one(not_null=True), one()) == ()


def test_a_table_of_the_script_demands_nothing_of_the_old_release() -> None:
    assert new_demands(Strictness(), one([check("CHECK (false)")], not_null=True)) == ()


def test_labels_that_are_gone_and_tables_that_were_secured_are_told() -> None:
    assert lost_labels(Strictness(labels={5: frozenset("ab")}), Strictness(labels={5: frozenset("bc")})) == {5: {"a"}}
    assert lost_labels(Strictness(labels={5: frozenset("ab")}), Strictness()) == {}
    assert newly_secured(one(), one(secured=True)) == ("public.t",)
    assert newly_secured(one(secured=True), one(secured=True)) == ()
