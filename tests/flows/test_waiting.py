"""Waiting: at once when it is so, again until the limit, blind moments included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.errors import HaltedError, LockageError, RefusedError, UnreachableError
from lockage.flows.waiting import wait_until
from support.fake_world import FakeClock


def too_late(waited: float) -> LockageError:
    return HaltedError(f"not after {waited:g} s", code="LK322")


def unreachable() -> UnreachableError:
    return UnreachableError("no answer", code="LK121")


def test_what_is_so_already_is_given_at_once() -> None:
    clock = FakeClock()
    between: list[float] = []
    found = wait_until(
        lambda: "seen",
        clock=clock,
        limit_s=lambda: 0.0,
        pause_s=1.0,
        too_late=too_late,
        between=lambda: between.append(clock.monotonic()),
    )
    assert (found, clock.monotonic(), between) == ("seen", 0.0, [])


@pytest.mark.parametrize("seen", [False, 0, ""])
def test_only_none_is_waited_for(seen: object) -> None:
    assert wait_until(lambda: seen, clock=FakeClock(), limit_s=lambda: 1.0, pause_s=1.0, too_late=too_late) == seen


def test_between_two_looks_it_does_what_it_is_given_and_pauses() -> None:
    clock = FakeClock()
    between: list[float] = []
    wait_until(
        lambda: True if clock.monotonic() >= 3.0 else None,
        clock=clock,
        limit_s=lambda: 10.0,
        pause_s=1.0,
        too_late=too_late,
        between=lambda: between.append(clock.monotonic()),
    )
    assert between == [0.0, 1.0, 2.0]


@given(limit_s=st.floats(min_value=0.0, max_value=50.0), pause_s=st.floats(min_value=0.1, max_value=5.0))
def test_it_ends_at_the_first_look_after_the_limit(limit_s: float, pause_s: float) -> None:
    clock = FakeClock()
    with pytest.raises(HaltedError):
        wait_until(lambda: None, clock=clock, limit_s=lambda: limit_s, pause_s=pause_s, too_late=too_late)
    assert limit_s <= clock.monotonic() < limit_s + pause_s + 1e-6


def test_the_limit_may_grow_with_what_is_seen() -> None:
    clock = FakeClock()
    limits: Iterator[float] = iter([1.0, 5.0, 5.0, 5.0, 5.0, 5.0])
    with pytest.raises(HaltedError, match="not after 5 s"):
        wait_until(lambda: None, clock=clock, limit_s=lambda: next(limits), pause_s=1.0, too_late=too_late)


def test_a_world_that_does_not_answer_for_a_moment_is_looked_at_again() -> None:
    clock = FakeClock()

    def look() -> str | None:
        if clock.monotonic() < 4.0:
            raise unreachable()
        return "there"

    assert wait_until(look, clock=clock, limit_s=lambda: 10.0, pause_s=1.0, too_late=too_late) == "there"


def test_a_world_that_never_answers_is_the_cause_of_being_too_late() -> None:
    def look() -> None:
        raise unreachable()

    with pytest.raises(HaltedError, match="not after 2 s") as halted:
        wait_until(look, clock=FakeClock(), limit_s=lambda: 2.0, pause_s=1.0, too_late=too_late)
    assert isinstance(halted.value.__cause__, UnreachableError)


def test_an_earlier_blind_moment_is_not_the_cause() -> None:
    clock = FakeClock()

    def look() -> None:
        if clock.monotonic() < 1.0:
            raise unreachable()

    with pytest.raises(HaltedError) as halted:
        wait_until(look, clock=clock, limit_s=lambda: 2.0, pause_s=1.0, too_late=too_late)
    assert halted.value.__cause__ is None


def test_any_other_refusal_ends_it_at_once() -> None:
    clock = FakeClock()

    def look() -> None:
        raise RefusedError("not allowed", code="LK130")

    with pytest.raises(RefusedError, match="not allowed"):
        wait_until(look, clock=clock, limit_s=lambda: 9.0, pause_s=1.0, too_late=too_late)
    assert clock.monotonic() == 0.0
