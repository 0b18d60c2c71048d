"""Release versions: reading, order, and the minors between two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.version import Version, minors_crossed, normalised, parse_version
from lockage.errors import UsageError

NUMBERS = st.integers(0, 200)
PRE = st.lists(st.sampled_from(["0", "1", "7", "10", "alpha", "beta", "rc", "rc1", "devel", "x-y"]), max_size=3).map(tuple)
VERSIONS = st.builds(Version, major=NUMBERS, minor=NUMBERS, patch=NUMBERS, pre=PRE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v2.26.0", "2.26.0"),
        (" 2.26.0\n", "2.26.0"),
        ("2.26.0+abc.def", "2.26.0"),
        ("v2.26.0-devel+abc", "2.26.0-devel"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_a_version_is_read_as_people_and_programs_write_it(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2.26", "latest", "2.26.0.1", "02.26.0", "v2.26.x", "2.26.0-", "2.26.0-a..b", "\uff12.26.0"]
)
def test_what_is_no_version_is_told_with_its_shape(text: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_version(text)
    assert (told.value.code, told.value.exit_code) == ("LK202", 2)
    assert told.value.message == f"{text!r} is not a release version"
    assert told.value.hint == "give all three numbers, such as 2.26.0"


def test_releases_are_ordered_as_semantic_versioning_says() -> None:
    before = ["1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1"]
    versions = [parse_version(text) for text in [*before, "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"]]
    newest_first = versions[::-1]
    assert sorted(newest_first) == versions


@given(VERSIONS)
def test_a_version_survives_being_written(version: Version) -> None:
    assert parse_version(str(version)) == version
    assert parse_version(f"v{version}+build.1") == version


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(a: Version, b: Version, c: Version) -> None:
    assert (a < b) + (b < a) + (a == b) == 1
    if a <= b <= c:
        assert a <= c


@pytest.mark.parametrize(
    ("start", "end", "known", "expected"),
    [
        ("2.26.0", "2.26.6", (), 0),
        ("2.26.0", "2.27.8", (), 1),
        ("2.29.9", "v2.34.0", (), 5),
        ("2.27.0", "2.26.0", (), 0),
        ("1.9.0", "2.1.0", ("1.9.0", "1.10.0", "1.10.4", "2.0.0", "2.1.0"), 3),
        ("1.9.0", "2.1.0", (), 1),
    ],
)
def test_minors_on_the_way_are_counted(start: str, end: str, known: tuple[str, ...], expected: int) -> None:
    assert minors_crossed(start, end, known=known) == expected
