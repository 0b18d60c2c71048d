"""Objects of Kubernetes as the records of a diagnosis: containers with their states, ReplicaSets, nodes, quotas.

Pure, and not for asking. The surprising thing: a container that Kubernetes says nothing of yet (its pod was never placed) waits
too; and a container's end before its last restart stays there as ``lastState`` for as long as the pod does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias, cast

from lightkube.models import core_v1 as models
from lightkube.models.apps_v1 import DeploymentCondition
from lightkube.resources.apps_v1 import ReplicaSet
from lightkube.resources.core_v1 import Node as NodeObject
from lightkube.resources.core_v1 import Pod

from lockage.adapters.kubernetes.image import release_of
from lockage.adapters.kubernetes.probes import probe_of
from lockage.adapters.kubernetes.quotas import quantity
from lockage.adapters.kubernetes.raw import Anything, mapping_at
from lockage.adapters.kubernetes.texts import annotations_of, labels_of, utc
from lockage.adapters.kubernetes.workload import container_in, revision_of
from lockage.core.diagnosis.evidence import (
    Condition,
    Container,
    ContainerPhase,
    ContainerState,
    Node,
    Quota,
    ReplicaDetail,
    Revision,
)
from lockage.core.release.profile import WorkloadProfile

Ours = Callable[[datetime], datetime]
"""A time of the cluster's, by our own clock."""


_Condition: TypeAlias = DeploymentCondition | models.PodCondition | models.NodeCondition


def condition_of(condition: _Condition, ours: Ours) -> Condition:
    """Our record of a condition of a Deployment, a pod or a node."""
    return Condition(
        type=condition.type or "",
        status=condition.status or "",
        reason=condition.reason or "",
        message=condition.message or "",
        since=_maybe(condition.lastTransitionTime, ours),
    )


def detail_of(pod: Pod, *, revision: str, profile: WorkloadProfile, ours: Ours) -> ReplicaDetail:
    """Our record of a pod, with every container of it; ``revision`` is its ReplicaSet's name."""
    metadata, status = pod.metadata, pod.status or models.PodStatus()
    assert metadata is not None  # every object of an API server has it
    spec = pod.spec
    return ReplicaDetail(
        name=metadata.name or "",
        revision=revision,
        node=(spec.nodeName if spec else None) or None,
        phase=status.phase or "",
        reason=status.reason or "",
        message=status.message or "",
        conditions=tuple(condition_of(each, ours) for each in status.conditions or []),
        containers=tuple(_containers(pod, profile, ours)),
        created_at=_maybe(metadata.creationTimestamp, ours),
        deleted_at=_maybe(metadata.deletionTimestamp, ours),
        finalizers=tuple(metadata.finalizers or ()),
    )


def _containers(pod: Pod, profile: WorkloadProfile, ours: Ours) -> Iterator[Container]:
    spec, status = pod.spec, pod.status or models.PodStatus()
    if spec is None:
        return
    both = [*(status.initContainerStatuses or []), *(status.containerStatuses or [])]
    said = {one.name: one for one in both}
    chosen = container_in(spec, profile, annotations=annotations_of(pod.metadata)) or spec.containers[0]
    for init, containers in ((True, spec.initContainers or []), (False, spec.containers)):
        for container in containers:
            main = not init and container.name == chosen.name
            yield _container(container, said.get(container.name), init=init, main=main, ours=ours)


def _container(
    container: models.Container, status: models.ContainerStatus | None, *, init: bool, main: bool, ours: Ours
) -> Container:
    limits, requests = _resources(container)
    last = status.lastState if status is not None else None
    return Container(
        name=container.name,
        image=container.image or "",
        state=_state(status.state if status is not None else None, ours),
        last=_state(last, ours) if last is not None and last.terminated is not None else None,
        init=init,
        main=main,
        ready=bool(status and status.ready),
        restarts=status.restartCount if status is not None else 0,
        memory_limit_bytes=_bytes(limits),
        memory_request_bytes=_bytes(requests),
        cpu_limit_cores=_cores(limits),
        cpu_request_cores=_cores(requests),
        liveness=probe_of(container.livenessProbe),
        readiness=probe_of(container.readinessProbe),
        startup=probe_of(container.startupProbe),
    )


def _state(state: models.ContainerState | None, ours: Ours) -> ContainerState:
    if state is not None and state.terminated is not None:
        ended = state.terminated
        return ContainerState(
            phase=ContainerPhase.TERMINATED,
            reason=ended.reason or "",
            message=ended.message or "",
            exit_code=ended.exitCode,
            # Few runtimes tell the signal; a shell and Kubernetes add it to 128.
            signal=ended.signal or (ended.exitCode - 128 if 128 < ended.exitCode < 160 else None),
            started_at=_maybe(ended.startedAt, ours),
            finished_at=_maybe(ended.finishedAt, ours),
        )
    if state is not None and state.running is not None:
        return ContainerState(phase=ContainerPhase.RUNNING, started_at=_maybe(state.running.startedAt, ours))
    waiting = state.waiting if state is not None else None
    return ContainerState(
        phase=ContainerPhase.WAITING,
        reason=(waiting.reason if waiting else None) or "",
        message=(waiting.message if waiting else None) or "",
    )


def _resources(container: models.Container) -> tuple[Mapping[str, object], Mapping[str, object]]:
    asked: Any = container.resources
    return (asked.limits or {}, asked.requests or {}) if asked is not None else ({}, {})


def _bytes(amounts: Mapping[str, object]) -> int | None:
    return int(quantity(amounts["memory"])) if "memory" in amounts else None


def _cores(amounts: Mapping[str, object]) -> float | None:
    return float(quantity(amounts["cpu"])) if "cpu" in amounts else None


def revisions_of(sets: Iterable[ReplicaSet], *, profile: WorkloadProfile, ours: Ours) -> tuple[Revision, ...]:
    """The ReplicaSets that want or have pods, and the newest, oldest first."""
    found = sorted((_revision(one, profile, ours) for one in sets), key=lambda revision: revision.number)
    return tuple(one for one in found if one.wanted or one.present or one is found[-1])


def _revision(replica_set: ReplicaSet, profile: WorkloadProfile, ours: Ours) -> Revision:
    metadata, spec, status = replica_set.metadata, replica_set.spec, replica_set.status
    assert metadata is not None
    template = spec.template if spec else None
    pod = template.spec if template is not None else None
    container = container_in(pod, profile, annotations=annotations_of(template.metadata)) if template and pod else None
    image = (container.image if container else None) or ""
    return Revision(
        name=metadata.name or "",
        number=revision_of(metadata),
        image=image,
        release=release_of(image, labels_of(template.metadata if template else None), labels_of(metadata)),
        wanted=(spec.replicas if spec else None) or 0,
        present=(status.replicas if status is not None else None) or 0,
        ready=(status.readyReplicas if status is not None else None) or 0,
        created_at=_maybe(metadata.creationTimestamp, ours),
    )


def node_of(node: NodeObject, ours: Ours) -> Node:
    """Our record of a node; what may be allocated is what counts for a pod."""
    status, spec = node.status, node.spec
    conditions = tuple(condition_of(each, ours) for each in (status.conditions if status else None) or [])
    allocatable = cast("Mapping[str, object]", (status.allocatable if status else None) or {})  # pyright: ignore[reportUnknownMemberType]
    return Node(
        name=(node.metadata.name if node.metadata else None) or "",
        ready=any(one.type == "Ready" and one.status == "True" for one in conditions),
        unschedulable=bool(spec and spec.unschedulable),
        architecture=(status.nodeInfo.architecture if status and status.nodeInfo else None) or "",
        conditions=conditions,
        memory_bytes=_bytes(allocatable),
        cpu_cores=_cores(allocatable),
    )


def quota_of(quota: Anything) -> Quota:
    """Our record of a ResourceQuota, quantities as Kubernetes prints them."""
    hard = mapping_at(quota.status, "hard") or mapping_at(quota.spec, "hard")
    return Quota(
        name=quota.metadata.name,
        hard={name: str(amount) for name, amount in hard.items()},
        used={name: str(amount) for name, amount in mapping_at(quota.status, "used").items()},
    )


def _maybe(at: datetime | None, ours: Ours) -> datetime | None:
    return ours(utc(at)) if at is not None else None
