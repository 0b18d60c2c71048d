"""What stands in a table after some statements of a script, written as a query over the tables as they are before it.

Not for running. The surprising thing: only the columns that somebody asks for are written, so that a query over a table of
fifty columns which the script has changed twice still fits on a line.
"""

# ruff: noqa: S608 - it is what these modules are for: nothing is run here, and names are quoted

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from lockage.core.migration.demand_syntax import Expression

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")

# Source: PostgreSQL 18, src/include/parser/kwlist.h: reserved, and those that are reserved but for functions and types.
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full
    grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
    select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with values""",
    )
)


def quoted(name: str) -> str:
    """An identifier as SQL needs it."""
    return name if _PLAIN.fullmatch(name) and name not in _RESERVED else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Base:
    """A table as it is before the script."""

    sql: str


@dataclass(frozen=True, slots=True)
class Computed:
    """Columns get values, in the rows that a condition is true for; others stay."""

    below: Layer
    alias: str
    values: Mapping[str, Expression]
    types: Mapping[str, str]
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Remaining:
    """Rows that a condition is not true for; None: no rows."""

    below: Layer
    alias: str
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """A column bears another name."""

    below: Layer
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Extended:
    """More rows: ``rows`` is a query for them, as an item of FROM with the alias ``added``."""

    below: Layer
    rows: str
    given: frozenset[str]  # columns of it; NULL stands in the others
    types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """Rows of a query."""

    sql: str


Layer: TypeAlias = Base | Given | Computed | Remaining | Renamed | Extended


def layers_of(layer: Layer) -> Iterator[Layer]:
    """The layer and all below it."""
    yield layer
    while not isinstance(layer, Base | Given):
        layer = layer.below
        yield layer


def text_bytes(layer: Layer) -> int:
    """About how long the words are that the layer itself, without those below it, adds to a query."""
    match layer:
        case Base() | Given():
            return len(layer.sql)
        case Extended():
            return len(layer.rows)
        case Computed():
            return sum(len(each.sql) for each in (*layer.values.values(), *((layer.where,) if layer.where else ())))
        case Remaining():
            return len(layer.where.sql) if layer.where is not None else 0
        case Renamed():
            return 0
        case _:
            assert_never(layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One table's rows at some moment of the script."""

    relation: str  # schema.name, before the script
    layer: Layer
    types: Mapping[str, str]  # of its columns, in their order
    hidden: Mapping[str, str] = field(default_factory=dict[str, str])  # column to why nobody knows what stands in it
    empty: frozenset[str] = frozenset()  # columns that the script added, and that are NULL in every row
    full: frozenset[str] = frozenset()  # columns that are NULL in no row
    distinct: frozenset[str] = frozenset()  # columns that the script fills with another value in each row
    unknown: str | None = None  # why nobody knows its rows

    @property
    def untouched(self) -> bool:
        """Whether it is as before the script."""
        return isinstance(self.layer, Base) and self.unknown is None

    def lost(self, why: str) -> Image:
        """The same where nobody knows any more what rows there are, nor what stands in them.

        A column that comes afterwards is filled as it says, whatever rows there are.
        """
        nothing = frozenset[str]()
        return replace(self, unknown=self.unknown or why, empty=nothing, full=nothing, distinct=nothing)

    def unfollowed(self, why: str) -> Image:
        """The same where what rows there are is known, but no query says it any more."""
        return replace(self, unknown=self.unknown or why)

    def why_not(self, columns: Collection[str]) -> str | None:
        """Why these columns cannot be asked for; None: they can."""
        return self.unknown or next((self.hidden[name] for name in columns if name in self.hidden), None)

    def source(self, columns: Collection[str], *, alias: str = "") -> str:
        """An item of FROM with these columns."""
        rendered = render(self.layer, frozenset(columns) & frozenset(self.types))
        own = self.relation.split(".", 1)[-1]
        alias = alias or own
        return rendered if alias == own and not rendered.startswith("(") else f"{rendered} AS {quoted(alias)}"


def render(layer: Layer, needed: frozenset[str]) -> str:
    """A layer as an item of FROM without alias, with at least the columns that are needed."""
    match layer:
        case Base() | Given():
            return layer.sql
        case Computed():
            return _computed(layer, needed)
        case Remaining():
            below = needed | _named(layer.where)
            condition = "false" if layer.where is None else f"({layer.where.sql}) IS NOT TRUE"
            chosen = _chosen(sorted(needed), layer.alias)
            return f"(SELECT {chosen} FROM {render(layer.below, below)} AS {quoted(layer.alias)} WHERE {condition})"
        case Renamed():
            below = needed - {layer.new} | (frozenset({layer.old}) if layer.new in needed else frozenset[str]())
            chosen = ", ".join(
                f"{quoted(layer.old)} AS {quoted(name)}" if name == layer.new else quoted(name) for name in sorted(needed)
            )
            return f"(SELECT {chosen or 1} FROM {render(layer.below, below)} AS renamed)"
        case Extended():
            added = ", ".join(
                f"{quoted(name)}::{layer.types[name]}" if name in layer.given else f"NULL::{layer.types[name]}"
                for name in sorted(needed)
            )
            here = f"SELECT {_chosen(sorted(needed), 'present')} FROM {render(layer.below, needed)} AS present"
            return f"({here} UNION ALL SELECT {added or 1} FROM {layer.rows})"
        case _:
            assert_never(layer)


def _computed(layer: Computed, needed: frozenset[str]) -> str:
    if not needed & set(layer.values):
        return render(layer.below, needed)
    chosen: list[str] = []
    below = set(_named(layer.where))
    for name in sorted(needed):
        value = layer.values.get(name)
        if value is None:
            below.add(name)
            chosen.append(f"{quoted(layer.alias)}.{quoted(name)}")
            continue
        below |= _named(value)
        if layer.where is None:
            chosen.append(f"({value.sql})::{layer.types[name]} AS {quoted(name)}")
        else:
            below.add(name)
            own = f"{quoted(layer.alias)}.{quoted(name)}"
            chosen.append(f"CASE WHEN {layer.where.sql} THEN {value.sql} ELSE {own} END AS {quoted(name)}")
    columns = ", ".join(chosen) or "1"
    return f"(SELECT {columns} FROM {render(layer.below, frozenset(below))} AS {quoted(layer.alias)})"


def _chosen(names: Collection[str], alias: str) -> str:
    return ", ".join(f"{quoted(alias)}.{quoted(name)}" for name in names) or "1"


def _named(expression: Expression | None) -> frozenset[str]:
    return frozenset(expression.columns) if expression is not None else frozenset()
