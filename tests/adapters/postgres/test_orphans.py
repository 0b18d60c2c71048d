"""A backend outlives its client, and is recognised: real processes, real sockets, real SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import psutil
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import Endpoint, OwnedSession, Replica, ReplicaPhase
from lockage.core.sessions import confirmed, owned_sessions
from ports.database_suite import eventually, session_of

pytestmark = pytest.mark.real

CLIENT = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1], application_name="app/a")
connection.execute("select pg_advisory_xact_lock(42)")
connection.execute("alter table settings add column c int")
print(connection.info.backend_pid, flush=True)
connection.execute("alter table api_keys add column c int")
"""


@contextmanager
def migrator(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that alters one table, and then waits for another; killed at the end."""
    command = [sys.executable, "-c", CLIENT, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def replica_of(process: subprocess.Popen[str]) -> Replica:
    """What a platform would say of this process, the name of the dead one included."""
    sockets = psutil.Process(process.pid).net_connections(kind="tcp")
    began = datetime.fromtimestamp(psutil.Process(process.pid).create_time(), UTC)
    return Replica(
        name="a",
        revision=1,
        image="app:1.0.0",
        release="1.0.0",
        phase=ReplicaPhase.RUNNING,
        ready=False,
        restarts=0,
        created_at=began,
        started_at=began,
        endpoints=tuple(Endpoint(address=s.laddr.ip, port=s.laddr.port) for s in sockets if s.laddr),
    )


def look(database: PostgresDatabase, *processes: subprocess.Popen[str]) -> dict[int, OwnedSession]:
    """Sessions, replicas, sessions."""
    before = database.activity()
    replicas = [replica_of(process) for process in processes]
    after = database.activity()
    first, second = (owned_sessions(seen.sessions, replicas, pattern="app/{replica}") for seen in (before, after))
    return {owned.session.pid: owned for owned in confirmed(first, second)}


def test_a_killed_migrators_backend_lives_on_as_an_orphan_beside_its_restarted_successor(
    connect_as, database: PostgresDatabase, database_url: str
) -> None:
    connect_as().execute("create table settings (id int); create table api_keys (id int)")
    report = connect_as("report", autocommit=False)
    report.execute("select * from api_keys")
    with ExitStack() as stack:
        process = stack.enter_context(migrator(database_url))
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert eventually(lambda: session_of(database, pid).waits_for_lock)
        assert look(database, process)[pid].replica == "a"
        process.send_signal(signal.SIGKILL)
        process.wait()

        orphan = look(database)[pid]
        assert (orphan.replica, orphan.orphan) == (None, True)
        assert orphan.session.advisory_locks == (42,), "it still holds what it held, and waits"
        assert ("public.settings", "AccessExclusiveLock") in {(k.relation, k.mode) for k in orphan.session.relation_locks}
        assert orphan.session.blocked_by == (report.info.backend_pid,)

        successor = stack.enter_context(migrator(database_url))
        # Until it has a connection of its own, a backend of this name that began hardly earlier might still be its.
        assert eventually(lambda: any(pid in o.session.blocked_by for o in look(database, successor).values()))
        found = look(database, successor)
        (waiting,) = [o.session for o in found.values() if o.replica == "a"]
        assert found[pid].orphan, "its name is that of a live replica, its socket is not"
        assert waiting.blocked_by == (pid,)
        assert not found[report.info.backend_pid].orphan

        database.terminate(pid=pid, backend_start=orphan.session.backend_start)
        assert eventually(lambda: session_of(database, waiting.pid).advisory_locks == (42,)), "the way is free"
    report.rollback()
    assert eventually(lambda: not [s for s in database.activity().sessions if s.application_name == "app/a"])
