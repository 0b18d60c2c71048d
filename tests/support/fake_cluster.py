"""Objects of a namespace, answered as the API server does it, for what asks raw: finding a workload and its database."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError


class FakeCluster:
    """Answers ``objects.Asking`` in one namespace."""

    namespace = "shop"

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.forbidden: set[str] = set()  # resources, such as "secrets"
        self.asked: list[str] = []

    def add(self, resource: str, name: str, **content: Any) -> dict[str, Any]:
        """One object, such as ``add("services", "db", spec={…})``; gives it to be changed."""
        made = {"metadata": {"name": name}, **content}
        made["metadata"] = {"name": name, **content.get("metadata", {})}
        self.objects[f"{resource}/{name}"] = made
        return made

    def secret(self, name: str, **values: str) -> None:
        self.add("secrets", name, data={key: b64encode(value.encode()).decode() for key, value in values.items()})

    def config_map(self, name: str, **values: str) -> None:
        self.add("configmaps", name, data=values)

    def workload(
        self,
        name: str,
        *containers: Mapping[str, Any],
        resource: str = "deployments",
        labels: Mapping[str, str] = {},
        **more: Any,
    ) -> dict[str, Any]:
        """A Deployment (or another) with these containers; ``more``: ``pod_annotations``, ``volumes``, ``annotations``."""
        template = {
            "metadata": {"labels": dict(labels), "annotations": more.get("pod_annotations", {})},
            "spec": {"containers": list(containers), "volumes": more.get("volumes", [])},
        }
        metadata = {"labels": dict(labels), "annotations": more.get("annotations", {}), "uid": f"uid-{name}"}
        return self.add(resource, name, metadata=metadata, spec={"template": template})

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        del body
        *_, namespace, resource, name = [*path.partition("/namespaces/")[2].split("/"), ""][:3]
        self.asked.append(f"{resource}/{name}".rstrip("/"))
        if resource in self.forbidden:
            verb = {"GET": "get", "POST": "create", "DELETE": "delete"}[method]
            message = f"our identity may not {verb} {resource} in namespace {namespace}"
            raise ForbiddenError(message, code="LK504", hint="grant it")
        assert method == "GET"
        if name:
            if namespace != self.namespace or f"{resource}/{name}" not in self.objects:
                raise MissingError(f"there is nothing to get {resource} {name}", code="LK506")
            return json.dumps(self.objects[f"{resource}/{name}"]).encode()
        found = [one for key, one in self.objects.items() if key.startswith(f"{resource}/")]
        wanted = dict(pair.split("=") for pair in (params or {}).get("labelSelector", "").split(",") if pair)
        return json.dumps(
            {"items": [one for one in found if wanted.items() <= one["metadata"].get("labels", {}).items()]}
        ).encode()
