"""PostgreSQL's eight table lock modes: which conflict, and which of a user's statements wait for each.

Not for row locks, which no table lock mode shows. The surprising thing: nothing but ``AccessExclusiveLock`` stops a plain
SELECT, so many frightening names block nobody who reads.

Source: PostgreSQL 18 manual, 13.3.1 "Table-Level Locks", table 13.2 "Conflicting Lock Modes".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lockage.core.forecast.assess import Blocks

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""From weakest to strongest, as ``pg_locks.mode`` prints them."""

# One row a mode, in the order of MODES: "x" where the two conflict. Source: table 13.2.
_TABLE = (
    ".......x",
    "......xx",
    "....xxxx",
    "...xxxxx",
    "..xx.xxx",
    "..xxxxxx",
    ".xxxxxxx",
    "xxxxxxxx",
)

CONFLICTS: Mapping[str, frozenset[str]] = {
    mode: frozenset(other for other, mark in zip(MODES, row, strict=True) if mark == "x")
    for mode, row in zip(MODES, _TABLE, strict=True)
}
"""Each mode with those that wait for it."""

SELECT_TAKES = "AccessShareLock"
SELECT_FOR_UPDATE_TAKES = "RowShareLock"  # and every look of a foreign key into the other table
WRITE_TAKES = "RowExclusiveLock"  # INSERT, UPDATE, DELETE, MERGE, and nextval on a sequence

_BADNESS = {blocks: rank for rank, blocks in enumerate(reversed(Blocks))}


def conflict(one: str, other: str) -> bool:
    """Whether two modes cannot be held on one relation by two sessions at once."""
    return other in CONFLICTS[one]


def blocks_of(mode: str) -> Blocks:
    """Who waits while a relation is held in this mode: readers, writers or nobody."""
    if conflict(mode, SELECT_TAKES):
        return Blocks.READS
    return Blocks.WRITES if conflict(mode, WRITE_TAKES) else Blocks.NONE


def badness(blocks: Blocks) -> int:
    """0 for none, more for worse."""
    return _BADNESS[blocks]


def worst(many: Iterable[Blocks]) -> Blocks:
    """The worst among them; none of nothing."""
    return max(many, key=badness, default=Blocks.NONE)
