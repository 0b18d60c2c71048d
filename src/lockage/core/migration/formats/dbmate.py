"""dbmate: ``VERSION_name.sql`` with ``-- migrate:up`` and ``-- migrate:down`` in it.

Not for its ``schema.sql``. The surprising things: it goes by the names, letter by letter, not by the numbers; and a section
with ``transaction:false`` is still sent as one Query, so PostgreSQL makes one transaction of several statements in it.

Source: dbmate 2, README "Creating Migrations", "Migration Options"; pkg/dbmate/db.go (``FindMigrations``, ``Migrate``),
pkg/dbmate/migration.go (sections and options).
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
    Part,
    SourceFile,
    without_line,
)

_NAME = re.compile(r"^(?P<version>[0-9]+)(?P<name>.*)\.sql$")
_SECTION = re.compile(r"^--\s*migrate:(?P<way>up|down)(?P<options>(?:\s+\S+)*)\s*$")
_UP = re.compile(rb"^--\s*migrate:up\b", re.MULTILINE)


def read_name(file: str) -> FileName | None:
    """Version and name; the order is that of the whole names."""
    match = _NAME.match(file)
    if match is None:
        return None
    return FileName(version=int(match["version"]), name=match["name"].lstrip("_"), order=tuple(file.encode()))


def read_text(file: SourceFile) -> Content:
    """The sections that lead up, on the lines they had; each is sent by itself."""
    kept: list[str] = []
    parts: list[Part] = []
    upwards: bool | None = None
    sending, first = ENCLOSED_QUERY, 0
    for number, line in enumerate(file.text.split("\n"), start=1):
        section = _SECTION.match(line)
        if section:
            if upwards:
                parts.append(Part(first_line=first, last_line=number - 1, sending=sending))
            upwards = section["way"] == "up"
            sending = QUERY if "transaction:false" in section["options"].split() else ENCLOSED_QUERY
            first = number
        elif upwards is None and line.strip() and not line.lstrip("\ufeff \t").startswith("--"):
            raise file.refused("dbmate takes no statement before “-- migrate:up”", line=number, form="dbmate")
        kept.append(line if upwards else "")
    if upwards:
        parts.append(Part(first_line=first, last_line=len(kept), sending=sending))
    if not parts:
        raise file.refused("it has no “-- migrate:up”, which dbmate needs", line=1, form="dbmate")
    return Content(text="\n".join(kept), parts=tuple(parts))


def objection(files: Mapping[str, bytes]) -> str | None:
    """A line ``-- migrate:up`` in any of its files is what tells dbmate from plain files."""
    return without_line(files, "-- migrate:up", mark=_UP, read_name=read_name)


_APPLIED = "SELECT version::text AS version, true AS applied, false AS failed FROM schema_migrations"
"""Source: dbmate 2, pkg/driver/postgres/postgres.go (``SelectMigrations``)."""

FORMAT = Format(
    name="dbmate",
    naming="VERSION_name.sql",
    transaction="file",
    sending=ENCLOSED_QUERY,
    read_name=read_name,
    applied=AppliedQuery(table="schema_migrations", sql=_APPLIED, definition="(version varchar PRIMARY KEY)"),
    read_text=read_text,
    objection=objection,
)
