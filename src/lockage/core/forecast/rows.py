"""Which relations' rows a statement changes or locks, foreign keys and their actions included.

Not for table locks, which ``pg_locks`` shows. The surprising thing: on an empty shadow no row exists, so neither a foreign
key's look at its parent nor a cascade happens; they follow from the catalog instead, worst case: as if every row were there.

Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c (what each action locks), manual 13.3.2 "Row-Level Locks".
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from lockage.core.forecast.lock_modes import SELECT_FOR_UPDATE_TAKES, WRITE_TAKES
from lockage.core.forecast.names import ancestors, descendants, meant, owner
from lockage.core.forecast.trace import ACTS, CASCADES, CatalogMark, CatalogRules, ForeignKey
from lockage.core.migration.syntax import Change, ChangeKind, Name


class Followed(NamedTuple):
    """A foreign key as a path from parent to child, whatever partition of the parent it is about."""

    child_columns: tuple[str, ...]
    root_oid: int


def followed(key: ForeignKey, mark: CatalogMark) -> Followed:
    """The path of a foreign key."""
    parent = mark.relations.get(key.parent_oid)
    above = [] if parent is None else list(ancestors(parent, mark))
    return Followed(key.child_columns, above[-1].oid if above else key.parent_oid)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLock:
    """Rows of one relation are locked by a statement, until its transaction ends."""

    oid: int
    mode: str  # of the table lock that goes with it
    rows: bool = True  # False: only the table lock; no row of it is locked
    all_rows: bool = False  # no condition spares any
    strong: bool = False  # deleted, or a key of theirs changed: whoever refers to them waits too
    event: ChangeKind = ChangeKind.UPDATE  # what fires triggers there
    columns: tuple[str, ...] = ()  # changed by an UPDATE; (): all
    constants: tuple[tuple[str, int | str], ...] = ()  # columns that all of these rows have at this value, before and after
    referred: bool = False  # only referred to (KEY SHARE): who changes them beside their key goes on
    by_key: Followed | None = None  # they follow rows of their parent, which are locked too
    doubt: str | None = None  # why none of them may be met, in a clause; None: what the statement says meets rows


_Found = dict[tuple[int, str, ChangeKind, tuple[tuple[str, int | str], ...]], RowLock]


@dataclass(frozen=True, slots=True)
class _Catalog:
    mark: CatalogMark
    rules: CatalogRules
    held: Container[int] | None
    targets: Mapping[int, Container[int]]
    noted: set[tuple[RowLock, tuple[str, ...], tuple[str, ...]]]  # with columns that become NULL, and stay: what was followed


LOCKED = 0
"""No oid: in its place stand the tables whose rows a SELECT locks, and those that it reads beside them."""

_NO_TARGETS: Mapping[int, Container[int]] = {}


def row_locks(
    changes: Iterable[Change],
    *,
    mark: CatalogMark,
    rules: CatalogRules,
    held: Container[int] | None = None,
    targets: Mapping[int, Container[int]] = _NO_TARGETS,
) -> tuple[RowLock, ...]:
    """Everything whose rows the changes lock or change, worst case, cascades included.

    ``held``: oids that were seen locked, so that of a changed table's partitions only those count; None: nothing was seen.
    ``targets``: of a changed table those partitions and heirs that its plan goes to, itself included.
    """
    catalog = _Catalog(mark, rules, held, targets, set())
    found: _Found = {}
    for change in (each for whole in changes for each in _one_by_one(whole)):
        for relation in meant(change.relation, mark, held):
            for oid in _bases(owner(relation, mark).oid, catalog):
                _follow(oid, change, catalog, found)
    return tuple(found.values())


def _one_by_one(change: Change) -> tuple[Change, ...]:
    return change.merges if change.kind is ChangeKind.MERGE else (change,)


def _bases(oid: int, catalog: _Catalog) -> tuple[int, ...]:
    """The relation itself, or the tables below a view."""
    relation = catalog.mark.relations.get(oid)
    if relation is None or relation.kind != "v":
        return (oid,)
    return tuple(base for below in catalog.rules.views.get(oid, ()) for base in _bases(below, catalog))


def _follow(oid: int, change: Change, catalog: _Catalog, found: _Found, *, by_key: Followed | None = None) -> None:
    kind = change.kind
    if kind is ChangeKind.INSERT:
        _insert_into(oid, change, catalog, found)
        if change.upserts:
            met = _change_of(ChangeKind.UPDATE, change.updates, like=change)
            _follow(oid, replace(met, relation=change.relation, has_condition=True, of_merge=True), catalog, found)
        return
    if kind is ChangeKind.LOCK:
        strong = not change.spares_keys
        _add(oid, SELECT_FOR_UPDATE_TAKES, change, catalog, found, rows=True, strong=strong, referred=change.refers)
        return
    change = _as_triggers_find_it(oid, change, catalog)
    strong = kind in {ChangeKind.DELETE, ChangeKind.MERGE} or _touches_key(oid, change, catalog)
    if not _add(oid, WRITE_TAKES, change, catalog, found, rows=True, strong=strong, by_key=by_key):
        return
    if kind is ChangeKind.UPDATE and _may_move(oid, change, catalog):
        # A row that goes to another partition is deleted here and inserted there, with all that this sets off.
        _insert_into(oid, _change_of(ChangeKind.INSERT, ()), catalog, found)
        gone = replace(_change_of(ChangeKind.DELETE, (), like=change), relation=change.relation)
        _add(oid, WRITE_TAKES, gone, catalog, found, rows=True, strong=strong)
    if kind in {ChangeKind.UPDATE, ChangeKind.MERGE}:
        for key in _keys_of_child(oid, catalog):
            if _changed(key.child_columns, change) and not any(c in change.nulls for c in key.child_columns):
                _look_at_parent(key, replace(_looking(change), joins=change.joins), catalog, found)
    for key in _keys_of_parent(oid, catalog):
        _act_on_children(key, change, catalog, found)


def _insert_into(oid: int, change: Change, catalog: _Catalog, found: _Found) -> None:
    _add(oid, WRITE_TAKES, change, catalog, found, rows=change.upserts, strong=False)
    joins = change.joins or (bool(change.sources) and (change.has_condition or len(change.sources) > 1))
    for key in _keys_of_child(oid, catalog):
        if _own_parent(key, change, oid, catalog):
            continue
        if all(_given(column, change, oid, catalog) for column in key.child_columns):
            for constants in _referred(key, change, oid, catalog):
                gone = change.gone and key.deferred
                looked = replace(_looking(change), constants=constants, joins=joins, ignores=change.ignores, gone=gone)
                _look_at_parent(key, looked, catalog, found)


def _own_parent(key: ForeignKey, change: Change, oid: int, catalog: _Catalog) -> bool:
    """Whether the statement has itself inserted all parents that the rows refer to, which nobody else sees."""
    order = change.columns or catalog.rules.columns.get(oid, ())
    if len(key.child_columns) != 1:
        return False
    return any(
        place < len(order)
        and order[place] == key.child_columns[0]
        and column == key.parent_columns[0]
        and any(parent.oid == key.parent_oid for parent in meant(name, catalog.mark, catalog.held))
        for place, name, column in change.own
    )


def _act_on_children(key: ForeignKey, change: Change, catalog: _Catalog, found: _Found) -> None:
    if change.kind is ChangeKind.UPDATE and not (change.columns and _changed(key.parent_columns, change)):
        return
    actions = {
        ChangeKind.DELETE: (key.on_delete,),
        ChangeKind.UPDATE: (key.on_update,),
        ChangeKind.MERGE: (key.on_delete, key.on_update),
    }[change.kind]
    child = catalog.mark.relations.get(key.child_oid)
    if child is None:
        return
    path = followed(key, catalog.mark)
    for action in actions:
        if action == CASCADES and change.kind is ChangeKind.DELETE:
            _follow(child.oid, _change_of(ChangeKind.DELETE, (), like=change), catalog, found, by_key=path)
        elif action in ACTS:
            nulls = key.child_columns if action == "n" else ()
            update = _change_of(ChangeKind.UPDATE, key.child_columns, nulls, like=change)
            kept = _as_before(key, change) if action == CASCADES else ()
            _follow(child.oid, replace(update, kept=kept), catalog, found, by_key=path)
        else:
            looked = _change_of(ChangeKind.LOCK, ())
            _add(child.oid, SELECT_FOR_UPDATE_TAKES, looked, catalog, found, rows=False, strong=False)


def _as_before(key: ForeignKey, change: Change) -> tuple[str, ...]:
    """Columns that a cascade sets, all of the key's, to what they are."""
    if change.kind is not ChangeKind.UPDATE:
        return ()
    changed = _changed(key.parent_columns, change)
    pairs = zip(key.child_columns, key.parent_columns, strict=True)
    return tuple(child for child, parent in pairs if parent not in changed)


def _change_of(
    kind: ChangeKind, columns: tuple[str, ...], nulls: tuple[str, ...] = (), *, like: Change | None = None
) -> Change:
    made = Change(kind=kind, relation=Name(schema=None, name=""), columns=columns, nulls=nulls)
    return made if like is None else replace(made, has_condition=like.has_condition, joins=like.joins, undone=like.undone)


_KEYS_FOLLOWED = 50
"""Keys written out in one INSERT that are followed one by one; of a longer list any parent may be meant."""


def _referred(key: ForeignKey, change: Change, oid: int, catalog: _Catalog) -> Iterable[tuple[tuple[str, int | str], ...]]:
    """The parents' key, once for each that an INSERT writes out; one () where they are not all known."""
    order = change.columns or catalog.rules.columns.get(oid, ())
    if len(key.child_columns) == 1 and key.child_columns[0] in order:
        written = dict(change.literals).get(order.index(key.child_columns[0]), ())
        if len(written) <= _KEYS_FOLLOWED:
            return [((key.parent_columns[0], value),) for value in written] or [()]
    elif change.rows == 1 and set(key.child_columns) <= set(order):
        values = [dict(change.literals).get(order.index(column), ()) for column in key.child_columns]
        if all(values):
            return [tuple((column, value[0]) for column, value in zip(key.parent_columns, values, strict=True))]
    return [()]


def _looking(change: Change) -> Change:
    """A look at rows that a change brings about."""
    return replace(_change_of(ChangeKind.LOCK, ()), undone=change.undone)


def _look_at_parent(key: ForeignKey, looked: Change, catalog: _Catalog, found: _Found) -> None:
    _add(key.parent_oid, SELECT_FOR_UPDATE_TAKES, looked, catalog, found, rows=True, strong=False, referred=True)


def _add(
    oid: int,
    mode: str,
    change: Change,
    catalog: _Catalog,
    found: _Found,
    *,
    rows: bool,
    strong: bool,
    referred: bool = False,
    by_key: Followed | None = None,
) -> bool:
    """Notes it for the relation and its partitions; False when nothing new."""
    lock = RowLock(
        oid=oid,
        mode=mode,
        rows=rows,
        all_rows=rows and not change.has_condition,
        strong=strong,
        event=change.kind,
        columns=change.columns,
        constants=change.constants,
        referred=referred,
        by_key=by_key,
        doubt=_doubt(change, by_key),
    )
    if (lock, change.nulls, change.kept) in catalog.noted:
        return False
    catalog.noted.add((lock, change.nulls, change.kept))
    seen = catalog.held if catalog.held is not None and oid in catalog.held else None
    if change.relation.name and change.kind is not ChangeKind.INSERT:
        seen = catalog.targets.get(LOCKED if change.kind is ChangeKind.LOCK else oid, seen)
    reached = [d for d in descendants(oid, catalog.mark) if rows and (seen is None or d.oid in seen)]
    own = catalog.mark.relations.get(oid)
    with_rows = [each for each in (*reached, *((own,) if own else ())) if each.kind != "p"]
    elsewhere = ELSEWHERE if len(with_rows) > 1 and (referred or change.has_condition) else None
    for below in (oid, *(each.oid for each in reached)):
        place = (below, mode, change.kind, change.constants)
        doubt = lock.doubt if below == oid else lock.doubt or elsewhere
        found[place] = _both(found.get(place), replace(lock, oid=below, doubt=doubt))
    return True


MAY_INSERT = "the statement may insert rows instead of meeting any"
_UNDONE = "an exception that is caught gives them back"
_THERE = "the row that would be inserted may be there already"
_GONE = "the row that refers to them is deleted again before the COMMIT that would look"
_JOINED = "which rows are meant hangs on rows of other tables, and there may be none"
_BY_KEY = "no row may refer to those that are changed"
ELSEWHERE = "the rows that are meant may lie in other partitions or heirs"


def _doubt(change: Change, by_key: Followed | None) -> str | None:
    if change.undone:
        return _UNDONE
    if change.may_insert:
        return MAY_INSERT
    if change.ignores:
        return _THERE
    if change.gone:
        return _GONE
    if by_key is not None and change.has_condition:
        return _BY_KEY
    return _JOINED if change.joins else None


def _both(former: RowLock | None, lock: RowLock) -> RowLock:
    """What two statements that change rows of one table alike make together."""
    if former is None:
        return lock
    columns = (*former.columns, *lock.columns) if former.columns and lock.columns else ()
    return replace(
        lock,
        rows=former.rows or lock.rows,
        all_rows=former.all_rows or lock.all_rows,
        strong=former.strong or lock.strong,
        referred=former.referred and lock.referred,
        doubt=None if former.doubt is None else lock.doubt,
        by_key=lock.by_key if former.by_key == lock.by_key else None,
        columns=tuple(dict.fromkeys(columns)),
    )


def _keys_of_child(oid: int, catalog: _Catalog) -> Iterator[ForeignKey]:
    """Its foreign keys; those that the catalog lists for each partition of a parent, too, only for the table above."""
    keys = catalog.rules.keys.by_child.get(oid, ())
    return (key for key in keys if not repeats(key, keys, catalog.mark))


def repeats(key: ForeignKey, keys: Iterable[ForeignKey], mark: CatalogMark) -> bool:
    """Whether it is about a partition of what another of the keys of its table refers to."""
    parent = mark.relations.get(key.parent_oid)
    above = {each.oid for each in ancestors(parent, mark)} if parent is not None else ()
    return bool(above) and any(other.parent_oid in above and other.child_columns == key.child_columns for other in keys)


def _keys_of_parent(oid: int, catalog: _Catalog) -> Iterator[ForeignKey]:
    return iter(catalog.rules.keys.by_parent.get(oid, ()))


def _given(column: str, change: Change, oid: int, catalog: _Catalog) -> bool:
    """Whether an INSERT gives the column a value that may refer to somebody."""
    if change.columns:
        if column in change.columns:
            return column not in change.nulls
    else:
        order = catalog.rules.columns.get(oid, ())
        return column not in order or order.index(column) not in change.null_places
    return column in catalog.rules.defaults.get(oid, ())


def _may_move(oid: int, change: Change, catalog: _Catalog) -> bool:
    """Whether an update can send rows of a partitioned table to another partition."""
    tables = (oid, *(below.oid for below in descendants(oid, catalog.mark)))
    keys = [column for table in tables for column in catalog.rules.partition_keys.get(table, ())]
    return any(column is None or _changed((column,), change) for column in keys)


def _touches_key(oid: int, change: Change, catalog: _Catalog) -> bool:
    keys = catalog.rules.unique_keys.get(oid, ())
    return bool(change.columns) and any(_changed(key, change) for key in keys)


def _changed(columns: Iterable[str], change: Change) -> tuple[str, ...]:
    """Those to which a change may give other values."""
    return tuple(c for c in columns if c not in change.kept and (not change.columns or c in change.columns))


def _as_triggers_find_it(oid: int, change: Change, catalog: _Catalog) -> Change:
    """The change; where a trigger looks at rows before they are changed, one of other columns too, what is assigned is changed.

    Source: PostgreSQL 18, src/backend/commands/trigger.c, ExecBRUpdateTriggers; executor/execMain.c, ExecUpdateLockMode.
    """
    tables = {oid, *(below.oid for below in descendants(oid, catalog.mark))} if change.kept else set[int]()
    before = (trigger for trigger in catalog.rules.triggers if trigger.row_level and trigger.before)
    looks = any(trigger.table_oid in tables and "UPDATE" in trigger.events for trigger in before)
    return replace(change, kept=()) if looks else change
