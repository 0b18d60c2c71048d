"""What is known of the server and the database that a script will run on, beside schema and sizes.

Not for measuring it. The surprising thing: every field may be None, which means that it could not be seen, and never that it is
nothing: no standby is ``()``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceUse:
    """How far a sequence that fills an integer column has come."""

    relation: str  # schema.name of the column's table
    column: str
    last_value: int
    limit: int  # the largest value that both the column and the sequence can have

    @property
    def used_ratio(self) -> float:
        """1 when the next value fails."""
        return self.last_value / self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidIndex:
    """An index that no query uses: a concurrent build of it failed, and nobody builds it now."""

    index: str  # schema.name
    relation: str
    unique: bool = False
    definition: str = ""  # the statement that makes it


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """How often queries have used an index on this server, and what would take its place."""

    index: str  # schema.name; of a partitioned table, that of a partition
    scans: int  # since ``Production.uses_since``; not for keeping rows unlike, and not on replicas
    last_at: datetime | None = None  # None: never, or the server does not keep it (before 16)
    enforces: bool = False  # it keeps rows unlike, backs a constraint, or tells replicas which row is meant
    covered_by: tuple[str, ...] = ()  # schema.name of indexes whose first columns are all of its own, in its order


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """Facts of a server; None: not known."""

    free_disk_bytes: int | None = None  # of its fullest file system
    max_locks_per_transaction: int | None = None
    max_connections: int | None = None
    max_prepared_transactions: int | None = None
    max_wal_bytes: int | None = None  # max_wal_size
    slot_keep_bytes: int | None = None  # max_slot_wal_keep_size; -1: as much as a slot needs
    standbys: tuple[str, ...] | None = None  # names of those that follow it now
    slots: tuple[str, ...] | None = None  # names of its replication slots
    sequences: tuple[SequenceUse, ...] | None = None  # of columns of type smallint and integer
    invalid_indexes: tuple[InvalidIndex, ...] | None = None
    index_uses: tuple[IndexUse, ...] | None = None
    uses_since: datetime | None = None  # when it began to count them, or earlier
    seen_at: datetime | None = None  # its clock when all this was read

    @property
    def unseen(self) -> tuple[str, ...]:
        """What of it is not known, in words."""
        parts = {
            "how much disk is free": self.free_disk_bytes,
            "how many locks fit": self.max_locks_per_transaction,
            "whether replicas follow": self.standbys if self.slots is not None else None,
            "how far sequences have come": self.sequences,
            "which indexes are invalid": self.invalid_indexes,
        }
        return tuple(words for words, known in parts.items() if known is None)
