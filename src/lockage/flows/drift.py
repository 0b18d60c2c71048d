"""Whether a database's catalog is the one that a clean run of its migrations makes: both are read, and compared.

Not for repairing it. The surprising thing: the ledger's version says which migrations to run, and not the release, since it is
the ledger that may be full over a schema which is neither release's.

Codes: LK422 a migration cannot be run on a shadow · LK708 it reaches out of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockage.core.catalog.drift import Drift, drifts
from lockage.core.catalog.objects import Catalog, CatalogObject, catalog_of
from lockage.core.facts import Check, LedgerState
from lockage.core.migration.reaching import Reaching
from lockage.core.migration.statement import split_statements
from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.flows.world import World
from lockage.ports import Database, Narrate, Shadow, Shadows

CHEAP = 200
"""Migrations up to which a comparison is made unasked: about 25 ms each, a server start included, so at most five seconds."""

NAMED = 8
"""Differences that a check's one sentence names; all of them stand behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of comparing catalogs."""

    version: int | None  # of the ledger, to which a clean run was made; None: none was
    drifts: tuple[Drift, ...] = ()
    why_not: str | None = None  # a clause: why it was not compared

    @property
    def check(self) -> Check:
        """The comparison as one of the checks of ``verify``; one that could not be made is ok, and says so."""
        if self.why_not is not None:
            return Check(name="catalog", ok=True, text=f"not compared: {self.why_not}")
        harm = [drift for drift in self.drifts if drift.harmful]
        others = len(self.drifts) - len(harm)
        beside = f"; {others} harmless {'difference' if others == 1 else 'differences'} beside" if others else ""
        if not harm:
            text = f"is the one that a clean run up to migration {self.version} makes{beside}"
            return Check(name="catalog", ok=True, text=text)
        named = "; ".join(drift.text for drift in harm[:NAMED])
        more = f"; and {len(harm) - NAMED} more" if len(harm) > NAMED else ""
        text = f"differs from a clean run up to migration {self.version}: {named}{more}{beside}"
        return Check(name="catalog", ok=False, text=text, hint="the repair of each stands below: read it before you execute it")


def compare(world: World, shadows: Shadows, *, asked: bool, narrate: Narrate = lambda _: None) -> Comparison:
    """The live catalog against a clean run's; not made where that takes long and nobody asked, or cannot be."""
    of = Compared(database=world.database, profile=world.profile, migrations=world.migrations)
    return compare_catalog(of, shadows, asked=asked, narrate=narrate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whose catalog is compared."""

    database: Database
    profile: Profile
    migrations: Sequence[MigrationText]  # of all releases, oldest first; empty when not known


def compare_catalog(of: Compared, shadows: Shadows, *, asked: bool, narrate: Narrate = lambda _: None) -> Comparison:
    """As ``compare``, of a database alone; ``narrate`` may raise, to end it."""
    if not of.migrations:
        return Comparison(version=None, why_not="nobody says where its migrations are (--migrations DIR)")
    reading = of.database.ledger(of.profile)
    if reading.state is not LedgerState.READ or reading.version is None or reading.dirty:
        state = "dirty" if reading.dirty else str(reading.state)
        return Comparison(version=None, why_not=f"the ledger is {state}, so nobody knows which schema it should be")
    script = [migration for migration in of.migrations if migration.version <= reading.version]
    if not any(migration.version == reading.version for migration in script):
        return Comparison(version=None, why_not=f"migration {reading.version} is not among those that are known here")
    if len(script) > CHEAP and not asked:
        return Comparison(version=None, why_not=f"{len(script)} migrations take more than a moment: lockage verify --catalog")
    try:
        narrate("reading the catalog")
        actual = _catalog(of.database.catalog(), of.profile)
        major = of.database.server().major
        with shadows.empty(major=major) as shadow:
            run_clean(shadow, script, narrate=narrate)
            expected = _catalog(shadow.catalog(), of.profile)
            same_major = shadow.major == major
    except LockageError as error:
        if asked:
            raise
        return Comparison(version=None, why_not=error.message)
    return Comparison(version=reading.version, drifts=drifts(expected, actual, same_major=same_major))


def run_clean(shadow: Shadow, script: Sequence[MigrationText], *, narrate: Narrate = lambda _: None) -> None:
    """Run migrations on a shadow, oldest first. Raises what ``clean_runs`` does."""
    for _ in clean_runs(shadow, script, narrate=narrate):
        pass


def clean_runs(
    shadow: Shadow, script: Sequence[MigrationText], *, narrate: Narrate = lambda _: None
) -> Iterator[MigrationText]:
    """Run migrations on a shadow, oldest first, and give each when it has been run.

    Raises ``RefusedError`` naming the one that cannot be run (LK422), or must not be, since it reaches out of the database
    (LK708): without it nobody knows which schema the others make. So one that cannot be read is not run either (LK422).
    """
    reaching = Reaching()
    for number, migration in enumerate(script, start=1):
        named = f"migration {migration.version} ({migration.name})"
        narrate(f"migration {number} of {len(script)} on a shadow: {migration.name}")
        try:
            outside = next(reaching.left_out(split_statements(migration.text, file=migration.name)), None)
            if outside is None:
                shadow.run(migration.text)
        except (RefusedError, UsageError) as error:
            text = f"{named} cannot be run on a shadow: {error.message}"
            raise RefusedError(text, code="LK422", hint=error.hint) from error
        if outside is not None:
            text = f"{named} is not run on a shadow: its line {outside.line} reaches out of the database"
            raise RefusedError(text, code="LK708", hint=f"what comes of it only production knows: {outside.headline}")
        yield migration


def _catalog(objects: Sequence[CatalogObject], profile: Profile) -> Catalog:
    return catalog_of(objects, without=profile.migrations.ledger)
