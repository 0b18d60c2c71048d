"""What is known of one jump, for whoever wants to know it without a deployment (``lockage.advisory-check/1``).

Not for planning (``core.plan``), which also asks the database. The surprising thing: an answer without any advisory is not good
news, so it carries the date of what is known and whom to ask.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lockage.core.release.advisories import Advisory, advisories_for, newest_date
from lockage.core.release.profile import Profile, ReleaseLine
from lockage.core.release.route import route
from lockage.core.release.version import minors_crossed, normalised, parse_version


class ListedAdvisory(msgspec.Struct, frozen=True, kw_only=True):
    """One advisory, and whose profile has it."""

    profile: str
    advisory: Advisory


class AdvisoryList(msgspec.Struct, frozen=True, kw_only=True):
    """What ``lockage advisories list --json`` prints."""

    schema: Literal["lockage.advisory-list/1"] = "lockage.advisory-list/1"
    advisories: tuple[ListedAdvisory, ...]


class AdvisoryCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What ``lockage advisories check --json`` prints: what is known of one jump."""

    schema: Literal["lockage.advisory-check/1"] = "lockage.advisory-check/1"
    profile: str
    from_release: str
    to_release: str
    route: tuple[str, ...]  # releases to go through, the target last
    minors: int  # minor releases crossed
    advisories: tuple[Advisory, ...]  # that speak of the jump, or of a hop of the route
    known: bool  # whether any does
    newest: str | None  # date of the newest advisory there is
    line: ReleaseLine | None  # of the target, in the release calendar
    vendor: str
    contact: str


def check_jump(profile: Profile, *, from_release: str, to_release: str) -> AdvisoryCheck:
    """What the profile knows of the jump. Raises as ``route`` does: LK202, LK210 to LK213."""
    start, end = normalised(from_release), normalised(to_release)
    legs = route(profile, from_release=start, to_release=end)
    jumps = [(start, end), *((leg.from_release, leg.to_release) for leg in legs)]
    found = (advisories_for(profile.advisories, from_release=begin, to_release=target) for begin, target in jumps)
    speaking = {advisory.code: advisory for advisories in found for advisory in advisories}
    return AdvisoryCheck(
        profile=profile.name,
        from_release=start,
        to_release=end,
        route=tuple(leg.to_release for leg in legs),
        minors=minors_crossed(start, end),
        advisories=tuple(speaking.values()),
        known=bool(speaking),
        newest=newest_date(profile.advisories),
        line=line_of(profile, end),
        vendor=profile.vendor.name,
        contact=profile.vendor.contact,
    )


def line_of(profile: Profile, release: str) -> ReleaseLine | None:
    """The line of the release calendar that a release belongs to."""
    version = parse_version(release)
    return next((line for line in profile.releases if line.line == f"{version.major}.{version.minor}"), None)


def line_in_words(profile: Profile, release: str) -> tuple[str, ...]:
    """What the release calendar says against going to a release: sentences without a full stop, none where it says nothing."""
    line = line_of(profile, release)
    if line is None:
        if not profile.releases:
            return ()
        newest = profile.releases[-1]
        return (f"{release} is of no line in the release calendar that is known here (of {newest.as_of}, up to {newest.line})",)
    said: list[str] = []
    if line.status == "unsupported":
        said.append(f"{line.line} was not supported any more on {line.as_of}")
    if line.newest is not None and parse_version(release) < parse_version(line.newest):
        said.append(f"{line.newest} was the newest of {line.line} on {line.as_of}: {release} lacks its corrections")
    return tuple(said)
