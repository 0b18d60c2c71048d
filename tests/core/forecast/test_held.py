"""Locks behind one statement after the other, of which each shares with the one before what it has in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.held import HeldLock, HeldLocks

LOCKS = st.builds(HeldLock, st.integers(1, 5), st.sampled_from(["ShareLock", "RowShareLock", "AccessExclusiveLock"]))


@given(st.lists(st.tuples(st.integers(0, 10), st.lists(LOCKS))))
def test_whatever_grows_out_of_them_earlier_ones_stay_as_they_were(steps: list[tuple[int, list[HeldLock]]]) -> None:
    views, truths = [HeldLocks()], [dict[HeldLock, None]()]
    for start, taken in steps:
        place = start % len(views)
        views.append(views[place].grown(taken))
        truths.append(truths[place] | dict.fromkeys(taken))
    for view, truth in zip(views, truths, strict=True):
        assert view == tuple(truth)
        assert len(view) == len(truth)
        assert [view[place] for place in range(len(view))] == list(truth)
        oids = {lock.oid for lock in truth}
        assert set(view.oids) == oids
        assert len(view.oids) == len(oids)
        for oid in range(6):
            assert (oid in view.oids) == (oid in oids)
            assert list(view.of(oid)) == [lock for lock in truth if lock.oid == oid]
        assert all(lock in view for lock in truth)
        for mode in {lock.mode for lock in truth}:
            assert list(view.held_in(mode)) == [lock.oid for lock in truth if lock.mode == mode]


@given(st.lists(LOCKS), st.lists(LOCKS), st.booleans())
def test_what_was_taken_and_given_back_between_two_is_told(first: list[HeldLock], more: list[HeldLock], shared: bool) -> None:
    before = HeldLocks(first)
    now = before.grown(more) if shared else HeldLocks(more)
    taken, given_back = now.since(before)
    assert set(taken) == set(now) - set(before)
    assert set(given_back) == set(before) - set(now)
    assert now.continues(before) == shared


def test_an_earlier_one_knows_nothing_of_a_later_one() -> None:
    before = HeldLocks([HeldLock(1, "ShareLock")])
    now = before.grown([HeldLock(2, "ShareLock")])
    assert HeldLock(2, "ShareLock") not in before
    assert now.since(before) == ([HeldLock(2, "ShareLock")], [])
    assert before.since(now) == ([], [HeldLock(2, "ShareLock")])
    assert before.continues(now) is False
