"""towpath's migrations on a real PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from lockage.demo.towpath.errors import MigrationError
from lockage.demo.towpath.migrator import LOCK_KEY, Migration, migrate, migrations_of
from lockage.demo.towpath.releases import release_named, releases
from lockage.demo.towpath.statements import statements_of

pytestmark = pytest.mark.real

VERSIONS = [release.version for release in releases()]
EARLIER_AND_LATER = [(a, b) for i, a in enumerate(VERSIONS) for b in VERSIONS[i + 1 :]]

CATALOG = """
    SELECT 'column', attrelid::regclass::text, attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'enum', enumtypid::regtype::text, enumlabel FROM pg_enum
    UNION ALL SELECT 'default', adrelid::regclass::text, adnum || pg_get_expr(adbin, adrelid) FROM pg_attrdef
"""


def up(url: str, version: str) -> tuple[Migration, ...]:
    return migrate(url, release=release_named(version), application_name="towpath/test")


def catalog(url: str, *, without: tuple[str, ...] = ()) -> set[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        return {row for row in connection.execute(CATALOG).fetchall() if row[0] not in without}


def ledger(url: str) -> list[tuple[int, bool]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version, dirty FROM schema_migrations").fetchall()


def broken_by(connection: psycopg.Connection[tuple[object, ...]], names: list[str]) -> dict[str, str]:
    """The prepared statements that cannot be planned any more, with the SQLSTATE."""
    broken: dict[str, str] = {}
    for name in names:
        row = connection.execute(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = %s", (name,)
        ).fetchone()
        assert row is not None
        count = int(str(row[0]))
        arguments = sql.SQL("({})").format(sql.SQL(", ").join([sql.SQL("NULL")] * count)) if count else sql.SQL("")
        try:
            connection.execute(sql.SQL("EXPLAIN EXECUTE {}{}").format(sql.Identifier(name), arguments))
        except psycopg.Error as failure:
            broken[name] = failure.sqlstate or ""
    return broken


@pytest.mark.parametrize(("earlier", "later"), EARLIER_AND_LATER)
def test_every_release_migrates_from_every_earlier_one(database_url: str, earlier: str, later: str) -> None:
    up(database_url, earlier)
    applied = up(database_url, later)
    first, last = release_named(earlier).last_migration + 1, release_named(later).last_migration
    assert [migration.version for migration in applied] == list(range(first, last + 1))
    assert ledger(database_url) == [(last, False)]


def test_the_schema_is_the_same_by_every_way(database_url: str) -> None:
    up(database_url, "2.27.9")
    direct = catalog(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    for version in VERSIONS:
        up(database_url, version)
    assert catalog(database_url) == direct


def test_every_migration_can_be_taken_back(database_url: str) -> None:
    # Column positions differ after a way back, and values of an enum stay.
    without = ("default", "enum")
    before: dict[int, set[tuple[str, str, str]]] = {}
    migrations = migrations_of(releases()[-1])
    with psycopg.connect(database_url, autocommit=True) as connection:
        for migration in migrations:
            before[migration.version] = catalog(database_url, without=without)
            connection.execute(migration.path.read_bytes())
        for migration in reversed(migrations):
            connection.execute(migration.path.with_name(migration.path.name.replace(".up.", ".down.")).read_bytes())
            assert catalog(database_url, without=without) == before[migration.version], migration.name


def test_a_release_that_is_up_to_date_changes_nothing(database_url: str) -> None:
    up(database_url, "2.26.0")
    with psycopg.connect(database_url) as reader:
        # Reading locks the ledger against TRUNCATE: with nothing pending, the migrator must not want to.
        reader.execute("SELECT * FROM schema_migrations")
        assert up(database_url, "2.26.0") == ()


def test_a_newer_ledger_is_refused_as_golang_migrate_does(database_url: str) -> None:
    up(database_url, "2.27.8")
    before = catalog(database_url)
    with pytest.raises(MigrationError, match="no migration found for version 18"):
        up(database_url, "2.26.6")
    assert catalog(database_url) == before
    assert ledger(database_url) == [(18, False)]


def test_a_dirty_ledger_is_refused(database_url: str) -> None:
    up(database_url, "2.26.0")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE schema_migrations SET dirty = true")
    with pytest.raises(MigrationError, match=r"Dirty database version 12\."):
        up(database_url, "2.26.6")


def test_a_failed_migration_leaves_no_trace(database_url: str) -> None:
    up(database_url, "2.26.0")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TYPE build_reason AS ENUM ('in the way of migration 17')")
    before = catalog(database_url)
    with pytest.raises(MigrationError, match=r"migration 17 \(build_initiator\): .* already exists .*42710"):
        up(database_url, "2.27.8")
    assert catalog(database_url) == before
    assert ledger(database_url) == [(12, False)]


def test_a_database_that_is_down_is_named(free_port: int) -> None:
    with pytest.raises(MigrationError, match="connect to postgres: ping postgres"):
        up(f"postgresql://nobody@127.0.0.1:{free_port}/none", "2.26.0")


def test_the_lock_shows_in_pg_locks_as_documented(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        row = connection.execute(
            "SELECT classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        ).fetchone()
    assert row == (1654077, 505934250, 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_statement_of_a_release_can_be_prepared_on_its_schema(database_url: str, version: str) -> None:
    up(database_url, version)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, text in statements_of(release_named(version)).items():
            connection.execute(f"PREPARE {name} AS {text}".encode())


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("2.26.0", "2.26.6", {}),
        ("2.26.0", "2.27.8", {"authenticate": "42703", "list_keys": "42703", "create_key": "42703"}),
        ("2.26.6", "2.27.8", {"authenticate": "42703", "list_keys": "42703", "create_key": "42703"}),
        ("2.27.8", "2.27.9", {}),
    ],
)
def test_statements_of_the_old_release_on_the_new_schema(database_url: str, old: str, new: str, broken: dict[str, str]) -> None:
    up(database_url, old)
    statements = statements_of(release_named(old))
    # Without psycopg's own prepared statements: it would drop ours together with them after an error.
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as connection:
        for name, text in statements.items():
            connection.execute(f"PREPARE {name} AS {text}".encode())
        assert broken_by(connection, list(statements)) == {}
        up(database_url, new)
        assert broken_by(connection, list(statements)) == broken
