"""The rollout under way: since when, to which release, which replicas are in trouble, and what they complained of meanwhile.

For rules that read complaints. Not for who migrates (``migrator``). The surprising thing: an error in a log is no cause by
itself. It counts when a replica that is in trouble now said it since the rollout began; what a healthy replica logs, or what
happened before, explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.log_lines import Complaint, complaints
from lockage.core.diagnosis.server_entries import ServerEntry, server_entries
from lockage.core.facts import Replica, ReplicaPhase

RECENT_S = 600.0
"""How long ago a replica that is ready again may have ended and still be in trouble.

Source: Kubernetes documentation v1.33, Pod Lifecycle: the back-off is reset after ten minutes without a restart.
"""

LOOK_BACK_S = 3600.0
"""What counts where nobody can say when the rollout began: the longest upgrade that was reported took about an hour."""

SKEW_S = 5.0
"""How far clocks of nodes, replicas and the database may differ."""


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


def complained(case: Case, *sqlstates: str) -> tuple[Complaint, ...]:
    """What replicas in trouble complained of with these SQLSTATEs since the rollout began; the newest of each replica."""
    names = troubled(case)
    began = since(case)
    newest: dict[tuple[str, str | None], Complaint] = {}
    for complaint in complaints(case.evidence.platform.logs):
        if complaint.sqlstate not in sqlstates or (names is not None and complaint.replica not in names):
            continue
        if complaint.at is None or complaint.at >= began:
            newest[complaint.replica, complaint.sqlstate] = complaint
    return tuple(newest.values())


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


def said(complaint: Complaint) -> Exhibit:
    """A complaint as a line of evidence."""
    source = f"log of {complaint.replica}{', previous' if complaint.previous else ''}"
    return Exhibit(source=source, text=" ".join(complaint.raw.split())[:300])


def written(entry: ServerEntry) -> Exhibit:
    """An entry of PostgreSQL's log as a line of evidence."""
    parts = (entry.message, entry.detail, f"STATEMENT: {' '.join(entry.statement.split())[:120]}" if entry.statement else "")
    at = f"{entry.at:%H:%M:%S} UTC " if entry.at is not None else ""
    pid = f"[{entry.pid}] " if entry.pid is not None else ""
    return Exhibit(source="PostgreSQL's log", text=(at + pid + " ".join(p for p in parts if p))[:400])


def pods(case: Case, found: tuple[Complaint, ...]) -> Iterator[str]:
    """``about`` keys of the replicas that complained."""
    known = {r.name for r in case.evidence.platform.replicas or ()}
    return (f"pod {name}" for name in dict.fromkeys(c.replica for c in found) if name in known or not known)
