"""Faults of what PostgreSQL or the application refuses: limits, privileges, settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from faults.deployments import ferry_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground, eventually
from faults.strangers import tug


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
    ground.order(*(f"alter role towpath set {one} = '30min'" for one in ("statement_timeout", "transaction_timeout")))
    ground.upgraded()
    yield


@contextmanager
def waited_for_less(ground: Ground) -> Iterator[None]:
    """The migration waited for a lock, and got it before ``lock_timeout``."""
    ground.towpath()
    ground.order("alter role towpath set lock_timeout = '1min'")
    holder = ground.holds("api_keys")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    holder.close()
    ground.until_ready()
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
def no_extension(ground: Ground) -> Iterator[None]:
    tug(ground, "1.0.0", ready=True, TUG_CHANGE="create extension postgis")
    ground.roll_out("2.0.0")
    eventually(ground.say_in_log("goose run: ERROR"), "it failed")
    yield


@contextmanager
def extension_is_there(ground: Ground) -> Iterator[None]:
    """The migration wants one that an administrator has made already."""
    tug(ground, "1.0.0", ready=True, TUG_CHANGE="create extension if not exists pg_trgm")
    ground.order("create extension pg_trgm")
    ground.upgraded("2.0.0")
    yield


@contextmanager
def no_right_elsewhere(ground: Ground) -> Iterator[None]:
    """Somebody tried to make a table in a schema in which the role may not; that is in the server's log."""
    ground.ferry()
    ground.order("create schema audit")
    ground.upgraded("1.5.0")
    import psycopg

    with suppress(psycopg.errors.InsufficientPrivilege):
        ground.session("psql", autocommit=True).execute("create table audit.trail (id int)")
    yield


@contextmanager
def database_of_a_stranger_nearly_full(ground: Ground) -> Iterator[None]:
    ground.fresh("ferry 1.4.0")
    ground.order("alter database ferry connection limit 10")
    for number in range(4):
        ground.session(f"batch-{number}", autocommit=True)
    ground.deploy(ferry_spec(ground, "1.4.0"))
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


LONG_TIMEOUTS = Neighbour(name="timeouts that are long enough", make=generous_timeouts)

FAULTS = (
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
    Fault(
        name="a stranger's database has no connection left",
        code="F032",
        make=database_of_a_stranger_full,
        allowed=AROUND,
        neighbour=Neighbour(name="a stranger's database has some connections left", make=database_of_a_stranger_nearly_full),
    ),
    Fault(
        name="statement_timeout of the role",
        code="F034",
        make=statement_timeout,
        allowed=AROUND,
        neighbour=LONG_TIMEOUTS,
    ),
    Fault(
        name="transaction_timeout of the role",
        code="F037",
        make=transaction_timeout,
        allowed=(*AROUND, "F044"),
        neighbour=LONG_TIMEOUTS,
    ),
    Fault(
        name="lock_timeout of the role",
        code="F035",
        make=lock_timeout,
        allowed=(*AROUND, "F044"),
        neighbour=Neighbour(name="a lock that came before lock_timeout", make=waited_for_less),
    ),
    Fault(
        name="not the owner of a table",
        code="F026",
        make=not_the_owner,
        allowed=AROUND,
        neighbour=Neighbour(name="a table of another schema is somebody else's", make=not_the_owner_of_what_is_not_its_own),
    ),
    Fault(
        name="a stranger may not create tables",
        code="F027",
        make=no_right,
        allowed=AROUND,
        neighbour=Neighbour(name="somebody may not create tables elsewhere", make=no_right_elsewhere),
    ),
    Fault(
        name="a stranger's migration wants an extension that is not there",
        code="F028",
        make=no_extension,
        allowed=("F004",),
        neighbour=Neighbour(name="a stranger's migration wants an extension that is there", make=extension_is_there),
        known=False,
    ),
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
