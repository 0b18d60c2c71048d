"""The kill budget, and the liveness probe that allows it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Probe
from lockage.core.plan.budget import kill_budget_s, probe_that_fits
from lockage.errors import UsageError
from lockage.settings import ProbeBudget

SECONDS = st.floats(0.0, 7200.0)
PROBES = st.builds(
    Probe,
    path=st.just("/healthz"),
    initial_delay_s=SECONDS,
    period_s=st.floats(0.01, 600.0),
    timeout_s=st.floats(0.01, 600.0),
    failure_threshold=st.integers(1, 100),
)


def budget(*, high: float | None = None, asked: float | None = None) -> float:
    return kill_budget_s(forecast_high_s=high, asked_s=asked, unknown_s=3600.0, settings=ProbeBudget())


def test_a_short_forecast_still_gets_fifteen_minutes() -> None:
    assert budget(high=4.0) == 900.0


def test_a_long_forecast_gets_three_times_its_high_end() -> None:
    assert budget(high=500.0) == 1500.0


def test_an_unknown_high_end_gets_the_profiles_maximum() -> None:
    assert budget(high=None) == 3600.0


def test_what_was_asked_for_wins() -> None:
    assert budget(high=500.0, asked=60.0) == 60.0


@pytest.mark.parametrize("asked", [0.0, -1.0, math.inf, math.nan])
def test_a_budget_that_is_no_time_is_refused(asked: float) -> None:
    with pytest.raises(UsageError) as told:
        budget(asked=asked)
    assert (told.value.code, told.value.message) == ("LK240", f"a probe budget of {asked:g} s is no time")


def test_only_the_failure_threshold_is_raised() -> None:
    probe = Probe(path="/healthz", initial_delay_s=5.0, period_s=10.0, timeout_s=2.0, failure_threshold=3)
    assert probe_that_fits(probe, 900.0) == Probe(
        path="/healthz", initial_delay_s=5.0, period_s=10.0, timeout_s=2.0, failure_threshold=91
    )


def test_no_liveness_probe_stays_none() -> None:
    assert probe_that_fits(None, 900.0) is None


def test_a_probe_without_a_period_cannot_be_made_to_wait() -> None:
    with pytest.raises(UsageError) as told:
        probe_that_fits(Probe(period_s=0.0), 900.0)
    assert told.value.code == "LK241"
    assert told.value.message == "the liveness probe has a period of 0 s: no failure threshold reaches 900 s"


@given(PROBES, SECONDS)
def test_a_probe_that_fits_allows_the_budget_and_little_more(probe: Probe, asked: float) -> None:
    fitting = probe_that_fits(probe, asked)
    assert fitting is not None
    assert fitting.kill_budget_s >= asked
    assert fitting is probe or fitting.kill_budget_s < asked + 2 * probe.period_s


@given(PROBES, SECONDS)
def test_a_probe_that_fits_already_is_left_alone(probe: Probe, asked: float) -> None:
    fitting = probe_that_fits(probe, asked)
    assert (fitting == probe) is (probe.kill_budget_s >= asked)
    assert probe_that_fits(fitting, asked) == fitting


def test_the_initial_delay_is_raised_where_the_chart_takes_nothing_else() -> None:
    probe = Probe(period_s=10.0, timeout_s=1.0, failure_threshold=3)
    assert probe_that_fits(probe, 900.0, settable=("initialDelaySeconds",)) == replace(probe, initial_delay_s=879.0)


def test_the_failure_threshold_is_raised_where_the_chart_takes_both() -> None:
    fitting = probe_that_fits(Probe(), 900.0, settable=("initialDelaySeconds", "failureThreshold"))
    assert fitting is not None
    assert (fitting.initial_delay_s, fitting.failure_threshold) == (0.0, 91)


@given(PROBES, SECONDS)
def test_a_raised_initial_delay_is_whole_seconds_and_allows_the_budget_and_little_more(probe: Probe, asked: float) -> None:
    fitting = probe_that_fits(probe, asked, settable=("initialDelaySeconds",))
    assert fitting is not None
    assert fitting.kill_budget_s >= asked - 1e-6
    assert fitting is probe or (fitting.initial_delay_s.is_integer() and fitting.kill_budget_s < asked + 1.001)
    assert replace(fitting, initial_delay_s=probe.initial_delay_s) == probe
