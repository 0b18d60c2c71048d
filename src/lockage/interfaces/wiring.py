"""Which adapter stands behind which port: for the command line, the only importer of adapters.

Not for work: flows do that. The surprising thing: what is opened here is closed here, by leaving a context, and closing never
ends what runs elsewhere (replicas, supervisor and database of the demo go on). And each function imports its adapters when it
is called, because a command should wait for those that it uses only.
"""

# ruff: noqa: PLC0415 - as said above

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockage.interfaces.folders import Folders
from lockage.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from lockage.adapters.load_samples import LoadSamples
    from lockage.core.forecast.production import Production
    from lockage.core.forecast.traffic import Traffic
    from lockage.core.migration.formats.format import Format
    from lockage.core.migration.script import Migration
    from lockage.core.plan.calendar_text import CalendarEntry
    from lockage.core.plan.window import Freeze
    from lockage.core.release.fits import ReleaseTable
    from lockage.core.release.profile import Profile
    from lockage.core.run import RunEvent
    from lockage.flows.world import World
    from lockage.interfaces.deployments import Deployment, Located
    from lockage.ports import Clock, Database, Journals, Narrate, Platform, Service, Shadows, Target


def system_clock() -> Clock:
    """The clock of this machine."""
    from lockage.adapters.clock import SystemClock

    return SystemClock()


def journals(folders: Folders) -> Journals:
    """The journals of this machine's runs."""
    from lockage.adapters.journal import SqliteJournals

    return SqliteJournals(folders.runs)


def load_samples(folders: Folders, deployment: str) -> LoadSamples:
    """The samples of a database's load that this machine has kept."""
    from lockage.adapters.load_samples import LoadSamples

    return LoadSamples(folders.state / "usage", deployment=deployment)


def load_query() -> str:
    """The query that gives one of them."""
    from lockage.adapters.postgres.session import load_sql

    return load_sql("read_load")


def freezes_in(file: Path, *, begin: datetime, end: datetime, zone: ZoneInfo) -> tuple[Freeze, ...]:
    """The events of a calendar file between two moments. Raises ``UsageError`` (LK546) as ``read_freezes`` says."""
    from lockage.adapters.calendars import read_freezes

    return read_freezes(file, begin=begin, end=end, zone=zone)


def calendar_of(entries: Iterable[CalendarEntry], *, now: datetime) -> bytes:
    """A calendar file with these events."""
    from lockage.adapters.calendars import write_calendar

    return write_calendar(entries, now=now)


def kept_releases(folders: Folders, profile: str) -> ReleaseTable | None:
    """The table of a profile's releases that this machine has kept."""
    from lockage.adapters.release_tables import kept_table

    return kept_table(folders.cache / "releases", profile)


def releases_in_git(
    repository: Path, profile: Profile, *, folder: str | None, folders: Folders, narrate: Narrate
) -> ReleaseTable:
    """The releases that a repository's tags name, with their migrations; kept. Raises as ``read_release_table`` does."""
    from lockage.adapters.release_tables import keep_table
    from lockage.adapters.sources.git import read_release_table
    from lockage.core.migration.formats.registry import format_named

    form, today = format_named(profile.migrations.format), system_clock().now().date().isoformat()
    table = read_release_table(repository, form=form, folder=folder, today=today, narrate=narrate)
    keep_table(folders.cache / "releases", profile.name, table)
    return table


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


def undoing_of(deployment: Deployment, version: int) -> str | None:
    """The text of a migration's own undoing (``….down.sql`` beside ``….up.sql``); None where it has none."""
    from lockage.adapters.sources.folder import read_folder, resolve
    from lockage.core.migration.formats.registry import format_named

    source = deployment.profile.migrations.source
    if source is None:
        return None
    form = format_named(deployment.profile.migrations.format)
    files = read_folder(resolve(source, relative_to=deployment.beside))
    for name in files:
        found = form.read_name(name)
        if found is not None and found.version == version and name.endswith(".up.sql"):
            down = files.get(name.removesuffix(".up.sql") + ".down.sql")
            return None if down is None else down.decode("utf-8-sig")
    return None


def backup_by(command: str, environment: Mapping[str, str]) -> Callable[[], None]:
    """Runs the user's backup command. Raises ``RefusedError`` (LK590) when it does not succeed."""
    from lockage.adapters.backup_command import run_backup

    return lambda: run_backup(command, environment=environment)


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
    return shadows(ledger=deployment.profile.migrations.ledger, password=deployment.database_password)


def shadows(*, ledger: str | None, password: Callable[[], str] | None = None) -> Shadows:
    """What makes shadows; ``ledger`` is the table (``schema.table``) whose rows they get, None: the usual ones.

    ``password`` is asked for each connection with a live database; None: the URL's.
    """
    from lockage.adapters.postgres.shadow import EmbeddedShadows

    return EmbeddedShadows(ledger=ledger, password=password)


def require_server_major(major: int) -> None:
    """Nothing, where a shadow of that very PostgreSQL can be made here. Raises UsageError (LK691), RefusedError (LK690)."""
    from lockage.adapters.postgres.shadow_server import require_major

    require_major(major)


def database(url: str, *, settings: Settings | None = None, password: Callable[[], str] | None = None) -> Database:
    """A live database; connected to at the first look, to be closed by the caller. ``password`` as above."""
    from lockage.adapters.postgres.database import PostgresDatabase

    return PostgresDatabase(url, watching=(settings or Settings()).watching, password=password)


def traffic(url: str, *, settings: Settings | None = None, password: Callable[[], str] | None = None) -> Traffic:
    """One look at who is at work in a live database; never fails. ``password`` as above."""
    from lockage.adapters.postgres.traffic import read_traffic

    settings = settings or Settings()
    return read_traffic(url, watching=settings.watching, waits=settings.waits, password=password)


def target(url: str, *, password: Callable[[], str] | None = None) -> Target:
    """A live database that is asked how fast it is. ``password`` as above."""
    from lockage.adapters.postgres.target import PostgresTarget

    return PostgresTarget(url, password=password)


def production_of(url: str, *, password: Callable[[], str] | None = None) -> Production:
    """What endangers a script on a live database's server; what may not be seen is None. ``password`` as above."""
    from lockage.adapters.postgres.production import production_of

    return production_of(url, watching=Settings().watching, password=password)


def folder_of_migrations(folder: Path, *, form: str | None, within: str | None = None) -> MigrationFiles:
    """The files of a folder or an archive and their format: the named one, or the one that they fit.

    ``within`` is a folder in it; in an archive it is otherwise the one with most migrations. Raises ``UsageError``: LK411 to
    LK413 for the folder, LK655 for an archive, LK406, LK402 and LK650 for the format.
    """
    from lockage.adapters.sources.archive import is_archive, read_archive
    from lockage.adapters.sources.folder import read_tree, resolve
    from lockage.core.migration.formats.places import files_within

    file = folder.expanduser()
    if is_archive(file) or (file.is_file() and file.suffix.lower() != ".sql"):
        files, place = files_within(read_archive(folder.expanduser()), within, forms=_forms(form))
        return _in_format(files, f"{folder}, {place}" if place else str(folder), form, folder=place)
    path = resolve(str(folder))
    path = path if within is None else resolve(within, relative_to=path)
    return _in_format(read_tree(path), str(path), form, folder=str(folder / within if within else folder))


def migrations_at_tag(repository: Path, tag: str, *, form: str | None, within: str | None = None) -> MigrationFiles:
    """The same from a Git repository at a tag. Raises as ``adapters.sources.git.read_files_at``."""
    from lockage.adapters.sources.git import read_files_at

    files, place = read_files_at(repository, tag, folder=within, forms=_forms(form))
    return _in_format(files, f"{place} of {repository} at {tag}", form, folder=place)


def _forms(form: str | None) -> tuple[Format, ...]:
    from lockage.core.migration.formats.registry import FORMATS, format_named

    return (format_named(form),) if form else tuple(FORMATS.values())


def _in_format(files: Mapping[str, bytes], where: str, form: str | None, *, folder: str) -> MigrationFiles:
    from lockage.core.migration.formats.registry import format_named, format_of

    known = format_named(form) if form else format_of(files, folder=where)
    return MigrationFiles(files=files, form=known, where=where, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFiles:
    """Files by name, their format, and where they are, for people and for programs."""

    files: Mapping[str, bytes]
    form: Format
    where: str
    folder: str  # that the names start from: as it was named, or in the repository or archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A deployment with everything resolved, and the world that it is in."""

    deployment: Deployment
    world: World


@contextmanager
def open_deployment(
    located: Located,
    *,
    tell: Callable[[RunEvent], None],
    glimpse: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
) -> Generator[Opened]:
    """A deployment with everything that is needed to look at it and act upon it, open while the context lasts.

    ``say`` gets what people should know of how it was found and reached. Raises what the platform raises when it is not there,
    and what finding the workload and its database raises; the database is connected to at the first look.
    """
    from lockage.core.progress import MigrationText
    from lockage.flows.world import World

    settings = settings or Settings()
    with ExitStack() as stack:
        deployment, platform, service = _placed(located, stack, say=say)
        texts = tuple(MigrationText(version=m.version, name=m.name, text=m.text) for m in migrations_of(deployment))
        live = database(deployment.database_url, settings=settings, password=deployment.database_password)
        stack.callback(live.close)
        world = World(
            deployment=deployment.name,
            profile=deployment.profile,
            platform=platform,
            database=live,
            service=service,
            clock=system_clock(),
            settings=settings,
            migrations=texts,
            tell=tell,
            glimpse=glimpse,
        )
        yield Opened(deployment=deployment, world=world)


@contextmanager
def open_world(
    located: Located,
    *,
    tell: Callable[[RunEvent], None],
    glimpse: Callable[[str], None] = lambda _: None,
    settings: Settings | None = None,
) -> Generator[World]:
    """The world of a deployment, open while the context lasts; as ``open_deployment``."""
    with open_deployment(located, tell=tell, glimpse=glimpse, settings=settings) as opened:
        yield opened.world


def _placed(located: Located, stack: ExitStack, *, say: Callable[[str], None]) -> tuple[Deployment, Platform, Service]:
    """The deployment resolved, and what stands for its platform and its service; what is open is closed by the stack."""
    from lockage.interfaces.deployments import resolved
    from lockage.interfaces.places import LocalPlace

    place = located.platform
    if isinstance(place, LocalPlace):
        from lockage.adapters.local.platform import LocalPlatform
        from lockage.adapters.service import HttpService

        platform = stack.enter_context(LocalPlatform(Path(place.folder)))
        return resolved(located, password=password_of_located(located)), platform, HttpService()
    from lockage.interfaces.wiring_kubernetes import on_kubernetes

    return on_kubernetes(located, place, stack, say=say)


def password_of_located(located: Located) -> Callable[[], str] | None:
    """What is asked for a password; None: the URL has it, or libpq's own files."""
    if not located.password_command or located.database_url is None:
        return None
    from lockage.adapters.password_command import password_of

    return password_of(located.password_command, url=located.database_url, environment=os.environ)
