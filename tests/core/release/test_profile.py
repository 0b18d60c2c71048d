"""Profiles are data written by people: every mistake names file, key and what was expected."""

from __future__ import annotations

from importlib.resources import files

import pytest

from lockage.core.release.advisories import Detour
from lockage.core.release.profile import parse_profile
from lockage.errors import UsageError
from support.plan_material import towpath

TEXT = files("lockage.profiles").joinpath("towpath.toml").read_text(encoding="utf-8")


def told(text: str | bytes) -> str:
    with pytest.raises(UsageError) as failure:
        parse_profile(text if isinstance(text, bytes) else text.encode(), file="mine.toml")
    assert (failure.value.code, failure.value.exit_code) == ("LK201", 2)
    assert failure.value.hint == "correct the file at that key"
    return failure.value.message


def test_the_shipped_profile_is_valid() -> None:
    assert towpath().migrations.releases == {"2.26.0": 12, "2.26.6": 13, "2.27.8": 18, "2.27.9": 19}


def test_the_shipped_profile_says_what_the_application_does() -> None:
    from lockage.demo.towpath.migrator import LOCK_KEY
    from lockage.demo.towpath.releases import LEAVE_WHEN_SQL, releases

    profile = towpath()
    assert profile.migrations.releases == {release.version: release.last_migration for release in releases()}
    assert profile.migrations.advisory_lock == LOCK_KEY
    assert isinstance(detour := profile.advisories[0], Detour)
    assert detour.leave_when == LEAVE_WHEN_SQL


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "towpath"', 'name = "towpath"\nnmae = "x"', "Object contains unknown field `nmae`"),
        ('"2.26.0" = 12', '"2.26.0" = "12"', "Expected `int`, got `str` - at `$.migrations.releases[...]`"),
        (
            '"2.26.0" = 12',
            '"2.26" = 12',
            "migrations.releases.'2.26': expected a release version without v and build, such as",
        ),
        ('"2.26.0" = 12', '"v2.26.0" = 12', "migrations.releases.'v2.26.0': expected a release version without v and build"),
        ("public.schema_", "schema_", "migrations.ledger: expected SCHEMA.TABLE, got 'schema_migrations'"),
        (
            "'v?(\\d+\\.\\d+\\.\\d+)'",
            "'v?\\d+'",
            "version.command_pattern: expected a regular expression whose first group is the version, got 'v?\\\\d+'",
        ),
        ("'v?(\\d+", "'v?((\\d+", "version.command_pattern: expected a regular expression, got"),
        (
            'via = "2.26.6"',
            'via = "2.26.7"',
            "advisories[0].via: expected one of migrations.releases (2.26.0, 2.26.6, 2.27.8, 2.27.9)",
        ),
        (
            'to_at_least = "2.27.8"',
            'to_at_least = "2.27"',
            "advisories[0].to_at_least: expected a release version such as 2.26.0, got '2.27'",
        ),
        ("[workload]", "[workload", "mine.toml is not a valid profile"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, message: str) -> None:
    assert old in TEXT
    said = told(TEXT.replace(old, new, 1))
    assert said.startswith("mine.toml is not a valid profile: ")
    assert message in said


def test_a_profile_that_is_not_utf_8_is_told() -> None:
    assert told(b'name = "\xff"').startswith("mine.toml is not a valid profile: ")
