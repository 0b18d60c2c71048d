"""Bring an image to the nodes that will run it, and ask it for its version: short-lived pods, gone at the end.

Not for starting the application: a pod here runs the profile's version command, or nothing, and knows no secret of the
application's. The surprising thing: it asks for next to nothing and carries none of the application's labels, so no Service, no
budget and no ReplicaSet takes it for a replica; but it has the same pull secrets, rights, nodes and security settings, because
those decide whether a replica could start.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.contenders import Seen
from lockage.adapters.kubernetes.failure import ForbiddenError, RejectedError
from lockage.adapters.kubernetes.raw import Anything, at, listed, mapping_at, sequence_at
from lockage.core.facts import Check
from lockage.core.release.version import normalised
from lockage.errors import LockageError, UsageError

LABEL = "lockage.dev/trial"
"""Label of the pods, with the Deployment's name: what a killed process left is found by it, and goes first."""

LIMIT_S = 240.0
"""For an image to arrive and its command to end; large images on slow registries take minutes."""

PATIENCE_S = 12.0
"""How long a failed pull, or a pod that no node takes, is believed to be a hiccup. The kubelet tries again after 10 s.
Source: Kubernetes documentation v1.33, "Images", ImagePullBackOff."""

HARMLESS = ("true",)
"""Run where the profile knows no version command; an image without it was pulled all the same."""

AT_ONCE = frozenset({"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"})
"""Reasons of a waiting container that no waiting cures."""

NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
"""The image is there, and has no such command."""

_KEPT = (
    "imagePullSecrets", "nodeSelector", "tolerations", "serviceAccountName", "securityContext", "runtimeClassName",
    "schedulerName", "hostUsers", "os",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried."""

    seen: Seen
    container: str
    image: str
    release: str
    command: tuple[str, ...]
    pattern: str
    nodes: tuple[str, ...]  # one pod for each; empty: one pod, wherever the scheduler puts it


def try_image(
    client: KubernetesClient, trial: Trial, *, between: Callable[[], None], pause_s: float = 0.5
) -> tuple[Check, ...]:
    """Whether the image arrives on the nodes, and is the release that it should be. Raises as the client does."""
    _remove(client, trial.seen.metadata.name)
    try:
        try:
            for node in trial.nodes or (None,):
                client.send("POST", _path(client), body=pod_of(trial, node))
        except (RejectedError, ForbiddenError) as error:
            return (_unchecked(f"a pod to pull {trial.image} may not be made: {error.message}"),)
        until, began = time.monotonic() + LIMIT_S, time.monotonic()
        while True:
            pods = _pods(client, trial.seen.metadata.name)
            checks = [_judged(client, trial, pod, waited_s=time.monotonic() - began) for pod in pods]
            if all(check is not None for check in checks):
                return _together(trial, [check for check in checks if check is not None])
            if time.monotonic() > until:
                return (_late(trial, pods),)
            between()
            time.sleep(pause_s)
    finally:
        # A failed clean-up hides nothing: the next trial, or the end of the Deployment, removes what is left.
        with suppress(LockageError):
            _remove(client, trial.seen.metadata.name)


def pod_of(trial: Trial, node: str | None) -> dict[str, Any]:
    """The pod that tries the image on that node."""
    metadata = trial.seen.metadata
    template = mapping_at(trial.seen.spec, "template", "spec")
    container = next((c for c in sequence_at(template, "containers") if at(c, "name") == trial.container), None)
    tried: dict[str, Any] = {
        "name": "trial",
        "image": trial.image,
        "imagePullPolicy": at(container, "imagePullPolicy") or "IfNotPresent",
        "command": list(trial.command or HARMLESS),
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
    }
    if security := at(container, "securityContext"):
        tried["securityContext"] = security
    spec: dict[str, Any] = {key: template[key] for key in _KEPT if key in template}
    spec |= {
        "containers": [tried],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(LIMIT_S),
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    if affinity := _affinity(mapping_at(template, "affinity", "nodeAffinity"), node):
        spec["affinity"] = {"nodeAffinity": affinity}
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata.name, "uid": metadata.uid}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"lockage-trial-{metadata.name[:40]}-",
            "labels": {"app.kubernetes.io/managed-by": "lockage", LABEL: metadata.name[:63]},
            "ownerReferences": [owner],
        },
        "spec": spec,
    }


def _affinity(affinity: dict[str, Any], node: str | None) -> dict[str, Any]:
    """The application's own wishes for nodes, and the one node in each of its alternatives."""
    if node is None:
        return affinity
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    this = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = sequence_at(affinity, required, "nodeSelectorTerms") or [{}]
    narrowed = [{**term, "matchFields": [*sequence_at(term, "matchFields"), this]} for term in terms]
    return {**affinity, required: {"nodeSelectorTerms": narrowed}}


# --- what became of a pod ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What one pod showed; ``fits`` None: it ran nowhere, which is no fault where others did."""

    node: str
    fits: bool | None
    text: str
    hint: str | None = None


def _judged(client: KubernetesClient, trial: Trial, pod: Anything, *, waited_s: float) -> _Outcome | None:
    """What the pod shows; None while it is too early to say."""
    node = str(pod.spec.get("nodeName") or "")
    status = next(iter(sequence_at(pod.status, "containerStatuses")), None)
    waiting, ended = at(status, "state", "waiting"), at(status, "state", "terminated")
    if ended is not None:
        return _ended(client, trial, pod, ended, node)
    reason = str(at(waiting, "reason") or "")
    if reason in NOT_STARTED:
        return _Outcome(node=node, fits=True, text=f"{trial.image} is on {node}; it has no {trial.command or HARMLESS}")
    message = " ".join(str(at(waiting, "message") or "").split())
    if reason in AT_ONCE or (reason.endswith(("ImagePull", "ImagePullBackOff")) and waited_s > PATIENCE_S):
        return _Outcome(
            node=node,
            fits=False,
            text=f"{trial.image} does not start on {node}: {reason}: {message}",
            hint=_hint(reason, trial),
        )
    unscheduled = next((c for c in sequence_at(pod.status, "conditions") if at(c, "type") == "PodScheduled"), None)
    if at(unscheduled, "status") == "False" and waited_s > PATIENCE_S:
        return _Outcome(node=node, fits=None, text=f"no node takes a pod of it: {at(unscheduled, 'message')}")
    if pod.status.get("phase") == "Failed":  # the deadline, or the kubelet's own refusal
        return _Outcome(node=node, fits=None, text=f"its pod ended: {pod.status.get('reason')}: {pod.status.get('message')}")
    return None


def _ended(client: KubernetesClient, trial: Trial, pod: Anything, ended: object, node: str) -> _Outcome:
    if at(ended, "reason") in NOT_STARTED or not trial.command:
        return _Outcome(node=node, fits=True, text=f"{trial.image} is on {node}")
    said = client.get_text(f"{_path(client)}/{pod.metadata.name}/log")
    match = re.search(trial.pattern, said)
    if at(ended, "exitCode") != 0 or match is None:
        last = " ".join(said.split())[-160:]
        code = at(ended, "exitCode")
        return _Outcome(
            node=node,
            fits=True,
            text=f"{trial.image} is on {node}; its version is not known: ended with {code}, {last!r}",
        )
    version = _version(match[1])
    return _Outcome(
        node=node,
        fits=version == trial.release,
        text=f"{trial.image} is on {node}, and says {version}",
        hint=None if version == trial.release else f"the image is not {trial.release}: look which tag was pushed",
    )


def _together(trial: Trial, outcomes: Sequence[_Outcome]) -> tuple[Check, ...]:
    judged = [each for each in outcomes if each.fits is not None]
    if not judged:
        return tuple(Check(name="image", ok=False, text=each.text, hint="kubectl get nodes") for each in outcomes[:1])
    del trial
    return tuple(Check(name="image", ok=each.fits is True, text=each.text, hint=each.hint) for each in judged)


def _late(trial: Trial, pods: Sequence[Anything]) -> Check:
    phases = ", ".join(f"{pod.spec.get('nodeName') or 'no node'}: {pod.status.get('phase')}" for pod in pods)
    return Check(
        name="image",
        ok=False,
        text=f"{trial.image} is not there after {LIMIT_S:.0f} s ({phases})",
        hint="pull it on the nodes beforehand: its pull would be part of the outage",
    )


def _hint(reason: str, trial: Trial) -> str:
    if reason == "CreateContainerConfigError":
        return "compare securityContext with what the image runs as"
    return f"see that {trial.image} exists, and that the imagePullSecrets may read it"


def _version(text: str) -> str:
    try:
        return normalised(text)
    except UsageError:
        return text


def _unchecked(text: str) -> Check:
    return Check(name="image", ok=True, text=f"not checked: {text}")


def _path(client: KubernetesClient) -> str:
    return f"/api/v1/namespaces/{client.namespace}/pods"


def _pods(client: KubernetesClient, deployment: str) -> tuple[Anything, ...]:
    return listed(client, f"{_path(client)}?labelSelector={LABEL}%3D{deployment[:63]}")


def _remove(client: KubernetesClient, deployment: str) -> None:
    for pod in _pods(client, deployment):
        with suppress(LockageError):
            client.send("DELETE", f"{_path(client)}/{pod.metadata.name}", params={"gracePeriodSeconds": "0"})
