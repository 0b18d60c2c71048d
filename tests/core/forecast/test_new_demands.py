"""What a database demands in addition."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lockage.core.forecast.new_demands import new_demands
from lockage.core.forecast.strictness import (
    Column,
    Constraint,
    Demanding,
    Strictness,
    Watch,
    lost_labels,
    newly_secured,
)
from lockage.core.migration.syntax import ChangeKind


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


def divided(*bounds: str, never_null: bool = True) -> Strictness:
    table = Demanding(name="public.t", kind="p", columns={}, partitions=frozenset(bounds), key_never_null=never_null)
    return Strictness(tables={8: table})


@pytest.mark.parametrize(
    ("bounds", "refuses"),
    [
        (("FOR VALUES FROM (MINVALUE) TO ('5')", "FOR VALUES FROM ('5') TO (MAXVALUE)"), False),
        (("FOR VALUES FROM (MINVALUE) TO ('5')", "FOR VALUES FROM ('6') TO (MAXVALUE)"), True),
        (("FOR VALUES FROM ('1') TO ('5')",), True),
        (("FOR VALUES IN ('a')",), True),
        (("FOR VALUES IN ('a')", "DEFAULT"), False),
        (("FOR VALUES WITH (modulus 2, remainder 0)", "FOR VALUES WITH (modulus 2, remainder 1)"), False),
        (("FOR VALUES WITH (modulus 2, remainder 0)",), True),
        ((), True),
    ],
)
def test_a_divided_table_refuses_rows_unless_its_partitions_take_all(bounds: tuple[str, ...], refuses: bool) -> None:
    assert [demand.sqlstate for demand in new_demands(one(), divided(*bounds))] == ["23514"] * refuses


def test_a_range_without_end_does_not_take_null() -> None:
    everything = divided("FOR VALUES FROM (MINVALUE) TO (MAXVALUE)", never_null=False)
    assert [demand.sqlstate for demand in new_demands(one(), everything)] == ["23514"]


def referring(*, not_null: bool, on_delete: str = "n") -> Strictness:
    made = Constraint(
        oid=3, kind="f", name="fk", definition="", columns=("a",), other_oid=9, on_delete=on_delete, on_update="a"
    )
    return one([made], not_null=not_null)


def test_a_reference_that_is_set_to_null_where_that_is_forbidden_fails_when_its_row_goes() -> None:
    def of_parent(after: Strictness) -> list[tuple[str, bool]]:
        return [(d.sqlstate, d.omitted) for d in new_demands(referring(not_null=False), after) if d.oid == 9]

    assert of_parent(referring(not_null=True)) == [("23502", False)]
    assert of_parent(referring(not_null=True, on_delete="c")) == []
    assert of_parent(referring(not_null=False)) == []


def filled(source: str, *, before: bool) -> Strictness:
    column = Column(name="a", type="text", type_oid=25, not_null=True, has_default=False)
    trigger = Watch(oid=4, name="w", events=frozenset({ChangeKind.INSERT}), source=source, before=before)
    return Strictness(tables={7: Demanding(name="public.t", kind="r", columns={1: column}, triggers=(trigger,))})


@pytest.mark.parametrize(
    ("source", "before", "demanded"),
    [
        ("begin new.a := 'x'; return new; end", True, False),
        ("begin new.b := 'x'; return new; end", True, True),
        ("begin new.a := 'x'; return new; end", False, True),
    ],
)
def test_what_a_trigger_fills_need_not_be_given(source: str, *, before: bool, demanded: bool) -> None:
    demands = new_demands(one(), filled(source, before=before))
    assert any(demand.omitted for demand in demands) is demanded


def test_a_view_that_refuses_what_it_would_not_show_is_a_demand() -> None:
    shown = Demanding(name="public.t", kind="v", columns={}, checked=("state",))
    assert [(d.sqlstate, d.columns) for d in new_demands(one(), Strictness(tables={8: shown}))] == [("44000", ("state",))]


def watched(source: str, *columns: str) -> Strictness:
    trigger = Watch(oid=4, name="w", events=frozenset({ChangeKind.UPDATE}), source=source)
    named = {
        place: Column(name=name, type="text", type_oid=25, not_null=False, has_default=False)
        for place, name in enumerate(columns, start=1)
    }
    return Strictness(tables={7: Demanding(name="public.t", kind="r", columns=named, triggers=(trigger,))})


@pytest.mark.parametrize(
    ("source", "demanded"),
    [
        ("if new.a > 5 then perform old.b; end if;", ["42703"]),
        ('perform new."b";', ["42703"]),
        ("perform NEW.A;", []),
        ("perform new.elsewhere;", []),  # it was not there before either
    ],
)
def test_a_trigger_that_names_a_column_which_is_gone_may_fail(source: str, demanded: list[str]) -> None:
    demands = new_demands(watched(source, "a", "b"), watched(source, "a"))
    assert [demand.sqlstate for demand in demands] == demanded
