"""What a shadow's planner is to believe of tables once a script has changed them: rows, file, columns.

Not for production's own statistics, which come with the dump. The surprising thing: a column's share of NULLs is told as a
change of what the planner believes already, because nobody here knows the share that production's statistics have.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnBelief:
    """One column: its share of NULLs becomes ``scale`` times what it was, plus ``shift``."""

    name: str
    scale: float
    shift: float
    anew: bool = False  # every row has another value now, so the known values and their distribution are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBelief:
    """One table, partition or materialised view."""

    oid: int
    relation: str  # schema.name
    relfilenode: int  # 0: it has no file
    rows: float
    bytes: int  # of its live rows and the room between them
    columns: tuple[ColumnBelief, ...] = ()  # in the order in which they changed
