"""Marks the catalog: which relations there are at one moment, and which table each belongs to.

Not for production: it has no limits of its own. The surprising thing: it comes as text of a simple Query, because the reading
is done inside somebody else's open transaction, where nothing may be prepared or left behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockage.adapters.postgres.exchange import Row
from lockage.core.forecast.trace import CatalogMark, CatalogRelation


def mark_from_rows(rows: Sequence[Row]) -> CatalogMark:
    """Gives the mark of the rows of ``select_catalog_mark.sql``; those of one relation with several parents stand together.

    ``table_oid`` follows an index to its table, a TOAST table and its index to their owner, and a partition to the root.
    """
    owners: dict[int, int] = {}
    above: dict[int, int] = {}
    parents: dict[int, tuple[int, ...]] = {}
    for oid_text, _, _, _, _, indexed, toasted, partition, parent in rows:
        oid = int(oid_text or 0)
        if owner := indexed or toasted:
            owners[oid] = above[oid] = int(owner)
        elif parent:
            parents[oid] = (*parents.get(oid, ()), int(parent))
            if partition == "t":
                above[oid] = int(parent)
    return CatalogMark(
        relations={
            oid: CatalogRelation(
                oid=oid,
                relation=f"{row[1]}.{row[2]}",
                kind=row[3] or "",
                relfilenode=int(row[4] or 0),
                table_oid=_top(oid, above),
                owner_oid=_top(oid, owners) if oid in owners else 0,
                parent_oids=parents.get(oid, ()),
            )
            for row in rows
            if (oid := int(row[0] or 0))
        }
    )


def _top(oid: int, above: Mapping[int, int]) -> int:
    while upper := above.get(oid):
        oid = upper
    return oid
