"""Arithmetic of ranges."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.seconds import NOTHING, scaled, total, unbounded

ranges = st.builds(scaled, st.floats(0, 1e5), below=st.floats(1, 10), above=st.floats(1, 10))


def width(seconds: Seconds) -> float:
    assert seconds.high is not None
    return seconds.high - seconds.low


@given(st.lists(ranges, max_size=8))
def test_the_likely_times_add_up_and_lie_in_the_range(parts: list[Seconds]) -> None:
    whole = total(parts)
    assert whole.high is not None
    assert math.isclose(whole.likely, sum(part.likely for part in parts), abs_tol=1e-9)
    assert 0 <= whole.low <= whole.likely + 1e-9
    assert whole.high >= whole.likely


@given(st.lists(ranges, min_size=1, max_size=8))
def test_the_doubt_of_a_sum_is_no_larger_than_the_sum_of_doubts_and_no_smaller_than_the_largest(parts: list[Seconds]) -> None:
    whole = total(parts)
    assert width(whole) <= sum(width(part) for part in parts) * (1 + 1e-9) + 1e-9
    assert (whole.high or 0) - whole.likely >= max((p.high or 0) - p.likely for p in parts) * (1 - 1e-9) - 1e-9


@given(st.lists(ranges, max_size=4))
def test_one_unknown_makes_the_sum_unknown(parts: list[Seconds]) -> None:
    assert total([*parts, unbounded(NOTHING)]).high is None


def test_a_range_of_one_part_is_that_part() -> None:
    part = Seconds(low=1.0, likely=2.0, high=9.0)
    assert total([part]) == part
