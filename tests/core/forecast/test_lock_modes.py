"""The eight table lock modes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.lock_modes import CONFLICTS, MODES, badness, blocks_of, conflict, worst

modes = st.sampled_from(MODES)


@given(modes, modes)
def test_conflicts_are_mutual(one: str, other: str) -> None:
    assert conflict(one, other) == conflict(other, one)


def test_there_are_as_many_conflicts_as_in_the_manual() -> None:
    # PostgreSQL 18 manual, table 13.2, row by row.
    assert [len(CONFLICTS[mode]) for mode in MODES] == [1, 2, 4, 5, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("mode", "blocks"),
    [
        ("AccessShareLock", Blocks.NONE),
        ("RowShareLock", Blocks.NONE),
        ("RowExclusiveLock", Blocks.NONE),
        ("ShareUpdateExclusiveLock", Blocks.NONE),
        ("ShareLock", Blocks.WRITES),
        ("ShareRowExclusiveLock", Blocks.WRITES),
        ("ExclusiveLock", Blocks.WRITES),
        ("AccessExclusiveLock", Blocks.READS),
    ],
)
def test_only_access_exclusive_stops_readers_and_share_stops_writers(mode: str, blocks: Blocks) -> None:
    assert blocks_of(mode) is blocks


@given(st.lists(st.sampled_from(Blocks)))
def test_the_worst_is_at_least_as_bad_as_each(many: list[Blocks]) -> None:
    assert all(badness(worst(many)) >= badness(one) for one in many)
    assert worst([]) is Blocks.NONE
