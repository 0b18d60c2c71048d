"""Takes the schema of a live database with ``pg_dump``, and restores it on a shadow with ``psql``.

Not for data: only the optimizer's statistics come along, and where they do, samples of values come with them, so a dump is
never written to disk. The surprising thing: ``pg_dump`` locks every table (``AccessShareLock``, all at once), so it never waits
long for one, and it never outlives us: its backend would go on holding those locks.

Codes: LK421 a table is locked · LK424 ``pg_dump`` fails · LK425 ``psql`` fails.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lockage.adapters.postgres import leash
from lockage.adapters.postgres.binaries import Binaries
from lockage.adapters.postgres.embedded import english_environment
from lockage.adapters.postgres.relay import relay
from lockage.errors import LockageError, RefusedError, UnreachableError

DUMP_LIMIT_S = 120.0
"""Longest run of ``pg_dump``. Seen: 0.2 s for 120 tables. Until its end it holds its locks, which only an ALTER TABLE minds."""

ENDING_LIMIT_S = 5.0
"""Longest wait for a program that was asked to end."""

RESTORE_LIMIT_S = 300.0
"""Longest run of ``psql``. Seen: 0.5 s for 120 tables."""

_ENDS_TRANSACTIONS = 17
"""First major with ``transaction_timeout``, which ``pg_dump`` 18 sets for a server of any major."""

_PLAIN = "-c standard_conforming_strings=on -c quote_all_identifiers=off"
"""How a dump is written, whatever database and role say; ``pg_dump`` itself settles the rest."""

_ERROR = re.compile(r"^psql:<stdin>:(\d+): ERROR:\s+(.*)$", re.MULTILINE)
_LOCKED = ("canceling statement due to lock timeout", "canceling statement due to statement timeout")
_LOST = ("terminating connection", "server closed the connection", "connection to server was lost")
_SECRETS = ("password", "sslpassword")
_OF_ENCRYPTION = ("ssl", "gss", "channel_binding", "hostaddr", "krb")


class RestoreError(NamedTuple):
    """One statement of a dump that the shadow did not take."""

    line: int  # of the dump
    message: str


@contextmanager
def way_for_programs(connection: psycopg.Connection[Any]) -> Generator[str]:
    """Gives the connection string by which a program of ours comes to where ``connection`` is, password included.

    To the same host where there are several, and as encrypted. Raises RefusedError (LK424) where that cannot be done.
    """
    info = connection.info
    parameters = {name: str(value) for name, value in conninfo_to_dict(info.dsn).items()}
    parameters |= {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
    parameters |= {"password": info.password} if info.password else {}
    if "hostaddr" in parameters:  # one of several, as the host is
        parameters["hostaddr"] = info.hostaddr
    parameters.pop("target_session_attrs", None)
    # What a service file said is in the rest, and the program does not know where our environment has that file.
    parameters = {name: value for name, value in parameters.items() if not name.startswith("service")}
    parameters.pop("client_encoding", None)  # ours; pg_dump takes the database's unless it is told another
    if not connection.pgconn.ssl_in_use:
        yield make_conninfo("", **parameters)
        return
    with relay(info.host, info.port, parameters) as folder:
        plain = {name: value for name, value in parameters.items() if not name.startswith(_OF_ENCRYPTION)}
        yield make_conninfo("", **plain | {"host": str(folder), "port": "5432", "sslmode": "disable"})


def dump_schema(
    url: str,
    *,
    binaries: Binaries,
    lock_timeout_s: float,
    without: Sequence[tuple[str, str]] = (),
    statistics: bool = True,
    encoding: str | None = None,
    limit_s: float = DUMP_LIMIT_S,
) -> bytes:
    """Gives the schema and the statistics of the database at ``url`` as a script for ``psql``.

    ``statistics`` False: without them, and so without samples of values. ``without`` are tables, as (schema, name), that are
    left out; ``encoding`` is the script's, None: the database's.

    Raises UnreachableError (LK421) where a table stays locked for longer than ``lock_timeout_s``, and (LK133) where the
    connection was lost; RefusedError (LK424) for everything else.
    """
    command = [
        *leash.command(),
        str(binaries.pg_dump),
        *(("--no-data", "--statistics") if statistics else ("--schema-only",)),
        "--no-password",
        f"--lock-wait-timeout={max(1, round(lock_timeout_s * 1000))}",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-comments",
        *([f"--encoding={encoding}"] if encoding else []),
        *(f"--exclude-table={_pattern(schema, name)}" for schema, name in without),
        f"--dbname={_without_secrets(url)}",
    ]
    status, dump, words = _run_gently(command, environment=_environment(url), limit_s=limit_s)
    if status == 0:
        return dump
    if any(sign in words for sign in _LOCKED):
        raise locked("the schema cannot be read", lock_timeout_s=lock_timeout_s)
    raise _dump_failed(words)


def restore(
    url: str, dump: bytes, *, binaries: Binaries, options: Mapping[str, str], major: int, limit_s: float = RESTORE_LIMIT_S
) -> tuple[RestoreError, ...]:
    """Executes ``dump`` on the shadow at ``url``; gives the statements that it did not take, and goes on behind them.

    ``options`` are settings of the session, ``major`` is the shadow's. Raises RefusedError (LK425) where it cannot be carried
    out at all.
    """
    if major < _ENDS_TRANSACTIONS:
        dump = dump.replace(b"SET transaction_timeout = 0;\n", b"\n", 1)
    command = [
        str(binaries.psql),
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--output=/dev/null",
        f"--dbname={url}",
        "--file=-",
    ]
    # An event trigger is part of the dump, and would run at what is restored behind it: hence the options.
    words = " ".join(f"-c {name}={value}" for name, value in {**options, "client_min_messages": "error"}.items())
    environment = english_environment() | {"PGOPTIONS": words}
    try:
        done = subprocess.run(command, input=dump, capture_output=True, check=False, timeout=limit_s, env=environment)
    except subprocess.TimeoutExpired as error:
        raise _restore_failed(f"it did not end within {limit_s:g} s") from error
    words = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise _restore_failed(words.strip())
    return tuple(RestoreError(line=int(line), message=message) for line, message in _ERROR.findall(words))


def locked(what: str, *, lock_timeout_s: float, names: Sequence[str] = ()) -> UnreachableError:
    """Gives the error for relations (``names``, as far as known) that somebody keeps locked against all."""
    who = ", ".join(names) if names else "a table that is needed"
    return UnreachableError(
        f"{what}: somebody keeps {who} locked against all for longer than {lock_timeout_s:g} s",
        code="LK421",
        hint="wait until the running migration (or whoever else it is) has ended: lockage survey names it",
    )


def _run_gently(command: Sequence[str], *, environment: Mapping[str, str], limit_s: float) -> tuple[int, bytes, str]:
    """Gives exit code, output and words of a program that is asked to end before it is made to.

    Asked, ``pg_dump`` cancels what its backend does; killed, it would leave it waiting with all its locks.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as program:
        try:
            output, words = program.communicate(timeout=limit_s)
        except BaseException as error:
            program.terminate()
            try:
                program.communicate(timeout=ENDING_LIMIT_S)
            except subprocess.TimeoutExpired:
                program.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                return -1, b"", f"it did not end within {limit_s:g} s"
            raise
    return program.returncode, output, words.decode(errors="replace").strip()


def _pattern(schema: str, name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))


def _without_secrets(url: str) -> str:
    # Command lines are for everybody to see.
    parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if name not in _SECRETS}
    options = f"{parameters.get('options', '')} {_PLAIN}".lstrip()
    return make_conninfo("", **parameters | {"application_name": "lockage/shadow", "options": options})


def _environment(url: str) -> dict[str, str]:
    # PGHOST and its kin did their part when our own session was opened; the way has what came of it.
    password = conninfo_to_dict(url).get("password")
    return english_environment() | ({"PGPASSWORD": str(password)} if password else {})


def _dump_failed(words: str) -> LockageError:
    if any(sign in words for sign in _LOST):
        return UnreachableError(
            "reading the schema failed: the connection to the database was lost",
            code="LK133",
            hint="look whether the server was restarted or failed over, then try again",
        )
    # What went wrong stands first; behind it come details, such as the query.
    lines = words.splitlines() or ["it said nothing"]
    said = next((line for line in lines if " error: " in line), lines[-1])
    return RefusedError(
        f"the schema cannot be read: pg_dump failed: {said}",
        code="LK424",
        hint=f"lockage rbac --database prints the smallest role that suffices; all of its words:\n{words}",
    )


def _restore_failed(words: str) -> RefusedError:
    return RefusedError(
        f"the schema cannot be put on the shadow: psql failed: {words.splitlines()[-1] if words else 'it said nothing'}",
        code="LK425",
        hint=f"please report it; its words:\n{words}",
    )
