"""Which adapter stands behind which port: for the command line, the only importer of adapters.

Not for work: flows do that. The surprising thing: what is opened here is closed here, by leaving a context, and closing never
ends what runs elsewhere (replicas, supervisor and database of the demo go on). And each function imports its adapters when it
is called, because a command should wait for those that it uses only.
"""

# ruff: noqa: PLC0415 - as said above

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockage.interfaces.folders import Folders
from lockage.settings import Settings

if TYPE_CHECKING:
    from lockage.core.migration.formats.format import Format
    from lockage.core.migration.script import Migration
    from lockage.core.run import RunEvent
    from lockage.flows.world import World
    from lockage.interfaces.deployments import Deployment
    from lockage.ports import Clock, Database, Journals, Shadows


def system_clock() -> Clock:
    """The clock of this machine."""
    from lockage.adapters.clock import SystemClock

    return SystemClock()


def journals(folders: Folders) -> Journals:
    """The journals of this machine's runs."""
    from lockage.adapters.journal import SqliteJournals

    return SqliteJournals(folders.runs)


def migrations_of(deployment: Deployment) -> tuple[Migration, ...]:
    """All migrations of the application, oldest first; none where nobody says where they are.

    Raises ``UsageError`` as ``sources.folder`` and ``core.migration.script`` say.
    """
    from lockage.adapters.sources.folder import read_folder, resolve
    from lockage.core.migration.formats.registry import format_named
    from lockage.core.migration.script import read_migrations

    profile = deployment.profile.migrations
    if profile.source is None:
        return ()
    folder = resolve(profile.source, relative_to=deployment.beside)
    return read_migrations(read_folder(folder), form=format_named(profile.format), folder=str(folder))


def form_of(deployment: Deployment) -> Format:
    """The format of the application's migrations."""
    from lockage.core.migration.formats.registry import format_named

    return format_named(deployment.profile.migrations.format)


def statements_of(deployment: Deployment, release: str) -> tuple[str, ...]:
    """What a release asks of its database; empty when the profile does not say.

    Raises ``UsageError`` when a file cannot be read or does not parse.
    """
    from lockage.adapters.sources.folder import read_statements
    from lockage.core.release.statements import layers, merged

    profile = deployment.profile
    source = profile.statements.source
    if source is None:
        return ()
    names = layers(release, tuple(profile.migrations.releases), inherit=profile.statements.inherit)
    return merged([(f"{n}.sql", read_statements(source, n, relative_to=deployment.beside)) for n in names])


def shadows_of(deployment: Deployment) -> Shadows:
    """What makes shadows of the deployment's database, its ledger's rows included."""
    return shadows(ledger=deployment.profile.migrations.ledger)


def shadows(*, ledger: str | None) -> Shadows:
    """What makes shadows; ``ledger`` is the table (``schema.table``) whose rows they get, None: the usual ones."""
    from lockage.adapters.postgres.shadow import EmbeddedShadows

    return EmbeddedShadows(ledger=ledger)


def database(url: str, *, settings: Settings | None = None) -> Database:
    """A live database; connected to at the first look, to be closed by the caller."""
    from lockage.adapters.postgres.database import PostgresDatabase

    return PostgresDatabase(url, watching=(settings or Settings()).watching)


def folder_of_migrations(folder: Path, *, form: str | None) -> tuple[Mapping[str, bytes], Format]:
    """The files of a folder and their format: the named one, or the one that their names fit.

    Raises ``UsageError``: LK411 to LK413 for the folder, LK406 for the format.
    """
    from lockage.adapters.sources.folder import read_folder, resolve
    from lockage.core.migration.formats.registry import format_named, format_of

    files = read_folder(resolve(str(folder)))
    return files, format_named(form) if form else format_of(files)


@contextmanager
def open_world(
    deployment: Deployment,
    *,
    tell: Callable[[RunEvent], None],
    glimpse: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
) -> Generator[World]:
    """A deployment with everything that is needed to look at it and act upon it, open while the context lasts.

    Raises what the platform raises when it is not there; the database is connected to at the first look.
    """
    from lockage.adapters.local.platform import LocalPlatform
    from lockage.adapters.service import HttpService
    from lockage.core.progress import MigrationText
    from lockage.flows.world import World

    settings = settings or Settings()
    texts = tuple(MigrationText(version=m.version, name=m.name, text=m.text) for m in migrations_of(deployment))
    with LocalPlatform(Path(deployment.platform.folder)) as platform:
        live = database(deployment.database_url, settings=settings)
        try:
            yield World(
                deployment=deployment.name,
                profile=deployment.profile,
                platform=platform,
                database=live,
                service=HttpService(),
                clock=system_clock(),
                settings=settings,
                migrations=texts,
                tell=tell,
                glimpse=glimpse,
            )
        finally:
            live.close()
