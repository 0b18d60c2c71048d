"""The locks that a script asks for, also those that it gives back at once because an exception is caught.

Not for what it holds (``waiting_sessions``). The surprising thing: another session holds a table in a weak mode, so that the
script must wait, and whoever reads the table queues behind it; the request is read while it waits, and then let through.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

_AWAITED = """
select mode from pg_locks where pid = %s and not granted and locktype = 'relation' and relation = %s
"""

_HOLDS = ("ACCESS SHARE", "ROW EXCLUSIVE")
"""What readers hold, and what writers do."""

_TABLES = """
select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid >= 16384 and c.relkind in ('r', 'p') and n.nspname not like 'pg_%%' order by c.oid
"""


def asked_for(url: str, script: Sequence[str]) -> set[tuple[str, str, str]]:
    """(schema, table, mode) of each lock that the script, in one transaction, makes readers or writers wait for."""
    text = "\n".join(script)
    with psycopg.connect(url, autocommit=True) as session:
        tables = [row for row in session.execute(_TABLES).fetchall() if row[2] in text]
    return {
        (schema, name, mode)
        for oid, schema, name in tables
        for hold in _HOLDS
        for mode in _awaited(url, script, oid, sql.Identifier(schema, name), hold)
    }


def _awaited(url: str, script: Sequence[str], oid: int, table: sql.Identifier, hold: str) -> Iterable[str]:
    with (
        psycopg.connect(url, autocommit=True) as holder,
        psycopg.connect(url) as runner,
        psycopg.connect(url, autocommit=True) as sampler,
    ):
        holder.execute("begin")
        holder.execute(sql.SQL("lock table only {} in {} mode").format(table, sql.SQL(hold)))
        thread = threading.Thread(target=lambda: [runner.execute(statement.encode()) for statement in script])
        thread.start()
        found: list[str] = []
        while thread.is_alive() and not found:
            found = [mode for (mode,) in sampler.execute(_AWAITED, (runner.info.backend_pid, oid)).fetchall()]
        holder.execute("rollback")
        thread.join()
        runner.rollback()
        return found
