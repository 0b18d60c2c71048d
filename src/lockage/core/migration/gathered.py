"""Long runs of statements that each change rows by constants, as one that stands for all of them.

Not for runs of ``INSERT`` into the same columns, which ``folded`` makes one statement of all their rows. The surprising thing:
nothing is put together but what is told: every statement of a run is executed, and what they hold together is read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lockage.core.migration.folded import SHORTEST_RUN, folded
from lockage.core.migration.statement import fingerprint
from lockage.core.migration.syntax import Change, ChangeKind, Statement

LONGEST_RUN = 5_000
"""Statements: some seconds of tracing, so that a long script says in between how far it is."""

MOST_SHAPES = 10
"""Kinds of statements, apart from their constants, that one run mixes."""

_ROWS_OF_ONE = 10  # what one INSERT of a run may write out; a longer one is worth a line of its own


def gathered(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements in their order, long runs of alike ones as one each (``Statement.alike``), on the line of its first.

    A run only inserts rows that are written out, or only changes and deletes rows that constants name, by no function.
    """
    if len(statements) < SHORTEST_RUN:
        return tuple(statements)
    return tuple(each for run in _runs(folded(statements)) for each in (_as_one(run) if _is_long(run) else run))


def gathered_again(statements: Sequence[Statement]) -> Statement:
    """One that stands for a part of a run."""
    return statements[0] if len(statements) == 1 else next(iter(_as_one(statements)))


def shape_of(statement: Statement) -> tuple[object, ...]:
    """What statements that differ in nothing but their constants have in common."""
    return (statement.node, statement.names, *(change.columns for change in statement.changes))


def _is_long(run: Sequence[Statement]) -> bool:
    return len(run) >= SHORTEST_RUN and _kind(run[0]) is not None


def _runs(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    run: list[Statement] = []
    kind: str | None = None
    shapes: set[tuple[object, ...]] = set()
    for statement in statements:
        now = _kind(statement)
        shape = shape_of(statement)
        if now != kind or len(run) >= LONGEST_RUN or (shape not in shapes and len(shapes) >= MOST_SHAPES):
            if run:
                yield run
            run, kind, shapes = [], now, set()
        run.append(statement)
        shapes.add(shape)
    if run:
        yield run


def _kind(statement: Statement) -> str | None:
    """What a statement has in common with those of its run; None: it stays by itself."""
    if len(statement.changes) != 1 or statement.calls or len(statement.names) != 1 or statement.works:
        return None
    change: Change = statement.changes[0]
    match statement.node:
        case "insert_stmt" if change.rows is not None and change.rows <= _ROWS_OF_ONE and not change.sources:
            return "insert"
        case "update_stmt" | "delete_stmt" if change.kind in {ChangeKind.UPDATE, ChangeKind.DELETE} and change.constants:
            return "change"
        case _:
            return None


def _as_one(run: Sequence[Statement]) -> Iterator[Statement]:
    shapes: dict[str, Statement] = {}
    for statement in run:
        shapes.setdefault(fingerprint(statement.text), statement)
    yield replace(
        run[0],
        names=tuple(dict.fromkeys(name for shape in shapes.values() for name in shape.names)),
        changes=tuple(change for statement in run for change in statement.changes),
        alike=tuple(run),
        shapes=tuple(shapes.values()),
    )
