"""Alive and doing nothing: said only where silence was really seen."""

from __future__ import annotations

from typing import Any

import pytest

from lockage.core.diagnosis.families.hung import RULES
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import OwnedSession, Session, Usage
from support.cases import (
    OLD_SET,
    blind,
    case,
    codes,
    container,
    findings,
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
    sources,
)

NEW, OLD = names()[0], names(of=OLD_SET)[0]
OLDS = session(1, query="SELECT 1", statement_age_s=1.0)


def alive(*sessions: OwnedSession, for_s: float = 300.0, earlier: tuple[Session, ...] | None = None, **platform: Any) -> Case:
    now = (OLDS, *(one.session for one in sessions))
    starting = pod(NEW, ready=False, containers=(container(ready=False, state=running(for_s=for_s)),))
    return case(
        platform={"details": (starting, old_pod(OLD)), "logs": (), **platform},
        database={
            "looks": looks(*(earlier if earlier is not None else now), later=now),
            "owned": (owned(OLDS, OLD), *sessions),
        },
    )


def test_a_replica_without_any_session_hangs_perhaps() -> None:
    (found,) = findings(alive(), RULES)
    assert found.code == "F056"
    assert "it has no session there" in found.cause
    assert found.confidence < 0.7
    assert found.about == (f"pod {NEW}",)


def test_a_replica_whose_sessions_do_nothing_hangs_perhaps() -> None:
    (found,) = findings(alive(owned(session(2), NEW)), RULES)
    assert "1 session there do nothing" in found.cause


def test_a_client_that_sends_nothing_is_told_by_how_long() -> None:
    def idle(seconds: float) -> Case:
        one = migrating_session(
            state="idle in transaction", wait_event_type="Client", wait_event="ClientRead", state_age_s=seconds
        )
        return alive(owned(one, NEW))

    sure = {seconds: findings(idle(seconds), RULES)[0].confidence for seconds in (20.0, 90.0, 600.0)}
    assert sure[20.0] < sure[90.0] < sure[600.0]
    assert codes(idle(600.0), RULES) == {"F057"}


def test_a_replica_that_computes_between_two_statements_is_less_suspect() -> None:
    one = migrating_session(state="idle in transaction", wait_event_type="Client", wait_event="ClientRead", state_age_s=90.0)
    usage = (Usage(replica=NEW, memory_bytes=None, memory_limit_bytes=None, cpu_cores=0.9, cpu_limit_cores=None),)
    (quiet,), (busy,) = findings(alive(owned(one, NEW)), RULES), findings(alive(owned(one, NEW), usage=usage), RULES)
    assert busy.confidence < quiet.confidence


@pytest.mark.parametrize(
    "seen",
    [
        case(),
        alive(for_s=20.0),
        alive(owned(migrating_session(), NEW)),
        alive(owned(session(2, query="SELECT 2"), NEW), earlier=(OLDS, session(2, query="SELECT 1"))),
        alive(owned(session(2, state="active", wait_event_type="Lock", wait_event="advisory", blocked_by=(3,)), NEW)),
        alive(owned(migrating_session(state="idle in transaction", wait_event_type="Client", state_age_s=2.0), NEW)),
        alive(logs=(log(log_line("ERROR: cannot reach licence server: pq: connection refused", at=5, level="error")),)),
    ],
    ids=[
        "healthy",
        "just started",
        "migrates",
        "asks something now and then",
        "waits its turn",
        "between two statements",
        "complains",
    ],
)
def test_what_does_something_does_not_hang(seen: Case) -> None:
    assert not codes(seen, RULES)


@pytest.mark.parametrize("source", sources())
def test_silence_that_was_not_seen_is_none(source: str) -> None:
    found = codes(blind(alive(), source), RULES)
    needed = {"database.looks", "database.owned", "platform.replicas", "platform.workload"}
    assert found == (set() if source in needed else {"F056"})
