"""Reads what PostgreSQL does by itself when rows change: foreign keys, triggers, routines, views, sequences, keys, defaults.

Not for judging what that means. The surprising thing: it comes as JSON text of a simple Query, for it is read inside somebody
else's open transaction, whatever ``search_path`` and role that has.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lockage.adapters.postgres.exchange import Row
from lockage.core.forecast.layers import Layered
from lockage.core.forecast.trace import (
    CatalogRules,
    ForeignKey,
    KeyList,
    Rewrite,
    Routine,
    RoutineList,
    Trigger,
    Use,
    ViewBelow,
)

# Source: catalog/pg_trigger.h, PostgreSQL 18.
_ROW = 1 << 0
_BEFORE, _INSTEAD = 1 << 1, 1 << 6
_EVENTS = {"INSERT": 1 << 2, "DELETE": 1 << 3, "UPDATE": 1 << 4, "TRUNCATE": 1 << 5}


_RELATION: Mapping[str, Callable[[Sequence[Any]], int]] = {
    "foreign_keys": lambda values: values[1],
    "triggers": lambda values: values[1],
    "rewrites": lambda values: values[1],
    "views": lambda values: values[0],
    "views_of_only": lambda values: values[0],
    "writable_views": lambda values: values[0],
    "views_below": lambda values: values[0],
    "uses": lambda values: values[0],
    "uses_of_domains": lambda values: values[0],
    "sequences": lambda values: values[1],
    "composites": lambda values: values[2],
    "columns": lambda values: values[0],
    "unique_keys": lambda values: values[0],
    "defaults": lambda values: values[0],
    "required": lambda values: values[0],
    "not_null": lambda values: values[0],
    "partition_keys": lambda values: values[0],
}
"""Whose lock is needed to change an entry, by kind: so it is read anew with that relation."""


class RuleReader:
    """Keeps the entries of every relation; what is read anew of some replaces theirs."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[int, list[Any]]] = {kind: {} for kind in _RELATION}
        self._children: dict[int, set[int]] = {}  # who has, or has had, foreign keys to a table, or shows it
        self._names: dict[int, str] = {}  # of routines
        self._routines = RoutineList(())
        self._mappings: dict[str, Layered[int, tuple[Any, ...]]] = {}
        self._stale: dict[str, set[int] | None] = dict.fromkeys(_RELATION)  # None: everything
        self._keys = KeyList(())
        self._built_keys: dict[int, list[ForeignKey]] = {}  # by the table that has them

    def concerned(self, oids: Iterable[int]) -> frozenset[int]:
        """These relations and those whose entries name their columns: tables that refer to them, views."""
        found = frozenset(oids)
        return found | {child for parent in found for child in self._children.get(parent, ())}

    def exceeds(self, counts: Mapping[str, int]) -> bool:
        """Whether it has more entries of some kind than there are."""
        return any(sum(map(len, self._entries[kind].values())) > number for kind, number in counts.items())

    def take(self, rows: Sequence[Row], few: Iterable[int] | None) -> None:
        """Takes the rows of one of the queries, which asked for ``few`` relations; None: for all."""
        for kind, text in rows:
            entries: list[Any] = json.loads(text) if text else []
            if kind == "routines":
                self._names = {oid: name for oid, name, _, _ in entries}
                self._routines = RoutineList(
                    Routine(routine=name, language=language, definition=text) for _, name, language, text in entries
                )
                continue
            self._take(str(kind), entries, None if kind == "uses_of_domains" else few)

    def _take(self, kind: str, entries: Sequence[Any], few: Iterable[int] | None) -> None:
        new: dict[int, list[Any]] = defaultdict(list)
        for values in entries:
            entry: list[Any] = [values] if kind == "writable_views" else values
            new[_RELATION[kind](entry)].append(entry)
            if kind == "foreign_keys":
                self._children.setdefault(entry[2], set()).add(entry[1])
            elif kind == "views_below":
                self._children.setdefault(entry[1], set()).add(entry[0])
        if few is None:
            self._entries[kind], self._stale[kind] = dict(new), None
            return
        kept, stale = self._entries[kind], self._stale[kind]
        for oid in few:
            before = kept.get(oid)
            if before != new.get(oid):
                if stale is not None:
                    stale.update(_keys_of(kind, oid, before or ()), _keys_of(kind, oid, new.get(oid, ())))
                if oid in new:
                    kept[oid] = new[oid]
                else:
                    kept.pop(oid, None)

    def rules(self) -> CatalogRules:
        """Gives the rules of all."""
        entries = self._entries
        if self._stale["foreign_keys"] is None or self._stale["foreign_keys"]:
            stale = self._stale["foreign_keys"]
            for child in entries["foreign_keys"] if stale is None else stale:
                self._built_keys[child] = [_foreign_key(values) for values in entries["foreign_keys"].get(child, ())]
            self._keys = KeyList(key for child in entries["foreign_keys"] for key in self._built_keys[child])
        rules = CatalogRules(
            foreign_keys=self._keys,
            triggers=tuple(_trigger(values, self._names) for those in entries["triggers"].values() for values in those),
            routines=self._routines,
            rewrites=tuple(
                Rewrite(name=name, table_oid=table, event=event, definition=text)
                for those in entries["rewrites"].values()
                for name, table, event, text in those
            ),
            views=self._mapping("views", lambda values: values[1]),
            views_of_only=self._mapping("views_of_only", lambda values: values[1]),
            writable_views=tuple(entries["writable_views"]),
            views_below=self._mapping("views_below", _view_below),
            uses=tuple(
                _use(values) for kind in ("uses", "uses_of_domains") for those in entries[kind].values() for values in those
            ),
            sequences=self._inverted("sequences", lambda values: values[1]),
            composites=self._inverted("composites", lambda values: (values[1], values[2])),
            columns=self._mapping("columns", lambda values: values[1]),
            unique_keys=self._mapping("unique_keys", lambda values: tuple(values[1])),
            defaults=self._mapping("defaults", lambda values: values[1]),
            required=self._mapping("required", lambda values: values[1]),
            not_null=self._mapping("not_null", lambda values: values[1]),
            partition_keys=self._mapping("partition_keys", lambda values: values[1]),
        )
        self._stale = {kind: set() for kind in _RELATION}
        return rules

    def _mapping(self, kind: str, value: Callable[[Sequence[Any]], Any]) -> Layered[int, tuple[Any, ...]]:
        """The entries by their relation."""
        entries, stale = self._entries[kind], self._stale[kind]
        if stale is None:
            self._mappings[kind] = Layered({oid: tuple(map(value, those)) for oid, those in entries.items()})
        else:
            changes = {oid: tuple(map(value, entries[oid])) if oid in entries else None for oid in stale}
            self._mappings[kind] = self._mappings[kind].changed(changes)
        return self._mappings[kind]

    def _inverted(self, kind: str, value: Callable[[Sequence[Any]], Any]) -> Layered[int, tuple[Any, ...]]:
        """The entries by what they name first."""
        stale = self._stale[kind]
        if stale is not None and not stale:
            return self._mappings[kind]
        found: dict[int, list[Any]] = defaultdict(list)
        for those in self._entries[kind].values():
            for values in those:
                if stale is None or values[0] in stale:
                    found[values[0]].append(value(values))
        if stale is None:
            self._mappings[kind] = Layered({key: tuple(values) for key, values in found.items()})
        else:
            self._mappings[kind] = self._mappings[kind].changed({k: tuple(found[k]) if k in found else None for k in stale})
        return self._mappings[kind]


def _keys_of(kind: str, oid: int, entries: Iterable[Sequence[Any]]) -> set[int]:
    """Under what the entries of a relation stand in the rules."""
    return {values[0] for values in entries} if kind in {"sequences", "composites"} else {oid}


def _foreign_key(values: Sequence[Any]) -> ForeignKey:
    name, child, parent, child_columns, parent_columns, on_delete, on_update, optional, deferred = values
    return ForeignKey(
        name=name,
        child_oid=child,
        parent_oid=parent,
        child_columns=tuple(child_columns),
        parent_columns=tuple(parent_columns),
        on_delete=on_delete,
        on_update=on_update,
        optional=optional,
        deferred=deferred,
    )


def _view_below(values: Sequence[Any]) -> ViewBelow:
    _, table, columns, filtered = values
    return ViewBelow(table_oid=table, columns=tuple(columns), filtered=filtered)


def _use(values: Sequence[Any]) -> Use:
    relation, by, routine, reads, event = values
    return Use(relation_oid=relation, by=by, routine=routine, reads_oid=reads, event=event)


def _trigger(values: Sequence[Any], names: Mapping[int, str]) -> Trigger:
    name, table, function, routine, bits, columns, conditional = values
    return Trigger(
        name=name,
        table_oid=table,
        routine=names.get(function, routine),  # it may have another name since the trigger was read
        row_level=bool(bits & _ROW),
        events=tuple(event for event, bit in _EVENTS.items() if bits & bit),
        columns=tuple(columns),
        conditional=conditional,
        before=bool(bits & (_BEFORE | _INSTEAD)),
    )
