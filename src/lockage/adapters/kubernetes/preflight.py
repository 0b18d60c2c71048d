"""Would a replica of the new release be accepted, and could it start: everything that can be known before the outage.

Not for what the rollout itself would make (the releaser's ``check``). The surprising thing: what may not be looked at is no
failure. It is said as "not checked", since a tool that demands every right is given none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.contenders import Seen, deployment_of
from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError, RejectedError
from lockage.adapters.kubernetes.quotas import asks, quantity, shortage
from lockage.adapters.kubernetes.raw import Anything, at, found, listed, mapping_at, sequence_at
from lockage.adapters.kubernetes.trial import Trial, try_image
from lockage.core.facts import Check, UpdateKind, Workload
from lockage.core.release.profile import Profile
from lockage.ports import Rollout

MOST_NODES = 3
"""Nodes that the image is tried on: those without it come first, and a pull on each of a hundred would be a load of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What all checks are about."""

    client: KubernetesClient
    seen: Seen
    workload: Workload
    container: str
    profile: Profile
    rollout: Rollout
    image: str

    @property
    def pod(self) -> dict[str, Any]:
        """The spec of a replica as it is now, with the new image."""
        spec = dict(mapping_at(self.seen.spec, "template", "spec"))
        spec["containers"] = [
            {**each, "image": self.image} if at(each, "name") == self.container else each
            for each in sequence_at(spec, "containers")
        ]
        return spec

    @property
    def surges(self) -> bool:
        """Whether the run comes to a point at which it needs one replica more than there are, and cannot go on without."""
        workload, rollout = self.workload, self.rollout
        if workload.update is UpdateKind.RECREATE or workload.max_unavailable > 0:
            return False
        # The probe's return is a rolling update of all replicas, whatever came before it.
        return rollout.replicas >= workload.replicas or rollout.liveness != workload.liveness


def preflight(
    client: KubernetesClient,
    workload: Workload,
    *,
    container: str,
    profile: Profile,
    rollout: Rollout,
    image: str,
    between: Callable[[], None],
) -> tuple[Check, ...]:
    """Every check of the rollout, which would run ``image``, but the releaser's own.

    Raises as the client does when nothing answers.
    """
    asked = _Asked(
        client=client,
        seen=deployment_of(client, workload.name),
        workload=workload,
        container=container,
        profile=profile,
        rollout=rollout,
        image=image,
    )
    nodes = _nodes(client)
    checks = [*_references(asked), *_volumes(asked), *_quota(asked), *_admission(asked), *_capacity(asked, nodes)]
    between()
    return (*checks, *_image(asked, nodes, between))


# --- what a pod refers to ------------------------------------------------------------------------------------------------


def _references(asked: _Asked) -> Iterator[Check]:
    missing, unseen = list[str](), list[str]()
    wanted = sorted(references(asked.pod))
    for kind, name, key in wanted:
        plural = {"Secret": "secrets", "ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts"}[kind]
        try:
            # The kind is open about its keys only, and nothing of their values is kept.
            there = found_keys(asked.client, f"/api/v1/namespaces/{asked.client.namespace}/{plural}/{name}")
        except MissingError:
            missing.append(f"{kind} {name} does not exist")
        except ForbiddenError:
            unseen.append(f"{kind} {name}")
        else:
            if key and key not in there:
                missing.append(f"{kind} {name} has no key {key}")
    for text in dict.fromkeys(missing):
        yield Check(name="references", ok=False, text=text, hint=f"kubectl -n {asked.client.namespace} get secrets,configmaps")
    seen = {f"{kind} {name}" for kind, name, _ in wanted} - set(unseen)
    if seen and not missing:
        yield Check(name="references", ok=True, text=f"there: {', '.join(sorted(seen))}")
    if unseen:
        yield unchecked("references", f"no right to read {', '.join(dict.fromkeys(unseen))}")


def references(pod: dict[str, Any]) -> set[tuple[str, str, str]]:
    """What a pod cannot start without: kind, name and key ("": any) of Secrets, ConfigMaps and its ServiceAccount."""
    return {(kind, str(name), str(key or "")) for kind, name, key, optional in _named(pod) if name and not optional}


def _named(pod: dict[str, Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    """Every reference: kind, name, key, and whether the pod starts without it."""
    for container in (*sequence_at(pod, "initContainers"), *sequence_at(pod, "containers")):
        for variable in sequence_at(container, "env"):
            for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                one = at(variable, "valueFrom", field)
                yield kind, at(one, "name"), at(one, "key"), at(one, "optional")
        for source in sequence_at(container, "envFrom"):
            for kind, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                one = at(source, field)
                yield kind, at(one, "name"), "", at(one, "optional")
    for volume in sequence_at(pod, "volumes"):
        for kind, field, name in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
            one = at(volume, field)
            yield kind, at(one, name), "", at(one, "optional")
    for each in sequence_at(pod, "imagePullSecrets"):
        # The kubelet pulls without a pull secret that is missing; whether the image comes is tried.
        yield "Secret", at(each, "name"), "", True
    yield "ServiceAccount", at(pod, "serviceAccountName"), "", False


def found_keys(client: KubernetesClient, path: str) -> frozenset[str]:
    """The keys of a Secret or ConfigMap. Raises as the client does."""
    answer = msgspec.json.decode(client.send("GET", path), type=dict[str, Any])
    return frozenset((*mapping_at(answer, "data"), *mapping_at(answer, "binaryData")))


def _volumes(asked: _Asked) -> Iterator[Check]:
    for volume in sequence_at(asked.pod, "volumes"):
        name = at(volume, "persistentVolumeClaim", "claimName")
        if name is None:
            continue
        path = f"/api/v1/namespaces/{asked.client.namespace}/persistentvolumeclaims/{name}"
        try:
            claim = found(asked.client, path)
        except MissingError:
            yield Check(name="volumes", ok=False, text=f"PersistentVolumeClaim {name} does not exist", hint="kubectl get pvc")
            continue
        except ForbiddenError as error:
            yield unchecked("volumes", error.message)
            continue
        modes = set(sequence_at(claim.spec, "accessModes"))
        alone = modes == {"ReadWriteOncePod"}
        if alone and asked.surges:
            text = f"PersistentVolumeClaim {name} is ReadWriteOncePod: a replica beside the old one would never start"
            yield Check(name="volumes", ok=False, text=text, hint="use --strategy scale-to-zero, or strategy Recreate")
        elif modes <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            text = (
                f"PersistentVolumeClaim {name} is {', '.join(sorted(modes))}: a replica on another node waits for the old one"
            )
            yield Check(name="volumes", ok=True, text=text)


# --- room ----------------------------------------------------------------------------------------------------------------


def _quota(asked: _Asked) -> Iterator[Check]:
    path = f"/api/v1/namespaces/{asked.client.namespace}/resourcequotas"
    try:
        quotas = listed(asked.client, path)
    except ForbiddenError as error:
        yield unchecked("quota", error.message)
        return
    for quota in quotas:
        short = shortage(quota, asked.pod)
        if not short:
            continue
        text = f"ResourceQuota {quota.metadata.name} has no room for one replica more: {'; '.join(short)}"
        if asked.surges:
            yield Check(
                name="quota",
                ok=False,
                text=f"{text}; with maxUnavailable 0 the replicas cannot be replaced without",
                hint=f"raise it by one replica while the run lasts: kubectl edit resourcequota {quota.metadata.name}",
            )
        else:
            yield Check(name="quota", ok=True, text=f"{text}; the old ones go first, so none is needed")
    if not any(shortage(quota, asked.pod) for quota in quotas):
        yield Check(name="quota", ok=True, text="no quota keeps one replica more away")


def _admission(asked: _Asked) -> Iterator[Check]:
    """A replica with the new image, which the API server admits without making it."""
    metadata = mapping_at(asked.seen.spec, "template", "metadata")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{asked.workload.name[:40]}-",
            "labels": mapping_at(metadata, "labels"),
            "annotations": mapping_at(metadata, "annotations"),
        },
        "spec": asked.pod,
    }
    path = f"/api/v1/namespaces/{asked.client.namespace}/pods"
    try:
        asked.client.send("POST", path, body=pod, params={"dryRun": "All"})
    except ForbiddenError as error:
        yield unchecked("admission", error.message)
    except RejectedError as error:
        if "exceeded quota" in error.message:
            return  # said with the numbers that matter
        yield Check(name="admission", ok=False, text=error.message, hint=error.hint)
    else:
        yield Check(name="admission", ok=True, text="the API server admits such a replica")


def _nodes(client: KubernetesClient) -> tuple[Anything, ...] | None:
    try:
        return listed(client, "/api/v1/nodes")
    except ForbiddenError:
        return None


def _capacity(asked: _Asked, nodes: tuple[Anything, ...] | None) -> Iterator[Check]:
    if nodes is None:
        yield unchecked("capacity", "no right to read nodes")
        return
    fitting = [node for node in nodes if eligible(node, asked.pod)]
    if not fitting:
        text = f"none of {len(nodes)} nodes is ready and takes such a replica (selector, taints)"
        yield Check(name="capacity", ok=False, text=text, hint="kubectl describe nodes")
        return
    try:
        pods = listed(asked.client, "/api/v1/pods")
    except ForbiddenError:
        yield unchecked("capacity", f"no right to read the pods of other namespaces; {len(fitting)} nodes are eligible")
        return
    leaving = set[str]() if asked.surges else {_replica_label(asked)}
    wanted = asks(asked.pod)
    for node in fitting:
        free = room(node, [pod for pod in pods if _stays(pod, leaving)])
        if all(free[name] >= wanted[name] for name in free):
            yield Check(name="capacity", ok=True, text=f"node {node.metadata.name} has room for one replica more")
            return
    cpu, memory = wanted["requests.cpu"], wanted["requests.memory"] / 2**20
    text = f"none of {len(fitting)} eligible nodes has room for one replica more (CPU {cpu:f}, memory {memory:.0f} MiB)"
    yield Check(name="capacity", ok=False, text=text, hint="add a node, or make room: a pending replica is an outage")


def _replica_label(asked: _Asked) -> str:
    return f"{asked.client.namespace}/{asked.workload.name}-"


def _stays(pod: Anything, leaving: set[str]) -> bool:
    if pod.status.get("phase") in {"Succeeded", "Failed"}:
        return False
    return not any(f"{pod.metadata.namespace}/{pod.metadata.name}".startswith(start) for start in leaving)


def room(node: Anything, pods: Sequence[Anything]) -> dict[str, Decimal]:
    """What is left on a node of CPU, memory and pods, by the names of a quota."""
    here = [asks(pod.spec) for pod in pods if pod.spec.get("nodeName") == node.metadata.name]
    allocatable = mapping_at(node.status, "allocatable")
    names = (("cpu", "requests.cpu"), ("memory", "requests.memory"), ("pods", "pods"))
    return {
        counted: quantity(allocatable.get(resource)) - sum((each[counted] for each in here), Decimal(0))
        for resource, counted in names
    }


def eligible(node: Anything, pod: dict[str, Any]) -> bool:
    """Whether a node is ready and open for such a pod, as far as selector and taints decide."""
    ready = any(at(c, "type") == "Ready" and at(c, "status") == "True" for c in sequence_at(node.status, "conditions"))
    if not ready or node.spec.get("unschedulable"):
        return False
    if any(node.metadata.labels.get(key) != value for key, value in mapping_at(pod, "nodeSelector").items()):
        return False
    taints = [taint for taint in sequence_at(node.spec, "taints") if at(taint, "effect") != "PreferNoSchedule"]
    return all(any(_tolerates(each, taint) for each in sequence_at(pod, "tolerations")) for taint in taints)


def _tolerates(toleration: object, taint: object) -> bool:
    # Source: Kubernetes documentation v1.33, "Taints and Tolerations".
    if at(toleration, "effect") not in {None, "", at(taint, "effect")}:
        return False
    if at(toleration, "operator") == "Exists":
        return at(toleration, "key") in {None, "", at(taint, "key")}
    return (at(toleration, "key"), at(toleration, "value") or "") == (at(taint, "key"), at(taint, "value") or "")


# --- the image -----------------------------------------------------------------------------------------------------------


def _image(asked: _Asked, nodes: tuple[Anything, ...] | None, between: Callable[[], None]) -> tuple[Check, ...]:
    fitting = [node for node in nodes or () if eligible(node, asked.pod)]
    fitting.sort(key=lambda node: _has_image(node, asked.image))
    trial = Trial(
        seen=asked.seen,
        container=asked.container,
        image=asked.image,
        release=asked.rollout.release,
        command=asked.profile.version.command,
        pattern=asked.profile.version.command_pattern,
        nodes=tuple(node.metadata.name for node in fitting[:MOST_NODES]),
    )
    return try_image(asked.client, trial, between=between)


def _has_image(node: Anything, image: str) -> bool:
    # The kubelet lists the largest 50 only, under full names.
    names = [str(name) for each in sequence_at(node.status, "images") for name in sequence_at(each, "names")]
    return any(name == image or name.endswith(f"/{image}") for name in names)


def unchecked(name: str, why: str) -> Check:
    """A check that could not be made: said, and no failure."""
    return Check(name=name, ok=True, text=f"not checked: {why}")
