"""From PostgreSQL's errors to ours: what happened, whether a second try may help, and what to do.

Pure: takes errors, gives errors. Not for the words of server programs (``failure``). The surprising thing: a login that fails
is told by its English words, a statement that fails by its SQLSTATE, since libpq keeps no SQLSTATE of a failed login.

=====  =================================  ===========
LK120  a value that libpq does not take   Usage
LK121  nobody answers                     Unreachable
LK122  the password is refused            Refused
LK123  no such database                   Refused
LK124  no such role                       Refused
LK125  no connection is left              Unreachable
LK126  encryption required, or refused    Refused
LK127  ``pg_hba.conf`` does not let in    Refused
LK128  starting up or shutting down       Unreachable
LK129  any other failed login             Refused
LK130  a privilege is missing             Refused
LK131  a lock was not got in time         Unreachable
LK132  cancelled, mostly by the timeout   Unreachable
LK133  the connection was lost            Unreachable
LK134  read-only, mostly a standby        Refused
LK135  deadlock, serialization failure    Unreachable
LK136  the server's disk or memory full   Refused
LK139  any other failed statement         Refused
=====  =================================  ===========
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from lockage.errors import LockageError, RefusedError, UnreachableError, UsageError


class _Case(NamedTuple):
    signs: tuple[str, ...]
    error: type[RefusedError]
    code: str
    sentence: str
    hint: str


_LOGIN_CASES = (
    _Case(
        ("password authentication failed", "no password supplied", "empty password returned by client"),
        RefusedError,
        "LK122",
        "the database refuses the password of role {user} at {where}",
        "give the password in the URL (percent-encoded), in PGPASSWORD or in ~/.pgpass",
    ),
    _Case(
        ("server does not support SSL", "no encryption", "SSL off", "certificate verify failed", "root certificate file"),
        RefusedError,
        "LK126",
        "the database at {where} and the URL disagree about encryption",
        "set sslmode in the URL: require where the server demands TLS, verify-full with sslrootcert to check it, "
        "disable where it has none",
    ),
    _Case(
        ("no pg_hba.conf entry", "pg_hba.conf rejects", "authentication failed for user", "is not permitted to log in"),
        RefusedError,
        "LK127",
        "the database at {where} does not let role {user} into database {database} from here",
        "add a line to its pg_hba.conf for this role, database and address, or use a role that may log in",
    ),
    _Case(
        ("too many clients already", "remaining connection slots", "too many connections for"),
        UnreachableError,
        "LK125",
        "the database at {where} has no connection left for role {user}",
        "wait, or end idle sessions; a superuser gets in as long as superuser_reserved_connections are free",
    ),
    _Case(
        ("database system is starting up", "is shutting down", "in recovery mode", "not yet accepting connections"),
        UnreachableError,
        "LK128",
        "the database at {where} does not take connections now: it is starting up or shutting down",
        "try again in a moment, and look into its log if it stays so",
    ),
    _Case(
        ("permission denied for database",),
        RefusedError,
        "LK130",
        "role {user} may not connect to database {database} at {where}",
        "grant it: GRANT CONNECT ON DATABASE … TO …",
    ),
    _Case(
        (
            "Connection refused",
            "No such file or directory",
            "timeout expired",
            "No route to host",
            "unreachable",
            "resolve host",
            "could not translate host name",
            "Name or service not known",
            "nodename nor servname",
            "closed the connection",
            "Connection reset",
            "Connection timed out",
            # Something answers there that is no PostgreSQL.
            "received invalid response to",
            "expected authentication request from server",
        ),
        UnreachableError,
        "LK121",
        "no database answers at {where}",
        "check host and port in the URL, that the server runs (pg_isready) and that no firewall stands between",
    ),
)

_LOGIN_SQLSTATES: Mapping[str, str] = {
    "LK122": "28P01",
    "LK123": "3D000",
    "LK124": "28000",
    "LK125": "53300",
    "LK127": "28000",
    "LK128": "57P03",
    "LK130": "42501",
}
"""What the server sent beside the words of a refused login. Source: PostgreSQL 18, appendix A, and its source."""

_LOST = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.IdleInTransactionSessionTimeout)

_STATEMENT_CASES: tuple[tuple[tuple[type[psycopg.Error], ...], type[RefusedError], str, str, str], ...] = (
    (
        (errors.InsufficientPrivilege,),
        RefusedError,
        "LK130",
        "the role lacks a privilege",
        "lockage rbac --database prints the smallest role that suffices",
    ),
    (
        (errors.LockNotAvailable,),
        UnreachableError,
        "LK131",
        "another session holds a lock, and it was not given up within lock_timeout",
        "try again, or find the holder: lockage survey names long transactions",
    ),
    (
        (errors.QueryCanceled,),
        UnreachableError,
        "LK132",
        "the statement was cancelled",
        "try again when the database is less busy, or see who cancelled it in the server's log",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        RefusedError,
        "LK134",
        "the session is read-only",
        "is this a standby? Give the URL of the primary",
    ),
    (
        (errors.DeadlockDetected, errors.SerializationFailure),
        UnreachableError,
        "LK135",
        "it collided with another transaction and was rolled back",
        "try again",
    ),
    (
        (errors.DiskFull, errors.OutOfMemory),
        RefusedError,
        "LK136",
        "the server has no room left",
        "make room on the database's disk, or memory, before going on",
    ),
    (
        (errors.TooManyConnections,),
        UnreachableError,
        "LK125",
        "the server has no connection left",
        "wait, or end idle sessions",
    ),
)


_NEVER_TRIED = "connection is bad: "
"""How psycopg begins where libpq did not even look for a server: an unknown service, an unknown value."""


def explain_login(error: psycopg.Error, parameters: Mapping[str, str]) -> LockageError:
    """Gives the error for a login with the connection ``parameters`` that failed; never with the password in it."""
    words = str(error)
    names = {
        "user": f'"{parameters.get("user", "(default)")}"',
        "database": f'"{parameters.get("dbname") or parameters.get("user", "(default)")}"',
        "where": _where(parameters),
    }
    if isinstance(error, errors.ConnectionTimeout):
        words = f"timeout expired: {words}"
    for thing, code, hint in (
        ("database", "LK123", "psql --list shows the databases; the name stands at the end of the URL's path"),
        ("role", "LK124", "create it (lockage rbac --database prints how), or name another in the URL"),
    ):
        if f'{thing} "' in words and ("does not exist" in words or "is not currently accepting" in words):
            name = names["database" if thing == "database" else "user"]
            return RefusedError(f"there is no {thing} {name} at {names['where']}", code=code, hint=hint)
    answered = "FATAL:" in words  # by a server, whose own words may be those of a network: a library's "No such file", say
    for case in _LOGIN_CASES:
        if (case.code != "LK121" or not answered) and any(sign in words for sign in case.signs):
            return case.error(case.sentence.format(**names), code=case.code, hint=case.hint)
    said = " ".join(_without_password(words, parameters).split())
    if said.startswith(_NEVER_TRIED) and "connection to server" not in said:
        return UsageError(
            f"the address of the database cannot be used: {said.removeprefix(_NEVER_TRIED)}",
            code="LK120",
            hint="correct it where it stands: in the URL, in a variable such as PGSSLMODE, or in the service file",
        )
    return RefusedError(
        f"the database at {names['where']} refuses the login of role {names['user']}",
        code="LK129",
        hint=f"its words: {said}",
    )


def login_trouble(error: LockageError, url: str) -> tuple[str, str | None]:
    """Gives why a login failed in the words of whoever said so, without a password, and its SQLSTATE where there is one."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or error.code == "LK120":
        return error.message, None
    words = " ".join(_without_password(str(cause), _parameters(url)).split())
    return words, cause.sqlstate or _LOGIN_SQLSTATES.get(error.code)


def _parameters(url: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}


def explain_statement(error: psycopg.Error, what: str) -> LockageError | None:
    """Gives the error for a statement that failed; None where psycopg was misused, which is a defect of ours."""
    # "lost synchronization with server" comes as no kind of error in particular; misuse of psycopg always has one.
    without_kind = isinstance(error, psycopg.OperationalError) or type(error) is psycopg.DatabaseError
    if isinstance(error, _LOST) or (error.sqlstate is None and without_kind):
        return _lost(error, what)
    if isinstance(error, psycopg.InterfaceError) and "closed" in str(error):
        return _lost(error, what)
    if error.sqlstate is None:
        return None
    said = error.diag.message_primary or type(error).__name__
    for classes, kind, code, sentence, hint in _STATEMENT_CASES:
        if isinstance(error, classes):
            return kind(f"{what} failed: {sentence} ({said})", code=code, hint=hint)
    return RefusedError(
        f"{what} failed: {said} (SQLSTATE {error.sqlstate})",
        code="LK139",
        hint="look the SQLSTATE up in the appendix of PostgreSQL's manual, and the statement in the server's log",
    )


def _lost(error: psycopg.Error, what: str) -> LockageError:
    said = error.diag.message_primary
    return UnreachableError(
        f"{what} failed: the connection to the database was lost" + (f" ({said})" if said else ""),
        code="LK133",
        hint="look whether the server was restarted or failed over, then try again",
    )


def _where(parameters: Mapping[str, str]) -> str:
    host = parameters.get("host") or parameters.get("hostaddr")
    port = parameters.get("port", "5432")
    if host is None:
        return f"service {parameters['service']}" if "service" in parameters else f"the local socket, port {port}"
    return f"{host}:{port}"


def _without_password(words: str, parameters: Mapping[str, str]) -> str:
    for name in ("password", "sslpassword"):
        if secret := parameters.get(name):
            words = words.replace(secret, "***")
    return words
