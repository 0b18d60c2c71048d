"""Which releases fit a schema: by last numbers alone, by every number, and where a number means two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.fits import (
    Fit,
    MigrationMark,
    ReleaseMigrations,
    ReleaseTable,
    ambiguities,
    ending_at,
    fit_of,
    fits,
    in_words,
    joined,
)


def by_last(**last: int) -> tuple[ReleaseMigrations, ...]:
    return tuple(
        ReleaseMigrations(release=release.strip("r").replace("_", "."), last=number) for release, number in last.items()
    )


def with_files(release: str, *names: str) -> ReleaseMigrations:
    marks = tuple(MigrationMark(version=int(n.split("_")[0]), name=n.split("_", 1)[1], digest=n) for n in names)
    return ReleaseMigrations(release=release, last=marks[-1].version, marks=marks)


CODER = by_last(r2_26_0=360, r2_26_5=360, r2_27_0=371, r2_27_1=371, r2_27_11=371, r2_28_0=390)


def test_a_ledger_fits_the_releases_that_end_there_and_no_older_line() -> None:
    assert in_words(fits(CODER, 371), 371, profile="coder") == (
        "ledger 371 fits 2.27.0 to 2.27.11, not 2.26.x; 2.28.0 would migrate on from there"
    )
    assert ending_at(CODER, 371) == ("2.27.0", "2.27.1", "2.27.11")


def test_a_version_beyond_all_known_releases_fits_none() -> None:
    assert in_words(fits(CODER, 400), 400, profile="coder") == "no known release has migration 400: 2.26.0 to 2.28.0 lack it"


def test_a_version_between_two_ends_is_said_to_be_no_end() -> None:
    assert in_words(fits(CODER, 365), 365, profile="coder").startswith("ledger 365 is no known release's end")


def test_no_table_at_all_says_how_to_get_one() -> None:
    assert "--git FOLDER" in in_words((), 5, profile="coder")


@pytest.mark.parametrize(
    ("version", "fit"), [(1, Fit.CONTAINS), (2, Fit.LACKS), (3, Fit.ENDS), (4, Fit.LACKS), (0, Fit.CONTAINS)]
)
def test_a_number_that_was_left_out_is_not_contained(version: int, fit: Fit) -> None:
    assert fit_of(with_files("1.0.0", "1_users", "3_keys"), version) is fit


def test_a_back_port_that_took_a_later_number_is_ambiguous() -> None:
    patch = with_files("1.1.1", "1_users", "2_index_keys")
    minor = with_files("1.2.0", "1_users", "2_add_teams")
    (sentence,) = ambiguities((patch, minor), 2)
    assert "migration 2 is index_keys in 1.1.1 and add_teams in 1.2.0" in sentence
    assert ambiguities((patch, minor), 1) == ()


def test_what_is_known_by_its_end_alone_is_compared_with_nothing() -> None:
    assert ambiguities((by_last(r1_0_0=1)[0], with_files("1.1.0", "1_users")), 1) == ()


def test_a_later_table_wins_release_by_release() -> None:
    one, other = ReleaseTable(releases=by_last(r1_0_0=1, r1_1_0=2)), ReleaseTable(releases=(with_files("1.1.0", "1_a", "3_b"),))
    assert [(r.release, r.last) for r in joined((one, other))] == [("1.0.0", 1), ("1.1.0", 3)]


@given(st.lists(st.integers(1, 40), min_size=1, unique=True), st.integers(1, 41))
def test_every_release_has_exactly_one_fit_and_ends_only_at_its_last(numbers: list[int], version: int) -> None:
    release = with_files("1.0.0", *(f"{number}_m" for number in sorted(numbers)))
    fit = fit_of(release, version)
    assert (fit is Fit.ENDS) == (version == max(numbers))
    assert (fit is Fit.LACKS) == (version not in numbers)
