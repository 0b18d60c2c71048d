"""Mappings that share most of what they have are mappings all the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.layers import CHANGES_LIMIT, Layered

_CHANGES = st.lists(st.dictionaries(st.integers(0, 9), st.none() | st.integers(0, 3), max_size=4), max_size=8)


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 3)), _CHANGES)
def test_it_is_what_a_dictionary_would_be(start: dict[int, int], changes: list[dict[int, int | None]]) -> None:
    plain, layered = dict(start), Layered(start)
    for change in changes:
        before = layered
        was = dict(plain)
        for key, value in change.items():
            if value is None:
                plain.pop(key, None)
            else:
                plain[key] = value
        layered = layered.changed(change)
        assert layered == plain
        assert dict(layered) == plain
        assert len(layered) == len(plain)
        assert all((key in layered) == (key in plain) and layered.get(key) == plain.get(key) for key in range(10))
        assert set(layered.differing(before)) == {k for k in {*plain, *was} if plain.get(k) != was.get(k)}
        assert (layered == before) == (plain == was)
        assert dict(before) == was


@given(st.integers(1, 3 * CHANGES_LIMIT))
def test_many_changes_are_no_other_than_few(count: int) -> None:
    start = Layered({0: 0})
    layered = start
    for key in range(count):
        layered = layered.changed({key: key})
    assert layered == {key: key for key in range(count)}
    assert set(layered.differing(start)) == set(range(1, count))


def test_what_is_derived_of_the_base_is_made_once() -> None:
    made: list[int] = []

    def count(entries: object) -> int:
        made.append(len(entries))  # type: ignore[arg-type]
        return made[-1]

    start = Layered({1: 1, 2: 2})
    later = start.changed({3: 3, 1: None})
    assert start.derived(count) == (2, 0)
    assert later.derived(count) == later.derived(count) == (2, 1)
    assert made == [2, 0, 1]
