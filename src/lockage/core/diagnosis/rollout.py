"""The rollout under way: since when, to which release, which replicas are in trouble, and what they complained of meanwhile.

For rules that read what was logged. Not for who migrates (``migrator``). The surprising thing: an error in a log is no cause
by itself. It counts when a replica is in trouble and it was said since the rollout began; what happened before, or to a healthy
replica, explains nothing.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.server_entries import ServerEntry, server_entries
from lockage.core.diagnosis.voices import Voice, voices
from lockage.core.facts import Replica, ReplicaPhase

RECENT_S = 600.0
"""How long ago a replica that is ready again may have ended and still be in trouble.

Source: Kubernetes documentation v1.33, Pod Lifecycle: the back-off is reset after ten minutes without a restart.
"""

LOOK_BACK_S = 3600.0
"""What counts where nobody can say when the rollout began: the longest upgrade that was reported took about an hour."""

SKEW_S = 5.0
"""How far clocks of nodes, replicas and the database may differ."""

_CHANGES = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:begin\s*;\s*)?"
    r"(?:alter|create|drop|reindex|truncate|comment|grant|revoke|cluster)\b",
    re.IGNORECASE | re.DOTALL,
)


def changes_schema(statement: str) -> bool:
    """Whether a statement changes a schema, by its first word: a sign, and no proof."""
    return _CHANGES.match(statement) is not None


def target(case: Case) -> str:
    """The release that is asked for; "" where it was not seen."""
    workload = case.evidence.platform.workload
    return workload.release if workload is not None else ""


def since(case: Case) -> datetime:
    """When the rollout under way, or the last one, began: as its newest revision tells, else its oldest replica of that."""
    platform = case.evidence.platform
    newest = max(platform.revisions or (), key=lambda revision: revision.number, default=None)
    if newest is not None and newest.created_at is not None:
        # A revision that was there before, and is rolled out again, is as old as at its first time.
        first = [r.created_at for r in platform.replicas or () if r.revision == newest.number]
        began = max(newest.created_at, min(first)) if first else newest.created_at
    else:
        number = max((r.revision for r in platform.replicas or ()), default=None)
        made = [r.created_at for r in platform.replicas or () if r.revision == number]
        began = min(made) if made else case.evidence.at - timedelta(seconds=LOOK_BACK_S)
    return began - timedelta(seconds=SKEW_S)


def newest_replicas(case: Case) -> tuple[Replica, ...]:
    """The replicas of the release that is asked for, ending ones left out."""
    release = target(case)
    return tuple(
        r for r in case.evidence.platform.replicas or () if r.phase is not ReplicaPhase.TERMINATING and r.release == release
    )


def starting(case: Case) -> tuple[Replica, ...]:
    """Replicas of the release that is asked for whose process runs and that are not ready: one of them may migrate."""
    return tuple(r for r in newest_replicas(case) if not r.ready)


def troubled(case: Case) -> tuple[str, ...] | None:
    """Names of replicas that are not ready, or ended lately; None where replicas were not seen."""
    replicas = case.evidence.platform.replicas
    if replicas is None:
        return None
    return tuple(r.name for r in replicas if r.phase is not ReplicaPhase.TERMINATING and _in_trouble(r, case.evidence.at))


def _in_trouble(replica: Replica, at: datetime) -> bool:
    if not replica.ready:
        return True
    ended = replica.last_exit
    return replica.restarts > 0 and ended is not None and (at - ended.at).total_seconds() < RECENT_S


def failed(case: Case, *sqlstates: str) -> tuple[Voice, ...]:
    """Replicas in trouble that complain of these SQLSTATEs: while they migrate, or as replicas of the release asked for."""
    newest = {r.name for r in newest_replicas(case)}
    known = case.evidence.platform.replicas is not None and bool(target(case))
    return tuple(
        voice
        for voice in voices(case)
        if voice.complaint.sqlstate in sqlstates and (voice.migrates or not known or voice.detail.name in newest)
    )


def logged(case: Case, *sqlstates: str) -> tuple[ServerEntry, ...]:
    """Entries of PostgreSQL's own log with these SQLSTATEs since the rollout began, oldest first; all where none is given."""
    began = since(case)
    database = case.evidence.database.server.database if case.evidence.database.server is not None else None
    return tuple(
        entry
        for entry in server_entries(case.evidence.database.server_log or ())
        if (not sqlstates or entry.sqlstate in sqlstates)
        and (entry.at is None or entry.at >= began)
        and (entry.database is None or database is None or entry.database == database)
        and not entry.application_name.startswith("lockage/")
    )


def of_migration(case: Case, entry: ServerEntry) -> bool:
    """Whether an entry of PostgreSQL's log is about a statement of a migration, by its text."""
    statement = entry.statement.strip()
    if not statement:
        return False
    return changes_schema(statement) or any(statement[:200] in migration.text for migration in case.script)


def logged_of_migration(case: Case, *sqlstates: str) -> tuple[ServerEntry, ...]:
    """Errors in PostgreSQL's log that ended a migration's statement since the rollout began, while replicas are in trouble."""
    if troubled(case) == ():
        return ()
    return tuple(e for e in logged(case, *sqlstates) if e.failed and of_migration(case, e))


def written(entry: ServerEntry) -> Exhibit:
    """An entry of PostgreSQL's log as a line of evidence."""
    parts = (entry.message, entry.detail, f"STATEMENT: {' '.join(entry.statement.split())[:120]}" if entry.statement else "")
    at = f"{entry.at:%H:%M:%S} UTC " if entry.at is not None else ""
    pid = f"[{entry.pid}] " if entry.pid is not None else ""
    return Exhibit(source="PostgreSQL's log", text=" ".join((at + pid + " ".join(p for p in parts if p)).split())[:400])


def role(case: Case) -> str | None:
    """The application's role, where it is known."""
    database = case.evidence.database
    if database.privileges is not None:
        return database.privileges.role
    return database.limits.role if database.limits is not None else None
