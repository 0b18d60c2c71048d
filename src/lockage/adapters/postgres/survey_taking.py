"""Takes of a live database what a forecast elsewhere needs, once, changing nothing and waiting for nobody.

Not for the survey that people read. The surprising thing: a statement of the server's statistics may still hold values, of
commands that it does not take apart (``ALTER ROLE … PASSWORD``), so only what can be tried on a shadow is kept, and that once
more without values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from lockage.adapters.postgres.original import LEDGER_NAMES, Original
from lockage.adapters.postgres.production import production_of
from lockage.adapters.postgres.release_statements import read_release_statements
from lockage.adapters.postgres.saved import catalog_of, kept_of
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.target import PostgresTarget
from lockage.adapters.postgres.traffic import read_traffic
from lockage.core.forecast.dump_parts import taken_apart, without_values
from lockage.core.forecast.production import Production
from lockage.core.forecast.saved_survey import SavedServer, SavedStatements, SavedSurvey, Surveyed
from lockage.core.forecast.traffic import StatementLoad
from lockage.core.migration.constants import without_constants
from lockage.core.migration.within import can_be_tried, is_query
from lockage.core.redaction import mask_secrets
from lockage.core.redaction.kept_schema import without_secrets
from lockage.core.release.statements import of_application
from lockage.errors import LockageError
from lockage.settings import Settings

T = TypeVar("T")

_VALUE = re.compile(r"'|\[value\]|(?<![\w$\"])[0-9]|\bset\s[^$]*\$")
"""What is left of a value in a statement that the server does not take apart; and where no parameter may stand."""


def take_survey(
    url: str,
    *,
    taken_of: str | None,
    at: datetime,
    made_by: str,
    ledger: str | None = None,
    with_values: bool = False,
    release: str | None = None,
    profile: str | None = None,
    settings: Settings | None = None,
    password: Callable[[], str] | None = None,
) -> SavedSurvey:
    """The survey of the database at ``url``; ``taken_of`` None: named after the database.

    ``ledger`` is one that common migrators do not have, else all of those that they call theirs are looked for.
    ``with_values``: most common values, histograms and rows of small tables too, which are data. Raises as
    ``EmbeddedShadows.of_database``.
    """
    settings = settings or Settings()
    common = ledger is not None and ledger.rpartition(".")[2] in LEDGER_NAMES
    shadows = EmbeddedShadows(ledger=None if common else ledger, watching=settings.watching, password=password)
    original, dump = shadows.take(url, encoding="UTF8", rows=with_values)
    parts = taken_apart(dump.decode(errors="replace"))
    schema = without_secrets(parts.schema_sql)
    about = _about(original, at=at, taken_of=taken_of, made_by=made_by, masked=schema.places)
    about = replace(about, with_values=with_values, release=release, profile=profile)
    about, ledgers = kept_of(original, about, mask=mask_secrets)
    server, problems = _server(url, settings, password)
    return SavedSurvey(
        about=replace(about, problems=problems),
        schema_sql=schema.text,
        statistics=parts.statistics if with_values else without_values(parts.statistics),
        relations=original.relations,
        ledgers=ledgers,
        catalog=catalog_of(original, mask=lambda order: without_secrets(order).text),
        server=server,
        statements=_statements(url, settings, password),
        small_tables=original.small_tables,
    )


def _about(original: Original, *, at: datetime, taken_of: str | None, made_by: str, masked: int) -> Surveyed:
    return Surveyed(
        taken_at=at,
        taken_of=taken_of or f"database {original.database}",
        made_by=made_by,
        database=original.database,
        version_num=original.version_num,
        encoding=original.encoding,
        migrating_role=original.migrating_role,
        has_public=original.has_public,
        masked=masked,
    )


def _server(url: str, settings: Settings, password: Callable[[], str] | None) -> tuple[SavedServer, tuple[str, ...]]:
    """What the server says of itself, and what it does not."""
    problems: list[str] = []
    server = SavedServer(
        reading=_tried(PostgresTarget(url, watching=settings.watching, password=password).reading, problems),
        production=_tried(lambda: _masked(production_of(url, watching=settings.watching, password=password)), problems),
    )
    return server, tuple(problems)


def _masked(production: Production) -> Production:
    """The same without secrets in what defines indexes."""
    indexes = production.invalid_indexes
    if not indexes:
        return production
    masked = tuple(replace(index, definition=without_secrets(index.definition).text) for index in indexes)
    return replace(production, invalid_indexes=masked)


def _tried(ask: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return ask()
    except LockageError as error:
        problems.append(error.message)
        return None


def _statements(url: str, settings: Settings, password: Callable[[], str] | None) -> SavedStatements:
    traffic = read_traffic(url, watching=settings.watching, waits=settings.waits, password=password)
    running = of_application(read_release_statements(url, watching=settings.watching, password=password))
    kept = [replace(one, text=text) for one in running.statements if (text := _without_values(one.text)) is not None]
    left = len(running.statements) - len(kept)
    return SavedStatements(
        running=replace(
            running,
            statements=tuple(dict.fromkeys(kept)),
            remarks=(*running.remarks, *([_left_out(left, len(running.statements))] if left else ())),
        ),
        loads=None if traffic.statements is None else tuple(_queries(traffic.statements)),
        counted_since=traffic.counted_since,
        free_connections=traffic.free_connections,
        orders=traffic.orders,
        problems=tuple(problem for problem in traffic.problems if "statements" in problem),
    )


def _without_values(text: str) -> str | None:
    """A statement as the file may hold it; None: it cannot be tried on a shadow, or only with values that are in it."""
    bare = without_constants(text)
    if is_query(text):
        return bare
    return bare if can_be_tried(text) and not _VALUE.search(bare) else None


def _left_out(count: int, of: int) -> str:
    counted = f"{count} of {of} statements that the server has counted"
    return f"{counted} are no queries that can be checked without values: they are not in the file"


def _queries(statements: Iterable[StatementLoad]) -> Iterator[StatementLoad]:
    return (replace(one, text=text) for one in statements if (text := _without_values(one.text)) is not None)
