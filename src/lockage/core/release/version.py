"""Release versions: read as people and programs write them, compared, and counted.

Not for PostgreSQL's version nor for numbers of migrations. The surprising thing: what follows a ``+`` (a build) is cut,
since two builds of one release are the same release to us, while what follows a ``-`` (a pre-release) is older than the
release itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from lockage.errors import UsageError

_SHAPE = re.compile(
    r"v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One release version, ordered as releases are. Source: Semantic Versioning 2.0.0, section 11."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()  # identifiers of a pre-release; empty for a release

    def __str__(self) -> str:
        """Without a leading ``v`` and without a build."""
        release = f"{self.major}.{self.minor}.{self.patch}"
        return f"{release}-{'.'.join(self.pre)}" if self.pre else release

    def __lt__(self, other: Version) -> bool:
        """Whether this one is older."""
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        # Numeric identifiers stand before words, a shorter list before a longer one, and no list after every list.
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, pre)


def parse_version(text: str) -> Version:
    """The version in ``v2.26.0``, ``2.26.0`` or ``2.26.0-devel+abc``.

    Raises ``UsageError`` (LK202).
    """
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text.strip()!r} is not a release version",
            code="LK202",
            hint="give all three numbers, such as 2.26.0",
        )
    pre = match["pre"]
    return Version(
        major=int(match["major"]),
        minor=int(match["minor"]),
        patch=int(match["patch"]),
        # ``01`` and ``1`` would be equal in order and unequal as text: keep the number only.
        pre=tuple(str(int(part)) if part.isdigit() else part for part in pre.split(".")) if pre else (),
    )


def normalised(text: str) -> str:
    """The version as Lockage writes it: no leading ``v``, no build. Raises ``UsageError`` (LK202)."""
    return str(parse_version(text))


def minors_crossed(from_release: str, to_release: str, *, known: Iterable[str] = ()) -> int:
    """How many times the minor (or major) number changes on the way.

    Within one major it is the difference of the minors. From one major to another it counts the minors among ``known``
    releases, since nobody else can say how many the older major had; the target's own counts in any case.
    Raises ``UsageError`` (LK202).
    """
    start, end = parse_version(from_release), parse_version(to_release)
    if start.major == end.major:
        return max(0, end.minor - start.minor)
    first, last = (start.major, start.minor), (end.major, end.minor)
    minors = {(version.major, version.minor) for version in map(parse_version, known)}
    return len({minor for minor in minors if first < minor <= last} | {last})
