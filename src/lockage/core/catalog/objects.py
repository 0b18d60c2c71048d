"""What a catalog holds, as plain records: tables, columns, indexes, constraints, triggers, functions, types, sequences, views.

Not for locks nor for sizes. The surprising thing: names are quoted as SQL needs them, because they go into SQL again; and what
nobody can name twice alike (the NOT NULL constraints of PostgreSQL 18, the order of columns) is not in here at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["schema", "table", "column", "index", "constraint", "trigger", "function", "enum", "sequence", "view"]

KINDS: tuple[Kind, ...] = (
    "schema",
    "enum",
    "sequence",
    "table",
    "column",
    "constraint",
    "index",
    "function",
    "view",
    "trigger",
)
"""In an order in which they can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What names one object."""

    kind: Kind
    name: str  # quoted; with its schema where it is not a part of a relation
    relation: str | None = None  # quoted schema.table that it belongs to

    def __str__(self) -> str:
        """As people read it: "column email of public.users"."""
        if self.kind in ("column", "constraint", "trigger") and self.relation:
            return f"{self.kind} {self.name} of {self.relation}"
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogObject:
    """One object with its traits (name to value as SQL prints it; missing where it has none)."""

    key: Key
    traits: Mapping[str, str] = field(default_factory=dict[str, str])
    values: tuple[str, ...] = ()  # of an enum; of a view, its columns with their types; in order
    definition: str = ""  # the statement that makes it; "" where that takes more than one object


Catalog: TypeAlias = Mapping[Key, CatalogObject]


def catalog_of(objects: Iterable[CatalogObject], *, without: str | None = None) -> Catalog:
    """The objects by their keys; ``without`` a relation (``schema.table``, unquoted) and all that belongs to it."""
    return {
        one.key: one
        for one in objects
        if without is None or (_plain(one.key.relation or "") != without and _plain(one.key.name) != without)
    }


def _plain(name: str) -> str:
    return name.replace('"', "")
