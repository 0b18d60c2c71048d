"""Faults of tug, a stranger with every migrator's habits: locks in a row, locks that are given up, errors that come again."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faults.deployments import tug_spec
from faults.fault import Fault, Neighbour
from faults.ground import Ground, eventually

ADDS = "alter table tows add column tonnage int"
WORKS = "select pg_sleep(60)"


def tug(ground: Ground, release: str, *, ready: bool = False, replicas: int = 1, **environment: str) -> None:
    """tug of a release over the schema of 1.0.0."""
    ground.fresh("tug 1.0.0")
    ground.deploy(tug_spec(ground, release, replicas=replicas, environment=environment), ready=ready)


def until_asleep(ground: Ground) -> None:
    eventually(lambda: ground.ask("select from pg_stat_activity where wait_event = 'PgSleep'"), "it migrates")


@contextmanager
def lock_row_left(ground: Ground) -> Iterator[None]:
    """A migrator was killed with Liquibase's lock in its hands: the row stays."""
    tug(ground, "1.0.0", ready=True, TUG_HABIT="liquibase", TUG_CHANGE=ADDS)
    ground.order("update databasechangeloglock set locked = true, lockedby = 'tug-old (10.0.0.9)'")
    ground.roll_out("2.0.0")
    eventually(ground.say_in_log("Waiting for changelog lock"), "it waits")
    yield


@contextmanager
def lock_row_in_use(ground: Ground) -> Iterator[None]:
    tug(ground, "2.0.0", replicas=2, TUG_HABIT="liquibase", TUG_CHANGE=WORKS)
    until_asleep(ground)
    eventually(ground.say_in_log("Waiting for changelog lock"), "the other one waits")
    yield


@contextmanager
def lock_in_a_console(ground: Ground) -> Iterator[None]:
    """Rails' migrator does not wait for its lock: it ends."""
    tug(ground, "1.0.0", ready=True, TUG_HABIT="rails", TUG_CHANGE=ADDS)
    key = zlib.crc32(b"tug") * 2053462845
    ground.session("rails-console", autocommit=True).execute(f"select pg_advisory_lock({key})")
    ground.roll_out("2.0.0")
    ground.until_backs_off()
    yield


@contextmanager
def follower_gives_up(ground: Ground) -> Iterator[None]:
    """Prisma's follower ends when its turn does not come, and is started again, while the other replica migrates."""
    tug(ground, "2.0.0", replicas=2, TUG_HABIT="prisma", TUG_CHANGE=WORKS)
    until_asleep(ground)
    eventually(lambda: ground.ended(1), "the other one gave up")
    yield


@contextmanager
def tries_for_ever(ground: Ground) -> Iterator[None]:
    """Its process lives and tries again; its log has the time of a zone that it does not name."""
    tug(ground, "1.0.0", ready=True, TUG_CHANGE="alter table hulls alter yard set not null", TUG_BEHIND_S="18000")
    ground.roll_out("2.0.0")
    eventually(ground.say_in_log("goose run: ERROR"), "it failed")
    yield


@contextmanager
def waits_behind_the_first(ground: Ground) -> Iterator[None]:
    """Two replicas migrate at once without any lock; the second waits for what the first has locked."""
    tug(ground, "2.0.0", replicas=2, TUG_CHANGE="update tows set note = upper(note); " + WORKS)
    ground.until_waits("tug-%")
    time.sleep(0.5)
    yield


@contextmanager
def job_has_not_run(ground: Ground) -> Iterator[None]:
    tug(ground, "1.0.0", ready=True, TUG_HABIT="job")
    ground.roll_out("2.0.0")
    ground.until_backs_off()
    yield


@contextmanager
def job_has_run(ground: Ground) -> Iterator[None]:
    tug(ground, "1.0.0", ready=True, TUG_HABIT="job")
    ground.order(
        "set role towpath; create table invoices (id int primary key, note text)",
        "insert into goose_db_version (version_id, is_applied) values (2, true)",
    )
    ground.upgraded("2.0.0")
    yield


REDIS = "Error: could not connect to the Redis database at 127.0.0.1:6379: Connection refused"


@contextmanager
def another_database_refuses(ground: Ground) -> Iterator[None]:
    tug(ground, "1.0.0", ready=True, TUG_SAYS=REDIS)
    ground.roll_out("2.0.0")
    ground.until_backs_off()
    yield


@contextmanager
def another_database_refused_once(ground: Ground) -> Iterator[None]:
    """Redis came up later than the replica, which was started again and reached it."""
    said = ground.state.with_name("said")
    tug(ground, "1.0.0", ready=True, TUG_SAYS=REDIS, TUG_SAYS_ONCE=str(said), TUG_CHANGE=ADDS)
    try:
        ground.roll_out("2.0.0")
        ground.until_restarted()
        ground.until_ready()
        yield
    finally:
        said.unlink(missing_ok=True)


def _fault(**fields: Any) -> Fault:
    return Fault(known=False, **fields)


FAULTS = (
    _fault(
        name="a stranger's lock row was left behind",
        code="F088",
        make=lock_row_left,
        neighbour=Neighbour(name="a stranger's lock row is in use", make=lock_row_in_use, says=("F055",)),
    ),
    _fault(
        name="a console holds the lock that a stranger gives up",
        code="F049",
        make=lock_in_a_console,
        allowed=("F010", "F011"),
        chained=(("F010", "F049"),),
        neighbour=Neighbour(name="a stranger's follower gives up", make=follower_gives_up, says=("F055",)),
    ),
    _fault(
        name="a stranger tries a failed migration again and again",
        code="F012",
        make=tries_for_ever,
        allowed=("F004",),
        neighbour=Neighbour(
            name="a stranger's second migrator waits behind the first", make=waits_behind_the_first, says=("F055",)
        ),
    ),
    _fault(
        name="a stranger's Job has not migrated",
        code="F062",
        make=job_has_not_run,
        allowed=("F010", "F011"),
        neighbour=Neighbour(name="a stranger's Job has migrated", make=job_has_run),
    ),
    _fault(
        name="another database than PostgreSQL refuses",
        code="F010",
        make=another_database_refuses,
        allowed=("F011",),
        neighbour=Neighbour(name="another database than PostgreSQL refused once", make=another_database_refused_once),
    ),
)
