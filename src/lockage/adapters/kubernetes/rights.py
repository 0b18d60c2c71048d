"""What our identity may do in a namespace, which kinds the API server has, and what a deployment's rights depend on there.

Not for deciding what is needed (``core.plan.rights``). The surprising thing: which Secrets hold a database's address is not
worked out a second time. The address is read, and whatever was asked for on the way there is what must be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from lockage.adapters.kubernetes.database_address import database_address
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.failure import MissingError
from lockage.adapters.kubernetes.finding import Found, container_of
from lockage.adapters.kubernetes.objects import Asking
from lockage.adapters.kubernetes.preflight import references
from lockage.core.plan.rendered import ApiKind
from lockage.core.plan.rights import BROUGHT, Rule, missing
from lockage.errors import LockageError

REVIEWS = "/apis/authorization.k8s.io/v1"

_HELD = re.compile(r"/(?P<kind>secrets|configmaps)/(?P<name>[^/?]+)$")


@dataclass(slots=True)
class Watched:
    """A client that notes which Secrets and ConfigMaps were asked for."""

    inner: Asking
    secrets: list[str] = field(default_factory=list[str])
    config_maps: list[str] = field(default_factory=list[str])

    @property
    def namespace(self) -> str:
        """The namespace that everything is asked in."""
        return self.inner.namespace

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer, as the client itself gives it."""
        found = _HELD.search(path)
        if found is not None:
            (self.secrets if found["kind"] == "secrets" else self.config_maps).append(found["name"])
        return self.inner.send(method, path, body=body, params=params)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSources:
    """Where a database's address is read from; ``problem`` when it could not be read to its end."""

    secrets: tuple[str, ...]
    config_maps: tuple[str, ...]
    problem: str | None = None


def address_sources(client: Asking, found: Found) -> AddressSources:
    """The Secrets and ConfigMaps that are read for the address of the workload's database."""
    watched = Watched(client)
    problem = None
    try:
        environment = Environment(watched, found.workload, container_of(found.workload, found.profile))
        database_address(environment, found.profile.database)
    except LockageError as error:
        problem = error.message
    return AddressSources(
        secrets=tuple(dict.fromkeys(watched.secrets)), config_maps=tuple(dict.fromkeys(watched.config_maps)), problem=problem
    )


def references_of(client: Asking, deployment: str) -> tuple[tuple[str, str], ...]:
    """Resource and name of what the Deployment's pods cannot start without. Raises as the client does."""
    template = _json(client, f"/apis/apps/v1/namespaces/{client.namespace}/deployments/{deployment}")["spec"]["template"]
    plurals = {"Secret": "secrets", "ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts"}
    named = [(plurals[kind], name) for kind, name, _ in sorted(references(template["spec"]))]
    volumes: list[dict[str, Any]] = template["spec"].get("volumes") or []
    claims = [each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each]
    return tuple(dict.fromkeys([*named, *(("persistentvolumeclaims", claim) for claim in claims)]))


def autoscalers_of(client: Asking, deployment: str) -> tuple[str, ...]:
    """Names of the HorizontalPodAutoscalers whose target the Deployment is. Raises as the client does."""
    listed = _json(client, f"/apis/autoscaling/v2/namespaces/{client.namespace}/horizontalpodautoscalers")
    targets = ((each["metadata"]["name"], each["spec"]["scaleTargetRef"]) for each in listed.get("items") or ())
    return tuple(name for name, target in targets if (target.get("kind"), target.get("name")) == ("Deployment", deployment))


def api_kinds(client: Asking, versions: Iterable[str]) -> dict[tuple[str, str], ApiKind]:
    """Every kind of these apiVersions, by apiVersion and kind; a version that is not served gives none."""
    kinds: dict[tuple[str, str], ApiKind] = {}
    for version in dict.fromkeys(versions):
        group = version.rpartition("/")[0]
        try:
            listed = _json(client, f"/apis/{version}" if group else f"/api/{version}")
        except MissingError:
            continue
        for each in listed.get("resources") or ():
            if "/" not in each["name"]:
                kinds[version, each["kind"]] = ApiKind(group=group, resource=each["name"], namespaced=each["namespaced"])
    return kinds


def brought_kinds(client: Asking) -> frozenset[tuple[str, str]]:
    """Those kinds of others, as (group, resource), that Lockage knows of and this cluster has."""
    groups = {each["name"]: each["preferredVersion"]["groupVersion"] for each in _json(client, "/apis").get("groups") or ()}
    there: set[tuple[str, str]] = set()
    for group in {rule.group for rule in BROUGHT} & set(groups):
        there |= {(kind.group, kind.resource) for kind in api_kinds(client, [groups[group]]).values()}
    return frozenset(there & {(rule.group, rule.resource) for rule in BROUGHT})


def our_name(client: Asking) -> str:
    """What the API server calls us. Raises as the client does."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = msgspec.json.decode(client.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review))
    return str(answer["status"]["userInfo"]["username"])


def missing_rights(client: Asking, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Of these rules what our identity may not do, in the words of one review; what that leaves open is asked one by one.

    Raises as the client does.
    """
    lacking: list[Rule] = []
    by_namespace: dict[str, list[Rule]] = {}
    for rule in rules:
        by_namespace.setdefault(rule.namespace or client.namespace, []).append(rule)
    for namespace, wanted in by_namespace.items():
        held, whole = _held(client, namespace)
        # A review of one namespace does not say which of its rules hold in the whole cluster.
        local = [replace(rule, namespace=None, cluster_wide=False) for rule in wanted if not rule.cluster_wide]
        open_ones = [replace(rule, namespace=namespace) for rule in missing(local, held)]
        asked = [rule for rule in wanted if rule.cluster_wide] + ([] if whole else open_ones)
        lacking += open_ones if whole else ()
        lacking += (refused for rule in asked for refused in _refused(client, rule))
    return tuple(
        replace(rule, namespace=None) if rule.namespace == client.namespace else rule for rule in dict.fromkeys(lacking)
    )


def _held(client: Asking, namespace: str) -> tuple[list[Rule], bool]:
    """What our identity holds, and whether that is all of it."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    answer = msgspec.json.decode(client.send("POST", f"{REVIEWS}/selfsubjectrulesreviews", body=review))
    status: dict[str, Any] = answer.get("status") or {}
    return list(_rules(status.get("resourceRules") or ())), not status.get("incomplete")


def _rules(listed: Iterable[Mapping[str, Any]]) -> Iterator[Rule]:
    for each in listed:
        names = tuple(each.get("resourceNames") or ())
        for group in each.get("apiGroups") or ():
            for resource in each.get("resources") or ():
                yield Rule(purpose="", group=group, resource=resource, verbs=tuple(each["verbs"]), names=names)


def _refused(client: Asking, rule: Rule) -> Iterator[Rule]:
    for name in rule.names or ("",):
        refused = tuple(verb for verb in rule.verbs if not _may(client, rule, verb, name))
        if refused:
            yield replace(rule, verbs=refused, names=(name,) if name else ())


def _may(client: Asking, rule: Rule, verb: str, name: str) -> bool:
    resource, _, sub = rule.resource.partition("/")
    asked = {"group": rule.group, "resource": resource, "subresource": sub, "verb": verb, "name": name}
    if not rule.cluster_wide:
        asked["namespace"] = rule.namespace or client.namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    answer = msgspec.json.decode(client.send("POST", f"{REVIEWS}/selfsubjectaccessreviews", body=review))
    return bool(answer["status"]["allowed"])


def _json(client: Asking, path: str) -> dict[str, Any]:
    return msgspec.json.decode(client.send("GET", path), type=dict[str, Any])
