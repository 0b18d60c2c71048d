"""Which migrations a live database has still before it.

Not for deployments, whose release is surveyed (``survey``). The surprising thing: a ledger that is missing or empty is a good
answer, "nothing is applied yet", but one that cannot be read is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.migration.applied import Applied, AppliedRow, applied_of, edited_since
from lockage.core.migration.formats.format import AppliedQuery
from lockage.core.migration.script import Migration
from lockage.core.release.profile import Profile
from lockage.errors import LockageError, RefusedError
from lockage.ports import Database


def applied_version(database: Database, profile: Profile, *, newest: int) -> int:
    """Number of the newest migration that the database has applied; 0: none is.

    ``newest`` is the newest that is known. Raises ``RefusedError``: LK430 dirty, LK431 newer than ``newest``, LK432 being
    migrated now, LK433 not readable.
    """
    reading = database.ledger(profile)
    match reading.state:
        case LedgerState.MISSING | LedgerState.EMPTY:
            return 0
        case LedgerState.READ if reading.version is not None:
            return _clean_and_known(reading, reading.version, newest)
        case LedgerState.MIGRATING:
            raise RefusedError(
                f"the database is being migrated now: backend {reading.holder_pid} holds the migration lock",
                code="LK432",
                hint="wait until it has ended",
            )
        case _:
            raise _unreadable(reading)


def applied_by_rows(
    database: Database, query: AppliedQuery, migrations: Sequence[Migration], *, files: Mapping[str, bytes] | None = None
) -> Applied:
    """Where a database stands whose ledger has a row for each migration.

    ``files``: the migrations' as they are, to find those that were edited since; None: nobody asks.
    Raises ``RefusedError``: LK430 one stopped half-way, LK431 newer than the migrations, LK433 not readable, LK693 elsewhere.
    """
    name = query.table.replace("'", "''")
    [found] = database.ask(f"SELECT to_regclass('{name}') IS NOT NULL AS there")
    if not found["there"]:
        return nothing_applied(database, query.table)
    try:
        rows = database.ask(query.sql)
    except LockageError as error:
        raise RefusedError(
            f"the ledger {query.table} cannot be read: {error.message}",
            code="LK433",
            hint="say which migration is the last one applied: --from V",
        ) from error
    said = [AppliedRow(version=str(r["version"]), applied=bool(r["applied"]), failed=bool(r["failed"])) for r in rows]
    applied = applied_of(migrations, said, table=query.table)
    return replace(applied, edited=_edited(database, query, migrations, files)) if files else applied


def nothing_applied(database: Database, table: str) -> Applied:
    """What follows of a ledger ``table`` that is not there, or empty: a new database, or another one than was meant.

    Raises ``RefusedError`` (LK693) where it is not there, but one that is called so is in another schema.
    """
    name = table.rpartition(".")[2]
    literal = name.replace("'", "''")
    tables = "pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind IN ('r', 'p') AND relpersistence <> 't'"
    query = f"SELECT nspname || '.' || relname AS it FROM {tables} AND relname = '{literal}' ORDER BY 1"  # noqa: S608 - quoted
    rows = database.ask(query)
    found = tuple(str(row["it"]) for row in rows)
    if found and table not in found:
        raise RefusedError(
            f"the database has no ledger {table} in its search path, but {found[0]}: whether that one counts is not known"
            if table == name
            else f"the database has no ledger {table}, but {found[0]}: whether that one counts is not known",
            code="LK693",
            hint="say which migration is the last one applied: --from V (0: none is)",
        )
    said = f"the database has no ledger {table}, or an empty one: no migration is taken to be applied (otherwise say --from V)"
    return Applied(version=0, remarks=(said,))


def _edited(
    database: Database, query: AppliedQuery, migrations: Sequence[Migration], files: Mapping[str, bytes]
) -> tuple[str, ...]:
    """Files that are not what they were when they were applied; none where the ledger does not tell."""
    if query.checksums is None or query.checksum is None:
        return ()
    try:
        rows = database.ask(query.checksums)
    except LockageError:
        return ()  # an older version of the migrator's, which kept none
    checksums = {str(row["version"]): str(row["checksum"]) for row in rows if row["checksum"] is not None}
    return edited_since(migrations, files, checksums, checksum=query.checksum)


def _clean_and_known(reading: LedgerReading, version: int, newest: int) -> int:
    if reading.dirty:
        raise RefusedError(
            f"the ledger {reading.table} is dirty at version {version}: a migration stopped half-way",
            code="LK430",
            hint=f"compare the schema with migration {version} first, or say where it stands: --from V",
        )
    if version > newest:
        raise RefusedError(
            f"the ledger {reading.table} is at version {version}, newer than {newest}, the newest migration of the folder",
            code="LK431",
            hint="give the folder of the release that the database has",
        )
    return version


def _unreadable(reading: LedgerReading) -> LockageError:
    return RefusedError(
        f"the ledger {reading.table} cannot be read: {reading.problem or 'it holds no version'}",
        code="LK433",
        hint="say which migration is the last one applied: --from V",
    )
