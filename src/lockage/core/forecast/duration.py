"""How long each statement takes, roughly, from sizes: with a range that says how rough.

Not a measurement: a rehearsal is. The surprising thing: the rates differ 150-fold between reading a row and updating it under
three indexes, and from server to server, so each has its own doubt, and a condition that nobody can judge widens it to zero.

Source of the rates: one million rows on 2 cores, PostgreSQL 18, warm cache; ``benchmarks/rates.py`` measures them anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation, Seconds
from lockage.core.forecast.gaps import Gap
from lockage.core.forecast.names import INDEX_KINDS, LISTED_KINDS, owner, resolve
from lockage.core.forecast.row_ledger import RowLedger, Size
from lockage.core.forecast.seconds import scaled, total, unbounded
from lockage.core.forecast.trace import CatalogRelation, Trace, Traced
from lockage.core.migration.syntax import Change, ChangeKind, Work, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Seconds per unit of work, each with its reason."""

    statement_s: float = 0.0015
    """A statement's own cost: parsing, catalog, one round trip. Measured 0.3 to 5 ms for DDL on an idle server."""
    scan_row_s: float = 0.05e-6
    """Reading one row in passing: 0.05 s for a million."""
    scan_byte_s: float = 1 / 1.0e9
    """Reading the heap: 880 to 1 290 MB/s from a warm cache."""
    check_row_s: float = 0.06e-6
    """Testing a row against a condition on top of reading it."""
    lookup_row_s: float = 0.9e-6
    """Looking one row up in another table for a foreign key, as one join."""
    rewrite_row_s: float = 0.6e-6
    """Writing a row into a new file."""
    rewrite_byte_s: float = 1 / 130e6
    """The same, by its size, with its WAL."""
    index_row_s: float = 0.55e-6
    """Sorting one row into a new index."""
    update_row_s: float = 2.2e-6
    """A new version of a row, with its WAL."""
    update_index_s: float = 2.0e-6
    """Its entry in one index."""
    insert_row_s: float = 1.3e-6
    insert_index_s: float = 0.9e-6
    delete_row_s: float = 1.2e-6
    trigger_row_s: float = 6.0e-6
    """One look into another table by a foreign key's trigger, row by row."""
    truncate_s: float = 0.005
    """New files for a table, its indexes and TOAST table."""


RATES = Rates()

# How much faster or slower than the rate a server may be. Source: facts above, cold against warm, 1 to 3 indexes.
_FASTER, _SLOWER = 2.5, 3.5


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
    ledger = RowLedger(trace.start, relations, sizes_known=sizes_known)
    found: list[Estimate] = []
    for step, missing in zip(trace.statements, gaps, strict=True):
        estimate = _estimate(step, trace, ledger, rates)
        found.append(Estimate(operations=estimate.operations, seconds=unbounded(estimate.seconds)) if missing else estimate)
        ledger.note(step)
    return tuple(found)


def _estimate(step: Traced, trace: Trace, ledger: RowLedger, rates: Rates) -> Estimate:
    own = Seconds(low=rates.statement_s / 6, likely=rates.statement_s, high=rates.statement_s * 8)
    if step.statement.control is not None:
        return Estimate(operations=(), seconds=own)
    operations = tuple(_operations(step, trace, ledger, rates))
    listed = tuple(o for o, worth in operations if worth)
    return Estimate(operations=listed, seconds=total((own, *(o.seconds for o, _ in operations))))


def _operations(step: Traced, trace: Trace, ledger: RowLedger, rates: Rates) -> Iterator[tuple[Operation, bool]]:
    """Each operation, and whether it is worth listing: done to a relation that is not empty because the script made it."""
    rewritten: set[int] = set()
    for relation, size in _rewritten(step, ledger):
        rewritten.add(relation.oid)
        seconds = size.rows * rates.rewrite_row_s + size.heap_bytes * rates.rewrite_byte_s + _rebuilt(size, rates)
        yield _operation("rewrite", relation, size.rows, size, seconds, step, trace)
    for index, table in _new_indexes(step):
        if table.oid not in rewritten:
            size = ledger.size(table.oid)
            del index
            yield _operation("index-build", table, size.rows, size, _build(size, rates), step, trace)
    for work in step.statement.works:
        for relation in resolve(work.relation, step.before):
            table = owner(relation, step.before)
            if table.oid not in rewritten and (found := _work(work, table, step, ledger, rates)):
                kind, size, seconds = found
                yield _operation(kind, table, size.rows, size, seconds, step, trace)
    for change in step.statement.changes:
        yield from _changes(change, step, trace, ledger, rates)


def _operation(
    kind: str, relation: CatalogRelation, rows: float, size: Size, seconds: float, step: Traced, trace: Trace
) -> tuple[Operation, bool]:
    span = scaled(seconds, below=_FASTER, above=_SLOWER)
    return _listed(kind, relation, rows, span if size.known else unbounded(span), step, trace)


def _listed(
    kind: str, relation: CatalogRelation, rows: float, seconds: Seconds, step: Traced, trace: Trace
) -> tuple[Operation, bool]:
    before = trace.start.relations.get(relation.oid)
    operation = Operation(
        kind=kind,
        relation=(before or relation).relation,
        file=step.file,
        line=step.statement.line,
        rows=rows,
        seconds=seconds,
    )
    return operation, before is not None or rows > 0


def _rewritten(step: Traced, ledger: RowLedger) -> Iterator[tuple[CatalogRelation, Size]]:
    if step.after is step.before or step.statement.node in {"truncate_stmt", "refresh_mat_view_stmt"}:
        return
    for oid, after in step.after.relations.items():
        before = step.before.relations.get(oid)
        if before and before.kind in {"r", "m"} and after.relfilenode and before.relfilenode != after.relfilenode:
            yield before, ledger.size(oid)


def _new_indexes(step: Traced) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Indexes made or filled anew, with their table; those of partitioned tables are made of their partitions'."""
    if step.after is step.before or step.statement.node == "truncate_stmt":
        return
    for oid, after in step.after.relations.items():
        before = step.before.relations.get(oid)
        if after.kind == "i" and (before is None or before.relfilenode != after.relfilenode):
            table = owner(after, step.after)
            if table.oid in step.before.relations and table.kind != "t":
                yield after, table


def _build(size: Size, rates: Rates) -> float:
    return size.rows * (rates.index_row_s + rates.scan_row_s) + size.heap_bytes * rates.scan_byte_s


def _rebuilt(size: Size, rates: Rates) -> float:
    return size.indexes * size.rows * rates.index_row_s


def _scan(size: Size, rates: Rates) -> float:
    return size.rows * rates.scan_row_s + size.heap_bytes * rates.scan_byte_s


def _work(work: Work, table: CatalogRelation, step: Traced, ledger: RowLedger, rates: Rates) -> tuple[str, Size, float] | None:
    size = ledger.size(table.oid)
    match work.kind:
        case WorkKind.SCAN:
            if table.kind not in LISTED_KINDS or table.kind == "v":
                return None
            return "scan", size, _scan(size, rates) + size.rows * rates.check_row_s
        case WorkKind.FOREIGN_KEY:
            others = resolve(work.other, step.before) if work.other else ()
            other_s = sum(_scan(ledger.size(other.oid), rates) for other in others)
            return "scan", size, _scan(size, rates) + size.rows * rates.lookup_row_s + other_s
        case WorkKind.TRUNCATE:
            return "truncate", size, rates.truncate_s
        case WorkKind.REFRESH:
            return "refresh", size, size.rows * rates.insert_row_s + _rebuilt(size, rates)
        case WorkKind.INDEX_BUILD | WorkKind.REWRITE:
            return None  # seen in the catalog, where it happened


def _changes(change: Change, step: Traced, trace: Trace, ledger: RowLedger, rates: Rates) -> Iterator[tuple[Operation, bool]]:
    if change.kind is ChangeKind.LOCK:
        return
    for relation in resolve(change.relation, step.before):
        if relation.kind in INDEX_KINDS:
            continue
        size = ledger.size(relation.oid)
        least, likely, most = ledger.changed_rows(change, relation.oid, step.rules, step.before)
        per_row = _per_row(change, relation, size, step, rates)
        scan = _scan(size, rates) if change.kind is not ChangeKind.INSERT and most > 1 else 0.0
        seconds = Seconds(
            low=(scan + least * per_row) / _FASTER,
            likely=scan + likely * per_row,
            high=(scan + most * per_row) * _SLOWER if size.known else None,
        )
        yield _listed(str(change.kind), relation, likely, seconds, step, trace)


def _per_row(change: Change, relation: CatalogRelation, size: Size, step: Traced, rates: Rates) -> float:
    keys = [key for key in step.rules.foreign_keys if key.child_oid == relation.oid]
    parents = [key for key in step.rules.foreign_keys if key.parent_oid == relation.oid]
    width = size.row_bytes / 100.0 * 0.3e-6
    match change.kind:
        case ChangeKind.INSERT:
            return rates.insert_row_s + width + size.indexes * rates.insert_index_s + len(keys) * rates.trigger_row_s
        case ChangeKind.DELETE:
            return rates.delete_row_s + len(parents) * rates.trigger_row_s
        case _:
            looked = sum(1 for key in keys if set(key.child_columns) & set(change.columns))
            return rates.update_row_s + width + size.indexes * rates.update_index_s + looked * rates.trigger_row_s
