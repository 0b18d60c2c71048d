"""What the shadow's planner expects of a traced statement: rows, and how wide they are.

Not for costs, which are those of a shadow. The surprising thing: the figures are production's, for the shadow has production's
statistics and sizes, and is told what the script has made of them.
"""

from __future__ import annotations

from lockage.core.forecast.plan_nodes import below, number_of, query_of, relation_of, top_of
from lockage.core.forecast.ran import plans_of
from lockage.core.forecast.trace import Traced

ROW_HEADER_BYTES = 32.0
"""A row's header, line pointer and alignment, beside its columns. Source: PostgreSQL 18 manual, "Database Page Layout"."""


def planned_rows(step: Traced, oid: int) -> float | None:
    """Rows of a relation that the planner expects the statement to change; the shadow has production's statistics."""
    for plan in plans_of(step):
        top = top_of(plan)
        if top is not None and top.get("Node Type") == "ModifyTable" and relation_of(top) == oid and below(top):
            return number_of(below(top)[0], "Plan Rows")
    return None


def result_rows(step: Traced) -> float | None:
    """Rows that the planner expects of a query whose result the statement keeps."""
    return _of_query(step, "Plan Rows")


def planned_bytes(step: Traced) -> float | None:
    """Width of the rows that the statement makes, headers included, as the planner expects it."""
    width = _of_query(step, "Plan Width")
    return width + ROW_HEADER_BYTES if width else None


def _of_query(step: Traced, what: str) -> float | None:
    for plan in plans_of(step)[:1]:
        node = query_of(plan)
        return None if node is None else number_of(node, what)
    return None
