"""Faults of the server under the migration: it crashes, is restarted, or is a standby."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from faults.deployments import ferry_spec, towpath_spec
from faults.fault import AROUND, Fault, Neighbour
from faults.ground import Ground, eventually
from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.account import cache_root, reachable_binaries, run_as, server_account
from lockage.adapters.postgres.binaries import embedded_binaries


def _lost_in_mid_migration(ground: Ground, *, crash: bool) -> None:
    """Twice, so that the replica is waited with; the server is back each time."""
    ground.towpath("2.27.8", ready=False, replicas=0)
    ground.holds("api_keys")
    ground.deploy_again(towpath_spec(ground, "2.27.8", back_off_scale=1.0))
    for times in (1, 2):
        ground.until_waits("towpath/%")
        if crash:
            ground.kill_server()
        else:
            ground.stop_server("fast")
        ground.start_server()
        if times == 1:
            ground.holds("api_keys")
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
def backend_killed(ground: Ground) -> Iterator[None]:
    """The migration's backend gets SIGKILL, as from a kernel that is short of memory; the server's log is out of sight."""
    ground.towpath("2.27.8", ready=False, replicas=0)
    ground.deploy_again(towpath_spec(ground, "2.27.8", back_off_scale=1.0))
    for times in (1, 2):
        eventually(ground.takes_connections, "the server is up")
        ground.holds("api_keys")
        os.kill(ground.until_waits("towpath/%"), signal.SIGKILL)
        eventually(lambda times=times: ground.ended(times), "the migration was ended")
    eventually(ground.takes_connections, "the server is up")
    ground.until_backs_off()
    yield


@contextmanager
def another_backend_killed(ground: Ground) -> Iterator[None]:
    """Somebody else's was, and the replicas are well again."""
    ground.towpath()
    session = ground.session("reports/nightly")
    os.kill(session.info.backend_pid, signal.SIGKILL)
    eventually(ground.takes_connections, "the server is up")
    ground.until_ready()
    yield


@contextmanager
def server_restarted_before(ground: Ground) -> Iterator[None]:
    """The server was restarted, and then the upgrade was made."""
    ground.towpath()
    ground.stop_server()
    ground.start_server()
    ground.upgraded()
    yield


@contextmanager
def server_restarted_after(ground: Ground) -> Iterator[None]:
    """The server was restarted when the upgrade had been made, and the replicas came back to it."""
    ground.towpath()
    ground.upgraded()
    ground.stop_server()
    ground.start_server()
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
        ground.upgraded()
        yield


@contextmanager
def standby_is_gone(ground: Ground) -> Iterator[None]:
    """Commits wait for a synchronous standby, and there is none: that of the migration, too."""
    ground.towpath("2.27.8", ready=False, replicas=0)
    with _commits_wait_for(ground, "gone"):
        eventually(lambda: _commit_waits(ground), "commits wait")
        ground.deploy_again(towpath_spec(ground, "2.27.8"))
        waits = "select from pg_stat_activity join pg_locks using (pid) where wait_event = 'SyncRep' and locktype = 'advisory'"
        eventually(lambda: ground.ask(waits), "the migration's commit waits")
        yield


@contextmanager
def standby_is_gone_for_a_replica(ground: Ground) -> Iterator[None]:
    """The old replica's commit waits for it, and the migration for what that has locked."""
    ground.towpath()
    reader = ground.session("reports/nightly")
    reader.execute("insert into site_configs (key, value) values ('banner', 'x')")
    reader.execute("lock table api_keys in row exclusive mode")
    with _commits_wait_for(ground, "gone"):
        eventually(lambda: _commit_waits(ground), "commits wait")
        ground.runs(reader, "commit")
        ground.roll_out("2.27.8")
        ground.until_waits("towpath/%")
        yield


@contextmanager
def standby_answers(ground: Ground) -> Iterator[None]:
    """Commits wait for a synchronous standby, which answers."""
    ground.towpath()
    with _standby(ground):
        eventually(lambda: ground.ask("select from pg_stat_replication where state = 'streaming'"), "it follows")
        with _commits_wait_for(ground, "*"):
            ground.upgraded()
            yield


def _commit_waits(ground: Ground) -> bool:
    """Whether the server has learned of it: a commit that holds no lock is tried."""
    ground.runs(ground.session("psql", autocommit=True), "select pg_logical_emit_message(true, 'fault', 'is it so?')")
    return bool(ground.ask("select from pg_stat_activity where wait_event = 'SyncRep'"))


@contextmanager
def _commits_wait_for(ground: Ground, standbys: str) -> Iterator[None]:
    ground.order(f"alter system set synchronous_standby_names = '{standbys}'", "select pg_reload_conf()")
    try:
        yield
    finally:
        ground.order("alter system reset synchronous_standby_names", "select pg_reload_conf()")


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


STANDBY_ANSWERS = Neighbour(name="a synchronous standby answers", make=standby_answers)

FAULTS = (
    Fault(
        name="the server crashed in mid-migration",
        code="F058",
        make=server_crashed,
        allowed=(*AROUND, "F021"),
        neighbour=Neighbour(name="the server was restarted before the upgrade", make=server_restarted_before),
    ),
    Fault(
        name="a backend was killed and the server began anew",
        code="F008",
        make=backend_killed,
        allowed=AROUND,
        chained=(("F011", "F008"),),
        neighbour=Neighbour(name="somebody else's backend was killed", make=another_backend_killed),
    ),
    Fault(
        name="the server was restarted in mid-migration",
        code="F058",
        make=server_restarted,
        allowed=(*AROUND, "F021"),
        neighbour=Neighbour(name="the server was restarted after the upgrade", make=server_restarted_after),
    ),
    Fault(
        name="a synchronous standby is gone",
        code="F052",
        make=standby_is_gone,
        neighbour=STANDBY_ANSWERS,
    ),
    Fault(
        name="a synchronous standby is gone for whoever is in the way",
        code="F052",
        make=standby_is_gone_for_a_replica,
        allowed=("F040",),
        chained=(("F040", "F052"),),
        neighbour=STANDBY_ANSWERS,
    ),
    Fault(
        name="the database is a standby",
        code="F030",
        make=connected_to_standby,
        allowed=AROUND,
        neighbour=Neighbour(name="a standby follows", make=standby_beside),
    ),
)
