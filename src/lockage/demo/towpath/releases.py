"""The releases of towpath: what each one migrates to, asks of its database, and does in the background.

Must stay light, since ``towpath version`` imports it. The surprising thing: patch releases of an older minor share the
sequence of migrations with the next minor (2.26.6 brings number 13, 2.27.8 the numbers 14 to 18), so a database may come to
2.27.8 from 12 as well as from 13, and a release is told from its last number, never from its minor.

Going from 2.26.0 straight to 2.27.8 rewrites and indexes every row of ``api_keys`` under lock, expired ones too. 2.26.6
deletes in the background the keys that expired more than seven days ago. It may be left for 2.27.8 when `LEAVE_WHEN_SQL`
answers true.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockage.demo.towpath.errors import UnknownReleaseError

LEAVE_WHEN_SQL = "SELECT NOT EXISTS (SELECT FROM api_keys WHERE expires_at < now() - interval '8 days')"
"""True when 2.26.6 has purged what it purges. It purges after seven days; the eighth is slack, so that a key that becomes
old enough while one looks does not turn the answer back to false until the next round of the purge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of towpath."""

    version: str
    """As ``2.26.0``, without a ``v``."""
    built_at: str
    """When it was built, in UTC, as ``date`` prints it."""
    last_migration: int
    """Number of the newest migration that it brings; it brings all before it too."""
    statement_sets: tuple[str, ...]
    """Names of files in ``statements/``, later ones replacing statements of earlier ones."""
    purges_expired_keys: bool
    """Whether its servers delete long expired API keys in the background."""

    @property
    def tag(self) -> str:
        """The version as users see it, with a ``v``."""
        return f"v{self.version}"


_RELEASES = (
    Release(
        version="2.26.0",
        built_at="Wed Sep  3 15:04:21 UTC 2025",
        last_migration=12,
        statement_sets=("2.26.0",),
        purges_expired_keys=False,
    ),
    Release(
        version="2.26.6",
        built_at="Thu Nov 20 10:41:07 UTC 2025",
        last_migration=13,
        statement_sets=("2.26.0", "2.26.6"),
        purges_expired_keys=True,
    ),
    Release(
        version="2.27.8",
        built_at="Thu Dec  4 09:12:55 UTC 2025",
        last_migration=18,
        statement_sets=("2.26.0", "2.26.6", "2.27.8"),
        purges_expired_keys=True,
    ),
    Release(
        version="2.27.9",
        built_at="Tue Dec 16 16:30:12 UTC 2025",
        last_migration=19,
        statement_sets=("2.26.0", "2.26.6", "2.27.8", "2.27.9"),
        purges_expired_keys=True,
    ),
)


def releases() -> tuple[Release, ...]:
    """Every release, oldest first."""
    return _RELEASES


def release_named(version: str) -> Release:
    """The release of that version; a leading ``v`` is allowed.

    Raises UnknownReleaseError, naming those that exist.
    """
    for release in _RELEASES:
        if release.version == version.removeprefix("v"):
            return release
    known = ", ".join(release.version for release in _RELEASES)
    raise UnknownReleaseError(f"there is no towpath {version}; there are {known}")


def migrations_dir() -> Path:
    """The one folder with the migrations of all releases, named as golang-migrate names them."""
    return Path(__file__).parent / "migrations"
