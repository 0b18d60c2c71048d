"""A forecast of any folder, archive or tag of migrations, with or without a database.

Not for deployments (``forecasting``). The surprising thing: a database without ``--from`` is asked twice, once for its ledger
and once for its schema; nothing else of it is looked at, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.production import Production
from lockage.core.migration.applied import Applied
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.formats.registry import overlooked
from lockage.core.migration.formats.variables import unused
from lockage.core.migration.script import Migration, number_of, read_migrations, version_named
from lockage.core.release.generic import profile_of_migrations
from lockage.core.release.statements import RunningRelease
from lockage.core.wording import counted
from lockage.errors import UsageError
from lockage.flows.calibrate import Measure, calibrating
from lockage.flows.check_data import as_it_is
from lockage.flows.forecast import Beside, forecast_database, forecast_folder
from lockage.flows.pending import applied_by_rows, applied_version, nothing_applied
from lockage.interfaces import wiring
from lockage.interfaces.checking import asking
from lockage.interfaces.hazards import hazard_question
from lockage.interfaces.offline import opened_survey
from lockage.interfaces.offline_release import transaction_of
from lockage.interfaces.wiring_statements import statements_in, statements_saved, statements_seen
from lockage.ports import Database, Narrate, Shadows


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderQuestion:
    """What was asked; None: not said. A version is a number, or what the format calls it: ``1.10``, ``20240101_name``."""

    folder: Path  # or an archive; with ``tag`` a Git repository
    form: str | None = None
    from_version: int | str | None = None  # with ``tag`` it may be a tag too: what that one has is applied
    to_version: int | str | None = None
    transaction: Transaction | None = None
    database_url: str | None = None
    survey: Path | None = None  # a file that stands for the database
    tag: str | None = None
    within: str | None = None  # a folder in the archive or the repository
    values: Mapping[str, str] = field(default_factory=dict[str, str])  # of variables in the files
    server_major: int | None = None  # of PostgreSQL, where no database says it
    measure: Measure | None = None  # what may be timed on the database
    check_data: bool = False  # ask the database whether the script would fail on its rows
    statements: Path | None = None  # a file with those of the running release; None: those that the database has counted


def forecast_of_folder(question: FolderQuestion, *, narrate: Narrate) -> Forecast:
    """The forecast.

    Raises ``UsageError`` for a folder, a file, statements or a range that are wrong, and ``RefusedError`` for a database that
    cannot be read, is dirty or is newer than the folder.
    """
    if question.server_major is not None:
        wiring.require_server_major(question.server_major)
    source, migrations = _read(question, question.tag)
    named = None if question.statements is None else statements_in(question.statements)
    narrate(f"reading {counted(len(migrations), 'migration')} of {source.where} as {source.form.name}")
    asked = _Asked(
        question=question,
        source=source,
        migrations=migrations,
        from_version=_start(question, migrations),
        to_version=_number(migrations, question.to_version, option="--to"),
    )
    if question.survey is not None:
        made = _of_survey(asked, question.survey, named, narrate=narrate)
    elif question.database_url is not None:
        made = _of_database(asked, question.database_url, named, narrate=narrate)
    else:
        made = _of_migrations(asked, named, narrate=narrate)
    return replace(made, script=replace(made.script, folder=source.folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question with what was read for it."""

    question: FolderQuestion
    source: wiring.MigrationFiles
    migrations: tuple[Migration, ...]
    from_version: int | None
    to_version: int | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about files that are no migrations."""
        form, files = self.source.form, self.source.files
        return (*form.remarks(files), *overlooked(form, files), *self._unused())

    def _unused(self) -> Iterator[str]:
        said = self.question.values
        texts = (content.decode(errors="replace") for content in self.source.files.values()) if said else ()
        return (f"no file asks for a variable {name}, so --set {name} changed nothing" for name in unused(said, texts))


def _of_survey(asked: _Asked, survey: Path, named: RunningRelease | None, *, narrate: Narrate) -> Forecast:
    with opened_survey(survey, ledger=asked.source.form.default_ledger) as offline:
        transaction = asked.question.transaction or transaction_of(offline.survey.about)
        return _on_database(
            replace(asked, question=replace(asked.question, transaction=transaction)),
            url="",
            shadows=offline.shadows,
            database=lambda: nullcontext(offline.database),
            statements=named or statements_saved(offline.survey),
            production=offline.production,
            beside=Beside(calibrate=calibrating(offline.target, narrate=narrate), traffic=offline.traffic),
            narrate=narrate,
        )


def _of_database(asked: _Asked, url: str, named: RunningRelease | None, *, narrate: Narrate) -> Forecast:
    question = asked.question
    return _on_database(
        asked,
        url=url,
        shadows=wiring.shadows(ledger=asked.source.form.default_ledger),
        database=lambda: closing(wiring.database(url)),
        statements=named or statements_seen(url),
        beside=Beside(
            calibrate=calibrating(wiring.target(url), measure=question.measure, narrate=narrate),
            traffic=wiring.traffic(url),
            ask_data=asking(url, narrate=narrate) if question.check_data else as_it_is,
        ),
        narrate=narrate,
    )


def _of_migrations(asked: _Asked, named: RunningRelease | None, *, narrate: Narrate) -> Forecast:
    """The forecast on the schema that the earlier migrations make."""
    question, form = asked.question, asked.source.form
    return forecast_folder(
        asked.migrations,
        form=form,
        server_major=question.server_major,
        shadows=wiring.shadows(ledger=form.default_ledger),
        narrate=narrate,
        from_version=asked.from_version,
        to_version=asked.to_version,
        transaction=question.transaction,
        statements=named or (),
        remarks=asked.remarks,
        beside=Beside(hazards=hazard_question(None)),
    )


def _on_database(
    asked: _Asked,
    *,
    url: str,
    shadows: Shadows,
    database: Callable[[], AbstractContextManager[Database]],
    statements: RunningRelease,
    production: Production | None = None,
    beside: Beside,
    narrate: Narrate,
) -> Forecast:
    """The forecast for what a database, or the file that stands for it, has not applied yet."""
    question, source, migrations = asked.question, asked.source, asked.migrations
    if asked.from_version is None:
        with database() as opened:
            applied = _applied(question, opened, migrations, source)
        _require_not_passed(migrations, applied.version, asked.to_version)
    else:
        applied = Applied(version=asked.from_version)
    hazards = hazard_question(question.database_url, applied=applied)
    return forecast_database(
        migrations,
        url=url,
        form=source.form,
        shadows=shadows,
        narrate=narrate,
        from_version=applied.version,
        to_version=asked.to_version,
        transaction=question.transaction,
        statements=statements,
        remarks=(*asked.remarks, *applied.remarks),
        beside=replace(beside, hazards=hazards if production is None else replace(hazards, production=production)),
    )


def _require_not_passed(migrations: Sequence[Migration], applied: int | None, to_version: int | None) -> None:
    if applied is None or to_version is None or to_version >= applied:
        return
    last, end = (
        next((each.label for each in migrations if each.version == version and each.label), str(version))
        for version in (applied, to_version)
    )
    raise UsageError(
        f"the database has applied {last} already, and --to {end} ends before it",
        code="LK405",
        hint="leave --to out, or name a later migration; as if less were applied: --from V",
    )


def _read(question: FolderQuestion, tag: str | None) -> tuple[wiring.MigrationFiles, tuple[Migration, ...]]:
    if tag is None:
        source = wiring.folder_of_migrations(question.folder, form=question.form, within=question.within)
    else:
        source = wiring.migrations_at_tag(question.folder, tag, form=question.form, within=question.within)
    return source, read_migrations(source.files, form=source.form, folder=source.where, values=question.values)


def _start(question: FolderQuestion, migrations: Sequence[Migration]) -> int | None:
    said = question.from_version
    if question.tag is None or not isinstance(said, str):
        return _number(migrations, said, option="--from")
    try:
        return version_named(migrations, said, option="--from")
    except UsageError as no_version:
        try:
            _, earlier = _read(question, said)
        except UsageError:
            raise no_version from None
    last = [migration for migration in earlier if not migration.repeatable][-1:]
    return version_named(migrations, last[0].label or str(last[0].version), option=f"--from {said}:") if last else 0


def _number(migrations: Sequence[Migration], said: int | str | None, *, option: str) -> int | None:
    return version_named(migrations, said, option=option) if isinstance(said, str) else said


def _applied(
    question: FolderQuestion, database: Database, migrations: tuple[Migration, ...], source: wiring.MigrationFiles
) -> Applied:
    form = source.form
    if form.applied is not None:
        return applied_by_rows(database, form.applied, migrations, files=source.files)
    if form.default_ledger is None:
        raise UsageError(
            f"files named {form.naming} have no ledger of their own, so the database does not say what it has applied",
            code="LK003",
            hint="say it: --from V (0: nothing is applied)",
        )
    profile = profile_of_migrations(
        form=cast("Literal['golang-migrate', 'plain']", form.name),
        source=str(question.folder),
        transaction=question.transaction or form.transaction,
        ledger=form.default_ledger,
    )
    versioned = [migration for migration in migrations if not migration.repeatable]
    newest = max(int(migration.label or migration.version) for migration in versioned)
    version = applied_version(database, profile, newest=newest)
    return Applied(version=number_of(versioned, version)) if version else nothing_applied(database, form.default_ledger)
