"""What tests on a cluster share: the cluster, waiting with a limit, and towpath as objects of Kubernetes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lightkube import Client
from lightkube.models.apps_v1 import DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment
from lightkube.models.core_v1 import (
    Container,
    ContainerPort,
    EnvVar,
    EnvVarSource,
    HTTPGetAction,
    ObjectFieldSelector,
    PodSpec,
    PodTemplateSpec,
    Probe,
    ServicePort,
    ServiceSpec,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Event, Pod, Service

from e2e.cluster.whole import Cluster

LIMIT_S = 120.0
"""For whatever a cluster does on two cores that others use too."""

LABELS = {"app.kubernetes.io/name": "towpath"}
PORT = 3000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCluster:
    """A cluster to test on."""

    kubeconfig: Path
    own: Cluster | None
    """The one that we built; None for a user's."""
    host_before: Mapping[str, object] | None
    """The host as it was before our cluster; None where the cluster is not this test run's."""


def eventually(condition: Callable[[], T], what: str, *, limit_s: float = LIMIT_S) -> T:
    """What the condition gives as soon as it is true; fails when it is not within the limit."""
    until = time.monotonic() + limit_s
    while not (seen := condition()):
        assert time.monotonic() < until, f"within {limit_s:g} s it did not come true that {what}"
        time.sleep(0.2)
    return seen


def towpath(url: str, release: str, *, replicas: int = 1, liveness_path: str = "/healthz") -> Deployment:
    """towpath as a Deployment: readiness each second, liveness kill after about 4 s."""
    variables = {"TOWPATH_PG_CONNECTION_URL": url, "TOWPATH_HTTP_ADDRESS": f"0.0.0.0:{PORT}", "TOWPATH_PG_POOL_MIN": "1"}
    container = Container(
        name="towpath",
        image=f"towpath:{release}",
        imagePullPolicy="IfNotPresent",
        env=[
            *(EnvVar(name=name, value=value) for name, value in variables.items()),
            EnvVar(name="TOWPATH_REPLICA", valueFrom=EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath="metadata.name"))),
        ],
        ports=[ContainerPort(containerPort=PORT, name="http")],
        readinessProbe=Probe(httpGet=HTTPGetAction(path="/healthz", port="http"), periodSeconds=1),
        livenessProbe=Probe(
            httpGet=HTTPGetAction(path=liveness_path, port="http"),
            initialDelaySeconds=1 if liveness_path != "/healthz" else 60,
            periodSeconds=1,
            failureThreshold=3,
        ),
    )
    return deployment("towpath", container, replicas=replicas)


def deployment(name: str, container: Container, *, replicas: int = 1) -> Deployment:
    """A Deployment of one container, which a rolling update replaces one more at a time."""
    labels = {**LABELS, "app.kubernetes.io/instance": name}
    return Deployment(
        metadata=ObjectMeta(name=name, labels=labels),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(matchLabels=labels),
            strategy=DeploymentStrategy(rollingUpdate=RollingUpdateDeployment(maxSurge=1, maxUnavailable=0)),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels),
                spec=PodSpec(containers=[container], terminationGracePeriodSeconds=5, enableServiceLinks=False),
            ),
        ),
    )


def service(name: str) -> Service:
    """A Service in front of the Deployment of the same name."""
    return Service(
        metadata=ObjectMeta(name=name),
        spec=ServiceSpec(
            selector={"app.kubernetes.io/instance": name}, ports=[ServicePort(name="http", port=80, targetPort="http")]
        ),
    )


def pods(kube: Client, name: str) -> list[Pod]:
    """The pods of a Deployment that are there, terminating ones too."""
    return list(kube.list(Pod, labels={"app.kubernetes.io/instance": name}))


def until_ready(kube: Client, name: str, *, replicas: int = 1) -> list[Pod]:
    """Waits until so many pods of the newest template, and no others, are there and ready; gives them."""

    def settled() -> bool:
        seen = kube.get(Deployment, name)
        status = seen.status
        assert status is not None
        assert seen.metadata is not None
        counts = (status.replicas or 0, status.updatedReplicas or 0, status.readyReplicas or 0)
        return status.observedGeneration == seen.metadata.generation and counts == (replicas, replicas, replicas)

    eventually(settled, f"{name} has {replicas} ready pods")
    eventually(lambda: len(pods(kube, name)) == replicas, f"{name} has no other pods")
    return pods(kube, name)


def messages(kube: Client) -> list[str]:
    """What the events of the namespace say, each as ``reason: message``."""
    return [f"{event.reason}: {event.message}" for event in kube.list(Event)]
