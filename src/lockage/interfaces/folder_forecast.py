"""A forecast of any folder of migrations, with or without a database.

Not for deployments (``forecasting``). The surprising thing: a database without ``--from`` is asked twice, once for its ledger
and once for its schema; nothing else of it is looked at, and nothing is written.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from lockage.core.forecast.assess import Forecast
from lockage.core.migration.formats.format import Format, Transaction
from lockage.core.migration.script import Migration, read_migrations
from lockage.core.release.generic import profile_of_migrations
from lockage.errors import UsageError
from lockage.flows.forecast import forecast_database, forecast_folder
from lockage.flows.pending import applied_version
from lockage.interfaces import wiring
from lockage.ports import Narrate


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderQuestion:
    """What was asked; None: not said."""

    folder: Path
    form: str | None = None
    from_version: int | None = None
    to_version: int | None = None
    transaction: Transaction | None = None
    database_url: str | None = None


def forecast_of_folder(question: FolderQuestion, *, narrate: Narrate) -> Forecast:
    """The forecast.

    Raises ``UsageError`` for a folder, a file or a range that is wrong, and ``RefusedError`` for a database that cannot be
    read, is dirty or is newer than the folder.
    """
    files, form = wiring.folder_of_migrations(question.folder, form=question.form)
    migrations = read_migrations(files, form=form, folder=str(question.folder))
    if question.database_url is None:
        return forecast_folder(
            migrations,
            form=form,
            shadows=wiring.shadows(ledger=form.default_ledger),
            narrate=narrate,
            from_version=question.from_version,
            to_version=question.to_version,
            transaction=question.transaction,
        )
    return forecast_database(
        migrations,
        url=question.database_url,
        form=form,
        shadows=wiring.shadows(ledger=form.default_ledger),
        narrate=narrate,
        from_version=_applied(question, question.database_url, migrations, form),
        to_version=question.to_version,
        transaction=question.transaction,
    )


def _applied(question: FolderQuestion, url: str, migrations: tuple[Migration, ...], form: Format) -> int:
    if question.from_version is not None:
        return question.from_version
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
    with closing(wiring.database(url)) as database:
        return applied_version(database, profile, newest=migrations[-1].version)
