"""How far a migration is, and whether it waits, works or hangs, from looks at the database.

Not for forecasting. The surprising thing: the ledger says nothing while a migration runs (it is changed inside the open
transaction), so position is found by the text of the running statement, and working is told from hanging by two looks apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lockage.core.facts import Activity, OwnedSession, Replica, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationText:
    """One migration as the application sends it."""

    version: int
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Migration ``index`` (from 1) of ``count``."""

    index: int
    count: int
    name: str


class Pace(StrEnum):
    """What a migration's session does."""

    WAITS = "waits"
    WORKS = "works"
    HANGS = "hangs"


def migration_session(
    owned: Sequence[OwnedSession],
    replicas: Sequence[Replica],
    *,
    advisory_lock: int | None,
    target: str,
) -> OwnedSession | None:
    """The session that migrates: the holder of the advisory lock, else the target replica's oldest open transaction.

    Without an advisory lock only a session of a target replica that is not ready yet counts, since a ready one serves.
    """
    if advisory_lock is not None:
        return next((o for o in owned if advisory_lock in o.session.advisory_locks), None)
    starting = {r.name for r in replicas if r.release == target and not r.ready}
    candidates = [o for o in owned if o.replica in starting and o.session.in_transaction]
    return max(candidates, key=lambda o: o.session.transaction_age_s or 0.0, default=None)


def position(session: Session, script: Sequence[MigrationText]) -> Position | None:
    """Which migration of the script the session's statement belongs to; None when it is none of them.

    PostgreSQL cuts the text at ``track_activity_query_size`` (1 kB by default), so a part of a migration's text decides.
    """
    query = session.query.strip()
    if not query:
        return None
    for index, migration in enumerate(script, start=1):
        if query in migration.text:
            return Position(index=index, count=len(script), name=f"{migration.version}_{migration.name}")
    return None


def pace(pid: int, earlier: Activity, later: Activity) -> Pace | None:
    """What a session did between two looks; None when it was not there in both.

    Waiting is a heavyweight lock. Working is any sign of work: an active session on the CPU or in I/O, WAL written, blocks
    touched, another statement. An active session that waits for something else while nothing moves hangs, and so does one
    that is idle in its transaction with the same last statement.
    """
    before, after = earlier.session(pid), later.session(pid)
    if before is None or after is None:
        return None
    if after.waits_for_lock:
        return Pace.WAITS
    moved = before.query != after.query or _work(pid, earlier) != _work(pid, later)
    computes = after.state == "active" and after.wait_event_type in {None, "IO", "IPC", "LWLock", "BufferPin"}
    if after.state == "active" and (moved or computes):
        return Pace.WORKS
    return Pace.WORKS if before.query != after.query else Pace.HANGS


def _work(pid: int, activity: Activity) -> tuple[object, ...]:
    return tuple((w.command, w.phase, w.done_ratio, w.wal_lsn_bytes, w.blocks) for w in activity.work if w.pid == pid)
