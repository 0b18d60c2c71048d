"""Upgrades through a way to the database that breaks, and what is left of a way when Lockage is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from lightkube.resources.core_v1 import Pod

from e2e.cluster.whole import Cluster
from e2e.installed import NAME, Installed
from e2e.on_cluster import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def shop(installed: Installed, own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """towpath whose database is known by what its replicas have, and reached by kubectl."""
    monkeypatch.setenv("PATH", f"{own_cluster.programs}:/usr/bin:/bin")
    installed.install(replicas=1, rows=500)
    file = installed.folder / "lockage.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("database =")]
    kubernetes = 'kind = "kubernetes"'
    file.write_text("\n".join(lines).replace(kubernetes, f'{kubernetes}\nreach = "pod"\nrelay_image = "towpath:2.26.0"'))
    installed.grant(to="2.26.6")
    return installed


@contextmanager
def lockage(shop: Installed, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lockage.interfaces.cli.main", *arguments]
    with (
        Path(shop.folder / "said").open("w") as said,
        subprocess.Popen(
            command, cwd=shop.folder, env=shop.environment("here"), stdin=subprocess.DEVNULL, stderr=said, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def said(shop: Installed) -> str:
    return (shop.folder / "said").read_text()


def kubectls(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children(recursive=True) if "port-forward" in words_of(child)]


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it ended while it was looked at
        return []


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def relays(shop: Installed) -> list[Pod]:
    return [pod for pod in shop.kube.list(Pod) if pod.metadata and (pod.metadata.name or "").startswith("lockage-relay-")]


UPGRADE = ("upgrade", NAME, "--to", "2.26.6", "--yes", "--no-restore-point")


def test_an_upgrade_goes_on_when_its_way_to_the_database_breaks(shop: Installed) -> None:
    with lockage(shop, *UPGRADE) as process:
        eventually(lambda: "begin  roll-out" in said(shop), "the new release is asked for")
        broken = kubectls(process)
        assert len(broken) == 2  # signs of life, and the database
        for child in broken:
            child.kill()
        assert process.wait(300) == 0, said(shop)
    assert shop.ready("2.26.6") == 1
    assert shop.ledger() == (13, False)
    assert "reached through a pod of ours" in said(shop)
    eventually(lambda: not relays(shop), "the relay is gone")


def test_a_relay_ends_by_itself_when_lockage_is_killed_and_the_next_one_removes_it(shop: Installed) -> None:
    with lockage(shop, *UPGRADE) as process:
        eventually(lambda: "begin  " in said(shop), "the run has begun")
        children = kubectls(process)
        process.send_signal(signal.SIGKILL)
    eventually(
        lambda: not any(child.is_running() and child.status() != "zombie" for child in children), "its kubectls are gone"
    )
    (left,) = relays(shop)
    eventually(lambda: [pod.status.phase for pod in relays(shop) if pod.status] == ["Succeeded"], "the relay has ended")
    assert shop.lockage("survey", NAME).code == 0
    names = [pod.metadata.name for pod in relays(shop) if pod.metadata]
    assert left.metadata
    assert left.metadata.name not in names
