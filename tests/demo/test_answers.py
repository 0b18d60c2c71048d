"""What the traffic generator's answers mean for users."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.demo.answers import FIELDS, GAP_LIMIT_S, Answer, line_of, measure, read_answers


def answer(due_s: float, latency_s: float = 0.0, *, error: str = "") -> Answer:
    return Answer(due_s=due_s, latency_s=latency_s, status=0 if error else 200, kind="me", error=error)


def steady(start: float, end: float) -> list[Answer]:
    return [answer(start + number * 0.25) for number in range(int((end - start) * 4) + 1)]


def test_steady_answers_leave_no_gap() -> None:
    measured = measure(steady(0, 10), 0, 10)
    assert (measured.requests, measured.failed_requests, measured.unavailable_s) == (41, 0, 0.0)


def test_a_gap_longer_than_the_limit_counts_in_full() -> None:
    assert measure([*steady(0, 2), *steady(5, 10)], 0, 10).unavailable_s == pytest.approx(3.0)


def test_a_gap_of_just_the_limit_does_not_count() -> None:
    assert measure([*steady(0, 2), *steady(3, 10)], 0, 10).unavailable_s == 0.0


def test_gaps_at_the_ends_of_the_interval_count() -> None:
    measured = measure(steady(4, 6), 0, 10)
    assert measured.unavailable_s == pytest.approx(4.0 + 4.0)
    assert measured.longest_gap_s == pytest.approx(4.0)


def test_an_interval_without_any_answer_is_unavailable_throughout() -> None:
    assert measure([], 0, 10).unavailable_s == pytest.approx(10.0)


def test_failures_do_not_end_a_gap() -> None:
    failures = [answer(2.0 + number / 4, error="connect") for number in range(12)]
    measured = measure([*steady(0, 2), *failures, *steady(5, 10)], 0, 10)
    assert measured.unavailable_s == pytest.approx(3.0)
    assert measured.failed_requests == 12


def test_a_request_that_waited_through_an_outage_does_not_hide_it() -> None:
    # Due every quarter of a second, and all of them answered at once when the lock was free.
    waiting = [answer(2.0 + number / 4, 5.0 - (2.0 + number / 4)) for number in range(12)]
    measured = measure([*steady(0, 2), *waiting, *steady(5, 10)], 0, 10)
    assert measured.failed_requests == 0
    assert measured.unavailable_s == pytest.approx(3.0)
    assert measured.slowest_s == pytest.approx(3.0)


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.000 s before"):
        measure([], 1, 0)


answers = st.lists(
    st.builds(
        answer,
        st.floats(min_value=-5, max_value=25),
        st.floats(min_value=0, max_value=10),
        error=st.sampled_from(["", "", "timeout"]),
    ),
    max_size=40,
)


@given(answers)
def test_unavailability_lies_between_nothing_and_the_interval(given_answers: list[Answer]) -> None:
    measured = measure(given_answers, 0, 20)
    assert 0 <= measured.longest_gap_s <= measured.unavailable_s <= 20 + 1e-9
    assert measured.unavailable_s == 0 or measured.unavailable_s > GAP_LIMIT_S
    assert measured.failed_requests <= measured.requests


@given(answers)
def test_the_order_of_the_lines_does_not_matter(given_answers: list[Answer]) -> None:
    assert measure(given_answers, 0, 20) == measure(given_answers[::-1], 0, 20)


@given(answers, st.floats(min_value=0, max_value=20))
def test_one_more_success_never_makes_it_worse(given_answers: list[Answer], moment: float) -> None:
    before = measure(given_answers, 0, 20).unavailable_s
    assert measure([*given_answers, answer(moment)], 0, 20).unavailable_s <= before + 1e-9


@given(answers)
def test_every_moment_far_from_a_success_counts(given_answers: list[Answer]) -> None:
    """Against a second way to compute it: walk through the interval in small steps."""
    arrivals = sorted(a.done_s for a in given_answers if a.succeeded and 0 <= a.done_s <= 20)
    step = 0.05
    unavailable = 0.0
    for number in range(int(20 / step)):
        moment = (number + 0.5) * step
        before = max((a for a in arrivals if a <= moment), default=0.0)
        after = min((a for a in arrivals if a > moment), default=20.0)
        unavailable += step if after - before > GAP_LIMIT_S else 0.0
    # A step of slack for each gap's two ends.
    assert math.isclose(measure(given_answers, 0, 20).unavailable_s, unavailable, abs_tol=2 * step * 20)


@given(answers)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, given_answers: list[Answer]) -> None:
    file = tmp_path_factory.mktemp("answers") / "answers.csv"
    file.write_text(",".join(FIELDS) + "\n" + "".join(map(line_of, given_answers)), encoding="utf-8")
    read = read_answers(file)
    assert [a.error for a in read] == [a.error for a in given_answers]
    assert [a.due_s for a in read] == pytest.approx([a.due_s for a in given_answers], abs=1e-6)


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(",".join(FIELDS) + "\n" + line_of(answer(1.0)) + "2.000000,0.0", encoding="utf-8")
    assert len(read_answers(file)) == 1


def test_no_file_means_no_answers_yet(tmp_path: Path) -> None:
    assert read_answers(tmp_path / "answers.csv") == ()
