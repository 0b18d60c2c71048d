"""Stand-ins for what a shadow's PostgreSQL is not built with: pgcrypto, uuid-ossp, collations of ICU and of other systems.

Not for production, nor for results: they have the right names and signatures, so that a schema can be restored and a script
runs on; extensions that nobody could have foreseen are sketched from production's catalog (``extension_sketches``). The
surprising thing: they are found by ``extension_control_path``, so the server's own, where it has them, win.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.embedded import Server

RELOAD_LIMIT_S = 10.0
"""Longest wait until the server has read its configuration anew: of a millisecond, but the machine may be busy."""

SINCE_MAJOR = 18
"""From when a server looks for extensions in more than one place. Older ones are not built by us: they have their own."""

_FOLDER = Path(__file__).parent / "standin_extensions"

_COLLATION = re.compile(rb"^(?P<head>CREATE COLLATION [^\n]*? \()(?P<body>provider = \w+,[^\n]*)\);$", re.MULTILINE)
_AS_C = rb"\g<head>provider = libc, locale = 'C');"
_BUILT_IN_NAME = re.compile(rb'COLLATE pg_catalog\.(?:"([^"\n]+)"|(\w+))')


def offer_extensions(server: Server) -> None:
    """Makes the stand-ins known to all later sessions of ``server``; its own extensions come first."""
    # Inside the data directory the server can read them, whoever it runs as.
    folder = server.data_dir / "standins"
    shutil.copytree(_FOLDER, folder, copy_function=shutil.copyfile)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with psycopg.connect(server.url("template1"), autocommit=True) as session:
        path = f"$system:{folder}"
        session.execute(sql.SQL("alter system set extension_control_path = {}").format(sql.Literal(path)))
        session.execute("select pg_reload_conf()")
        # The server tells its sessions after it knows itself: when this one knows, all later ones do.
        until = time.monotonic() + RELOAD_LIMIT_S
        while session.execute("show extension_control_path").fetchone() != (path,) and time.monotonic() < until:
            time.sleep(0.001)


def with_known_collations(connection: psycopg.Connection[TupleRow], dump: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Gives a dump all of whose collations the server can make, and the names of those that sort as C instead.

    Those of ``pg_catalog`` that the dump uses and the server lacks are made there, sorting as C.
    """
    standins: list[str] = []

    def known_or_c(found: re.Match[bytes]) -> bytes:
        if _can_be_made(connection, found["body"].decode()):
            return found[0]
        standins.append(found["head"].decode().removeprefix("CREATE COLLATION ").removesuffix(" ("))
        return found.expand(_AS_C)

    dump = _COLLATION.sub(known_or_c, dump)
    used = sorted({(quoted or plain).decode() for quoted, plain in _BUILT_IN_NAME.findall(dump)})
    if used:
        standins += _make_collations(connection, used)
    return dump, tuple(dict.fromkeys(standins))


def _can_be_made(connection: psycopg.Connection[TupleRow], body: str) -> bool:
    order = sql.SQL("create collation pg_catalog.lockage_trial ({})").format(sql.SQL(cast("LiteralString", body)))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local allow_system_table_mods = on")
            connection.execute(order)
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error:
        return False
    return True


def _make_collations(connection: psycopg.Connection[TupleRow], names: Sequence[str]) -> list[str]:
    query = (
        "select distinct collname from pg_catalog.pg_collation"
        " where collnamespace = 'pg_catalog'::pg_catalog.regnamespace and collencoding in (-1, pg_catalog.pg_char_to_encoding("
        "pg_catalog.getdatabaseencoding()))"
    )
    there = {row[0] for row in connection.execute(query)}
    missing = [name for name in names if name not in there]
    if missing:
        connection.execute("set allow_system_table_mods = on")
        for name in missing:
            order = sql.SQL("create collation if not exists {} (provider = libc, locale = 'C')")
            connection.execute(order.format(sql.Identifier("pg_catalog", name)))
        connection.execute("reset allow_system_table_mods")
    return missing


def standins_in_use(connection: psycopg.Connection[TupleRow]) -> tuple[str, ...]:
    """Gives the extensions in use in this database that are stand-ins."""
    query = (
        "select e.extname from pg_catalog.pg_extension as e"
        " join pg_catalog.pg_description as d on d.objoid = e.oid and d.classoid = 'pg_catalog.pg_extension'::regclass"
        " where d.description like 'stand-in for %' order by 1"
    )
    return tuple(str(row[0]) for row in connection.execute(query))
