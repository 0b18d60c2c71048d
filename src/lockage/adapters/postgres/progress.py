"""How much each busy backend has done, to tell working from hanging by two looks apart.

Not for forecasting the end. The surprising thing: what a backend itself has written or read is not published while its
statement runs, so beside the progress views there are only counters of the whole server and database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.session import load_sql
from lockage.core.facts import Work


def read_work(connection: psycopg.Connection[Any], *, busy: Sequence[int]) -> tuple[Work, ...]:
    """Work of every backend that a progress view names, and of those in ``busy``."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load_sql("select_work")).fetchall()
    by_pid = {row["pid"]: row for row in rows if row["pid"] is not None}
    counters = rows[0]
    return tuple(
        Work(
            pid=pid,
            command=by_pid[pid]["command"] if pid in by_pid else None,
            phase=by_pid[pid]["phase"] if pid in by_pid else None,
            done_ratio=_ratio(by_pid[pid]["done_ratio"]) if pid in by_pid else None,
            relation=by_pid[pid]["relation"] if pid in by_pid else None,
            wal_lsn_bytes=counters["wal_lsn_bytes"],
            blocks=counters["blocks"],
        )
        for pid in sorted({*by_pid, *busy})
    )


def _ratio(value: float | None) -> float | None:
    # A table that grows while it is vacuumed or indexed passes its first total.
    return None if value is None else min(value, 1.0)
