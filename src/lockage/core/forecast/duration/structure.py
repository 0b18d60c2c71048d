"""What stands around a table's rows now: its columns' widths, its indexes, the dead versions that the script has left.

Not for row counts (``row_ledger``). The surprising thing: dead versions cost like live ones until the transaction ends and a
vacuum comes, so an index that is built behind an UPDATE of all rows takes in twice as many entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lockage.core.facts import Relation
from lockage.core.forecast.calibration.reading import IndexDetail, TableDetail
from lockage.core.forecast.names import INDEX_KINDS, differences, indexes_of, owner
from lockage.core.forecast.row_ledger import RowLedger, Size
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, Traced
from lockage.core.migration.syntax import ChangeKind, WorkKind

UNKNOWN_COLUMN_BYTES = 16.0
"""Between an integer and a short text: a uuid."""

UNKNOWN_CORRELATION = 0.5

ASCENDING_FROM = 0.999
"""A column that is this much in order has hardly a row out of it."""

_METHOD = re.compile(r"\busing\s+(\w+)\s*\(", re.IGNORECASE)
_UNIQUE = re.compile(r"create\s+unique\b", re.IGNORECASE)
_PARTIAL = re.compile(r"\)[^()]*\bwhere\b", re.IGNORECASE)

_TEXTS = ("text", "character", "varchar", "name", "citext", "bpchar")
_FIXED_BYTES = {
    "boolean": 1.0,
    "smallint": 2.0,
    "integer": 4.0,
    "date": 4.0,
    "real": 4.0,
    "bigint": 8.0,
    "double precision": 8.0,
    "timestamp with time zone": 8.0,
    "timestamp without time zone": 8.0,
    "uuid": 16.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index as far as its upkeep goes."""

    method: str = "btree"
    columns: tuple[str, ...] = ()
    key_bytes: float = UNKNOWN_COLUMN_BYTES
    correlation: float = UNKNOWN_CORRELATION  # of its first column with the order on disk, 0 to 1
    ascending: bool = False  # the first column grows with the place on disk
    text_first: bool = False
    more_columns: int = 0  # after the first, that are no texts
    more_texts: int = 0
    collated: bool = False
    unique: bool = False
    partial: bool = False
    bytes: float | None = None
    known: bool = False  # False: nobody said what kind of index it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table as it is in front of a statement."""

    oid: int
    rows: float
    row_bytes: float
    file_bytes: float  # what a scan reads, without TOAST
    toast_bytes: float
    dead_rows: float  # versions that the script has left behind
    indexes: tuple[Index, ...]
    known: bool
    hit_ratio: float | None
    fill_ratio: float = 1.0
    spare_bytes: float = 0.0

    @property
    def heap_bytes(self) -> float:
        """Bytes of the live rows, in the heap."""
        return self.rows * self.row_bytes


class Structure:
    """Tables by oid, kept up as a trace is gone through."""

    def __init__(
        self, start: CatalogMark, relations: Iterable[Relation], details: Mapping[str, TableDetail], ledger: RowLedger
    ) -> None:
        self._ledger = ledger
        self._details = {oid: details[r.relation] for oid, r in start.relations.items() if r.relation in details}
        named = {index.index: (table, index) for table in details.values() for index in table.indexes}
        self._indexes: dict[int, Index] = {}
        for oid, relation in start.relations.items():
            if relation.kind in INDEX_KINDS and relation.relation in named:
                table, index = named[relation.relation]
                self._indexes[oid] = index_of(index, table)
        self._dead: dict[int, float] = {}
        sizes = {r.relation: r for r in relations}
        self._toast_ratio = {
            oid: sizes[r.relation].toast_bytes / (sizes[r.relation].toast_bytes + sizes[r.relation].heap_bytes)
            for oid, r in start.relations.items()
            if r.relation in sizes and sizes[r.relation].toast_bytes > 0
        }

    def table(self, oid: int, mark: CatalogMark) -> Table:
        """The table now."""
        size = self._ledger.size(oid)
        detail = self._details.get(oid, TableDetail())
        in_toast = self._toast_ratio.get(oid, 0.0)
        dead = self._dead.get(oid, 0.0)
        row_bytes = size.row_bytes * (1 - in_toast)
        return Table(
            oid=oid,
            rows=size.rows,
            row_bytes=row_bytes,
            file_bytes=size.file_bytes * (1 - in_toast) + dead * row_bytes,
            toast_bytes=size.heap_bytes * in_toast,
            dead_rows=dead,
            indexes=self._of(oid, size, mark),
            known=size.known,
            hit_ratio=detail.hit_ratio,
            fill_ratio=detail.fill_ratio,
            spare_bytes=size.spare_bytes * (1 - in_toast),
        )

    def fresh_index(self, index: CatalogRelation, table: CatalogRelation, step: Traced) -> Index:
        """What the statement says of an index that it makes or fills anew."""
        if index.oid in self._indexes:
            return self._indexes[index.oid]
        detail = self._details.get(table.oid, TableDetail())
        for work in step.statement.works:
            if work.kind is WorkKind.INDEX_BUILD and work.columns:
                method = _METHOD.search(step.statement.text)
                said = IndexDetail(
                    index=index.relation,
                    method=method[1].lower() if method else "btree",
                    columns=work.columns,
                    unique=step.statement.node != "index_stmt" or bool(_UNIQUE.match(step.statement.text)),
                    partial=step.statement.node == "index_stmt" and bool(_PARTIAL.search(step.statement.text)),
                )
                return index_of(said, detail)
        return Index()

    def note(self, step: Traced, changed: Iterable[tuple[ChangeKind, int, float]]) -> None:
        """Take in a statement: what it ``changed`` (kind, table's oid, rows), made and wrote anew."""
        for kind, oid, rows in changed:
            if kind in {ChangeKind.UPDATE, ChangeKind.DELETE, ChangeKind.MERGE}:
                self._dead[oid] = self._dead.get(oid, 0.0) + rows
        if step.after is step.before:
            return
        for oid, before, relation in differences(step.before, step.after):
            if relation is None:
                continue
            if relation.kind in INDEX_KINDS and before is None:
                self._indexes[oid] = self.fresh_index(relation, owner(relation, step.after), step)
            elif before is not None and before.relfilenode != relation.relfilenode:
                self._dead.pop(oid, None)

    def _of(self, oid: int, size: Size, mark: CatalogMark) -> tuple[Index, ...]:
        found = [self._indexes[index.oid] for index in indexes_of(oid, mark) if index.oid in self._indexes]
        missing = size.indexes - len(found)
        if missing > 0:
            each = size.index_bytes / size.indexes if size.index_bytes else None
            found += [Index(bytes=each)] * missing
        return tuple(found)


def index_of(detail: IndexDetail, table: TableDetail) -> Index:
    """An index with the widths and the order of its columns."""
    columns = [table.columns.get(name) for name in detail.columns]
    first = columns[0] if columns else None
    texts = [column for column in columns if column is not None and column.type.startswith(_TEXTS)]
    correlation = first.correlation if first is not None else None
    return Index(
        method=detail.method,
        columns=detail.columns,
        key_bytes=sum(
            UNKNOWN_COLUMN_BYTES if column is None else column.mean_bytes or _FIXED_BYTES.get(column.type, UNKNOWN_COLUMN_BYTES)
            for column in columns
        )
        or UNKNOWN_COLUMN_BYTES,
        correlation=UNKNOWN_CORRELATION if correlation is None else abs(correlation),
        ascending=correlation is not None and correlation > ASCENDING_FROM,
        text_first=first is not None and first in texts,
        more_columns=sum(column not in texts for column in columns[1:]),
        more_texts=sum(column in texts for column in columns[1:]),
        collated=any(column.collated for column in texts),
        unique=detail.unique,
        partial=detail.partial,
        bytes=None if detail.bytes is None else float(detail.bytes),
        known=all(column is not None for column in columns) and bool(columns),
    )
