"""``lockage demo`` on a cluster when it cannot go on: a sentence with the cause, and nothing left of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import lightkube
import psycopg
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.resources.core_v1 import Namespace

from e2e.on_cluster import OnCluster, eventually
from e2e.rights import LOCKAGE, programs_path
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway

pytestmark = pytest.mark.e2e

FEW = ("--naive-only", "--rows", "1000")


def begun(cluster: OnCluster, *arguments: str, home: Path) -> subprocess.Popen[str]:
    """The command, as typed."""
    environment = {**os.environ, "PATH": programs_path(cluster), "LOCKAGE_HOME": str(home)}
    command = [str(LOCKAGE), "demo", *FEW, *arguments, "--kubeconfig", str(cluster.kubeconfig)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def named_in(said: str) -> str:
    """The namespace that the demo said it installs in."""
    return next(line for line in said.splitlines() if "in namespace lockage-demo-" in line).rpartition(" ")[2]


def goes(cluster: OnCluster, namespace: str) -> bool:
    """Whether a namespace is gone, or on its way."""
    with lightkube.Client(config=KubeConfig.from_file(cluster.kubeconfig)) as admin:
        there = {n.metadata.name: n.metadata for n in admin.list(Namespace) if n.metadata}
    return namespace not in there or there[namespace].deletionTimestamp is not None


def left_on(server: Server) -> list[str]:
    """Databases and roles of the demo's."""
    names = "select datname from pg_database union all select rolname from pg_roles"
    with psycopg.connect(server.url()) as admin:
        return [str(name) for (name,) in admin.execute(names) if str(name).startswith("lockage_demo_")]


def test_pods_that_do_not_reach_the_database_end_it_with_that_and_nothing_is_left(cluster: OnCluster, tmp_path: Path) -> None:
    with throwaway(tcp=True) as server:  # on 127.0.0.1 only, where to a pod there is the pod itself
        with begun(cluster, "--database", server.url(tcp=True), home=tmp_path) as command:
            _, said = command.communicate(timeout=120)
        assert command.returncode == 3, said
        assert "error LK526" in said
        assert "does not reach its PostgreSQL" in said
        assert goes(cluster, named_in(said))
        assert left_on(server) == []


def test_images_that_the_nodes_do_not_have_are_named(cluster: OnCluster, tmp_path: Path) -> None:
    if cluster.own is None:
        pytest.skip("pods of a user's cluster do not reach a PostgreSQL on this host")
    with begun(cluster, "--host", cluster.own.network.host, "--image", "nowhere.example/towpath", home=tmp_path) as command:
        _, said = command.communicate(timeout=120)
    assert command.returncode == 3, said
    assert "error LK527" in said
    assert "nowhere.example/towpath:2.26.0" in said
    assert goes(cluster, named_in(said))


def children(name: str) -> list[str]:
    """Programs that have a name in their command lines."""
    found = subprocess.run(["pgrep", "--full", "--list-full", name], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def test_ctrl_c_leaves_nothing(cluster: OnCluster, tmp_path: Path) -> None:
    if cluster.own is None:
        pytest.skip("pods of a user's cluster do not reach a PostgreSQL on this host")
    said = ""
    with begun(cluster, "--host", cluster.own.network.host, home=tmp_path) as command:
        assert command.stderr is not None
        while "users come by" not in said:
            line = command.stderr.readline()
            assert line, said
            said += line
        command.send_signal(signal.SIGINT)
        _, rest = command.communicate(timeout=60)
    assert command.returncode == 130, rest
    eventually(lambda: goes(cluster, named_in(said)), "the namespace goes", limit_s=10)
    # Traffic, helm and kubectl have its name in their command lines; what was told to end may take a moment.
    eventually(lambda: not children(named_in(said)), "its programs end", limit_s=10)
