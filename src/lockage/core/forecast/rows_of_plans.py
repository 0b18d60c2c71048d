"""Which relations' rows a statement's plans say that it changes or locks.

Not for what foreign keys do beside (``rows``): they have no plan where there is no row. The surprising thing: a plan says more
than the text, which names a view or a partitioned table, and less, since it does not tell which rows a condition spares.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import cast

from lockage.core.forecast.lock_modes import WRITE_TAKES
from lockage.core.forecast.plan_nodes import Node, below, nodes_in, relation_of
from lockage.core.forecast.rows import LOCKED, MAY_INSERT, RowLock
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.core.migration.unmet import unmet_text

_NOTHING_TOLD: Mapping[str, Container[int]] = {}
_NO_RULES = CatalogRules()


def row_locks_of_plans(
    plans: Iterable[Mapping[str, object]],
    *,
    mark: CatalogMark,
    rules: CatalogRules = _NO_RULES,
    told: Mapping[str, Container[int]] = _NOTHING_TOLD,
) -> tuple[RowLock, ...]:
    """Relations that plans say are changed: what views and rules lead to, which no text shows.

    ``told``: by the text of a query, the relations of which it says itself what becomes of their rows; they are left out.
    """
    found: dict[int, RowLock] = {}
    for plan in plans:
        said = told.get(str(plan.get("Query Text", "")), ())
        for node in nodes_in(plan):
            if node.get("Node Type") != "ModifyTable" or not _changes_rows(node, rules):
                continue
            oid = relation_of(node)
            if oid is not None and oid in mark.relations and oid not in said:
                strong = node.get("Operation") != "Update" or (oid in found and found[oid].strong)
                surely = node.get("Operation") != "Merge" or (oid in found and found[oid].doubt is None)
                found[oid] = RowLock(oid=oid, mode=WRITE_TAKES, strong=strong, doubt=None if surely else MAY_INSERT)
    return tuple(found.values())


def as_doubted(planned: Iterable[RowLock], read: Iterable[RowLock]) -> tuple[RowLock, ...]:
    """What plans say, with the doubts of what texts say of the same tables: a plan does not tell whether any row is met."""
    doubts: dict[int, str | None] = {}
    for lock in read:
        if lock.rows and not lock.referred:
            doubts[lock.oid] = lock.doubt if doubts.get(lock.oid, lock.doubt) is not None else None
    return tuple(replace(lock, doubt=lock.doubt or doubts.get(lock.oid)) for lock in planned)


def _changes_rows(node: Node, rules: CatalogRules) -> bool:
    """Whether a ModifyTable finds rows that are there; under WHERE FALSE it never does."""
    return node.get("Operation") in {"Update", "Delete", "Merge"} and not _is_idle(node, rules)


_PASSES_ON = {"LockRows", "Limit", "Sort", "Incremental Sort", "Subquery Scan", "Unique", "Append", "Merge Append"}
"""Nodes that give no row where they get none. An aggregate gives one."""


def _is_idle(node: Node, rules: CatalogRules) -> bool:
    """Whether a node that changes or locks rows gets none, whatever the tables hold."""
    return any(_gives_none(source, rules) for source in below(node)[:1])


def _gives_none(node: Node, rules: CatalogRules) -> bool:
    if node.get("One-Time Filter") == "false":
        return True
    # A plan names each column behind what its table is called in the query.
    not_null = {(str(node.get("Alias")), column) for column in rules.not_null.get(relation_of(node) or 0, ())}
    if any(unmet_text(str(node.get(name, "")), not_null=not_null) for name in _CONDITIONS):
        return True
    passes_on = node.get("Node Type") in _PASSES_ON and not node.get("Subplans Removed")
    return passes_on and bool(below(node)) and all(_gives_none(source, rules) for source in below(node))


_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond")
"""What every row that a scan gives has met. Of a join this may hold for one side alone."""


def idle_in(plans: Iterable[Mapping[str, object]], text: str, rules: CatalogRules = _NO_RULES) -> frozenset[int]:
    """The tables of which a statement, by all of its plans, meets and makes no row; ``LOCKED`` where it locks none."""
    idle: set[int | None] = set()
    busy: set[int | None] = {None}
    for plan in plans:
        for node in nodes_in(plan) if plan.get("Query Text") == text else ():
            if node.get("Node Type") in {"ModifyTable", "LockRows"}:
                what = LOCKED if node.get("Node Type") == "LockRows" else relation_of(node)
                (idle if _is_idle(node, rules) else busy).add(what)
    return frozenset(oid for oid in idle if oid is not None and oid not in busy)


def targets_of(plans: Iterable[Mapping[str, object]], text: str) -> Mapping[int, frozenset[int]]:
    """By the table that a statement names: the tables that its plan changes rows of, itself, partitions and heirs."""
    found: dict[int, frozenset[int]] = {}
    for plan in plans:
        nodes = list(nodes_in(plan)) if plan.get("Query Text") == text else []
        if any(node.get("Node Type") == "LockRows" for node in nodes):
            found[LOCKED] = _oids(nodes)
        for node in nodes:
            oid = relation_of(node)
            if node.get("Node Type") == "ModifyTable" and oid is not None:
                targets = node.get("Target Tables")
                listed = cast("list[Node]", targets) if isinstance(targets, list) else [node]
                found[oid] = found.get(oid, frozenset()) | _oids(listed)
    return found


def _oids(nodes: Iterable[Node]) -> frozenset[int]:
    return frozenset(oid for node in nodes if (oid := relation_of(node)) is not None)
