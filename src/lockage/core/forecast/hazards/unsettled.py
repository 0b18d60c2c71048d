"""Which statements stand behind something that nobody saw, so that what they miss may be there, and what they meet may not.

Not for what waits for whom (``timeline``), nor for calling a failure certain (``failing``). The surprising thing: a statement
that ran well can leave it open too, as a block does with a branch that makes a table, and was not taken on the shadow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lockage.core.forecast.gaps import find_gaps
from lockage.core.forecast.trace import Traced
from lockage.core.migration.formats.places import is_program
from lockage.core.migration.syntax import Statement

WHATEVER_THE_DATA = ("25", "2B", "2F", "3F", "42", "55")
"""Classes of failures that speak of schema, state and syntax; the rest (limits, files, extensions) differs from server to
server. Source: PostgreSQL 18 manual, Appendix A."""

OF_THE_SESSION = re.compile(r'unrecognized configuration parameter "\w+\.')
"""A parameter with a prefix is an application's own: its migrator may set it before it begins."""

_OF_ROWS = {"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "copy_stmt", "truncate_stmt", "lock_stmt"}
"""Statements that neither make nor drop anything but rows, unless a function that they call does."""


def unsettled(steps: Sequence[Traced], files: Sequence[str], *, from_the_start: bool) -> Iterator[Traced]:
    """Those of the statements that stand behind a program, or behind one that may have made or dropped what nobody saw.

    ``files`` are the script's, in order; ``from_the_start``: something before the script could not be run.
    """
    left_open, programs = from_the_start, _behind_programs(files)
    for step in steps:
        if left_open or step.file in programs:
            yield step
        left_open = left_open or _leaves_open(step)


def _behind_programs(files: Sequence[str]) -> set[str]:
    first = next((number for number, file in enumerate(files) if is_program(file)), len(files))
    return {*files[first + 1 :]}


def _leaves_open(step: Traced) -> bool:
    if step.skipped is not None:
        return step.statement.node != "copy_stmt"
    failure = step.observation.failure
    if failure is not None:  # one that is certain is to be mended first, and this is not about what stands there then
        return not failure.sqlstate.startswith(WHATEVER_THE_DATA) or OF_THE_SESSION.match(failure.message) is not None
    return any(gap.statements is None or _makes_something(gap.statements, step) for gap in find_gaps(step))


def _makes_something(statements: Iterable[Statement], step: Traced) -> bool:
    known = step.rules.routine_list.by_name
    return any(each.node not in _OF_ROWS or any(call.name in known for call in each.calls) for each in statements)
