"""Advisories that users add to a profile's own: files of TOML, checked as strictly as profiles, and merged by code.

Not for finding the files (``interfaces.advisories``). The surprising thing: a user's advisory of the same code takes the place
of the profile's, because whoever knows better must be able to say so; two users' files with one code contradict each other.

A file::

    schema = "lockage.advisories/1"
    profile = "coder"

    [[advisories]]
    kind = "manual-step"    # or detour, extra-time, forbidden-overlap
    code = "OURS-1"
    from_below = "2.34.0"
    to_at_least = "2.34.0"
    text = "tell the data team"
    reason = "their dashboards read our tables"
    source = "https://wiki.example.org/coder"
    date = "2026-09-30"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from lockage.core.release.advisories import Advisory, faults
from lockage.core.release.profile import Profile
from lockage.errors import UsageError


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Literal["lockage.advisories/1"]
    profile: str
    advisories: tuple[Advisory, ...]


class AdvisoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """The advisories of one file."""

    file: str
    profile: str  # name of the profile that they are for
    advisories: tuple[Advisory, ...]


def parse_advisories(text: bytes, *, file: str) -> AdvisoryFile:
    """The advisories in a TOML document. Raises ``UsageError`` (LK540) naming file, key and what was expected."""
    try:
        content = msgspec.toml.decode(text, type=_Content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(file, str(error)) from error
    for key, expected in faults(content.advisories, known=None):
        raise _invalid(file, f"{key}: expected {expected}")
    return AdvisoryFile(file=file, profile=content.profile, advisories=content.advisories)


def with_advisories(profile: Profile, files: Sequence[AdvisoryFile]) -> Profile:
    """The profile with what those of the files that are for it add or replace.

    Raises ``UsageError``: LK541 two files with one code, LK540 a detour through a release that the profile does not know.
    """
    added: dict[str, tuple[AdvisoryFile, Advisory]] = {}
    for file in files:
        if file.profile != profile.name:
            continue
        for key, expected in faults(file.advisories, known=profile.restricting):
            raise _invalid(file.file, f"{key}: expected {expected}")
        for advisory in file.advisories:
            if advisory.code in added:
                raise UsageError(
                    f"{file.file} and {added[advisory.code][0].file} both have an advisory {advisory.code}",
                    code="LK541",
                    hint="give one of them another code, or remove it",
                )
            added[advisory.code] = (file, advisory)
    kept = tuple(advisory for advisory in profile.advisories if advisory.code not in added)
    return msgspec.structs.replace(profile, advisories=(*kept, *(advisory for _, advisory in added.values())))


def _invalid(file: str, what: str) -> UsageError:
    return UsageError(f"{file} is not a valid file of advisories: {what}", code="LK540", hint="correct the file at that key")
