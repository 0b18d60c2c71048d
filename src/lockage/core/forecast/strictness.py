"""What a database demands of the rows that are written into it, and what a script made it demand in addition.

Not for failures that executing shows (``compatibility``). The surprising thing: a demand that was there before under another
name is none, so a constraint that is renamed, or dropped and made anew, does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lockage.core.migration.syntax import ChangeKind
from lockage.core.migration.writes import Given

_INSERT, _UPDATE, _DELETE = ChangeKind.INSERT, ChangeKind.UPDATE, ChangeKind.DELETE

_BY_VALUE = frozenset({Given.PARAMETER, Given.COMPUTED})
"""What the text does not say; a literal is decided by executing it."""

_ALL = frozenset(Given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    type: str  # as format_type prints it
    type_oid: int
    not_null: bool
    has_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A check, a foreign key, a unique key or an exclusion."""

    oid: int
    kind: str  # c check, f foreign key, u unique, x exclusion
    name: str
    definition: str
    columns: tuple[str, ...]
    other_oid: int = 0  # the table that a foreign key refers to
    on_delete: str = ""  # as pg_constraint.confdeltype
    on_update: str = ""
    other_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One trigger."""

    oid: int
    name: str
    events: frozenset[ChangeKind]
    source: str  # of its function
    columns: tuple[str, ...] = ()  # UPDATE OF these; empty: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanding:
    """One table or view with what it demands."""

    name: str  # schema.name
    kind: str  # pg_class.relkind
    columns: Mapping[int, Column]  # by attnum
    constraints: tuple[Constraint, ...] = ()
    triggers: tuple[Watch, ...] = ()
    partitions: frozenset[str] = frozenset()  # their bounds
    secured: bool = False  # row security


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """All of a database at one moment."""

    tables: Mapping[int, Demanding] = field(default_factory=dict[int, Demanding])
    labels: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])  # enum's oid to its labels
    domains: Mapping[int, frozenset[tuple[str, str]]] = field(
        default_factory=dict[int, frozenset[tuple[str, str]]]
    )  # domain's oid to name and definition of its checks
    views: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Something that a table demands now, and did not before."""

    oid: int
    columns: tuple[str, ...]  # that must be written for it to matter; empty: any write
    kinds: frozenset[ChangeKind]
    givens: frozenset[Given]  # how they must be given
    sqlstate: str  # of the failure
    sentence: str
    every_column: bool = False  # all of them must have a value, as a unique key needs
    takes_away: bool = False  # values that the column took before no longer fit
    omitted: bool = False  # it is met by an INSERT that does not write the column
    key: bool = False  # ON CONFLICT DO NOTHING escapes it


def new_demands(before: Strictness, after: Strictness) -> tuple[Demand, ...]:
    """What is demanded now in addition, of tables that were there before."""
    by_name = {table.name: oid for oid, table in before.tables.items()}
    found: list[Demand] = []
    for oid, table in after.tables.items():
        former_oid = oid if oid in before.tables else by_name.get(table.name)
        if former_oid is not None:
            former = before.tables[former_oid]
            found += _of_columns(oid, former, table, before, after, same=oid == former_oid)
            found += _of_required(oid, former, table, same=oid == former_oid)
            found += _of_constraints(oid, former, table, after)
            found += _of_triggers(oid, former, table)
            found += _of_partitions(oid, former, table)
    return tuple(dict.fromkeys(found))


def newly_secured(before: Strictness, after: Strictness) -> tuple[str, ...]:
    """Tables whose rows are subject to policies now and were not before."""
    return tuple(
        table.name
        for oid, table in after.tables.items()
        if table.secured and oid in before.tables and not before.tables[oid].secured
    )


def gone(before: Strictness, after: Strictness) -> tuple[str, ...]:
    """Relations whose names are nobody's any more."""
    names = {table.name for table in after.tables.values()}
    return tuple(sorted(table.name for table in before.tables.values() if table.name not in names))


def lost_labels(before: Strictness, after: Strictness) -> dict[int, frozenset[str]]:
    """Each enum, by oid, with the labels that it has lost."""
    lost = {oid: labels - after.labels.get(oid, frozenset()) for oid, labels in before.labels.items() if oid in after.labels}
    return {oid: labels for oid, labels in lost.items() if labels}


def is_narrower(before: str, after: str) -> bool:
    """Whether a type takes fewer values than another of its family; types as ``format_type`` prints them."""
    for read in (_length, _digits):
        former, now = read(before), read(after)
        if former is not None and now is not None:
            return now < former
    return False


def _of_required(oid: int, former: Demanding, table: Demanding, *, same: bool) -> Iterator[Demand]:
    """Columns that must be given now and had not to be before."""
    named = {column.name: column for column in former.columns.values()}
    filled = any(ChangeKind.INSERT in trigger.events for trigger in table.triggers)
    for number, column in table.columns.items():
        was = former.columns.get(number) if same else named.get(column.name)
        required = column.not_null and not column.has_default
        if required and not (was is not None and was.not_null and not was.has_default):
            yield Demand(
                oid=oid,
                columns=(column.name,),
                kinds=frozenset({_INSERT}),
                givens=frozenset(),
                sqlstate="23502",
                sentence=f"{table.name}.{column.name} must be given now, and is not",
                takes_away=not filled,
                omitted=True,
            )


def _of_columns(
    oid: int, former: Demanding, table: Demanding, before: Strictness, after: Strictness, *, same: bool
) -> Iterator[Demand]:
    named = {column.name: column for column in former.columns.values()}
    written = frozenset({_INSERT, _UPDATE})
    for number, column in table.columns.items():
        was = former.columns.get(number) if same else named.get(column.name)
        if was is None:
            continue
        place = f"{table.name}.{column.name}"
        if column.not_null and not was.not_null:
            yield Demand(
                oid=oid,
                columns=(column.name,),
                kinds=written,
                givens=_BY_VALUE,
                sqlstate="23502",
                sentence=f"{place} became NOT NULL, and fails on NULL",
            )
        if is_narrower(was.type, column.type):
            sentence = f"{place} became {column.type}, and fails on values that fitted into {was.type}"
            state = "22003" if _digits(column.type) is not None else "22001"
            for given, takes_away in ((Given.PARAMETER, True), (Given.COMPUTED, False)):
                yield Demand(
                    oid=oid,
                    columns=(column.name,),
                    kinds=written,
                    givens=frozenset({given}),
                    sqlstate=state,
                    sentence=sentence,
                    takes_away=takes_away,
                )
        known = {definition for _, definition in before.domains.get(column.type_oid, ())}
        for name, definition in sorted(after.domains.get(column.type_oid, ())):
            if definition not in known and (column.type_oid in before.domains or was.type_oid == column.type_oid):
                yield Demand(
                    oid=oid,
                    columns=(column.name,),
                    kinds=written,
                    givens=_BY_VALUE,
                    sqlstate="23514",
                    sentence=f"{column.type}, the domain of {place}, got the constraint {name} {definition}",
                )


def _of_constraints(oid: int, former: Demanding, table: Demanding, after: Strictness) -> Iterator[Demand]:
    oids = {constraint.oid for constraint in former.constraints}
    new = [each for each in table.constraints if each.oid not in oids and not _was_there(each, former)]
    for constraint in new:
        match constraint.kind:
            case "f":
                yield from _of_foreign_key(oid, constraint, former, table, after)
            case "c":
                yield Demand(
                    oid=oid,
                    columns=constraint.columns,
                    kinds=frozenset({_INSERT, _UPDATE}),
                    givens=_BY_VALUE,
                    sqlstate="23514",
                    sentence=f"{table.name} got the constraint {constraint.name} {constraint.definition}",
                )
            case _:
                kind, state = ("unique key", "23505") if constraint.kind == "u" else ("exclusion", "23P01")
                yield Demand(
                    oid=oid,
                    columns=constraint.columns,
                    kinds=frozenset({_INSERT, _UPDATE}),
                    givens=_ALL - {Given.NULL},
                    sqlstate=state,
                    sentence=f"{table.name} got the {kind} {constraint.name} ({', '.join(constraint.columns)})",
                    every_column=True,
                    key=True,
                )


def _was_there(constraint: Constraint, former: Demanding) -> bool:
    for other in former.constraints:
        if other.kind != constraint.kind:
            continue
        if other.definition == constraint.definition:
            return True
        # A key over some of its columns implies the key over all.
        if (
            constraint.kind == "u"
            and other.definition == ", ".join(other.columns)
            and set(other.columns) <= set(constraint.columns)
        ):
            return True
        if constraint.kind == "c" and _widens(other.definition, constraint.definition):
            return True
    return False


_LITERAL = re.compile(r"'((?:[^']|'')*)'(?:::[\w \"]+(?:\(\d+\))?(?:\[\])?)*")


def _widens(before: str, after: str) -> bool:
    """Whether a check is the same list with more entries."""

    def skeleton(definition: str) -> str:
        return re.sub(r"(?:\?[,\s]*)+", "?", _LITERAL.sub("?", definition))

    return skeleton(before) == skeleton(after) and set(_LITERAL.findall(before)) <= set(_LITERAL.findall(after))


def _of_foreign_key(
    oid: int, constraint: Constraint, former: Demanding, table: Demanding, after: Strictness
) -> Iterator[Demand]:
    same = [
        other
        for other in former.constraints
        if other.kind == "f"
        and (other.columns, other.other_oid, other.other_columns)
        == (constraint.columns, constraint.other_oid, constraint.other_columns)
    ]
    parent = after.tables.get(constraint.other_oid)
    parent_name = parent.name if parent else "another table"
    reference = f"{table.name} ({', '.join(constraint.columns)}) refers to {parent_name} by {constraint.name} now"
    if not same:
        yield Demand(
            oid=oid,
            columns=constraint.columns,
            kinds=frozenset({_INSERT, _UPDATE}),
            givens=_ALL - {Given.NULL},
            sqlstate="23503",
            sentence=f"{reference}, and fails where no such row is there",
            every_column=True,
        )
    for kind, action, columns, earlier in (
        (_DELETE, constraint.on_delete, (), {other.on_delete for other in same}),
        (_UPDATE, constraint.on_update, constraint.other_columns, {other.on_update for other in same}),
    ):
        if action in {"a", "r"} and not earlier & {"a", "r"}:
            yield Demand(
                oid=constraint.other_oid,
                columns=columns,
                kinds=frozenset({kind}),
                givens=_ALL,
                sqlstate="23503",
                sentence=f"{reference}, so rows that are referred to can be neither deleted nor given another key",
            )


_RAISES = re.compile(r"\braise\b(?!\s+(?:notice|info|log|debug|warning)\b)", re.IGNORECASE)


def _of_triggers(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    known = {trigger.source for trigger in former.triggers}
    for trigger in table.triggers:
        if trigger.source in known or not _RAISES.search(trigger.source):
            continue
        for kind in sorted(trigger.events):
            yield Demand(
                oid=oid,
                columns=trigger.columns if kind is _UPDATE else (),
                kinds=frozenset({kind}),
                givens=_ALL,
                sqlstate="P0001",
                sentence=f"{table.name} got the trigger {trigger.name}, whose function can raise an error",
            )


def _of_partitions(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    gone = former.partitions - table.partitions
    divided = table.kind == "p" and former.kind == "r"
    if table.kind == "p" and (gone or divided) and "DEFAULT" not in table.partitions:
        lost = f"lost its partition {', '.join(sorted(gone))}" if gone else "was divided into partitions"
        yield Demand(
            oid=oid,
            columns=(),
            kinds=frozenset({_INSERT}),
            givens=_ALL,
            sqlstate="23514",
            sentence=f"{table.name} {lost}, and fails on rows for which there is none",
        )


# --- types --------------------------------------------------------------------------------------------------------------------

_NO_LIMIT = 1 << 40
_WHOLE = {"smallint": 4.8, "integer": 9.6, "bigint": 18.9, "real": 38.0, "double precision": 308.0}
"""Decimal digits before the point. Source: PostgreSQL 18 manual, 8.1 "Numeric Types"."""


def _length(name: str) -> float | None:
    """Characters that a type of text holds; None for others. The element's where it is an array."""
    found = re.fullmatch(r"(?:(character varying|character|bit varying)(?:\((\d+)\))?|text)(?:\[\])*", name)
    if found is None:
        return None
    if found[1] == "character" and found[2] is None:
        return 1
    return int(found[2]) if found[2] else _NO_LIMIT


def _digits(name: str) -> float | None:
    """Digits before the point that a type of numbers holds; None for others."""
    plain = name.removesuffix("[]")
    if plain in _WHOLE:
        return _WHOLE[plain]
    found = re.fullmatch(r"numeric(?:\((\d+),(-?\d+)\))?", plain)
    if found is None:
        return None
    return int(found[1]) - int(found[2]) if found[1] else _NO_LIMIT
