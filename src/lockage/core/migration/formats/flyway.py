"""Flyway: ``V1.2__name.sql`` in the order of the versions, then ``R__name.sql`` in the order of the names.

Not for callbacks and undo files: the former are named, the latter left out. The surprising things: where there is nothing
yet, the last ``B3__name.sql`` is run in the place of all versions up to its own, and elsewhere never; statements are sent one
by one in a transaction of the file's own, except for a file with a statement that PostgreSQL refuses in one, which Flyway finds
by itself; and ``1.0`` is ``1``.

Source: Flyway documentation, "Migrations" (names, order, repeatables), "Script configuration", "Placeholders", "Mixed",
"Execute In Transaction"; Flyway 11, PostgreSQLParser.java (``detectCanExecuteInTransaction``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from lockage.core.migration.checksums import crc32_of_lines
from lockage.core.migration.formats.format import (
    ENCLOSED_STATEMENTS,
    STATEMENTS,
    AppliedQuery,
    Content,
    FileName,
    Format,
    MigratorLock,
    SourceFile,
)
from lockage.core.migration.formats.variables import BRACED, substituted
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Control, Statement

_NAME = re.compile(
    r"^(?:(?P<kind>[VB])(?P<version>[0-9]+(?:[._][0-9]+)*)|(?P<repeatable>R))__(?P<name>.*)"
    r"\.(?P<language>(?i:sql|java|kt|class|groovy|py|sh|bash|bat|cmd|ps1))$"
)
_CALLBACK = re.compile(r"^(?P<event>(?:before|after)(?:Each)?Migrate(?:Statement|Operation)?)(?:__.*)?\.sql$")
_ALONE = re.compile(
    r"(CREATE|DROP) (DATABASE|TABLESPACE|SUBSCRIPTION)\b|ALTER SYSTEM\b|(CREATE|DROP)( UNIQUE)? INDEX CONCURRENTLY\b"
    r"|REINDEX( VERBOSE)? (SCHEMA|DATABASE|SYSTEM)\b|VACUUM\b|DISCARD ALL\b",
    re.IGNORECASE,
)
_MAYBE_ALONE = re.compile(r"\b(DATABASE|TABLESPACE|SUBSCRIPTION|SYSTEM|CONCURRENTLY|REINDEX|VACUUM|DISCARD)\b", re.IGNORECASE)
_SETTING = re.compile(r"^\s*(?:flyway\.)?(?P<key>[A-Za-z.]+)\s*=\s*\"?(?P<value>[^\"\n#]*?)\"?\s*$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def read_name(file: str) -> FileName | None:
    """Version, name and language of a versioned or repeatable migration; None for undo files and callbacks."""
    match = _NAME.match(PurePosixPath(file).name)
    if match is None:
        return None
    language = match["language"].lower()
    if match["repeatable"]:
        order = tuple(match["name"].encode())
        return FileName(
            version=0, name=match["name"], language=language, label=f"R__{match['name']}", order=order, repeatable=True
        )
    order = tuple(int(number) for number in re.split(r"[._]", match["version"]))
    while len(order) > 1 and order[-1] == 0:
        order = order[:-1]
    return FileName(
        version=order[0] if len(order) == 1 else 0,
        name=match["name"],
        language=language,
        label=".".join(map(str, order)),
        order=order,
        baseline=match["kind"] == "B",
    )


def read_text(file: SourceFile) -> Content:
    """The text with its placeholders replaced, and whether Flyway runs it in a transaction."""
    settings = _settings(file)
    content = Content(text=file.text)
    if settings.get("placeholderreplacement", "true").lower() != "false":
        values = {name.lower(): value for name, value in _defaults(file).items()}
        values.update((name.lower(), value) for name, value in file.values.items())
        content = substituted(file.text, pattern=BRACED, value=lambda match: values.get(match["name"].lower()))
    if settings.get("executeintransaction", "true").lower() == "false":
        return replace(content, sending=STATEMENTS)
    if content.unset or not _MAYBE_ALONE.search(content.text):
        return content
    statements = split_statements(content.text, file=file.name)
    alone = [statement for statement in statements if _runs_alone(statement)]
    return replace(content, sending=STATEMENTS, remarks=tuple(_remarks(file, statements, alone))) if alone else content


def _settings(file: SourceFile) -> Mapping[str, str]:
    """The file's own configuration, ``NAME.sql.conf`` beside it. Source: Flyway documentation, "Script configuration"."""
    data = file.beside.get(f"{file.name}.conf") or file.beside.get(f"{file.name}.toml") or b""
    return {match["key"].lower(): match["value"].strip() for match in _SETTING.finditer(data.decode(errors="replace"))}


def _defaults(file: SourceFile) -> Mapping[str, str]:
    """The placeholders that Flyway sets itself and that do not depend on where it runs."""
    return {
        "flyway:filename": PurePosixPath(file.name).name,
        "flyway:table": "flyway_schema_history",
        "flyway:defaultSchema": "public",
    }


def _runs_alone(statement: Statement) -> bool:
    return _ALONE.match(" ".join(_COMMENT.sub(" ", statement.text).split())) is not None


def _remarks(file: SourceFile, statements: tuple[Statement, ...], alone: list[Statement]) -> list[str]:
    said: list[str] = []
    rest = [s for s in statements if s not in alone and s.control is not Control.BEGIN]
    if rest:
        said.append(
            f"{file.name} mixes statements that need a transaction with line {alone[0].line}, which takes none: Flyway"
            " refuses it unless mixed=true, and then runs all of it without a transaction, as forecast here"
        )
    if any(statement.concurrently and statement.node == "index_stmt" for statement in alone):
        said.append(
            f"{file.name} builds an index concurrently, which waits for ever for the transaction of Flyway's own lock"
            " unless flyway.postgresql.transactional.lock=false; it is taken to be set"
        )
    return said


def remarks(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What Flyway runs around the migrations: it is not forecast, and so it is named."""
    found = sorted(name for name in files if _CALLBACK.match(PurePosixPath(name).name))
    return tuple(f"{name} is a callback that Flyway runs beside the migrations; it is not forecast" for name in found)


_APPLIED = (
    "SELECT DISTINCT ON (version) version, success AND type NOT LIKE 'UNDO%' AND type <> 'DELETE' AS applied,"
    " NOT success AS failed FROM flyway_schema_history WHERE version IS NOT NULL ORDER BY version, installed_rank DESC"
)
"""The last that was done about a version counts. Source: Flyway documentation, "Schema history table"."""

_CHECKSUMS = (
    "SELECT DISTINCT ON (version) version, checksum::text AS checksum FROM flyway_schema_history"
    " WHERE version IS NOT NULL AND success AND type = 'SQL' ORDER BY version, installed_rank DESC"
)
"""A row that a person put there (BASELINE) has no file. Source: Flyway documentation, "Schema history table"."""

FORMAT = Format(
    name="flyway",
    naming="V1__name.sql or R__name.sql",
    transaction="file",
    sending=ENCLOSED_STATEMENTS,
    read_name=read_name,
    applied=AppliedQuery(
        table="flyway_schema_history",
        sql=_APPLIED,
        definition="(installed_rank integer PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,"
        " type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL,"
        " installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL)",
        checksums=_CHECKSUMS,
        checksum=crc32_of_lines,
    ),
    lock=MigratorLock.OTHER_SESSION,  # PostgreSQLAdvisoryLockTemplate, unless flyway.postgresql.transactional.lock=false
    read_text=read_text,
    nested=True,
    variables=True,
    remarks=remarks,
)
