"""Which exact releases, patches included, fit a schema: those whose migrations end at, contain, or lack the ledger's version.

Not for reading repositories or databases, nor for deciding where a recovery leads. The surprising thing: a number is not a
migration. A patch release that was given a back-port may number it as the next minor numbers another one, so releases are
compared by what their files hold, and a number that means two things is called ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Literal

import msgspec

from lockage.core.release.profile import Profile
from lockage.core.release.version import Version, parse_version


class MigrationMark(msgspec.Struct, frozen=True, kw_only=True):
    """One migration of a release, and what its file holds."""

    version: int
    name: str = ""
    digest: str = ""  # of the file's content; empty: not known


class ReleaseMigrations(msgspec.Struct, frozen=True, kw_only=True):
    """Which migrations one release brings."""

    release: str
    last: int | None  # None: it brings none
    marks: tuple[MigrationMark, ...] | None = None  # oldest first; None: only the last one's number is known
    source: str = "profile"


class ReleaseTable(msgspec.Struct, frozen=True, kw_only=True):
    """The releases of an application with their migrations, as one source has them (``lockage.release-table/1``)."""

    schema: Literal["lockage.release-table/1"] = "lockage.release-table/1"
    releases: tuple[ReleaseMigrations, ...]
    read_on: str = ""  # YYYY-MM-DD
    folder: str = ""  # of the migrations, in the repository


class Fit(StrEnum):
    """How a release's migrations stand to a ledger's version."""

    ENDS = "ends"  # the version is its last migration: it starts, and migrates nothing
    CONTAINS = "contains"  # it has that migration and later ones: it starts, and migrates on from there
    LACKS = "lacks"  # it does not have that migration: it does not start, or must not
    UNKNOWN = "unknown"


class ReleaseFit(msgspec.Struct, frozen=True, kw_only=True):
    """One release, and how it fits."""

    release: str
    last: int | None
    fit: Fit | None  # None: no version was asked for
    source: str
    name: str | None = None  # of the migration that the version is there; None: not known


class ReleasesFound(msgspec.Struct, frozen=True, kw_only=True):
    """What ``lockage releases --json`` prints."""

    schema: Literal["lockage.releases/1"] = "lockage.releases/1"
    deployment: str
    profile: str
    ledger: int | None  # the version asked for
    says: str  # in one sentence: "ledger 371 fits 2.27.0 to 2.27.11, not 2.26.x"
    releases: tuple[ReleaseFit, ...]  # oldest first
    ambiguous: tuple[str, ...] = ()  # sentences: what the number alone does not tell
    as_of: str | None = None  # the day of the newest source; later releases are not known


def table_of(profile: Profile) -> ReleaseTable:
    """What the profile says of releases and their last migrations."""
    known = profile.migrations.releases
    return ReleaseTable(
        releases=tuple(ReleaseMigrations(release=r, last=last) for r, last in sorted(known.items(), key=lambda x: _key(x[0])))
    )


def joined(tables: Iterable[ReleaseTable]) -> tuple[ReleaseMigrations, ...]:
    """Releases of all tables, oldest first; what a later table says of a release wins."""
    found: dict[str, ReleaseMigrations] = {}
    for table in tables:
        found.update({one.release: one for one in table.releases})
    return tuple(found[release] for release in sorted(found, key=_key))


def fit_of(release: ReleaseMigrations, version: int) -> Fit:
    """How one release stands to a ledger's version."""
    if release.marks is None:
        # By the last number alone: that one before it was left out would not show.
        if release.last is None:
            return Fit.UNKNOWN
        return Fit.ENDS if release.last == version else Fit.CONTAINS if release.last > version else Fit.LACKS
    if version not in {mark.version for mark in release.marks}:
        return Fit.CONTAINS if version == 0 else Fit.LACKS
    return Fit.ENDS if version == release.last else Fit.CONTAINS


def fits(releases: Sequence[ReleaseMigrations], version: int | None) -> tuple[ReleaseFit, ...]:
    """Every release with its fit, in the order given."""
    return tuple(
        ReleaseFit(
            release=one.release,
            last=one.last,
            fit=None if version is None else fit_of(one, version),
            source=one.source,
            name=None if version is None else _name(one, version),
        )
        for one in releases
    )


def releases_found(deployment: str, profile: Profile, *, tables: Sequence[ReleaseTable], version: int | None) -> ReleasesFound:
    """The answer of ``lockage releases``."""
    releases = joined(tables)
    found = fits(releases, version)
    return ReleasesFound(
        deployment=deployment,
        profile=profile.name,
        ledger=version,
        says=in_words(found, version, profile=profile.name),
        releases=found,
        ambiguous=() if version is None else ambiguities(releases, version),
        as_of=max((table.read_on for table in tables if table.read_on), default=None),
    )


def ending_at(releases: Sequence[ReleaseMigrations], version: int) -> tuple[str, ...]:
    """Releases whose last migration is the version, oldest first."""
    return tuple(one.release for one in releases if fit_of(one, version) is Fit.ENDS)


def in_words(found: Sequence[ReleaseFit], version: int | None, *, profile: str) -> str:
    """The answer in one sentence."""
    if not found:
        return f"the profile {profile} knows no release's last migration: read them from a checkout with --git FOLDER"
    if version is None:
        return f"{_runs([one.release for one in found], found)} are known"
    by_fit = {fit: [one.release for one in found if one.fit is fit] for fit in Fit}
    if not by_fit[Fit.ENDS] and not by_fit[Fit.CONTAINS]:
        return f"no known release has migration {version}: {_runs([one.release for one in found], found)} lack it"
    ends = _runs(by_fit[Fit.ENDS], found)
    said = f"ledger {version} fits {ends}" if ends else f"ledger {version} is no known release's end"
    lines = _wholly(by_fit[Fit.LACKS], found)
    said += f", not {', '.join(lines)}" if lines and ends else ""
    if by_fit[Fit.CONTAINS]:
        said += f"; {_runs(by_fit[Fit.CONTAINS], found)} would migrate on from there"
    return said


def ambiguities(releases: Sequence[ReleaseMigrations], version: int) -> tuple[str, ...]:
    """What one number hides: releases in which it, or one before it, is another migration."""
    first: dict[int, tuple[str, MigrationMark]] = {}
    said: dict[int, str] = {}
    for one in releases:
        if fit_of(one, version) not in (Fit.ENDS, Fit.CONTAINS):
            continue
        for mark in one.marks or ():
            if mark.version > version:
                break
            where, known = first.setdefault(mark.version, (one.release, mark))
            if _differs(known, mark) and mark.version not in said:
                said[mark.version] = (
                    f"migration {mark.version} is {known.name or known.digest[:12]} in {where} and "
                    f"{mark.name or mark.digest[:12]} in {one.release}: the ledger's number does not tell which one ran; "
                    f"compare the catalog: lockage verify --catalog"
                )
    return tuple(said[number] for number in sorted(said))


def _differs(one: MigrationMark, other: MigrationMark) -> bool:
    if one.digest and other.digest and one.digest == other.digest:
        return False
    # A file that was only edited keeps its name: that is another fault, and not another migration.
    return one.name != other.name


def _name(release: ReleaseMigrations, version: int) -> str | None:
    return next((mark.name for mark in release.marks or () if mark.version == version), None)


# --- words -----------------------------------------------------------------------------------------------------------


def _runs(wanted: Sequence[str], every: Sequence[ReleaseFit]) -> str:
    """Releases as runs of those that follow one another among all known ones: ``2.27.0 to 2.27.11 and 2.28.1``."""
    place = {one.release: index for index, one in enumerate(every)}
    said: list[str] = []
    for _, group in groupby(enumerate(wanted), key=lambda pair: place[pair[1]] - pair[0]):
        run = [release for _, release in group]
        said.append(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" if len(run) > 2 else f"{run[0]} and {run[1]}")
    return ", ".join(said)


def _wholly(lacking: Sequence[str], every: Sequence[ReleaseFit]) -> list[str]:
    """The minor lines next to the fitting ones all of whose known releases lack the version, as ``2.26.x``: two at most."""
    lines: dict[tuple[int, int], list[str]] = {}
    for one in every:
        lines.setdefault(_line(one.release), []).append(one.release)
    lacks = set(lacking)
    whole = [line for line, members in lines.items() if lacks.issuperset(members)]
    return [f"{major}.{minor}.x" for major, minor in whole[-2:]]


def _line(release: str) -> tuple[int, int]:
    version = parse_version(release)
    return version.major, version.minor


def _key(release: str) -> Version:
    return parse_version(release)
