"""Whatever is out of sight, and however strange what is seen: no rule over the platform's evidence raises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockage.core.diagnosis.evidence import ContainerPhase, ContainerState, Trouble
from lockage.core.diagnosis.findings import Case
from lockage.core.facts import Contender, ContenderKind, Event, Usage
from support import cases as c
from support.rules import EVERY, found

REASONS = st.sampled_from(
    [
        *("Killing", "Unhealthy", "BackOff", "Failed", "FailedMount", "FailedCreate", "FailedScheduling", "Scheduled"),
        *("Evicted", "SuccessfulRescale", "ScalingReplicaSet", "SystemOOM", "NodeNotReady"),
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        "Container app failed liveness probe, will be restarted",
        "Container app failed startup probe, will be restarted",
        "Stopping container app",
        "Liveness probe failed: HTTP probe failed with statuscode: ",
        "Readiness probe failed: dial tcp: connection refused",
        f'Failed to pull image "{c.image()}": not found',
        "Error creating: exceeded quota: ",
        "Scaled down replica set app from 3 to 1",
        f"Scaled up replica set {c.SET} from 1 to 3",
        'secret "x" not found',
    ]
)
AGES = st.floats(min_value=-60, max_value=100_000)
EVENTS = st.builds(
    lambda reason, text, at, subject: c.event(reason, text, at=at, subject=subject),
    REASONS,
    TEXTS,
    AGES,
    st.sampled_from([f"Pod/{c.names()[0]}", "Pod/gone", f"ReplicaSet/{c.SET}", "Deployment/app", "Node/node-1", "nothing"]),
)
MAYBE_AGE = st.none() | AGES.map(c.ago)
STATES = st.builds(
    ContainerState,
    phase=st.sampled_from(ContainerPhase),
    reason=st.sampled_from(["", "CrashLoopBackOff", "ImagePullBackOff", "OOMKilled", "Error", "Completed", "StartError"]),
    message=st.sampled_from(["", 'secret "x" not found', "exec: no such file or directory", "couldn't find key a in Secret b"]),
    exit_code=st.none() | st.sampled_from([0, 1, 128, 137, 139, 143, -1]),
    started_at=MAYBE_AGE,
    finished_at=MAYBE_AGE,
)
CONTAINERS = st.builds(
    lambda state, last, restarts, probes, kind: replace(
        c.container(state=state, last=last, restarts=restarts, init=kind == "init", main=kind == "main"),
        **({} if probes else {"liveness": None, "readiness": None}),
    ),
    STATES,
    st.none() | STATES,
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(["main", "init", "side"]),
)
DETAILS = st.builds(
    lambda name, containers, deleted, made, ready, phase, node: replace(
        c.pod(name, ready=ready), containers=tuple(containers), deleted_at=deleted, created_at=made, phase=phase, node=node
    ),
    st.sampled_from([*c.names(), ""]),
    st.lists(CONTAINERS, max_size=2),
    MAYBE_AGE,
    MAYBE_AGE,
    st.booleans(),
    st.sampled_from(["Running", "Pending", "Failed", "Succeeded", ""]),
    st.none() | st.just("node-1"),
)
LINES = st.lists(
    st.sampled_from(
        [
            "",
            "panic: boom",
            "pq: permission denied for table t",
            'FATAL:  database "x" does not exist',
            "starting database migration version=12",
            c.log_line("listening on :8080"),
            "ERROR:  out of memory",
            "exec /app: exec format error",
        ]
    )
    | st.text(max_size=40),
    max_size=4,
)
LOGS = st.builds(
    lambda lines, previous, name: c.log(*lines, previous=previous, replica=name),
    LINES,
    st.booleans(),
    st.sampled_from(c.names()),
)


@st.composite
def strange(draw: st.DrawFn) -> Case:
    """Any evidence, with any of its sources out of sight."""
    left = c.migrating_session(4999, application_name=draw(st.sampled_from([f"app/{c.names()[0]}", "", "psql"])))
    platform: dict[str, Any] = {
        "details": tuple(draw(st.lists(DETAILS, max_size=3))),
        "events": tuple(draw(st.lists(EVENTS, max_size=6))),
        "logs": tuple(draw(st.lists(LOGS, max_size=3))),
        "workload": c.workload(replicas=draw(st.integers(0, 3)), paused=draw(st.booleans())),
        "usage": (Usage(replica=c.names()[0], memory_bytes=1, memory_limit_bytes=None, cpu_cores=None, cpu_limit_cores=None),),
        "contenders": (Contender(kind=draw(st.sampled_from(ContenderKind)), object="x", does="y", desired_image="z"),),
    }
    database: dict[str, Any] = {
        "trouble": draw(st.none() | st.builds(Trouble, text=TEXTS)),
        "server_log": tuple(draw(LINES)),
        "looks": draw(st.sampled_from([(), c.looks(left), c.looks(left)[:1]])),
        "owned": (c.owned(left, orphan=draw(st.booleans())),),
        "ledger": draw(st.sampled_from([c.ledger(), c.ledger(None), c.being_migrated(4999)])),
    }
    seen = c.case(platform=platform, database=database, platform_kind=draw(st.sampled_from(["kubernetes", "local"])))
    return c.blind(seen, *draw(st.lists(st.sampled_from(c.sources()), unique=True)))


@settings(max_examples=300, deadline=None)
@given(strange())
def test_no_evidence_is_too_strange(seen: Case) -> None:
    for finding in found(seen):
        assert 0 < finding.confidence <= 1
        assert finding.cause
        assert finding.next
        assert finding.evidence


def test_nothing_at_all_says_nothing() -> None:
    seen = c.blind(c.case(), *c.sources())
    assert found(replace(seen, evidence=replace(seen.evidence, namespace=None))) == ()


def test_a_clock_that_is_wrong_does_no_harm() -> None:
    late = Event(at=c.NOW + timedelta(days=1), kind="Warning", reason="Killing", subject=f"Pod/{c.names()[0]}", text="x")
    assert found(c.case(platform={"events": (late,)})) == ()


def test_every_family_gives_rules() -> None:
    assert len({rule.__module__ for rule in EVERY}) == 10  # four of them are in two modules each
