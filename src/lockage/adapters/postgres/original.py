"""Reads of a live database what its schema dump does not carry: roles, settings, sizes, the rows of its ledger.

Not for the schema (``dump``), and nothing here writes. The surprising thing: the role that a script will run as is not the role
that asks. It is the one that owns the tables, for a survey may come with a role that can do nothing but look.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from lockage.adapters.postgres.catalog import read_relations
from lockage.adapters.postgres.extension_sketches import read_sketches
from lockage.adapters.postgres.hidden_tables import read_hidden
from lockage.adapters.postgres.invalid_indexes import read_invalid_indexes
from lockage.adapters.postgres.own_mark import marked
from lockage.adapters.postgres.session import load_sql
from lockage.adapters.postgres.small_tables import read_small_tables
from lockage.adapters.postgres.wait_limits import read_wait_limits
from lockage.core.facts import Relation
from lockage.core.forecast.beside_schema import ExtensionSketch, Role, RoleSettings, SmallTable, UnreadTable
from lockage.core.forecast.production import InvalidIndex
from lockage.core.migration.formats.registry import ledger_names

LEDGER_NAMES = (
    *ledger_names(),  # schema_migrations is also the one of Rails and Ecto
    "alembic_version",
    "django_migrations",
    "databasechangelog",  # Liquibase
    "atlas_schema_revisions",
    "knex_migrations",
    "migrations",  # Laravel, TypeORM
    "__EFMigrationsHistory",
    "river_migration",
    "ar_internal_metadata",  # Rails' second one
    "refinery_schema_history",
    "doctrine_migration_versions",
    "SequelizeMeta",
    "pgmigrations",  # node-pg-migrate
    "phinxlog",
)
"""What the migrators of the formats, and other common ones, call their ledger unless told otherwise.
Source: each one's documentation, read in 2026."""

LEDGER_ROWS_LIMIT = 100_000
"""Rows copied of one ledger: no migrator has as many, so a larger table that bears the name is none."""

LOOK_S = 0.02
"""Pause between two looks whether a relation is still locked against all."""

MEANINGFUL_SETTINGS = (
    "search_path",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "bytea_output",
    "check_function_bodies",
    "default_toast_compression",
    "default_transaction_isolation",
    "plpgsql.variable_conflict",
    "standard_conforming_strings",
)
"""Settings of a server that change what the text of a script means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The rows of one ledger, as COPY writes them: all in one piece, where a survey file has them line by line."""

    schema: str
    name: str
    columns: tuple[str, ...]
    rows: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What a shadow must know of the database that it stands for, beside its schema."""

    database: str
    version_num: int
    encoding: str
    migrating_role: str
    roles: tuple[Role, ...]
    role_settings: tuple[RoleSettings, ...]
    server_settings: Mapping[str, str]
    extensions: tuple[str, ...]
    filled_views: tuple[str, ...]
    has_public: bool
    unreadable: tuple[tuple[str, str], ...]  # (schema, name) of tables
    relations: tuple[Relation, ...]
    ledgers: tuple[Ledger, ...]
    hidden: tuple[UnreadTable, ...] = ()  # what the catalog says of the unreadable tables
    sketches: tuple[ExtensionSketch, ...] = ()  # of extensions that PostgreSQL does not bring
    small_tables: tuple[SmallTable, ...] = ()
    invalid_indexes: tuple[InvalidIndex, ...] = ()  # which no dump has
    owner: str | None = None  # of the database; None: not known
    tablespaces: tuple[str, ...] = ()
    asker: str | None = None  # the role that was asked with; None: not known, or it owns the tables itself
    wait_limits: Mapping[str, int] | None = None  # in milliseconds, of the migrating role's sessions; None: not known

    @property
    def superusers(self) -> frozenset[str]:
        """Names of the roles that may do everything."""
        return frozenset(role.name for role in self.roles if "SUPERUSER" in role.attributes)

    @property
    def major(self) -> int:
        """The server's major version, such as 18."""
        return self.version_num // 10_000


def read_original(connection: psycopg.Connection[Any], *, ledger: str | None, rows: bool = False) -> Original:
    """Gives what a shadow needs; ``ledger`` is ``schema.name`` or ``name``, None looks for the names of common ones.

    ``rows``: those of small tables are read, too.
    Raises psycopg.errors.LockNotAvailable where somebody keeps a table that must be read locked against all.
    """
    (traits,) = _rows(connection, "select_database_traits")  # a session has one database
    migrating_role = next((str(row["rolname"]) for row in _rows(connection, "select_migrating_role")), str(traits["asker"]))
    role_settings = tuple(map(_role_settings, _rows(connection, "select_role_settings")))
    unreadable = tuple((str(row["nspname"]), str(row["relname"])) for row in _rows(connection, "select_unreadable_tables"))
    relations = read_relations(connection)
    ledgers = tuple(_ledgers(connection, ledger, unreadable))
    return Original(
        database=traits["name"],
        version_num=connection.info.server_version,
        encoding=traits["encoding"],
        migrating_role=migrating_role,
        asker=traits["asker"],
        roles=tuple(map(_role, _rows(connection, "select_roles"))),
        role_settings=role_settings,
        server_settings=_server_settings(connection),
        extensions=tuple(traits["extensions"]),
        filled_views=tuple(traits["filled_views"]),
        has_public=traits["has_public"],
        unreadable=unreadable,
        relations=relations,
        ledgers=ledgers,
        owner=traits["owner"],
        tablespaces=tuple(str(row["spcname"]) for row in _rows(connection, "select_tablespaces")),
        hidden=read_hidden(connection, unreadable),
        sketches=read_sketches(connection, traits["extensions"]),
        small_tables=read_small_tables(connection, relations, without=[(t.schema, t.name) for t in ledgers]) if rows else (),
        invalid_indexes=read_invalid_indexes(connection),
        wait_limits=read_wait_limits(
            connection,
            role=migrating_role,
            role_settings=[(one.role, one.everywhere, one.settings) for one in role_settings],
        ),
    )


def still_shut(connection: psycopg.Connection[Any], *, limit_s: float) -> tuple[str, ...]:
    """Gives the relations that somebody else locks against all, or waits to, now and still after ``limit_s``."""
    until = time.monotonic() + limit_s
    while names := tuple(str(row[0]) for row in connection.execute(load_sql("select_shut_relations"))):
        if time.monotonic() > until:
            return names
        time.sleep(LOOK_S)
    return ()


def _rows(connection: psycopg.Connection[Any], query: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(load_sql(query), parameters).fetchall()


def _server_settings(connection: psycopg.Connection[Any]) -> dict[str, str]:
    rows = _rows(connection, "select_server_settings", {"names": list(MEANINGFUL_SETTINGS)})
    return {str(row["name"]): str(row["setting"]) for row in rows}


def _role(row: Mapping[str, Any]) -> Role:
    return Role(
        name=row["rolname"],
        attributes=(
            "SUPERUSER" if row["rolsuper"] else "NOSUPERUSER",
            "INHERIT" if row["rolinherit"] else "NOINHERIT",
            "CREATEROLE" if row["rolcreaterole"] else "NOCREATEROLE",
            "CREATEDB" if row["rolcreatedb"] else "NOCREATEDB",
            "REPLICATION" if row["rolreplication"] else "NOREPLICATION",
            "BYPASSRLS" if row["rolbypassrls"] else "NOBYPASSRLS",
        ),
        member_of=tuple(row["member_of"]),
    )


def _role_settings(row: Mapping[str, Any]) -> RoleSettings:
    return RoleSettings(role=row["role"], everywhere=row["everywhere"], settings=tuple(row["settings"]))


def _ledgers(connection: psycopg.Connection[Any], ledger: str | None, hidden: Sequence[tuple[str, str]]) -> list[Ledger]:
    names = list(LEDGER_NAMES) if ledger is None else [ledger]
    found = connection.execute(load_sql("select_ledgers"), {"names": names}).fetchall()
    readable = [row for row in found if (row[0], row[1]) not in hidden]
    ledgers = (_ledger(connection, schema=row[0], name=row[1], columns=tuple(row[2])) for row in readable)
    return [ledger for ledger in ledgers if ledger is not None]


def _ledger(connection: psycopg.Connection[Any], *, schema: str, name: str, columns: tuple[str, ...]) -> Ledger | None:
    query = sql.SQL("copy (select {columns} from {table} limit {limit}) to stdout").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(schema, name),
        limit=sql.Literal(LEDGER_ROWS_LIMIT + 1),
    )
    with connection.cursor() as cursor, cursor.copy(marked(query)) as copy:
        rows = b"".join(bytes(block) for block in copy)
    if rows.count(b"\n") > LEDGER_ROWS_LIMIT:
        return None
    return Ledger(schema=schema, name=name, columns=columns, rows=rows)
