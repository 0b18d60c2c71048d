"""What a script made a database demand of the rows that are written into it, in addition to what it demanded before.

Not for failures that executing shows (``compatibility``). The surprising thing: a demand that was there before under another
name is none, so a constraint that is renamed, or dropped and made anew, does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.forecast.implied_keys import is_implied_key
from lockage.core.forecast.narrowing import digits_of, is_narrower, is_wider_check
from lockage.core.forecast.partition_bounds import takes_every_row
from lockage.core.forecast.strictness import Column, Constraint, Demanding, Strictness, Watch
from lockage.core.migration.syntax import ChangeKind
from lockage.core.migration.writes import Given
from lockage.core.sqlstate import (
    CHECK_VIOLATION,
    EXCLUSION_VIOLATION,
    FOREIGN_KEY_VIOLATION,
    NOT_NULL_VIOLATION,
    UNDEFINED_COLUMN,
    UNIQUE_VIOLATION,
)

_INSERT, _UPDATE, _DELETE = ChangeKind.INSERT, ChangeKind.UPDATE, ChangeKind.DELETE
_WRITTEN = frozenset({_INSERT, _UPDATE})

_BY_VALUE = frozenset({Given.PARAMETER, Given.COMPUTED})
"""What the text does not say; a literal is decided by executing it."""

_ALL = frozenset(Given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Something that a table demands now, and did not before."""

    oid: int
    columns: tuple[str, ...]  # that must be written for it to matter; empty: any write
    watched: tuple[str, ...] = ()  # an UPDATE of these matters, too
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
            found += _of_emptied(former, table)
            found += _of_view(oid, former, table)
    return tuple(dict.fromkeys(found))


def _of_required(oid: int, former: Demanding, table: Demanding, *, same: bool) -> Iterator[Demand]:
    """Columns that must be given now and had not to be before."""
    named = {column.name: column for column in former.columns.values()}
    fillers = [trigger.source for trigger in table.triggers if trigger.before and _INSERT in trigger.events]
    for number, column in table.columns.items():
        was = former.columns.get(number) if same else named.get(column.name)
        required = column.not_null and not column.has_default
        # A trigger that fills it is executed; that another one does not is known from its text.
        filled = any(re.search(rf"\bnew\s*\.\s*\"?{re.escape(column.name)}\b|\bnew\s*:?=", s, re.IGNORECASE) for s in fillers)
        if required and not filled and not (was is not None and was.not_null and not was.has_default):
            yield Demand(
                oid=oid,
                columns=(column.name,),
                kinds=frozenset({_INSERT}),
                givens=frozenset(),
                sqlstate=NOT_NULL_VIOLATION,
                sentence=f"{table.name}.{column.name} must be given now, and is not",
                takes_away=True,
                omitted=True,
            )


def _of_columns(
    oid: int, former: Demanding, table: Demanding, before: Strictness, after: Strictness, *, same: bool
) -> Iterator[Demand]:
    named = {column.name: column for column in former.columns.values()}
    for number, column in table.columns.items():
        was = former.columns.get(number) if same else named.get(column.name)
        if was is None:
            continue
        place = f"{table.name}.{column.name}"
        if column.not_null and not was.not_null:
            yield Demand(
                oid=oid,
                columns=(column.name,),
                kinds=_WRITTEN,
                givens=_BY_VALUE,
                sqlstate=NOT_NULL_VIOLATION,
                sentence=f"{place} became NOT NULL, and fails on NULL",
            )
        if is_narrower(was.type, column.type):
            yield from _of_narrower_type(oid, place, was, column)
        yield from _of_domain(oid, place, was, column, before, after)


def _of_narrower_type(oid: int, place: str, was: Column, column: Column) -> Iterator[Demand]:
    state = "22026" if re.match(r"bit(?! varying)", column.type) else "22001"
    state = state if digits_of(column.type) is None else "22003"
    for given, takes_away in ((Given.PARAMETER, True), (Given.COMPUTED, False)):
        yield Demand(
            oid=oid,
            columns=(column.name,),
            kinds=_WRITTEN,
            givens=frozenset({given}),
            sqlstate=state,
            sentence=f"{place} became {column.type}, and fails on values that fitted into {was.type}",
            takes_away=takes_away,
        )


def _of_domain(oid: int, place: str, was: Column, column: Column, before: Strictness, after: Strictness) -> Iterator[Demand]:
    if column.type_oid not in before.domains and was.type_oid != column.type_oid:
        return
    known = {definition for _, definition in before.domains.get(column.type_oid, ())}
    for name, definition in sorted(after.domains.get(column.type_oid, ())):
        if not any(is_wider_check(was_said, definition) for was_said in known):
            yield Demand(
                oid=oid,
                columns=(column.name,),
                kinds=_WRITTEN,
                givens=_BY_VALUE,
                sqlstate=CHECK_VIOLATION,
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
                    kinds=_WRITTEN,
                    givens=_BY_VALUE,
                    sqlstate=CHECK_VIOLATION,
                    sentence=f"{table.name} got the constraint {constraint.name} {constraint.definition}",
                )
            case _:
                kind, state = ("unique key", UNIQUE_VIOLATION) if constraint.kind == "u" else ("exclusion", EXCLUSION_VIOLATION)
                yield Demand(
                    oid=oid,
                    columns=constraint.columns,
                    kinds=_WRITTEN,
                    givens=_ALL - {Given.NULL},
                    sqlstate=state,
                    sentence=f"{table.name} got the {kind} {constraint.name} ({constraint.definition.strip()})",
                    every_column=not constraint.computed,
                    key=True,
                    watched=constraint.watched,
                )


def _was_there(constraint: Constraint, former: Demanding) -> bool:
    for other in former.constraints:
        if other.kind != constraint.kind:
            continue
        if other.definition == constraint.definition:
            return True
        if constraint.kind == "u" and is_implied_key(other, constraint):
            return True
        if constraint.kind == "c" and is_wider_check(other.definition, constraint.definition):
            return True
    return False


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
            kinds=_WRITTEN,
            givens=_ALL - {Given.NULL},
            sqlstate=FOREIGN_KEY_VIOLATION,
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
                sqlstate=FOREIGN_KEY_VIOLATION,
                sentence=f"{reference}, so rows that are referred to can be neither deleted nor given another key",
            )


_RAISES = re.compile(r"\braise\b(?!\s+(?:notice|info|log|debug|warning)\b)", re.IGNORECASE)


def _of_triggers(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    known = {trigger.source for trigger in former.triggers}
    yield from _of_fields(oid, former, table)
    for trigger in table.triggers:
        if trigger.source in known or not _RAISES.search(trigger.source):
            continue
        sentence = f"{table.name} got the trigger {trigger.name}, whose function can raise an error"
        yield from _where_it_fires(oid, trigger, "P0001", sentence)


_FIELD = re.compile(r'\b(?:new|old)\s*\.\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>\w+))', re.IGNORECASE)


def _of_fields(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    """Columns that a trigger's code names and that are not there now; it may be in a branch that executing does not reach."""
    was_missing = {(each.source, name) for each in former.triggers for name in _missing(each, former)}
    for trigger in table.triggers:
        missing = [name for name in _missing(trigger, table) if (trigger.source, name) not in was_missing]
        if missing:
            sentence = f"the trigger {trigger.name} of {table.name} names the column {missing[0]}, which is not there now"
            yield from _where_it_fires(oid, trigger, UNDEFINED_COLUMN, sentence)


def _where_it_fires(oid: int, trigger: Watch, sqlstate: str, sentence: str) -> Iterator[Demand]:
    for kind in sorted(trigger.events):
        yield Demand(
            oid=oid,
            columns=trigger.columns if kind is _UPDATE else (),
            kinds=frozenset({kind}),
            givens=_ALL,
            sqlstate=sqlstate,
            sentence=sentence,
        )


def _missing(trigger: Watch, table: Demanding) -> list[str]:
    names = {column.name for column in table.columns.values()}
    said = [found["quoted"] or found["plain"].lower() for found in _FIELD.finditer(trigger.source)]
    return [name for name in said if name not in names]


def _of_partitions(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    gone = former.partitions - table.partitions
    divided = table.kind == "p" and former.kind == "r"
    if table.kind == "p" and (gone or divided) and not takes_every_row(table.partitions, key_never_null=table.key_never_null):
        lost = f"lost its partition {', '.join(sorted(gone))}" if gone else "was divided into partitions"
        yield Demand(
            oid=oid,
            columns=(),
            kinds=frozenset({_INSERT}),
            givens=_ALL,
            sqlstate=CHECK_VIOLATION,
            sentence=f"{table.name} {lost}, and fails on rows for which there is none",
        )


def _of_emptied(former: Demanding, table: Demanding) -> Iterator[Demand]:
    """Foreign keys that put NULL where it is forbidden, once the row that they refer to goes or changes."""
    full = {column.name for column in table.columns.values() if column.not_null}
    was_full = {column.name for column in former.columns.values() if column.not_null}
    before = {(c.columns, c.other_oid, c.on_delete, c.on_update) for c in former.constraints if c.kind == "f"}
    for key in table.constraints:
        hit = [name for name in key.columns if name in full]
        if key.kind != "f" or not hit:
            continue
        known = (key.columns, key.other_oid, key.on_delete, key.on_update) in before and set(hit) <= was_full
        for kind, action, columns in ((_DELETE, key.on_delete, ()), (_UPDATE, key.on_update, key.other_columns)):
            if action == "n" and not known:
                yield Demand(
                    oid=key.other_oid,
                    columns=columns,
                    kinds=frozenset({kind}),
                    givens=_ALL,
                    sqlstate=NOT_NULL_VIOLATION,
                    sentence=f"{key.name} sets {table.name}.{hit[0]} to NULL where a row refers to it, which is NOT NULL now",
                )


def _of_view(oid: int, former: Demanding, table: Demanding) -> Iterator[Demand]:
    if table.checked and table.checked != former.checked:
        yield Demand(
            oid=oid,
            columns=table.checked,
            kinds=_WRITTEN,
            givens=_BY_VALUE,
            sqlstate="44000",
            sentence=f"the view {table.name} refuses rows now that it would not show",
        )
