"""golang-migrate: ``VERSION_name.up.sql`` beside ``VERSION_name.down.sql``, each file sent as one Query.

Not for Go migrations of other tools. The surprising thing: the ledger has one row, and is truncated to write it, so nobody
can read the ledger while the transaction that did it is open.

Source: golang-migrate v4, source/parse.go (names), database/postgres/postgres.go (``Run``, ``SetVersion``).
"""

from __future__ import annotations

import re

from lockage.core.migration.formats.format import FileName, Format

_UP = re.compile(r"^(?P<version>[0-9]+)_(?P<name>.*)\.up\.sql$")


def read_name(file: str) -> FileName | None:
    """Version and name of an up migration; None for any other file."""
    match = _UP.match(file)
    return FileName(version=int(match["version"]), name=match["name"]) if match else None


def ledger_statements(table: str, version: int) -> tuple[str, ...]:
    """What ``SetVersion`` executes: before a migration with dirty true, after it with false; the locks are the same."""
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))
    return (f"TRUNCATE {quoted}", f"INSERT INTO {quoted} (version, dirty) VALUES ({version}, false)")  # noqa: S608 - identifiers are quoted, the version is a number


FORMAT = Format(
    name="golang-migrate",
    naming="VERSION_name.up.sql",
    transaction="file",
    read_name=read_name,
    ledger_statements=ledger_statements,
    default_ledger="public.schema_migrations",
)
