"""What stands around a table's rows now: its columns' widths, its indexes, the dead versions that the script has left.

Not for row counts (``row_ledger``). The surprising thing: dead versions cost like live ones until the transaction ends and a
vacuum comes, so an index that is built behind an UPDATE of all rows takes in twice as many entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lockage.core.facts import Relation
from lockage.core.forecast.names import INDEX_KINDS, descendants, differences, indexes_of, owner
from lockage.core.forecast.row_ledger import RowLedger, Size
from lockage.core.forecast.target_reading import ColumnDetail, IndexDetail, TableDetail
from lockage.core.forecast.trace import CatalogMark, CatalogRelation, Traced
from lockage.core.migration.index_syntax import IndexSyntax, indexes_in
from lockage.core.migration.syntax import ChangeKind

UNKNOWN_COLUMN_BYTES = 16.0
"""Between an integer and a short text: a uuid."""

UNKNOWN_CORRELATION = 0.5

ASCENDING_FROM = 0.999
"""A column that is this much in order has hardly a row out of it."""

USUAL_COLUMNS = 8
"""Of the tables that the rates were measured on."""

SPARE_NOISE_RATIO = 0.1
"""Share of a file that the widths of its columns leave unexplained, though nothing is free: alignment, ends of pages."""

PARTIAL_RATIO = 0.33
"""Rows that a partial index takes in, where nothing tells. Source: utils/selfuncs.h, DEFAULT_INEQ_SEL."""

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
    share: float = 1.0  # of the rows that it takes in
    share_known: bool = True
    text_like: bool = False  # its first column is a text, or an expression that may be one
    sorted_first: bool = False  # a GiST index of it is built from sorted entries
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
    free_bytes: float = 0.0  # of the file, with neither a live row in them nor a dead version
    columns: int = USUAL_COLUMNS
    hot_rows: float = 0.0  # among the dead: the next version is on the same page, so that no index build takes them in

    @property
    def more_columns(self) -> int:
        """Columns beyond those of a usual table, each of which takes a little of every row's time."""
        return max(0, self.columns - USUAL_COLUMNS)

    @property
    def free_ratio(self) -> float:
        """Share of its pages that is free, as far as that is more than noise."""
        if self.file_bytes <= 0:
            return 0.0
        return max(0.0, self.free_bytes / self.file_bytes - SPARE_NOISE_RATIO) / (1 - SPARE_NOISE_RATIO)

    @property
    def heap_bytes(self) -> float:
        """Bytes of the live rows, in the heap."""
        return self.rows * self.row_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What one statement did to rows of one table."""

    kind: ChangeKind
    oid: int
    rows: float
    hot_rows: float = 0.0  # among them: moved within their page


class Structure:
    """Tables by oid, kept up as a trace is gone through."""

    def __init__(
        self, start: CatalogMark, relations: Iterable[Relation], details: Mapping[str, TableDetail], ledger: RowLedger
    ) -> None:
        self._ledger = ledger
        self._details = {oid: details[r.relation] for oid, r in start.relations.items() if r.relation in details}
        named = {index.index: (table, index) for table in details.values() for index in table.indexes}
        self._indexes: dict[int, Index] = {}
        self._said: dict[int, IndexDetail] = {}
        for oid, relation in start.relations.items():
            if relation.kind in INDEX_KINDS and relation.relation in named:
                table, index = named[relation.relation]
                self._indexes[oid], self._said[oid] = index_of(index, table), index
        self._dead: dict[int, float] = {}
        self._hot: dict[int, float] = {}
        sizes = {r.relation: r for r in relations}
        self._dead_before = {oid: sizes[r.relation].dead_rows for oid, r in start.relations.items() if r.relation in sizes}
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
        free = max(0.0, size.spare_bytes * (1 - in_toast) - self._dead_before.get(oid, 0.0) * row_bytes)
        return Table(
            oid=oid,
            rows=size.rows,
            row_bytes=row_bytes,
            file_bytes=size.file_bytes * (1 - in_toast) + max(0.0, dead * row_bytes - free),
            toast_bytes=size.heap_bytes * in_toast,
            dead_rows=dead,
            indexes=self._of(oid, size, mark),
            known=size.known,
            hit_ratio=detail.hit_ratio,
            fill_ratio=detail.fill_ratio,
            free_bytes=max(0.0, free - dead * row_bytes),
            columns=len(detail.columns) or USUAL_COLUMNS,
            hot_rows=self._hot.get(oid, 0.0),
        )

    def columns(self, oid: int) -> Mapping[str, ColumnDetail]:
        """What is known of the columns that the table had before the script."""
        return self._details.get(oid, TableDetail()).columns

    def fresh_index(self, index: CatalogRelation, table: CatalogRelation, step: Traced) -> Index:
        """What the statement says of an index that it makes or fills anew."""
        if index.oid in self._indexes:
            return self._indexes[index.oid]
        detail = self._details.get(table.oid, TableDetail())
        written = indexes_in(step.statement.text)
        named = [one for one in written if one.name and index.relation.endswith(f".{one.name}")]
        said = next(iter(named or written), None)
        like = self._sibling(index, table, step.after) if said is None else _detail(said, index.relation, detail)
        return Index() if like is None else index_of(like, detail)

    def _sibling(self, index: CatalogRelation, table: CatalogRelation, mark: CatalogMark) -> IndexDetail | None:
        """The index of another partition that PostgreSQL has named alike: both follow the partitioned table's."""
        ending = index.relation.removeprefix(table.relation)
        for other in descendants(table.table_oid, mark) if table.table_oid != table.oid else ():
            for one in indexes_of(other.oid, mark):
                if one.oid in self._said and one.relation == other.relation + ending:
                    return replace(self._said[one.oid], index=index.relation, bytes=None)
        return None

    def note(self, step: Traced, changed: Iterable[Changed]) -> None:
        """Take in a statement: what it changed, made and wrote anew."""
        for one in changed:
            if one.kind in {ChangeKind.UPDATE, ChangeKind.DELETE, ChangeKind.MERGE}:
                self._dead[one.oid] = self._dead.get(one.oid, 0.0) + one.rows
                self._hot[one.oid] = self._hot.get(one.oid, 0.0) + one.hot_rows
        if step.after is step.before:
            return
        for oid, before, relation in differences(step.before, step.after):
            if relation is None:
                continue
            if relation.kind in INDEX_KINDS and before is None:
                self._indexes[oid] = self.fresh_index(relation, owner(relation, step.after), step)
            elif before is not None and before.relfilenode != relation.relfilenode:
                for kept in (self._dead, self._hot, self._dead_before):
                    kept.pop(oid, None)

    def _of(self, oid: int, size: Size, mark: CatalogMark) -> tuple[Index, ...]:
        relation = mark.relations.get(oid)
        if relation is not None and relation.kind == "p":
            # Its own indexes hold nothing; those of the largest partition are like those of the others.
            leaves = [leaf for leaf in descendants(oid, mark) if leaf.kind == "r"]
            largest = max(leaves, key=lambda leaf: self._ledger.size(leaf.oid).rows, default=None)
            return self._of(largest.oid, self._ledger.size(largest.oid), mark) if largest else ()
        found = [self._indexes[index.oid] for index in indexes_of(oid, mark) if index.oid in self._indexes]
        missing = size.indexes - len(found)
        if missing > 0:
            each = size.index_bytes / size.indexes if size.index_bytes else None
            found += [Index(bytes=each)] * missing
        return tuple(found)


def _detail(said: IndexSyntax, name: str, table: TableDetail) -> IndexDetail:
    return IndexDetail(
        index=name,
        method=said.method,
        columns=said.columns,
        unique=said.unique,
        partial=said.partial,
        share=_share(said, table) if said.partial else None,
    )


def _share(said: IndexSyntax, table: TableDetail) -> float | None:
    """Share of the rows that the condition of a partial index meets; None where no statistic tells."""
    share = 1.0
    for name, wanted in said.wants or ():
        column = table.columns.get(name)
        if column is None or column.null_ratio is None:
            return None
        share *= column.null_ratio if wanted else 1.0 - column.null_ratio
    return share if said.wants else None


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
        share=1.0 if not detail.partial else PARTIAL_RATIO if detail.share is None else min(detail.share, 1.0),
        share_known=not detail.partial or detail.share is not None,
        text_like=first is None or first in texts,
        sorted_first=first is not None and (first.type.endswith("range") or first.type == "point"),
        bytes=None if detail.bytes is None else float(detail.bytes),
        known=all(column is not None for column in columns) and bool(columns),
    )
