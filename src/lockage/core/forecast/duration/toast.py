"""How much work long values are, which lie beside their table in pieces of 2 kB.

Not for values that stay in their rows. The surprising thing: a rewrite copies pieces that are compressed, and tries once more,
in vain, to compress those that could not be: five times the time for the same bytes, and no statistic tells which they are.

Source of the work: PostgreSQL 18, access/heap/heaptoast.c, heap_toast_insert_or_update; access/common/toast_internals.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lockage.core.forecast.duration.cost import FREE, Cost
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Table
from lockage.core.forecast.target_reading import ColumnDetail

PIECE_BYTES = 2000.0
"""Source: access/heaptoast.h, TOAST_MAX_CHUNK_SIZE: 1996."""

_LONG = ("text", "json", "jsonb", "bytea", "xml", "tsvector", "character varying")


class Ends(NamedTuple):
    """At least, likely, at most."""

    least: float
    likely: float
    most: float


NONE = Ends(0.0, 0.0, 0.0)
ANY = Ends(0.0, 0.5, 1.0)
"""Where nobody tells which columns are meant."""


def written_ratio(table: Table, columns: Sequence[str], details: Mapping[str, ColumnDetail]) -> Ends:
    """Share of the table's long values that these of its columns hold; () means all of them."""
    if table.toast_bytes <= 0:
        return NONE
    long = [name for name, detail in details.items() if detail.type.startswith(_LONG) or detail.type.endswith("[]")]
    named = [name for name in long if name in columns]
    if not columns or not long or len(named) == len(long):
        return Ends(1.0, 1.0, 1.0)
    return Ends(0.0, len(named) / len(long), 1.0) if named else NONE


def again(work: Work = WORK) -> Ends:
    """Seconds a byte of trying to compress what is copied."""
    return Ends(0.0, work.toast_again_byte_s, work.toast_new_byte_s * 2)


def putting(bytes_: float, byte_s: float = WORK.toast_new_byte_s, *, work: Work = WORK) -> Cost:
    """Long values compressed at so many seconds a byte and cut into pieces, each with an entry in the index of the pieces."""
    return Cost(cpu_s=bytes_ / PIECE_BYTES * work.toast_chunk_s + bytes_ * byte_s, wal_bytes=bytes_ * 1.05)


def removing(bytes_: float, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """Long values that go with their rows."""
    if bytes_ <= 0:
        return FREE
    pieces = bytes_ / PIECE_BYTES
    return Cost(cpu_s=pieces * work.toast_drop_s, wal_bytes=pieces * 60.0 + (bytes_ if speeds.page_images else 0.0))
