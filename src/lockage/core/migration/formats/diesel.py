"""Diesel: a folder for each migration, ``2024-01-01-120000_name/up.sql`` beside ``down.sql``, each file in a transaction.

Not for migrations that are embedded in Rust code. The surprising thing: ``run_in_transaction = false`` in the ``metadata.toml``
beside it takes the transaction away, but the file still goes as one Query, so an index can be built concurrently in it only
when it is alone.

Source: Diesel 2.2, diesel_migrations/src/file_based_migrations.rs (folders, ``metadata.toml``), src/migration.rs of
migrations_internals (``version_from_string``), src/migration_harness.rs (``run_migration``, ``batch_execute``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from lockage.core.migration.formats.format import (
    ENCLOSED_QUERY,
    QUERY,
    AppliedQuery,
    Content,
    FileName,
    Format,
    SourceFile,
)

_NAME = re.compile(r"^(?P<folder>(?P<version>[0-9][0-9-]*)_(?P<name>[^/]*))/up\.sql$")


def read_name(file: str) -> FileName | None:
    """The number that its folder's name begins with, without its dashes, and the rest of it."""
    match = _NAME.match(file)
    if match is None:
        return None
    version = match["version"].replace("-", "")
    return FileName(version=int(version), name=match["name"], label=version, order=tuple(version.encode()))


def read_text(file: SourceFile) -> Content:
    """The whole file; outside of a transaction where the ``metadata.toml`` beside it says so."""
    name = f"{file.name.removesuffix('up.sql')}metadata.toml"
    return Content(text=file.text, sending=None if _in_transaction(file, name, file.beside) else QUERY)


def _in_transaction(file: SourceFile, name: str, beside: Mapping[str, bytes]) -> bool:
    try:
        said = tomllib.loads(beside.get(name, b"").decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise file.refused(f"{name} beside it cannot be read: {error}", line=1, form="diesel") from error
    return said.get("run_in_transaction", True) is not False


_APPLIED = "SELECT version, true AS applied, false AS failed FROM __diesel_schema_migrations"
"""Source: Diesel 2.2, diesel/src/migration/mod.rs (``CREATE_MIGRATIONS_TABLE``)."""

FORMAT = Format(
    name="diesel",
    naming="VERSION_name/up.sql",
    transaction="file",
    sending=ENCLOSED_QUERY,
    read_name=read_name,
    applied=AppliedQuery(
        table="__diesel_schema_migrations",
        sql=_APPLIED,
        definition="(version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    ),
    read_text=read_text,
    nested=True,
)
