"""Which advisories of a profile speak of a jump from one release to another.

Not for choosing a route (``route``). The surprising thing: an advisory speaks of jumps, not of releases, so the same two
releases may be fine one after the other and bad in one step.
"""

from __future__ import annotations

from collections.abc import Iterable

from lockage.core.release.profile import Detour
from lockage.core.release.version import parse_version


def detour_applies(detour: Detour, *, from_release: str, to_release: str) -> bool:
    """Whether the advisory speaks of the jump: ``from_at_least`` <= from < ``from_below``, and the target likewise.

    Raises ``UsageError`` (LK202) when one of the five is no version.
    """
    start, end = parse_version(from_release), parse_version(to_release)
    if not parse_version(detour.from_at_least) <= start < parse_version(detour.from_below):
        return False
    if end < parse_version(detour.to_at_least):
        return False
    return detour.to_below is None or end < parse_version(detour.to_below)


def detours_for(detours: Iterable[Detour], *, from_release: str, to_release: str) -> tuple[Detour, ...]:
    """The detours that the jump asks for, nearest release to go through first.

    A detour through one of the two ends asks for nothing. Raises ``UsageError`` (LK202).
    """
    ends = {parse_version(from_release), parse_version(to_release)}
    asked = [
        detour
        for detour in detours
        if detour_applies(detour, from_release=from_release, to_release=to_release) and parse_version(detour.via) not in ends
    ]
    return tuple(sorted(asked, key=lambda detour: (parse_version(detour.via), detour.code)))


def newest_date(detours: Iterable[Detour]) -> str | None:
    """Date of the newest advisory, as written; None without any."""
    return max((detour.date for detour in detours), default=None)
