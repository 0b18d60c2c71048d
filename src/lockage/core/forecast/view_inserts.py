"""What an INSERT through a view can give, and whether any can succeed: a column that must be given may not be in the view.

Not for what rules and triggers put in its place. The surprising thing: whoever misses such a column is refused before a foreign
key looks at anything, so nobody ever waits there; a lock of the table itself is another matter.
"""

from __future__ import annotations

from lockage.core.forecast.names import descendants
from lockage.core.forecast.trace import CatalogMark, CatalogRules


def shown_as(columns: tuple[str, ...], *, of: int, view: int, rules: CatalogRules) -> tuple[str, ...] | None:
    """What the view calls the columns of what it reads; None where it does not show all of them."""
    names = _names(of, view, rules)
    return tuple(names[column] for column in columns) if set(columns) <= set(names) else None


def _names(of: int, view: int, rules: CatalogRules) -> dict[str, str]:
    own = rules.columns.get(view, ())
    for below in rules.views_below.get(view, ()):
        if below.table_oid == of:
            return {theirs: mine for mine, theirs in zip(own, below.columns, strict=False) if theirs is not None}
    return {column: column for column in own}  # of several tables nobody tells what it calls whose column


def takes_inserts(view: int, *, mark: CatalogMark, rules: CatalogRules) -> bool:
    """Whether an INSERT through a view can succeed, as far as is known."""
    return _to_give(view, mark, rules) is not None


def _to_give(oid: int, mark: CatalogMark, rules: CatalogRules) -> frozenset[str] | None:
    """The columns of a relation that an INSERT must give; None: some are out of its reach."""
    relation = mark.relations.get(oid)
    if relation is None or relation.kind != "v":
        tables = {oid, *(below.oid for below in descendants(oid, mark))}
        filling = any(t.table_oid in tables and t.row_level and t.before and "INSERT" in t.events for t in rules.triggers)
        return frozenset() if filling else frozenset(rules.required.get(oid, ()))
    below = rules.views_below.get(oid, ())
    if len(below) != 1:
        return frozenset()
    wanted = _to_give(below[0].table_oid, mark, rules)
    named = None if wanted is None else shown_as(tuple(wanted), of=below[0].table_oid, view=oid, rules=rules)
    return None if named is None else frozenset(named)
