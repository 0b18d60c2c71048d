"""How much work a plan is beside changing rows: its scans, joins, sorts and aggregates.

Not for the rows that a statement changes. The surprising thing: the shadow's tables are empty, so nothing is known of how long
a plan ran; but its row counts are production's, and the tables' real sizes are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from lockage.core.forecast.duration.building import scanning
from lockage.core.forecast.duration.cost import FREE, Cost
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Table
from lockage.core.forecast.plan_nodes import Node, below, nodes_in, number_of, query_of, relation_of, top_of

_BY_INDEX = {"Index Scan": 0.3, "Index Only Scan": 0.02, "Bitmap Heap Scan": 0.2, "Tid Scan": 0.3, "Tid Range Scan": 0.05}
"""Shares of a probe that each further row of one takes."""
_HASHED = {"Hash", "HashAggregate", "SetOp", "Memoize"}
_SORTED = {"Sort", "Incremental Sort"}
_PASSED = {
    "Aggregate": 0.5,
    "Group": 0.5,
    "WindowAgg": 2.0,
    "Unique": 0.5,
    "Merge Join": 0.5,
    "Hash Join": 0.5,
    "Nested Loop": 0.5,
    "ProjectSet": 0.5,
    "Materialize": 0.5,
}
"""Shares of a hashed row's time that each row takes that comes in."""

_WHOLE = {*_HASHED, *_SORTED, "Aggregate", "WindowAgg", "Materialize"}
"""Those that read everything below them before they give anything, so that a Limit above spares nothing."""

_SORTED_HEADER_BYTES = 24.0
"""Of a row in a sort or a hash. Source: access/htup_details.h, MinimalTuple, aligned."""


def finding(plan: Mapping[str, object], table_of: Callable[[int], Table | None], speeds: Speeds, *, work: Work = WORK) -> Cost:
    """Everything below and beside the changes of one plan, as ``EXPLAIN (FORMAT JSON)`` prints it."""
    node = top_of(plan)
    return FREE if node is None else _node(node, 1.0, 1.0, table_of, speeds, work)


def result(plan: Mapping[str, object]) -> tuple[float, float] | None:
    """Rows and their width, headers not counted, that a plan gives or puts into a table; None where it does not say."""
    node = query_of(plan)
    if node is None:
        return None
    rows, width = number_of(node, "Plan Rows"), number_of(node, "Plan Width")
    return (rows, width) if rows is not None and width is not None else None


def further_columns(plan: Mapping[str, object]) -> int:
    """Columns by which it joins, beyond the first."""
    conditions = (str(node.get(name, "")) for node in nodes_in(plan) for name in ("Hash Cond", "Merge Cond"))
    return max((condition.count(" AND ") for condition in conditions), default=0)


def given_columns(plans: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Names of the columns that the first plan's rows are made of, as far as its output lists them."""
    node = next((top_of(plan) for plan in plans), None)
    while node is not None:
        output = node.get("Output")
        if isinstance(output, list) and node.get("Node Type") != "ModifyTable":
            words = (str(one).strip("()") for one in cast("list[object]", output))
            return tuple(word.rpartition(".")[2].strip('"') for word in words)
        node = next(iter(below(node)), None)
    return ()


def is_parallel(plan: Mapping[str, object]) -> bool:
    """Whether several processes would share it."""
    return any(str(node.get("Node Type", "")).startswith("Gather") for node in nodes_in(plan))


def _node(tree: Node, loops: float, share: float, table_of: Callable[[int], Table | None], speeds: Speeds, work: Work) -> Cost:
    """``share``: of its rows that are asked for, which a Limit above decides."""
    kind = str(tree.get("Node Type"))
    share = 1.0 if kind in _WHOLE else share
    children = below(tree)
    whole = _own(tree, kind, loops, share, table_of, speeds, work)
    if kind == "Limit" and children:
        share *= min(1.0, _rows(tree) / max(_rows(children[0]), 1.0))
    for place, child in enumerate(children):
        again = _rows(children[0]) * loops * share if kind == "Nested Loop" and place == 1 else loops
        whole += _node(child, max(again, 1.0), 1.0 if kind == "Nested Loop" and place == 1 else share, table_of, speeds, work)
    return whole


def _own(
    tree: Node,
    kind: str,
    loops: float,
    share: float,
    table_of: Callable[[int], Table | None],
    speeds: Speeds,
    work: Work,
) -> Cost:
    rows = _rows(tree) * loops * share
    oid = relation_of(tree)
    table = table_of(oid) if oid is not None and kind != "ModifyTable" else None
    if kind in _BY_INDEX:
        return Cost(cpu_s=(rows * _BY_INDEX[kind] + loops) * work.probe_s)
    if table is not None:
        return scanning(table, speeds, conditions=int("Filter" in tree), work=work).times(loops * share)
    if kind in _SORTED:
        compared = Cost(cpu_s=rows * work.sort_text_s * math.log2(max(rows, 2.0)))
        return compared + _spilled(tree, rows, speeds.work_bytes)
    if kind in _HASHED:
        return Cost(cpu_s=rows * work.join_row_s) + _spilled(tree, rows, speeds.hash_bytes)
    if kind in _PASSED:
        passed = sum(_rows(child) for child in below(tree)) * loops * share
        return Cost(cpu_s=passed * work.join_row_s * _PASSED[kind])
    return FREE


def _spilled(tree: Node, rows: float, room_bytes: float) -> Cost:
    """What does not fit into memory is written to a file and read again."""
    held = rows * (_SORTED_HEADER_BYTES + (number_of(tree, "Plan Width") or 0.0))
    return Cost(read_bytes=held, file_bytes=held) if held > room_bytes else FREE


def _rows(tree: Node) -> float:
    return number_of(tree, "Plan Rows") or 0.0
