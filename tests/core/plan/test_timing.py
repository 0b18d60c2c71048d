"""How long replicas take, as the survey shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lockage.core.facts import Replica
from lockage.core.forecast.assess import Seconds
from lockage.core.plan.timing import guessed_timing, measured_timing, waves
from lockage.settings import Expected
from support.plan_material import NOW, replica, survey, workload


def took(name: str, *, start_s: float, boot_s: float, restarts: int = 0) -> Replica:
    started = NOW + timedelta(seconds=start_s)
    return replace(
        replica(name), created_at=NOW, started_at=started, ready_at=started + timedelta(seconds=boot_s), restarts=restarts
    )


def test_the_fastest_replica_counts_because_a_slower_one_may_have_migrated() -> None:
    found = replace(survey(), replicas=(took("a", start_s=2.0, boot_s=40.0), took("b", start_s=1.0, boot_s=3.0)))
    timing = measured_timing(found, Expected())
    assert timing.start == Seconds(low=0.5, likely=1.0, high=3.0)
    assert timing.boot == Seconds(low=1.5, likely=3.0, high=40.0)


def test_a_restarted_replica_says_nothing_of_starting() -> None:
    found = replace(survey(), replicas=(took("a", start_s=500.0, boot_s=3.0, restarts=1),))
    timing = measured_timing(found, Expected())
    assert timing.start.likely == Expected().start_s
    assert timing.boot.likely == 3.0


def test_where_nothing_was_measured_the_settings_count() -> None:
    timing = measured_timing(replace(survey(), replicas=(replica(ready=False),)), Expected(boot_s=7.0))
    assert timing.boot == Seconds(low=3.5, likely=7.0, high=21.0)


def test_stopping_takes_the_grace_period_at_most() -> None:
    def termination(grace_s: float) -> Seconds:
        return measured_timing(replace(survey(), workload=replace(workload(), grace_s=grace_s)), Expected()).termination

    assert termination(30.0) == Seconds(low=0.0, likely=2.0, high=30.0)
    assert termination(0.5) == Seconds(low=0.0, likely=0.5, high=0.5)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"), [(3, 1, 0, 3), (4, 1, 1, 2), (5, 1, 1, 3), (1, 1, 0, 1), (2, 0, 0, 2)]
)
def test_a_rolling_update_takes_as_many_waves_as_it_replaces_at_once(
    replicas: int, surge: int, unavailable: int, expected: int
) -> None:
    assert waves(replace(workload(), replicas=replicas, max_surge=surge, max_unavailable=unavailable)) == expected


def test_without_a_deployment_nothing_has_an_end_that_is_known() -> None:
    timing = guessed_timing(Expected(boot_s=7.0))
    assert timing.boot == Seconds(low=0.0, likely=7.0, high=None)
    assert timing.termination.high is timing.start.high is None
