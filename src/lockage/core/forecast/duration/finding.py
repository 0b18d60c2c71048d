"""How much work a plan is beside changing rows: its scans, joins, sorts and aggregates.

Not for the rows that a statement changes. The surprising thing: the shadow's tables are empty, so nothing is known of how long
a plan ran; but its row counts are production's, and the tables' real sizes are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from lockage.core.forecast.duration.building import scanning
from lockage.core.forecast.duration.cost import FREE, Cost
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Table

_BY_INDEX = {"Index Scan": 0.3, "Index Only Scan": 0.02, "Bitmap Heap Scan": 0.2, "Tid Scan": 0.3, "Tid Range Scan": 0.05}
"""Shares of a probe that each further row of one takes."""
_HASHED = {"Hash", "HashAggregate", "SetOp", "Memoize"}
_SORTED = {"Sort", "Incremental Sort"}
_PASSED = {"Aggregate", "Group", "WindowAgg", "Unique", "Merge Join", "Hash Join", "Nested Loop", "ProjectSet", "Materialize"}


def finding(plan: Mapping[str, object], table_of: Callable[[int], Table | None], speeds: Speeds, *, work: Work = WORK) -> Cost:
    """Everything below and beside the changes of one plan, as ``EXPLAIN (FORMAT JSON)`` prints it."""
    return _node(plan.get("Plan"), 1.0, table_of, speeds, work)


def result(plan: Mapping[str, object]) -> tuple[float, float] | None:
    """Rows and their width, headers not counted, that a plan gives or puts into a table; None where it does not say."""
    node = plan.get("Plan")
    if not isinstance(node, Mapping):
        return None
    top = cast("Mapping[str, object]", node)
    while top.get("Node Type") == "ModifyTable" and _children(top):
        top = _children(top)[0]
    rows, width = top.get("Plan Rows"), top.get("Plan Width")
    return (float(rows), float(width)) if isinstance(rows, int | float) and isinstance(width, int | float) else None


def is_parallel(plan: Mapping[str, object]) -> bool:
    """Whether several processes would share it."""
    return any(str(node.get("Node Type", "")).startswith("Gather") for node in _nodes(plan.get("Plan")))


def _node(node: object, loops: float, table_of: Callable[[int], Table | None], speeds: Speeds, work: Work) -> Cost:
    if not isinstance(node, Mapping):
        return FREE
    tree = cast("Mapping[str, object]", node)
    kind, rows = str(tree.get("Node Type")), _rows(tree) * loops
    children = _children(tree)
    whole = _own(tree, kind, rows, loops, table_of, speeds, work)
    for place, child in enumerate(children):
        again = _rows(children[0]) * loops if kind == "Nested Loop" and place == 1 else loops
        whole += _node(child, max(again, 1.0), table_of, speeds, work)
    return whole


def _own(
    tree: Mapping[str, object],
    kind: str,
    rows: float,
    loops: float,
    table_of: Callable[[int], Table | None],
    speeds: Speeds,
    work: Work,
) -> Cost:
    oid = tree.get("Relation OID")
    table = table_of(oid) if isinstance(oid, int) and kind != "ModifyTable" else None
    if kind in _BY_INDEX:
        return Cost(cpu_s=(rows * _BY_INDEX[kind] + loops) * work.probe_s)
    if table is not None:
        return scanning(table, speeds, conditions=int("Filter" in tree), work=work).times(loops)
    if kind in _SORTED:
        return Cost(cpu_s=rows * work.sort_text_s * math.log2(max(rows, 2.0)))
    if kind in _HASHED:
        return Cost(cpu_s=rows * work.join_row_s)
    if kind in _PASSED:
        below = sum(_rows(child) for child in _children(tree)) * loops
        return Cost(cpu_s=below * work.join_row_s / 2)
    return FREE


def _rows(tree: Mapping[str, object]) -> float:
    rows = tree.get("Plan Rows")
    return float(rows) if isinstance(rows, int | float) else 0.0


def _children(tree: Mapping[str, object]) -> list[Mapping[str, object]]:
    below = tree.get("Plans")
    return cast("list[Mapping[str, object]]", below) if isinstance(below, list) else []


def _nodes(node: object) -> Iterator[Mapping[str, object]]:
    if isinstance(node, Mapping):
        tree = cast("Mapping[str, object]", node)
        yield tree
        for child in _children(tree):
            yield from _nodes(child)
