"""Brings a database to the schema of a release, as Coder does: one transaction for everything that is pending.

Must not be used to go back: the down files are there as golang-migrate wants them, and nothing runs them. The surprising
thing: nothing here limits a wait. The migrator waits for relation locks for as long as somebody holds them, and a stop signal
does not cancel it; both are what the applications that Lockage upgrades do.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from lockage.demo.towpath import log
from lockage.demo.towpath.errors import MigrationError
from lockage.demo.towpath.releases import Release, migrations_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LOCK_KEY = 7_104_207_126_000_042
"""Key of the transaction-level advisory lock that lets one migrator in at a time. Of towpath's own choosing.

In ``pg_locks`` it shows as classid 1654077 (the high 32 bits), objid 505934250 (the low 32 bits) and objsubid 1."""

_NAME = re.compile(r"^(?P<version>\d+)_(?P<name>.+)\.up\.sql$")

_RETRY_PAUSE_S = 0.5
"""Rest between two tries to connect: a database that restarts is back within seconds, and half of one is not noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One up file."""

    version: int
    name: str
    path: Path


def migrations_of(release: Release) -> tuple[Migration, ...]:
    """The up files that the release brings, in order."""
    found = [
        Migration(version=int(match["version"]), name=match["name"], path=path)
        for path in sorted(migrations_dir().iterdir())
        if (match := _NAME.match(path.name))
    ]
    return tuple(migration for migration in found if migration.version <= release.last_migration)


def migrate(
    url: str,
    *,
    release: Release,
    application_name: str,
    connect_timeout_s: float = 0.0,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[Migration, ...]:
    """The migrations that were applied and committed; empty when the schema was up to date.

    `stopping` ends the tries to connect, and nothing else.
    Raises MigrationError when the database does not answer within `connect_timeout_s`, when its ledger is newer than the
    release or dirty, and when a statement fails.
    """
    with _connect(url, application_name, connect_timeout_s, stopping) as connection:
        try:
            applied = _migrate_in_one_transaction(connection, migrations_of(release))
            connection.commit()
        except psycopg.Error as failure:
            raise MigrationError(f"connect to postgres: migrate up: up: {log.one_line(failure)}") from failure
        if applied:
            log.info("committed database migrations", count=len(applied), to_version=applied[-1].version)
        return applied


def _connect(
    url: str, application_name: str, timeout_s: float, stopping: Callable[[], bool]
) -> psycopg.Connection[tuple[object, ...]]:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            # Whole files go to the server as one simple Query, so nothing may be prepared behind our back.
            return psycopg.connect(url, application_name=application_name, prepare_threshold=None, connect_timeout=10)
        except psycopg.OperationalError as failure:
            if time.monotonic() >= deadline or stopping():
                raise MigrationError(f"connect to postgres: ping postgres: {log.one_line(failure)}") from failure
            log.warn("ping postgres: retrying", error=log.one_line(failure))
            time.sleep(_RETRY_PAUSE_S)


def _migrate_in_one_transaction(
    connection: psycopg.Connection[tuple[object, ...]], migrations: Sequence[Migration]
) -> tuple[Migration, ...]:
    asked = time.monotonic()
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
    log.info("acquired database migration lock", waited=f"{time.monotonic() - asked:.3f}s")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    current = _current_version(connection, migrations)
    pending = [migration for migration in migrations if migration.version > current]
    if not pending:
        log.info("database schema is up to date", version=current)
    for position, migration in enumerate(pending, start=1):
        _apply(connection, migration, position=position, total=len(pending))
    return tuple(pending)


def _current_version(connection: psycopg.Connection[tuple[object, ...]], migrations: Sequence[Migration]) -> int:
    row = connection.execute("SELECT version, dirty FROM schema_migrations LIMIT 1").fetchone()
    if row is None:
        return 0
    version, dirty = int(str(row[0])), bool(row[1])
    if dirty:
        raise MigrationError(f"connect to postgres: migrate up: up: Dirty database version {version}. Fix and force version.")
    # golang-migrate reads the file of the current version anew; an older release does not have it.
    if version not in {migration.version for migration in migrations}:
        raise MigrationError(
            f"connect to postgres: migrate up: up: no migration found for version {version}:"
            f" read down for version {version} .: file does not exist"
        )
    return version


def _apply(connection: psycopg.Connection[tuple[object, ...]], migration: Migration, *, position: int, total: int) -> None:
    fields = {"version": migration.version, "name": migration.name, "position": position, "total": total}
    log.info("starting database migration", **fields)
    begun = time.monotonic()
    _set_version(connection, migration.version, dirty=True)
    try:
        # Without parameters psycopg sends one simple Query, and that may hold many statements.
        connection.execute(migration.path.read_bytes(), prepare=False)
    except psycopg.Error as failure:
        raise MigrationError(
            f"connect to postgres: migrate up: up: migration {migration.version} ({migration.name}): migration failed:"
            f" {log.one_line(failure)}"
            f" (sqlstate={failure.sqlstate or 'unknown'})"
        ) from failure
    _set_version(connection, migration.version, dirty=False)
    log.info("database migration applied, pending commit", **fields, duration=f"{time.monotonic() - begun:.3f}s")


def _set_version(connection: psycopg.Connection[tuple[object, ...]], version: int, *, dirty: bool) -> None:
    connection.execute("TRUNCATE schema_migrations")
    connection.execute("INSERT INTO schema_migrations (version, dirty) VALUES (%s, %s)", (version, dirty))
