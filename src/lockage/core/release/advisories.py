"""What is known of jumps from one release to another: the kinds of advisories, and which of them speak of a jump.

Not for choosing a route (``route``) nor a strategy (``core.plan``). The surprising thing: an advisory speaks of jumps, not of
releases, so the same two releases may be fine one after the other and bad in one step. The records are the shape of the TOML
tables: each kind has its own keys, and ``kind`` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from lockage.core.release.version import parse_version
from lockage.errors import UsageError


class _Advisory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every kind says: of which jumps, why, and where that is written.

    It speaks of a jump where ``from_at_least`` <= from < ``from_below``, and ``to_at_least`` <= to < ``to_below``.
    """

    code: str
    from_below: str
    to_at_least: str
    reason: str
    source: str  # where it can be read: an address, or the name of a document
    date: str  # of what it says: YYYY-MM-DD
    from_at_least: str = "0.0.0"
    to_below: str | None = None


class Detour(_Advisory, frozen=True, kw_only=True, tag="detour"):
    """Go through another release first."""

    via: str
    leave_when: str | None = None  # SQL giving one boolean: the hop is left when it is true
    leave_when_text: str = ""
    rows_after: str | None = None  # SQL giving (relation, rows): what the later hops will find, to forecast them now


class ExtraTime(_Advisory, frozen=True, kw_only=True, tag="extra-time"):
    """The jump takes longer than others."""

    typical_s: float | None = None  # what it takes where it is large; None: nobody has said
    most_s: float | None = None  # the longest that is known of
    tables: tuple[str, ...] = ()  # whose size decides


class ManualStep(_Advisory, frozen=True, kw_only=True, tag="manual-step"):
    """Something that a person must do beside the upgrade."""

    text: str  # what to do, as an order
    applies_when: str | None = None  # SQL giving one boolean: true where this deployment is concerned
    done_when: str | None = None  # SQL giving one boolean: true when it has been done


class ForbiddenOverlap(_Advisory, frozen=True, kw_only=True, tag="forbidden-overlap"):
    """Replicas of the old and of the new release must never run at the same time."""

    detect: str | None = None  # SQL giving one boolean: true where this deployment is concerned; None: every one is
    detect_text: str = ""  # what is so where it is true: "a quota is enforced"


Advisory = Detour | ExtraTime | ManualStep | ForbiddenOverlap


# --- which speak of a jump -----------------------------------------------------------------------------------------------


def speaks_of(advisory: Advisory, *, from_release: str, to_release: str) -> bool:
    """Whether the advisory speaks of the jump. Raises ``UsageError`` (LK202) when one of the releases is no version."""
    start, end = parse_version(from_release), parse_version(to_release)
    if not parse_version(advisory.from_at_least) <= start < parse_version(advisory.from_below):
        return False
    if end < parse_version(advisory.to_at_least):
        return False
    return advisory.to_below is None or end < parse_version(advisory.to_below)


def advisories_for(advisories: Iterable[Advisory], *, from_release: str, to_release: str) -> tuple[Advisory, ...]:
    """Those that speak of the jump, as they stand. Raises ``UsageError`` (LK202)."""
    return tuple(found for found in advisories if speaks_of(found, from_release=from_release, to_release=to_release))


def detours_for(advisories: Iterable[Advisory], *, from_release: str, to_release: str) -> tuple[Detour, ...]:
    """The detours that the jump asks for, nearest release to go through first.

    A detour through one of the two ends asks for nothing. Raises ``UsageError`` (LK202).
    """
    ends = {parse_version(from_release), parse_version(to_release)}
    asked = [
        found
        for found in advisories_for(advisories, from_release=from_release, to_release=to_release)
        if isinstance(found, Detour) and parse_version(found.via) not in ends
    ]
    return tuple(sorted(asked, key=lambda detour: (parse_version(detour.via), detour.code)))


def newest_date(advisories: Iterable[Advisory]) -> str | None:
    """Date of the newest advisory, as written; None without any."""
    return max((advisory.date for advisory in advisories), default=None)


# --- what makes no sense -------------------------------------------------------------------------------------------------


def faults(advisories: Iterable[Advisory], *, known: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """Each key whose value has the right type and makes no sense, with what was expected.

    ``known``: the releases that a detour may lead through; None: any.
    """
    codes: set[str] = set()
    for index, advisory in enumerate(advisories):
        key = f"advisories[{index}]"
        if advisory.code in codes:
            yield f"{key}.code", f"a code of its own, got {advisory.code!r} a second time"
        codes.add(advisory.code)
        yield from _range_faults(key, advisory)
        yield from _kind_faults(key, advisory, known=known)


def _range_faults(key: str, advisory: Advisory) -> Iterator[tuple[str, str]]:
    for name in ("from_at_least", "from_below", "to_at_least", "to_below"):
        value: str | None = getattr(advisory, name)
        if value is not None and not is_version(value):
            yield f"{key}.{name}", f"a release version such as 2.26.0, got {value!r}"
            return
    if parse_version(advisory.from_at_least) >= parse_version(advisory.from_below):
        yield f"{key}.from_below", f"a release above from_at_least {advisory.from_at_least}, got {advisory.from_below!r}"
    if advisory.to_below is not None and parse_version(advisory.to_at_least) >= parse_version(advisory.to_below):
        yield f"{key}.to_below", f"a release above to_at_least {advisory.to_at_least}, got {advisory.to_below!r}"
    try:
        date.fromisoformat(advisory.date)
    except ValueError:
        yield f"{key}.date", f"a day such as 2026-09-21, got {advisory.date!r}"


def _kind_faults(key: str, advisory: Advisory, *, known: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    match advisory:
        case Detour(via=via):
            if not is_version(via):
                yield f"{key}.via", f"a release version such as 2.26.0, got {via!r}"
            elif known is not None and parse_version(via) not in map(parse_version, known):
                yield f"{key}.via", f"one of migrations.releases ({', '.join(known)}), got {via!r}"
        case ExtraTime(typical_s=typical_s, most_s=most_s):
            if typical_s is not None and typical_s <= 0:
                yield f"{key}.typical_s", f"a number of seconds above 0, got {typical_s:g}"
            if most_s is not None and most_s < max(typical_s or 0.0, 1.0):
                yield f"{key}.most_s", f"at least typical_s and one second, got {most_s:g}"
        case ManualStep() | ForbiddenOverlap():
            return


def is_version(text: str) -> bool:
    """Whether the text is a release version."""
    try:
        parse_version(text)
    except UsageError:
        return False
    return True
