"""The newest lines of PostgreSQL's own log, read through PostgreSQL.

Not for understanding them (``core.diagnosis.server_log``). The surprising thing: a server without a log collector writes to
its standard error, which is often a file all the same (``pg_ctl -l``), and then the server can read that too; where it is a
pipe, as in a container, nothing is read, since that would take lines away from whoever is at the other end.

Code: LK612 the log cannot be read from here.
"""

from __future__ import annotations

from typing import Any

import psycopg

from lockage.adapters.postgres.session import load_sql
from lockage.errors import RefusedError

LINE_BYTES = 400
"""Room for one line: errors of a migration quote its statement. What is cut off are the oldest lines."""

STANDARD_ERROR = "/proc/self/fd/2"
"""Where Linux shows a process what its standard error is. A backend has its postmaster's."""


def read_server_log(connection: psycopg.Connection[Any], lines: int) -> tuple[str, ...]:
    """The newest ``lines`` lines, oldest first. Raises RefusedError (LK612) with the reason where they cannot be read."""
    try:
        source = connection.execute(load_sql("select_log_source")).fetchone()
        assert source is not None, "the query gives one row"
        file = source[0] or (STANDARD_ERROR if not source[1] and "stderr" in source[2] else None)
        found = None if file is None else _tail(connection, file, lines * LINE_BYTES)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"the role may not read the server's log ({error.diag.message_primary})",
            code="LK612",
            hint="read it on the server, or as a member of pg_monitor and pg_read_server_files",
        ) from error
    if found is None:
        raise RefusedError(
            f"the server's log is no file that PostgreSQL could read (log_destination {source[2]})",
            code="LK612",
            hint="read it where the server runs: kubectl logs of its pod, journalctl of its service, the provider's console",
        )
    return found[-lines:]


def _tail(connection: psycopg.Connection[Any], file: str, size: int) -> tuple[str, ...] | None:
    row = connection.execute(load_sql("read_log_tail"), {"file": file, "bytes": size}).fetchone()
    if row is None:
        return None
    lines = bytes(row[0]).decode(errors="replace").splitlines()
    return tuple(lines[1:] if row[1] else lines)  # the first of a cut text is half a line
