"""Long runs of alike ``INSERT``s as one statement, so that a script of a hundred thousand lines is traced in seconds.

Not for what is shown of an ordinary script: only runs of ``SHORTEST_RUN`` or more are folded. The surprising thing: a folded
statement is parsed anew and counted, unless all rows are plain constants, and where that does not give the same rows of the
same table, the run stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from lockage.core.migration.plain_rows import of_all_rows
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from lockage.errors import UsageError

SHORTEST_RUN = 100
"""Statements: what takes a third of a second to trace one by one, and is data rather than schema."""

_VALUES = re.compile(
    r"^(?P<head>INSERT\s+INTO\s+[^();']+(?:\([^()']*\)\s*)?VALUES)\s*(?P<rows>\(.*\))\s*$", re.IGNORECASE | re.DOTALL
)


def folded(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements in their order, each long run of ``INSERT … VALUES`` into the same columns as one of all their rows.

    It stands on the line of the run's first. Locks, rows and work are the same; a row that fails takes its whole run with it.
    """
    if len(statements) < SHORTEST_RUN:
        return tuple(statements)
    return tuple(_folded(statements))


def _folded(statements: Iterable[Statement]) -> Iterator[Statement]:
    for head, run in groupby(statements, key=_head):
        those = tuple(run)
        one = _as_one(head, those) if head is not None and len(those) >= SHORTEST_RUN else None
        yield from (one,) if one is not None else those


def _head(statement: Statement) -> str | None:
    if statement.node != "insert_stmt" or statement.calls or len(statement.changes) != 1 or statement.changes[0].upserts:
        return None
    match = _VALUES.match(statement.text)
    return match["head"] if match else None


def _as_one(head: str, run: Sequence[Statement]) -> Statement | None:
    rows = ",\n".join(match["rows"] for statement in run if (match := _VALUES.match(statement.text)))
    if (change := of_all_rows(run)) is not None:
        return replace(run[0], text=f"{head}\n{rows}", changes=(change,))
    try:
        found = split_statements(f"{head}\n{rows}", file="")
    except UsageError:
        return None
    if len(found) != 1 or found[0].node != "insert_stmt" or len(found[0].changes) != 1:
        return None
    before = [statement.changes[0] for statement in run]
    after = found[0].changes[0]
    counted = sum(change.rows or 0 for change in before)
    same = after.rows == counted and (after.relation, after.columns, after.sources) == (
        before[0].relation,
        before[0].columns,
        (),
    )
    return replace(found[0], line=run[0].line) if same else None
