"""What a trace looks at of a long run of alike statements, and what it leaves.

Not for executing them (``trace_script``). The surprising thing: every statement is executed, and it is plans that are spared,
because a server takes longer to write one down than to change a row.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from lockage.core.forecast.names import descendants, resolve
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.core.migration.gathered import shape_of
from lockage.core.migration.syntax import Statement

PLANS_OF_A_SHAPE = 20
"""Statements of a run whose plans are kept, of each shape: the rest differ in their constants."""

COMMITTED_AT_ONCE = 200
"""Statements of a run that each commit by themselves, and that are executed in one transaction all the same."""

FAILURES_TOLD = 20
"""Statements of a run that are traced by themselves because they fail; with more, the rest of the run is taken to fail."""


def planned_of(run: Sequence[Statement], *, mark: CatalogMark, rules: CatalogRules) -> frozenset[int]:
    """Places in a run of the statements whose plans tell more: the first of each shape, or all where something else fires."""
    names = {name for statement in run for name in statement.names}
    tables = [table for name in names for table in resolve(name, mark)]
    oids = {oid for table in tables for oid in (table.oid, *(below.oid for below in descendants(table.oid, mark)))}
    if oids & {each.table_oid for each in (*rules.triggers, *rules.rewrites)} or any(table.kind == "v" for table in tables):
        return frozenset(range(len(run)))
    places: dict[object, list[int]] = {}
    for place, statement in enumerate(run):
        places.setdefault(shape_of(statement), []).append(place)
    return frozenset(place for those in places.values() for place in those[:PLANS_OF_A_SHAPE])


def plans_by_text(observation: Observation, texts: Container[str]) -> Mapping[str, tuple[Mapping[str, object], ...]]:
    """By a statement's text its plan, with those of what ran inside it, which ended before it."""
    found: dict[str, tuple[Mapping[str, object], ...]] = {}
    inside: list[Mapping[str, object]] = []
    for plan in observation.plans:
        inside.append(plan)
        if (text := str(plan.get("Query Text", ""))) in texts:
            found[text], inside = tuple(inside), []
    return found
