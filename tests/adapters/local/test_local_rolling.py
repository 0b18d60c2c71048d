"""The decision which replicas to make and to end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.local.rolling import Bounds, Candidate, absolute, bounds, decide, next_back_off
from lockage.core.facts import UpdateKind

ROLLING, RECREATE = UpdateKind.ROLLING_UPDATE, UpdateKind.RECREATE


def candidate(number: int, *, current: bool, ready: bool, terminating: bool = False) -> Candidate:
    return Candidate(name=f"r{number}", current=current, ready=ready, terminating=terminating, restarts=0, created=number)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Candidate], int, Bounds]:
    wanted = draw(st.integers(0, 8))
    limits = bounds(wanted=wanted, max_surge=draw(st.integers(0, 4)), max_unavailable=draw(st.integers(0, 8)))
    flags = draw(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=14))
    replicas = [
        candidate(number, current=current, ready=ready and not terminating, terminating=terminating)
        for number, (current, ready, terminating) in enumerate(flags)
    ]
    return replicas, wanted, limits


def live(replicas: list[Candidate]) -> list[Candidate]:
    return [replica for replica in replicas if not replica.terminating]


def after(replicas: list[Candidate], *, remove: tuple[str, ...], create: int) -> list[Candidate]:
    """The replicas when a decision was carried out, and nothing else has happened."""
    kept = [replace(r, terminating=True, ready=False) if r.name in remove else r for r in replicas]
    start = 1000 + len(replicas)
    return kept + [candidate(number, current=True, ready=False) for number in range(start, start + create)]


@given(scenes(), st.sampled_from(UpdateKind))
def test_a_rolling_move_never_takes_the_last_ready_ones_below_what_is_promised(
    scene: tuple[list[Candidate], int, Bounds], update: UpdateKind
) -> None:
    replicas, wanted, limits = scene
    decision = decide(replicas, wanted=wanted, update=update, limits=limits)
    if update is RECREATE:
        return
    ready_before = sum(replica.ready for replica in live(replicas))
    ready_after = sum(replica.ready for replica in live(after(replicas, remove=decision.remove, create=decision.create)))
    assert ready_after >= min(ready_before, wanted - limits.max_unavailable)


@given(scenes(), st.sampled_from(UpdateKind))
def test_no_move_makes_more_than_wanted_and_surge(scene: tuple[list[Candidate], int, Bounds], update: UpdateKind) -> None:
    replicas, wanted, limits = scene
    decision = decide(replicas, wanted=wanted, update=update, limits=limits)
    if decision.create:
        assert len(live(replicas)) + decision.create <= wanted + limits.max_surge


@given(scenes(), st.sampled_from(UpdateKind))
def test_moves_come_to_an_end_with_exactly_the_wanted_replicas_of_the_current_revision(
    scene: tuple[list[Candidate], int, Bounds], update: UpdateKind
) -> None:
    replicas, wanted, limits = scene
    for _ in range(100):
        decision = decide(replicas, wanted=wanted, update=update, limits=limits)
        if not decision.create and not decision.remove:
            if all(replica.ready and not replica.terminating for replica in replicas):
                break
            # Nothing to do: the world moves on, what terminates is gone, and what starts becomes ready.
            replicas = [replace(replica, ready=True) for replica in live(replicas)]
            continue
        replicas = after(replicas, remove=decision.remove, create=decision.create)
        replicas = [replace(replica, name=f"r{number}") for number, replica in enumerate(replicas)]
    assert len(replicas) == wanted
    assert all(replica.current for replica in replicas)


@given(scenes())
def test_recreate_never_lets_old_and_new_run_together(scene: tuple[list[Candidate], int, Bounds]) -> None:
    replicas, wanted, limits = scene
    decision = decide(replicas, wanted=wanted, update=RECREATE, limits=limits)
    if decision.create:
        assert all(replica.current for replica in replicas)


def test_unready_replicas_of_old_revisions_go_before_ready_ones() -> None:
    replicas = [candidate(1, current=False, ready=True), candidate(2, current=False, ready=False)]
    replicas.append(candidate(3, current=True, ready=True))
    decision = decide(replicas, wanted=2, update=ROLLING, limits=Bounds(max_surge=1, max_unavailable=0))
    assert decision.remove == ("r2",)


def test_an_unready_old_replica_stays_while_as_many_new_ones_are_not_ready() -> None:
    replicas = [candidate(number, current=False, ready=number != 3) for number in (1, 2, 3)]
    replicas.append(candidate(4, current=True, ready=False))
    decision = decide(replicas, wanted=3, update=ROLLING, limits=Bounds(max_surge=1, max_unavailable=0))
    assert (decision.create, decision.remove) == (0, ())


def test_a_new_replica_that_is_not_ready_protects_an_old_one() -> None:
    replicas = [candidate(1, current=False, ready=True), candidate(2, current=True, ready=False)]
    decision = decide(replicas, wanted=1, update=ROLLING, limits=Bounds(max_surge=1, max_unavailable=0))
    assert (decision.create, decision.remove) == (0, ())


@pytest.mark.parametrize(
    ("wanted", "surge", "unavailable"), [(1, 1, 0), (2, 1, 0), (3, 1, 0), (4, 1, 1), (5, 2, 1), (10, 3, 2), (0, 0, 0)]
)
def test_a_quarter_is_rounded_up_for_surge_and_down_for_unavailable(wanted: int, surge: int, unavailable: int) -> None:
    assert bounds(wanted=wanted, max_surge="25%", max_unavailable="25%") == Bounds(max_surge=surge, max_unavailable=unavailable)


def test_one_may_be_unavailable_where_nothing_could_move_otherwise() -> None:
    assert bounds(wanted=3, max_surge=0, max_unavailable="10%") == Bounds(max_surge=0, max_unavailable=1)


@pytest.mark.parametrize("amount", ["many", "-5%", -1, "5"])
def test_an_amount_that_is_none_is_an_error(amount: int | str) -> None:
    with pytest.raises(ValueError, match=r"number|negative"):
        absolute(amount, wanted=3, round_up=True)


def test_back_off_doubles_from_10_s_to_300_s() -> None:
    waits, wait_s = [], 0.0
    for _ in range(8):
        wait_s = next_back_off(wait_s, ran_s=1.0, scale=1.0)
        waits.append(wait_s)
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_ten_minutes_of_running_are_forgiveness() -> None:
    assert next_back_off(160.0, ran_s=601.0, scale=1.0) == 10.0
    assert next_back_off(16.0, ran_s=61.0, scale=0.1) == pytest.approx(1.0)
