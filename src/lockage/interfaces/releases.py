"""What is known here of an application's releases: its profile's table, the one kept from a checkout, a checkout itself.

Not for choosing one (``core.recovery``). The surprising thing: a later source wins release by release, since a profile is as
old as Lockage is, and a checkout as new as its last fetch.
"""

# ruff: noqa: PLC0415 - adapters are imported when they are needed, as in ``wiring``

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockage.core.release.fits import ReleaseTable, table_of
from lockage.core.release.profile import Profile
from lockage.interfaces.folders import Folders

if TYPE_CHECKING:
    from lockage.ports import Narrate


def known_tables(profile: Profile, *, folders: Folders) -> tuple[ReleaseTable, ...]:
    """The profile's own table and the one that was kept, in this order; either may be empty or missing."""
    from lockage.interfaces.wiring import kept_releases

    kept = kept_releases(folders, profile.name)
    own = table_of(profile)
    return tuple(table for table in (own, kept) if table is not None and table.releases)


def tables_with(
    profile: Profile, repository: Path | None, *, folder: str | None, folders: Folders, narrate: Narrate
) -> tuple[ReleaseTable, ...]:
    """As ``known_tables``, with what a checkout's tags say, which is kept for the next time. Raises LK574 to LK576."""
    from lockage.interfaces.wiring import releases_in_git

    if repository is None:
        return known_tables(profile, folders=folders)
    read = releases_in_git(repository, profile, folder=folder, folders=folders, narrate=narrate)
    return (*(table for table in (table_of(profile),) if table.releases), read)
