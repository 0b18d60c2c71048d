"""What a plan takes beside the rows that it changes."""

from __future__ import annotations

from lockage.core.forecast.duration.finding import finding, given_columns
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER
from lockage.core.forecast.duration.structure import Table
from lockage.core.forecast.plan_nodes import relations_in

TABLE = Table(
    oid=7,
    rows=1_000_000,
    row_bytes=100.0,
    file_bytes=1e8,
    toast_bytes=0.0,
    dead_rows=0.0,
    indexes=(),
    known=True,
    hit_ratio=None,
)

Plan = dict[str, object]

SCAN: Plan = {"Node Type": "Seq Scan", "Plan Rows": 1_000_000, "Plan Width": 80, "Relation OID": 7, "Output": ["t.a", "t.b"]}


def nothing_of(_: int) -> Table | None:
    return None


def cpu_s(plan: Plan) -> float:
    return finding({"Plan": plan}, {7: TABLE}.get, UNKNOWN_SERVER).cpu_s


def above(kind: str, below: Plan, **also: object) -> Plan:
    return {"Node Type": kind, "Plan Rows": below["Plan Rows"], "Plan Width": 80, "Plans": [below], **also}


def limited(below: Plan) -> Plan:
    return {"Node Type": "Limit", "Plan Rows": 1_000, "Plan Width": 80, "Plans": [below]}


def test_a_limit_spares_what_is_below_it_unless_that_must_see_everything() -> None:
    assert cpu_s(limited(SCAN)) < cpu_s(SCAN) / 100
    assert cpu_s(limited(above("Sort", SCAN))) > cpu_s(SCAN)


def test_a_sort_that_does_not_fit_into_memory_is_written_and_read_again() -> None:
    few: Plan = {**SCAN, "Plan Rows": 10_000}
    small, large = (finding({"Plan": above("Sort", below)}, nothing_of, UNKNOWN_SERVER) for below in (few, SCAN))
    assert small.file_bytes == 0
    assert large.file_bytes >= 1_000_000 * 80


def test_a_plan_tells_its_tables_and_the_columns_that_it_gives() -> None:
    plan: Plan = {"Plan": {"Node Type": "ModifyTable", "Relation OID": 9, "Plans": [SCAN]}}
    assert relations_in(plan) == {7, 9}
    assert given_columns([plan]) == ("a", "b")
