"""Who waits although nothing is held on their own relation: users of views, writers across foreign keys, of partitions, of
tables whose triggers reach elsewhere.

Not for locks. The surprising thing: to delete a user waits for a lock on the user's keys, because the foreign key must look
there; no lock on the users' table tells.

Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c: a look at the other table takes RowShareLock, an action on it
RowExclusiveLock; utils/cache/partcache.c: who writes to a partition looks at the table above it. Checked against waiting
sessions by ``tests/flows/test_forecast_truth.py``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.lock_modes import (
    SELECT_FOR_UPDATE_TAKES,
    SELECT_TAKES,
    WRITE_TAKES,
    badness,
    conflict,
)
from lockage.core.forecast.names import ancestors, descendants, oids
from lockage.core.forecast.rows import ELSEWHERE, followed, repeats
from lockage.core.forecast.rule_actions import actions_of, replaces
from lockage.core.forecast.timeline import Hold
from lockage.core.forecast.trace import CASCADES, LOOKS_ONLY, CatalogMark, CatalogRules, ForeignKey, RoutineList
from lockage.core.forecast.view_inserts import shown_as, takes_inserts
from lockage.core.migration.literals import differ
from lockage.core.migration.procedure import Place, read_code
from lockage.core.migration.syntax import ChangeKind, Statement


def indirect_holds(held: Iterable[Hold], *, mark: CatalogMark, rules: CatalogRules) -> tuple[Hold, ...]:
    """The waits that follow from ``held``; each says why, and has no mode. ``mark`` and ``rules`` are of before the script."""
    held = tuple(held)
    needs: dict[int, list[_Need]] = defaultdict(list)
    for need in (*_needs_of_triggers(mark, rules), *_needs_of_rules(mark, rules), *_needs_of_uses(mark, rules)):
        needs[need.oid].append(need)
    views = _views(mark, rules)
    found: list[Hold] = []
    for hold in held:
        if hold.values_only:
            continue
        found.extend(_through_keys(hold, mark, rules))
        found.extend(_to_partitions(hold, mark))
        found.extend(_through_needs(hold, needs.get(hold.oid, ()), mark))
    # Whoever waits for a parent holds up those whose triggers fill the child, and so on.
    fresh = list(found)
    while fresh:
        more = [late for hold in fresh for late in _through_needs(hold, needs.get(hold.oid, ()), mark)]
        fresh = [hold for hold in dict.fromkeys(more) if hold not in found]
        found.extend(fresh)
    for hold in (*held, *found[:]):
        if not hold.values_only:  # whatever view shows such values has them in a column of its own
            found.extend(_through_views(hold, views, mark, rules))
    return tuple(dict.fromkeys(found))


class _Views(NamedTuple):
    above: Mapping[int, list[int]]  # by the relation that they read
    writable: frozenset[int]
    replaced: Mapping[int, set[str]]  # by the view: events in whose place its rules do something else


def _views(mark: CatalogMark, rules: CatalogRules) -> _Views:
    above: dict[int, list[int]] = defaultdict(list)
    for view, below in rules.views.items():
        relation = mark.relations.get(view)
        if relation is not None and relation.kind == "v":
            for oid in dict.fromkeys(below):
                above[oid].append(view)
    replaced: dict[int, set[str]] = defaultdict(set)
    for rule in rules.rewrites:
        if replaces(rule):
            replaced[rule.table_oid].add(rule.event)
    return _Views(above, frozenset(rules.writable_views), replaced)


def _through_views(hold: Hold, views: _Views, mark: CatalogMark, rules: CatalogRules) -> Iterator[Hold]:
    for view in views.above.get(hold.oid, ()):
        if hold.of_heir and hold.oid in rules.views_of_only.get(view, ()):
            continue
        shown = shown_as(hold.given, of=hold.oid, view=view, rules=rules)
        inserts = not hold.given or takes_inserts(view, mark=mark, rules=rules)
        if shown is None and not (hold.opens and inserts):
            continue  # nobody gives them a value through this view, nor inserts a row without
        if hold.blocks is Blocks.READS or (hold.blocks is not Blocks.NONE and view in views.writable):
            blocks = _left_by_rules(hold, views.replaced.get(view, ()))
            if blocks is Blocks.WRITES and not inserts:
                blocks = Blocks.ROWS
            why = f"is a view of {_name(hold.oid, mark)}"
            derived = _derived(hold, view, blocks, why, given=hold.given if shown is None else shown)
            derived = replace(derived, inserts_only=hold.inserts_only)
            if hold.blocks is Blocks.ROWS and not hold.all_rows and any(b.filtered for b in rules.views_below.get(view, ())):
                derived = replace(derived, doubt=hold.doubt or "it may not show these rows")
            if shown is None:
                derived = replace(derived, doubt=derived.doubt or "it may lack a column that has to be given")
            if blocks is not Blocks.NONE:
                yield derived
                yield from _through_views(derived, views, mark, rules)


def _left_by_rules(hold: Hold, replaced: Container[str]) -> Blocks:
    """Who of a view's users waits for the table below, where rules do something else in the place of some of what they do."""
    if hold.blocks is Blocks.READS or "INSERT" not in replaced:
        return hold.blocks
    return Blocks.NONE if hold.inserts_only or ("UPDATE" in replaced and "DELETE" in replaced) else Blocks.ROWS


def _through_keys(hold: Hold, mark: CatalogMark, rules: CatalogRules) -> Iterator[Hold]:
    if hold.inserts_only or hold.of_heir:
        return  # a foreign key looks, changes and deletes, in ONLY the tables that it names
    for key in rules.keys.by_parent.get(hold.oid, ()):
        if key.child_oid in mark.relations:
            why = f"refers to {_name(hold.oid, mark)}"
            if _stops_looks(hold):
                # Source: PostgreSQL 18, src/backend/utils/adt/ri_triggers.c, RI_FKey_check: the parent is opened first.
                opens = key.optional or set(key.child_columns) <= set(rules.defaults.get(key.child_oid, ()))
                yield replace(_derived(hold, key.child_oid, Blocks.WRITES, why, given=key.child_columns), opens=opens)
            elif hold.strong and hold.blocks is Blocks.ROWS:
                blocks = Blocks.WRITES if hold.all_rows and not _is_part_of_key(key, mark, rules) else Blocks.ROWS
                doubt = ELSEWHERE if not hold.all_rows and _says_which_partition(key, mark, rules) else None
                yield _derived(replace(hold, doubt=hold.doubt or doubt), key.child_oid, blocks, why, given=key.child_columns)
    for key in rules.keys.by_child.get(hold.oid, ()):
        if hold.by_key is not None and hold.by_key == followed(key, mark):
            continue  # the parents of these rows are locked themselves, and other parents have other rows
        if key.parent_oid in mark.relations and _stops_deletes(hold, key, rules):
            looked = replace(hold, doubt=hold.doubt or _doubt_of_parents(hold, key, mark, rules))
            yield _derived(looked, key.parent_oid, Blocks.ROWS, f"is referred to by {_name(hold.oid, mark)}", referred=True)
            refused: str | None = None
            for above, below in _cascading_to(key.parent_oid, mark, rules):
                why = f"its deletes reach {_name(below, mark)}, which waits"
                refused = refused or (_REFUSED if hold.blocks is Blocks.ROWS and _may_be_refused(above, rules) else None)
                yield _derived(replace(looked, doubt=looked.doubt or refused), above, Blocks.ROWS, why, referred=True)


def _cascading_to(oid: int, mark: CatalogMark, rules: CatalogRules) -> Iterator[tuple[int, int]]:
    """Tables whose deletes go on to this one, by whatever number of steps, each with the next table on the way."""
    seen, waiting = {oid}, [oid]
    while waiting:
        below = waiting.pop()
        for key in rules.keys.by_child.get(below, ()):
            above = key.parent_oid
            if key.on_delete == CASCADES and above in mark.relations and above not in seen:
                seen.add(above)
                waiting.append(above)
                yield above, below


def _is_part_of_key(key: ForeignKey, mark: CatalogMark, rules: CatalogRules) -> bool:
    """Whether the same columns refer to a table of which this parent is a partition only."""
    parent = mark.relations.get(key.parent_oid)
    above = {each.oid for each in ancestors(parent, mark)} if parent is not None else set[int]()
    keys = rules.keys.by_child.get(key.child_oid, ()) if above else ()
    return any(each.parent_oid in above and each.child_columns == key.child_columns for each in keys)


def _says_which_partition(key: ForeignKey, mark: CatalogMark, rules: CatalogRules) -> bool:
    """Whether a partition that refers can refer to some parents only, since columns of the key place its rows."""
    above = ancestors(mark.relations[key.child_oid], mark)
    return any(c is None or c in key.child_columns for each in above for c in rules.partition_keys.get(each.oid, ()))


def _stops_looks(hold: Hold) -> bool:
    if hold.mode is None:
        return hold.blocks is Blocks.READS
    return conflict(hold.mode, SELECT_FOR_UPDATE_TAKES)


def _may_be_refused(oid: int, rules: CatalogRules) -> bool:
    """Whether a key of another table, which is perhaps looked at first, can forbid to delete rows of this one."""
    return any(key.on_delete in LOOKS_ONLY for key in rules.keys.by_parent.get(oid, ()))


_REFUSED = "another row that refers to theirs may refuse their deletes first"


def _stops_deletes(hold: Hold, key: ForeignKey, rules: CatalogRules) -> bool:
    """Whether deleting a parent's row, or changing its key, waits for what is held on the child."""
    only_looks = key.on_delete in LOOKS_ONLY and key.on_update in LOOKS_ONLY
    if hold.blocks is Blocks.ROWS and hold.referred:  # whoever sets a column of no key goes on
        in_key = any(set(columns) & set(key.child_columns) for columns in rules.unique_keys.get(hold.oid, ()))
        return key.on_delete == CASCADES or (in_key and not only_looks)
    if hold.blocks is Blocks.ROWS:
        return hold.strong or not only_looks
    if hold.mode is None:
        return hold.blocks is Blocks.READS or (hold.blocks is Blocks.WRITES and not only_looks)
    return conflict(hold.mode, SELECT_FOR_UPDATE_TAKES if only_looks else WRITE_TAKES)


def _doubt_of_parents(hold: Hold, key: ForeignKey, mark: CatalogMark, rules: CatalogRules) -> str | None:
    """A look at whoever refers to a row ends at the first who does, and refuses the delete; and rows may refer to nobody."""
    if hold.blocks is not Blocks.ROWS:
        return None
    if repeats(key, rules.keys.by_child.get(key.child_oid, ()), mark):
        return ELSEWHERE
    child = mark.relations.get(hold.oid)
    all_rows = hold.all_rows and not (child is not None and child.parent_oids)
    if key.optional and not all_rows:
        return "their rows may refer to none"
    only_looks = key.on_delete in LOOKS_ONLY and key.on_update in LOOKS_ONLY
    return _REFUSED if only_looks and not all_rows else None


def _to_partitions(hold: Hold, mark: CatalogMark) -> Iterator[Hold]:
    relation = mark.relations.get(hold.oid)
    if relation is None or relation.kind != "p" or hold.via is not None or hold.blocks is not Blocks.READS:
        return
    for partition in descendants(hold.oid, mark):
        # To plan a query of one that has partitions itself, its bounds are read from above.
        blocks = Blocks.READS if partition.kind == "p" else Blocks.WRITES
        yield _derived(hold, partition.oid, blocks, f"is a partition of {relation.relation}")


# --- triggers, rules and functions ------------------------------------------------------------------------------------


class _Need(NamedTuple):
    by: str  # "its trigger x"
    table_oid: int  # whose users set it off
    events: tuple[str, ...]
    oid: int  # a relation that it touches
    mode: str  # that this takes
    constants: tuple[tuple[tuple[str, int | str], ...], ...] = ()  # of each change of its rows
    spares_keys: bool = False  # it changes rows of it, but no key and deletes none
    inserts: bool = False
    only_inserts: bool = False
    columns: tuple[str, ...] = ()  # that it updates
    picks: bool = False  # it changes rows that hang on the user's
    joined: bool = False  # which rows it changes hangs on other tables
    sure: bool = True  # under no condition


def _needs_of_triggers(mark: CatalogMark, rules: CatalogRules) -> Iterator[_Need]:
    """What triggers touch when they fire, sure or not."""
    for trigger in rules.triggers:
        if trigger.table_oid in mark.relations:
            for event in trigger.events:
                for statement, sure in _running(trigger.routine, rules.routine_list, frozenset(), event=event):
                    for need in _needs(f"its trigger {trigger.name}", trigger.table_oid, (event,), statement, mark, rules):
                        yield need._replace(sure=sure and not trigger.conditional)


def _needs_of_uses(mark: CatalogMark, rules: CatalogRules) -> Iterator[_Need]:
    """What checks, defaults, generated columns, indexes, views and policies touch by their functions."""
    for use in rules.uses:
        if use.relation_oid not in mark.relations:
            continue
        events = {"READ": ("SELECT",), "WRITE": ("INSERT", "UPDATE")}.get(use.event, (use.event,))
        if use.reads_oid is not None:
            yield _Need(f"its {use.by}", use.relation_oid, events, use.reads_oid, SELECT_TAKES)
        for statement, sure in _running(use.routine or "", rules.routine_list, frozenset()):
            for need in _needs(f"its {use.by}", use.relation_oid, events, statement, mark, rules):
                yield need._replace(sure=sure)


def _running(
    name: str, routines: RoutineList, seen: frozenset[str], *, event: str | None = None, sure: bool = True
) -> Iterator[tuple[Statement, bool]]:
    """What runs in a routine and in those that it calls, and whether it does in any case; ``event`` fires it as a trigger."""
    for routine in routines.by_name.get(name.partition(".")[2], ()):
        if routine.routine != name or name in seen:
            continue
        code = read_code(routine.definition, language=routine.language.lower(), event=event)
        for inner in (*code.inner, *code.expressions):
            here = sure and inner.place in {Place.STRAIGHT, Place.PROTECTED}
            for statement in inner.statements or ():
                yield statement, here
                for call in statement.calls:
                    for called in routines.by_name.get(call.name, ()):
                        if call.schema in {None, called.routine.partition(".")[0]}:
                            yield from _running(called.routine, routines, seen | {name}, sure=here)


def _needs_of_rules(mark: CatalogMark, rules: CatalogRules) -> Iterator[_Need]:
    """What rules put into users' statements."""
    for rule in rules.rewrites:
        if rule.table_oid in mark.relations:
            for statement in actions_of(rule):
                yield from _needs(f"its rule {rule.name}", rule.table_oid, (rule.event,), statement, mark, rules)


def _needs(
    by: str, table_oid: int, events: tuple[str, ...], statement: Statement, mark: CatalogMark, rules: CatalogRules
) -> Iterator[_Need]:
    for oid in oids(statement.names, mark):
        if oid != table_oid:
            written = [change for change in statement.changes if oid in oids((change.relation,), mark)]
            mode = WRITE_TAKES if written else SELECT_TAKES
            keys = {column for key in rules.unique_keys.get(oid, ()) for column in key}
            # An upsert of the user's own key meets no row where the user inserts.
            fresh = "INSERT" in events and any(
                re.search(rf"\bnew\.\"?{re.escape(key)}\b", statement.text, re.IGNORECASE) for key in keys
            )
            spares = all(change.kind is ChangeKind.UPDATE and not keys & set(change.columns) for change in written)
            yield _Need(
                by,
                table_oid,
                events,
                oid,
                mode,
                tuple(change.constants for change in written),
                spares_keys=bool(written) and spares,
                inserts=any(change.kind is ChangeKind.INSERT for change in written),
                only_inserts=bool(written) and all(c.kind is ChangeKind.INSERT and (fresh or not c.upserts) for c in written),
                columns=tuple(column for change in written for column in change.columns),
                picks=bool(written)
                and _OF_ROW.search(statement.text) is not None
                and all(change.has_condition and not change.constants for change in written),
                joined=bool(written) and all(change.joins and not change.constants for change in written),
            )


_OF_ROW = re.compile(r"\b(?:new|old)\.", re.IGNORECASE)
"""The row that a trigger fires for; without it a statement comes to the same rows each time."""


def _through_needs(hold: Hold, needs: Iterable[_Need], mark: CatalogMark) -> Iterator[Hold]:
    for need in needs:
        if need.oid != hold.oid or not _stops(hold, need.mode) or _rows_apart(hold, need):
            continue
        if hold.inserts_only and not need.inserts:
            continue
        if hold.given and not need.inserts and not set(need.columns) & set(hold.given):
            continue
        blocks = _waits(need.events)
        if hold.blocks is Blocks.ROWS and hold.pinned and need.picks and blocks is Blocks.WRITES:
            blocks = Blocks.ROWS  # who comes to other rows goes on
        derived = _derived(hold, need.table_oid, blocks, f"{need.by} {_uses(need)} {_name(need.oid, mark)}")
        yield replace(derived, doubt=hold.doubt or _doubt_of_need(hold, need))


def _doubt_of_need(hold: Hold, need: _Need) -> str | None:
    if not need.sure:
        return f"{need.by} uses it under a condition"
    return f"{need.by} may change other rows of it" if need.joined and hold.blocks is Blocks.ROWS else None


def _uses(need: _Need) -> str:
    return "uses" if need.sure else "may use"


def _waits(events: tuple[str, ...]) -> Blocks:
    if "SELECT" in events:
        return Blocks.READS
    return Blocks.WRITES if "INSERT" in events else Blocks.ROWS


def _rows_apart(hold: Hold, need: _Need) -> bool:
    """Whether the rows that are held and those that are needed differ in a column that neither changes, or get along."""
    if hold.blocks is Blocks.ROWS and (need.only_inserts or (hold.referred and need.spares_keys)):
        return True
    held = dict(hold.constants)
    return (
        hold.blocks is Blocks.ROWS
        and bool(need.constants)
        and all(any(differ(held.get(column), value) for column, value in constants) for constants in need.constants)
    )


def _stops(hold: Hold, mode: str) -> bool:
    if hold.mode is not None and conflict(hold.mode, mode):
        return True
    limit = Blocks.ROWS if mode == WRITE_TAKES else Blocks.READS
    return hold.blocks is not Blocks.NONE and badness(hold.blocks) >= badness(limit)


def _derived(
    hold: Hold, oid: int, blocks: Blocks, because: str, *, given: tuple[str, ...] = (), referred: bool = False
) -> Hold:
    return replace(
        hold,
        oid=oid,
        mode=None,
        blocks=blocks,
        via=None,
        strong=False,
        all_rows=False,
        because=because,
        given=given,
        constants=(),
        referred=referred,
        inserts_only=False,
        opens=hold.opens and bool(given),
        of_heir=False,
    )


def _name(oid: int, mark: CatalogMark) -> str:
    return mark.relations[oid].relation if oid in mark.relations else str(oid)
