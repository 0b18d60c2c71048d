"""A ledger whose rows are gone, and which migration the schema itself says that it is at.

Not for reading catalogs (``flows.lost_ledger``). The surprising thing: the schema must fit exactly one of the versions at
which a migrator can have stopped. Two that fit differ in rows only, which no catalog shows, and then a person says which it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile


class LostLedger(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger without rows over tables that exist."""

    table: str
    fitting: tuple[int, ...]  # versions whose clean run makes the catalog that is there
    looked_at: tuple[int, ...]  # versions that were compared
    ways: tuple[tuple[int, tuple[str, ...]], ...] = ()  # of each fitting version, the SQL that writes it

    @property
    def version(self) -> int | None:
        """The one version that fits; None where none does, or several do."""
        return self.fitting[0] if len(self.fitting) == 1 else None

    @property
    def sql(self) -> tuple[str, ...]:
        """What writes that version."""
        return dict(self.ways).get(self.version, ()) if self.version is not None else ()


def stops(script: Sequence[MigrationText], profile: Profile) -> tuple[int, ...]:
    """Versions at which a migrator of this application stops: the ends of releases where all is one transaction, else any."""
    versions = tuple(migration.version for migration in script)
    if profile.migrations.transaction != "whole":
        return versions
    ends = set(profile.migrations.releases.values())
    return tuple(version for version in versions if version in ends) or versions[-1:]
