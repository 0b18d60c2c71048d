"""The chain of a naive upgrade: one night, as the platform and the database show it, and what follows from what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import LogText, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Diagnosis
from lockage.core.diagnosis.rules import RULES
from lockage.core.facts import Session
from lockage.interfaces.causes import causes
from support.cases import (
    OLD_SET,
    ago,
    being_migrated,
    blind,
    case,
    container,
    crashing,
    ended,
    event,
    log,
    log_line,
    looks,
    migrating_session,
    names,
    old_pod,
    owned,
    pod,
    running,
    session,
)

FIRST, SECOND, THIRD = names()
ORPHAN = migrating_session(
    4711,
    application_name=f"app/{FIRST}",
    client_address="10.1.0.9",
    backend_start=ago(160),
    transaction_age_s=158.0,
    statement_age_s=30.0,
)
"""Of the first process of the first pod, which its liveness probe killed 140 s ago."""


def queued(pid: int, replica: str, *, since_s: float) -> Session:
    """A replica's session that waits for the migration lock of the orphan."""
    return session(
        pid,
        application_name=f"app/{replica}",
        backend_start=ago(since_s + 1),
        state="active",
        wait_event_type="Lock",
        wait_event="advisory",
        query="SELECT pg_advisory_xact_lock($1)",
        blocked_by=(4711,),
        transaction_age_s=since_s,
        statement_age_s=since_s,
    )


def naive_upgrade(*, later: tuple[ReplicaDetail, ...] = (), logs: tuple[LogText, ...] = ()) -> Case:
    """The first pod was killed in mid-migration; it and the second one wait for what its first process left behind."""
    killed = container(ready=False, restarts=1, state=running(for_s=100), last=ended(137, at=110.0, after_s=56.0))
    first = pod(FIRST, ready=False, created_at=ago(200), containers=(killed,))
    second = pod(SECOND, ready=False, created_at=ago(200), containers=(container(ready=False, state=running(for_s=15)),))
    waits = (queued(4800, FIRST, since_s=98.0), queued(4801, SECOND, since_s=14.0))
    text = 'Liveness probe failed: Get "http://10.1.0.7:8080/healthz": context deadline exceeded'
    return case(
        platform={
            "details": (first, second, *later, *(old_pod(name) for name in names(2, of=OLD_SET))),
            "logs": logs,
            "events": (
                event("Unhealthy", text, at=142, subject=f"Pod/{FIRST}"),
                event("Killing", "Container app failed liveness probe, will be restarted", at=140, kind="Normal"),
            ),
        },
        database={
            "ledger": being_migrated(4711),
            "ledger_rows": None,
            "looks": looks(ORPHAN, *waits),
            "owned": (owned(ORPHAN, orphan=True), owned(waits[0], FIRST), owned(waits[1], SECOND)),
        },
    )


def told(seen: Case) -> Diagnosis:
    diagnosis = diagnose(seen, causes=causes(), rules=RULES)
    assert not [one for one in diagnosis.missing if one.source.startswith("rule ")]
    return diagnosis


def test_the_kill_is_the_cause_and_the_orphan_that_others_wait_for_follows_from_it() -> None:
    diagnosis = told(naive_upgrade())
    assert [(one.code, one.because) for one in diagnosis.findings] == [("F001", None), ("F043", "F001")]
    kill, orphan = diagnosis.findings
    assert "killed by its liveness probe" in kill.cause
    assert "kill budget is 26 s" in kill.cause
    assert "4711" in orphan.cause
    assert "behind it 2 sessions of replicas wait" in orphan.cause
    assert not diagnosis.healthy
    assert diagnosis.migrating is not None


def test_a_pod_that_gave_up_waiting_and_its_back_off_follow_from_the_orphan() -> None:
    third = pod(THIRD, ready=False, created_at=ago(200), containers=(crashing(ended(1, at=20.0, after_s=15.0)),))
    words = log_line("error: migrate up: timeout: can't acquire database lock", at=20)
    diagnosis = told(naive_upgrade(later=(third,), logs=(log(words, replica=THIRD, previous=True),)))
    assert [(one.code, one.because) for one in diagnosis.findings] == [
        ("F001", None),
        ("F043", "F001"),
        ("F010", "F043"),
        ("F011", "F010"),
    ]


@pytest.mark.parametrize(
    "source", ["platform.events", "platform.logs", "platform.revisions", "platform.nodes", "database.server_log"]
)
def test_one_source_less_loses_neither_the_orphan_nor_the_calm(source: str) -> None:
    codes = [one.code for one in told(blind(naive_upgrade(), source)).findings]
    assert "F043" in codes
    assert "F000" not in codes


def test_without_the_database_the_kill_is_still_named() -> None:
    seen = naive_upgrade()
    blindly = replace(seen, evidence=replace(seen.evidence, database=type(seen.evidence.database)()))
    assert told(blindly).findings[0].code in {"F001", "F003"}, "whether it migrated only the database tells"


def test_no_advice_ends_what_would_end_by_itself_nor_touches_the_deployment() -> None:
    for finding in told(naive_upgrade()).findings:
        for danger in ("delete pod", "rollout restart", "replicas=0", "pg_terminate_backend"):
            assert danger not in finding.next
    assert "do not edit the Deployment" in (told(naive_upgrade()).findings[0].avoid or "")
