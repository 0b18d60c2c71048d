"""Upgrades during which the cluster or the database itself goes away: real processes are killed, stopped and started again.

Each run ends healthy, or stops with a named cause, and the same command then goes on to the end. What the API server may answer
is in ``test_faulty_runs``.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from e2e.cluster.api import look
from e2e.cluster.whole import Cluster
from e2e.installed import LEDGERS, NAME, Done, Installed
from e2e.on_cluster import eventually
from e2e.test_contending_runs import CALM, UPGRADE, Upgrading
from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.data_directory import initialise

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PASSWORD = "of-this-test-only"

KUBELET_AWAY_S = 60.0
"""Longer than the node's grace of 40 s, after which it counts as not ready. Source: Kubernetes v1.33, kube-controller-manager,
--node-monitor-grace-period."""


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A PostgreSQL that a test may stop, reached by pods and from here at one address."""

    data_dir: Path
    host: str
    port: int

    def start(self) -> None:
        settings = {"listen_addresses": f"127.0.0.1,{self.host}"}
        log = self.data_dir / "server.log"
        embedded.start_detached(self.data_dir, log_file=log, port=self.port, password=PASSWORD, settings=settings)

    def stop(self) -> None:
        embedded.stop(self.data_dir)

    def url(self, host: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@{host}:{self.port}/postgres"


@pytest.fixture
def own_server(own_cluster: Cluster) -> Iterator[OwnServer]:
    network = own_cluster.network
    # Where the unprivileged account that it runs as comes to; pytest's folders are ours alone.
    folder = Path(tempfile.mkdtemp(prefix="lockage-e2e-"))
    folder.chmod(0o755)
    data_dir = folder / "data"
    initialise(data_dir, binaries=embedded_binaries(), password=PASSWORD, settings={"max_connections": "60"})
    with (data_dir / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {network.pods} scram-sha-256\nhost all all {network.host}/32 scram-sha-256\n")
    server = OwnServer(data_dir=data_dir, host=network.host, port=embedded.free_port())
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


def assert_upgraded(installed: Installed, before: dict[str, object], ended: Done) -> None:
    """Healthy at once, or stopped with a named cause and healthy by the same command again."""
    if ended.code != 0:
        assert ended.code == 4, ended.out
        assert "error LK3" in ended.out, ended.out
        again = installed.lockage("upgrade", NAME, "--yes")
        assert again.code == 0, again.err
    assert installed.end() == before | {"image": "towpath:2.27.8", "ledger": (LEDGERS["2.27.8"], False)}
    assert installed.ready("2.27.8") == 2


@pytest.mark.disturbing
def test_an_api_server_that_is_killed_in_mid_run_is_waited_for_each_time(installed: Installed, own_cluster: Cluster) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    before = installed.end()
    running = Upgrading(installed, *UPGRADE)
    for step in ("roll-out", "scale-down"):  # of the first hop, and of the second
        running.says(f"begin  {step}")
        pid = own_cluster.part_pid("kube-apiserver")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda killed=pid: own_cluster.part_pid("kube-apiserver") not in {killed, None}, "the API server runs again")
        eventually(lambda: look(own_cluster.state, own_cluster.network, "/readyz"), "the API server answers again")
    assert_upgraded(installed, before, running.end())


def test_a_database_that_is_away_for_some_seconds_in_mid_run_is_waited_for(installed: Installed, own_server: OwnServer) -> None:
    at_home = replace(installed, database=own_server.url(own_server.host), database_here=own_server.url("127.0.0.1"))
    at_home.install("2.26.6", replicas=2, livenessProbe=CALM)
    before = at_home.end()
    running = Upgrading(at_home, *UPGRADE)
    running.says("begin  scale-down")
    own_server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_server.url("127.0.0.1"))
    time.sleep(5)  # what is tried is that it is away for so long
    own_server.start()
    assert_upgraded(at_home, before, running.end())


@pytest.mark.disturbing
def test_a_node_that_is_deaf_for_a_minute_ends_no_run_for_good(installed: Installed, own_cluster: Cluster) -> None:
    installed.install("2.26.6", replicas=2, livenessProbe=CALM)
    before = installed.end()
    running = Upgrading(installed, *UPGRADE)
    running.says("begin  scale-down")
    pid = own_cluster.part_pid("kubelet")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(KUBELET_AWAY_S)  # what is tried is that it is deaf for so long
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_upgraded(installed, before, running.end())
