"""Faults of what the migration's statements meet: rows, locks, snapshots, a full disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from faults.deployments import barge_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import MANY, Ground, eventually
from lockage.adapters.postgres.account import server_account
from lockage.core.diagnosis.families.limits import NO_ROOM_BYTES
from lockage.core.release.profile import Profile


@contextmanager
def unique_violation(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    ground.refused("1.6.0")
    yield


@contextmanager
def key_is_there(ground: Ground) -> Iterator[None]:
    """Somebody made by hand what the migration makes."""
    ground.towpath()
    ground.order("insert into site_configs (key, value) values ('announcement_banners', 'by hand')")
    ground.refused()
    yield


@contextmanager
def value_is_there(ground: Ground) -> Iterator[None]:
    """Somebody made by hand what the migration makes only IF NOT EXISTS."""
    ground.towpath()
    ground.order("alter type api_key_scope add value 'workspace:read'")
    ground.upgraded()
    yield


@contextmanager
def strangers_upgrade(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    ground.upgraded("1.5.0")
    yield


@contextmanager
def deadlock(ground: Ground) -> Iterator[None]:
    """Somebody locks the same two tables in the other order, again and again, and is the more patient one."""
    ground.towpath("2.27.8", ready=False, replicas=0)
    ground.order("alter role towpath set deadlock_timeout = '1s'", "grant set on parameter deadlock_timeout to towpath")
    ground.deploy_again(towpath_spec(ground, "2.27.8", back_off_scale=1.0))
    for times in (1, 2):
        other = ground.session("settings/editor")
        other.execute("set local deadlock_timeout = '1h'")
        other.execute("lock table api_keys in access share mode")
        ground.until_waits("towpath/%")
        ground.runs(other, "lock table site_configs in access share mode")
        eventually(lambda times=times: ground.ended(times), "the migration was ended")
        other.close()
    ground.until_backs_off()
    yield


@contextmanager
def deadlock_of_others(ground: Ground) -> Iterator[None]:
    """Two sessions of somebody else's end each other beside the migration, on a table that is none of its own."""
    ground.towpath(rows=MANY)
    ground.order(
        "create table tides as select i as id, 0 as level from generate_series(1, 2) i", "grant all on tides to public"
    )
    ground.roll_out("2.27.8")
    ground.until_migrates()
    first, second = ground.session("tides/first"), ground.session("tides/second")
    first.execute("update tides set level = 1 where id = 1")
    second.execute("update tides set level = 1 where id = 2")
    ground.runs(first, "update tides set level = 2 where id = 2")
    ground.until_waits("tides/first")
    ground.runs(second, "update tides set level = 2 where id = 1")
    ended = "select from pg_stat_activity where application_name like 'tides/%' and state like '%(aborted)'"
    eventually(lambda: ground.ask(ended), "one of them was ended")
    yield


@contextmanager
def deadlock_of_a_replica(ground: Ground) -> Iterator[None]:
    """A replica of the old release locks the migration's two tables in the other order, and is the one that is ended."""
    _moving(ground, impatient="2s")  # longer than the migration lingers between its two tables
    eventually(ground.say_in_log("40P01"), "the replica's transaction was ended")
    yield


@contextmanager
def waits_for_the_migration(ground: Ground) -> Iterator[None]:
    """A replica of the old release only waits until the migration has done with its tables."""
    _moving(ground, moves="barges")
    ground.until_waits("barge/%")
    yield


def _moving(ground: Ground, *, moves: str = "all", impatient: str = "") -> None:
    ground.fresh("barge 1.1.0")
    ground.order("alter role towpath set deadlock_timeout = '1h'", "grant set on parameter deadlock_timeout to towpath")
    ground.deploy(barge_spec(ground, "1.1.0", environment={"BARGE_MOVES": moves, "BARGE_DEADLOCK_TIMEOUT": impatient}))
    ground.roll_out("1.2.0")


def typically(seconds: float) -> Callable[[Profile], Profile]:
    """The profile with what its vendor calls typical of a migration."""
    return lambda profile: replace(profile, vendor=replace(profile.vendor, typical_s=seconds))


@contextmanager
def longer_than_typical(ground: Ground) -> Iterator[None]:
    """A migration inserts and inserts, and the vendor calls a second typical."""
    ground.barge("1.1.0")
    ground.told = typically(1.0)
    ground.roll_out("1.2.0")
    late = "select from pg_stat_activity where query like 'begin;%' and now() - xact_start > interval '2 s'"
    eventually(lambda: ground.ask(late), "it takes longer than typical")
    yield


@contextmanager
def as_long_as_typical(ground: Ground) -> Iterator[None]:
    ground.barge("1.1.0")
    ground.told = typically(900.0)
    ground.roll_out("1.2.0")
    eventually(lambda: ground.ask("select from pg_stat_activity where query like 'begin;%'"), "it migrates")
    yield


@contextmanager
def old_snapshot(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    reader = ground.session("reports/nightly")
    reader.execute("set transaction isolation level repeatable read")
    reader.execute("select count(*) from crossings")
    ground.roll_out("1.4.2")
    ground.until_waits("ferry-%", event="virtualxid")
    yield


@contextmanager
def index_built(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    ground.session("reports/nightly", autocommit=True).execute("select count(*) from crossings")
    ground.upgraded("1.4.2")
    yield


@contextmanager
def invalid_index(ground: Ground) -> Iterator[None]:
    """``CREATE UNIQUE INDEX CONCURRENTLY`` failed by hand, and left what it had begun."""
    import psycopg

    ground.ferry("1.4.1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        ground.order("create unique index concurrently crossings_vessel on crossings (vessel)")
    yield


@contextmanager
def index_is_built(ground: Ground) -> Iterator[None]:
    """Somebody builds an index by hand, which is invalid until whoever may see the table as it was is done."""
    ground.ferry("1.4.1")
    reader = ground.session("reports/nightly")
    reader.execute("set transaction isolation level repeatable read")
    reader.execute("select count(*) from crossings")
    by_hand = "create index concurrently crossings_by_hand on crossings (vessel)"
    ground.runs(ground.session("psql", autocommit=True), by_hand)
    ground.until_waits("psql", event="virtualxid")
    yield


@contextmanager
def tables_that_fit(ground: Ground) -> Iterator[None]:
    """The same migration makes as many tables as there are locks for."""
    ground.ferry("1.7.0", environment={"FERRY_DAYS": "1500"})
    yield


@contextmanager
def too_many_tables(ground: Ground) -> Iterator[None]:
    ground.ferry("1.7.0", ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def disk_full(ground: Ground) -> Iterator[None]:
    """A table lies on a small disk, on which there is no room for the migration's new versions of its rows."""
    with _small_disk(ground, size="4m", free_bytes=40_960):
        ground.refused("1.5.0")
        yield


@contextmanager
def disk_nearly_full(ground: Ground) -> Iterator[None]:
    """Three quarters of a larger one are taken, and there is room for them."""
    with _small_disk(ground, size="320m", free_bytes=NO_ROOM_BYTES + (12 << 20)):
        ground.upgraded("1.5.0")
        yield


@contextmanager
def _small_disk(ground: Ground, *, size: str, free_bytes: int) -> Iterator[None]:
    ground.ferry("1.4.1")
    disk = ground.folder / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(disk)], check=True)
    try:
        account = server_account()
        (disk / "space").mkdir()
        if account is not None:
            shutil.chown(disk / "space", account.uid, account.gid)
        ground.order(f"create tablespace small location '{disk / 'space'}'", "alter table crossings set tablespace small")
        free = shutil.disk_usage(disk).free
        (disk / "backup.tar").write_bytes(b"x" * (free - free_bytes))
        yield
    finally:
        ground.end_fault()
        ground.order("drop database if exists ferry with (force)", "drop tablespace if exists small", database="postgres")
        subprocess.run(["umount", str(disk)], check=True)
        disk.rmdir()


FAULTS = (
    Fault(
        name="a stranger's migration meets rows twice",
        code="F012",
        make=unique_violation,
        allowed=AROUND,
        neighbour=Neighbour(name="a stranger's upgrade", make=strangers_upgrade),
    ),
    Fault(
        name="a migration makes what is there",
        code="F012",
        make=key_is_there,
        allowed=AROUND,
        neighbour=Neighbour(name="a migration makes what is there, if it is not", make=value_is_there),
    ),
    Fault(
        name="a deadlock ends the migration",
        code="F038",
        make=deadlock,
        allowed=(*AROUND, "F044"),
        neighbour=Neighbour(
            name="a deadlock of two others", make=deadlock_of_others, bench_only="it rewrites many rows, as three others do"
        ),
    ),
    Fault(
        name="a deadlock ends a replica's transaction",
        code="F039",
        make=deadlock_of_a_replica,
        neighbour=Neighbour(name="a replica waits for the migration", make=waits_for_the_migration, says=("F055",)),
    ),
    Fault(
        name="a migration takes longer than is typical",
        code="F051",
        make=longer_than_typical,
        allowed=("F054",),
        chained=(("F054", "F051"),),
        neighbour=Neighbour(name="a migration takes as long as is typical", make=as_long_as_typical, says=("F055",)),
    ),
    Fault(
        name="an index build waits for an old snapshot",
        code="F047",
        make=old_snapshot,
        allowed=("F070",),
        neighbour=Neighbour(name="an index build is done", make=index_built),
    ),
    Fault(
        name="a stranger's migration needs more locks than there are",
        code="F033",
        make=too_many_tables,
        allowed=AROUND,
        neighbour=Neighbour(name="a stranger's migration needs many locks", make=tables_that_fit),
    ),
    Fault(
        name="an invalid index was left behind",
        code="F070",
        make=invalid_index,
        neighbour=Neighbour(name="an index is being built", make=index_is_built),
    ),
)

AS_ROOT = (
    Fault(
        name="the disk is full",
        code="F036",
        make=disk_full,
        allowed=AROUND,
        neighbour=Neighbour(name="the disk is nearly full", make=disk_nearly_full),
    ),
)
