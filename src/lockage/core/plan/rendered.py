"""Reads what a chart renders for the rights that writing it needs: which objects, and what its Roles grant.

Not for judging values. The surprising thing: a manifest says kinds, rights are about resources, and only the API server knows
which belongs to which; a kind that it does not know is said, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import yaml

from lockage.core.plan.rights import Rendered, Rule

RBAC = "rbac.authorization.k8s.io"
HOOK = "helm.sh/hook"
TEST_HOOKS = frozenset({"test", "test-success", "test-failure"})
"""Hooks that ``helm upgrade`` never runs. Source: Helm documentation, "Chart Tests"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKind:
    """A kind as the API server serves it."""

    group: str
    resource: str
    namespaced: bool


ApiKinds = Mapping[tuple[str, str], ApiKind]
"""By apiVersion and kind, such as ("apps/v1", "Deployment")."""


def rendered_in(manifests: str, *, kinds: ApiKinds, namespace: str) -> tuple[tuple[Rendered, ...], tuple[str, ...]]:
    """The objects of a text of manifests, and a sentence for each that the API server has no kind for.

    Raises ``yaml.YAMLError`` when it is no YAML.
    """
    found: dict[tuple[object, ...], Rendered] = {}
    unknown: list[str] = []
    for document in _objects(manifests):
        metadata: dict[str, Any] = document.get("metadata", {})
        version, kind = str(document.get("apiVersion", "")), str(document.get("kind", ""))
        name = str(metadata.get("name", ""))
        served = kinds.get((version, kind))
        if served is None:
            unknown.append(f"The cluster has no kind {kind} of {version}, which the chart renders as {name}.")
            continue
        each = _rendered(document, served, kind=kind, name=name, namespace=namespace)
        if each is not None:
            found[each.group, each.resource, each.name, each.namespace] = each
    return tuple(_without_bonds(tuple(found.values()))), tuple(dict.fromkeys(unknown))


def versions_in(manifests: str) -> frozenset[str]:
    """The apiVersions of a text of manifests. Raises ``yaml.YAMLError`` when it is no YAML."""
    return frozenset(str(document.get("apiVersion", "")) for document in _objects(manifests)) - {""}


def _objects(manifests: str) -> Iterator[dict[str, Any]]:
    documents = cast("Iterator[object]", yaml.safe_load_all(manifests))
    for document in documents:
        if not isinstance(document, dict):
            continue
        one = cast("dict[str, Any]", document)
        if one.get("kind", "").endswith("List") and isinstance(one.get("items"), list):
            yield from cast("list[dict[str, Any]]", one["items"])
        else:
            yield one


def _rendered(document: Mapping[str, Any], served: ApiKind, *, kind: str, name: str, namespace: str) -> Rendered | None:
    metadata: dict[str, Any] = document.get("metadata", {})
    annotations: dict[str, Any] = metadata.get("annotations") or {}
    hooks = {each.strip() for each in str(annotations.get(HOOK, "")).split(",")} - {""}
    if hooks and hooks <= TEST_HOOKS:
        return None
    elsewhere = metadata.get("namespace") if served.namespaced else None
    return Rendered(
        kind=kind,
        group=served.group,
        resource=served.resource,
        name=name,
        namespace=elsewhere if elsewhere != namespace else None,
        cluster_wide=not served.namespaced,
        hook=bool(hooks),
        grants=tuple(_grants(document)) if served.group == RBAC and kind in {"Role", "ClusterRole"} else (),
        binds=_bound(document) if served.group == RBAC and kind.endswith("RoleBinding") else None,
    )


def _grants(document: Mapping[str, Any]) -> Iterator[Rule]:
    rules: list[dict[str, Any]] = document.get("rules") or []
    for rule in rules:
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                names = tuple(rule.get("resourceNames") or ())
                yield Rule(purpose="", group=group, resource=resource, verbs=tuple(rule["verbs"]), names=names)


def _bound(document: Mapping[str, Any]) -> tuple[str, str] | None:
    to: dict[str, Any] = document.get("roleRef") or {}
    resource = {"Role": "roles", "ClusterRole": "clusterroles"}.get(str(to.get("kind")))
    return (resource, str(to.get("name"))) if resource else None


def _without_bonds(rendered: tuple[Rendered, ...]) -> Iterator[Rendered]:
    """The same; a binding to a Role of the chart's own needs no right more, since whoever writes that Role has all of it."""
    roles = {(each.resource, each.name) for each in rendered if each.group == RBAC}
    for each in rendered:
        yield replace(each, binds=None) if each.binds in roles else each
