"""The cluster that the tests on Kubernetes share: one that the user names, else our own, else a skip with its reason."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightkube
import psycopg
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace
from psycopg import sql

from e2e.brought_kinds import brought_kinds
from e2e.chart_archives import pack_charts
from e2e.cluster import whole
from e2e.cluster.layout import CannotError
from e2e.cluster.lockage_image import import_lockage
from e2e.cluster.programs import missing
from e2e.host_state import host_state
from e2e.installed import Installed
from e2e.no_administrator import refuse_lockage_as_administrator
from e2e.on_cluster import OnCluster
from e2e.rights import no_longer_granted
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway

KUBECONFIG_VARIABLE = "LOCKAGE_E2E_KUBECONFIG"
"""Never KUBECONFIG, which may name production."""

os.environ.setdefault("GOGC", "400")
"""For every helm and kubectl that tests start: they end before their garbage matters, and collecting it is a tenth of what
they compute."""


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[OnCluster]:
    """A cluster to test on; our own is started for the session, and ends with it unless it was up before."""
    if named := os.environ.get(KUBECONFIG_VARIABLE):
        with furnished(Path(named), own=False):
            yield OnCluster(kubeconfig=Path(named), own=None, host_before=None)
        return
    if what := missing():
        pytest.skip(f"{what}; or name a cluster's kubeconfig in {KUBECONFIG_VARIABLE}")
    host_before = None if whole.status() else host_state()
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():  # a build of minutes shows that it lives
            own = whole.up(say=lambda text: sys.stderr.write(f"{text}\n"))
    except CannotError as error:
        pytest.fail(f"the cluster does not start: {error}", pytrace=False)
    with furnished(own.kubeconfig, own=True):
        yield OnCluster(kubeconfig=own.kubeconfig, own=own, host_before=host_before)
    if host_before is not None:
        whole.down()


@contextmanager
def furnished(kubeconfig: Path, *, own: bool) -> Iterator[None]:
    """The kinds that others bring are there all the time: rights depend on them, and tests run side by side."""
    with lightkube.Client(config=KubeConfig.from_file(kubeconfig)) as admin, brought_kinds(admin, stay=own):
        if own:
            refuse_lockage_as_administrator(admin)
        yield


@pytest.fixture
def own_cluster(cluster: OnCluster) -> whole.Cluster:
    """The cluster, where it is ours: a test may kill its parts."""
    if cluster.own is None:
        pytest.skip("this test reaches into the cluster's own processes, and the cluster is a user's")
    found = whole.status()  # a test may have started it anew
    assert found is not None
    return found


@pytest.fixture(scope="session")
def lockage_image(cluster: OnCluster) -> str:
    """Name of Lockage's own image of the working tree, which is on the cluster's node."""
    if cluster.own is None:
        pytest.skip("the nodes of a user's cluster have no image of Lockage")
    with (cluster.own.state.folder / "lockage-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and it is packed in one place
        return import_lockage(cluster.own, say=lambda text: None)


@pytest.fixture
def kube(cluster: OnCluster) -> Iterator[lightkube.Client]:
    """A client whose namespace is new, and deleted after the test."""
    namespace = f"e2e-{os.urandom(4).hex()}"
    with lightkube.Client(config=KubeConfig.from_file(cluster.kubeconfig), namespace=namespace) as client:
        client.create(Namespace(metadata=ObjectMeta(name=namespace)))
        yield client
        no_longer_granted(client)
        client.delete(Namespace, namespace)


@pytest.fixture(scope="session")
def pods_server(cluster: OnCluster) -> Iterator[Server]:
    """A PostgreSQL on this host that pods reach, at ``cluster.own.network.host``."""
    if cluster.own is None:
        pytest.skip("pods of a user's cluster do not reach a PostgreSQL on this host")
    network = cluster.own.network
    with throwaway(tcp=True, settings={"listen_addresses": f"127.0.0.1,{network.host}"}) as server:
        with (server.data_dir / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network.pods} scram-sha-256\nhost all all {network.host}/32 scram-sha-256\n")
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("select pg_reload_conf()")
        yield server


@pytest.fixture
def pods_database(pods_server: Server, own_cluster: whole.Cluster) -> str:
    """URL, for pods, of a new empty database; it ends with the server, since pods may still hold connections after the test."""
    name = f"pods_{os.urandom(4).hex()}"
    with psycopg.connect(pods_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    return pods_server.url(name, tcp=True).replace("127.0.0.1", own_cluster.network.host)


@pytest.fixture(scope="session")
def charts(cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of towpath's chart archives, one for each release, with ``{release}`` in it."""
    if cluster.own is None:
        pytest.skip("the nodes of a user's cluster have no image of towpath")
    return pack_charts(tmp_path_factory.mktemp("charts"), helm=cluster.own.programs / "helm3")


@pytest.fixture
def installed(
    cluster: OnCluster,
    own_cluster: whole.Cluster,
    kube: lightkube.Client,
    charts: str,
    pods_database: str,
    tmp_path: Path,
) -> Installed:
    """towpath by Helm, to be installed by the test, in a namespace and with a database of its own."""
    return Installed(
        kube=kube,
        helm=own_cluster.programs / "helm",
        kubeconfig=cluster.kubeconfig,
        charts=charts,
        database=pods_database,
        database_here=pods_database.replace(own_cluster.network.host, "127.0.0.1"),
        folder=tmp_path,
    )
