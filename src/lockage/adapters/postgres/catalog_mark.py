"""Marks the catalog: which relations there are at one moment, and which table each belongs to.

Not for production: it has no limits of its own. The surprising thing: a mark after the first is made of the relations that were
locked meanwhile, for PostgreSQL changes, makes or drops none without a lock on it or on its table; so one more mark costs
little, however many relations there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lockage.core.forecast.layers import Layered
from lockage.core.forecast.trace import CatalogMark, CatalogRelation

_HAS_ROWS = frozenset("rm")
"""Kinds of relations that a statement can go through row by row."""

_Row = list[Any]  # as select_catalog_mark.sql gives it


class MarkReader:
    """Makes marks of the texts that ``select_catalog_mark.sql`` gives."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}  # of JSON, by oid
        self._owners: dict[int, int] = {}  # an index's or a TOAST table's table
        self._owned: dict[int, set[int]] = {}  # and the other way round
        self.tables: dict[int, None] = {}  # those that have rows
        self._above: dict[int, int] = {}  # the same, and a partition's parent
        self._relations: Layered[int, CatalogRelation] = Layered({})
        self._gone: set[int] = set()

    def read(self, text: str) -> CatalogMark:
        """Gives the mark of ``text``, which has all relations.

        ``table_oid`` follows an index to its table, a TOAST table and its index to their owner, and a partition to the root.
        """
        rows = {row[0]: (line, row) for line, row in _rows(text)}
        for oid in self._lines.keys() - rows.keys():
            self._note_gone(oid)
        self._lines = {oid: line for oid, (line, _) in rows.items()}
        self._owners, self._owned, self._above = {}, {}, {}
        for _, row in rows.values():
            self._place(row)
        found = {oid: self._relation(row) for oid, (_, row) in rows.items()}
        self.tables = {oid: None for oid, relation in found.items() if relation.kind in _HAS_ROWS}
        differing = {oid: relation for oid, relation in found.items() if self._relations.get(oid) != relation}
        gone = [oid for oid in self._relations if oid not in found]
        if len(differing) + len(gone) > len(found) // 2:
            self._relations = Layered(found)
        else:
            self._relations = self._relations.changed({**differing, **dict.fromkeys(gone)})
        return CatalogMark(relations=self._relations)

    def known(self, oids: Iterable[int]) -> list[int]:
        """Those of these relations that were there at the last mark."""
        return [oid for oid in oids if oid in self._lines]

    def take_gone(self) -> set[int]:
        """Gives the relations that have gone since they were taken here last, and the tables of those that were indexes."""
        taken, self._gone = self._gone, set()
        return taken

    def concerned(self, oids: Iterable[int]) -> frozenset[int]:
        """These relations and what belongs to them: a table that moves takes its indexes along, and locks none of them."""
        found = frozenset(oids)
        return found | {owned for oid in found for owned in self._owned.get(oid, ())}

    def update(self, text: str, asked: Iterable[int]) -> CatalogMark | None:
        """Gives the mark when ``text`` has those of the ``asked`` relations that there are, and no others have changed.

        None: it takes all relations to tell, because one that was there has become somebody else's partition.
        """
        rows = {row[0]: (line, row) for line, row in _rows(text)}
        changes: dict[int, CatalogRelation | None] = {}
        for oid, (line, row) in rows.items():
            if self._lines.get(oid) == line:
                continue
            former = self._above.get(oid)
            self._place(row)
            if oid in self._lines and self._above.get(oid) != former:
                return None
            self._lines[oid] = line
            changes[oid] = None
        for oid in changes:  # when all of them have their place
            changes[oid] = self._relation(rows[oid][1])
        for oid in asked:
            if oid in self._lines and oid not in rows:
                self._note_gone(oid)
                del self._lines[oid]
                self._displace(oid)
                changes[oid] = None
        for oid, relation in changes.items():
            if relation is not None and relation.kind in _HAS_ROWS:
                self.tables[oid] = None
            else:
                self.tables.pop(oid, None)
        self._relations = self._relations.changed(changes)
        return CatalogMark(relations=self._relations)

    def _note_gone(self, oid: int) -> None:
        self._gone.add(oid)
        if oid in self._owners:
            self._gone.add(self._owners[oid])

    def _place(self, row: _Row) -> None:
        oid, _, _, _, owner, is_partition, parents, _ = row
        self._displace(oid)
        if owner:
            self._owners[oid] = self._above[oid] = owner
            self._owned.setdefault(owner, set()).add(oid)
        elif is_partition and parents:
            self._above[oid] = parents[0]

    def _displace(self, oid: int) -> None:
        owner = self._owners.pop(oid, None)
        if owner is not None:
            self._owned[owner].discard(oid)
        self._above.pop(oid, None)

    def _relation(self, row: _Row) -> CatalogRelation:
        oid, relation, kind, relfilenode, _, _, parents, columns = row
        return CatalogRelation(
            oid=oid,
            relation=relation,
            kind=kind,
            relfilenode=relfilenode,
            table_oid=_top(oid, self._above),
            owner_oid=_top(oid, self._owners) if oid in self._owners else 0,
            parent_oids=() if kind in ("i", "I") else tuple(parents or ()),
            columns=columns,
        )


def _rows(text: str) -> Iterable[tuple[str, _Row]]:
    return ((line, json.loads(line)) for line in text.split("\n") if line)


def _top(oid: int, above: dict[int, int]) -> int:
    while upper := above.get(oid):
        oid = upper
    return oid
