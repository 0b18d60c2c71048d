"""Reads what settings and views of a live database tell of its speed, and times digests of numbers for some milliseconds.

Not for timing what is longer or reads a table (``target_samples``, ``target_scratch``), and nothing here writes. The surprising
thing: every question may go without an answer, by the server's major or the role's rights, and the rest is still worth having.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.session import load_sql
from lockage.adapters.postgres.target_samples import time_computing
from lockage.core.forecast.target_reading import ColumnDetail, IndexDetail, Sample, TableDetail, TargetReading

COMPUTED_ROWS = 20_000
"""Digests in one of the tries. Why: 4 to 10 ms, of which the start of a query is a hundredth; nobody notices them."""

SETTINGS = (
    "checkpoint_timeout",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_wal_size",
    "random_page_cost",
    "shared_buffers",
    "synchronous_commit",
    "synchronous_standby_names",
    "track_io_timing",
    "track_wal_io_timing",
    "wal_buffers",
    "wal_compression",
    "wal_level",
    "work_mem",
)
"""Settings that decide how fast a script runs."""

_UNITS = {"B": 1, "kB": 1024, "8kB": 8192, "MB": 1024**2, "16MB": 16 * 1024**2, "GB": 1024**3}


def read_target(connection: psycopg.Connection[Any]) -> TargetReading:
    """Gives the reading; ``connection`` is in autocommit mode, so that a question which fails spoils no other."""
    major = connection.info.server_version // 10_000
    rows = _rows(connection, "select_target_settings", {"names": list(SETTINGS)})
    reads = _row(connection, "select_read_times")
    syncs = _row(connection, "select_wal_times_18" if major >= 18 else "select_wal_times_14") if major >= 14 else {}
    load = _row(connection, "select_target_load")
    return TargetReading(
        major=major,
        settings={str(row["name"]): str(row["setting"]) for row in rows},
        sizes={str(row["name"]): int(row["setting"]) * _UNITS[row["unit"]] for row in rows if row["unit"] in _UNITS},
        read_block_s=_mean_s(reads.get("read_ms"), reads.get("reads")),
        reads=int(reads.get("reads", 0)),
        sync_s=_mean_s(syncs.get("sync_ms"), syncs.get("syncs")),
        syncs=int(syncs.get("syncs", 0)),
        oldest_transaction_s=float(load["oldest_s"]) if load and not load["hidden"] else None,
        active_sessions=int(load["active"]) if load else None,
        standby_s=float(load["standby_s"]) if load and load["standby_s"] is not None else None,
        tables=_tables(connection),
        compute=_compute(connection),
    )


def _compute(connection: psycopg.Connection[Any]) -> Sample | None:
    # Whatever it fails by: a limit, EXECUTE that was taken away, OpenSSL in FIPS mode, which has no md5 (an internal error).
    try:
        return time_computing(connection, rows=COMPUTED_ROWS)
    except psycopg.Error as error:
        if connection.closed or error.sqlstate is None:
            raise
        return None


def _tables(connection: psycopg.Connection[Any]) -> Mapping[str, TableDetail]:
    columns: dict[str, dict[str, ColumnDetail]] = {}
    for row in _rows(connection, "select_table_columns"):
        columns.setdefault(row["relation"], {})[row["name"]] = ColumnDetail(
            type=row["type"],
            mean_bytes=row["mean_bytes"],
            correlation=row["correlation"],
            collated=row["collated"],
            null_ratio=row["null_ratio"],
        )
    indexes: dict[str, list[IndexDetail]] = {}
    for row in _rows(connection, "select_table_indexes"):
        indexes.setdefault(row["relation"], []).append(
            IndexDetail(
                index=row["index"],
                method=row["method"],
                columns=tuple(row["columns"]),
                unique=row["is_unique"],
                partial=row["is_partial"],
                bytes=int(row["bytes"]) or None,
                share=row["share"],
            )
        )
    hits = {row["relation"]: row for row in _rows(connection, "select_table_hits")}
    return {
        relation: TableDetail(
            columns=columns.get(relation, {}),
            indexes=tuple(indexes.get(relation, ())),
            hit_ratio=hits[relation]["hit_ratio"] if relation in hits else None,
            fill_ratio=float(hits[relation]["fill_ratio"]) if relation in hits else 1.0,
        )
        for relation in columns.keys() | indexes.keys() | hits.keys()
    }


def _rows(
    connection: psycopg.Connection[Any], query: str, parameters: Mapping[str, Any] | None = None
) -> Sequence[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        try:
            return cursor.execute(load_sql(query), parameters or {}).fetchall()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
            return ()
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
            return ()


def _row(connection: psycopg.Connection[Any], query: str) -> dict[str, Any]:
    rows = _rows(connection, query)
    return rows[0] if rows else {}


def _mean_s(milliseconds: float | None, count: int | None) -> float | None:
    return milliseconds / 1000 / count if milliseconds and count else None
