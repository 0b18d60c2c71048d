"""Who waits although nothing is held on their own relation: readers of views, and writers across foreign keys.

Not for locks. The surprising thing: to delete a user waits for a lock on the user's keys, because the foreign key must look
there; no lock on the users' table tells.

Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c: a look at the other table takes RowShareLock, an action on it
RowExclusiveLock. Checked against waiting sessions in ``tests/flows/test_forecast_truth.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.lock_modes import SELECT_FOR_UPDATE_TAKES, WRITE_TAKES, conflict
from lockage.core.forecast.timeline import Hold
from lockage.core.forecast.trace import CatalogMark, CatalogRules, ForeignKey

_LOOKS_ONLY = ("a", "r")  # pg_constraint.confdeltype: no action, restrict


def indirect_holds(held: Iterable[Hold], *, mark: CatalogMark, rules: CatalogRules) -> tuple[Hold, ...]:
    """The waits that follow from ``held``; each says why, and has no mode."""
    found: list[Hold] = []
    for hold in held:
        found.extend(_through_keys(hold, mark, rules))
        found.extend(_through_views(hold, mark, rules))
    return tuple(dict.fromkeys(found))


def _through_views(hold: Hold, mark: CatalogMark, rules: CatalogRules) -> Iterator[Hold]:
    if hold.blocks is not Blocks.READS:
        return
    for view, below in rules.views.items():
        relation = mark.relations.get(view)
        if hold.oid in below and relation is not None and relation.kind == "v":
            derived = _derived(hold, view, Blocks.READS, f"reads {_name(hold.oid, mark)}")
            yield derived
            yield from _through_views(derived, mark, rules)


def _through_keys(hold: Hold, mark: CatalogMark, rules: CatalogRules) -> Iterator[Hold]:
    for key in rules.foreign_keys:
        if key.parent_oid == hold.oid and key.child_oid in mark.relations and _stops_looks(hold):
            yield _derived(hold, key.child_oid, Blocks.WRITES, f"refers to {_name(hold.oid, mark)}")
        if key.child_oid == hold.oid and key.parent_oid in mark.relations and _stops_deletes(hold, key):
            yield _derived(hold, key.parent_oid, Blocks.ROWS, f"is referred to by {_name(hold.oid, mark)}")


def _stops_looks(hold: Hold) -> bool:
    if hold.mode is None:
        return hold.blocks is Blocks.READS
    return conflict(hold.mode, SELECT_FOR_UPDATE_TAKES)


def _stops_deletes(hold: Hold, key: ForeignKey) -> bool:
    """Whether deleting a parent's row, or changing its key, waits for what is held on the child."""
    only_looks = key.on_delete in _LOOKS_ONLY and key.on_update in _LOOKS_ONLY
    if hold.blocks is Blocks.ROWS:
        return hold.strong or not only_looks
    if hold.mode is None:
        return hold.blocks is Blocks.READS or (hold.blocks is Blocks.WRITES and not only_looks)
    return conflict(hold.mode, SELECT_FOR_UPDATE_TAKES if only_looks else WRITE_TAKES)


def _derived(hold: Hold, oid: int, blocks: Blocks, because: str) -> Hold:
    return replace(hold, oid=oid, mode=None, blocks=blocks, via=None, strong=False, because=because)


def _name(oid: int, mark: CatalogMark) -> str:
    return mark.relations[oid].relation if oid in mark.relations else str(oid)
