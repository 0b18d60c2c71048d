"""How much work the database does by itself for each changed row: foreign keys' looks and actions, row triggers.

Not for whose rows are locked by it (``rows``). The surprising thing: without an index on the referring columns every deleted
parent scans its children's whole table, which turns seconds into hours; nothing in the statement shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.forecast.duration.building import scanning
from lockage.core.forecast.duration.changing import deleting, inserting, updating
from lockage.core.forecast.duration.cost import Cost, Doubt
from lockage.core.forecast.duration.rates import WORK, Speeds
from lockage.core.forecast.duration.structure import Structure, Table
from lockage.core.forecast.names import resolve
from lockage.core.forecast.trace import ACTS, CASCADES, CatalogMark, CatalogRules, ForeignKey, Trigger
from lockage.core.forecast.trigger_events import fired_by
from lockage.core.migration.procedure import Code, Place, read_code
from lockage.core.migration.syntax import Change, ChangeKind, Statement

DEPTH_LIMIT = 4
"""Cascades that are followed; deeper ones are the same rows again as a rule, and cycles end here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What so many rows make happen."""

    kind: str  # foreign-key, cascade, trigger
    oid: int  # of the table on which it is done
    rows: float
    cost: Cost
    doubt: Doubt = Doubt()  # noqa: RUF009 - frozen
    bounded: bool = True  # False: nothing says how much it can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a statement finds: tables and the catalog in front of it, and a server's speeds."""

    structure: Structure
    rules: CatalogRules
    mark: CatalogMark
    speeds: Speeds

    def table(self, oid: int) -> Table:
        """A table as it is in front of the statement."""
        return self.structure.table(oid, self.mark)


def fired(change: Change, oid: int, rows: float, ground: Ground) -> Iterator[Fired]:
    """Everything that the change of so many rows of a table makes happen, row by row."""
    yield from _keys_up(change, oid, rows, ground.rules)
    yield from _triggers(change, oid, rows, ground.rules)
    yield from _transitions(change, oid, rows, ground)
    yield from _keys_down(change, oid, rows, ground)


def _keys_up(change: Change, oid: int, rows: float, rules: CatalogRules) -> Iterator[Fired]:
    if change.kind not in {ChangeKind.INSERT, ChangeKind.UPDATE, ChangeKind.MERGE}:
        return
    for key in rules.keys.by_child.get(oid, ()):
        columns = set(key.child_columns)
        given = change.kind is ChangeKind.INSERT or not change.columns or columns & set(change.columns)
        if given and not columns & set(change.nulls):
            yield Fired(kind="foreign-key", oid=key.parent_oid, rows=rows, cost=Cost(cpu_s=rows * WORK.key_look_s))


def _triggers(change: Change, oid: int, rows: float, rules: CatalogRules) -> Iterator[Fired]:
    for trigger in rules.triggers:
        if trigger.row_level and trigger.table_oid == oid and fired_by(trigger, change):
            inner = _statements_inside(trigger, rules)
            row_s = WORK.trigger_row_s + (inner or 0) * WORK.inner_statement_s
            yield Fired(
                kind="trigger",
                oid=oid,
                rows=rows,
                cost=Cost(cpu_s=rows * row_s),
                doubt=Doubt(below=1.3, above=1.5) if inner == 0 else Doubt(below=2.0, above=4.0),
                bounded=inner is not None,
            )


def _transitions(change: Change, oid: int, rows: float, ground: Ground) -> Iterator[Fired]:
    """What triggers for each statement do with the rows that changed: whatever reads a table that the catalog does not know."""
    for trigger in ground.rules.triggers:
        if trigger.row_level or trigger.table_oid != oid or not fired_by(trigger, change):
            continue
        for statement in _inner_statements(trigger, ground.rules):
            if all(any(resolve(name, ground.mark)) for name in statement.names):
                continue  # reads no transition table: what it does is in its own plan
            for inner in statement.changes:
                for target in resolve(inner.relation, ground.mark):
                    table = ground.table(target.oid)
                    cost = (
                        inserting(table, rows, table.row_bytes, ground.speeds)
                        if inner.kind is ChangeKind.INSERT
                        else updating(table, min(rows, table.rows), inner.columns, ground.speeds)
                    )
                    doubt = Doubt(below=2.5, above=2.5)
                    yield Fired(kind="trigger", oid=target.oid, rows=rows, cost=cost, doubt=doubt)


def _statements_inside(trigger: Trigger, rules: CatalogRules) -> int | None:
    """How many statements its function runs at most once each; None where its code cannot be read or goes round in loops."""
    code = _code(trigger, rules)
    if code is None or any(inner.place is Place.LOOP for inner in code.inner):
        return None
    return len(code.inner)


def _inner_statements(trigger: Trigger, rules: CatalogRules) -> list[Statement]:
    code = _code(trigger, rules)
    return [statement for inner in (code.inner if code else ()) for statement in inner.statements or ()]


def _code(trigger: Trigger, rules: CatalogRules) -> Code | None:
    """Its function's code; None where it cannot be read."""
    for routine in rules.routines:
        if routine.routine == trigger.routine:
            code = read_code(routine.definition, language=routine.language)
            return code if code.readable else None
    return None


def _keys_down(change: Change, oid: int, rows: float, ground: Ground, *, depth: int = 0) -> Iterator[Fired]:
    if depth >= DEPTH_LIMIT or change.kind not in {ChangeKind.DELETE, ChangeKind.UPDATE, ChangeKind.MERGE}:
        return
    for key in ground.rules.keys.by_parent.get(oid, ()):
        if change.kind is ChangeKind.UPDATE and not set(change.columns) & set(key.parent_columns):
            continue
        touched = _children(rows, ground.table(oid), ground.table(key.child_oid))
        yield _acting(key, change.kind, rows, touched, ground)
        if _deletes(key, change.kind):
            below = Change(kind=ChangeKind.DELETE, relation=change.relation)
            yield from _keys_down(below, key.child_oid, touched, ground, depth=depth + 1)


def _deletes(key: ForeignKey, kind: ChangeKind) -> bool:
    return kind is not ChangeKind.UPDATE and key.on_delete == CASCADES


def _acting(key: ForeignKey, kind: ChangeKind, rows: float, touched: float, ground: Ground) -> Fired:
    """What one key does about so many changed parents: looks whether somebody refers to them, or changes those who do."""
    child = ground.table(key.child_oid)
    acts = (key.on_update if kind is ChangeKind.UPDATE else key.on_delete) in ACTS
    cost = Cost(cpu_s=rows * (WORK.cascade_row_s if acts else WORK.key_look_s))
    found = indexed(key, child)
    if found is False:
        cost += scanning(child, ground.speeds).times(rows)
    if _deletes(key, kind):
        cost += deleting(child, touched, ground.speeds)
    elif acts:
        cost += updating(child, touched, key.child_columns, ground.speeds)
    return Fired(
        kind="cascade" if acts else "foreign-key",
        oid=key.child_oid,
        rows=touched if acts else rows,
        cost=cost,
        doubt=Doubt(below=2.0, above=3.0) if acts else Doubt(),
        bounded=found is not None and child.known,
    )


def indexed(key: ForeignKey, child: Table) -> bool | None:
    """Whether an index begins with the referring columns; None where the indexes are not known."""
    wanted = set(key.child_columns)
    if any(set(index.columns[: len(wanted)]) == wanted and not index.partial for index in child.indexes if index.known):
        return True
    return False if all(index.known for index in child.indexes) else None


def _children(rows: float, parent: Table, child: Table) -> float:
    """Rows that refer to so many parents, taken to be spread evenly over all of them."""
    return child.rows * min(1.0, rows / parent.rows) if parent.rows > 0 else 0.0
