"""Finds the statement of a script behind which each query of the running release begins to fail.

Not for finding whether it fails (``flows.forecast``). The surprising thing: the script is replayed on a second shadow, each
statement by itself, because what is committed cannot be taken back and what is not committed no other session sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from lockage.core.forecast.compatibility import Break, Place
from lockage.core.migration.procedure import reach_outside
from lockage.core.migration.script import Migration
from lockage.core.migration.syntax import Statement
from lockage.errors import RefusedError
from lockage.ports import OldStatements, Shadow, TracedSession

LOCATE_LIMIT_S = 10.0
"""How long it may be looked for. A statement of the script takes some 20 ms."""

ALIKE = 3
"""Breaks with the same message that are followed one by one; they nearly always begin together."""

_BREAKS_NOTHING = {
    "insert_stmt",
    "update_stmt",
    "delete_stmt",
    "merge_stmt",
    "comment_stmt",
    "vacuum_stmt",
    "transaction_stmt",
    "lock_stmt",
    "variable_set_stmt",
    "cluster_stmt",
    "reindex_stmt",
}
"""Kinds of statements behind which nothing of another session can begin to fail."""


def locate(
    twin: Shadow, breaks: Collection[Break], script: Sequence[Migration], *, prepare: Callable[[Shadow], object]
) -> dict[Break, Place]:
    """The place of each break that was found in time; ``prepare`` brings the twin to where the script begins."""
    until = time.monotonic() + LOCATE_LIMIT_S
    prepare(twin)
    followed = {each for alike in _groups(breaks) for each in alike[:ALIKE]}
    found: dict[Break, Place] = {}
    with twin.statements() as old, twin.session() as session:
        old.prepare([each.statement for each in followed])
        for place, statement in _statements(script):
            if time.monotonic() > until or len(found) == len(followed):
                break
            if _run(session, statement):
                found |= dict.fromkeys(_begun(old, followed - found.keys()), place)
    return found | _alike(breaks, found)


def _begun(old: OldStatements, left: Collection[Break]) -> frozenset[Break]:
    return old.begun(left)


def _statements(script: Iterable[Migration]) -> Iterator[tuple[Place, Statement]]:
    for migration in script:
        for statement in migration.statements():
            yield Place(file=migration.file, line=statement.line), statement


def _run(session: TracedSession, statement: Statement) -> bool:
    """Whether it was executed and may have broken something; what fails here was taken back in the trace, too."""
    if statement.control is not None or reach_outside(statement):
        return False
    try:
        session.command(statement.text)
    except RefusedError:
        return False
    return statement.node not in _BREAKS_NOTHING and not statement.reads_only


def _groups(breaks: Iterable[Break]) -> Iterable[list[Break]]:
    groups: dict[tuple[str, str], list[Break]] = {}
    for each in breaks:
        groups.setdefault((each.sqlstate, each.message), []).append(each)
    return groups.values()


def _alike(breaks: Iterable[Break], found: dict[Break, Place]) -> dict[Break, Place]:
    """Those that were not followed, where all that were and fail alike begin at one place."""
    more: dict[Break, Place] = {}
    for alike in _groups(breaks):
        places = {found.get(each) for each in alike[:ALIKE]}
        if len(alike) > ALIKE and len(places) == 1 and (place := places.pop()) is not None:
            more |= dict.fromkeys(alike[ALIKE:], place)
    return more
