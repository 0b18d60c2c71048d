"""Marks the catalog: which relations there are at one moment, and which table each belongs to.

Not for production: it has no limits of its own. The surprising thing: marks share the records of relations that are as they
were, so one more mark of a thousand relations costs little, and comparing two costs nothing.
"""

from __future__ import annotations

import json
from typing import Any

from lockage.core.forecast.trace import CatalogMark, CatalogRelation


class MarkReader:
    """Makes marks of the texts that ``select_catalog_mark.sql`` gives."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}  # by their line of JSON
        self._relations: dict[tuple[str, int, int], CatalogRelation] = {}  # by line, table_oid and owner_oid

    def read(self, text: str) -> CatalogMark:
        """Gives the mark of ``text``.

        ``table_oid`` follows an index to its table, a TOAST table and its index to their owner, and a partition to the root.
        """
        rows = {line: self._rows.get(line) or json.loads(line) for line in text.split("\n") if line}
        owners: dict[int, int] = {}
        above: dict[int, int] = {}
        for oid, _, _, _, owner, is_partition, parents in rows.values():
            if owner:
                owners[oid] = above[oid] = owner
            elif is_partition and parents:
                above[oid] = parents[0]
        relations: dict[tuple[str, int, int], CatalogRelation] = {}
        for line, row in rows.items():
            key = (line, _top(row[0], above), _top(row[0], owners) if row[0] in owners else 0)
            relations[key] = self._relations.get(key) or _relation(row, table_oid=key[1], owner_oid=key[2])
        self._rows, self._relations = rows, relations
        return CatalogMark(relations={relation.oid: relation for relation in relations.values()})


def _relation(row: list[Any], *, table_oid: int, owner_oid: int) -> CatalogRelation:
    oid, relation, kind, relfilenode, _, _, parents = row
    return CatalogRelation(
        oid=oid,
        relation=relation,
        kind=kind,
        relfilenode=relfilenode,
        table_oid=table_oid,
        owner_oid=owner_oid,
        parent_oids=tuple(parents or ()),
    )


def _top(oid: int, above: dict[int, int]) -> int:
    while upper := above.get(oid):
        oid = upper
    return oid
