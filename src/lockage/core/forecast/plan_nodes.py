"""The nodes of a plan, as ``EXPLAIN (FORMAT JSON)`` prints it, with the oids that the trace has put into it.

Not for what a plan costs (``duration.finding``) or says of rows (``planned``). The surprising thing: whatever has another shape
than expected is passed over, since each major prints other things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

Node: TypeAlias = Mapping[str, object]


def top_of(plan: Mapping[str, object]) -> Node | None:
    """Its outermost node."""
    node = plan.get("Plan")
    return cast("Node", node) if isinstance(node, Mapping) else None


def below(node: Node) -> list[Node]:
    """The nodes right below one, in order."""
    found = node.get("Plans")
    listed = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Node", one) for one in listed if isinstance(one, Mapping)]


def nodes_in(plan: Mapping[str, object]) -> Iterator[Node]:
    """All of its nodes, a parent before its children."""
    top = top_of(plan)
    waiting = [] if top is None else [top]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(below(node)))


def query_of(plan: Mapping[str, object]) -> Node | None:
    """The node whose rows the plan gives, or puts into a table."""
    node = top_of(plan)
    while node is not None and node.get("Node Type") == "ModifyTable" and below(node):
        node = below(node)[0]
    return node


def relation_of(node: Node) -> int | None:
    """Oid of the relation that a node reads or changes; None where it names none that is known."""
    oid = node.get("Relation OID")
    return oid if isinstance(oid, int) else None


def relations_in(plan: Mapping[str, object]) -> frozenset[int]:
    """Oids of all relations that it reads or changes."""
    return frozenset(oid for node in nodes_in(plan) if (oid := relation_of(node)) is not None)


def number_of(node: Node, name: str) -> float | None:
    """A figure of a node, such as ``Plan Rows``; None where it has none."""
    value = node.get(name)
    return float(value) if isinstance(value, int | float) else None
