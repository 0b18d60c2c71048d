"""Rows of a table behind changes, as a query over the table as it was."""

from __future__ import annotations

from lockage.core.forecast.checks.images import Base, Computed, Image, Remaining, Renamed, quoted
from lockage.core.migration.demand_syntax import Expression

TYPES = {"a": "integer", "b": "text"}
BASE = Base("public.t")


def image(layer: Base | Computed | Remaining | Renamed) -> Image:
    return Image(relation="public.t", layer=layer, types=TYPES)


def test_a_table_that_nothing_has_changed_is_itself() -> None:
    assert image(BASE).source(("a", "b")) == "public.t"
    assert image(BASE).source(("a",), alias="child") == "public.t AS child"


def test_a_condition_changes_only_the_rows_that_it_is_true_for() -> None:
    filled = Computed(BASE, "t", {"a": Expression(sql="0")}, TYPES, Expression(sql="a IS NULL", columns=("a",)))
    assert image(filled).source(("a",)) == "(SELECT CASE WHEN a IS NULL THEN 0 ELSE t.a END AS a FROM public.t AS t) AS t"


def test_a_column_that_nobody_asks_for_is_not_computed() -> None:
    filled = Computed(BASE, "t", {"a": Expression(sql="0")}, TYPES)
    assert image(filled).source(("b",)) == "public.t"


def test_a_computed_column_brings_those_that_it_is_computed_from() -> None:
    below = Computed(BASE, "t", {"b": Expression(sql="'x'")}, TYPES)
    above = Computed(below, "t", {"a": Expression(sql="length(b)", columns=("b",))}, TYPES)
    assert "'x'" in image(above).source(("a",))


def test_deleted_rows_are_gone_and_those_of_which_nobody_knows_are_not() -> None:
    left = Remaining(BASE, "t", Expression(sql="a > 1", columns=("a",)))
    assert "(a > 1) IS NOT TRUE" in image(left).source(("a",))
    assert "WHERE false" in image(Remaining(BASE, "t", None)).source(("a",))


def test_a_renamed_column_is_asked_for_by_its_old_name() -> None:
    renamed = Image(relation="public.t", layer=Renamed(BASE, "a", "z"), types={"z": "integer", "b": "text"})
    assert "a AS z" in renamed.source(("z",))


def test_names_are_quoted_where_sql_needs_it() -> None:
    assert [quoted(name) for name in ("plain", "Order", "user", 'a"b', "1st")] == [
        "plain",
        '"Order"',
        '"user"',
        '"a""b"',
        '"1st"',
    ]
