"""Prisma Migrate: a folder for each migration, ``20240101120000_name/migration.sql``, run in the order of their names.

Not for Prisma's schema files. The surprising things: a folder may hold ``migration.ts`` in its place, which Prisma leaves to a
runner of the application's own; a file is sent as one simple Query and nothing else, so PostgreSQL makes
one transaction of it where it has several statements, none where it is ``CREATE INDEX CONCURRENTLY`` alone, and takes an
embedded ``BEGIN`` and ``COMMIT`` as written.

Source: Prisma documentation, "Prisma Migrate: mental model" (folders and their order); prisma-engines,
sql-schema-connector, ``apply_script`` and ``raw_cmd`` of the PostgreSQL flavour (``simple_query``).
"""

from __future__ import annotations

import re

from lockage.core.migration.checksums import sha256
from lockage.core.migration.formats.format import AppliedQuery, FileName, Format, MigratorLock

_NAME = re.compile(r"^(?P<folder>[^/]+)/migration\.(?P<language>sql|ts|js|mjs|py)$")
_NUMBER = re.compile(r"^(?P<version>[0-9]+)(?:_(?P<name>.*))?$")


def read_name(file: str) -> FileName | None:
    """A migration's folder: its number where it begins with one, and its name, which is its place in the order."""
    match = _NAME.match(file)
    if match is None:
        return None
    folder = match["folder"]
    number = _NUMBER.match(folder)
    language = match["language"]
    return FileName(
        version=int(number["version"]) if number else 0,
        name=(number["name"] or "") if number else folder,
        language=language,
        label=folder,
        rank=1 if language == "sql" else 0,
        order=tuple(folder.encode()),
    )


_APPLIED = (
    "SELECT migration_name AS version, bool_or(finished_at IS NOT NULL AND rolled_back_at IS NULL) AS applied,"
    " bool_or(finished_at IS NULL AND rolled_back_at IS NULL) AS failed FROM _prisma_migrations GROUP BY migration_name"
)
"""A failed attempt stays in it until ``migrate resolve`` marks it. Source: Prisma documentation, "Migration histories"."""

_CHECKSUMS = (
    "SELECT DISTINCT ON (migration_name) migration_name AS version, checksum FROM _prisma_migrations"
    " WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name, started_at DESC"
)

FORMAT = Format(
    name="prisma",
    naming="NAME/migration.sql",
    transaction="file",
    read_name=read_name,
    applied=AppliedQuery(
        table="_prisma_migrations",
        sql=_APPLIED,
        definition="(id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,"
        " migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,"
        " started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)",
        checksums=_CHECKSUMS,
        checksum=sha256,
    ),
    lock=MigratorLock.SAME_SESSION,  # sql-schema-connector, acquire_lock: pg_advisory_lock, 10 s
    nested=True,
)
