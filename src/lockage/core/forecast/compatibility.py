"""Whether the running release survives the new schema: its statements, prepared before the script and executed after it.

Not an argument from the schema: what was executed either failed or did not, and what only some values would show is said to be
possible. The surprising thing: the verdict is never "safe", only "no break found in N of M statements".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lockage.core.forecast.assess import Broken, OldRelease
from lockage.core.forecast.new_demands import Demand, new_demands
from lockage.core.forecast.strictness import Strictness
from lockage.core.forecast.trace import Failure
from lockage.core.migration.shortened import shortened
from lockage.core.migration.syntax import ChangeKind, Name
from lockage.core.migration.writes import Given, Write
from lockage.core.redaction import mask_statement
from lockage.core.release.statements import OldStatement, RunningRelease
from lockage.core.sqlstate import (
    CHECK_VIOLATION,
    EXCLUSION_VIOLATION,
    FOREIGN_KEY_VIOLATION,
    INSUFFICIENT_PRIVILEGE,
    LOCK_NOT_AVAILABLE,
    NOT_NULL_VIOLATION,
    UNIQUE_VIOLATION,
)
from lockage.core.wording import counted

NAMED = 3
"""Statements that an assumption names; the rest is counted."""


class Why(StrEnum):
    """Why a statement was not checked; in words for people."""

    UTILITY = "are no queries"  # SET, LISTEN, BEGIN
    OUTSIDE = "reach out of the database and are never executed"
    FAILS = "cannot be prepared before the script either"
    CUT = "were cut off, and their beginnings do not fail"
    LOCKED = "met a lock that the script still holds when it has ended"
    TIME = "were left out, since the time for checking was over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """A statement that proves nothing."""

    statement: OldStatement
    why: Why
    reason: str = ""  # the server's words


class Sure(StrEnum):
    """How sure it is that a statement fails after the script."""

    CERTAIN = "certain"  # whatever its values are
    VALUES = "values"  # for values that were good before, or for all that were made up
    POSSIBLE = "possible"  # for some values that may never come


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A statement that fails after the script, or may."""

    statement: OldStatement
    sqlstate: str
    message: str
    sure: Sure = Sure.CERTAIN
    kept_only: bool = False  # only where it is kept prepared
    planning_fails: bool = False  # before it meets a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaks:
    """What executing the statements behind the script showed."""

    breaks: tuple[Break, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()  # for which there was no time
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A statement of the script."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    """What became of the running release's statements."""

    broken: tuple[Broken, ...] = ()
    may_break: tuple[Broken, ...] = ()
    checked: int = 0
    assumptions: tuple[str, ...] = ()
    old_release: OldRelease | None = None


# --- a failure ----------------------------------------------------------------------------------------------------------------

_NOTHING_OF_THE_SCHEMA = ("40", "53", "57", "58", "08")
_WAITING = {LOCK_NOT_AVAILABLE, "55006", "25P02"}
_BY_ROWS = {UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION, CHECK_VIOLATION, EXCLUSION_VIOLATION, "23000", "23001"}
"""Source: PostgreSQL 18 manual, Appendix A: failures by locks, limits and lost sessions; by other rows."""


def sureness(before: Failure | None, after: Failure | None, *, planning_fails: bool, has_parameters: bool) -> Sure | None:
    """How sure a break is, from the same execution before and after the script; None: it is none.

    ``planning_fails``: the server refuses it without any row. A failure by values says little where the values were made up.
    """
    if after is None or after == before or (before is not None and _is_alike(before, after)):
        return None
    if after.sqlstate.startswith(_NOTHING_OF_THE_SCHEMA) or after.sqlstate in _WAITING:
        return None
    if planning_fails or after.sqlstate == NOT_NULL_VIOLATION or _is_forbidden(after):
        return Sure.CERTAIN
    if after.sqlstate in _BY_ROWS:
        return Sure.CERTAIN if after.sqlstate == CHECK_VIOLATION and not has_parameters else Sure.POSSIBLE
    # A missing privilege where planning succeeds is a policy's.
    if after.sqlstate.startswith(("21", "22", "P0")) or after.sqlstate == INSUFFICIENT_PRIVILEGE:
        return Sure.VALUES if has_parameters else Sure.CERTAIN
    return Sure.CERTAIN


def _is_forbidden(failure: Failure) -> bool:
    """Whether a privilege is missing, which no value changes, and not a policy in the way, which looks at rows."""
    return failure.sqlstate == INSUFFICIENT_PRIVILEGE and failure.message.startswith("permission denied")


def _is_alike(before: Failure, after: Failure) -> bool:
    """Whether values fail as they did, be it by a constraint of another name."""
    if after.sqlstate == NOT_NULL_VIOLATION:
        return False
    return before.sqlstate == after.sqlstate and after.sqlstate.startswith(("21", "22", "23", "P0"))


# --- new demands --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The catalog behind the script, as far as writes are concerned."""

    demands: Mapping[int, Sequence[Demand]]  # by table
    columns: Mapping[int, Sequence[str]] = field(default_factory=dict[int, Sequence[str]])  # of it, in order
    defaults: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])  # those that have one
    views: Mapping[int, Sequence[int]] = field(default_factory=dict[int, Sequence[int]])
    without_rows: frozenset[int] = frozenset()  # in which no row could be made up, so that executing decides nothing


_CHECK = re.compile(r'violates check constraint "(?P<name>(?:[^"]|"")+)"')


def is_of_values(failure: Failure, writes: Iterable[Write], after: Strictness) -> bool:
    """Whether a check that fails looks at anything whose value the statement's text does not say."""
    found = _CHECK.search(failure.message)
    columns = {
        column
        for table in after.tables.values()
        for constraint in table.constraints
        if found is not None and constraint.name == found["name"]
        for column in constraint.columns
    }
    said = tuple(writes)
    if not columns or not said:  # a function writes, whose values nobody reads here
        return True
    return any(
        write.everything or bool(write.places) or any(name in columns and how in _UNSAID for name, how in write.columns)
        for write in said
    )


def ground_of(before: Strictness, after: Strictness, *, without_rows: Iterable[int] = ()) -> Ground:
    """The catalog behind a script, with what it demands in addition to that before it."""
    demands: dict[int, list[Demand]] = {}
    for demand in new_demands(before, after):
        demands.setdefault(demand.oid, []).append(demand)
    return Ground(
        demands=demands,
        columns={oid: tuple(column.name for column in table.columns.values()) for oid, table in after.tables.items()},
        defaults={
            oid: frozenset(column.name for column in table.columns.values() if column.has_default)
            for oid, table in after.tables.items()
        },
        views=after.views,
        without_rows=frozenset(without_rows),
    )


def demands_met(writes: Iterable[Write], ground: Ground, *, resolve: Callable[[Name], int | None]) -> tuple[Demand, ...]:
    """The new demands that a statement's writes may fail, the surest first."""
    found: dict[Demand, None] = {}
    for write in writes:
        oid = resolve(write.relation)
        for table in _tables(oid, ground.views) if oid is not None else ():
            given = write.given(ground.columns.get(oid or table, ()))
            for demand in ground.demands.get(table, ()):
                looked = replace(demand, givens=frozenset(Given)) if table in ground.without_rows else demand
                if _matters(write, given, looked, ground.defaults.get(table, frozenset())):
                    found[demand] = None
    return tuple(sorted(found, key=lambda demand: not demand.takes_away))


_UNSAID = {Given.PARAMETER, Given.COMPUTED}


def _tables(oid: int, views: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """A relation, and what it reads where it is a view."""
    found = [oid]
    for each in found:
        found += [below for below in views.get(each, ()) if below not in found]
    return tuple(found)


def _is_forgiven(write: Write, demand: Demand) -> bool:
    return write.forgiving or (set(write.target) == set(demand.columns) and not demand.watched)


def _matters(write: Write, given: Mapping[str, Given], demand: Demand, defaults: frozenset[str]) -> bool:
    if write.kind not in demand.kinds or (demand.key and _is_forgiven(write, demand)):
        return False
    if demand.omitted:
        # Of rows that stand in the text executing tells.
        return write.selects and not write.everything and demand.columns[0] not in given
    if not demand.columns:
        return True
    hits = [name for name in demand.columns if given.get(name) in demand.givens]
    if not hits:
        return write.kind is ChangeKind.UPDATE and any(given.get(name) in demand.givens for name in demand.watched)
    if demand.every_column and write.kind is ChangeKind.INSERT:
        return all(name in hits or (name not in given and name in defaults) for name in demand.columns)
    return True


# --- the verdict --------------------------------------------------------------------------------------------------------------


def verdict(
    release: RunningRelease,
    *,
    unchecked: Sequence[Unchecked],
    breaks: Sequence[Break],
    places: Mapping[Break, Place | None],
    remarks: Sequence[str] = (),
) -> Compatibility:
    """The verdict from what could not be checked, what fails or may, and behind which statement of the script it begins."""
    surely = [each for each in breaks if each.sure is not Sure.POSSIBLE]
    possibly = [each for each in breaks if each.sure is Sure.POSSIBLE]
    checked = len(release.statements) - len(unchecked)
    unplaced = sum(places.get(each) is None for each in surely)
    fail = f"{unplaced} of {counted(len(surely), 'broken statement')} {'fails' if unplaced == 1 else 'fail'}"
    about_places = (f"behind which statement of the script {fail} was not found",)
    return Compatibility(
        # The same for several roles is one.
        broken=tuple(dict.fromkeys(_broken(each, places.get(each)) for each in surely)),
        may_break=tuple(dict.fromkeys(_broken(each, places.get(each)) for each in possibly)),
        checked=checked,
        assumptions=(
            *_about_unchecked(unchecked, of=len(release.statements)),
            *release.remarks,
            *remarks,
            *(about_places if unplaced else ()),
        ),
        old_release=OldRelease(statements=len(release.statements), checked=checked, source=release.source, since=release.since),
    )


def _broken(found: Break, place: Place | None) -> Broken:
    broken = Broken(
        query=found.statement.text,
        sqlstate=found.sqlstate,
        message=found.message,
        certain=found.sure is Sure.CERTAIN,
        only_prepared=found.kept_only,
    )
    return broken if place is None else replace(broken, file=place.file, line=place.line)


def _about_unchecked(unchecked: Sequence[Unchecked], *, of: int) -> Iterable[str]:
    for why in Why:
        those = [each for each in unchecked if each.why is why]
        if those:
            named = "; ".join(_named(each) for each in those[:NAMED])
            yield f"not checked: {len(those)} of {counted(of, 'statement')} of the running release {why}, such as {named}"


def in_short(text: str) -> str:
    """A statement on one line, for a sentence, without its literals.

    The server counts what is no query as it was sent: ALTER ROLE … PASSWORD with the password in it.
    """
    return shortened(mask_statement(text), most=60)


def _named(each: Unchecked) -> str:
    line = in_short(each.statement.text)
    return f"{line} ({each.reason})" if each.reason else line
