"""What the catalog knows of the tables before the script: columns, and constraints as what they demand.

Not for reading a catalog. The surprising thing: constraints are read by the parser from the statements that would make them,
one table at a time, because a script of one line must not wait for the constraints of a thousand tables.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lockage.core.catalog.objects import CatalogObject
from lockage.core.migration.demand_syntax import Added, Demand, Holds, NotNull, Refers, Unique
from lockage.core.migration.demands import effects_of
from lockage.core.migration.syntax import Name

_COLUMNS = re.compile(r'\(((?:[^()"]|"[^"]*")*)\)')
_REFERENCES = re.compile(r"^FOREIGN KEY .*? REFERENCES ([^\s(]+(?: [^\s(]+)*?)\(")


class Known:
    """Tables by their names, ``schema.name`` without quotes."""

    def __init__(self, catalog: Iterable[CatalogObject]) -> None:
        self._of: dict[str, list[CatalogObject]] = defaultdict(list)
        self._indexes: dict[str, CatalogObject] = {}
        self._referring: dict[str, list[str]] | None = None
        for one in catalog:
            if one.key.relation is not None:
                self._of[plain(one.key.relation)].append(one)
                if one.key.kind == "index":
                    self._indexes[plain(one.key.name).split(".", 1)[-1]] = one
        self._constraints: dict[str, tuple[Added, ...]] = {}

    def types(self, relation: str) -> Mapping[str, str]:
        """Its columns in the order of their names, with their types; empty where it is not known."""
        return {
            plain(one.key.name): re.sub(r" COLLATE .*$", "", one.traits.get("type", "text"))
            for one in self._of.get(relation, ())
            if one.key.kind == "column"
        }

    def default(self, relation: str, column: str) -> str | None:
        """The default of a column as SQL; "" where it has none, None where nobody knows what it will be."""
        for one in self._of.get(relation, ()):
            if one.key.kind == "column" and plain(one.key.name) == column:
                if "identity" in one.traits or "generated" in one.traits:
                    return None
                return one.traits.get("default", "")
        return None

    def not_null(self, relation: str) -> frozenset[str]:
        """Its columns that are NOT NULL."""
        return frozenset(
            plain(one.key.name)
            for one in self._of.get(relation, ())
            if one.key.kind == "column" and one.traits.get("nullability") == "not null"
        )

    def constraints(self, relation: str) -> tuple[Added, ...]:
        """What its constraints and unique indexes demand, each by its name, NOT NULL among them without one."""
        found = self._constraints.get(relation)
        if found is None:
            found = self._constraints[relation] = tuple(self._read(relation))
        return found

    def partition_key(self, relation: str) -> str:
        """As PostgreSQL prints it: ``RANGE (created_at)``; empty where it is not partitioned."""
        return next((one.traits.get("partitioned by", "") for one in self._of.get(relation, ()) if one.key.kind == "table"), "")

    def primary_key(self, relation: str) -> tuple[str, ...]:
        """Columns of the primary key."""
        for one in self._of.get(relation, ()):
            definition = one.traits.get("definition", "")
            if one.key.kind == "constraint" and definition.startswith("PRIMARY KEY"):
                return columns_in(definition)
        return ()

    def index_columns(self, index: str) -> tuple[str, ...]:
        """Columns of an index."""
        found = self._indexes.get(index)
        return columns_in(found.definition) if found is not None else ()

    def referring(self, relation: str) -> tuple[str, ...]:
        """Tables with foreign keys to it."""
        if self._referring is None:
            self._referring = defaultdict(list)
            for name, objects in self._of.items():
                for one in objects:
                    found = _REFERENCES.search(one.traits.get("definition", ""))
                    if one.key.kind == "constraint" and found is not None:
                        self._referring[plain(found[1])].append(name)
        return tuple(dict.fromkeys(self._referring.get(relation, ())))

    def of_type(self, domain: str) -> tuple[tuple[str, str], ...]:
        """(table, column) of all columns of a type."""
        names = {domain, f"public.{domain}", domain.removeprefix("public.")}
        return tuple(
            (relation, plain(one.key.name))
            for relation, objects in self._of.items()
            for one in objects
            if one.key.kind == "column" and plain(one.traits.get("type", "")) in names
        )

    def _read(self, relation: str) -> Iterable[Added]:
        schema, _, name = relation.partition(".")
        here = Name(schema=schema, name=name)
        for column in sorted(self.not_null(relation)):
            yield Added(name="", demands=(NotNull(relation=here, column=column),))
        for one in self._of.get(relation, ()):
            if one.key.kind == "constraint" or (one.key.kind == "index" and "unique" in one.traits):
                for effect in effects_of(one.definition):
                    if isinstance(effect, Added):
                        own = plain(one.key.name).split(".", 1)[-1] if one.key.kind == "index" else plain(one.key.name)
                        demands = tuple(d for d in effect.demands if not isinstance(d, NotNull))
                        yield replace(effect, name=own, demands=demands, later=one.traits.get("validity") == "not validated")


def plain(name: str) -> str:
    """A name without its quotes."""
    return name.replace('"', "")


def columns_in(definition: str) -> tuple[str, ...]:
    """Columns in the first parentheses of a definition."""
    found = _COLUMNS.search(definition)
    return tuple(plain(part.strip()).split(" ")[0] for part in found[1].split(",")) if found else ()


def columns_of(demand: Demand) -> frozenset[str]:
    """The columns of its own table that a constraint looks at."""
    match demand:
        case NotNull():
            return frozenset({demand.column})
        case Holds():
            return frozenset(demand.condition.columns)
        case Unique():
            named = frozenset(name for key in demand.keys for name in key.columns)
            return named | frozenset(demand.where.columns if demand.where else ())
        case Refers():
            return frozenset(demand.columns)
        case _:
            return frozenset()
