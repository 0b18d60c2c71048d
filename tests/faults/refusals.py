"""Faults of the way in and of what PostgreSQL refuses: addresses, passwords, limits, privileges, settings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from faults.deployments import ferry_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground, eventually
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


@contextmanager
def role_is_full(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.order("alter role towpath connection limit 2")
    for number in range(2):
        ground.session(f"batch-{number}")
    ground.deploy(towpath_spec(ground, "2.26.6"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def role_has_room(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath connection limit 20")
    for number in range(3):
        ground.session(f"batch-{number}", autocommit=True)
    yield


@contextmanager
def server_is_full(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    import psycopg

    try:
        for number in range(60):
            ground.session(f"batch-{number}", autocommit=True)
    except psycopg.OperationalError:
        pass
    ground.deploy(towpath_spec(ground, "2.26.6"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def server_is_busy(ground: Ground) -> Iterator[None]:
    ground.towpath()
    for number in range(20):
        ground.session(f"batch-{number}", autocommit=True)
    yield


@contextmanager
def statement_timeout(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath set statement_timeout = '400ms'")
    ground.session("reports/nightly").execute("set statement_timeout = 0")
    holder = ground.holds("audit_logs", name="reports/weekly")
    ground.refused()
    holder.close()
    yield


@contextmanager
def transaction_timeout(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath set transaction_timeout = '500ms'")
    holder = ground.session("reports/weekly")
    holder.execute("set transaction_timeout = 0")
    holder.execute("lock table api_keys in access share mode")
    ground.refused()
    yield


@contextmanager
def generous_timeouts(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath set statement_timeout = '30min'", "alter role towpath set lock_timeout = '10min'")
    ground.upgraded()
    yield


@contextmanager
def lock_timeout(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath set lock_timeout = '300ms'")
    ground.holds("api_keys")
    ground.refused()
    yield


@contextmanager
def not_the_owner(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter table api_keys owner to postgres", "grant all on api_keys to towpath")
    ground.refused()
    yield


@contextmanager
def not_the_owner_of_what_is_not_its_own(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("create schema audit", "create table audit.trail (id int)")
    ground.upgraded()
    yield


@contextmanager
def read_only(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("alter role towpath set default_transaction_read_only = on")
    ground.refused()
    yield


@contextmanager
def read_only_for_somebody_else(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order(
        "drop role if exists analyst", "create role analyst", "alter role analyst set default_transaction_read_only = on"
    )
    ground.upgraded()
    yield


@contextmanager
def no_right(ground: Ground) -> Iterator[None]:
    """A stranger's migration makes a table, and the role may no longer create any in the schema."""
    ground.ferry()
    ground.order("revoke create on schema public from public", "alter schema public owner to postgres")
    ground.refused("1.5.0")
    yield


@contextmanager
def database_of_a_stranger_full(ground: Ground) -> Iterator[None]:
    ground.fresh("ferry 1.4.0")
    ground.order("alter database ferry connection limit 1")
    ground.session("batch")
    ground.deploy(ferry_spec(ground, "1.4.0"), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def no_setting(ground: Ground) -> Iterator[None]:
    ground.fresh("towpath 2.26.6 300")
    ground.deploy(towpath_spec(ground, "2.26.6", environment={"TOWPATH_PG_POOL_MAX": "many"}), ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def another_setting(ground: Ground) -> Iterator[None]:
    ground.towpath(environment={"TOWPATH_PG_POOL_MAX": "3"})
    eventually(lambda: ground.platform.replicas()[0].ready, "it is ready")
    yield


FAULTS = (
    Fault(
        name="the password is refused",
        code="F019",
        make=wrong_password,
        allowed=AROUND,
        neighbour=Neighbour(name="somebody else's wrong password", make=wrong_password_once),
    ),
    Fault(name="the database is down", code="F021", make=database_down, allowed=(*AROUND, "F003", "F004", "F086")),
    Fault(name="no such database", code="F023", make=no_such_database, allowed=AROUND),
    Fault(name="no such host", code="F021", make=no_such_host, allowed=AROUND),
    Fault(
        name="nobody listens at the address",
        code="F021",
        make=nobody_listens,
        allowed=AROUND,
        neighbour=Neighbour(name="another name of the same host", make=another_address_of_the_same_server),
    ),
    Fault(name="the address of the database is none", code="F020", make=address_is_none, allowed=AROUND),
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
    Fault(
        name="the role has no connection left",
        code="F032",
        make=role_is_full,
        allowed=AROUND,
        neighbour=Neighbour(name="the role has some connections left", make=role_has_room),
    ),
    Fault(
        name="the server has no connection left",
        code="F031",
        make=server_is_full,
        allowed=AROUND,
        neighbour=Neighbour(name="the server is busy", make=server_is_busy),
    ),
    Fault(name="a stranger's database has no connection left", code="F032", make=database_of_a_stranger_full, allowed=AROUND),
    Fault(
        name="statement_timeout of the role",
        code="F034",
        make=statement_timeout,
        allowed=AROUND,
        neighbour=Neighbour(name="timeouts that are long enough", make=generous_timeouts),
    ),
    Fault(name="transaction_timeout of the role", code="F037", make=transaction_timeout, allowed=(*AROUND, "F044")),
    Fault(name="lock_timeout of the role", code="F035", make=lock_timeout, allowed=(*AROUND, "F044")),
    Fault(
        name="not the owner of a table",
        code="F026",
        make=not_the_owner,
        allowed=AROUND,
        neighbour=Neighbour(name="a table of another schema is somebody else's", make=not_the_owner_of_what_is_not_its_own),
    ),
    Fault(name="a stranger may not create tables", code="F027", make=no_right, allowed=AROUND),
    Fault(
        name="the role is read-only",
        code="F029",
        make=read_only,
        allowed=AROUND,
        neighbour=Neighbour(name="another role is read-only", make=read_only_for_somebody_else),
    ),
    Fault(
        name="a setting that the application refuses",
        code="F025",
        make=no_setting,
        allowed=AROUND,
        neighbour=Neighbour(name="another setting", make=another_setting),
    ),
)
