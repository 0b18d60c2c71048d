"""The forecast as people and programs get it: one record, the shape of ``lockage.forecast/1``.

Not for measuring or tracing. The surprising thing: ``high`` of a range is None when something is unknown, because unknown
means worst case and a number would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blocks(StrEnum):
    """Who is blocked on a relation, from worst to none."""

    READS = "reads"  # nobody can read or write
    WRITES = "writes"  # nobody can write
    ROWS = "rows"  # writers of the changed rows wait
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A range of seconds: 5th, 50th and 95th percentile. ``high`` None: something is unknown."""

    low: float
    likely: float
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRef:
    """One migration of the script."""

    version: int  # its number, or its place where the format's versions are no numbers
    name: str
    file: str
    label: str = ""  # the version as the migrator writes it: "1.10", "20240101_init"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The migrations that were traced, in order."""

    migrations: tuple[MigrationRef, ...]
    known: bool = True  # False: nobody knows which there are, and so nothing was traced


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTaken:
    """One lock of the script on one relation."""

    mode: str
    file: str
    line: int
    statement: str
    transaction: int  # from 1, in script order
    blocks: Blocks
    via: str | None = None  # the index, TOAST table or partition through which it reached the relation


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationForecast:
    """What the script does to users of one relation that existed before it."""

    relation: str  # schema.name, as before the script
    locks: tuple[LockTaken, ...]
    blocks: Blocks
    blocked_s: Seconds
    because: tuple[str, ...] = ()  # what makes it wait where no lock of its own does: a view's table, a foreign key, an unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One piece of work: ``rewrite``, ``scan``, ``index-build``, ``update``, ``insert``, ``delete``, ``truncate``, …"""

    kind: str
    relation: str
    file: str
    line: int
    rows: float
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something that was not seen and counts as the worst case."""

    file: str  # "" where it is no place in a file
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A statement of the running release that fails after the script."""

    query: str
    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPlace:
    """One top-level statement of the script, for a guard that wants to say "statement i of n"."""

    file: str
    line: int
    statement: str
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a script will lock, rewrite and scan, for how long whom it blocks, and which old queries break."""

    schema: str = "lockage.forecast/1"
    script: Script
    relations: tuple[RelationForecast, ...]
    operations: tuple[Operation, ...]
    unknown: tuple[Unknown, ...]
    broken: tuple[Broken, ...]
    statements_checked: int  # how many statements of the running release were executed after the script
    total_s: Seconds
    transactions: int
    assumptions: tuple[str, ...] = ()
    places: tuple[StatementPlace, ...] = ()

    @property
    def worst(self) -> Blocks:
        """The worst that any relation meets."""
        order = list(Blocks)
        return min((r.blocks for r in self.relations), key=order.index, default=Blocks.NONE)
