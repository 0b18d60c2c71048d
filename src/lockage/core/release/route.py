"""The route: the hops from the running release to the target, by the profile's advisories.

Not for what a hop does or costs (``core.plan``). The surprising thing: a hop that an advisory put in may need a detour of its
own, and so may the rest of the way from there, so the way is cut in two until no advisory speaks of any piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from lockage.core.release.advisories import Detour, detours_for
from lockage.core.release.profile import Profile
from lockage.core.release.version import normalised, parse_version
from lockage.errors import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One hop of a route: from, to, and the detours that made ``to_release`` a stop."""

    from_release: str
    to_release: str
    detours: tuple[Detour, ...] = ()


def route(profile: Profile, *, from_release: str, to_release: str) -> tuple[Leg, ...]:
    """The hops in order; empty when the deployment is on the target already.

    Raises ``UsageError`` (LK202) for what is no version; ``RefusedError`` for a target below the running release (LK210), a
    release that a profile which knows all of them does not (LK211 the target or a stop, LK212 the running one), and advisories
    that contradict themselves (LK213).
    """
    start, end = normalised(from_release), normalised(to_release)
    _known_or_refused(profile, start, code="LK212", what="the running release")
    _known_or_refused(profile, end, code="LK211", what="the target")
    if parse_version(end) < parse_version(start):
        raise RefusedError(
            f"the target {end} is below the running release {start}",
            code="LK210",
            hint="a schema does not go back: restore a backup made before the upgrade together with the old release",
        )
    if start == end:
        return ()
    return _legs(profile, start, end, arrival=())


def _legs(profile: Profile, start: str, end: str, *, arrival: tuple[Detour, ...]) -> tuple[Leg, ...]:
    asked = detours_for(profile.advisories, from_release=start, to_release=end)
    if not asked:
        return (Leg(from_release=start, to_release=end, detours=arrival),)
    via = normalised(asked[0].via)
    for detour in asked:
        _between_or_refused(detour, start, end)
    _known_or_refused(profile, via, code="LK211", what=f"the stop that advisory {asked[0].code} asks for")
    same_stop = tuple(detour for detour in asked if normalised(detour.via) == via)
    # Both pieces are strictly shorter than the whole, so this ends.
    return (*_legs(profile, start, via, arrival=same_stop), *_legs(profile, via, end, arrival=arrival))


def _between_or_refused(detour: Detour, start: str, end: str) -> None:
    if parse_version(start) < parse_version(detour.via) < parse_version(end):
        return
    raise RefusedError(
        f"advisory {detour.code} sends {start} to {end} through {detour.via}, which does not lie between them",
        code="LK213",
        hint="correct the advisory in the profile: its route would go in a circle or pass the target",
    )


def _known_or_refused(profile: Profile, release: str, *, code: str, what: str) -> None:
    if profile.restricting is None:
        return
    known = known_releases(profile)
    if release in known:
        return
    raise RefusedError(
        f"{what} {release} is not a release that the profile {profile.name} knows",
        code=code,
        hint=f"known releases: {', '.join(known) or 'none'}",
    )


def known_releases(profile: Profile) -> Sequence[str]:
    """Releases whose last migration the profile knows, oldest first, as Lockage writes them. Raises ``UsageError`` (LK202)."""
    return [str(version) for version in sorted(parse_version(release) for release in profile.migrations.releases)]


def knowing(profile: Profile, release: str, last: int) -> Profile:
    """The profile with one release's last migration added, where it did not say it and may not know every release."""
    if last_migration(profile, release) is not None or profile.restricting is not None:
        return profile
    releases = {**profile.migrations.releases, normalised(release): last}
    return structs.replace(profile, migrations=structs.replace(profile.migrations, releases=releases, complete=False))


def last_migration(profile: Profile, release: str) -> int | None:
    """Number of the release's last migration; None where the profile does not say."""
    wanted = normalised(release)
    return next((last for name, last in profile.migrations.releases.items() if normalised(name) == wanted), None)
