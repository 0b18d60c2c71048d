"""What a target said of itself: settings, statistics of its tables, waiting times it kept, and samples that were timed there.

Not for judging (``calibration``) and not for asking (an adapter does). The surprising thing: everything here may be
missing, because a role may see little, a statistic may be switched off, and a file saved from a survey has no server behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

BLOCK_BYTES = 8192
"""One page of a table's file. Source: PostgreSQL's default BLCKSZ, which packages and the embedded server are built with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDetail:
    """One column, as the statistics know it."""

    type: str  # as format_type prints it
    mean_bytes: float | None = None  # pg_stats.avg_width; None: never analyzed, or not ours to see
    correlation: float | None = None  # of its order with the order on disk, -1 to 1
    collated: bool = False  # sorted by a collation that is neither C nor POSIX
    null_ratio: float | None = None  # pg_stats.null_frac


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDetail:
    """One index."""

    index: str  # schema.name
    method: str = "btree"  # pg_am.amname
    columns: tuple[str, ...] = ()  # of the key; "" for an expression
    unique: bool = False
    partial: bool = False
    bytes: int | None = None
    share: float | None = None  # of the table's rows that a partial one takes in, as both were last counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDetail:
    """One table beyond its size."""

    columns: Mapping[str, ColumnDetail] = field(default_factory=dict[str, ColumnDetail])
    indexes: tuple[IndexDetail, ...] = ()
    hit_ratio: float | None = None  # of its heap's pages: found in shared_buffers; None: nobody read it yet
    fill_ratio: float = 1.0  # fillfactor: how full INSERT makes a page


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """What settings, views and a short query without a table tell; bytes and seconds, whatever unit PostgreSQL prints."""

    major: int
    settings: Mapping[str, str] = field(default_factory=dict[str, str])  # as pg_settings.setting, in its base unit
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])  # settings that are bytes
    read_block_s: float | None = None  # mean of the server's reads (pg_stat_database, with track_io_timing)
    reads: int = 0  # how many that mean is over
    sync_s: float | None = None  # mean of the WAL's fsyncs (pg_stat_wal or pg_stat_io, with track_wal_io_timing)
    syncs: int = 0
    oldest_transaction_s: float | None = None  # of the other sessions' open ones; 0: none is open; None: not ours to see
    active_sessions: int | None = None
    standby_s: float | None = None  # how long a synchronous standby took to confirm; None: there is none, or it does not say
    tables: Mapping[str, TableDetail] = field(default_factory=dict[str, TableDetail])
    compute: Sample | None = None  # of some milliseconds, without a table; None: it was not timed


class SampleKind(StrEnum):
    """What was timed."""

    COMPUTE = "compute"  # md5 of numbers: no table, no page
    SORT = "sort"  # md5 of numbers in the database's own collation
    SCAN = "scan"  # pages of a table in the order of its file
    COMMIT = "commit"  # one small change, to the end of its COMMIT
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    INDEX = "index-build"
    REWRITE = "rewrite"
    KEY = "foreign-key"  # INSERT of rows that refer to others


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One thing that was timed on the target."""

    kind: SampleKind
    seconds: float  # the shortest of its tries
    rows: float = 0.0
    row_bytes: float = 0.0
    hit_bytes: float = 0.0  # of a scan: pages that were in shared_buffers
    read_bytes: float = 0.0  # of a scan: those that were not
    indexes: tuple[IndexDetail, ...] = ()  # that were kept up meanwhile, or the one that was built
    relation: str = ""  # of a scan
