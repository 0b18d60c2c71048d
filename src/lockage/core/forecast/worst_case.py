"""What a statement that nobody saw may do, worst case: which relations it blocks, by its kind and the names in it.

Not for statements that were traced. The surprising thing: worst case is still not "everything": a SELECT stops nobody, and a
name says where; only what has no readable text, or a name that only its run knows, counts against every relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.lock_modes import badness, blocks_of
from lockage.core.forecast.names import LISTED_KINDS, oids
from lockage.core.forecast.rows import RowLock, row_locks
from lockage.core.forecast.trace import CatalogMark, CatalogRules
from lockage.core.migration.dynamic_sql import UNKNOWN_NAME
from lockage.core.migration.syntax import ChangeKind, Name, Statement, WorkKind

# Statements that lock no table in a way that anybody waits for. Source: PostgreSQL 18 manual, 13.3.1, and measured.
_HARMLESS = {
    "select_stmt",
    "insert_stmt",
    "update_stmt",
    "delete_stmt",
    "merge_stmt",
    "copy_stmt",
    "comment_stmt",
    "grant_stmt",
    "grant_role_stmt",
    "create_function_stmt",
    "alter_function_stmt",
    "alter_enum_stmt",
    "create_enum_stmt",
    "composite_type_stmt",
    "create_domain_stmt",
    "create_schema_stmt",
    "create_extension_stmt",
    "create_seq_stmt",
    "create_stats_stmt",
    "create_role_stmt",
    "alter_role_stmt",
    "alter_default_privileges_stmt",
    "define_stmt",
    "variable_set_stmt",
    "variable_show_stmt",
    "transaction_stmt",
    "create_table_as_stmt",
    "explain_stmt",
    "notify_stmt",
    "listen_stmt",
    "discard_stmt",
    "do_stmt",
    "constraints_set_stmt",
    "alter_system_stmt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """Who may be blocked, by oid; ``everything``: no name says where."""

    blocks: Mapping[int, Blocks] = field(default_factory=dict[int, Blocks])
    rows: tuple[RowLock, ...] = ()  # what of it is for the sake of rows
    everything: bool = False


def worst_case(statement: Statement, *, mark: CatalogMark, rules: CatalogRules) -> WorstCase:
    """What one statement may block until its transaction ends."""
    if statement.node in {"call_stmt", "execute_stmt"}:
        return WorstCase(everything=True)
    blocks: dict[int, Blocks] = {}
    rows = tuple(lock for lock in row_locks(statement.changes, mark=mark, rules=rules) if lock.rows)
    for lock in rows:
        _raise(blocks, lock.oid, Blocks.ROWS)
    met = (change.relation for change in statement.changes if change.kind is not ChangeKind.INSERT or change.upserts)
    for oid in _perhaps(met, mark):
        _raise(blocks, oid, Blocks.ROWS)
    level = _level(statement)
    if level is not Blocks.NONE:
        _raise_tables(blocks, statement, level, mark, rules)
    return WorstCase(blocks=blocks, rows=rows)


def _raise_tables(
    blocks: dict[int, Blocks], statement: Statement, level: Blocks, mark: CatalogMark, rules: CatalogRules
) -> None:
    named = _touched(statement)
    for oid in _meant(named, mark):
        _raise(blocks, oid, level)
    own = set(oids((name for name in named if name not in statement.referred), mark))
    for oid in _meant(statement.referred, mark):
        if oid not in own:
            blocks[oid] = Blocks.WRITES
    if statement.node == "drop_stmt":
        dropped = set(_meant(statement.names, mark))
        for key in rules.foreign_keys:
            if key.child_oid in dropped:
                _raise(blocks, key.parent_oid, Blocks.READS)


def _meant(names: Iterable[Name], mark: CatalogMark) -> Iterator[int]:
    """What the names mean, or can mean."""
    names = tuple(names)
    yield from oids(names, mark)
    yield from _perhaps(names, mark)


def _perhaps(names: Iterable[Name], mark: CatalogMark) -> Iterator[int]:
    """All that names which only the run knows can mean: any table of a schema that is known."""
    unknown = [name for name in names if UNKNOWN_NAME in {name.schema, name.name}]
    if unknown:
        for relation in mark.relations.values():
            schema, _, bare = relation.relation.partition(".")
            if relation.kind in LISTED_KINDS and any(
                name.schema in {None, UNKNOWN_NAME, schema} and name.name in {UNKNOWN_NAME, bare} for name in unknown
            ):
                yield relation.oid


def _raise(blocks: dict[int, Blocks], oid: int, level: Blocks) -> None:
    if badness(level) > badness(blocks.get(oid, Blocks.NONE)):
        blocks[oid] = level


def _touched(statement: Statement) -> tuple[Name, ...]:
    if statement.node == "view_stmt":
        return statement.created  # an older one of that name; what it reads is only looked at
    if statement.node.startswith("create_"):
        return tuple(name for name in statement.names if name not in statement.created)  # what exists already stops it
    return statement.names


def _level(statement: Statement) -> Blocks:
    node = statement.node
    if node in _HARMLESS or (statement.concurrently and node in {"index_stmt", "reindex_stmt", "drop_stmt"}):
        return Blocks.NONE
    if statement.lock_mode is not None:
        return blocks_of(statement.lock_mode)
    if node in {"index_stmt", "create_trig_stmt", "create_stmt"}:
        return Blocks.WRITES
    if node == "vacuum_stmt":
        return Blocks.READS if any(work.kind is WorkKind.REWRITE for work in statement.works) else Blocks.NONE
    return Blocks.READS
