"""When a replica on Kubernetes is in a crash loop, and what the witness of one says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockage.core.facts import Replica, ReplicaPhase
from lockage.interfaces.demo.witness import Witness, loops_on_kubernetes
from support.fake_world import START
from support.machine import a_world, seen_by_flows


def replica(restarts: int, phase: ReplicaPhase) -> Replica:
    return Replica(
        name="app-1",
        revision=2,
        image="app:2",
        release="2",
        phase=phase,
        ready=False,
        restarts=restarts,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        started_at=None,
    )


@pytest.mark.parametrize(
    ("restarts", "phase", "loops"),
    [
        (0, ReplicaPhase.BACK_OFF, False),
        (1, ReplicaPhase.RUNNING, False),
        (1, ReplicaPhase.BACK_OFF, True),
        (2, ReplicaPhase.RUNNING, True),
    ],
)
def test_a_crash_loop_is_two_ends_and_a_wait_or_a_third_start(restarts: int, phase: ReplicaPhase, loops: bool) -> None:
    assert loops_on_kubernetes(replica(restarts, phase)) is loops


def test_a_witness_who_saw_nothing_says_nothing() -> None:
    fake = a_world()
    witness = Witness(world=seen_by_flows(fake), target="2.0.0", since=START)
    witness.look()
    assert witness.account == ""


def test_a_witness_names_the_kill_and_the_orphan() -> None:
    witness = Witness(world=seen_by_flows(a_world()), target="2.0.0", since=START, kill="Pod/a: failed", orphan_pid=7)
    assert "Kubernetes says of it, Pod/a: failed" in witness.account
    assert "backend 7 of a dead client held the migration's lock" in witness.account
