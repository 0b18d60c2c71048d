"""golang-migrate: ``VERSION_name.up.sql`` beside ``VERSION_name.down.sql``, each file sent as one Query.

Not for Go migrations of other tools. The surprising thing: the ledger has one row, and is truncated to write it, so nobody
can read the ledger while the transaction that did it is open. And what comes after ``.up.`` can be anything: golang-migrate
sends ``1_a.up.pgsql`` as it is. Where that is a programming language, the application has a migrator of its own.

Source: golang-migrate v4, source/parse.go (names), database/postgres/postgres.go (``Run``, ``SetVersion``).
"""

from __future__ import annotations

import re

from lockage.core.migration.formats.format import Content, FileName, Format, MigratorLock, SourceFile
from lockage.core.migration.formats.go_templates import filled
from lockage.core.migration.formats.places import is_program

_UP = re.compile(r"^(?P<version>[0-9]+)_(?P<name>.*)\.up\.(?P<language>[A-Za-z0-9]+)$")


def read_name(file: str) -> FileName | None:
    """Version and name of an up migration; None for any other file."""
    match = _UP.match(file)
    if match is None:
        return None
    language = match["language"].lower() if is_program(file) else "sql"
    return FileName(version=int(match["version"]), name=match["name"], language=language)


def read_text(file: SourceFile) -> Content:
    """The text; where the user gave values, or it asks for the database, with its template filled in."""
    return filled(file)


def ledger_definition(table: str, version: int) -> tuple[str, ...]:
    """What ``ensureVersionTable`` executes before anything else, and the row of the last applied version; 0: none is."""
    define = f"CREATE TABLE IF NOT EXISTS {_quoted(table)} (version bigint not null primary key, dirty boolean not null)"
    return (define, _row(table, version)) if version else (define,)


def ledger_statements(table: str, version: int) -> tuple[str, ...]:
    """What ``SetVersion`` executes: before a migration with dirty true, after it with false; the locks are the same."""
    return (f"TRUNCATE {_quoted(table)}", _row(table, version))


def _row(table: str, version: int) -> str:
    return f"INSERT INTO {_quoted(table)} (version, dirty) VALUES ({version}, false)"  # noqa: S608 - an identifier and a number


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))


FORMAT = Format(
    name="golang-migrate",
    naming="VERSION_name.up.sql",
    transaction="file",
    read_name=read_name,
    ledger_definition=ledger_definition,
    ledger_statements=ledger_statements,
    default_ledger="public.schema_migrations",
    lock=MigratorLock.SAME_SESSION,  # database/postgres/postgres.go, Lock: pg_advisory_lock
    read_text=read_text,
    variables=True,
)
