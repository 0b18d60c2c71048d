"""Rights as objects for ``kubectl apply``: service account, roles and their bindings, each rule with what it is for.

Not for deciding which rights (``rights``). The surprising thing: the YAML is written rule by rule, because a comment above each
is what the person who approves a Role wants to read, and no YAML library keeps one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from lockage.core.plan.rights import Rule

RBAC = "rbac.authorization.k8s.io"
LABELS = {"app.kubernetes.io/name": "lockage", "app.kubernetes.io/managed-by": "lockage"}

Json = Mapping[str, Any]  # an object of the API, as YAML and JSON have it


def subject_of(username: str) -> Json:
    """An identity as the API server calls it, as a binding names it."""
    prefix, _, account = username.partition("system:serviceaccount:")
    if account and not prefix:
        namespace, _, name = account.partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": RBAC, "kind": "User", "name": username}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who shall have the rights."""

    name: str  # of the service account, and of the roles
    namespace: str
    subject: Json | None = None  # somebody who is there already, as a binding names them; None: a service account of that name


def role_rules(rules: Sequence[Rule]) -> list[Json]:
    """The rules as the ``rules`` of a Role."""
    return [_role_rule(rule) for rule in rules]


def objects_for(rules: Sequence[Rule], holder: Holder) -> tuple[Json, ...]:
    """Service account, roles and bindings: one Role for each namespace, one ClusterRole if a rule needs it."""
    account = _object("v1", "ServiceAccount", name=holder.name, namespace=holder.namespace)
    made: list[Json] = [account] if holder.subject is None else []
    subject = holder.subject or {"kind": "ServiceAccount", "name": holder.name, "namespace": holder.namespace}
    for kind, namespace, scoped in _scopes(rules, holder):
        role = _object(f"{RBAC}/v1", kind, name=_role_name(holder, kind), namespace=namespace)
        made.append({**role, "rules": role_rules(scoped)})
        binding = _object(f"{RBAC}/v1", f"{kind}Binding", name=_role_name(holder, kind), namespace=namespace)
        made.append(
            {
                **binding,
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": _role_name(holder, kind)},
                "subjects": [subject],
            }
        )
    return tuple(made)


def as_yaml(rules: Sequence[Rule], holder: Holder, *, remarks: Sequence[str] = ()) -> str:
    """The same objects as YAML, with what each rule is for; ``remarks`` stand above as comments."""
    parts = ["".join(f"# {line}\n" for line in remarks)] if remarks else []
    by_place = {(kind, namespace): scoped for kind, namespace, scoped in _scopes(rules, holder)}
    for each in objects_for(rules, holder):
        scoped = by_place.get((each["kind"], each["metadata"].get("namespace")))
        head = {key: value for key, value in each.items() if key != "rules"}
        parts.append("---\n" + yaml.safe_dump(head, sort_keys=False))
        if scoped:
            parts.append("rules:\n" + commented(scoped))
    return "".join(parts)


def commented(rules: Sequence[Rule], *, indent: int = 0) -> str:
    """The rules as a YAML list, what each is for above it."""
    lines: list[str] = []
    for rule in rules:
        lines.append(f"# {rule.purpose}")
        flow = yaml.safe_dump([_role_rule(rule)], sort_keys=False, default_flow_style=None, width=1000)
        lines += flow.splitlines()
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _role_rule(rule: Rule) -> Json:
    made: dict[str, Any] = {"apiGroups": [rule.group], "resources": [rule.resource], "verbs": list(rule.verbs)}
    return {**made, "resourceNames": list(rule.names)} if rule.names else made


def _scopes(rules: Sequence[Rule], holder: Holder) -> Iterator[tuple[str, str | None, tuple[Rule, ...]]]:
    """Kind of role, namespace and rules of each role that is needed, the deployment's own first."""
    own = dict.fromkeys([holder.namespace, *(rule.namespace or holder.namespace for rule in rules if not rule.cluster_wide)])
    for namespace in own:
        scoped = tuple(r for r in rules if not r.cluster_wide and (r.namespace or holder.namespace) == namespace)
        if scoped:
            yield "Role", namespace, scoped
    if wide := tuple(rule for rule in rules if rule.cluster_wide):
        yield "ClusterRole", None, wide


def _role_name(holder: Holder, kind: str) -> str:
    # Names of ClusterRoles are the whole cluster's.
    return f"{holder.name}-{holder.namespace}" if kind == "ClusterRole" else holder.name


def _object(version: str, kind: str, *, name: str, namespace: str | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": dict(LABELS)}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
