"""The smallest database role that Lockage can work with, as SQL for whoever runs the server.

Not for executing it: a person does, as a superuser or as the owner of the database. The surprising thing: to read the *schema*,
PostgreSQL asks for the right to read the rows. ``pg_dump`` locks each table in ``ACCESS SHARE`` mode, and there is no smaller
privilege that allows that; a table without it is left out of the shadow, and counts as unknown.

Source: PostgreSQL 18 manual, LOCK, "Notes"; "Predefined Roles"; pg_dump.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.plan.rights import Use

ROLE = "lockage"
CONNECTIONS = 8
"""Sessions at once: watch, fence, pg_dump, the reading beside it, and as many again for a second Lockage that looks meanwhile.
Source: application names ``lockage/…`` in adapters.postgres."""

_DOES = {Use.LOOK: "survey, forecast, plan", Use.UPGRADE: "survey, forecast, plan, upgrade"}
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaShape:
    """One schema of the application."""

    name: str
    owners: tuple[str, ...] = ()  # roles that own tables in it: what they create later must be readable too
    tables: int = 0
    sequences: int = 0
    row_security: tuple[str, ...] = ()  # tables whose rows a policy decides about


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseShape:
    """What the role depends on; without a live database only what a profile and an address say."""

    database: str | None
    schemas: tuple[SchemaShape, ...]
    superusers: tuple[str, ...] = ()  # roles with sessions that only a superuser can end
    seen: bool = True  # False: nobody looked at the database


def database_role(shape: DatabaseShape, *, ledger: str, use: Use, role: str = ROLE) -> str:
    """The SQL, with what each statement is for, and what this role will not see or do on this database."""
    return "\n".join(
        [
            f"-- The smallest role for Lockage ({_DOES[use]}).",
            "-- Run it in the application's own database, as a superuser or as whoever may grant this.",
            "-- No password is in here: set one with \\password, or map the role in pg_hba.conf.",
            *_role(shape, role),
            *_server(role, use),
            *_schemas(shape, role, ledger),
            *_remarks(shape, use),
            "",
        ]
    )


def _role(shape: DatabaseShape, role: str) -> Iterator[str]:
    yield ""
    yield "-- It writes nothing: every session of Lockage's is read-only, and so is each that somebody else opens with it."
    yield f"CREATE ROLE {_name(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {CONNECTIONS};"
    yield f"ALTER ROLE {_name(role)} SET default_transaction_read_only = on;"
    if shape.database is None:
        yield f"-- GRANT CONNECT ON DATABASE … TO {_name(role)};  -- the database is not known here"
    else:
        yield f"GRANT CONNECT ON DATABASE {_name(shape.database)} TO {_name(role)};"


def _server(role: str, use: Use) -> Iterator[str]:
    yield ""
    yield "-- See what sessions of other roles do, how far they are, and which statements the running release sends."
    yield f"GRANT pg_read_all_stats TO {_name(role)};"
    if use is Use.UPGRADE:
        yield "-- End sessions in the way of the migration: orphans, and those that the plan names. Not those of superusers."
        yield f"GRANT pg_signal_backend TO {_name(role)};"


def _schemas(shape: DatabaseShape, role: str, ledger: str) -> Iterator[str]:
    home, _, table = ledger.partition(".")
    yield ""
    yield "-- Read the ledger of the migrations. Without it nothing can be planned."
    yield f"GRANT USAGE ON SCHEMA {_name(home)} TO {_name(role)};"
    yield f"GRANT SELECT ON {_name(home)}.{_name(table)} TO {_name(role)};"
    yield ""
    yield "-- Copy the schema for the shadow. PostgreSQL asks for SELECT to lock a table in ACCESS SHARE mode; rows are read of"
    yield "-- the ledger and by the profile's own queries only. What is left out here counts as unknown in every forecast."
    for schema in shape.schemas or (SchemaShape(name=home),):
        name, grantee = _name(schema.name), _name(role)
        yield f"GRANT USAGE ON SCHEMA {name} TO {grantee};"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {grantee};"
        yield f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {name} TO {grantee};"
        for owner in schema.owners:
            default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {_name(owner)} IN SCHEMA {name} GRANT SELECT ON"
            yield f"{default} TABLES TO {grantee};  -- those of the next release"
            yield f"{default} SEQUENCES TO {grantee};"


def _remarks(shape: DatabaseShape, use: Use) -> Iterator[str]:
    said: list[str] = []
    if not shape.seen:
        said += [
            "Nobody looked at the database: other schemas, and who owns the tables, are not known. The tables that the next"
        ]
        said += ["release brings are readable only with ALTER DEFAULT PRIVILEGES FOR ROLE owner …"]
    if shape.superusers and use is Use.UPGRADE:
        said += [f"{', '.join(shape.superusers)} is connected as a superuser: only a superuser can end its sessions."]
    for table in (table for schema in shape.schemas for table in schema.row_security):
        said += [f"{table} has row-level security: without a policy for this role, or BYPASSRLS, it sees no row of it."]
    if said:
        yield ""
        yield from (f"-- {line}" for line in said)


def _name(identifier: str) -> str:
    return (
        identifier
        if _PLAIN.fullmatch(identifier) and identifier not in _RESERVED
        else '"' + identifier.replace('"', '""') + '"'
    )


_RESERVED = frozenset(
    {"user", "table", "order", "group", "all", "default", "select", "grant", "to", "from", "where", "end", "do"}
)
"""Those reserved words that somebody might call a role, schema or database. Quoting too much would only be ugly."""
