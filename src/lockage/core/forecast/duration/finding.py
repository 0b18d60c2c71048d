"""How much work a plan is beside changing rows: its scans, joins, sorts and aggregates.

Not for the rows that a statement changes. The surprising thing: the shadow's tables are empty, so nothing is known of how long
a plan ran; but its row counts are production's, and the tables' real sizes are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from lockage.core.forecast.duration.building import scanning
from lockage.core.forecast.duration.cost import FREE, Cost
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Table

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
    return _node(plan.get("Plan"), 1.0, 1.0, table_of, speeds, work)


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


def relations_of(plan: Mapping[str, object]) -> frozenset[int]:
    """The oids of the tables that it reads."""
    oids = (node.get("Relation OID") for node in _nodes(plan.get("Plan")))
    return frozenset(oid for oid in oids if isinstance(oid, int))


def further_columns(plan: Mapping[str, object]) -> int:
    """Columns by which it joins, beyond the first."""
    conditions = (str(node.get(name, "")) for node in _nodes(plan.get("Plan")) for name in ("Hash Cond", "Merge Cond"))
    return max((condition.count(" AND ") for condition in conditions), default=0)


def given_columns(plans: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Names of the columns that the first plan's rows are made of, as far as its output lists them."""
    node = next((plan.get("Plan") for plan in plans), None)
    while isinstance(node, Mapping):
        tree = cast("Mapping[str, object]", node)
        below = _children(tree)
        output = tree.get("Output")
        if isinstance(output, list) and tree.get("Node Type") != "ModifyTable":
            words = (str(one).strip("()") for one in cast("list[object]", output))
            return tuple(word.rpartition(".")[2].strip('"') for word in words)
        node = below[0] if below else None
    return ()


def is_parallel(plan: Mapping[str, object]) -> bool:
    """Whether several processes would share it."""
    return any(str(node.get("Node Type", "")).startswith("Gather") for node in _nodes(plan.get("Plan")))


def _node(
    node: object, loops: float, share: float, table_of: Callable[[int], Table | None], speeds: Speeds, work: Work
) -> Cost:
    """``share``: of its rows that are asked for, which a Limit above decides."""
    if not isinstance(node, Mapping):
        return FREE
    tree = cast("Mapping[str, object]", node)
    kind = str(tree.get("Node Type"))
    share = 1.0 if kind in _WHOLE else share
    children = _children(tree)
    whole = _own(tree, kind, loops, share, table_of, speeds, work)
    if kind == "Limit" and children:
        share *= min(1.0, _rows(tree) / max(_rows(children[0]), 1.0))
    for place, child in enumerate(children):
        again = _rows(children[0]) * loops * share if kind == "Nested Loop" and place == 1 else loops
        whole += _node(child, max(again, 1.0), 1.0 if kind == "Nested Loop" and place == 1 else share, table_of, speeds, work)
    return whole


def _own(
    tree: Mapping[str, object],
    kind: str,
    loops: float,
    share: float,
    table_of: Callable[[int], Table | None],
    speeds: Speeds,
    work: Work,
) -> Cost:
    rows = _rows(tree) * loops * share
    oid = tree.get("Relation OID")
    table = table_of(oid) if isinstance(oid, int) and kind != "ModifyTable" else None
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
        below = sum(_rows(child) for child in _children(tree)) * loops * share
        return Cost(cpu_s=below * work.join_row_s * _PASSED[kind])
    return FREE


def _spilled(tree: Mapping[str, object], rows: float, room_bytes: float) -> Cost:
    """What does not fit into memory is written to a file and read again."""
    width = tree.get("Plan Width")
    held = rows * (_SORTED_HEADER_BYTES + (float(width) if isinstance(width, int | float) else 0.0))
    return Cost(read_bytes=held, file_bytes=held) if held > room_bytes else FREE


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
