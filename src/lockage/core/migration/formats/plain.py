"""Plain ordered SQL: ``NNN_name.sql``, run in the order of the numbers.

Not for folders where the order is in a list or in the files. The surprising things: files in a programming language with such a
name count too, since later SQL may hang on what they do; they are unknown and named. ``${name}`` is a variable only where
the user gives any, because nobody knows what else it may be. And a file with another migrator's marks for the way up and the
way back is not plain: both would be run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from lockage.core.migration.formats.format import Content, FileName, Format, SourceFile
from lockage.core.migration.formats.go_templates import filled
from lockage.core.migration.formats.variables import BRACED, substituted

_SQL = re.compile(r"^(?P<version>[0-9]+)(?:[_.\s-]+(?P<name>.*?))?\.sql$", re.IGNORECASE)
_OTHER = re.compile(r"^(?P<version>[0-9]+)[_.\s-]+(?P<name>.*?)\.(?P<language>go|py|rb|js|ts|php|java|kt|cs|ex|exs|sh)$")
_WAY_BACK = re.compile(r"(^|[._-])(down|rollback|undo|revert)$", re.IGNORECASE)

_MARKS: Mapping[str, re.Pattern[bytes]] = {
    "goose": re.compile(rb"^--\s*\+goose\s+(?:up|down)\b", re.IGNORECASE | re.MULTILINE),
    "sql-migrate": re.compile(rb"^--\s*\+migrate\s+(?:Up|Down)\b", re.MULTILINE),
    "dbmate": re.compile(rb"^--\s*migrate:(?:up|down)\b", re.MULTILINE),
    "micrate": re.compile(rb"^--\s*\+micrate\s+(?:up|down)\b", re.IGNORECASE | re.MULTILINE),
    "rambler": re.compile(rb"^--\s*rambler\s+(?:up|down)\b", re.MULTILINE),
    "node-pg-migrate": re.compile(rb"^--\s*(?:up|down)\s+migration\b", re.IGNORECASE | re.MULTILINE),
    "Play": re.compile(rb"^(?:#|--)\s*---\s*!(?:Ups|Downs)\b", re.MULTILINE),
    "MyBatis": re.compile(rb"^--\s*//\s*@UNDO\b", re.MULTILINE),
    "Liquibase": re.compile(rb"^--\s*liquibase\s+formatted\s+sql\b", re.IGNORECASE | re.MULTILINE),
    "tern": re.compile(rb"^----\s*create above / drop below\s*----", re.MULTILINE),
}
"""How other migrators divide a file into the way up and the way back, or into pieces with rules of their own."""


def read_name(file: str) -> FileName | None:
    """Version, name and language of a migration; None for any other file, ``.down.sql`` and the like among them."""
    match = _SQL.match(file)
    if match:
        name = match["name"] or ""
        if _WAY_BACK.search(name):
            return None
        return FileName(version=int(match["version"]), name=re.sub(r"\.up$", "", name))
    other = _OTHER.match(file)
    if other and not other["name"].endswith("_test") and not _WAY_BACK.search(other["name"]):
        return FileName(version=int(other["version"]), name=other["name"], language=other["language"])
    return None


def read_text(file: SourceFile) -> Content:
    """The text as it is; with ``${name}`` replaced where the user gave any value at all."""
    content = filled(file)
    if not file.values:
        return content
    put = substituted(content.text, pattern=BRACED, value=lambda match: file.values.get(match["name"]))
    return replace(put, maybe_unset=content.maybe_unset)


def objection(files: Mapping[str, bytes]) -> str | None:
    """Another migrator's marks in a file say that it is not to be run from its first line to its last."""
    for name in sorted(files):
        form = next((form for form, mark in _MARKS.items() if mark.search(files[name])), None) if read_name(name) else None
        if form is not None:
            return f"{name} has the marks of {form}, and plain SQL would run the way back too"
    return None


FORMAT = Format(
    name="plain",
    naming="NNN_name.sql",
    transaction="file",
    read_name=read_name,
    read_text=read_text,
    objection=objection,
    takes_twins=True,
    variables=True,
)
