"""Changes of a view's rows as changes of the table below it, where PostgreSQL passes them on as they are.

Not for views with triggers or rules in the place of a change: what those do only a plan tells. The surprising thing: a column
may have another name in the view, so which key of the table an UPDATE changes does not stand in its text.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from lockage.core.forecast.names import meant
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, CatalogRules, ViewBelow
from lockage.core.migration.syntax import Change, ChangeKind, Name

_NO_COLUMN = ""
"""In the place of a view's column that is none of the table's."""


def below_views(change: Change, *, mark: CatalogMark, rules: CatalogRules, held: Container[int] | None) -> Change | None:
    """The change of the table below; the same change where it names no view, None where only a plan can say what it does."""
    relations = meant(change.relation, mark, held)
    if not any(relation.kind == "v" for relation in relations):
        return change
    view = relations[0]
    seen: set[int] = set()
    while view.kind == "v":
        below = rules.views_below.get(view.oid, ())
        if len(relations) != 1 or len(below) != 1 or view.oid in seen or _is_replaced(change, view, rules):
            return None
        table = mark.relations.get(below[0].table_oid)
        if table is None:
            return None
        seen.add(view.oid)
        change = _passed_on(change, view, below[0], table, rules)
        view = table
    return change


def _is_replaced(change: Change, view: CatalogRelation, rules: CatalogRules) -> bool:
    """Whether something else may be done in the place of the change."""
    if change.kind is ChangeKind.MERGE:
        return True
    if change.kind is ChangeKind.LOCK:
        return False
    event = change.kind.name
    return any(rule.table_oid == view.oid and rule.event == event for rule in rules.rewrites) or any(
        trigger.table_oid == view.oid and trigger.row_level and event in trigger.events for trigger in rules.triggers
    )


def _passed_on(change: Change, view: CatalogRelation, below: ViewBelow, table: CatalogRelation, rules: CatalogRules) -> Change:
    order = rules.columns.get(view.oid, ())
    names = {column: name or _NO_COLUMN for column, name in zip(order, below.columns, strict=False)}
    schema, _, name = table.relation.partition(".")
    inserts = change.kind is ChangeKind.INSERT and not change.columns
    nulls = (*change.nulls, *(order[place] for place in change.null_places if place < len(order)))
    return replace(
        change,
        relation=Name(schema=schema, name=name),
        columns=_named(order if inserts else change.columns, names),
        nulls=_named(nulls, names),
        kept=_known(change.kept, names),
        null_places=(),
        equated=_known(change.equated, names),
        compared=_named(change.compared, names),
        wanted_null=_known(change.wanted_null, names),
        only_nulls=change.only_nulls and not below.filtered,
        has_condition=change.has_condition or below.filtered,
        constants=tuple((names[column], value) for column, value in change.constants if names.get(column)),
        named_by=_known(change.named_by, names),
    )


def _named(columns: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """One for each, so that places stay what they are."""
    return tuple(names.get(column, _NO_COLUMN) for column in columns)


def _known(columns: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in _named(columns, names) if name)
