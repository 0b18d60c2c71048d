"""What looks like a fault of Kubernetes and is harmless: it failed once, took its time, or is somebody else's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import (
    ConfigMapVolumeSource,
    Container,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    PodSpec,
    PodTemplateSpec,
    Probe,
    SleepAction,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, Node, Pod

from e2e.on_cluster import eventually, until_ready
from faults.cluster_ground import NAME, ClusterGround, containerd

PROGRAM = ["python3", "-m", "lockage.demo.towpath", "--release", "2.26.0", "server"]
"""What the image of 2.26.0 runs by itself."""

# --- starting ---------------------------------------------------------------------------------------------------------


@contextmanager
def image_there_at_last(ground: ClusterGround) -> Iterator[None]:
    """The image could not be pulled at first, and is there now."""
    ground.seeded()
    late = f"{NAME}:2.26.0-{ground.kube.namespace}"
    made = ground.made()
    ground.container(made).image = late
    ground.create(made)
    ground.until_event("ImagePullBackOff", "ErrImagePull", "Back-off pulling")
    containerd(ground.own, "tag", f"docker.io/library/{NAME}:2.26.0", f"docker.io/library/{late}")
    try:
        until_ready(ground.kube, NAME)
        yield
    finally:
        containerd(ground.own, "rm", f"docker.io/library/{late}")


@contextmanager
def another_command(ground: ClusterGround) -> Iterator[None]:
    """The deployment's files name the program by its path, with its arguments."""
    ground.seeded()
    made = ground.made()
    ground.container(made).command = ["/bin/sh", "-c", 'exec "$@"', "sh"]
    ground.container(made).args = PROGRAM
    ground.create(made, ready=True)
    yield


@contextmanager
def program_of_the_customers_own(ground: ClusterGround) -> Iterator[None]:
    """It comes from a ConfigMap, and its kernel can run it."""
    ground.seeded()
    script = f"#!/bin/sh\nexec {' '.join(PROGRAM)}\n"
    ground.kube.create(ConfigMap(metadata=ObjectMeta(name="own"), data={"ferryd": script}))
    made = ground.made()
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.volumes = [Volume(name="own", configMap=ConfigMapVolumeSource(name="own", defaultMode=0o555))]
    container = ground.container(made)
    container.volumeMounts = [VolumeMount(name="own", mountPath="/opt/own")]
    container.command = ["/opt/own/ferryd"]
    ground.create(made, ready=True)
    yield


@contextmanager
def slow_start(ground: ClusterGround) -> Iterator[None]:
    """The startup probe fails some times, and is patient enough."""
    ground.seeded()
    made = ground.made()
    container = ground.container(made)
    container.command = ["/bin/sh", "-c", 'sleep 4; exec "$@"', "sh"]
    container.args = PROGRAM
    asked = HTTPGetAction(path="/healthz", port="http")
    container.startupProbe = Probe(httpGet=asked, periodSeconds=1, failureThreshold=60)
    ground.create(made, ready=True)
    ground.until_event("Startup probe failed")
    yield


# --- placing and counting ---------------------------------------------------------------------------------------------


@contextmanager
def placed_at_last(ground: ClusterGround) -> Iterator[None]:
    """No node had the label that it asks for, until somebody labelled one."""
    ground.seeded()
    label = f"example.com/{ground.kube.namespace}"
    made = ground.made()
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.nodeSelector = {label: "yes"}
    ground.create(made)
    ground.until_event("FailedScheduling")
    (node, *_) = [str(node.metadata.name) for node in ground.kube.list(Node) if node.metadata]
    ground.kube.patch(Node, node, {"metadata": {"labels": {label: "yes"}}})
    try:
        until_ready(ground.kube, NAME)
        yield
    finally:
        ground.kube.patch(Node, node, {"metadata": {"labels": {label: None}}})


@contextmanager
def warned_by_admission(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    policy = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("warn", "audit")}
    ground.kube.patch(Namespace, str(ground.kube.namespace), {"metadata": {"labels": policy}})
    ground.create(ground.made(), ready=True)
    yield


@contextmanager
def another_scaled_to_zero(ground: ClusterGround) -> Iterator[None]:
    """A StatefulSet of another application beside it wants no pod."""
    ground.seeded()
    ground.create(ground.made(), ready=True)
    labels = {"app.kubernetes.io/instance": "lantern"}
    pod = PodSpec(containers=[Container(name="lantern", image="lantern:1.0")])
    spec = StatefulSetSpec(
        serviceName="lantern",
        replicas=0,
        selector=LabelSelector(matchLabels=labels),
        template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod),
    )
    ground.kube.create(StatefulSet(metadata=ObjectMeta(name="lantern", labels=labels), spec=spec))
    yield


@contextmanager
def resumed(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    ground.create(ground.made(), ready=True)
    ground.patch({"paused": True, "template": {"spec": {"containers": [{"name": NAME, "image": f"{NAME}:2.26.6"}]}}})
    ground.patch({"paused": False})
    until_ready(ground.kube, NAME)
    yield


@contextmanager
def on_its_way(ground: ClusterGround) -> Iterator[None]:
    """A pod that was deleted has half a minute to go, and takes some of it; the next one serves."""
    ground.seeded()
    made = ground.made()
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.terminationGracePeriodSeconds = 30
    ground.container(made).lifecycle = Lifecycle(preStop=LifecycleHandler(sleep=SleepAction(seconds=20)))
    ground.create(made, ready=True)
    (pod,) = ground.pods()
    assert pod.metadata is not None
    ground.kube.delete(Pod, str(pod.metadata.name), grace_period=30)
    eventually(lambda: _others_ready(ground, str(pod.metadata.name)), "the next one is ready")  # type: ignore[union-attr]
    yield


def _others_ready(ground: ClusterGround, name: str) -> bool:
    others = [pod for pod in ground.pods() if pod.metadata and pod.metadata.name != name and pod.status]
    return any(c.type == "Ready" and c.status == "True" for pod in others for c in pod.status.conditions or ())  # type: ignore[union-attr]


# --- a node -----------------------------------------------------------------------------------------------------------


@contextmanager
def cordoned(ground: ClusterGround) -> Iterator[None]:
    """Nothing new comes to the node; what is there serves. Whoever looks may look at nodes."""
    ground.sees_nodes = True
    ground.seeded()
    ground.create(ground.made(), ready=True)
    names = [str(node.metadata.name) for node in ground.kube.list(Node) if node.metadata]
    for name in names:
        ground.kube.patch(Node, name, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        for name in names:
            ground.kube.patch(Node, name, {"spec": {"unschedulable": None}})


@contextmanager
def node_back(ground: ClusterGround) -> Iterator[None]:
    """The kubelet did not answer for a while, and does again; whoever looks may not look at nodes."""
    ground.seeded()
    ground.create(ground.made(), ready=True)
    with kubelet_stopped(ground):
        pass
    until_ready(ground.kube, NAME)
    yield


@contextmanager
def kubelet_stopped(ground: ClusterGround) -> Iterator[None]:
    """Until its node's lease has run out; and until the node is ready again."""
    pid = ground.own.part_pid("kubelet")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: not _nodes_ready(ground), "the node is not ready")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: _nodes_ready(ground), "the node is ready again")


def _nodes_ready(ground: ClusterGround) -> bool:
    conditions = [c for node in ground.kube.list(Node) if node.status for c in node.status.conditions or ()]
    return all(c.status == "True" for c in conditions if c.type == "Ready")
