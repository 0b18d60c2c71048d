"""Makes a shadow like its original in what the schema dump does not carry: roles, settings, ledger rows, sizes.

Never for production: it writes into system catalogs, which only a server that is thrown away survives. The surprising thing:
relation files are made as long as production's with nothing in them (sparse, so they take no disk), because the planner asks
the file system, not the statistics, how large a table is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.dumped_statistics import RESTORES_ITSELF
from lockage.adapters.postgres.original import Ledger, Original
from lockage.adapters.postgres.reaching_out import reaching_names
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.beside_schema import RoleSettings
from lockage.core.forecast.target_reading import BLOCK_BYTES

FILE_LIMIT_BYTES = 32 * 1024 * 1024
"""Longest sparse file. A scan of it costs some milliseconds; row estimates stay true, since density makes up for the rest."""

IN_PLACE_SINCE = 15
"""First major whose tablespaces need no folder elsewhere. Source: manual 15, 20.17, allow_in_place_tablespaces."""

_LEFT_OUT = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "session_preload_libraries",
    "local_preload_libraries",
    "client_min_messages",
    "default_tablespace",
    "temp_tablespaces",
)
"""Settings that would stop or deafen the tracing instead of making it truer."""


def create_roles(connection: psycopg.Connection[TupleRow], original: Original) -> None:
    """Makes all roles, none of which can log in but the migrating one, which is also made a superuser.

    The database gets its owner.
    """
    present = {row[0] for row in connection.execute("select rolname from pg_roles")}
    for role in original.roles:
        if role.name not in present:
            words = sql.SQL(" ").join(map(sql.SQL, role.attributes))
            connection.execute(sql.SQL("create role {} nologin {}").format(sql.Identifier(role.name), words))
    for role in original.roles:
        for group in role.member_of:
            grant = sql.SQL("grant {group} to {role}")
            connection.execute(grant.format(group=sql.Identifier(group), role=sql.Identifier(role.name)))
    migrating = sql.Identifier(original.migrating_role)
    connection.execute(sql.SQL("alter role {} login superuser").format(migrating))
    if original.owner is not None:
        names = map(sql.Identifier, (original.database, original.owner))
        connection.execute(sql.SQL("alter database {} owner to {}").format(*names))


def create_tablespaces(connection: psycopg.Connection[TupleRow], original: Original, *, data_dir: Path, major: int) -> None:
    """Makes production's tablespaces, all inside the shadow's own folder, so that what a script moves is moved there too."""
    if not original.tablespaces:
        return
    if major >= IN_PLACE_SINCE:
        connection.execute("set allow_in_place_tablespaces = on")
    for number, name in enumerate(original.tablespaces):
        place = "" if major >= IN_PLACE_SINCE else str(_own_folder(data_dir, f"lockage_tablespace_{number}"))
        order = sql.SQL("create tablespace {} location {}")
        connection.execute(order.format(sql.Identifier(name), sql.Literal(place)))


def apply_settings(connection: psycopg.Connection[TupleRow], original: Original) -> tuple[str, ...]:
    """Puts the settings of database and roles in force for later sessions; gives "name=value" of those left out."""
    left_out: list[str] = []
    server = RoleSettings(
        role=None, everywhere=True, settings=tuple(f"{name}={value}" for name, value in original.server_settings.items())
    )
    for entry in _merged([server, *original.role_settings]):
        kept = [text for text in entry.settings if not _is_left_out(text)]
        if entry.role in (None, original.migrating_role):
            left_out += [text for text in entry.settings if text.partition("=")[0] in _LEFT_OUT]
        parameters = {"role": entry.role, "everywhere": entry.everywhere, "settings": kept}
        if kept:
            connection.execute(load_sql("insert_role_settings"), parameters)
    return tuple(left_out)


def put_ledger(connection: psycopg.Connection[TupleRow], ledger: Ledger) -> bool:
    """Puts the ledger's rows into the shadow's, unseen by triggers and foreign keys; False where they are not taken."""
    query = sql.SQL("copy {table} ({columns}) from stdin").format(
        table=sql.Identifier(ledger.schema, ledger.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, ledger.columns)),
    )
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("set local session_replication_role = replica")
            with cursor.copy(query) as copy:
                copy.write(ledger.rows)
    except psycopg.Error:
        return False
    return True


def retouch_catalog(connection: psycopg.Connection[TupleRow], original: Original, *, major: int) -> None:
    """Undoes what dump and restore distort; what reaches out of the server is disarmed. ``major`` is the shadow's.

    Materialised views that are filled in production count as filled. Before 18, NOT NULL has no name that a script could take
    or miss. Foreign data wrappers lose their handlers, so that a script on a shadow never writes through one.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("set local allow_system_table_mods = on")
        cursor.execute(load_sql("update_filled_views"), {"views": list(original.filled_views)})
        cursor.execute(load_sql("disarm_foreign_wrappers"))
        if original.major < 18 <= major:
            cursor.execute(load_sql("rename_not_null_constraints"))
        if not original.has_public:
            cursor.execute("drop schema if exists public")


def disarm_event_triggers(connection: psycopg.Connection[TupleRow], *, of_logins: bool) -> tuple[str, ...]:
    """Switches event triggers off that reach out of the database, ``of_logins`` also those of logins; gives their names.

    Any statement of a script would fire them.
    """
    found = connection.execute(load_sql("select_event_triggers")).fetchall()
    reaching = reaching_names(connection) if found else frozenset[str]()
    names = tuple(
        str(name) for name, routine, event in found if routine.lower() in reaching or (of_logins and event == "login")
    )
    for name in names:
        connection.execute(sql.SQL("alter event trigger {} disable").format(sql.Identifier(name)))
    return names


def lengthen_files(connection: psycopg.Connection[TupleRow], original: Original, *, data_dir: Path, major: int) -> None:
    """Makes the planner see production's sizes: row counts into the catalog, and files as long as production's, sparse.

    ``major`` is the shadow's.
    """
    change = "restore_relation_size" if major >= RESTORES_ITSELF else "update_relation_size"
    sizes = {relation.relation: relation for relation in original.relations if relation.rows >= 0}
    files = connection.execute(load_sql("select_relation_files")).fetchall()
    with connection.pipeline():
        for schema, table, path, kind in files:
            size = sizes.get(f"{schema}.{table}")
            if size is None or size.rows <= 0:
                continue
            blocks = max(1, min(size.heap_bytes, FILE_LIMIT_BYTES) // BLOCK_BYTES)
            if kind != "p":
                lengthen(data_dir / path, blocks * BLOCK_BYTES)
            parameters = {"schema": schema, "table": table, "blocks": blocks, "rows": size.rows}
            connection.execute(load_sql(change), parameters)


def lengthen(file: Path, size_bytes: int) -> None:
    """Makes a relation's file at least so long, with nothing in it."""
    # The file stays its owner's: truncate changes neither owner nor mode.
    if file.stat().st_size < size_bytes:
        os.truncate(file, size_bytes)


def _own_folder(data_dir: Path, name: str) -> Path:
    """A folder of the server's account, which alone may have tablespaces."""
    folder = data_dir / name
    folder.mkdir(mode=0o700)
    owner = data_dir.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


def _merged(entries: Iterable[RoleSettings]) -> list[RoleSettings]:
    """One entry for each role and reach, later settings of a name first out."""
    found: dict[tuple[str | None, bool], dict[str, str]] = {}
    for entry in entries:
        by_name = found.setdefault((entry.role, entry.everywhere), {})
        by_name.update((text.partition("=")[0], text) for text in entry.settings)
    return [
        RoleSettings(role=role, everywhere=everywhere, settings=tuple(by_name.values()))
        for (role, everywhere), by_name in found.items()
    ]


def _is_left_out(text: str) -> bool:
    name = text.partition("=")[0]
    return name in _LEFT_OUT or name.startswith(("log_", "auto_explain."))
