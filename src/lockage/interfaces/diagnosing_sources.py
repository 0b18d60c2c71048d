"""Where the evidence of a deployment in trouble comes from, whichever platform it runs on: its database, its migrations.

Part of ``wiring``. The surprising thing: migrations that cannot be read are no error here, but evidence that is missing.
"""

from __future__ import annotations

from collections.abc import Callable

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.examination import PostgresExaminer
from lockage.core.diagnosis.evidence import Missing
from lockage.core.progress import MigrationText
from lockage.errors import LockageError
from lockage.flows.collect_database import Reached
from lockage.interfaces.deployments import Deployment
from lockage.interfaces.wiring import migrations_of
from lockage.settings import Settings


def reached_at(
    url: str,
    *,
    settings: Settings,
    password: Callable[[], str] | None,
    role: str | None = None,
    close_way: Callable[[], None] = lambda: None,
) -> Reached:
    """The database at an address that leads there from here."""
    closer = PostgresExaminer(url, watching=settings.watching, password=password)
    return Reached(
        database=PostgresDatabase(url, watching=settings.watching, password=password),
        closer=closer,
        role=role,
        close_closer=closer.close,
        close_way=close_way,
    )


def script_of(deployment: Deployment) -> tuple[tuple[MigrationText, ...], tuple[Missing, ...]]:
    """The application's migrations, oldest first, and why there are none where they cannot be read."""
    try:
        migrations = migrations_of(deployment)
    except LockageError as error:
        return (), (Missing(source="the text of the migrations", why=error.message),)
    return tuple(MigrationText(version=m.version, name=m.name, text=m.text) for m in migrations), ()
