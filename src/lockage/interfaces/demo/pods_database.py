"""The PostgreSQL of a demonstration on a cluster: one of our own on an address that pods reach, or one that is named.

Not for the local stage. The surprising things: pods and this machine use one and the same address, so that a login that works
here says something; and from the network only the two logins of the demonstration come in, never the administrator.

Codes: LK524 the address given is none · LK525 nobody can listen there, or the administrator may not make what is needed.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from lockage.adapters.postgres.session import connect, foreign_errors
from lockage.adapters.postgres.throwaway import throwaway
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.demo.seeding import (
    SERVER_SETTINGS,
    Administrator,
    Login,
    copy_database,
    drop_database,
    drop_login,
    make_database,
    make_logins,
    run_towpath,
)

LOGIN_LIMIT_S = 5.0
"""For the administrator to come in: the server is beside us, or in the same company."""

HONEST = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "replica", "max_wal_senders": "10"}
"""A throw-away server comes without these, and its migrations would be faster than anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsDatabase:
    """A server with a seeded database to copy, the same for this machine and for pods."""

    administrator: str  # URL, for this machine only
    address: str  # host and port, for everybody
    query: str  # of the URL that was given, such as sslmode=require
    mark: str  # begins the names of everything that is made here
    application: Login
    lockage: Login

    @property
    def seeded(self) -> str:
        """The database that the others are copies of."""
        return f"{self.mark}_seeded"

    def url(self, database: str, login: Login) -> str:
        """How this machine and pods come in."""
        query = f"?{self.query}" if self.query else ""
        return f"postgresql://{login.name}:{quote(login.password, safe='')}@{self.address}/{quote(database, safe='')}{query}"

    @contextmanager
    def administration(self) -> Generator[Administrator]:
        """A session that may make and drop. Raises as ``adapters.postgres.session.connect``."""
        connection = connect(
            self.administrator,
            what="demo",
            lock_timeout_s=None,
            statement_timeout_s=None,
            connect_timeout_s=LOGIN_LIMIT_S,
            idle_in_transaction_limit_s=None,
        )
        with connection, foreign_errors("preparing the demo's databases"):
            yield connection

    def copy(self, name: str) -> str:
        """The name of a new copy of the seeded database."""
        database = f"{self.mark}_{name}"
        with self.administration() as administrator:
            copy_database(administrator, database, owner=self.application.name, template=self.seeded)
        return database

    def drop(self, database: str) -> None:
        """The database is gone, and whoever was in it, backends of dead clients too."""
        with self.administration() as administrator:
            drop_database(administrator, database)


@contextmanager
def seeded_server(*, host: str | None, url: str | None, rows: int, say: Callable[[str], None]) -> Generator[PodsDatabase]:
    """A server with towpath's first release seeded in it, until the context is left; then nothing of it is there.

    ``host``: an address of this machine on which one of our own listens; else ``url`` of an administrator.
    Raises ``UsageError`` (LK524), ``RefusedError`` (LK525), and what a server and a login raise.
    """
    with _own(host, say) if host is not None else _named(url or "", say) as server:
        try:
            _seed(server, rows=rows, say=say)
            yield server
        finally:
            if host is None:  # our own goes as a whole
                _clear(server, say)


def require_address(host: str) -> None:
    """Nothing, where pods could reach a server of ours at this address.

    Raises ``UsageError`` (LK524) for what is no such address, ``RefusedError`` (LK525) when it is not this machine's.
    """
    hint = "--host ADDRESS: one of those that ip -brief address shows; for kind, that of the bridge of Docker's network kind"
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"{host} is no IP address", code="LK524", hint=hint) from error
    if address.is_loopback or address.is_unspecified:
        raise UsageError(f"{host} means the pod itself to a pod, and no PostgreSQL is there", code="LK524", hint=hint)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise RefusedError(f"{host} is no address of this machine: {error.strerror}", code="LK525", hint=hint) from error


@contextmanager
def _own(host: str, say: Callable[[str], None]) -> Generator[PodsDatabase]:
    require_address(host)
    say(f"making a PostgreSQL for the demonstration, which listens on {host}")
    application, lockage, mark = _logins()
    settings = {**SERVER_SETTINGS, **HONEST, "listen_addresses": f"127.0.0.1,{host}"}
    with throwaway(tcp=True, settings=settings, root=Path(tempfile.gettempdir())) as server:
        with (server.data_dir / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all {application.name},{lockage.name} all scram-sha-256\n")
        with psycopg.connect(server.url(), autocommit=True, application_name="lockage/demo") as administrator:
            administrator.execute("select pg_reload_conf()")
        shown = f"[{host}]" if ":" in host else host
        yield PodsDatabase(
            administrator=server.url(),
            address=f"{shown}:{server.port}",
            query="",
            mark=mark,
            application=application,
            lockage=lockage,
        )


@contextmanager
def _named(url: str, say: Callable[[str], None]) -> Generator[PodsDatabase]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname:
        raise UsageError(
            "--database is no URL with the host of a PostgreSQL in it",
            code="LK524",
            hint="--database postgresql://ADMINISTRATOR@HOST:PORT/postgres, with the password in PGPASSWORD, by an address that"
            " pods reach, too",
        )
    say(f"preparing databases of the demonstration's own on {parts.hostname}")
    application, lockage, mark = _logins()
    address = parts.netloc.rpartition("@")[2]
    server = PodsDatabase(
        administrator=url, address=address, query=parts.query, mark=mark, application=application, lockage=lockage
    )
    with server.administration() as administrator:
        _require_rights(administrator)
    yield server


def _require_rights(administrator: Administrator) -> None:
    row = administrator.execute(
        "select rolsuper or (rolcreatedb and rolcreaterole), rolname from pg_roles where rolname = current_user"
    ).fetchone()
    if row is None or not row[0]:
        raise RefusedError(
            f"{row[1] if row else 'the role'} may not make roles and databases, and the demo needs some of its own",
            code="LK525",
            hint="name an administrator: --database URL, or a PostgreSQL of the demo's own: --host ADDRESS",
        )


def _logins() -> tuple[Login, Login, str]:
    mark = f"lockage_demo_{secrets.token_hex(3)}"
    application, lockage = (Login(name=f"{mark}_{who}", password=secrets.token_urlsafe(18)) for who in ("towpath", "lockage"))
    return application, lockage, mark


def _seed(server: PodsDatabase, *, rows: int, say: Callable[[str], None]) -> None:
    with server.administration() as administrator:
        make_logins(administrator, application=server.application, lockage=server.lockage)
        # Only a member may make a database for a role, and end its sessions, unless it is a superuser.
        for login in (server.application, server.lockage):
            administrator.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(login.name)))
        make_database(administrator, server.seeded, owner=server.application.name)
    say(f"seeding {rows:,} API keys")
    url = server.url(server.seeded, server.application)
    for words in (("migrate",), ("seed", "--rows", str(rows))):
        run_towpath(url, *words, hint="nothing is left of the demo; try it again")


def _clear(server: PodsDatabase, say: Callable[[str], None]) -> None:
    """Take away everything that begins with the mark; a failure is said, and replaces no other."""
    try:
        with server.administration() as administrator:
            beginning = (f"{server.mark}_",)
            names = administrator.execute("select datname from pg_database where starts_with(datname, %s)", beginning)
            for (name,) in names.fetchall():
                drop_database(administrator, str(name))
            for login in (server.lockage, server.application):
                drop_login(administrator, login)
    except LockageError as error:
        say(f"databases and roles that begin with {server.mark} may be left on {server.address}: {error.message}")
