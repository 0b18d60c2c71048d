"""The way from the running release to the target, by advisories."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.advisories import Detour, newest_date, speaks_of
from lockage.core.release.profile import Profile
from lockage.core.release.route import known_releases, last_migration, route
from lockage.core.release.version import parse_version
from lockage.errors import LockageError, RefusedError, UsageError
from support.plan_material import towpath


def detour(via: str, *, below: str, to: str, code: str = "A-1", at_least: str = "0.0.0", to_below: str | None = None) -> Detour:
    return Detour(
        code=code, from_at_least=at_least, from_below=below, to_at_least=to, to_below=to_below, via=via,
        reason="it is known to be bad", source="a test", date="2026-01-01",
    )  # fmt: skip


def profile(releases: tuple[str, ...], *detours: Detour) -> Profile:
    base = towpath()
    migrations = msgspec.structs.replace(base.migrations, releases={release: n for n, release in enumerate(releases, start=1)})
    return msgspec.structs.replace(base, migrations=migrations, advisories=detours)


def stops(found: Profile, start: str, end: str) -> list[str]:
    return [leg.to_release for leg in route(found, from_release=start, to_release=end)]


FOUR = ("1.0.0", "1.5.0", "2.0.0", "3.0.0")


def test_without_an_advisory_the_way_is_one_hop() -> None:
    assert stops(profile(FOUR), "1.0.0", "3.0.0") == ["3.0.0"]


def test_towpath_goes_through_2_26_6_and_the_stop_has_its_condition() -> None:
    first, second = route(towpath(), from_release="v2.26.0", to_release="v2.27.8")
    assert (first.from_release, first.to_release, second.from_release, second.to_release) == (
        "2.26.0", "2.26.6", "2.26.6", "2.27.8",
    )  # fmt: skip
    assert first.detours[0].leave_when is not None
    assert second.detours == ()


@pytest.mark.parametrize(("start", "end"), [("2.26.6", "2.27.8"), ("2.26.0", "2.26.6"), ("2.27.8", "2.27.9")])
def test_towpath_needs_no_detour_elsewhere(start: str, end: str) -> None:
    assert stops(towpath(), start, end) == [end]


def test_the_target_itself_is_nothing_to_do() -> None:
    assert route(profile(FOUR), from_release="v2.0.0", to_release="2.0.0+build") == ()


def test_detours_are_chained_and_a_piece_may_need_one_of_its_own() -> None:
    found = profile(
        FOUR,
        detour("2.0.0", below="2.0.0", to="3.0.0", code="A-1"),
        detour("1.5.0", below="1.5.0", to="2.0.0", code="A-2", to_below="3.0.0"),
    )
    assert stops(found, "1.0.0", "3.0.0") == ["1.5.0", "2.0.0", "3.0.0"]


def test_two_advisories_for_one_stop_are_both_kept() -> None:
    found = profile(
        FOUR, detour("2.0.0", below="2.0.0", to="3.0.0", code="B"), detour("2.0.0", below="1.9.0", to="3.0.0", code="A")
    )
    first, _ = route(found, from_release="1.0.0", to_release="3.0.0")
    assert [advisory.code for advisory in first.detours] == ["A", "B"]


def test_a_detour_through_one_of_the_ends_asks_for_nothing() -> None:
    found = profile(FOUR, detour("3.0.0", below="2.0.0", to="3.0.0"), detour("1.0.0", below="2.0.0", to="3.0.0"))
    assert stops(found, "1.0.0", "3.0.0") == ["3.0.0"]


@pytest.mark.parametrize(
    ("start", "end", "applies"),
    [
        ("1.0.0", "3.0.0", True), ("0.9.9", "3.0.0", False), ("1.5.0", "3.0.0", False),
        ("1.4.9", "3.1.0", False), ("1.4.9", "3.0.9", True), ("1.0.0", "2.9.9", False),
    ],
)  # fmt: skip
def test_an_advisory_speaks_of_its_ranges_only(start: str, end: str, *, applies: bool) -> None:
    advisory = detour("2.0.0", at_least="1.0.0", below="1.5.0", to="3.0.0", to_below="3.1.0")
    assert speaks_of(advisory, from_release=start, to_release=end) is applies


def refusal(found: Profile, start: str, end: str) -> RefusedError:
    with pytest.raises(RefusedError) as told:
        route(found, from_release=start, to_release=end)
    assert told.value.exit_code == 3
    return told.value


def test_a_target_below_the_running_release_is_refused() -> None:
    told = refusal(profile(FOUR), "2.0.0", "1.5.0")
    assert told.code == "LK210"
    assert told.message == "the target 1.5.0 is below the running release 2.0.0"
    assert told.hint == "a schema does not go back: restore a backup made before the upgrade together with the old release"


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    told = refusal(profile(("10.0.0", "9.0.0")), "9.0.0", "11.0.0")
    assert told.code == "LK211"
    assert told.message == "the target 11.0.0 is not a release that the profile towpath knows"
    assert told.hint == "known releases: 9.0.0, 10.0.0"


def test_an_unknown_running_release_is_refused() -> None:
    told = refusal(profile(FOUR), "1.0.1", "2.0.0")
    assert told.code == "LK212"
    assert told.message == "the running release 1.0.1 is not a release that the profile towpath knows"


def test_an_unknown_stop_is_refused() -> None:
    told = refusal(profile(FOUR, detour("1.7.0", below="1.7.0", to="3.0.0")), "1.0.0", "3.0.0")
    assert told.code == "LK211"
    assert told.message == "the stop that advisory A-1 asks for 1.7.0 is not a release that the profile towpath knows"


@pytest.mark.parametrize("via", ["1.0.0", "3.0.0"])
def test_an_advisory_that_leads_in_a_circle_or_past_the_target_is_refused(via: str) -> None:
    told = refusal(profile(FOUR, detour(via, below="9.0.0", to="2.0.0")), "1.5.0", "2.0.0")
    assert told.code == "LK213"
    assert told.message == f"advisory A-1 sends 1.5.0 to 2.0.0 through {via}, which does not lie between them"
    assert told.hint == "correct the advisory in the profile: its route would go in a circle or pass the target"


def test_what_is_no_version_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'latest' is not a release version"):
        route(profile(FOUR), from_release="1.0.0", to_release="latest")


def test_the_last_migration_is_found_by_any_spelling() -> None:
    assert last_migration(towpath(), "v2.27.8") == 18
    assert last_migration(towpath(), "2.28.0") is None


def test_the_newest_advisory_gives_the_date() -> None:
    assert newest_date([]) is None
    assert newest_date(towpath().advisories) == "2025-12-04"


RELEASES = tuple(f"{major}.{minor}.0" for major in range(3) for minor in range(4))
RELEASE = st.sampled_from(RELEASES)
DETOURS = st.lists(
    st.builds(
        lambda via, below, to, code: detour(via, below=below, to=to, code=code), RELEASE, RELEASE, RELEASE, st.text("AB1")
    ),
    max_size=6,
)


@given(DETOURS, RELEASE, RELEASE)
def test_a_route_climbs_without_repeating_a_release_or_is_refused(detours: list[Detour], start: str, end: str) -> None:
    found = profile(RELEASES, *detours)
    try:
        legs = route(found, from_release=start, to_release=end)
    except LockageError as told:
        if told.code not in {"LK210", "LK213"}:
            raise
        return
    way = [start, *(leg.to_release for leg in legs)]
    versions = [parse_version(release) for release in way]
    assert versions == sorted(set(versions))
    assert way[-1] == end
    assert [leg.from_release for leg in legs] == way[:-1]
    assert set(way) <= set(known_releases(found))
    for leg in legs:
        assert not any(
            speaks_of(advisory, from_release=leg.from_release, to_release=leg.to_release)
            for advisory in detours
            if advisory.via not in {leg.from_release, leg.to_release}
        )
