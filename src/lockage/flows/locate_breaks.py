"""Finds the statement of a script behind which each query of the running release begins to fail.

Not for finding whether it fails (``flows.forecast``). The surprising thing: the script is replayed on a second shadow, each
statement by itself, because what is committed cannot be taken back and what is not committed no other session sees.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import isqrt

from lockage.core.forecast.compatibility import Break, Place
from lockage.core.migration.procedure import reach_outside
from lockage.core.migration.script import Migration
from lockage.core.migration.syntax import Statement
from lockage.errors import RefusedError
from lockage.ports import Shadow, TracedSession

LOCATE_LIMIT_S = 10.0
"""How long it may be looked for. A statement of the script takes some 20 ms."""

ALL_UP_TO = 60
"""Statements behind each of which is looked at once; of a longer script some, and then those between two of them."""

ALIKE = 3
"""Breaks with the same message, of the same tables, that are followed one by one; they nearly always begin together."""

_TABLES = re.compile(r"\b(?:from|join|into|update|using|table)\s+(?:only\s+)?([\w.\"]+)", re.IGNORECASE)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """A statement of the script behind which something may have begun to fail, by its place among all."""

    number: int
    place: Place


def locate(
    twin: Callable[[], AbstractContextManager[Shadow]],
    breaks: Collection[Break],
    script: Sequence[Migration],
    *,
    prepare: Callable[[Shadow], object],
) -> dict[Break, Place]:
    """The place of each break that was found in time.

    ``twin`` makes a shadow, ``prepare`` brings it to where the script begins. Of a long script only some statements are looked
    behind first, and on another twin those between two of them where something began.
    """
    until = time.monotonic() + LOCATE_LIMIT_S
    followed = {each for alike in _groups(breaks) for each in alike[:ALIKE]}
    points = [_Point(number=n, place=place) for n, (place, s) in enumerate(_statements(script)) if _may_break(s)]
    step = max(1, isqrt(len(points))) if len(points) > ALL_UP_TO else 1
    ends = list(dict.fromkeys((*points[step - 1 :: step], *points[-1:])))
    began = _replayed(twin, script, dict.fromkeys(ends, followed), prepare=prepare, until=until)
    if step > 1:
        blocks = {end: points[max(0, i * step) : (i + 1) * step] for i, end in enumerate(ends)}
        near = {
            point: {each for each, at in began.items() if at == end}
            for end in dict.fromkeys(began.values())
            for point in blocks[end]
        }
        began = _replayed(twin, script, near, prepare=prepare, until=until)
    left = _left_open(breaks, began)
    if left and len(points) <= ALL_UP_TO:
        began |= _replayed(twin, script, dict.fromkeys(points, left), prepare=prepare, until=until)
    found = {each: point.place for each, point in began.items()}
    return found | _alike(breaks, found)


def _replayed(
    twin: Callable[[], AbstractContextManager[Shadow]],
    script: Sequence[Migration],
    points: Mapping[_Point, AbstractSet[Break]],
    *,
    prepare: Callable[[Shadow], object],
    until: float,
) -> dict[Break, _Point]:
    """The first of the points behind which each fails, of those that it is looked for at."""
    began: dict[Break, _Point] = {}
    at = {point.number: point for point in points}
    followed = set[Break]().union(*points.values())
    with twin() as shadow:
        prepare(shadow)
        with shadow.statements() as old, shadow.session() as session:
            old.prepare([each.statement for each in followed])
            for number, (_, statement) in enumerate(_statements(script)):
                if time.monotonic() > until or len(began) == len(followed):
                    break
                _run(session, statement)
                if number in at and (left := points[at[number]] - began.keys()):
                    began |= dict.fromkeys(old.begun(left), at[number])
    return began


def _statements(script: Iterable[Migration]) -> Iterator[tuple[Place, Statement]]:
    for migration in script:
        for statement in migration.statements():
            yield Place(file=migration.file, line=statement.line), statement


def _may_break(statement: Statement) -> bool:
    return statement.control is None and statement.node not in _BREAKS_NOTHING and not statement.reads_only


def _run(session: TracedSession, statement: Statement) -> None:
    """What fails here was taken back in the trace, too."""
    if statement.control is None and not reach_outside(statement):
        with contextlib.suppress(RefusedError):
            session.command(statement.text)


def _groups(breaks: Iterable[Break]) -> Iterable[list[Break]]:
    groups: dict[tuple[str, str, frozenset[str]], list[Break]] = {}
    for each in breaks:
        tables = frozenset(name.lower() for name in _TABLES.findall(each.statement.text))
        groups.setdefault((each.sqlstate, each.message, tables), []).append(each)
    return groups.values()


def _left_open(breaks: Iterable[Break], began: Mapping[Break, _Point]) -> set[Break]:
    """Those that were not followed, of which some that fail alike begin here and others there."""
    groups = [alike for alike in _groups(breaks) if len({began.get(each) for each in alike[:ALIKE]}) > 1]
    return {each for alike in groups for each in alike[ALIKE:]}


def _alike(breaks: Iterable[Break], found: dict[Break, Place]) -> dict[Break, Place]:
    """Those that were not followed, where all that were and fail alike begin at one place."""
    more: dict[Break, Place] = {}
    for alike in _groups(breaks):
        places = {found.get(each) for each in alike[:ALIKE]}
        if len(alike) > ALIKE and len(places) == 1 and (place := places.pop()) is not None:
            more |= dict.fromkeys(alike[ALIKE:], place)
    return more
