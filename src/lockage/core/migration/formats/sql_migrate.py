"""sql-migrate: ``VERSION-name.sql`` with ``-- +migrate Up`` and ``-- +migrate Down`` in it.

Not for goose, whose marks are alike. The surprising things: statements are sent one by one in a transaction of the file's own,
and behind ``-- +migrate Up notransaction`` each by itself; two files may begin with one number, and the whole name is what
the ledger knows.

Source: sql-migrate 1.7, README "Writing migrations", migrate.go (``Migration.Less``, ``ExecMax``), sqlparse/sqlparse.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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


def read_text(file: SourceFile) -> Content:
    """The sections that lead up, on the lines they had."""
    kept: list[str] = []
    parts: list[Part] = []
    way, transaction, begun, unfinished, early = "", True, 0, 0, 0
    for number, line in enumerate(file.text.split("\n"), start=1):
        command = _COMMAND.match(line)
        match command["word"] if command else "":
            case "Up" | "Down" as word:
                way = word
                transaction &= not (word == "Up" and command and "notransaction" in command["options"].split())
            case "StatementBegin":
                begun = number
            case "StatementEnd":
                if way == "Up":
                    parts.append(Part(first_line=begun, last_line=number, sending=QUERY))
                begun = 0
            case _:
                words = words_of(line) if way == "Up" and not begun else []
                unfinished = 0 if words and words[-1].endswith(";") else (unfinished or number if words else unfinished)
                early = early or (number if not way and words_of(line) else 0)
        kept.append(line if way == "Up" and command is None else "")
    if not way:
        raise file.refused("it has no “-- +migrate Up”, which sql-migrate needs", line=1, form="sql-migrate")
    if unfinished:
        raise file.refused(
            "the statement does not end with a semicolon at the end of a line", line=unfinished, form="sql-migrate"
        )
    if begun:
        raise file.refused("“-- +migrate StatementBegin” has no StatementEnd", line=begun, form="sql-migrate")
    return Content(
        text="\n".join(kept),
        sending=None if transaction else STATEMENTS,
        parts=() if transaction else tuple(parts),
        remarks=(f"{file.name}, line {early}: what stands before “-- +migrate Up” is not run by sql-migrate",) if early else (),
    )


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
