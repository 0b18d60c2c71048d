"""Between what a database showed and what a file keeps of it, in both directions.

Not for reading a database (``original``, ``dump``) nor for files. The surprising thing: a file's schema goes to ``psql`` behind
a ``\\restrict`` of our own, as ``pg_dump`` has one, since in somebody else's file a line may be a command of ``psql``'s.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from lockage.adapters.postgres.original import Ledger, Original
from lockage.adapters.postgres.sleeping import schema_asleep
from lockage.core.forecast.beside_schema import RoleSettings
from lockage.core.forecast.dump_parts import statistics_sql
from lockage.core.forecast.saved_survey import SavedCatalog, SavedLedger, SavedSurvey, Surveyed

OPEN_SETTINGS = ("plpgsql.", "pg_stat_statements.", "auto_explain.", "pg_trgm.")
"""Custom settings that are of PostgreSQL's own; those of applications hold secrets, too."""

MASKED_SETTING = "***"


def kept_of(original: Original, about: Surveyed, *, mask: Callable[[str], str]) -> tuple[Surveyed, tuple[SavedLedger, ...]]:
    """What a file keeps beside schema, statistics and sizes; ``about`` with all that the original says put in.

    ``mask`` takes the secrets out of a text.
    """
    settings, hidden = _settings(original.role_settings, mask)
    ledgers = tuple(_kept_ledger(ledger, mask) for ledger in original.ledgers)
    filled = replace(
        about,
        database=original.database,
        version_num=original.version_num,
        encoding=original.encoding,
        migrating_role=original.migrating_role,
        has_public=original.has_public,
        masked=about.masked + hidden,
        roles=original.roles,
        role_settings=settings,
        server_settings=dict(original.server_settings),
        extensions=original.extensions,
        filled_views=original.filled_views,
        unreadable=original.unreadable,
        asker=original.asker,
        owner=original.owner,
        tablespaces=original.tablespaces,
        wait_limits=original.wait_limits,
    )
    return filled, ledgers


def catalog_of(original: Original, *, mask: Callable[[str], str]) -> SavedCatalog:
    """What a file keeps of extensions and of tables that could not be read; ``mask`` takes the secrets out of a statement."""
    return SavedCatalog(
        extensions=original.sketches,
        unread=tuple(
            replace(one, orders=tuple((place, mask(order)) for place, order in one.orders)) for one in original.hidden
        ),
    )


def original_of(survey: SavedSurvey, *, ledger: str | None) -> Original:
    """What a shadow needs, as ``read_original`` gives it of a live database; ``ledger`` as there."""
    about = survey.about
    return Original(
        database=about.database,
        version_num=about.version_num,
        encoding=about.encoding,
        migrating_role=about.migrating_role,
        roles=about.roles,
        role_settings=about.role_settings,
        server_settings=about.server_settings,
        extensions=about.extensions,
        filled_views=about.filled_views,
        has_public=about.has_public,
        unreadable=about.unreadable,
        owner=about.owner,
        tablespaces=about.tablespaces,
        wait_limits=about.wait_limits,
        relations=survey.relations,
        ledgers=tuple(
            Ledger(schema=one.schema, name=one.name, columns=one.columns, rows="".join(f"{r}\n" for r in one.rows).encode())
            for one in survey.ledgers
            if ledger in (None, one.name, f"{one.schema}.{one.name}")
        ),
        hidden=survey.catalog.unread,
        small_tables=survey.small_tables,
        sketches=survey.catalog.extensions,
        invalid_indexes=(survey.server.production.invalid_indexes or ()) if survey.server.production else (),
    )


def dump_of(survey: SavedSurvey) -> bytes:
    """The script for ``psql``, in UTF-8, for a shadow on which functions can sleep."""
    key = secrets.token_hex(16)
    parts = (
        f"\\restrict {key}\n",
        *schema_asleep(survey.schema_sql),
        "\n",
        *statistics_sql(survey.statistics),
        f"\\unrestrict {key}\n",
    )
    return "".join(parts).encode()


def _settings(entries: Iterable[RoleSettings], mask: Callable[[str], str]) -> tuple[tuple[RoleSettings, ...], int]:
    hidden = 0
    kept: list[RoleSettings] = []
    for entry in entries:
        settings = tuple(_setting(text, mask) for text in entry.settings)
        hidden += sum(before != after for before, after in zip(entry.settings, settings, strict=True))
        kept.append(replace(entry, settings=settings))
    return tuple(kept), hidden


def _setting(text: str, mask: Callable[[str], str]) -> str:
    name, _, value = text.partition("=")
    if "." in name and not name.startswith(OPEN_SETTINGS):
        return f"{name}={MASKED_SETTING}"
    return f"{name}={mask(value)}"


def _kept_ledger(ledger: Ledger, mask: Callable[[str], str]) -> SavedLedger:
    lines = ledger.rows.decode().split("\n")[:-1]
    rows = tuple("\t".join(cell if cell.isdecimal() else mask(cell) for cell in line.split("\t")) for line in lines)
    return SavedLedger(schema=ledger.schema, name=ledger.name, columns=ledger.columns, rows=rows)
