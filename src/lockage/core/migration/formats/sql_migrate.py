"""sql-migrate: ``VERSION-name.sql`` with ``-- +migrate Up`` and ``-- +migrate Down`` in it.

Not for goose, whose marks are alike. The surprising things: statements are sent one by one in a transaction of the file's own,
and behind ``-- +migrate Up notransaction`` each by itself; two files may begin with one number, and the whole name is what
the ledger knows.

Source: sql-migrate 1.7, README "Writing migrations", migrate.go (``Migration.Less``, ``ExecMax``), sqlparse/sqlparse.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lockage.core.migration.formats.format import (
    ENCLOSED_STATEMENTS,
    QUERY,
    STATEMENTS,
    AppliedQuery,
    Content,
    FileName,
    Format,
    Part,
    SourceFile,
    without_line,
)
from lockage.core.migration.formats.goose import words_of

_NAME = re.compile(r"^(?P<version>[0-9]+)(?P<name>.*)\.sql$")
_COMMAND = re.compile(r"^--\s*\+migrate\s+(?P<word>\S+)(?P<options>(?:\s+\S+)*)\s*$")
_WORDS = {"Up", "Down", "StatementBegin", "StatementEnd"}
_UP = re.compile(rb"^--\s*\+migrate\s+Up\b", re.MULTILINE)


def read_name(file: str) -> FileName | None:
    """The whole name, which is its version; the number that it begins with comes first in the order."""
    match = _NAME.match(file)
    if match is None:
        return None
    return FileName(
        version=int(match["version"]),
        name=match["name"].lstrip("_.-"),
        label=file,
        order=(int(match["version"]), *file.encode()),
    )


@dataclass(slots=True)
class _Reading:
    kept: list[str] = field(default_factory=list[str])
    parts: list[Part] = field(default_factory=list[Part])
    way: str = ""
    begun: int = 0  # the line of an open StatementBegin
    open: int = 0  # the line of a statement that has not ended yet
    early: int = 0  # the first line of what stands before the way up
    transaction: bool = True


def read_text(file: SourceFile) -> Content:
    """The sections that lead up, on the lines they had."""
    reading = _Reading()
    for number, line in enumerate(file.text.split("\n"), start=1):
        command = _COMMAND.match(line)
        if command is None or command["word"] not in _WORDS:
            _follow(reading, line, number=number)
        else:
            _obey(reading, command["word"], command["options"].split(), number=number)
        reading.kept.append(line if reading.way == "Up" and command is None else "")
    if not reading.way:
        raise file.refused("it has no “-- +migrate Up”, which sql-migrate needs", line=1, form="sql-migrate")
    if reading.open:
        why = "the statement does not end with a semicolon at the end of a line"
        raise file.refused(why, line=reading.open, form="sql-migrate")
    if reading.begun:
        why = "“-- +migrate StatementBegin” has no StatementEnd"
        raise file.refused(why, line=reading.begun, form="sql-migrate")
    early = f"{file.name}, line {reading.early}: what stands before “-- +migrate Up” is not run by sql-migrate"
    return Content(
        text="\n".join(reading.kept),
        sending=None if reading.transaction else STATEMENTS,
        parts=() if reading.transaction else tuple(reading.parts),
        remarks=(early,) if reading.early else (),
    )


def _obey(reading: _Reading, word: str, options: list[str], *, number: int) -> None:
    match word:
        case "Up" | "Down":
            reading.way = word
            reading.transaction &= not (word == "Up" and "notransaction" in options)
        case "StatementBegin":
            reading.begun = number
        case _:
            if reading.way == "Up":
                reading.parts.append(Part(first_line=reading.begun, last_line=number, sending=QUERY))
            reading.begun = 0


def _follow(reading: _Reading, line: str, *, number: int) -> None:
    """A statement ends with the line that ends with a semicolon."""
    words = words_of(line)
    if not words:
        return
    if not reading.way:
        reading.early = reading.early or number
    elif reading.way == "Up" and not reading.begun:
        reading.open = 0 if words[-1].endswith(";") else reading.open or number


def objection(files: Mapping[str, bytes]) -> str | None:
    """A line ``-- +migrate Up`` in any of its files is what tells sql-migrate from plain files."""
    return without_line(files, "-- +migrate Up", mark=_UP, read_name=read_name)


_APPLIED = "SELECT id AS version, true AS applied, false AS failed FROM gorp_migrations"
"""Source: sql-migrate 1.7, migrate.go (``MigrationRecord``, ``tableName``)."""

FORMAT = Format(
    name="sql-migrate",
    naming="VERSION-name.sql",
    transaction="file",
    sending=ENCLOSED_STATEMENTS,
    read_name=read_name,
    applied=AppliedQuery(
        table="gorp_migrations", sql=_APPLIED, definition="(id text NOT NULL PRIMARY KEY, applied_at timestamp with time zone)"
    ),
    read_text=read_text,
    objection=objection,
)
