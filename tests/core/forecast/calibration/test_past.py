"""Earlier runs: scored, and taken into the next forecast."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.calibration.past import SHIFT_LIMIT, PastRun, past_ratio, score, with_past
from lockage.core.forecast.duration.calibration import UNCALIBRATED
from lockage.core.forecast.duration.rates import UNKNOWN_SERVER


def run(actual_s: float, *, likely: float = 10.0, name: str = "r") -> PastRun:
    span = Seconds(low=likely / 2, likely=likely, high=likely * 2)
    return PastRun(run=name, deployment="shop", from_release="1", to_release="2", forecast_s=span, actual_s=actual_s)


def test_each_run_is_judged_and_all_of_them_together() -> None:
    found = score([run(10), run(15), run(40)], unscored=2)
    assert [(one.inside, one.ratio) for one in found.runs] == [(True, 1.0), (True, 1.5), (False, 4.0)]
    assert found.inside_ratio == pytest.approx(2 / 3)
    assert found.median_error == pytest.approx(1.5)
    assert found.unscored == 2


def test_too_short_is_as_wrong_as_too_long() -> None:
    assert score([run(5)]).median_error == score([run(20)]).median_error


def test_without_runs_there_is_no_figure() -> None:
    found = score([])
    assert (found.inside_ratio, found.median_error) == (None, None)


def test_an_unknown_high_end_holds_whatever_comes() -> None:
    one = PastRun(
        run="r",
        deployment="shop",
        from_release="1",
        to_release="2",
        forecast_s=Seconds(low=1, likely=2, high=None),
        actual_s=500,
    )
    assert score([one]).runs[0].inside


def test_no_run_moves_nothing_and_says_nothing() -> None:
    assert with_past(UNCALIBRATED, []) == UNCALIBRATED


def test_runs_that_took_twice_as_long_move_the_next_forecast_and_are_named() -> None:
    found = with_past(UNCALIBRATED, [run(20, name="a"), run(20 * past_ratio([run(20, name="a")]) / 1, name="b")])
    assert 1.0 < found.speeds.cpu.value < SHIFT_LIMIT
    assert any("2 earlier runs" in sentence for sentence in found.assumptions)


def test_a_forecast_that_had_taken_the_runs_in_and_came_true_leaves_them_in() -> None:
    first = run(20, name="a")
    moved = past_ratio([first])
    second = run(10 * moved * 2 / moved, likely=10 * moved, name="b")  # the server is still twice as slow
    assert past_ratio([first, second]) > moved


@given(st.lists(st.floats(min_value=0.01, max_value=1e5), max_size=8))
def test_runs_never_move_a_forecast_beyond_the_limit_nor_narrow_it(actuals: list[float]) -> None:
    past = [run(actual, name=str(place)) for place, actual in enumerate(actuals)]
    ratio = past_ratio(past)
    assert 1 / SHIFT_LIMIT <= ratio <= SHIFT_LIMIT
    speeds = with_past(UNCALIBRATED, past).speeds
    assert speeds.cpu.below >= UNKNOWN_SERVER.cpu.below
    assert speeds.cpu.above >= UNKNOWN_SERVER.cpu.above


def test_runs_that_took_no_time_say_nothing() -> None:
    assert past_ratio([run(0.001), run(0.002, likely=0.001)]) == 1.0
