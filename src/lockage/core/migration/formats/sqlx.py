"""sqlx: ``VERSION_name.sql``, or ``VERSION_name.up.sql`` beside ``VERSION_name.down.sql``; each file in a transaction.

Not for queries that sqlx checks at compile time. The surprising thing: a file that begins with ``-- no-transaction``, to the
letter and as its first bytes, goes without ``BEGIN``, but still as one Query; so an index can be built concurrently in it only
when it is alone.

Source: sqlx 0.8 and 0.9, sqlx-core/src/migrate/source.rs (``resolve_blocking``: names, ``no_tx``),
sqlx-postgres/src/migrate.rs (``apply``, ``execute_migration``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lockage.core.migration.checksums import sha384
from lockage.core.migration.formats.format import (
    ENCLOSED_QUERY,
    QUERY,
    AppliedQuery,
    Content,
    FileName,
    Format,
    MigratorLock,
    SourceFile,
)

_MARK = "-- no-transaction"
_LEDGER = "_sqlx_migrations"
_NAME = re.compile(r"^(?P<version>[0-9]+)_(?P<name>.*?)(?P<kind>\.up|\.down)?\.sql$")


def read_name(file: str) -> FileName | None:
    """Version and description of a migration that is no way back."""
    match = _NAME.match(file)
    if match is None or match["kind"] == ".down":
        return None
    return FileName(version=int(match["version"]), name=match["name"])


def read_text(file: SourceFile) -> Content:
    """The whole file; outside of a transaction where its first bytes say so."""
    return Content(text=file.text, sending=QUERY if file.text.startswith(_MARK) else None)


def objection(files: Mapping[str, bytes]) -> str | None:
    """Its names are those of other formats too, so only its own mark tells, or its ledger's name."""
    named = [name for name in files if read_name(name)]
    if any(files[name].startswith(_MARK.encode()) or _LEDGER.encode() in files[name] for name in named):
        return None
    return (
        f"no file begins with “{_MARK}” or names {_LEDGER}, and its names alone are those of other formats too:"
        " --format sqlx where it is"
    )


_APPLIED = "SELECT version::text AS version, success AS applied, NOT success AS failed FROM _sqlx_migrations"
"""Source: sqlx 0.8, sqlx-postgres/src/migrate.rs (``dirty_version``, ``list_applied_migrations``)."""

_CHECKSUMS = "SELECT version::text AS version, encode(checksum, 'hex') AS checksum FROM _sqlx_migrations WHERE success"

FORMAT = Format(
    name="sqlx",
    naming="VERSION_name.sql or VERSION_name.up.sql",
    transaction="file",
    sending=ENCLOSED_QUERY,
    read_name=read_name,
    applied=AppliedQuery(
        table=_LEDGER,
        sql=_APPLIED,
        definition="(version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(),"
        " success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL)",
        checksums=_CHECKSUMS,
        checksum=sha384,
    ),
    lock=MigratorLock.SAME_SESSION,  # sqlx-postgres/src/migrate.rs, lock: pg_advisory_lock
    read_text=read_text,
    objection=objection,
)
