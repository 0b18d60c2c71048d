"""How many rows each relation has as the script goes on: production's sizes at first, then what each statement makes of them.

Not for exact counts. The surprising thing: it is kept twice. While the script is traced it tells the shadow's planner what the
script has made of the tables, and afterwards it is kept again from what that planner then said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lockage.core.facts import Relation
from lockage.core.forecast.beliefs import ColumnBelief, TableBelief
from lockage.core.forecast.names import ancestors, descendants, differences, oids, resolve
from lockage.core.forecast.planned import planned_bytes, planned_rows, result_rows
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.trace import CatalogMark, Traced
from lockage.core.migration.syntax import Change, ChangeKind, Control

DEFAULT_ROW_BYTES = 100.0
"""Width of a row of which nothing is known: between a narrow link table and a wide event."""

CONDITION_RATIO = 0.33
"""Share of rows that a condition is taken to meet where nothing tells: PostgreSQL's own guess for an inequality.
Source: PostgreSQL 18, src/include/utils/selfuncs.h, DEFAULT_INEQ_SEL."""

WORTH_TELLING_RATIO, WORTH_TELLING_ROWS = 0.1, 500.0
"""The planner is told of a table when its rows have changed by more than both: fewer cost no time that anybody notices."""


@dataclass(slots=True)
class Size:
    """One relation's size now."""

    rows: float
    row_bytes: float
    indexes: int
    index_bytes: float
    spare_bytes: float = 0.0  # of its file that hold no live row: read by a scan, and not written by a rewrite
    known: bool = True
    changed: bool = False  # by the script, so that a planner that was not told of it errs
    fresh: frozenset[str] = frozenset()  # columns that the script added: NULL, or one value, in all rows
    nulls: Mapping[str, float] = field(default_factory=dict[str, float])  # share of NULLs in columns that the script filled

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
        self._former: list[tuple[int, Size]] = []  # what the open transaction has changed, as it was before
        self._savepoints: list[tuple[str, int]] = []
        self._news: dict[int, list[ColumnBelief]] = {}
        self._told: dict[int, float] = {}
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
        for oid, size in self._sizes.items():
            if size.rows > 0:
                self._tell(oid)

    def _add_up_partitions(self, start: CatalogMark) -> None:
        leaves_of: dict[int, list[Size]] = {}
        for leaf in start.relations.values():
            if leaf.kind == "r" and leaf.table_oid != leaf.oid and leaf.oid in self._sizes:
                leaves_of.setdefault(leaf.table_oid, []).append(self._sizes[leaf.oid])
        for oid, relation in start.relations.items():
            if relation.kind == "p":
                leaves = leaves_of.get(oid, [])
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
        # A planner that was told what the script did to a table is right about it; one that was not is right until then.
        trusted = self._sizes_known and (step.sizes_told or not size.changed)
        if change.kind is ChangeKind.INSERT:
            return self._inserted_rows(change, oid, step, trusted=trusted)
        if not change.has_condition:
            return size.rows, size.rows, size.rows
        planned = planned_rows(step, oid) if trusted else None
        if change.compared and set(change.compared) <= size.fresh:
            return self._all_or_none(change, size, planned)
        if any(set(key) <= set(change.equated) for key in step.rules.unique_keys.get(oid, ())):
            return 0.0, min(1.0, size.rows), min(1.0, size.rows)
        if planned is None:
            known = [size.nulls[column] for column in change.wanted_null if column in size.nulls]
            planned = size.rows * min(known, default=1.0) * (1.0 if known and change.only_nulls else CONDITION_RATIO)
        return 0.0, min(planned, size.rows), size.rows

    def _all_or_none(self, change: Change, size: Size, planned: float | None) -> tuple[float, float, float]:
        """Of a condition on columns that have one value in all rows: the planner knows which, but for expressions."""
        if change.only_nulls:
            rows = size.rows * min(size.nulls.get(column, 1.0) for column in change.compared)
            return rows, rows, rows
        if planned is None or planned > size.rows / 2:
            return size.rows, size.rows, size.rows
        return 0.0, planned, size.rows

    def _inserted_rows(self, change: Change, oid: int, step: Traced, *, trusted: bool) -> tuple[float, float, float]:
        if change.rows is not None:
            return float(change.rows), float(change.rows), float(change.rows)
        sources = [self.size(source) for source in oids(change.sources, step.before)]
        most = max((source.rows for source in sources), default=0.0)
        planned = planned_rows(step, oid) if trusted and (step.sizes_told or not any(s.changed for s in sources)) else None
        if planned is not None and not sources:  # from a function, or from what another change in the statement returned
            return (0.0 if change.has_condition else planned * 0.1), planned, planned * 10
        if planned is None or not most:
            return (0.0 if change.has_condition else most * 0.5), most, most
        # One source without a condition gives exactly its rows, but for joins, grouping and functions that return rows.
        least = 0.0 if change.has_condition or planned < most * 0.9 else most * 0.5
        return least, planned, max(most, planned)

    # --- what a statement does ----------------------------------------------------------------------------------------

    def note(self, step: Traced) -> None:
        """Take in what a statement did to rows."""
        self._note_control(step)
        for change in changes_of(step):
            for relation in resolve(change.relation, step.before):
                self._note_change(change, relation.oid, step)
        self._note_added_columns(step)
        if step.statement.node == "truncate_stmt":
            for oid in oids(step.statement.names, step.before):
                for below in (oid, *(d.oid for d in descendants(oid, step.before))):
                    size = self._touch(below)
                    size.rows, size.spare_bytes, size.nulls, size.changed = 0.0, 0.0, {}, True
                    self._tell(below)
        self._note_catalog(step)
        self._note_created(step)
        self._note_analyzed(step)
        if not step.observation.in_transaction:
            self.end_transaction()

    def end_transaction(self) -> None:
        """What was noted until now stays, whatever is rolled back later."""
        self._former.clear()
        self._savepoints.clear()

    def _touch(self, oid: int) -> Size:
        """The size to be changed; how it was is kept until the transaction ends."""
        size = self.size(oid)
        self._former.append((oid, replace(size)))
        return size

    def _tell(self, oid: int, *columns: ColumnBelief) -> None:
        self._news.setdefault(oid, []).extend(columns)

    def _note_control(self, step: Traced) -> None:
        control, name = step.statement.control, step.statement.savepoint
        failed = step.observation.failure is not None
        if control is Control.SAVEPOINT:
            self._savepoints.append((name, len(self._former)))
        elif control is Control.ROLLBACK_TO and not failed:
            self._undo(next((at for saved, at in reversed(self._savepoints) if saved == name), len(self._former)))
        elif control is Control.ROLLBACK or (control is Control.COMMIT and failed):
            self._undo(0)

    def _undo(self, position: int) -> None:
        while len(self._former) > position:
            oid, size = self._former.pop()
            self._sizes[oid] = size
            self._told.pop(oid, None)  # PostgreSQL has taken back what it was told, too
            self._tell(oid)

    def _note_change(self, change: Change, oid: int, step: Traced) -> None:
        _, likely, _ = self.changed_rows(change, oid, step)
        before = self.size(oid).rows
        size = self._touch(oid)
        size.changed = True
        match change.kind:
            case ChangeKind.INSERT:
                if not before:
                    size.row_bytes = planned_bytes(step) or size.row_bytes
                size.rows += likely
            case ChangeKind.DELETE:
                size.rows = max(size.rows - likely, 0.0)
            case _:
                pass
        ratio = likely / before if before else math.inf
        self._spread_rows(oid, before, size.rows, step.before)
        below = [relation.oid for relation in descendants(oid, step.before)]
        for each in (oid, *below):
            size = self.size(each) if each == oid else self._touch(each)
            columns = tuple(_beliefs(change, size, ratio))
            size.changed = True
            size.nulls = {**size.nulls, **_shares(columns, size.nulls)}
            size.fresh = _still_fresh(change, size)
            if columns or self._is_worth_telling(each):
                self._tell(each, *columns)

    def _is_worth_telling(self, oid: int) -> bool:
        told = self._told.get(oid, 0.0)
        difference = abs(self.size(oid).rows - told)
        return difference > WORTH_TELLING_ROWS and difference > told * WORTH_TELLING_RATIO

    def _spread_rows(self, oid: int, before: float, after: float, mark: CatalogMark) -> None:
        """Rows of a partitioned table are those of its partitions, in the shares that they have; and the other way round."""
        if before == after:
            return
        relation = mark.relations.get(oid)
        if relation is None:
            return
        for above in ancestors(relation, mark):
            if above.kind == "p":
                self._touch(above.oid).rows += after - before
        if relation.kind != "p":
            return
        below = descendants(oid, mark)
        leaves = sum(1 for leaf in below if leaf.kind != "p")
        for part in below:
            size = self._touch(part.oid)
            size.rows = size.rows * after / before if before else after / leaves if part.kind != "p" else after
            if self._is_worth_telling(part.oid):
                self._tell(part.oid)

    def _note_added_columns(self, step: Traced) -> None:
        if not step.succeeded:
            return
        for name, column in step.statement.added_columns:
            filled = 0.0 if (name, column) in step.statement.filled_columns else 1.0
            for relation in resolve(name, step.after):
                former = step.before.relations.get(relation.oid)
                if former is not None and former.columns and former.columns >= relation.columns:
                    continue  # IF NOT EXISTS, and it exists
                for each in (relation, *descendants(relation.oid, step.after)):
                    size = self._touch(each.oid)
                    size.fresh = size.fresh | {column}
                    size.nulls = {**size.nulls, column: filled}
                    self._tell(each.oid, ColumnBelief(name=column, scale=0.0, shift=filled, anew=True))

    def _note_created(self, step: Traced) -> None:
        if step.statement.node != "create_table_as_stmt" or not step.succeeded:
            return
        sources = [self.size(oid) for oid in oids(step.statement.names, step.before)]
        largest = max(sources, key=lambda size: size.rows, default=None)
        planned = result_rows(step) if step.sizes_told or not any(source.changed for source in sources) else None
        for name in step.statement.created:
            for relation in resolve(name, step.after):
                size = self._touch(relation.oid)
                size.rows = largest.rows if largest else 0.0
                if planned is not None and size.rows:
                    size.rows = planned
                size.row_bytes = planned_bytes(step) or (largest.row_bytes if largest else size.row_bytes)
                self._tell(relation.oid)

    def _note_analyzed(self, step: Traced) -> None:
        """ANALYZE and VACUUM count the shadow's rows, of which there are none."""
        if step.statement.node != "vacuum_stmt":
            return
        named = {each for oid in oids(step.statement.names, step.after) for each in self._with_partitions(oid, step.after)}
        for oid, size in self._sizes.items():
            if (oid in named or not named) and (size.rows > 0 or size.changed):
                self._tell(oid)

    def _with_partitions(self, oid: int, mark: CatalogMark) -> tuple[int, ...]:
        return (oid, *(below.oid for below in descendants(oid, mark)))

    def _note_catalog(self, step: Traced) -> None:
        if step.after is step.before:
            return
        emptied = step.statement.node in {"truncate_stmt", "create_table_as_stmt"}
        for oid, former, now in differences(step.before, step.after):
            if former is None:
                if now is not None and now.kind == "i":
                    self._touch(now.owner_oid or now.table_oid).indexes += 1
            elif now is None:
                if former.kind == "i":
                    size = self._touch(former.owner_oid or former.table_oid)
                    size.indexes = max(size.indexes - 1, 0)
            elif now.kind in {"r", "m"} and former.relfilenode != now.relfilenode and not emptied:
                self._touch(oid).spare_bytes = 0.0
                self._tell(oid)

    # --- what the planner is told -------------------------------------------------------------------------------------

    def take_news(self, mark: CatalogMark) -> tuple[TableBelief, ...]:
        """What the planner of a shadow does not know yet; ``mark`` is the catalog now. Each is given once."""
        news, self._news = self._news, {}
        found: list[TableBelief] = []
        for oid, columns in news.items():
            relation, size = mark.relations.get(oid), self.size(oid)
            if relation is None or relation.kind not in {"r", "p", "m"} or not self._sizes_known:
                continue
            self._told[oid] = size.rows
            found.append(
                TableBelief(
                    oid=oid,
                    relation=relation.relation,
                    relfilenode=relation.relfilenode,
                    rows=size.rows,
                    bytes=int(size.file_bytes),
                    columns=tuple(columns),
                )
            )
        return tuple(found)


def _beliefs(change: Change, size: Size, ratio: float) -> Iterable[ColumnBelief]:
    """What a change of this share of the rows does to the NULLs of its columns."""
    match change.kind:
        case ChangeKind.UPDATE:
            for column in change.columns:
                null = 1.0 if column in change.nulls else 0.0
                if ratio >= 1.0 or (change.only_nulls and column in change.wanted_null):
                    yield ColumnBelief(name=column, scale=0.0, shift=null, anew=ratio >= 1.0)
                elif column in change.wanted_null:
                    yield ColumnBelief(name=column, scale=1.0, shift=0.0 if null else -ratio)
                else:
                    yield ColumnBelief(name=column, scale=1.0 - ratio, shift=ratio * null)
        case ChangeKind.DELETE if ratio < 1.0:
            for column in change.wanted_null:
                if change.only_nulls:
                    yield ColumnBelief(name=column, scale=0.0, shift=0.0)
                else:
                    yield ColumnBelief(name=column, scale=1 / (1 - ratio), shift=-ratio / (1 - ratio))
        case ChangeKind.INSERT if ratio > 0.0:
            given = [c for c in size.nulls if not change.columns or c in change.columns]
            for column in (c for c in given if c not in change.nulls):
                yield ColumnBelief(name=column, scale=1 / (1 + ratio), shift=0.0)  # nothing is left of an empty table's
        case _:
            pass


def _shares(beliefs: Iterable[ColumnBelief], before: Mapping[str, float]) -> dict[str, float]:
    """The shares of NULLs that are known behind the change."""
    return {
        belief.name: min(max(before.get(belief.name, 0.0) * belief.scale + belief.shift, 0.0), 1.0)
        for belief in beliefs
        if belief.name in before or not belief.scale
    }


def _still_fresh(change: Change, size: Size) -> frozenset[str]:
    match change.kind:
        case ChangeKind.UPDATE:
            return size.fresh - set(change.columns)
        case ChangeKind.INSERT:
            return size.fresh & frozenset(c for c in size.fresh if change.columns and c not in change.columns)
        case ChangeKind.MERGE:
            return frozenset()
        case _:
            return size.fresh
