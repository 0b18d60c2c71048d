"""Stand-ins for what the embedded PostgreSQL is not built with: pgcrypto, uuid-ossp, collations of ICU.

Not for production, nor for results: they have the right names and signatures, so that a schema can be restored and a script
runs on. The surprising thing: they are found by ``extension_control_path``, so the server's own, where it has them, win.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.embedded import Server

RELOAD_LIMIT_S = 10.0
"""Longest wait until the server has read its configuration anew: of a millisecond, but the machine may be busy."""

_FOLDER = Path(__file__).parent / "standin_extensions"

_ICU_COLLATION = re.compile(rb"^(CREATE COLLATION [^\n]*? \()provider = icu,[^\n]*(\);)$", re.MULTILINE)
_ICU_NAME = re.compile(rb'pg_catalog\."([^"\n]+-x-icu)"')


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


def without_icu(dump: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Gives a dump whose own collations need no ICU, and the names of PostgreSQL's own ICU collations that it uses."""
    names = sorted({name.decode() for name in _ICU_NAME.findall(dump)})
    return _ICU_COLLATION.sub(rb"\1provider = libc, locale = 'C'\2", dump), tuple(names)


def create_collations(connection: psycopg.Connection[TupleRow], names: tuple[str, ...]) -> None:
    """Makes collations of these names in ``pg_catalog``, all of which sort as C."""
    if not names:
        return
    connection.execute("set allow_system_table_mods = on")
    for name in names:
        order = sql.SQL("create collation if not exists {} (provider = libc, locale = 'C')")
        connection.execute(order.format(sql.Identifier("pg_catalog", name)))
    connection.execute("reset allow_system_table_mods")


def standins_in_use(connection: psycopg.Connection[TupleRow]) -> tuple[str, ...]:
    """Gives the extensions in use in this database that are stand-ins."""
    query = (
        "select e.extname from pg_catalog.pg_extension as e"
        " join pg_catalog.pg_description as d on d.objoid = e.oid and d.classoid = 'pg_catalog.pg_extension'::regclass"
        " where d.description like 'stand-in for %' order by 1"
    )
    return tuple(str(row[0]) for row in connection.execute(query))
