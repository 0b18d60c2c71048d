"""Reads what a database demands of the rows that are written into it.

Not for production: it is asked of shadows, before and after a script. The surprising thing: unique indexes and unique
constraints are read as the same, for whoever inserts a row meets the same failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.strictness import Column, Constraint, Demanding, Strictness, Watch
from lockage.core.migration.syntax import ChangeKind
from lockage.core.migration.writes import columns_that_decide

_EVENTS = {4: ChangeKind.INSERT, 8: ChangeKind.DELETE, 16: ChangeKind.UPDATE}
"""Source: PostgreSQL 18, src/include/catalog/pg_trigger.h."""

_ROW, _BEFORE = 1, 2
"""Of ``tgtype``, too."""

_Row = list[Any]


def read_strictness(session: psycopg.Connection[TupleRow]) -> Strictness:
    """What is demanded now, as the session sees it."""
    found: dict[str, list[_Row]] = {kind: rows or [] for kind, rows in session.execute(load_sql("select_strictness"))}
    columns = _by(found["columns"], lambda row: (row[1], _column(row)))
    constraints = _by(found["constraints"], _constraint)
    keys = _by(found["keys"], _key)
    triggers = _by(found["triggers"], _trigger)
    partitions = _by(found["partitions"], lambda row: str(row[1]))
    never_null = {int(row[0]) for row in found["divided"] if row[1]}
    checked = {int(row[0]): str(row[1]) for row in found["checked"]}
    return Strictness(
        tables={
            oid: Demanding(
                name=name,
                kind=kind,
                columns=dict(columns[oid]),
                constraints=(*constraints[oid], *keys[oid]),
                triggers=tuple(triggers[oid]),
                partitions=frozenset(partitions[oid]),
                secured=secured,
                key_never_null=oid in never_null,
                checked=columns_that_decide(checked[oid]) if oid in checked else (),
            )
            for oid, name, kind, secured, _ in found["tables"]
        },
        labels=_sets(found["labels"], lambda row: str(row[1])),
        domains=_sets(found["domains"], lambda row: (str(row[1]), str(row[2]))),
        names=_sets(found["names"], lambda row: str(row[1])),
        views={view: tuple(tables) for view, tables in _by(found["views"], lambda row: int(row[1])).items()},
    )


def _by(rows: Iterable[_Row], read: Callable[[_Row], Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(read(row))
    return found


def _sets(rows: Iterable[_Row], read: Callable[[_Row], Any]) -> Mapping[int, frozenset[Any]]:
    return {oid: frozenset(values) for oid, values in _by(rows, read).items()}


def _column(row: _Row) -> Column:
    _, _, name, type_name, not_null, has_default, type_oid = row
    return Column(name=name, type=type_name, type_oid=type_oid, not_null=not_null, has_default=has_default)


def _constraint(row: _Row) -> Constraint:
    _, oid, kind, name, definition, columns, other, on_delete, on_update, other_columns = row
    return Constraint(
        oid=oid,
        kind=kind,
        name=name,
        definition=definition,
        columns=tuple(columns),
        other_oid=other,
        on_delete=on_delete.strip(),
        on_update=on_update.strip(),
        other_columns=tuple(other_columns),
    )


def _key(row: _Row) -> Constraint:
    _, oid, kind, name, definition, columns, watched, computed = row
    further = tuple(column for column in watched if column not in columns)
    return Constraint(
        oid=oid,
        kind=kind,
        name=name,
        definition=definition,
        columns=(*columns, *further) if computed else tuple(columns),
        computed=computed,
        watched=() if computed else further,
    )


def _trigger(row: _Row) -> Watch:
    _, oid, name, bits, source, columns = row
    events = frozenset(kind for bit, kind in _EVENTS.items() if bits & bit)
    return Watch(
        oid=oid, name=name, events=events, source=source, columns=tuple(columns), before=bool(bits & _BEFORE and bits & _ROW)
    )
