"""Plans as their nodes."""

from __future__ import annotations

from lockage.core.forecast.plan_nodes import below, nodes_in, number_of, query_of, relations_in, top_of

SCAN = {"Node Type": "Seq Scan", "Relation OID": 7, "Plan Rows": 12}
LOOKUP = {"Node Type": "Index Scan", "Relation OID": 9, "Plan Rows": "many"}
JOIN = {"Node Type": "Hash Join", "Plan Rows": 3, "Plans": [SCAN, LOOKUP]}
INSERT = {"Plan": {"Node Type": "ModifyTable", "Relation OID": 8, "Plans": [JOIN]}}


def test_every_node_comes_after_its_parent_in_the_order_of_the_plan() -> None:
    assert [node["Node Type"] for node in nodes_in(INSERT)] == ["ModifyTable", "Hash Join", "Seq Scan", "Index Scan"]


def test_the_query_of_a_change_is_what_gives_its_rows() -> None:
    assert query_of(INSERT) == JOIN
    assert query_of({"Plan": SCAN}) == SCAN
    deletes_nothing = {"Node Type": "ModifyTable"}
    assert query_of({"Plan": deletes_nothing}) == deletes_nothing


def test_relations_are_those_that_the_trace_has_named() -> None:
    assert relations_in(INSERT) == {7, 8, 9}


def test_what_has_another_shape_is_passed_over() -> None:
    assert top_of({"Query Text": "select 1"}) is None
    assert query_of({"Plan": None}) is None
    assert list(nodes_in({"Plan": [SCAN]})) == []
    assert below({"Plans": [SCAN, None]}) == [SCAN]
    assert number_of(LOOKUP, "Plan Rows") is None
    assert number_of(SCAN, "Plan Rows") == 12.0
