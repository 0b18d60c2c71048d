"""How long each statement of a trace takes: every piece of its work with a range of seconds, and the whole.

Not a measurement: a rehearsal is. The surprising thing: a statement's low end can come from no rows at all, because a condition
that nobody can judge may meet none; what PostgreSQL must do all the same keeps it above nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation, Seconds
from lockage.core.forecast.duration.calibration import UNCALIBRATED, Calibration
from lockage.core.forecast.duration.changing import same_page_ratio
from lockage.core.forecast.duration.evidence import goes_round
from lockage.core.forecast.duration.operations import Operations
from lockage.core.forecast.duration.piece import Piece
from lockage.core.forecast.duration.rates import Rate
from lockage.core.forecast.duration.structure import Changed, Structure
from lockage.core.forecast.gaps import Gap
from lockage.core.forecast.names import resolve
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.row_ledger import RowLedger
from lockage.core.forecast.seconds import total, unbounded
from lockage.core.forecast.trace import Trace, Traced
from lockage.core.migration.syntax import Change, ChangeKind, Control


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
    calibration: Calibration = UNCALIBRATED,
) -> tuple[Estimate, ...]:
    """The estimate of every statement of the trace, in order."""
    relations = tuple(relations)
    ledger = RowLedger(trace.start, relations, sizes_known=sizes_known)
    estimator = _Estimator(trace, relations, ledger, calibration)
    found: list[Estimate] = []
    for step, missing in zip(trace.statements, gaps, strict=True):
        estimate = estimator.estimate(step)
        told = (not missing or _is_row_by_row(step, missing)) and not goes_round(step)
        found.append(estimate if told else Estimate(operations=estimate.operations, seconds=unbounded(estimate.seconds)))
    return tuple(found)


class _Estimator:
    """Goes through a trace once, with the sizes as they are at each statement."""

    def __init__(self, trace: Trace, relations: Sequence[Relation], ledger: RowLedger, calibration: Calibration) -> None:
        self._trace = trace
        self._ledger = ledger
        self._calibration = calibration
        self._structure = Structure(trace.start, relations, calibration.tables, ledger)
        self._operations = Operations(ledger, self._structure, calibration)

    def estimate(self, step: Traced) -> Estimate:
        """The statement's estimate; takes in what it did to sizes."""
        speeds = self._calibration.speeds
        parts = [] if step.statement.control else [_fixed(speeds.statement_s)] * (len(step.statement.alike) or 1)
        operations: list[Operation] = []
        if step.statement.control is None:
            for piece in self._operations.of(step):
                parts.append(piece.seconds)
                before = self._trace.start.relations.get(piece.relation.oid)
                if before is not None or piece.rows > 0:  # what the script makes is empty, and not worth a line
                    operations.append(_listed(piece, (before or piece.relation).relation, step))
        elif step.statement.control is not Control.COMMIT:
            parts.append(_fixed(Rate(value=speeds.statement_s.value / 8, below=2.0, above=4.0)))
        if not step.observation.in_transaction and not step.statement.reads_only:
            parts.append(_fixed(speeds.commit_s))
        self._note(step)
        return Estimate(operations=_together(operations) if step.statement.alike else tuple(operations), seconds=total(parts))

    def _note(self, step: Traced) -> None:
        changed = [
            self._changed(change, relation.oid, step)
            for change in (changes_of(step) if step.succeeded else ())
            for relation in resolve(change.relation, step.before)
        ]
        self._structure.note(step, changed)
        self._ledger.note(step)

    def _changed(self, change: Change, oid: int, step: Traced) -> Changed:
        rows = self._ledger.changed_rows(change, oid, step)[1]
        hot = 0.0
        if change.kind is ChangeKind.UPDATE and rows > 0:
            hot = rows * same_page_ratio(self._structure.table(oid, step.before), change.columns)
        return Changed(kind=change.kind, oid=oid, rows=rows, hot_rows=hot)


def _is_row_by_row(step: Traced, missing: Sequence[Gap]) -> bool:
    """Whether all that did not run are triggers' INSERTs of single rows, which are among what a trigger takes for each row."""
    if not step.succeeded or step.statement.procedure is not None or step.statement.calls:
        return False
    inner = [statement for gap in missing for statement in gap.statements or (None,)]
    return all(
        statement is not None
        and bool(statement.changes)
        and all(change.kind is ChangeKind.INSERT and change.rows is not None for change in statement.changes)
        for statement in inner
    )


def _fixed(rate: Rate) -> Seconds:
    return Seconds(low=rate.value / rate.below, likely=rate.value, high=rate.value * rate.above)


def _together(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Those of a run: of each kind on each relation, the sum."""
    found: dict[tuple[str, str, str], list[Operation]] = {}
    for operation in operations:
        found.setdefault((operation.kind, operation.relation, operation.note), []).append(operation)
    return tuple(
        replace(
            those[0],
            rows=sum(one.rows for one in those),
            seconds=total(one.seconds for one in those),
            wal_bytes=sum(one.wal_bytes for one in those),
        )
        for those in found.values()
    )


def _listed(piece: Piece, name: str, step: Traced) -> Operation:
    return Operation(
        kind=piece.kind,
        relation=name,
        file=step.file,
        line=step.statement.of(name).line,
        rows=piece.rows,
        seconds=piece.seconds,
        wal_bytes=piece.wal_bytes,
        note=piece.note,
    )
