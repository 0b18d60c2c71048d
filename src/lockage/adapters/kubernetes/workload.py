"""A Deployment as ``Workload``: what was asked for, in our words.

Pure, and not for pods. The surprising thing: ``Workload.resource_version`` is not the object's own, which changes with every
count that the controller writes into its status; it is made of what people and programs ask for (the generation, and the
annotations that are not the controller's), so that "another has written since" is never said of the controller's counting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from lightkube.models.apps_v1 import DeploymentSpec, DeploymentStrategy
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment

from lockage.adapters.kubernetes.image import likeness, release_of
from lockage.adapters.kubernetes.probes import probe_of
from lockage.adapters.kubernetes.texts import annotations_of, labels_of
from lockage.core.facts import UpdateKind, Workload
from lockage.core.release.profile import WorkloadProfile
from lockage.errors import RefusedError

REVISION = "deployment.kubernetes.io/revision"
"""Annotation of a Deployment and of its ReplicaSets: the revision. Source: Kubernetes v1.33, ``deployment_util.go``."""

_CONTROLLERS = "deployment.kubernetes.io/"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The whole object as ``kubectl apply`` was given it. Not shown: it is long, and a password in it would be shown too."""

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
DEFAULT_GRACE_S = 30.0
"""Source: Kubernetes API reference v1.33, core/v1 PodSpec, terminationGracePeriodSeconds."""


def workload_of(deployment: Deployment, profile: WorkloadProfile) -> Workload:
    """Our record of a Deployment.

    Raises ``RefusedError`` (LK506) when none of its containers is the profile's.
    """
    metadata, spec, pod = parts(deployment)
    container = main_container(deployment, profile)
    replicas = wanted_replicas(spec)
    update, surge, unavailable = _strategy(spec.strategy, replicas)
    annotations = annotations_of(metadata)
    grace = pod.terminationGracePeriodSeconds
    return Workload(
        name=metadata.name or "",
        image=container.image or "",
        release=release_of(container.image or "", labels_of(spec.template.metadata), labels_of(metadata)),
        revision=revision_of(metadata),
        replicas=replicas,
        update=update,
        max_surge=surge,
        max_unavailable=unavailable,
        liveness=probe_of(container.livenessProbe),
        readiness=probe_of(container.readinessProbe),
        startup=probe_of(container.startupProbe),
        grace_s=DEFAULT_GRACE_S if grace is None else float(grace),
        annotations={key: value for key, value in annotations.items() if key != LAST_APPLIED},
        resource_version=asked_version(metadata),
        paused=bool(spec.paused),
        pauses_before_stop=container.lifecycle is not None and container.lifecycle.preStop is not None,
    )


def parts(deployment: Deployment) -> tuple[ObjectMeta, DeploymentSpec, PodSpec]:
    """Metadata, spec and the pods' spec, which every Deployment of an API server has."""
    metadata, spec = deployment.metadata, deployment.spec
    assert metadata is not None
    assert spec is not None
    pod = spec.template.spec
    assert pod is not None
    return metadata, spec, pod


def wanted_replicas(spec: DeploymentSpec) -> int:
    """How many replicas are asked for; Kubernetes' default is one."""
    return 1 if spec.replicas is None else spec.replicas


def revision_of(metadata: ObjectMeta) -> int:
    """The revision that an object belongs to; 0 while the controller has not numbered it."""
    number = annotations_of(metadata).get(REVISION, "")
    return int(number) if number.isdigit() else 0


def asked_version(metadata: ObjectMeta) -> str:
    """What changes whenever somebody asks for something else, and never by the controller's doing."""
    asked = {key: value for key, value in annotations_of(metadata).items() if not key.startswith(_CONTROLLERS)}
    digest = hashlib.sha256(msgspec.json.encode([metadata.uid, asked], order="sorted")).hexdigest()[:12]
    return f"{metadata.generation or 0}.{digest}"


def main_container(deployment: Deployment, profile: WorkloadProfile) -> Container:
    """The container that runs the application.

    Raises ``RefusedError`` (LK506) when the profile names one that is not there, or when there are several and none fits.
    """
    metadata, spec, pod = parts(deployment)
    annotations = annotations_of(spec.template.metadata)
    found = container_in(pod, profile, annotations=annotations)
    if found is None:
        names = ", ".join(f"{c.name} ({c.image})" for c in pod.containers)
        wanted = f"called {profile.container}" if profile.container else f"with image {profile.image}"
        raise RefusedError(
            f"Deployment {metadata.name} has no container {wanted}, but {names}",
            code="LK506",
            hint="name it in the profile: [workload] container",
        )
    return found


def container_in(pod: PodSpec, profile: WorkloadProfile, *, annotations: Mapping[str, str]) -> Container | None:
    """The container that runs the application: the one that the profile names, else whose image fits best, else the only one.

    Where several are left it is the pod's own default container, or None if it names none.
    """
    if profile.container is not None:
        return _named(pod, profile.container)
    best = max(pod.containers, key=lambda container: likeness(container.image or "", profile.image))
    if likeness(best.image or "", profile.image) > 0 or len(pod.containers) == 1:
        return best
    return _named(pod, annotations.get(DEFAULT_CONTAINER, ""))


def _named(pod: PodSpec, name: str) -> Container | None:
    return next((container for container in pod.containers if container.name == name), None)


def _strategy(strategy: DeploymentStrategy | None, replicas: int) -> tuple[UpdateKind, int, int]:
    if strategy is not None and strategy.type == UpdateKind.RECREATE.value:
        return UpdateKind.RECREATE, 0, replicas
    rolling = strategy.rollingUpdate if strategy else None
    surge = "25%" if rolling is None or rolling.maxSurge is None else rolling.maxSurge
    unavailable = "25%" if rolling is None or rolling.maxUnavailable is None else rolling.maxUnavailable
    return UpdateKind.ROLLING_UPDATE, *fenceposts(replicas, surge=surge, unavailable=unavailable)


def fenceposts(replicas: int, *, surge: int | str, unavailable: int | str) -> tuple[int, int]:
    """Surge rounded up and unavailable rounded down; one unavailable where both would be none, or nothing could ever move.

    Source: Kubernetes v1.33, ``deployment_util.go``, ResolveFenceposts.
    """
    more = _absolute(surge, replicas, round_up=True)
    fewer = _absolute(unavailable, replicas, round_up=False)
    return more, (1 if more == 0 and fewer == 0 else fewer)


def _absolute(amount: int | str, replicas: int, *, round_up: bool) -> int:
    if isinstance(amount, int):
        return amount
    if not amount.endswith("%"):
        return int(amount)
    hundredths = int(amount.removesuffix("%")) * replicas
    return -(-hundredths // 100) if round_up else hundredths // 100
