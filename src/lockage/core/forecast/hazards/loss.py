"""Hazards of what no rollback brings back: rows and columns that are thrown away, and what CASCADE takes along.

Not for whether somebody misses it (``release``). The surprising thing: a view or a foreign key that CASCADE takes along is in
no file of the script, so that nobody who reviews it sees that it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, meant, said
from lockage.core.forecast.hazards.wording import rows_in_words
from lockage.core.forecast.names import LISTED_KINDS, ancestors, descendants, differences
from lockage.core.forecast.new_files import rewritten, truncated
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.trace import CatalogRelation, Traced
from lockage.core.migration.syntax import ChangeKind, Control
from lockage.core.wording import listed

_TRUNCATE = "truncate_stmt"
_CASCADE = re.compile(r"\bCASCADE\b", re.IGNORECASE)
_KEPT = {"r", "p"}
"""Kinds whose rows are nowhere else: a materialised view is filled anew, a foreign table's rows are elsewhere."""


def rows_thrown_away(seen: Seen) -> Iterator[Found]:
    """H070: a table with rows, all rows of one, or a column of one is thrown away."""
    for step, dropped, emptied, gone in _losses(seen):
        yield from (_at(step, seen, table, "is dropped with") for table in _whole(seen, step, dropped, gone))
        yield from (_at(step, seen, table, "is emptied of") for table in _whole(seen, step, emptied, gone))
        yield from _columns(seen, step, gone)


def taken_along(seen: Seen) -> Iterator[Found]:
    """H071: a statement drops or empties what it does not name."""
    for step, dropped, emptied, gone in _losses(seen):
        if not dropped and not emptied:
            continue  # as most do
        named = _named(step)
        along = [relation for relation in dropped if relation.oid not in named]
        drained = [relation for relation in emptied if relation.oid not in named and relation.oid not in gone]
        keys = _keys(seen, step, {relation.oid for relation in dropped})
        drops = [*(f"{_kind(relation)} {relation.relation}" for relation in along), *keys]
        told = [f"drops {listed(drops, most=3)}"] if drops else []
        told += [f"empties {listed([relation.relation for relation in drained], most=3)}"] if drained else []
        if told:
            yield Found(
                code="H071",
                relation=next((relation.relation for relation in (*along, *drained)), None),
                file=step.file,
                line=step.statement.line,
                sentence=f"beside what it names it {' and '.join(told)}",
            )


_Lost = tuple[Traced, list[CatalogRelation], list[CatalogRelation], frozenset[int]]


def _losses(seen: Seen) -> Iterator[_Lost]:
    """Each statement that succeeded, what it drops, what it empties, and the oids of what had lost its rows before it."""
    kept, gone, transaction = frozenset[int](), frozenset[int](), 0  # what is gone with its transaction, and with this one too
    for step, _ in seen.own_steps:
        if not step.succeeded:
            continue
        if step.transaction != transaction:
            kept, transaction = gone, step.transaction
        if step.statement.control in {Control.ROLLBACK, Control.ROLLBACK_TO}:
            gone = kept  # its rows are back, or may be
        dropped, emptied = _dropped(seen, step), _emptied(seen, step)
        yield step, dropped, emptied, gone
        if dropped or emptied:
            gone |= {relation.oid for relation in (*dropped, *emptied)}


def _named(step: Traced) -> set[int]:
    """What the statement names, and those that ran inside it, with partitions and heirs."""
    tops = {table.oid for statement in said(step) for name in statement.names for table in meant(name, step)}
    return tops | {below.oid for top in tops for below in descendants(top, step.before)}


def _dropped(seen: Seen, step: Traced) -> list[CatalogRelation]:
    """Relations of before the script that are not there behind the statement."""
    gone = (seen.trace.start.relations.get(oid) for oid, _, after in differences(step.before, step.after) if after is None)
    return [relation for relation in gone if relation is not None and relation.kind in LISTED_KINDS]


def _emptied(seen: Seen, step: Traced) -> list[CatalogRelation]:
    """Tables of before the script whose rows are all gone behind the statement."""
    truncates = any(statement.node == _TRUNCATE for statement in said(step))
    kept = {table.oid for table in rewritten(step)} - truncated(step) if truncates else set[int]()
    found = {
        oid: before
        for oid, before, after in (differences(step.before, step.after) if truncates else ())
        if before and after and before.kind == "r" and before.relfilenode != after.relfilenode and oid not in kept
    }
    for change in changes_of(step):
        if change.kind is ChangeKind.DELETE and not change.has_condition:
            found.update((table.oid, table) for table in meant(change.relation, step))
    return [relation for oid, relation in found.items() if oid in seen.trace.start.relations]


def _whole(seen: Seen, step: Traced, tables: list[CatalogRelation], gone: frozenset[int]) -> Iterator[CatalogRelation]:
    """Those that had rows until then, each partitioned table once."""
    with_rows = {table.oid: table for table in tables if table.kind in _KEPT and _has_rows(seen, table.oid, gone)}
    for oid, table in with_rows.items():
        if not any(above.oid in with_rows for above in ancestors(table, step.before)):
            yield seen.trace.start.relations[oid]


def _has_rows(seen: Seen, oid: int, gone: frozenset[int]) -> bool:
    """Whether a table, or one of its partitions and heirs, had rows before the script and may have them still."""
    if oid in gone or not seen.peopled(oid):
        return False
    below = [each.oid for each in descendants(oid, seen.trace.start) if each.kind == "r"] if gone else []
    is_whole = seen.trace.start.relations[oid].kind == "p"
    return not (is_whole and below) or any(each not in gone and seen.peopled(each) for each in below)


def _columns(seen: Seen, step: Traced, gone: frozenset[int]) -> Iterator[Found]:
    for statement in said(step):
        for name, column, new in statement.removed_columns:
            for table in meant(name, step) if new is None else ():
                start = seen.trace.start.relations.get(table.oid)
                if start is not None and start.kind in _KEPT and _has_rows(seen, table.oid, gone):
                    if _made_here(seen, step, table.oid, column):
                        continue
                    yield _found(step, start, f"column {column} of {start.relation} is dropped in", seen)


def _made_here(seen: Seen, step: Traced, oid: int, column: str) -> bool:
    """Whether the script itself added the column before."""
    for earlier, _ in seen.own_steps:
        if earlier is step:
            return False
        for statement in said(earlier):
            for name, added in statement.added_columns:
                if added == column and any(table.oid == oid for table in meant(name, earlier)):
                    return True
    return False


def _keys(seen: Seen, step: Traced, gone: set[int]) -> Iterator[str]:
    """Foreign keys of tables that stay, to tables that go; without CASCADE there was none left, or it would have failed."""
    cascades = any(_CASCADE.search(statement.text) for statement in said(step))
    for key in step.rules.foreign_keys if gone and cascades else ():
        child = seen.trace.start.relations.get(key.child_oid)
        if key.parent_oid in gone and key.child_oid not in gone and child is not None:
            yield f"foreign key {key.name} of {child.relation}"


def _kind(relation: CatalogRelation) -> str:
    return {"v": "view", "m": "materialised view", "f": "foreign table"}.get(relation.kind, "table")


def _at(step: Traced, seen: Seen, table: CatalogRelation, what: str) -> Found:
    return _found(step, table, f"{table.relation} {what}", seen)


def _found(step: Traced, table: CatalogRelation, what: str, seen: Seen) -> Found:
    return Found(
        code="H070",
        relation=seen.root(table),
        file=step.file,
        line=step.statement.line,
        sentence=f"{what} {rows_in_words(seen.rows(table.oid))}: once committed, only a backup has them",
    )
