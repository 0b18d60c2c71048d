"""goose: ``VERSION_name.sql`` with ``-- +goose Up`` and ``-- +goose Down`` in it, and ``VERSION_name.go``.

Not for what a Go migration does: it is unknown. The surprising things: statements are sent one by one, so a file with ``--
+goose NO TRANSACTION`` is no transaction at all, except for what stands between ``StatementBegin`` and ``StatementEnd``, or
on one line, which is one Query; and with ``-- +goose ENVSUB ON`` a variable without a value becomes nothing in goose, and an
error here.

Source: goose 3, documentation "SQL file annotations"; internal/sqlparser/parser.go (sections, statements), migration.go
(``runSQLMigration``); mfridman/interpolate, README "Supported Expansions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

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
    Unset,
    without_line,
)
from lockage.core.migration.formats.variables import substituted

_NAME = re.compile(r"^(?P<version>[0-9]+)_(?P<name>.*)\.(?P<language>sql|go)$")
_ANNOTATION = re.compile(r"^--\s*\+goose\s+(?P<words>.*?)\s*$", re.IGNORECASE)
_UP = re.compile(rb"^--\s*\+goose\s+up\s*$", re.IGNORECASE | re.MULTILINE)
_VARIABLE = re.compile(
    r"(?P<kept>\\\$)"  # \$ is a $
    r"|\$(?:(?P<tag>[A-Za-z_][A-Za-z0-9_]*)\$"  # $body$ quotes, and is no variable
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:?[-?])(?P<other>[^}]*)"
    r"|:(?P<offset>[0-9]+| -[0-9]+)(?::(?P<length>[0-9]+))?)?\}"
    r"|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))"
)


def read_name(file: str) -> FileName | None:
    """Version, name and language; None for tests of Go and any other file."""
    match = _NAME.match(file)
    if match is None or file.endswith("_test.go"):
        return None
    return FileName(version=int(match["version"]), name=match["name"], language=match["language"])


@dataclass(slots=True)
class _Reading:
    kept: list[str] = field(default_factory=list[str])
    parts: list[Part] = field(default_factory=list[Part])
    unset: list[Unset] = field(default_factory=list[Unset])
    way: str = ""
    begun: int = 0  # the line of an open StatementBegin
    open: int = 0  # the line of a statement that has not ended yet
    ends: int = 0  # semicolons since then
    replaces: bool = False
    transaction: bool = True


def read_text(file: SourceFile) -> Content:
    """The section that leads up, on the lines it had, with its variables replaced where the file asks for it."""
    reading = _Reading()
    for number, line in enumerate(file.text.split("\n"), start=1):
        annotation = _ANNOTATION.match(line)
        if annotation:
            _annotate(reading, annotation["words"].lower(), number=number, file=file)
            reading.kept.append("")
        elif not reading.way and line.strip() and not line.lstrip("\ufeff \t").startswith("--"):
            raise file.refused("goose takes no statement before “-- +goose Up”", line=number, form="goose")
        elif reading.way == "up":
            _follow(reading, line, number=number)
            reading.kept.append(_line(reading, line, number=number, file=file))
        else:
            reading.kept.append("")
    if not reading.way:
        raise file.refused("it has no “-- +goose Up”, which goose needs", line=1, form="goose")
    if reading.open:
        raise file.refused("the statement does not end with a semicolon at the end of a line", line=reading.open, form="goose")
    if reading.begun:
        raise file.refused("“-- +goose StatementBegin” has no StatementEnd", line=reading.begun, form="goose")
    return Content(
        text="\n".join(reading.kept),
        sending=None if reading.transaction else STATEMENTS,
        parts=() if reading.transaction else tuple(reading.parts),
        unset=tuple(reading.unset),
    )


def _annotate(reading: _Reading, words: str, *, number: int, file: SourceFile) -> None:
    match words:
        case "up" | "down":
            if words == reading.way or (words == "up" and reading.way):
                raise file.refused(f"a second “-- +goose {words.capitalize()}”", line=number, form="goose")
            if reading.open:
                why = "the statement does not end with a semicolon at the end of a line"
                raise file.refused(why, line=reading.open, form="goose")
            reading.way = words
        case "statementbegin":
            reading.begun = number
        case "statementend":
            if reading.way == "up":
                reading.parts.append(Part(first_line=reading.begun, last_line=number, sending=QUERY))
            reading.begun = 0
        case "no transaction":
            reading.transaction = False
        case "envsub on" | "envsub off":
            reading.replaces = words.endswith("on")
        case _:
            pass


def words_of(line: str) -> list[str]:
    """The words of a line up to one that begins a comment. Source: goose 3, internal/sqlparser (``endsWithSemicolon``)."""
    return list(takewhile(lambda word: not word.startswith("--"), line.split()))


def _follow(reading: _Reading, line: str, *, number: int) -> None:
    """A Query ends with the line that ends with a semicolon, so that two statements on one line are one Query."""
    words = words_of(line)
    if reading.begun or not words:
        return
    reading.open = reading.open or number
    reading.ends += sum(word.count(";") for word in words)
    if words[-1].endswith(";"):
        if reading.ends > 1:
            reading.parts.append(Part(first_line=reading.open, last_line=number, sending=QUERY))
        reading.open = reading.ends = 0


def _line(reading: _Reading, line: str, *, number: int, file: SourceFile) -> str:
    if not reading.replaces:
        return line

    def value(match: re.Match[str]) -> str | None:
        if match["kept"] or match["tag"]:
            return match[0].removeprefix("\\")
        name = match["name"] or match["bare"]
        given = file.values.get(name)
        if match["how"] in ("-", ":-"):
            absent = given is None or (not given and match["how"] == ":-")
            return match["other"] if absent else given
        if given is None:
            reading.unset.append(Unset(name=name, line=number))
            return match[0]
        if match["offset"]:
            rest = given[int(match["offset"]) :]
            return rest[: int(match["length"])] if match["length"] else rest
        return given

    return substituted(line, pattern=_VARIABLE, value=value).text


def objection(files: Mapping[str, bytes]) -> str | None:
    """A line ``-- +goose Up`` in any of its files is what tells goose from plain files."""
    return without_line(files, "-- +goose Up", mark=_UP, read_name=read_name)


_APPLIED = (
    "SELECT DISTINCT ON (version_id) version_id::text AS version, is_applied AS applied, false AS failed"
    " FROM goose_db_version WHERE version_id > 0 ORDER BY version_id, id DESC"
)
"""The last row of a version counts, and there is one for 0. Source: goose 3, internal/dialect/dialectquery/postgres.go."""

FORMAT = Format(
    name="goose",
    naming="VERSION_name.sql or VERSION_name.go",
    transaction="file",
    sending=ENCLOSED_STATEMENTS,
    read_name=read_name,
    applied=AppliedQuery(
        table="goose_db_version",
        sql=_APPLIED,
        definition="(id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL,"
        " is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now())",
    ),
    read_text=read_text,
    objection=objection,
    variables=True,
)
