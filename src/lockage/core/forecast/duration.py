"""How long each statement takes, roughly, from sizes: with a range that says how rough.

Not a measurement: a rehearsal is. The surprising thing: the rates differ 150-fold between reading a row and updating it under
three indexes, and from server to server, so each has its own doubt, and a condition that nobody can judge widens it to zero.

Source of the rates: measured per million rows on 2 cores, PostgreSQL 18, warm cache, rows of 93 and 470 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation, Seconds
from lockage.core.forecast.gaps import Gap
from lockage.core.forecast.names import oids, owner, resolve
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.row_ledger import RowLedger, Size
from lockage.core.forecast.seconds import scaled, total, unbounded
from lockage.core.forecast.trace import CatalogRelation, Trace, Traced
from lockage.core.migration.syntax import Change, ChangeKind, Work, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Seconds per unit of work, each with its reason."""

    statement_s: float = 0.0008
    """A statement's own cost: parsing, catalog, one round trip. Measured 0.3 to 5 ms for DDL."""
    commit_s: float = 0.0015
    """WAL to the disk. Measured 0.5 ms (fast SSD) to 30 ms (network storage)."""
    scan_row_s: float = 0.02e-6
    """Reading one row in passing."""
    scan_byte_s: float = 1 / 3.0e9
    """Reading the heap: 880 to 2 800 MB/s from a warm cache."""
    check_row_s: float = 0.02e-6
    """Testing a row against a condition on top of reading it."""
    lookup_row_s: float = 0.04e-6
    """Looking one row up in another table for a new foreign key, which is one join over all rows."""
    looked_up_row_s: float = 0.5e-6
    """One row of that other table in the join: it is hashed, and sorted where it does not fit."""
    rewrite_row_s: float = 0.2e-6
    """Writing a row into a new file."""
    rewrite_byte_s: float = 1 / 250e6
    """The same, by its size, with its WAL."""
    index_row_s: float = 0.22e-6
    """Sorting one row into a new index: 0.17 (rising integers) to 0.5 (text, uuid)."""
    index_byte_s: float = 1 / 2.5e9
    """The same, by the table's size: the wider the rows, the wider the keys as a rule."""
    update_row_s: float = 1.3e-6
    """A new version of a row, with its WAL."""
    update_index_s: float = 2.3e-6
    """Its entry in one index: 8.25 s for a million rows with three."""
    changed_byte_s: float = 2.0e-9
    """A byte of a row that is written anew, with its WAL."""
    insert_row_s: float = 0.35e-6
    insert_index_s: float = 1.0e-6
    delete_row_s: float = 0.3e-6
    trigger_row_s: float = 4.0e-6
    """One look into another table by a foreign key's trigger, row by row."""
    truncate_s: float = 0.005
    """New files for a table, its indexes and TOAST table."""


RATES = Rates()

# How much faster or slower than the rate a server may be: cold against warm, 1 to 3 indexes, a busy neighbour. Checked by
# benchmarks/duration_ranges.py.
_FASTER, _SLOWER = 3.5, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One statement's work and time."""

    operations: tuple[Operation, ...]
    seconds: Seconds


def estimates(
    trace: Trace,
    gaps: Sequence[Sequence[Gap]],
    relations: Iterable[Relation],
    *,
    sizes_known: bool,
    rates: Rates = RATES,
) -> tuple[Estimate, ...]:
    """The estimate of every statement of the trace, in order."""
    estimator = _Estimator(trace, RowLedger(trace.start, relations, sizes_known=sizes_known), rates)
    found: list[Estimate] = []
    for step, missing in zip(trace.statements, gaps, strict=True):
        estimate = estimator.estimate(step)
        found.append(Estimate(operations=estimate.operations, seconds=unbounded(estimate.seconds)) if missing else estimate)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece of work on one relation."""

    kind: str
    relation: CatalogRelation
    rows: float
    seconds: Seconds


class _Estimator:
    """Goes through a trace once, with the sizes as they are at each statement."""

    def __init__(self, trace: Trace, ledger: RowLedger, rates: Rates) -> None:
        self._trace = trace
        self._ledger = ledger
        self._rates = rates

    def estimate(self, step: Traced) -> Estimate:
        """The statement's estimate; takes in what it did to sizes."""
        own = self._rates.statement_s
        pieces = [Seconds(low=own / 6, likely=own, high=own * 8)]
        operations: list[Operation] = []
        if step.statement.control is None:
            for piece in self._pieces(step):
                pieces.append(piece.seconds)
                before = self._trace.start.relations.get(piece.relation.oid)
                if before is not None or piece.rows > 0:  # what the script makes is empty, and not worth a line
                    operations.append(_listed(piece, (before or piece.relation).relation, step))
        if not step.observation.in_transaction:
            commit = self._rates.commit_s
            pieces.append(Seconds(low=commit / 8, likely=commit, high=commit * 20))
        self._ledger.note(step)
        return Estimate(operations=tuple(operations), seconds=total(pieces))

    def _pieces(self, step: Traced) -> Iterator[_Piece]:
        rewritten: set[int] = set()
        for relation in _rewritten(step):
            rewritten.add(relation.oid)
            yield self._piece("rewrite", relation, self._rewriting(self._ledger.size(relation.oid)))
        for table in _newly_indexed(step):
            if table.oid not in rewritten:
                yield self._piece("index-build", table, self._building(self._ledger.size(table.oid)))
        for work in step.statement.works:
            tables = [owner(relation, step.before) for relation in resolve(work.relation, step.before)]
            for table in (table for table in tables if table.oid not in rewritten):
                if found := self._work(work, table, step):
                    yield self._piece(found[0], table, found[1])
        yield from self._filling(step)
        for change in changes_of(step):
            if change.kind is not ChangeKind.LOCK:
                tables = [r for r in resolve(change.relation, step.before) if r.kind in {"r", "p"}]
                yield from (self._changing(change, table, step) for table in tables)

    def _piece(self, kind: str, relation: CatalogRelation, seconds: float) -> _Piece:
        size = self._ledger.size(relation.oid)
        span = scaled(seconds, below=_FASTER, above=_SLOWER)
        return _Piece(kind, relation, size.rows, span if size.known else unbounded(span))

    def _rewriting(self, size: Size) -> float:
        written = size.rows * self._rates.rewrite_row_s + size.heap_bytes * self._rates.rewrite_byte_s
        return written + size.indexes * size.rows * self._rates.index_row_s

    def _building(self, size: Size) -> float:
        return size.rows * self._rates.index_row_s + size.heap_bytes * self._rates.index_byte_s + self._scanning(size)

    def _scanning(self, size: Size) -> float:
        return size.rows * self._rates.scan_row_s + size.file_bytes * self._rates.scan_byte_s

    def _work(self, work: Work, table: CatalogRelation, step: Traced) -> tuple[str, float] | None:
        size, rates = self._ledger.size(table.oid), self._rates
        match work.kind:
            case WorkKind.SCAN if table.kind in {"r", "p", "m"}:
                return "scan", self._scanning(size) + size.rows * rates.check_row_s
            case WorkKind.FOREIGN_KEY:
                return "scan", self._scanning(size) + size.rows * rates.lookup_row_s + self._hashing(work, size, step)
            case WorkKind.TRUNCATE:
                return "truncate", rates.truncate_s
            case WorkKind.REFRESH:
                return "refresh", size.rows * (rates.insert_row_s + size.indexes * rates.index_row_s)
            case _:
                return None  # builds and rewrites show in the catalog, where they happened

    def _hashing(self, work: Work, child: Size, step: Traced) -> float:
        if work.other is None:  # a constraint whose kind its name does not tell
            return child.rows * self._rates.looked_up_row_s / 2
        others = [self._ledger.size(other.oid) for other in resolve(work.other, step.before)]
        return sum(other.rows * self._rates.looked_up_row_s + self._scanning(other) for other in others)

    def _filling(self, step: Traced) -> Iterator[_Piece]:
        """A table made from a query's rows."""
        if step.statement.node != "create_table_as_stmt":
            return
        sources = [self._ledger.size(oid) for oid in oids(step.statement.names, step.before)]
        source = max(sources, key=lambda size: size.rows, default=None)
        for name in step.statement.created:
            for relation in resolve(name, step.after):
                rows = source.rows if source else 0.0
                row_s = self._rates.insert_row_s + (source.row_bytes if source else 0.0) * self._rates.changed_byte_s
                span = Seconds(low=0.0, likely=rows * row_s, high=rows * row_s * _SLOWER)
                yield _Piece("insert", relation, rows, span if source is None or source.known else unbounded(span))

    def _changing(self, change: Change, relation: CatalogRelation, step: Traced) -> _Piece:
        size = self._ledger.size(relation.oid)
        least, likely, most = self._ledger.changed_rows(change, relation.oid, step)
        row_s = self._changing_row(change, relation, size, step)
        scan_s = self._scanning(size) if change.kind is not ChangeKind.INSERT and most > 1 else 0.0
        seconds = Seconds(
            low=(least * row_s + (0.0 if change.has_condition else scan_s)) / _FASTER,  # an index may spare the scan
            likely=scan_s + likely * row_s,
            high=(scan_s + most * row_s) * _SLOWER if size.known else None,
        )
        return _Piece(str(change.kind), relation, likely, seconds)

    def _changing_row(self, change: Change, relation: CatalogRelation, size: Size, step: Traced) -> float:
        rates = self._rates
        keys = [key for key in step.rules.foreign_keys if key.child_oid == relation.oid]
        referring = [key for key in step.rules.foreign_keys if key.parent_oid == relation.oid]
        width_s = size.row_bytes * rates.changed_byte_s
        match change.kind:
            case ChangeKind.INSERT:
                return rates.insert_row_s + width_s + size.indexes * rates.insert_index_s + len(keys) * rates.trigger_row_s
            case ChangeKind.DELETE:
                return rates.delete_row_s + len(referring) * rates.trigger_row_s
            case _:
                looked = sum(1 for key in keys if set(key.child_columns) & set(change.columns))
                return rates.update_row_s + width_s + size.indexes * rates.update_index_s + looked * rates.trigger_row_s


def _listed(piece: _Piece, name: str, step: Traced) -> Operation:
    return Operation(
        kind=piece.kind, relation=name, file=step.file, line=step.statement.line, rows=piece.rows, seconds=piece.seconds
    )


def _rewritten(step: Traced) -> Iterator[CatalogRelation]:
    if step.after is step.before or step.statement.node in {"truncate_stmt", "refresh_mat_view_stmt"}:
        return
    for oid, after in step.after.relations.items():
        before = step.before.relations.get(oid)
        if before and before.kind in {"r", "m"} and after.relfilenode and before.relfilenode != after.relfilenode:
            yield before


def _newly_indexed(step: Traced) -> Iterator[CatalogRelation]:
    """The table of each index that was made or filled anew; those of partitioned tables are their partitions'."""
    if step.after is step.before or step.statement.node == "truncate_stmt":
        return
    for oid, after in step.after.relations.items():
        before = step.before.relations.get(oid)
        if after.kind == "i" and (before is None or before.relfilenode != after.relfilenode):
            table = owner(after, step.after)
            if table.oid in step.before.relations and table.kind != "t":
                yield table
