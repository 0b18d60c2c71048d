"""New files that a traced statement left: of tables that it wrote anew, of indexes that it built or filled anew.

Not for how long that takes (``duration``), nor for whether it is dangerous (``hazards``). The surprising thing: ``TRUNCATE``
and ``REFRESH`` leave new files too, also from within a block, and write none of the rows that were there.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.names import built_indexes, descendants, differences, meant
from lockage.core.forecast.ran import statements_inside
from lockage.core.forecast.trace import CatalogRelation, Traced

_EMPTIES, _REFRESHES = "truncate_stmt", "refresh_mat_view_stmt"
_WRITES_ANEW = {"alter_table_stmt", "cluster_stmt", "vacuum_stmt"}


def rewritten(step: Traced) -> Iterator[CatalogRelation]:
    """Each table that got a new file with all of its rows."""
    if step.after is step.before or step.statement.node in {_EMPTIES, _REFRESHES}:
        return
    spared = _emptied(step) | refreshed(step)
    for oid, before, after in differences(step.before, step.after):
        if oid in spared or before is None or after is None or before.kind not in {"r", "m"}:
            continue
        if after.relfilenode and before.relfilenode != after.relfilenode:
            yield before


def filled_indexes(step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Each index that was made, or filled anew over rows, with its very table."""
    if step.after is step.before or step.statement.node == _EMPTIES:
        return
    spared = _emptied(step)
    for index, table in built_indexes(step.before, step.after):
        if table.oid not in spared:
            yield index, table


def truncated(step: Traced) -> frozenset[int]:
    """Tables that it truncates, itself or within, with all that goes along."""
    return _named(step, _EMPTIES)


def _emptied(step: Traced) -> frozenset[int]:
    """The same without those that it may have written anew before."""
    return truncated(step) - _named(step, *_WRITES_ANEW)


def refreshed(step: Traced) -> frozenset[int]:
    """Materialised views that it fills anew, itself or within."""
    return _named(step, _REFRESHES)


def _named(step: Traced, *nodes: str) -> frozenset[int]:
    """Relations that its statements of these kinds name, with partitions and heirs, and with what CASCADE reaches."""
    found: set[int] = set()
    held = step.observation.held.oids
    for statement in (step.statement, *statements_inside(step)):
        if statement.node in nodes:
            waiting = [one.oid for name in statement.names for one in meant(name, step.before, held)]
            cascades = statement.node == _EMPTIES and statement.text.rstrip().upper().endswith("CASCADE")
            while waiting:
                oid = waiting.pop()
                if oid not in found:
                    found.add(oid)
                    waiting += [below.oid for below in descendants(oid, step.before)]
                    waiting += [key.child_oid for key in step.rules.keys.by_parent.get(oid, ())] if cascades else []
    return frozenset(found)
