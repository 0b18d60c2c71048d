"""The server and the sizes of its relations, read from the catalog and the statistics.

Not for what happens now (``activity``). The surprising thing: there is no one count of a table's rows. ``reltuples`` is as old
as the last VACUUM, ANALYZE or index build; ``n_live_tup`` counts on from there with every commit, but begins at nothing when
the statistics are lost, as by a crash. ``live_rows`` says which to believe.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.session import load_sql
from lockage.core.facts import DatabaseServer, Relation

SETTINGS_THAT_MATTER = (
    "autovacuum",
    "checkpoint_timeout",
    "client_connection_check_interval",  # 0: a killed migrator's backend lives on
    "deadlock_timeout",
    "default_transaction_isolation",
    "hot_standby_feedback",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "maintenance_work_mem",
    "max_connections",
    "max_locks_per_transaction",
    "max_parallel_maintenance_workers",
    "max_wal_size",
    "reserved_connections",
    "shared_buffers",
    "statement_timeout",
    "superuser_reserved_connections",
    "synchronous_commit",
    "synchronous_standby_names",  # a commit may wait for a standby
    "tcp_keepalives_idle",
    "track_activities",
    "track_activity_query_size",
    "track_counts",
    "transaction_timeout",
    "wal_level",
    "work_mem",
)
"""Settings that decide how long a migration takes, what ends it, and who gets in beside it."""


ALIGNMENT_BYTES = 4
"""What a row in ``select_relations.sql`` has for its alignment, on the average; some rows need none."""


def read_server(connection: psycopg.Connection[Any]) -> DatabaseServer:
    """The server, its settings and our privileges."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(load_sql("select_server")).fetchone()
        settings = cursor.execute(load_sql("select_settings"), {"names": list(SETTINGS_THAT_MATTER)}).fetchall()
        extensions = cursor.execute(load_sql("select_extensions")).fetchall()
    assert row is not None, "a role that is connected is in pg_roles"
    by_name = {str(s["name"]): str(s["value"]) for s in settings}
    times = {key: row[key].astimezone(UTC) for key in ("started_at", "recovered_at") if row[key] is not None}
    return DatabaseServer(
        **{**row, **times},
        max_connections=int(by_name["max_connections"]),
        settings=by_name,
        extensions={str(e["name"]): str(e["version"]) for e in extensions},
    )


def read_relations(connection: psycopg.Connection[Any], *, by_catalog: bool = False) -> tuple[Relation, ...]:
    """Sizes of all user relations; those that somebody locks against all, or all ``by_catalog``, as the catalog last knew."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load_sql("select_relations"), {"by_catalog": by_catalog}).fetchall()
    return tuple(_relation(row) for row in rows)


def live_rows(
    *,
    kind: str,
    counted_rows: float,
    counted_bytes: int,
    live_rows: float,
    anchored: bool,
    heap_bytes: int,
    row_bytes: float = 0.0,
) -> float:
    """Live rows of a relation by the freshest source; -1 when unknown.

    ``counted_rows`` is ``reltuples`` (-1: never), ``counted_bytes`` the size it was counted at, ``live_rows`` is
    ``n_live_tup``, and ``anchored`` says whether a VACUUM or ANALYZE has set that since the statistics began. ``row_bytes``: 0
    when unknown.
    """
    if kind == "p":
        return counted_rows  # of all partitions together, from the last ANALYZE; it has no rows of its own
    if anchored:
        # Counted then, and every commit since: true after mass inserts and mass deletes alike. But a session that loads a table
        # and analyses it at once reports its rows afterwards, so that they count twice: no more are there than have room.
        grown = heap_bytes != counted_bytes or row_bytes <= ALIGNMENT_BYTES
        return live_rows if grown else min(live_rows, heap_bytes / (row_bytes - ALIGNMENT_BYTES))
    if counted_rows < 0 or (counted_rows == 0 and counted_bytes == 0 < heap_bytes):
        return live_rows if live_rows > 0 or heap_bytes == 0 else -1.0
    # Either an index build counted it, or the statistics were lost since. The larger is the safe side of a forecast.
    by_density = counted_rows / counted_bytes * heap_bytes if counted_bytes > 0 else counted_rows
    return max(by_density, live_rows)


def _relation(row: Mapping[str, Any]) -> Relation:
    return Relation(
        relation=row["relation"],
        kind=row["kind"],
        rows=live_rows(
            kind=row["kind"],
            counted_rows=row["counted_rows"],
            counted_bytes=int(row["counted_bytes"]),
            live_rows=row["live_rows"],
            anchored=row["anchored"],
            heap_bytes=int(row["heap_bytes"]),
            row_bytes=float(row["row_bytes"]),
        ),
        heap_bytes=int(row["heap_bytes"]),
        index_bytes=int(row["index_bytes"]),
        toast_bytes=int(row["toast_bytes"]),
        indexes=int(row["indexes"]),
        dead_rows=row["dead_rows"],
        row_bytes=float(row["row_bytes"]),
    )
