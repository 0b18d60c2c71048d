"""Objects as an API server of 1.33 gives them, trimmed to what matters, for tests of how they are read."""

from __future__ import annotations

from typing import Any

from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Event, Pod

JSON = dict[str, Any]

DEPLOYMENT_UID = "0c9f6f5e-1111-4a51-9a2b-000000000001"
SET_UID = "0c9f6f5e-2222-4a51-9a2b-000000000002"


def deployment(*, spec: JSON | None = None, pod: JSON | None = None, metadata: JSON | None = None) -> Deployment:
    """Coder's Deployment; ``spec``, ``pod`` (spec of the template) and ``metadata`` replace what they name."""
    template = {
        "metadata": {"labels": {"app.kubernetes.io/name": "coder"}},
        "spec": {"containers": [container()], "terminationGracePeriodSeconds": 60, **(pod or {})},
    }
    return Deployment.from_dict(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "coder",
                "namespace": "coder",
                "uid": DEPLOYMENT_UID,
                "generation": 4,
                "resourceVersion": "81234",
                "creationTimestamp": "2026-11-20T08:00:00Z",
                "annotations": {"deployment.kubernetes.io/revision": "3", "meta.helm.sh/release-name": "coder"},
                **(metadata or {}),
            },
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app.kubernetes.io/name": "coder"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "template": template,
                **(spec or {}),
            },
            "status": {"observedGeneration": 4, "replicas": 3, "readyReplicas": 3},
        }
    )


def container(**changes: Any) -> JSON:
    """Coder's container, with changes."""
    return {
        "name": "coder",
        "image": "ghcr.io/coder/coder:v2.26.0",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1},
        **changes,
    }


def replica_set(*, uid: str = SET_UID, revision: str = "3", owner: str = DEPLOYMENT_UID) -> ReplicaSet:
    """A ReplicaSet of the Deployment."""
    return ReplicaSet.from_dict(
        {
            "metadata": {
                "name": "coder-5f9d6c7b8",
                "uid": uid,
                "annotations": {
                    "deployment.kubernetes.io/revision": revision,
                    "deployment.kubernetes.io/desired-replicas": "3",
                },
                "ownerReferences": [controller("Deployment", "coder", owner)],
            },
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app.kubernetes.io/name": "coder"}}},
        }
    )


def controller(kind: str, name: str, uid: str) -> JSON:
    """A reference to the object that controls another."""
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}


def pod(
    *,
    name: str = "coder-5f9d6c7b8-abcde",
    statuses: list[JSON] | None = None,
    phase: str = "Running",
    ready_since: str | None = "2026-11-22T10:00:09Z",
    status: JSON | None = None,
    metadata: JSON | None = None,
    spec: JSON | None = None,
) -> Pod:
    """A pod of the ReplicaSet, running and ready unless told otherwise."""
    ready = {"type": "Ready", "status": "True" if ready_since else "False", "lastTransitionTime": ready_since}
    return Pod.from_dict(
        {
            "metadata": {
                "name": name,
                "creationTimestamp": "2026-11-22T10:00:00Z",
                "labels": {"app.kubernetes.io/name": "coder", "pod-template-hash": "5f9d6c7b8"},
                "ownerReferences": [controller("ReplicaSet", "coder-5f9d6c7b8", SET_UID)],
                **(metadata or {}),
            },
            "spec": {"containers": [container()], **(spec or {})},
            "status": {
                "phase": phase,
                "podIP": "10.1.0.7",
                "podIPs": [{"ip": "10.1.0.7"}, {"ip": "fd00::7"}],
                "conditions": [ready],
                "containerStatuses": [running()] if statuses is None else statuses,
                **(status or {}),
            },
        }
    )


def running(*, name: str = "coder", restarts: int = 0, since: str = "2026-11-22T10:00:03Z", last: JSON | None = None) -> JSON:
    """Status of a container that runs; ``last``: how it ended before."""
    state = {"running": {"startedAt": since}}
    return _status(name, restarts, ready=True, state=state, last=last)


def waiting(reason: str, *, name: str = "coder", restarts: int = 0, last: JSON | None = None) -> JSON:
    """Status of a container that waits; ``last``: how it ended before."""
    return _status(name, restarts, ready=False, state={"waiting": {"reason": reason}}, last=last)


def ended(code: int, *, name: str = "coder", reason: str | None = "Error", restarts: int = 0) -> JSON:
    """Status of a container that has ended and is not yet started again."""
    return _status(name, restarts, ready=False, state=terminated(code, reason=reason), last=None)


def terminated(code: int, *, reason: str | None = "Error", at: str | None = "2026-11-22T10:05:00Z") -> JSON:
    """A state of having ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": "2026-11-22T10:04:00Z", "finishedAt": at}}


def _status(name: str, restarts: int, *, ready: bool, state: JSON, last: JSON | None) -> JSON:
    return {
        "name": name,
        "image": "ghcr.io/coder/coder:v2.26.0",
        "imageID": "ghcr.io/coder/coder@sha256:00",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }


def event(**changes: Any) -> Event:
    """An event about the pod, in the older shape, with changes."""
    return Event.from_dict(
        {
            "metadata": {"name": "coder-5f9d6c7b8-abcde.17a", "creationTimestamp": "2026-11-22T10:00:00Z"},
            "involvedObject": {"kind": "Pod", "name": "coder-5f9d6c7b8-abcde", "namespace": "coder", "uid": "u"},
            "type": "Normal",
            "reason": "Killing",
            "message": "Container coder failed liveness probe, will be restarted",
            "count": 3,
            "firstTimestamp": "2026-11-22T10:00:00Z",
            "lastTimestamp": "2026-11-22T10:02:00Z",
            "source": {"component": "kubelet"},
            **changes,
        }
    )
