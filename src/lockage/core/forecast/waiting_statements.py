"""Which relations a statement of the application locks, in which order and how strongly, as its text and foreign keys tell.

Not for statements of a script, which are executed. The surprising thing: an order read from a text is a guess. A plan that the
server keeps locks in the order of its own table of relations, which is mostly, and not always, that of the text; so what is
built on it is called possible.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lockage.core.forecast.lock_modes import SELECT_FOR_UPDATE_TAKES, SELECT_TAKES, WRITE_TAKES
from lockage.core.forecast.trace import LOOKS_ONLY, CatalogMark, CatalogRules
from lockage.core.migration.constants import without_constants
from lockage.core.migration.shortened import shortened
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Change, ChangeKind, Name, Statement
from lockage.errors import UsageError

QUERIES = {"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "copy_stmt"}
"""What applications send over and over; the rest (BEGIN, SET) touches no relation, or is a migration of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBetween:
    """A foreign key, by names."""

    name: str
    child: str  # schema.name
    parent: str
    child_columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    on_delete: str  # pg_constraint.confdeltype
    on_update: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One relation that a statement locks."""

    relation: str  # schema.name
    mode: str
    inserts: bool = False  # it only adds rows, so that locked rows stop it nowhere
    because: str | None = None  # the foreign key that leads there; None: the statement names it


class KnownRelations:
    """The relations that names can mean."""

    def __init__(self, relations: Iterable[str]) -> None:
        self._schemas: dict[str, list[str]] = defaultdict(list)
        for relation in relations:
            self._schemas[relation.split(".", 1)[-1]].append(relation)

    def meant(self, name: Name) -> tuple[str, ...]:
        """Those that a name as written can mean; without a schema ``public`` wins, as in ``names.resolve``."""
        same = self._schemas.get(name.name, ())
        if name.schema is not None:
            return tuple(relation for relation in same if relation == f"{name.schema}.{name.name}")
        return tuple(r for r in same if r.startswith("public.")) or tuple(same)


def keys_by_name(mark: CatalogMark, rules: CatalogRules) -> tuple[KeyBetween, ...]:
    """The foreign keys of a catalog."""
    return tuple(
        KeyBetween(
            name=key.name,
            child=mark.relations[key.child_oid].relation,
            parent=mark.relations[key.parent_oid].relation,
            child_columns=key.child_columns,
            parent_columns=key.parent_columns,
            on_delete=key.on_delete,
            on_update=key.on_update,
        )
        for key in rules.foreign_keys
        if key.child_oid in mark.relations and key.parent_oid in mark.relations
    )


def touches(text: str, known: KnownRelations, keys: Sequence[KeyBetween]) -> tuple[Touch, ...]:
    """What the statement locks, in order, each relation once in its strongest mode; nothing where it does not parse."""
    try:
        statements = split_statements(text, file="statement")
    except UsageError:
        return ()  # a server's $1 can stand where the grammar has no parameter
    found: dict[str, Touch] = {}
    for statement in statements:
        if statement.node in QUERIES:
            for touch in (*_named(statement, known), *_by_keys(statement, known, keys)):
                former = found.get(touch.relation)
                if former is None or _STRENGTH[touch.mode] > _STRENGTH[former.mode]:
                    found[touch.relation] = touch
    return tuple(found.values())


def shown(text: str) -> str:
    """The statement on one line, without comments or any constant, and as short as people read it."""
    # A text that was cut at a kilobyte does not parse, and the body of a DO is one constant that the parser keeps.
    return shortened(_CONSTANT.sub("[value]", _COMMENT.sub(" ", without_constants(text))), most=120)


_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_CONSTANT = re.compile(
    r"\$(?P<tag>[A-Za-z_]?\w{0,30})\$.*?(?:\$(?P=tag)\$|\Z)|'(?:[^']|'')*(?:'|\Z)|(?<![\w$.\"])\d+(?:\.\d+)?(?!\w)", re.DOTALL
)

_STRENGTH = {SELECT_TAKES: 0, SELECT_FOR_UPDATE_TAKES: 1, WRITE_TAKES: 2}


def _named(statement: Statement, known: KnownRelations) -> Iterator[Touch]:
    changed: dict[Name, list[Change]] = defaultdict(list)
    for change in statement.changes:
        changed[change.relation].append(change)
    for name in statement.names:
        kinds = {change.kind for change in changed.get(name, ())}
        upserts = any(change.upserts for change in changed.get(name, ()))
        mode = WRITE_TAKES if kinds - {ChangeKind.LOCK} else SELECT_FOR_UPDATE_TAKES if kinds else SELECT_TAKES
        for relation in known.meant(name):
            yield Touch(relation=relation, mode=mode, inserts=kinds == {ChangeKind.INSERT} and not upserts)


def _by_keys(statement: Statement, known: KnownRelations, keys: Sequence[KeyBetween]) -> Iterator[Touch]:
    """What foreign keys look at behind the statement's own work."""
    for change in statement.changes:
        written = known.meant(change.relation)
        for key in keys:
            if key.child in written and _refers(change, key):
                yield Touch(relation=key.parent, mode=SELECT_FOR_UPDATE_TAKES, because=key.name)
            if key.parent in written and (action := _action(change, key)) is not None:
                mode = SELECT_FOR_UPDATE_TAKES if action in LOOKS_ONLY else WRITE_TAKES
                yield Touch(relation=key.child, mode=mode, because=key.name)


def _refers(change: Change, key: KeyBetween) -> bool:
    if change.kind is ChangeKind.INSERT:
        return not change.columns or bool(set(change.columns) & set(key.child_columns))
    return change.kind in {ChangeKind.UPDATE, ChangeKind.MERGE} and bool(set(change.columns) & set(key.child_columns))


def _action(change: Change, key: KeyBetween) -> str | None:
    if change.kind in {ChangeKind.DELETE, ChangeKind.MERGE}:
        return key.on_delete
    if change.kind is ChangeKind.UPDATE and set(change.columns) & set(key.parent_columns):
        return key.on_update
    return None
