"""Faults of the migration itself, of whoever runs it, of its ledger and of the server under it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from faults.fault import Fault, Neighbour
from faults.ground import LIVENESS, MANY, Ground, eventually, ferry_spec, towpath_spec
from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.account import cache_root, reachable_binaries, run_as, server_account
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.core.facts import Probe

WORKS = "select from pg_stat_activity where application_name like 'towpath/%' and query like '%allow_list%'"

# --- who ends the migrating process -----------------------------------------------------------------------------------


@contextmanager
def killed_by_liveness(ground: Ground) -> Iterator[None]:
    """The naive upgrade: the way that the vendor warns of, many rows, and a probe that knows nothing of migrations."""
    ground.towpath("2.26.0", schema="2.26.0", rows=MANY)
    ground.roll_out("2.27.8", liveness=LIVENESS)  # which knows nothing of migrations
    eventually(lambda: any(e.reason == "Killing" for e in ground.platform.events()), "the probe has killed it")
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def slow_and_working(ground: Ground) -> Iterator[None]:
    ground.towpath("2.26.6", rows=MANY, liveness=Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=60))
    ground.roll_out("2.27.8")
    eventually(lambda: ground.ask(WORKS), "it migrates")
    yield


@contextmanager
def cut_off(ground: Ground) -> Iterator[None]:
    """Somebody scales it down and up again in mid-migration, which is over when its grace is."""
    ground.towpath("2.27.8", rows=MANY, ready=False)
    eventually(lambda: ground.ask(WORKS), "it migrates")
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "it is gone")
    ground.platform.scale(1)
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def scaled_down_and_up(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8")
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "it is gone")
    ground.platform.scale(1)
    ground.until_ready()
    yield


@contextmanager
def unhealthy(ground: Ground) -> Iterator[None]:
    """A probe asks for what the application does not have: it is killed again and again, and has nothing to migrate."""
    probe = Probe(path="/healthy", period_s=0.3, timeout_s=0.5, failure_threshold=3, initial_delay_s=1.0)
    ground.towpath(liveness=probe, ready=False)
    ground.until_restarted(2)
    yield


@contextmanager
def restarted_once(ground: Ground) -> Iterator[None]:
    """Somebody ended the process; it came back, and is well."""
    ground.towpath(liveness=Probe(path="/healthz", period_s=1.0, timeout_s=1.0, failure_threshold=10))
    ground.process("2.26.6").terminate()
    ground.until_restarted()
    ground.until_ready()
    yield


@contextmanager
def client_stopped(ground: Ground) -> Iterator[None]:
    """The migrating process does nothing any more, between two of its statements."""
    ground.towpath()
    holder = ground.session("reports/nightly")
    holder.execute("lock table api_keys in access share mode")
    ground.roll_out("2.27.8")
    pid = ground.until_waits("towpath/%")
    ground.process("2.27.8").suspend()
    holder.close()
    idle = "select from pg_stat_activity where pid = %s and state ~ 'idle in' and now() - state_change > interval '5 s'"
    eventually(lambda: ground.ask(idle, pid), "its session does nothing for some time")
    yield


@contextmanager
def scaled_to_zero(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.platform.scale(0)
    eventually(lambda: not ground.platform.replicas(), "no replica is there")
    yield


@contextmanager
def scaled_to_one(ground: Ground) -> Iterator[None]:
    ground.towpath(replicas=2)
    ground.platform.scale(1)
    eventually(lambda: len(ground.platform.replicas()) == 1, "one replica is there")
    yield


# --- what its statements meet -----------------------------------------------------------------------------------------


@contextmanager
def unique_violation(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    ground.roll_out("1.6.0")
    ground.until_backs_off()
    yield


@contextmanager
def key_is_there(ground: Ground) -> Iterator[None]:
    """Somebody made by hand what the migration makes."""
    ground.towpath()
    ground.order("insert into site_configs (key, value) values ('announcement_banners', 'by hand')")
    ground.roll_out("2.27.8")
    ground.until_backs_off()
    yield


@contextmanager
def strangers_upgrade(ground: Ground) -> Iterator[None]:
    ground.ferry("1.4.1")
    ground.roll_out("1.5.0")
    ground.until_ready()
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
    ground.roll_out("1.4.2")
    ground.until_ready()
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
def too_many_tables(ground: Ground) -> Iterator[None]:
    ground.ferry("1.7.0", ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def disk_full(ground: Ground) -> Iterator[None]:
    """A table lies on a small disk, on which there is no room for the migration's new versions of its rows."""
    ground.ferry("1.4.1")
    disk = ground.folder / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", str(disk)], check=True)
    try:
        account = server_account()
        (disk / "space").mkdir()
        if account is not None:
            shutil.chown(disk / "space", account.uid, account.gid)
        ground.order(f"create tablespace small location '{disk / 'space'}'", "alter table crossings set tablespace small")
        free = shutil.disk_usage(disk).free
        (disk / "backup.tar").write_bytes(b"x" * (free - 40_960))
        ground.roll_out("1.5.0")
        ground.until_backs_off()
        yield
    finally:
        ground.end_fault()
        ground.order("drop database if exists ferry with (force)", "drop tablespace if exists small", database="postgres")
        subprocess.run(["umount", str(disk)], check=True)
        disk.rmdir()


# --- the ledger -------------------------------------------------------------------------------------------------------


@contextmanager
def dirty(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("update schema_migrations set dirty = true")
    ground.roll_out("2.27.8")
    ground.until_backs_off()
    yield


@contextmanager
def ledger_newer(ground: Ground) -> Iterator[None]:
    """The image of before the upgrade is put over the schema of after it."""
    ground.towpath("2.26.6", schema="2.27.8", ready=False)
    ground.until_backs_off()
    yield


@contextmanager
def ledger_fits(ground: Ground) -> Iterator[None]:
    ground.towpath("2.27.8", schema="2.27.8")
    yield


@contextmanager
def ledger_emptied(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.order("delete from schema_migrations")
    ground.roll_out("2.27.8")
    ground.until_backs_off()
    yield


@contextmanager
def strangers_ledger_newer(ground: Ground) -> Iterator[None]:
    ground.ferry("1.5.0")
    ground.roll_out("1.4.1")
    ground.until_backs_off()
    yield


# --- the server -------------------------------------------------------------------------------------------------------


def _lost_in_mid_migration(ground: Ground, *, crash: bool) -> None:
    """Twice, so that the replica is waited with; the server is back each time."""
    ground.towpath("2.27.8", ready=False, replicas=0)
    holder = ground.session("reports/nightly")
    holder.execute("lock table api_keys in access share mode")
    ground.deploy_again(towpath_spec(ground, "2.27.8", back_off_scale=1.0))
    for times in (1, 2):
        ground.until_waits("towpath/%")
        if crash:
            ground.kill_server()
        else:
            ground.stop_server("fast")
        ground.start_server()
        if times == 1:
            ground.session("reports/nightly").execute("lock table api_keys in access share mode")
        eventually(lambda times=times: ground.ended(times), "the migration was ended")
    ground.until_backs_off()


@contextmanager
def server_crashed(ground: Ground) -> Iterator[None]:
    _lost_in_mid_migration(ground, crash=True)
    yield


@contextmanager
def server_restarted(ground: Ground) -> Iterator[None]:
    _lost_in_mid_migration(ground, crash=False)
    yield


@contextmanager
def server_restarted_before(ground: Ground) -> Iterator[None]:
    """The server was restarted, and then the upgrade was made."""
    ground.towpath()
    ground.stop_server()
    ground.start_server()
    ground.roll_out("2.27.8")
    ground.until_ready()
    yield


@contextmanager
def connected_to_standby(ground: Ground) -> Iterator[None]:
    """The address of the database is that of a streaming standby."""
    ground.ferry("1.4.1")
    with _standby(ground) as port:
        primary, ground.port = ground.port, port
        try:
            ground.deploy_again(ferry_spec(ground, "1.5.0"))
            ground.until_backs_off()
            yield
        finally:
            ground.port = primary


@contextmanager
def standby_beside(ground: Ground) -> Iterator[None]:
    ground.towpath()
    with _standby(ground):
        ground.roll_out("2.27.8")
        ground.until_ready()
        yield


@contextmanager
def _standby(ground: Ground) -> Iterator[int]:
    account = server_account()
    programs = reachable_binaries(embedded_binaries(), account, cache_root())
    folder = ground.folder / "standby"
    server = embedded.running(ground.data_dir)
    assert server is not None
    source = f"host={server.socket_dir} port={server.port} user=postgres"
    command = [programs.postgres.with_name("pg_basebackup"), "-D", folder, "-d", source, "-R", "-c", "fast"]
    done = run_as(account, command)
    assert done.returncode == 0, done.stderr
    port = embedded.free_port()
    embedded.start_detached(folder, log_file=ground.folder / "standby.log", port=port, settings={"max_connections": "40",
                            "max_prepared_transactions": "5", "fsync": "off"})  # fmt: skip
    try:
        yield port
    finally:
        embedded.stop(folder, mode="immediate")
        shutil.rmtree(folder)


AROUND = ("F011",)

FAULTS = (
    Fault(
        name="the liveness probe kills the migrating replica",
        code="F001",
        make=killed_by_liveness,
        allowed=("F043", "F011", "F071"),
        chained=(("F043", "F001"),),
        neighbour=Neighbour(name="a slow migration that works", make=slow_and_working, says=("F055",)),
    ),
    Fault(
        name="a migrating replica is cut off at the end of its grace",
        code="F005",
        make=cut_off,
        allowed=("F043", "F011"),
        chained=(("F043", "F005"),),
        neighbour=Neighbour(name="scaled down and up again", make=scaled_down_and_up),
    ),
    Fault(
        name="a liveness probe that asks for the wrong thing",
        code="F003",
        make=unhealthy,
        allowed=("F011",),
        neighbour=Neighbour(name="restarted once for another reason", make=restarted_once),
    ),
    Fault(name="the migrating process is stopped", code="F057", make=client_stopped),
    Fault(
        name="scaled to zero",
        code="F082",
        make=scaled_to_zero,
        neighbour=Neighbour(name="scaled to one", make=scaled_to_one),
    ),
    Fault(
        name="a stranger's migration meets rows twice",
        code="F012",
        make=unique_violation,
        allowed=AROUND,
        neighbour=Neighbour(name="a stranger's upgrade", make=strangers_upgrade),
    ),
    Fault(name="a migration makes what is there", code="F012", make=key_is_there, allowed=AROUND),
    Fault(name="a deadlock ends the migration", code="F038", make=deadlock, allowed=(*AROUND, "F044")),
    Fault(
        name="an index build waits for an old snapshot",
        code="F047",
        make=old_snapshot,
        allowed=("F070",),
        neighbour=Neighbour(name="an index build is done", make=index_built),
    ),
    Fault(name="a stranger's migration needs more locks than there are", code="F033", make=too_many_tables, allowed=AROUND),
    Fault(name="an invalid index was left behind", code="F070", make=invalid_index),
    Fault(
        name="the ledger is dirty",
        code="F060",
        make=dirty,
        allowed=AROUND,
        neighbour=Neighbour(name="the ledger fits the image", make=ledger_fits),
    ),
    Fault(name="the ledger is newer than the image", code="F061", make=ledger_newer, allowed=(*AROUND, "F010")),
    Fault(name="the ledger was emptied", code="F069", make=ledger_emptied, allowed=(*AROUND, "F012")),
    Fault(
        name="a stranger's ledger is newer than its image", code="F061", make=strangers_ledger_newer, allowed=(*AROUND, "F010")
    ),
    Fault(
        name="the server crashed in mid-migration",
        code="F058",
        make=server_crashed,
        allowed=(*AROUND, "F021"),
        neighbour=Neighbour(name="the server was restarted before the upgrade", make=server_restarted_before),
    ),
    Fault(name="the server was restarted in mid-migration", code="F058", make=server_restarted, allowed=(*AROUND, "F021")),
    Fault(
        name="the database is a standby",
        code="F030",
        make=connected_to_standby,
        allowed=AROUND,
        neighbour=Neighbour(name="a standby follows", make=standby_beside),
    ),
)

AS_ROOT = (Fault(name="the disk is full", code="F036", make=disk_full, allowed=AROUND),)
