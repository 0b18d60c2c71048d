"""What a server shows of backups: its archiver, its replication slots, and who receives its WAL.

Not for making or trying one. The surprising thing: none of it needs a privilege, and none of it proves anything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC

from psycopg.rows import dict_row

from lockage.adapters.postgres.session import foreign_errors, load_sql, reading_session
from lockage.core.recovery.restore_points import Archiver, RestorePoints, of_database
from lockage.settings import Watching


def read_restore_points(url: str, *, watching: Watching, password: Callable[[], str] | None = None) -> RestorePoints:
    """What is seen now. Raises as ``connect`` and ``foreign_errors`` do."""
    with (
        closing(reading_session(url, what="restore-points", watching=watching, password=password)) as session,
        foreign_errors("looking for restore points"),
    ):
        session.execute("set timezone = 'UTC'")
        row = session.cursor(row_factory=dict_row).execute(load_sql("select_archiver")).fetchone() or {}
        slots = session.execute(load_sql("select_slots")).fetchall()
        receivers = session.execute(load_sql("select_wal_receivers")).fetchall()
    last, failed = row.get("last_archived_time"), row.get("last_failed_time")
    archiver = Archiver(
        archive_mode=str(row.get("archive_mode", "off")),
        last_archived_wal=row.get("last_archived_wal"),
        last_archived_time=last.astimezone(UTC) if last is not None else None,
        last_failed_time=failed.astimezone(UTC) if failed is not None else None,
        failed_count=int(row.get("failed_count") or 0),
    )
    return of_database(archiver, slots=[(str(s[0]), bool(s[2])) for s in slots], receivers=[str(r[0]) for r in receivers])
