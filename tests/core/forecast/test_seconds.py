"""Arithmetic of ranges."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.seconds import NOTHING, Totals, added, longest, rounded, scaled, shorter, times, total, unbounded

ranges = st.builds(scaled, st.floats(0, 1e5), below=st.floats(1, 10), above=st.floats(1, 10))
numbers = st.floats(0, 1e6)
any_ranges = st.builds(Seconds, low=numbers, likely=numbers, high=numbers | st.none())


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


def close(one: Seconds, other: Seconds, *, within_s: float) -> bool:
    ends = [(one.low, other.low), (one.likely, other.likely), (one.high or 0.0, other.high or 0.0)]
    return (one.high is None) is (other.high is None) and all(abs(a - b) <= within_s for a, b in ends)


@given(st.lists(ranges | ranges.map(unbounded), max_size=8), st.data())
def test_the_total_of_any_stretch_is_that_of_its_parts(parts: list[Seconds], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(parts)))
    behind = data.draw(st.integers(first, len(parts)))
    totals = Totals(parts)
    within_s = 1e-6 * (1 + sum(part.high or part.likely for part in parts))  # a millionth of the whole
    assert close(totals.over([(first, behind - 1)]), total(parts[first:behind]), within_s=within_s)
    rest = total([*parts[:first], *parts[behind:]])
    assert close(totals.over([(0, first - 1), (behind, len(parts) - 1)]), rest, within_s=within_s)


@given(st.lists(ranges, max_size=8))
def test_moments_never_go_back(parts: list[Seconds]) -> None:
    totals = Totals(parts)
    moments = [totals.before(position) for position in range(len(parts) + 1)]
    assert moments[0] == NOTHING
    for earlier, later in itertools.pairwise(moments):
        assert earlier.low <= later.low + 1e-6
        assert earlier.likely <= later.likely
        assert (earlier.high or 0) <= (later.high or 0) + 1e-6


@given(st.lists(any_ranges, max_size=4))
def test_an_unknown_part_makes_the_whole_unknown(parts: list[Seconds]) -> None:
    unknown = any(part.high is None for part in parts)
    assert (added(*parts).high is None) is unknown
    assert (longest(*parts).high is None) is unknown
    assert longest(*parts).likely <= added(*parts).likely + 1e-6


@given(any_ranges, any_ranges)
def test_what_is_shortened_is_longer_than_neither(part: Seconds, limit: Seconds) -> None:
    found = shorter(part, limit)
    assert found.likely <= min(part.likely, limit.likely)
    assert (found.high is None) is (part.high is None and limit.high is None)


def test_ranges_repeat_and_are_rounded_to_the_millisecond() -> None:
    assert times(3, Seconds(low=1.0, likely=2.0, high=None)) == Seconds(low=3.0, likely=6.0, high=None)
    assert rounded(Seconds(low=0.12345, likely=0.5, high=1.99999)) == Seconds(low=0.123, likely=0.5, high=2.0)
