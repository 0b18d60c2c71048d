"""Sessions with a database: limited, named, and with PostgreSQL's errors turned into ours at the door.

Not for the queries themselves, which stand in ``sql/``. The surprising thing: a failed login has no SQLSTATE in libpq, so its
English words are matched; a server with other ``lc_messages`` gives the general LK129, with its own words in the hint.

Codes here: LK120 invalid URL, LK141 a pooler; those of a failed login and of a failed statement stand in ``sqlstate``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from lockage.adapters.postgres.any_text import CLIENT_ENCODING, read_any_text
from lockage.adapters.postgres.sqlstate import explain_login, explain_statement
from lockage.errors import RefusedError, UsageError
from lockage.settings import Watching

IDLE_IN_TRANSACTION_LIMIT_S = 60.0
"""Ends a session of ours that was left idle inside a transaction, as by a stopped process, before it blocks a migration."""

_KEEPALIVE = {
    # A peer that vanished without a word is noticed within about 25 s instead of two hours.
    "keepalives_idle": "10",  # s
    "keepalives_interval": "5",  # s
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",  # ms
}

_PORTS = re.compile(r"[0-9,]*")


def connect(
    url: str,
    *,
    what: str,
    lock_timeout_s: float | None,
    statement_timeout_s: float | None,
    connect_timeout_s: float,
    autocommit: bool = True,
    read_only: bool = False,
    idle_in_transaction_limit_s: float | None = IDLE_IN_TRANSACTION_LIMIT_S,
    password: Callable[[], str] | None = None,
) -> psycopg.Connection[TupleRow]:
    """Gives an open session called ``lockage/<what>``; the caller closes it.

    Limits of None are switched off. ``connect_timeout_s`` is whole seconds, at least 2 (libpq's floor), for each address of
    the host. Statements are not prepared unless the caller asks for it. ``password`` is asked for the connection's, and wins
    over the URL's.

    Raises UsageError (LK120) for an invalid URL, UnreachableError or RefusedError (LK121 to LK129) for a failed login,
    RefusedError (LK141) behind a pooler.
    """
    parameters = _parse(url)
    if password is not None:
        parameters["password"] = password()
    try:
        connection = psycopg.connect(
            make_conninfo("", **(_KEEPALIVE | parameters | {"client_encoding": CLIENT_ENCODING})),
            autocommit=True,
            prepare_threshold=None,
            application_name=f"lockage/{what}",
            connect_timeout=max(2, math.ceil(connect_timeout_s)),
        )
    except psycopg.Error as error:
        raise explain_login(error, parameters) from error
    try:
        with foreign_errors("setting the session's limits"):
            _refuse_pooler(connection)
            read_any_text(connection)
            connection.execute(
                load_sql("set_session"),
                {
                    "lock_timeout": _milliseconds(lock_timeout_s),
                    "statement_timeout": _milliseconds(statement_timeout_s),
                    "idle_timeout": _milliseconds(idle_in_transaction_limit_s),
                    "read_only": "on" if read_only else "off",
                },
            )
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def reading_session(
    url: str, *, what: str, watching: Watching, password: Callable[[], str] | None = None
) -> psycopg.Connection[TupleRow]:
    """Gives an open session that only reads, with the limits of a look; otherwise, and in what it raises, as ``connect``."""
    return connect(
        url,
        what=what,
        lock_timeout_s=watching.lock_timeout_s,
        statement_timeout_s=watching.statement_timeout_s,
        connect_timeout_s=watching.connect_timeout_s,
        read_only=True,
        password=password,
    )


def _refuse_pooler(connection: psycopg.Connection[TupleRow]) -> None:
    # A pooler gives its clients keys of its own. In transaction mode it would hand our limits on to the application with the
    # server's session, "read-only" among them, and stop it; in session mode it is harmless, but the two look the same.
    row = connection.execute("select pg_backend_pid()").fetchone()
    if row is None or row[0] != connection.info.backend_pid:
        raise RefusedError(
            "the database URL leads through a connection pooler, which would hand on our session's limits to the application",
            code="LK141",
            hint="give the address of the PostgreSQL server itself",
        )


def granting_sight(connection: psycopg.Connection[Any]) -> str:
    """The statement that lets the role of a session see what other roles do."""
    return sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(connection.info.user)).as_string(connection)


@contextmanager
def foreign_errors(what: str) -> Generator[None]:
    """Turns psycopg's errors inside the block into ours; ``what`` begins the sentence ("reading pg_locks").

    Raises UnreachableError or RefusedError (LK125, LK130 to LK139). Misuse of psycopg is our defect and passes unchanged.
    """
    try:
        yield
    except psycopg.Error as error:
        translated = explain_statement(error, what)
        if translated is None:
            raise
        raise translated from error


@cache
def load_sql(name: str) -> LiteralString:
    """Gives the text of ``sql/<name>.sql``, which we wrote ourselves, as psycopg takes it."""
    return cast("LiteralString", (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


def _parse(url: str) -> dict[str, str]:
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        parameters = None
    # A bare @ or : in a password moves its rest into host and port, which messages show.
    if parameters is None or "@" in parameters.get("host", "") or not _PORTS.fullmatch(parameters.get("port", "")):
        # libpq's message quotes what it did not understand, which may be the password: neither shown nor chained.
        raise UsageError(
            "the database URL is not one that PostgreSQL's clients understand",
            code="LK120",
            hint="postgresql://USER@HOST:PORT/DATABASE, with the password in PGPASSWORD; in a URL % @ : / ? # and spaces of "
            "a password are written as %25 %40 %3A %2F %3F %23 %20",
        )
    return parameters


def _milliseconds(limit_s: float | None) -> str:
    # 0 means "no limit" to PostgreSQL, which a small limit must not become.
    return "0" if limit_s is None else f"{max(1, round(limit_s * 1000))}ms"
