"""Reads what PostgreSQL does by itself when rows change: foreign keys, triggers, routines, views, sequences, keys, defaults.

Not for judging what that means. The surprising thing: it comes as JSON text of a simple Query, for it is read inside somebody
else's open transaction, whatever ``search_path`` and role that has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lockage.adapters.postgres.exchange import Row
from lockage.core.forecast.trace import CatalogRules, ForeignKey, Rewrite, Routine, Trigger

# Source: catalog/pg_trigger.h, PostgreSQL 18.
_ROW = 1 << 0
_EVENTS = {"INSERT": 1 << 2, "DELETE": 1 << 3, "UPDATE": 1 << 4, "TRUNCATE": 1 << 5}


def rule_lists(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Gives the lists, by kind, in the rows of ``select_key_rules.sql`` or ``select_code_rules.sql``."""
    return {str(kind): json.loads(text) if text else [] for kind, text in rows}


def rules_from_lists(lists: Mapping[str, Sequence[Any]]) -> CatalogRules:
    """Gives the rules in the lists of both."""
    return CatalogRules(
        foreign_keys=tuple(map(_foreign_key, lists["foreign_keys"])),
        triggers=tuple(map(_trigger, lists["triggers"])),
        routines=tuple(Routine(routine=name, language=language, definition=text) for name, language, text in lists["routines"]),
        rewrites=tuple(
            Rewrite(name=name, table_oid=table, event=event, definition=text) for name, table, event, text in lists["rewrites"]
        ),
        views=_grouped(lists["views"]),
        writable_views=tuple(lists["writable_views"]),
        sequences=_grouped(lists["sequences"]),
        composites=_grouped((oid, (name, table)) for oid, name, table in lists["composites"]),
        columns=_grouped(lists["columns"]),
        unique_keys=_grouped((oid, tuple(columns)) for oid, columns in lists["unique_keys"]),
        defaults=_grouped(lists["defaults"]),
    )


def _foreign_key(values: Sequence[Any]) -> ForeignKey:
    name, child, parent, child_columns, parent_columns, on_delete, on_update = values
    return ForeignKey(
        name=name,
        child_oid=child,
        parent_oid=parent,
        child_columns=tuple(child_columns),
        parent_columns=tuple(parent_columns),
        on_delete=on_delete,
        on_update=on_update,
    )


def _trigger(values: Sequence[Any]) -> Trigger:
    name, table, routine, bits, columns = values
    return Trigger(
        name=name,
        table_oid=table,
        routine=routine,
        row_level=bool(bits & _ROW),
        events=tuple(event for event, bit in _EVENTS.items() if bits & bit),
        columns=tuple(columns),
    )


def _grouped(pairs: Iterable[Sequence[Any]]) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for key, value in pairs:
        found[key] = (*found.get(key, ()), value)
    return found
