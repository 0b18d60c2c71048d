"""The server went away under the migration: restarted, crashed, or another one took over.

The surprising thing: nothing is lost by that, since a transaction that had not committed is rolled back whole; what fails is
the replica, which is started again and begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.log_lines import Complaint
from lockage.core.diagnosis.rollout import SKEW_S, logged, since, troubled, written
from lockage.core.diagnosis.server_entries import ServerEntry
from lockage.core.diagnosis.server_messages import Fault
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import voices
from lockage.core.plan.wording import duration

GRAIN_S = 1.0
"""How much later than it says an object of Kubernetes may be made: its times are whole seconds, rounded down."""

_TOLD = re.compile(
    r"received (?:fast|immediate|smart) shutdown request|database system was (?:interrupted|not properly shut down)|"
    r"received promote request|selected new timeline ID|terminating any other active server processes|"
    r"all server processes terminated; reinitializing"
)
"""What a server says when it goes down, comes back, or takes over. Source: PostgreSQL 18, postmaster.c, xlog.c."""

_GONE = frozenset({"57P01", "57P02", "57P03", "08006", "08003"})


def server_went_away(case: Case) -> Iterator[Finding]:
    """F058: the server restarted or failed over since the rollout began, or does so now."""
    trouble, server = case.evidence.database.trouble, case.evidence.database.server
    lost = [v for v in voices(case) if _is_lost(v.complaint)]
    told = [e for e in logged(case) if _TOLD.search(e.message)]
    # A restart just before the rollout disturbs nobody; so near to it, only a replica that lost its connection tells.
    began = since(case) + timedelta(seconds=SKEW_S if lost else SKEW_S + GRAIN_S)
    restarted = server is not None and server.started_at is not None and server.started_at > began
    restarted = restarted and (bool(lost or told) or _one_ran(case))
    now = trouble is not None and trouble.sqlstate == "57P03"
    # A backend that somebody ended says 57P01 as well: without a sign of the server itself it is that.
    by_server = restarted or bool(told) or any(v.complaint.sqlstate in {"57P02", "57P03"} for v in lost)
    if not now and (troubled(case) == () or not by_server):
        return
    evidence = [v.exhibit for v in lost[:2]] + [written(e) for e in told[-2:]]
    if trouble is not None and now:
        evidence.insert(0, Exhibit(source="the answer to a connection of our own", text=trouble.text[:300]))
    if restarted and server is not None and server.started_at is not None:
        evidence.append(Exhibit(source="pg_postmaster_start_time()", text=f"{server.started_at:%Y-%m-%d %H:%M:%S} UTC"))
    yield Finding(
        code="F058",
        cause=_cause(case, told, now=now, restarted=restarted),
        confidence=0.9 if now or (lost and (restarted or told)) else 0.75 if told or lost else 0.6,
        why="the server itself says so" if now or told or lost else "its start is younger than the rollout",
        evidence=tuple(evidence),
        next=f"wait until it takes connections (pg_isready), then: {lockage(case, 'diagnose')}"
        if now
        else lockage(case, "diagnose"),
        avoid="do not go back to the old image before the ledger was read: the migration may have been committed",
        rules_out=("F012", "F010", "F021", "F024"),
        about=tuple(dict.fromkeys(f"pod {v.detail.name}" for v in lost)),
    )


def _one_ran(case: Case) -> bool:
    """Whether a replica has had a process whose migration could have been interrupted: one without an image has not."""
    replicas = case.evidence.platform.replicas
    return replicas is None or any(r.started_at is not None or r.restarts or r.last_exit for r in replicas)


def _is_lost(complaint: Complaint) -> bool:
    return complaint.sqlstate in _GONE or complaint.fault in {Fault.LOST, Fault.REFUSED}


def _cause(case: Case, told: list[ServerEntry], *, now: bool, restarted: bool) -> str:
    server = case.evidence.database.server
    if now:
        return "the database server is starting, recovering or shutting down at this moment, and takes no connections"
    rolled = "what the migration had not committed is rolled back"
    if restarted and server is not None and server.started_at is not None:
        ago = duration(max(0.0, (case.evidence.at - server.started_at).total_seconds()))
        return f"the database server was restarted {ago} ago, after the rollout had begun; {rolled}"
    what = (
        "another server took over" if any("promote" in e.message or "timeline" in e.message for e in told) else "it went down"
    )
    return f"the database went away in the middle of the rollout ({what}); {rolled}"


RULES: tuple[Rule, ...] = (server_went_away,)
