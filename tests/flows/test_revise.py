"""What was asked of the platform does not come: said with what is missing, and after how long."""

from __future__ import annotations

import pytest

from lockage.core.plan import steps as s
from lockage.errors import HaltedError
from lockage.flows.revise import first_start, raise_replicas
from support.machine import a_world, seen_by_flows
from support.plans import FORMER, UNDO


def test_a_process_that_never_begins_halts_the_run() -> None:
    world = seen_by_flows(a_world())
    with pytest.raises(HaltedError, match=r"no process of 2\.0\.0 runs \d+ s after it was asked for; limit") as halted:
        first_start(world, "2.0.0", between=lambda: None)
    assert halted.value.code == "LK344"


def test_replicas_that_are_not_ready_in_time_are_counted() -> None:
    world = a_world()  # its migration to 2.0.0 takes four seconds
    step = s.RaiseReplicas(release="2.0.0", replicas=3, liveness=FORMER, undo=UNDO, expected_s=1.0, limit_s=2.0)
    with pytest.raises(HaltedError, match=r"0 of 3 replicas of 2\.0\.0 are ready after 2 s; limit 2 s") as halted:
        raise_replicas(seen_by_flows(world), step, between=lambda: None)
    assert halted.value.code == "LK341"
