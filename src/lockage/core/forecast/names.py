"""From names as written to the relations of a catalog, and from an index, a TOAST table or a partition to its table.

Not for guessing: a name that the catalog does not know gives nothing. The surprising thing: a name without a schema can mean
several relations, because a script may set its ``search_path``; a temporary table wins, as in PostgreSQL, then ``public``, and
where neither has it, all of them count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from lockage.core.forecast.trace import CatalogMark, CatalogRelation
from lockage.core.migration.syntax import Name

INDEX_KINDS = ("i", "I")
LISTED_KINDS = ("r", "p", "v", "m", "f")
"""Relations that a forecast lists: tables, partitioned tables, views, materialised views, foreign tables."""


def resolve(name: Name, mark: CatalogMark) -> tuple[CatalogRelation, ...]:
    """The relations that a written name can mean."""
    same = tuple(_among(_by_name, name.name, mark))
    if name.schema:
        wanted = f"{name.schema}.{name.name}"
        return tuple(r for r in same if r.relation == wanted)
    temporary = tuple(r for r in same if r.relation.startswith("pg_temp_"))
    return temporary or tuple(r for r in same if r.relation.startswith("public.")) or same


def meant(name: Name, mark: CatalogMark, held: Container[int] | None) -> tuple[CatalogRelation, ...]:
    """The same, where a statement has run that must have locked what it means: ``held``, oids that were seen locked.

    So a name without a schema is the relation that the ``search_path`` of that moment found.
    """
    if held is not None and not name.schema:
        same = tuple(_among(_by_name, name.name, mark))
        if not any(r.relation.startswith("pg_temp_") for r in same):
            locked = tuple(r for r in same if r.oid in held)
            if locked:
                return locked
    return resolve(name, mark)


_Index = dict[Any, list[CatalogRelation]]


def _among(
    make: Callable[[Mapping[int, CatalogRelation]], _Index], key: object, mark: CatalogMark
) -> Iterator[CatalogRelation]:
    """What an index of the catalog has under a key."""
    relations = mark.layered
    base, changes = relations.derived(make)
    for relation in base.get(key, ()):
        if not relations.is_changed(relation.oid):
            yield relation
    yield from changes.get(key, ())


def _by_name(relations: Mapping[int, CatalogRelation]) -> _Index:
    found: _Index = defaultdict(list)
    for relation in relations.values():
        found[relation.relation.split(".", 1)[-1]].append(relation)
    return found


def _by_kind(relations: Mapping[int, CatalogRelation]) -> _Index:
    found: _Index = defaultdict(list)
    for relation in relations.values():
        found[relation.kind].append(relation)
    return found


def _by_parent(relations: Mapping[int, CatalogRelation]) -> _Index:
    found: _Index = defaultdict(list)
    for relation in relations.values():
        for parent in _parents(relation):
            found[parent].append(relation)
    return found


def of_kind(kind: str, mark: CatalogMark) -> Iterator[CatalogRelation]:
    """The relations of one kind, as ``pg_class.relkind`` has it."""
    return _among(_by_kind, kind, mark)


def owner(relation: CatalogRelation, mark: CatalogMark) -> CatalogRelation:
    """The very table of an index or a TOAST table (it may be a partition); any other relation itself."""
    seen = {relation.oid}
    while relation.kind in (*INDEX_KINDS, "t"):
        above = mark.relations.get(relation.owner_oid or relation.table_oid)
        if above is None or above.oid in seen:
            break
        seen.add(above.oid)
        relation = above
    return relation


def ancestors(relation: CatalogRelation, mark: CatalogMark) -> Iterator[CatalogRelation]:
    """The tables of which it is a partition or an heir, nearest first."""
    seen = {relation.oid}
    waiting = list(_parents(relation))
    while waiting:
        oid = waiting.pop(0)
        above = mark.relations.get(oid)
        if above is not None and oid not in seen:
            seen.add(oid)
            yield above
            waiting.extend(_parents(above))


def descendants(oid: int, mark: CatalogMark) -> tuple[CatalogRelation, ...]:
    """Its partitions and heirs, theirs included."""
    found: dict[int, CatalogRelation] = {}
    waiting = [oid]
    while waiting:
        for below in _among(_by_parent, waiting.pop(0), mark):
            if below.oid != oid and below.oid not in found:
                found[below.oid] = below
                waiting.append(below.oid)
    return tuple(found.values())


def _parents(relation: CatalogRelation) -> Iterable[int]:
    if relation.parent_oids:
        return relation.parent_oids
    is_below = relation.table_oid not in {0, relation.oid} and relation.kind in ("r", "p", "f")
    return (relation.table_oid,) if is_below else ()


def oids(names: Iterable[Name], mark: CatalogMark) -> tuple[int, ...]:
    """Oids of the tables and views that the names mean; of an index, its table's."""
    found = (owner(relation, mark) for name in names for relation in resolve(name, mark))
    return tuple(dict.fromkeys(relation.oid for relation in found))


def indexes_of(oid: int, mark: CatalogMark) -> tuple[CatalogRelation, ...]:
    """The indexes of a table or a partition that have rows of their own: not those of a partitioned table."""
    return tuple(_among(_by_owner, oid, mark))


def _by_owner(relations: Mapping[int, CatalogRelation]) -> _Index:
    found: _Index = defaultdict(list)
    for relation in relations.values():
        if relation.kind == "i":
            found[relation.owner_oid or relation.table_oid].append(relation)
    return found


def differences(
    before: CatalogMark, after: CatalogMark
) -> Iterator[tuple[int, CatalogRelation | None, CatalogRelation | None]]:
    """(oid, before, after) of each relation that is not as it was; None: it is not there."""
    if before is not after:
        former, now = before.layered, after.layered
        for oid in now.differing(former):
            yield oid, former.get(oid), now.get(oid)


def built_indexes(before: CatalogMark, after: CatalogMark) -> Iterator[tuple[CatalogRelation, CatalogRelation]]:
    """Each index that was made or filled anew between two marks, with its very table; not those of TOAST tables."""
    changes = tuple(differences(before, after))
    # A column's type can change without its index being built: a new index takes over the file of the former.
    taken_over = {was.relfilenode for _, was, now in changes if was and now is None}
    for _, was, now in changes:
        if now is None or now.kind != "i" or now.relfilenode in taken_over or now.relation.startswith("pg_toast"):
            continue
        if was is None or was.relfilenode != now.relfilenode:
            yield now, owner(now, after)
