"""Pods as ``Replica``: where each is in its life.

Pure, and not for finding pods. The surprising thing: "Terminating" is no phase of Kubernetes. A pod with a deletion time is
there, and may hold locks, until its object is gone, whatever its containers say; and a pod that has failed or was evicted stays
as an object for weeks, and is no replica.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from lightkube.models.core_v1 import ContainerStateTerminated, ContainerStatus, PodStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import ReplicaSet
from lightkube.resources.core_v1 import Pod

from lockage.adapters.kubernetes.image import release_of
from lockage.adapters.kubernetes.texts import annotations_of, labels_of, utc
from lockage.adapters.kubernetes.workload import container_in, revision_of
from lockage.core.facts import Endpoint, Exit, Replica, ReplicaPhase
from lockage.core.release.profile import WorkloadProfile

_ENDED = {"Succeeded", "Failed"}


def by_our_clock(replica: Replica, ours: Callable[[datetime], datetime]) -> Replica:
    """The replica with all its times by our clock."""

    def maybe(at: datetime | None) -> datetime | None:
        return ours(at) if at is not None else None

    ended = replica.last_exit
    return replace(
        replica,
        created_at=ours(replica.created_at),
        started_at=maybe(replica.started_at),
        ready_at=maybe(replica.ready_at),
        last_exit=replace(ended, at=ours(ended.at)) if ended is not None else None,
    )


def owned(deployment_uid: str, sets: list[ReplicaSet]) -> dict[str, ReplicaSet]:
    """The ReplicaSets of a Deployment, by uid."""
    found: dict[str, ReplicaSet] = {}
    for replica_set in sets:
        metadata = replica_set.metadata
        if metadata is not None and metadata.uid and owner_uid(metadata) == deployment_uid:
            found[metadata.uid] = replica_set
    return found


def owner_uid(metadata: ObjectMeta) -> str | None:
    """The uid of the object that controls this one; None when nothing does."""
    return next((owner.uid for owner in metadata.ownerReferences or [] if owner.controller), None)


def replicas_of(
    pods: list[Pod], *, sets: Mapping[str, ReplicaSet], deployment: str, profile: WorkloadProfile
) -> tuple[Replica, ...]:
    """The replicas among pods that fit the Deployment's selector, oldest first; ``sets`` are its ReplicaSets by uid."""
    found: list[Replica] = []
    for pod in pods:
        metadata = pod.metadata
        if metadata is None or not _is_replica(pod, metadata, sets=sets, deployment=deployment):
            continue
        owner = sets.get(owner_uid(metadata) or "")
        revision = revision_of(owner.metadata) if owner is not None and owner.metadata is not None else 0
        found.append(replica_of(pod, metadata, revision=revision, profile=profile))
    return tuple(sorted(found, key=lambda replica: (replica.created_at, replica.name)))


def _is_replica(pod: Pod, metadata: ObjectMeta, *, sets: Mapping[str, ReplicaSet], deployment: str) -> bool:
    going = metadata.deletionTimestamp is not None
    if not going and pod.status is not None and pod.status.phase in _ENDED:
        return False
    if (owner_uid(metadata) or "") in sets:
        return True
    # The ReplicaSet may be gone before its last pod is.
    owners = [owner for owner in metadata.ownerReferences or [] if owner.controller and owner.kind == "ReplicaSet"]
    return going and any(owner.name.rpartition("-")[0] == deployment for owner in owners)


def replica_of(pod: Pod, metadata: ObjectMeta, *, revision: int, profile: WorkloadProfile) -> Replica:
    """Our record of one pod."""
    status, spec = pod.status or PodStatus(), pod.spec
    container = container_in(spec, profile, annotations=annotations_of(metadata)) if spec is not None else None
    image = (container.image if container else None) or ""
    telling = telling_status(status, container.name if container else "")
    assert metadata.creationTimestamp is not None  # every object of an API server has it
    created_at = utc(metadata.creationTimestamp)
    going = metadata.deletionTimestamp is not None
    started_at = _started_at(telling) if telling is not None and container and telling.name == container.name else None
    ready_at = None if going else _ready_at(status, started_at)
    return Replica(
        name=metadata.name or "",
        revision=revision,
        image=image,
        release=release_of(image, labels_of(metadata)),
        phase=ReplicaPhase.TERMINATING if going else _phase(telling, started_at),
        ready=not going and _condition_since(status, "Ready") is not None,
        restarts=telling.restartCount if telling else 0,
        created_at=created_at,
        started_at=started_at,
        ready_at=ready_at,
        last_exit=last_exit(telling, otherwise=created_at),
        endpoints=_endpoints(status),
    )


def telling_status(status: PodStatus, container: str) -> ContainerStatus | None:
    """The status that tells how the replica is: its container's, or that of an init container that keeps it from starting."""
    own = next((one for one in status.containerStatuses or [] if one.name == container), None)
    begun = own is not None and (own.restartCount > 0 or _running(own) or _ended(own) is not None)
    if begun:
        return own
    failing = (one for one in status.initContainerStatuses or [] if (ended := _ended(one)) is not None and ended.exitCode != 0)
    return next(failing, own)


def _running(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.running is not None


def _ended(status: ContainerStatus) -> ContainerStateTerminated | None:
    """The end that it stands at, or the one before that it was started again after."""
    now = status.state.terminated if status.state else None
    return now or (status.lastState.terminated if status.lastState else None)


def _phase(status: ContainerStatus | None, started_at: datetime | None) -> ReplicaPhase:
    if started_at is not None:
        return ReplicaPhase.RUNNING
    if status is None or _ended(status) is None or _running(status):
        return ReplicaPhase.PENDING
    return ReplicaPhase.BACK_OFF


def _started_at(status: ContainerStatus) -> datetime | None:
    running = status.state.running if status.state else None
    return utc(running.startedAt) if running is not None and running.startedAt is not None else None


def _ready_at(status: PodStatus, started_at: datetime | None) -> datetime | None:
    since = _condition_since(status, "Ready")
    return since if since is not None and started_at is not None and since >= started_at else None


def _condition_since(status: PodStatus, kind: str) -> datetime | None:
    for condition in status.conditions or []:
        if condition.type == kind and condition.status == "True":
            return utc(condition.lastTransitionTime)
    return None


def last_exit(status: ContainerStatus | None, *, otherwise: datetime) -> Exit | None:
    """How its process ended last; None when none did. ``otherwise`` is the time where the kubelet noted none."""
    ended = _ended(status) if status else None
    if ended is None:
        return None
    reason = ended.reason or ("Completed" if ended.exitCode == 0 else "Error")
    return Exit(code=ended.exitCode, reason=reason, at=utc(ended.finishedAt) if ended.finishedAt else otherwise)


def _endpoints(status: PodStatus) -> tuple[Endpoint, ...]:
    addresses = [one.ip for one in status.podIPs or [] if one.ip] or ([status.podIP] if status.podIP else [])
    return tuple(Endpoint(address=address) for address in dict.fromkeys(addresses))
