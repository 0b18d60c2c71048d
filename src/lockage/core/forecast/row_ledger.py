"""How many rows each relation has as the script goes on: production's sizes at first, then what each statement makes of them.

Not for exact counts. The surprising thing: relations that the script makes are in it too, since what it fills in one statement
it may index in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from lockage.core.facts import Relation
from lockage.core.forecast.names import oids, resolve
from lockage.core.forecast.ran import changes_of, plans_of
from lockage.core.forecast.trace import CatalogMark, Traced
from lockage.core.migration.syntax import Change, ChangeKind

DEFAULT_ROW_BYTES = 100.0
"""Width of a row of which nothing is known: between a narrow link table and a wide event."""


@dataclass(slots=True)
class Size:
    """One relation's size now."""

    rows: float
    row_bytes: float
    indexes: int
    index_bytes: float
    spare_bytes: float = 0.0  # of its file that hold no live row: read by a scan, and not written by a rewrite
    known: bool = True
    changed: bool = False  # by the script, so that the planner's statistics no longer tell
    fresh: frozenset[str] = frozenset()  # columns that the script added: NULL, or one value, in all rows

    @property
    def heap_bytes(self) -> float:
        """Bytes of the live rows."""
        return self.rows * self.row_bytes

    @property
    def file_bytes(self) -> float:
        """Bytes of the table's file: what a scan reads."""
        return self.heap_bytes + self.spare_bytes


def _row_bytes(seen: Relation | None, *, rows: float, heap: float) -> float:
    """Width of a live row: by the column statistics where they tell that the file is longer than its rows, else by the file."""
    if not rows or not heap or seen is None:
        return DEFAULT_ROW_BYTES
    by_file = heap / rows
    by_columns = seen.row_bytes + seen.toast_bytes / rows
    return min(by_file, by_columns) if seen.row_bytes else by_file


class RowLedger:
    """Sizes by oid, changed by each statement that it is told of."""

    def __init__(self, start: CatalogMark, relations: Iterable[Relation], *, sizes_known: bool) -> None:
        self._sizes: dict[int, Size] = {}
        self._sizes_known = sizes_known
        by_name = {relation.relation: relation for relation in relations}
        for oid, relation in start.relations.items():
            if relation.kind not in {"r", "p", "m"}:
                continue
            seen = by_name.get(relation.relation)
            heap = float(seen.heap_bytes + seen.toast_bytes) if seen else 0.0
            # A table that was never analyzed has no count of rows, but its file has a length.
            rows = heap / DEFAULT_ROW_BYTES if seen is None or seen.rows < 0 else seen.rows
            row_bytes = _row_bytes(seen, rows=rows, heap=heap)
            self._sizes[oid] = Size(
                rows=rows,
                row_bytes=row_bytes,
                spare_bytes=max(heap - rows * row_bytes, 0.0),
                indexes=seen.indexes if seen else 0,
                index_bytes=float(seen.index_bytes) if seen else 0.0,
                known=sizes_known and seen is not None,
            )
        self._add_up_partitions(start)

    def _add_up_partitions(self, start: CatalogMark) -> None:
        for oid, relation in start.relations.items():
            if relation.kind == "p":
                leaves = [
                    self._sizes[leaf.oid]
                    for leaf in start.relations.values()
                    if leaf.table_oid == oid and leaf.kind == "r" and leaf.oid in self._sizes
                ]
                size = self._sizes[oid]
                size.rows = sum(leaf.rows for leaf in leaves)
                size.row_bytes = sum(leaf.heap_bytes for leaf in leaves) / size.rows if size.rows else DEFAULT_ROW_BYTES
                size.indexes = max((leaf.indexes for leaf in leaves), default=0)
                size.index_bytes = sum(leaf.index_bytes for leaf in leaves)
                size.known = all(leaf.known for leaf in leaves)

    def size(self, oid: int) -> Size:
        """Size of a relation; of one that the script made, empty until something is put into it."""
        return self._sizes.setdefault(oid, Size(rows=0.0, row_bytes=DEFAULT_ROW_BYTES, indexes=0, index_bytes=0.0))

    def changed_rows(self, change: Change, oid: int, step: Traced) -> tuple[float, float, float]:
        """How many rows a change touches: at least, likely, at most."""
        size = self.size(oid)
        if change.kind is ChangeKind.INSERT:
            if change.rows is not None:
                return float(change.rows), float(change.rows), float(change.rows)
            most = max((self.size(source).rows for source in oids(change.sources, step.before)), default=0.0)
            return (0.0 if change.has_condition else most * 0.5, most, most)
        if not change.has_condition or (change.compared and set(change.compared) <= size.fresh):
            return size.rows, size.rows, size.rows
        if any(set(key) <= set(change.equated) for key in step.rules.unique_keys.get(oid, ())):
            return 0.0, min(1.0, size.rows), min(1.0, size.rows)
        planned = None if size.changed or not self._sizes_known else planned_rows(step, oid)
        likely = size.rows * CONDITION_RATIO if planned is None else min(planned, size.rows)
        return 0.0, likely, size.rows

    def note(self, step: Traced) -> None:
        """Take in what a statement did to rows."""
        for change in changes_of(step):
            for relation in resolve(change.relation, step.before):
                size = self.size(relation.oid)
                _, likely, _ = self.changed_rows(change, relation.oid, step)
                size.changed = True
                if change.kind is ChangeKind.INSERT:
                    size.rows += likely
                elif change.kind is ChangeKind.DELETE:
                    size.rows = max(size.rows - likely, 0.0)
        for name, column in step.statement.added_columns:
            for relation in resolve(name, step.after):
                size = self.size(relation.oid)
                size.fresh = size.fresh | {column}
        if step.statement.node == "truncate_stmt":
            for oid in oids(step.statement.names, step.before):
                self.size(oid).rows = 0.0
        self._note_index_count(step)
        self._note_created(step)

    def _note_created(self, step: Traced) -> None:
        if step.statement.node != "create_table_as_stmt":
            return
        sources = [self.size(oid) for oid in oids(step.statement.names, step.before)]
        for name in step.statement.created:
            for relation in resolve(name, step.after):
                self.size(relation.oid).rows = max((source.rows for source in sources), default=0.0)

    def _note_index_count(self, step: Traced) -> None:
        if step.after is step.before:
            return
        for relation in step.after.relations.values():
            if relation.kind == "i" and relation.oid not in step.before.relations:
                self.size(relation.owner_oid or relation.table_oid).indexes += 1
        for relation in step.before.relations.values():
            if relation.kind == "i" and relation.oid not in step.after.relations:
                size = self.size(relation.owner_oid or relation.table_oid)
                size.indexes = max(size.indexes - 1, 0)


def planned_rows(step: Traced, oid: int) -> float | None:
    """Rows of a relation that the planner expects the statement to change; the shadow has production's statistics."""
    for plan in plans_of(step):
        node = plan.get("Plan")
        if isinstance(node, Mapping):
            top = cast("Mapping[str, object]", node)
            below = top.get("Plans")
            if top.get("Node Type") == "ModifyTable" and top.get("Relation OID") == oid and isinstance(below, list):
                rows = cast("list[Mapping[str, object]]", below)[0].get("Plan Rows")
                return float(rows) if isinstance(rows, int | float) else None
    return None


CONDITION_RATIO = 0.33
"""Share of rows that a condition is taken to meet where nothing tells: PostgreSQL's own guess for an inequality.
Source: PostgreSQL 18, src/include/utils/selfuncs.h, DEFAULT_INEQ_SEL."""
