"""The objects around a Deployment as the API server keeps them, for a bundle; and what its containers are given.

Not for knowing what they mean (``workload``, ``pods``, ``examination``). The surprising thing: Secrets are never among them,
nor ConfigMaps; and what says who wrote which field is left out, since it is most of every object and tells nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError
from lockage.adapters.kubernetes.kubeconfig import choose
from lockage.adapters.kubernetes.objects import WorkloadObject, read_secret, selecting
from lockage.errors import LockageError
from lockage.ports.objects import SeenObject, SeenVariable

PODS_MOST = 120
"""Pods whose objects are taken; what is wrong with 200 shows in the first hundred."""

EVENTS_MOST = 1000
"""Newest events; a namespace keeps those of an hour."""


FILE_BYTES = 64 * 1024
"""A larger file of a Secret is no password: a trust store, an archive."""


class KubernetesObjects:
    """The objects of one Deployment, behind ``lockage.ports.objects.ObjectReader``."""

    def __init__(self, client: KubernetesClient, workload: WorkloadObject) -> None:
        self._client = client
        self._workload = workload

    def objects(self) -> Mapping[str, Callable[[], tuple[SeenObject, ...]]]:
        """Each source by what it is called, with how to ask it."""
        here = f"namespaces/{self._client.namespace}"
        labels = selecting(self._workload.spec.template.metadata.labels)
        return {
            "the Deployment": self._deployment,
            "the ReplicaSets": lambda: self._listed(f"/apis/apps/v1/{here}/replicasets", "ReplicaSet", labels=labels),
            "the pods": lambda: self._listed(f"/api/v1/{here}/pods", "Pod", labels=labels)[:PODS_MOST],
            "the events": self._events,
            "the Services": lambda: self._listed(f"/api/v1/{here}/services", "Service"),
            "the autoscalers": lambda: self._listed(
                f"/apis/autoscaling/v2/{here}/horizontalpodautoscalers", "HorizontalPodAutoscaler"
            ),
            "the disruption budgets": lambda: self._listed(
                f"/apis/policy/v1/{here}/poddisruptionbudgets", "PodDisruptionBudget"
            ),
            "the quotas": lambda: self._listed(f"/api/v1/{here}/resourcequotas", "ResourceQuota"),
            "the limit ranges": lambda: self._listed(f"/api/v1/{here}/limitranges", "LimitRange"),
            "the network policies": lambda: self._listed(f"/apis/networking.k8s.io/v1/{here}/networkpolicies", "NetworkPolicy"),
            "the nodes": lambda: self._listed("/api/v1/nodes", "Node")[:PODS_MOST],
        }

    def variables(self) -> tuple[SeenVariable, ...]:
        """The variables of every container and the files from Secrets; what may not be read is left out."""
        return (*self._variables(), *self._files())

    def credentials(self) -> tuple[str, ...]:
        """Token, password and key of the kubeconfig's user, or the pod's own token."""
        place = self._client.place
        files = place.kubeconfigs
        try:
            user = choose(
                kubeconfig=files[0] if len(files) == 1 else None, context=place.context, environment=os.environ
            ).config.user
        except LockageError:
            return ()
        if user is None:
            return ()
        found = [user.token, user.password, user.client_key_data]
        if user.client_key and (key := Path(user.client_key)).is_file():
            found.append(key.read_text(errors="replace"))
        return tuple(one for one in found if one)

    def _variables(self) -> Iterator[SeenVariable]:
        pod = self._workload.spec.template.spec
        for container in pod.containers:
            environment = Environment(self._client, self._workload, container)
            for name in _names(environment):
                try:
                    value, origin = environment.variable(name), environment.origin(name)
                except LockageError:
                    continue
                if value:
                    # Whether envFrom means a Secret is not told: it is taken for one.
                    yield SeenVariable(name=name, value=value, secret=origin.startswith(("Secret/", "envFrom")))

    def _files(self) -> Iterator[SeenVariable]:
        volumes = self._workload.spec.template.spec.volumes
        named = [volume.secret.secret_name for volume in volumes if volume.secret is not None]
        named += [
            source.secret.name
            for volume in volumes
            if volume.projected is not None
            for source in volume.projected.sources
            if source.secret is not None
        ]
        for name in dict.fromkeys(named):
            with suppress(LockageError):
                for key, value in (read_secret(self._client, name) or {}).items():
                    if len(value) <= FILE_BYTES:
                        yield SeenVariable(name=key, value=value.decode(errors="replace"), secret=True)

    def _deployment(self) -> tuple[SeenObject, ...]:
        name = quote(self._workload.metadata.name, safe="")
        kind = f"{self._workload.kind or 'Deployment'}"
        path = f"/apis/apps/v1/namespaces/{self._client.namespace}/{kind.lower()}s/{name}"
        return (_seen(_decoded(self._client.send("GET", path)), kind),)

    def _events(self) -> tuple[SeenObject, ...]:
        path = f"/api/v1/namespaces/{self._client.namespace}/events"
        items = [_slim(one) for one in _decoded(self._client.send("GET", path)).get("items") or ()]
        items.sort(
            key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or one["metadata"]["creationTimestamp"])
        )
        about = self._workload.metadata.name
        ours = [one for one in items if str(one.get("involvedObject", {}).get("name", "")).startswith(about)]
        return (SeenObject(kind="events", name=about, data={"items": ours[-EVENTS_MOST:]}),)

    def _listed(self, path: str, kind: str, *, labels: str = "") -> tuple[SeenObject, ...]:
        params = {"labelSelector": labels} if labels else None
        try:
            items = _decoded(self._client.send("GET", path, params=params)).get("items") or ()
        except MissingError:
            return ()  # a kind that this cluster does not serve
        return tuple(_seen(one, kind) for one in items)


def _names(environment: Environment) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(environment.names()))
    except ForbiddenError:
        return ()
    except LockageError:
        return ()


def _seen(item: dict[str, Any], kind: str) -> SeenObject:
    slim = _slim({"kind": kind, **item})
    return SeenObject(kind=kind, name=str(slim["metadata"].get("name", "")), data=slim)


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {**(item.get("metadata") or {})}
    metadata.pop("managedFields", None)
    return {**item, "metadata": metadata}


def _decoded(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])
