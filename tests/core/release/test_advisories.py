"""Advisories of every kind, the files that users add, and what is said of one jump."""

from __future__ import annotations

from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.advisories import (
    Advisory,
    Detour,
    ExtraTime,
    ForbiddenOverlap,
    ManualStep,
    advisories_for,
    speaks_of,
)
from lockage.core.release.advisory_files import AdvisoryFile, parse_advisories, with_advisories
from lockage.core.release.check import check_jump, line_in_words
from lockage.core.release.profile import Profile, parse_profile
from lockage.core.release.route import knowing, last_migration, route
from lockage.errors import RefusedError, UsageError
from support.plan_material import towpath

BASE = """
schema = "lockage.advisories/1"
profile = "towpath"

[[advisories]]
kind = "manual-step"
code = "OURS-1"
from_below = "2.27.8"
to_at_least = "2.27.8"
text = "tell the data team"
reason = "their dashboards read our tables"
source = "a wiki"
date = "2026-09-30"
"""


def coder() -> Profile:
    return parse_profile(files("lockage.profiles").joinpath("coder.toml").read_bytes(), file="coder.toml")


def file_of(text: str = BASE, name: str = "ours.toml") -> AdvisoryFile:
    return parse_advisories(text.encode(), file=name)


def codes(found: tuple[Advisory, ...]) -> list[str]:
    return [advisory.code for advisory in found]


def said_of(profile: Profile, begin: str, end: str) -> list[str]:
    return codes(advisories_for(profile.advisories, from_release=begin, to_release=end))


# --- Coder's -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2.26.0", "2.27.8", ["CODER-2.27-API-KEYS", "CODER-371-API-KEYS"]),
        ("2.26.6", "2.27.8", ["CODER-371-API-KEYS"]),
        ("2.24.1", "2.29.19", ["CODER-371-API-KEYS"]),
        (
            "2.29.1",
            "2.34.0",
            ["CODER-ESR-2.29-2.34", "CODER-2.34-AI-PROVIDERS", "CODER-2.34-PROVISIONERS", "CODER-2.34-EXTERNAL-AUTH"],
        ),
        ("2.36.5", "2.37.1", ["CODER-590-AGENT-STATS"]),
        ("2.37.1", "2.39.0", ["CODER-590-AGENT-STATS", "CODER-2.39-QUOTAS"]),
        ("2.38.2", "2.40.0", ["CODER-2.39-QUOTAS"]),
        ("2.39.0", "2.39.1", []),
        ("2.34.0", "2.36.0", []),
        ("2.27.8", "2.27.11", []),
    ],
)
def test_what_is_known_of_coders_jumps(begin: str, end: str, expected: list[str]) -> None:
    assert said_of(coder(), begin, end) == expected


def test_coders_routes_need_no_list_of_releases() -> None:
    via = [leg.to_release for leg in route(coder(), from_release="v2.26.1", to_release="2.27.8")]
    assert via == ["2.26.6", "2.27.8"]
    assert [leg.to_release for leg in route(coder(), from_release="2.29.1", to_release="2.41.3")] == ["2.41.3"]


def test_every_advisory_that_is_brought_says_where_it_was_read() -> None:
    for name in ("coder", "harbor"):
        profile = parse_profile(files("lockage.profiles").joinpath(f"{name}.toml").read_bytes(), file=name)
        assert all(advisory.source.startswith("https://") for advisory in profile.advisories)


def test_a_line_out_of_support_and_a_newer_patch_are_said() -> None:
    assert line_in_words(coder(), "2.30.9") == ("2.30 was not supported any more on 2026-09-22",)
    assert line_in_words(coder(), "2.34.0") == ("2.34.10 was the newest of 2.34 on 2026-09-22: 2.34.0 lacks its corrections",)
    assert line_in_words(coder(), "2.34.12") == ()
    (unknown,) = line_in_words(coder(), "2.41.0")
    assert unknown == "2.41.0 is of no line in the release calendar that is known here (of 2026-09-22, up to 2.37)"
    assert line_in_words(towpath(), "2.27.8") == ()


# --- ranges --------------------------------------------------------------------------------------------------------------

MINORS = st.integers(0, 9).map(lambda minor: f"1.{minor}.0")


@given(MINORS, MINORS, MINORS, MINORS)
def test_an_advisory_speaks_of_a_jump_exactly_where_both_ends_are_in_its_range(
    below: str, least: str, begin: str, end: str
) -> None:
    advisory = ExtraTime(code="A", from_below=below, to_at_least=least, reason="r", source="s", date="2026-01-01")
    assert speaks_of(advisory, from_release=begin, to_release=end) is (begin < below and end >= least)


# --- users' files --------------------------------------------------------------------------------------------------------


def test_a_users_advisory_is_added_to_the_profiles() -> None:
    merged = with_advisories(towpath(), (file_of(),))
    assert codes(merged.advisories) == ["TOWPATH-2.27-API-KEYS", "OURS-1"]
    assert isinstance(merged.advisories[1], ManualStep)


def test_a_users_advisory_takes_the_place_of_the_profiles_of_the_same_code() -> None:
    merged = with_advisories(towpath(), (file_of(BASE.replace("OURS-1", "TOWPATH-2.27-API-KEYS")),))
    assert codes(merged.advisories) == ["TOWPATH-2.27-API-KEYS"]
    assert route(merged, from_release="2.26.0", to_release="2.27.8")[0].to_release == "2.27.8"


def test_a_file_for_another_profile_changes_nothing() -> None:
    assert with_advisories(coder(), (file_of(),)) == coder()


def test_two_files_with_one_code_contradict_each_other() -> None:
    with pytest.raises(UsageError, match=r"b\.toml and a\.toml both have an advisory OURS-1") as failure:
        with_advisories(towpath(), (file_of(name="a.toml"), file_of(name="b.toml")))
    assert failure.value.code == "LK541"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "manual-step"', 'kind = "advice"', "Invalid value 'advice' - at `$.advisories[0].kind`"),
        ('kind = "manual-step"\n', "", "missing required field `kind`"),
        ('text = "tell', 'txt = "tell', "unknown field `txt`"),
        ('from_below = "2.27.8"', 'from_below = "2.27"', "advisories[0].from_below: expected a release version"),
        (
            'from_below = "2.27.8"',
            'from_below = "0.0.0"',
            "advisories[0].from_below: expected a release above from_at_least 0.0.0",
        ),
        ('to_at_least = "2.27.8"', 'to_at_least = "2.27.8"\nto_below = "2.27.8"', "to_below: expected a release above"),
        ('date = "2026-09-30"', 'date = "30.9.2026"', "advisories[0].date: expected a day such as 2026-09-21, got '30.9.2026'"),
        ('schema = "lockage.advisories/1"', 'schema = "lockage.profile/1"', "Invalid enum value"),
        ("[[advisories]]", "[[advisories", "is not a valid file of advisories"),
    ],
)
def test_a_mistake_in_a_file_is_named(old: str, new: str, message: str) -> None:
    assert old in BASE
    with pytest.raises(UsageError) as failure:
        file_of(BASE.replace(old, new, 1))
    assert failure.value.code == "LK540"
    assert failure.value.message.startswith("ours.toml is not a valid file of advisories: ")
    assert message in failure.value.message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "extra-time"\ntypical_s = 0', "typical_s: expected a number of seconds above 0"),
        ('kind = "extra-time"\ntypical_s = 60\nmost_s = 30', "most_s: expected at least typical_s"),
        ('kind = "detour"\nvia = "2.27"', "via: expected a release version"),
    ],
)
def test_each_kind_has_its_own_keys_checked(lines: str, message: str) -> None:
    text = BASE.replace('kind = "manual-step"', lines).replace('text = "tell the data team"\n', "")
    with pytest.raises(UsageError) as failure:
        file_of(text)
    assert message in failure.value.message


def test_a_users_detour_must_lead_through_a_release_that_the_profile_knows_when_it_knows_all() -> None:
    text = BASE.replace('kind = "manual-step"', 'kind = "detour"\nvia = "2.26.7"').replace('text = "tell the data team"\n', "")
    with pytest.raises(UsageError, match=r"expected one of migrations\.releases") as failure:
        with_advisories(towpath(), (file_of(text),))
    assert failure.value.code == "LK540"


def test_two_advisories_of_one_code_in_one_file_are_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"advisories\[1\].code: expected a code of its own, got 'OURS-1' a second time"):
        file_of(BASE + BASE[BASE.index("[[") :])


# --- one jump ------------------------------------------------------------------------------------------------------------


def test_a_check_names_the_route_and_what_speaks_of_the_jump_or_of_a_hop() -> None:
    found = check_jump(coder(), from_release="2.26.0", to_release="v2.27.8")
    assert (found.route, found.minors, found.known) == (("2.26.6", "2.27.8"), 1, True)
    assert codes(found.advisories) == ["CODER-2.27-API-KEYS", "CODER-371-API-KEYS"]
    assert (found.vendor, found.newest) == ("Coder", "2026-09-22")


def test_an_unknown_jump_is_not_a_good_one() -> None:
    found = check_jump(coder(), from_release="2.34.0", to_release="2.36.0")
    assert (found.known, found.advisories, found.newest) == (False, (), "2026-09-22")
    assert found.line is not None
    assert found.line.status == "stable"


def test_a_check_backwards_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        check_jump(coder(), from_release="2.34.0", to_release="2.29.1")
    assert refusal.value.code == "LK210"


# --- what is learned -----------------------------------------------------------------------------------------------------


def test_a_number_that_is_learned_does_not_make_the_list_complete() -> None:
    learned = knowing(coder(), "v2.29.1", 402)
    assert last_migration(learned, "2.29.1") == 402
    assert learned.restricting is None
    assert last_migration(knowing(learned, "2.29.1", 500), "2.29.1") == 402


def test_a_profile_that_knows_every_release_learns_nothing() -> None:
    assert knowing(towpath(), "2.99.0", 99) == towpath()


def test_every_kind_is_written_and_read_alike() -> None:
    kinds = {type(advisory) for advisory in coder().advisories}
    assert kinds == {Detour, ExtraTime, ManualStep, ForbiddenOverlap}
    again = msgspec.json.decode(msgspec.json.encode(coder().advisories), type=tuple[Advisory, ...])
    assert again == coder().advisories
