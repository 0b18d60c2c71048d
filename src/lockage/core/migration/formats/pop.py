"""Pop and Ory's popx: ``VERSION_name.up.sql``, perhaps beside ``VERSION_name.postgres.up.sql`` and those of others.

Not for ``.fizz`` files, which are a language of their own: they are named. The surprising things: where a version has a file
for PostgreSQL, the one for all databases is not run; one that has files for other databases only is not there at all; and
``.autocommit`` in the name takes the transaction away, but the file still goes as one Query.

Source: ory/x, popx/match.go (names), popx/migration_info.go (``sortAndFilter``), popx/migrator.go (``UpTo``); pop 6,
migration_info.go.
"""

from __future__ import annotations

import re
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
from lockage.core.migration.formats.go_templates import filled
from lockage.core.migration.formats.places import OTHER_DATABASES

_POSTGRES = frozenset({"postgres", "postgresql", "pg"})
_NAME = re.compile(
    r"^(?P<version>[0-9]+)_(?P<name>[^.]+)(?:\.(?P<database>(?!autocommit\.)[a-z0-9]+))?(?P<alone>\.autocommit)?"
    r"\.up\.(?P<language>sql|fizz)$"
)


def read_name(file: str) -> FileName | None:
    """Version and name of what PostgreSQL gets; None for what other databases get, and for ways back."""
    match = _NAME.match(file)
    if match is None or match["database"] not in {None, *_POSTGRES}:
        return None
    return FileName(
        version=int(match["version"]), name=match["name"], language=match["language"], rank=1 if match["database"] else 0
    )


def read_text(file: SourceFile) -> Content:
    """The whole file with its template filled in; outside of a transaction where its name says so."""
    content = filled(file)
    return Content(
        text=content.text,
        maybe_unset=content.maybe_unset,
        sending=QUERY if ".autocommit." in file.name else None,
    )


def objection(files: Mapping[str, bytes]) -> str | None:
    """Databases in the names are what tells it from golang-migrate."""
    found = (_NAME.match(name) for name in files)
    if any(
        match and (match["alone"] or match["database"] in _POSTGRES | OTHER_DATABASES or match["language"] == "fizz")
        for match in found
    ):
        return None
    return "no file's name has a database in it, as in VERSION_name.postgres.up.sql"


_APPLIED = "SELECT version, true AS applied, false AS failed FROM schema_migration"
"""Source: pop 6, migrator.go (``CreateSchemaMigrations``)."""

FORMAT = Format(
    name="pop",
    naming="VERSION_name.postgres.up.sql or VERSION_name.up.sql",
    transaction="file",
    sending=ENCLOSED_QUERY,
    read_name=read_name,
    applied=AppliedQuery(table="schema_migration", sql=_APPLIED, definition="(version varchar(48) NOT NULL UNIQUE)"),
    read_text=read_text,
    objection=objection,
    variables=True,
)
