"""Rows that an open transaction has inserted itself: nobody else sees them, so nobody waits for them.

Not for who waits for whom: that is ``timeline``. The surprising thing: a row that is changed before it is inserted is another
row of that key, which others do see; so each key has the place at which the transaction makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from lockage.core.forecast.names import meant
from lockage.core.forecast.ran import block_of
from lockage.core.forecast.trace import CatalogRules, Traced
from lockage.core.migration.procedure import Place
from lockage.core.migration.syntax import Change, ChangeKind, Control

_Values: TypeAlias = frozenset[tuple[str, int | str]]
"""Columns, each with a literal."""

OwnRows: TypeAlias = Mapping[tuple[int, _Values], tuple[int, int]]
"""Keys of rows, by table; each with the place of what makes it: the position of the statement, and the order in its block."""

GoneRows: TypeAlias = frozenset[tuple[int, _Values]]
"""Keys of own rows, by table, that the transaction deletes again, or may."""


def own_rows(members: Sequence[tuple[int, Traced]]) -> OwnRows:
    """What the steps of one transaction insert, or make of rows that they have inserted; the first place of each."""
    if any(step.statement.control is Control.ROLLBACK_TO for _, step in members):
        return {}  # perhaps that very row was given back
    found: dict[tuple[int, _Values], tuple[int, int]] = {}
    for position, step in members:
        if not step.succeeded:
            continue
        for change in (*step.statement.changes, *_certain_in_block(step)):
            for table in meant(change.relation, step.before, step.observation.held.oids):
                for values in _keys_made(change, table.oid, position, step, found):
                    found.setdefault((table.oid, values), (position, change.order))
    return found


def _certain_in_block(step: Traced) -> Iterator[Change]:
    """Changes of a block that ran to its end, under no condition and outside of whatever an exception could undo."""
    for order, inner in enumerate(block_of(step), start=1):
        if inner.place is Place.STRAIGHT and not inner.protected and not inner.dynamic:
            for statement in inner.statements or ():
                yield from (replace(change, order=order) for change in statement.changes)


def _keys_made(change: Change, oid: int, position: int, step: Traced, found: OwnRows) -> Iterator[_Values]:
    if change.kind is ChangeKind.INSERT and not change.ignores:
        yield from _inserted(change, oid, step.rules)
    elif change.kind is ChangeKind.UPDATE and of_own_row(change, step, position, found):
        yield from (frozenset({pair}) for pair in change.assigned if (pair[0],) in step.rules.unique_keys.get(oid, ()))


def _inserted(change: Change, oid: int, rules: CatalogRules) -> Iterator[_Values]:
    order = change.columns or rules.columns.get(oid, ())
    written = {order[place]: values for place, values in change.literals if place < len(order)}
    for column, values in written.items():
        yield from (frozenset({(column, value)}) for value in values)
    if change.rows == 1:  # of several it is not known which values belong together
        yield from (values for key in rules.unique_keys.get(oid, ()) if (values := _whole(key, written)) is not None)


def _whole(key: Iterable[str], written: Mapping[str, Sequence[int | str]]) -> _Values | None:
    values = [(column, written[column][0]) for column in key if written.get(column)]
    return frozenset(values) if len(values) == len(tuple(key)) else None


def gone_rows(members: Sequence[tuple[int, Traced]], own: OwnRows) -> GoneRows:
    """Own rows of which nothing may be left where only the COMMIT looks at them."""
    if any(step.statement.node == "constraints_set_stmt" for _, step in members):
        return frozenset()  # perhaps it was looked at before
    return frozenset(
        (table.oid, values)
        for position, step in members
        for change in (step.statement.changes if step.succeeded else ())
        if change.kind is ChangeKind.DELETE
        for table in meant(change.relation, step.before, step.observation.held.oids)
        for key in step.rules.unique_keys.get(table.oid, ())
        if (values := _whole(key, {column: (value,) for column, value in change.wanted})) is not None
        and own.get((table.oid, values), (position, 0)) < (position, 0)
    )


def deleted_again(change: Change, step: Traced, gone: GoneRows) -> bool:
    """Whether it inserts one row, which is among those."""
    return change.rows == 1 and any(
        (table.oid, values) in gone
        for table in meant(change.relation, step.before, step.observation.held.oids)
        for values in _inserted(change, table.oid, step.rules)
    )


def of_own_row(change: Change, step: Traced, position: int, own: OwnRows) -> bool:
    """Whether it is about a row that the transaction itself has inserted before, to which nobody else can refer."""
    tables = meant(change.relation, step.before, step.observation.held.oids)
    keys = [key for table in tables for key in step.rules.keys.by_child.get(table.oid, ())]
    # To refer to another row locks that one, whoever does it.
    refers = any(not change.columns or set(change.columns) & set(key.child_columns) for key in keys)
    if change.kind not in {ChangeKind.DELETE, ChangeKind.LOCK} and (change.kind is not ChangeKind.UPDATE or refers):
        return False
    here, wanted = (position, change.order), frozenset(change.wanted)
    return bool(tables) and all(
        any(_names_own(key, table.oid, wanted, own, here) or _returned(key, table.relation, change) for key in unique)
        for table in tables
        for unique in (step.rules.unique_keys.get(table.oid, ()),)
    )


def _names_own(key: Sequence[str], oid: int, wanted: _Values, own: OwnRows, here: tuple[int, int]) -> bool:
    values = frozenset((column, value) for column, value in wanted if column in key)
    return {column for column, _ in values} == set(key) and own.get((oid, values), here) < here


def _returned(key: Sequence[str], relation: str, change: Change) -> bool:
    """Whether the row is named by a variable that holds the key of a row which the block has inserted."""
    schema, _, table = relation.partition(".")
    return any(
        (column,) == tuple(key) and of == column and name.name == table and name.schema in {None, schema}
        for column, name, of in change.own_key
    )


def only_own(
    oid: int,
    constants: Iterable[tuple[str, int | str]],
    own: OwnRows,
    keys: Iterable[Sequence[str]],
    *,
    first: int,
    referred: bool,
) -> bool:
    """Whether rows with these values are the transaction's own at a statement; ``keys`` are the table's that are unique.

    What is only referred to may come later, where the foreign key is looked at later.
    """
    held = frozenset(constants)
    wanted = [frozenset(pair for pair in held if pair[0] in key) for key in keys]
    whole = [values for values, key in zip(wanted, keys, strict=True) if {column for column, _ in values} == set(key)]
    places = (own.get((oid, values)) for values in whole)
    return any(place is not None and (referred or place[0] < first) for place in places)
