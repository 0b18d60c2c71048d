"""The cluster does what clusters do, and nothing of it stays: what every other test on Kubernetes stands on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.core_v1 import Container, ContainerState, ContainerStatus, ResourceRequirements
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Node, Pod, Service

from e2e.cluster import whole
from e2e.cluster.api import look
from e2e.cluster.whole import Cluster
from e2e.host_state import host_state
from e2e.on_cluster import OnCluster, deployment, eventually, messages, pods, service, towpath, until_ready

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]


def name_of(pod: Pod) -> str:
    assert pod.metadata is not None
    assert pod.metadata.name is not None
    return pod.metadata.name


def only_status(kube: Client, name: str) -> ContainerStatus | None:
    """The status of the first container of the first pod, once there is one."""
    for pod in pods(kube, name):
        for status in (pod.status.containerStatuses if pod.status else None) or ():
            return status
    return None


def build_info(address: str) -> dict[str, str] | None:
    """What towpath says of itself at that address; None while nothing answers there."""
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        try:
            connection.request("GET", "/api/v2/buildinfo")
            return json.load(connection.getresponse())
        except OSError:
            return None


def last_state(kube: Client, name: str) -> ContainerState:
    status = only_status(kube, name)
    return (status.lastState if status else None) or ContainerState()


def test_the_node_is_ready_and_renews_its_lease(kube: Client) -> None:
    conditions = {each.type: each.status for node in kube.list(Node) for each in node.status.conditions or ()}
    assert conditions["Ready"] == "True"

    node = next(iter(kube.list(Node))).metadata.name

    def renewed() -> datetime | None:
        for lease in kube.list(Lease, namespace="kube-node-lease"):
            if lease.metadata.name == node:
                return lease.spec.renewTime
        return None

    first = eventually(renewed, "the node has a lease")
    assert abs((datetime.now(UTC) - first).total_seconds()) < 60
    eventually(lambda: renewed() > first, "the node renews its lease", limit_s=60)


def test_towpath_serves_through_a_service_from_a_database_on_the_host(
    kube: Client, pods_database: str, own_cluster: Cluster
) -> None:
    kube.create(towpath(pods_database, "2.26.0", replicas=2))
    kube.create(service("towpath"))
    replicas = until_ready(kube, "towpath", replicas=2)

    address = kube.get(Service, "towpath").spec.clusterIP
    # kube-proxy learns of a new Service a moment after everybody else.
    built = eventually(lambda: build_info(address), "the Service answers")
    assert built["version"].startswith("v2.26.0")

    # A backend is found again as a pod: by its address, and by the name that it gives itself.
    local = pods_database.replace(own_cluster.network.host, "127.0.0.1")
    with psycopg.connect(local) as connection:
        seen = connection.execute(
            "select host(client_addr), application_name from pg_stat_activity where application_name like 'towpath/%'"
        ).fetchall()
    # A pod that was replaced on the way may have left a backend behind.
    assert {(pod.status.podIP, f"towpath/{name_of(pod)}") for pod in replicas} <= set(seen)


def test_a_rolling_update_brings_the_next_release_and_its_migrations(kube: Client, pods_database: str) -> None:
    kube.create(towpath(pods_database, "2.26.0", replicas=2))
    before = {name_of(pod) for pod in until_ready(kube, "towpath", replicas=2)}

    kube.patch(Deployment, "towpath", towpath(pods_database, "2.26.6", replicas=2))
    after = until_ready(kube, "towpath", replicas=2)

    assert not before & {name_of(pod) for pod in after}
    assert {container.image for pod in after for container in pod.spec.containers} == {"towpath:2.26.6"}
    said = kube.exec(name_of(after[0]), command=["towpath", "version", "-o", "json"], stdout=True, raise_on_error=True)
    assert json.loads(said.stdout)["version"] == "v2.26.6"
    assert any("View the Web UI" in line for line in kube.log(name_of(after[0])))


def test_scaled_to_zero_no_pod_is_left_and_scaled_up_they_come_back(kube: Client, pods_database: str) -> None:
    kube.create(towpath(pods_database, "2.26.0", replicas=2))
    until_ready(kube, "towpath", replicas=2)
    kube.patch(Deployment, "towpath", {"spec": {"replicas": 0}})
    eventually(lambda: not pods(kube, "towpath"), "no pod is left")
    kube.patch(Deployment, "towpath", {"spec": {"replicas": 1}})
    until_ready(kube, "towpath")


def test_a_liveness_probe_that_fails_kills_the_container_and_says_so(
    kube: Client, pods_database: str, own_cluster: Cluster
) -> None:
    kube.create(towpath(pods_database, "2.26.0", liveness_path="/no-such-page"))
    killed = eventually(lambda: last_state(kube, "towpath").terminated, "the container was killed")

    assert killed.exitCode is not None
    eventually(
        lambda: "Killing: Container towpath failed liveness probe, will be restarted" in messages(kube), "an event tells why"
    )
    pod = name_of(pods(kube, "towpath")[0])
    command = [str(own_cluster.programs / "kubectl"), f"--kubeconfig={own_cluster.kubeconfig}", f"--namespace={kube.namespace}"]
    previous = subprocess.run([*command, "logs", "--previous", pod], stdout=subprocess.PIPE, text=True, check=True)
    assert "View the Web UI" in previous.stdout


@pytest.mark.usefixtures("own_cluster")  # whose nodes have the image
def test_a_container_above_its_memory_limit_is_oom_killed(kube: Client) -> None:
    greedy = Container(
        name="greedy",
        image="towpath:2.26.0",
        command=["python3", "-c", "b = bytearray(512 << 20); b[::4096] = b'x' * len(b[::4096])"],
        resources=ResourceRequirements(limits={"memory": "64Mi"}),
    )
    kube.create(deployment("greedy", greedy))

    def reason() -> bool:
        status = only_status(kube, "greedy")
        states = [state for state in (status.state, status.lastState) if state] if status else []
        return "OOMKilled" in {state.terminated.reason for state in states if state.terminated}

    eventually(reason, "the container is OOMKilled")


def test_an_image_that_is_nowhere_is_named_by_the_pod(kube: Client) -> None:
    kube.create(deployment("nowhere", Container(name="nowhere", image="registry.invalid/towpath:9.9.9")))

    def waiting() -> str:
        status = only_status(kube, "nowhere")
        state = status.state.waiting if status and status.state else None
        return (state.reason or "") if state else ""

    eventually(lambda: waiting() == "ErrImagePull", "the pod says ErrImagePull")
    eventually(lambda: waiting() == "ImagePullBackOff", "the pod says ImagePullBackOff")


@pytest.mark.alone
def test_a_part_that_is_killed_comes_back(kube: Client, own_cluster: Cluster) -> None:
    pid = own_cluster.part_pid("kube-apiserver")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: own_cluster.part_pid("kube-apiserver") not in {pid, None}, "the API server runs again")

    eventually(lambda: look(own_cluster.state, own_cluster.network, "/readyz"), "the API server answers again")
    assert list(kube.list(Node))


@pytest.mark.parametrize("program", ["helm3", "helm4"])
def test_helm_of_both_majors_speaks_to_it(kube: Client, own_cluster: Cluster, program: str) -> None:
    command = [str(own_cluster.programs / program), f"--kubeconfig={own_cluster.kubeconfig}", f"--namespace={kube.namespace}"]
    listed = subprocess.run([*command, "list", "--output=json"], stdout=subprocess.PIPE, check=True)
    assert json.loads(listed.stdout) == []
    version = subprocess.run([*command, "version", "--short"], stdout=subprocess.PIPE, text=True, check=True)
    assert version.stdout.startswith(f"v{program[-1]}.")


@pytest.mark.alone
def test_nothing_stays_on_the_host_after_the_end(cluster: OnCluster) -> None:
    if cluster.own is None or cluster.host_before is None:
        pytest.skip("the cluster was up before this test run, or is a user's: it is not ours to end")
    with Client(config=KubeConfig.from_file(cluster.kubeconfig), namespace="default") as kube:
        kube.create(deployment("idle", Container(name="idle", image="towpath:2.26.0", command=["sleep", "infinity"])))
        until_ready(kube, "idle")

    assert whole.down()
    left = host_state()
    assert {what: left[what] for what in left if left[what] != cluster.host_before[what]} == {}
    assert not whole.down()

    whole.up(say=lambda text: None)  # for the tests that come after this one
