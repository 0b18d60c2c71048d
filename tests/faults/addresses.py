"""Faults of the way in: addresses, passwords, and whom the server lets in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from faults.deployments import towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground
from lockage.adapters.postgres import embedded


@contextmanager
def wrong_password(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.password = "what-it-was-before"
    ground.deploy(towpath_spec(ground, "2.26.6"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def wrong_password_once(ground: Ground) -> Iterator[None]:
    """Somebody else's failed login stands in the server's log; the application is well."""
    ground.towpath()
    import psycopg

    with suppress(psycopg.OperationalError):
        psycopg.connect(f"postgresql://towpath:wrong@127.0.0.1:{ground.port}/towpath").close()
    yield


@contextmanager
def database_down(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.stop_server("immediate")
    ground.refused()
    yield


@contextmanager
def database_back(ground: Ground) -> Iterator[None]:
    """The same, and it is up again: the replica was started once more, and migrated."""
    with database_down(ground):
        ground.start_server()
        ground.until_ready()
        yield


@contextmanager
def somebody_asks_for_another(ground: Ground) -> Iterator[None]:
    """That somebody else mistyped the name stands in the server's log; the application is well."""
    ground.towpath()
    import psycopg

    with suppress(psycopg.OperationalError):
        psycopg.connect(ground.url(database="towpth")).close()
    yield


@contextmanager
def no_such_database(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=ground.url(database="towpth")), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def no_such_host(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=ground.url(host="database.invalid")), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def one_of_two_hosts(ground: Ground) -> Iterator[None]:
    """The address names two hosts, as those of a pair do; only the second name is known."""
    ground.fresh("towpath 2.26.6 300")
    url = ground.url(host=f"database.invalid:{ground.port},127.0.0.1")
    ground.deploy(towpath_spec(ground, "2.26.6", url=url))
    yield


@contextmanager
def nobody_listens(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=ground.url(port=embedded.free_port())), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def address_is_none(ground: Ground) -> Iterator[None]:
    """A placeholder of the deployment's files that nobody filled in."""
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url="postgresql://{{ .Values.database.url }}:port/towpath"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def unusual_address(ground: Ground) -> Iterator[None]:
    """Escapes in it, and settings behind it."""
    ground.fresh("towpath 2.26.6 300")
    url = ground.url().replace("towpath-password@", "towpath%2Dp%61ssword@").replace("postgresql://", "postgres://")
    url += "?options=-c%20search_path%3Dpublic%20-c%20statement_timeout%3D600000&connect_timeout=5&keepalives=1"
    ground.deploy(towpath_spec(ground, "2.26.6", url=url))
    yield


@contextmanager
def tls_is_asked_for(ground: Ground) -> Iterator[None]:
    """The address asks for TLS, which the server does not have."""
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=f"{ground.url()}?sslmode=require"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def tls_is_preferred(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=f"{ground.url()}?sslmode=prefer"))
    yield


@contextmanager
def not_let_in(ground: Ground) -> Iterator[None]:
    """Somebody wrote a line for the application's role into pg_hba.conf."""
    ground.fresh("towpath 2.26.6 300")
    with _first_line(ground, "host all towpath 127.0.0.1/32 reject"):
        ground.deploy(towpath_spec(ground, "2.26.6"), ready=False)
        ground.until_backs_off()
        yield


@contextmanager
def somebody_else_is_not_let_in(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    with _first_line(ground, "host all postgres 127.0.0.1/32 reject"):
        ground.deploy(towpath_spec(ground, "2.26.6"))
        yield


@contextmanager
def _first_line(ground: Ground, line: str) -> Iterator[None]:
    file = ground.data_dir / "pg_hba.conf"
    before = file.read_text()
    file.write_text(f"{line}\n{before}")
    ground.ask("select pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(before)
        ground.ask("select pg_reload_conf()")


@contextmanager
def another_address_of_the_same_server(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", url=ground.url(host=socket.gethostbyname("localhost"))))
    yield


FAULTS = (
    Fault(
        name="the password is refused",
        code="F019",
        make=wrong_password,
        allowed=AROUND,
        neighbour=Neighbour(name="somebody else's wrong password", make=wrong_password_once),
    ),
    Fault(
        name="the database is down",
        code="F021",
        make=database_down,
        allowed=(*AROUND, "F003", "F004", "F086"),
        neighbour=Neighbour(name="the database was down and is back", make=database_back),
    ),
    Fault(
        name="no such database",
        code="F023",
        make=no_such_database,
        allowed=AROUND,
        neighbour=Neighbour(name="somebody else asks for a database that is not there", make=somebody_asks_for_another),
    ),
    Fault(
        name="no such host",
        code="F021",
        make=no_such_host,
        allowed=AROUND,
        neighbour=Neighbour(name="one of two hosts has no address", make=one_of_two_hosts),
    ),
    Fault(
        name="nobody listens at the address",
        code="F021",
        make=nobody_listens,
        allowed=AROUND,
        neighbour=Neighbour(name="another name of the same host", make=another_address_of_the_same_server),
    ),
    Fault(
        name="the address of the database is none",
        code="F020",
        make=address_is_none,
        allowed=AROUND,
        neighbour=Neighbour(name="the address of the database is unusual", make=unusual_address),
    ),
    Fault(
        name="the address asks for TLS and the server has none",
        code="F022",
        make=tls_is_asked_for,
        allowed=AROUND,
        neighbour=Neighbour(name="the address takes TLS where there is some", make=tls_is_preferred),
    ),
    Fault(
        name="the server lets the role in from nowhere",
        code="F024",
        make=not_let_in,
        allowed=AROUND,
        neighbour=Neighbour(name="the server does not let another role in", make=somebody_else_is_not_let_in),
    ),
)
