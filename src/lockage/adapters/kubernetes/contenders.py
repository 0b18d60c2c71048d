"""Everything that would undo our changes of a Deployment, or stop or end its pods: autoscalers, owners, budgets, quotas.

Not for pinning (``autoscalers``) nor for trying (``preflight``). The surprising thing: "not there" and "may not be looked for"
are kept apart. A kind that the cluster does not have is nothing; one that we may not list is named as unknown, because unknown
means worst case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lockage.adapters.kubernetes.autoscalers import KEDA_GROUP, hpas_of, scaled_objects_of
from lockage.adapters.kubernetes.failure import ForbiddenError
from lockage.adapters.kubernetes.owners import Owned, owners_of
from lockage.adapters.kubernetes.quotas import shortage
from lockage.adapters.kubernetes.raw import Anything, Asking, Meta, api_groups, at, listed, mapping_at, sequence_at
from lockage.core.facts import Contender, ContenderKind

VPA_GROUP = "autoscaling.k8s.io"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A Deployment as it stands, for whoever looks around it."""

    metadata: Meta
    spec: dict[str, Any]


def deployment_of(client: Asking, name: str) -> Seen:
    """The Deployment. Raises as the client does."""
    path = f"/apis/apps/v1/namespaces/{client.namespace}/deployments/{name}"
    return msgspec.json.decode(client.send("GET", path), type=Seen)


def contenders_of(client: Asking, deployment: str, *, container: str, image: str) -> tuple[Contender, ...]:
    """Everybody of whom a plan must know. ``container`` and ``image`` are the application's own.

    Raises as the client does when the Deployment itself cannot be read, or nothing answers.
    """
    seen, groups = deployment_of(client, deployment), api_groups(client)
    owned = Owned(metadata=seen.metadata, container=container, image=image, groups=groups)
    return (
        *_look("a HorizontalPodAutoscaler", lambda: hpas_of(client, deployment)),
        *(_look("a ScaledObject (KEDA)", lambda: scaled_objects_of(client, deployment)) if KEDA_GROUP in groups else ()),
        *owners_of(client, owned),
        *_look("a VerticalPodAutoscaler", lambda: _evictors(client, deployment, groups)),
        *_look("a PodDisruptionBudget", lambda: _budgets(client, seen)),
        *_look("a ResourceQuota", lambda: _quotas(client, seen)),
    )


def _look(what: str, look: Callable[[], Iterable[Contender]]) -> tuple[Contender, ...]:
    try:
        return tuple(look())
    except ForbiddenError as error:
        return (Contender(kind=ContenderKind.UNKNOWN, object=what, does=f"may be there, and is not seen: {error.message}"),)


def _evictors(client: Asking, deployment: str, groups: Mapping[str, str]) -> Iterator[Contender]:
    if VPA_GROUP not in groups:
        return
    path = f"/apis/{VPA_GROUP}/{groups[VPA_GROUP]}/namespaces/{client.namespace}/verticalpodautoscalers"
    for each in listed(client, path):
        mode = at(each.spec, "updatePolicy", "updateMode") or "Auto"
        target = (at(each.spec, "targetRef", "kind"), at(each.spec, "targetRef", "name"))
        # "Initial" touches new pods only. Source: VPA 1.4, updateMode.
        if target == ("Deployment", deployment) and mode not in {"Off", "Initial"}:
            yield Contender(
                kind=ContenderKind.CONSTRAINT,
                object=f"VerticalPodAutoscaler/{each.metadata.name}",
                does=f"may evict a replica, a migrating one too, to give it other requests (mode {mode}): set it to Off",
            )


def _budgets(client: Asking, seen: Seen) -> Iterator[Contender]:
    labels = mapping_at(seen.spec, "template", "metadata", "labels")
    for each in listed(client, f"/apis/policy/v1/namespaces/{client.namespace}/poddisruptionbudgets"):
        if selects(at(each.spec, "selector"), labels):
            yield Contender(
                kind=ContenderKind.CONSTRAINT,
                object=f"PodDisruptionBudget/{each.metadata.name}",
                does=(
                    f"{_promise(each)}, so {each.status.get('disruptionsAllowed', 0)} may be evicted now: rollouts and scaling "
                    "do not ask it, but a node drain does, and it waits while one replica migrates"
                ),
            )


def _promise(budget: Anything) -> str:
    least, most = budget.spec.get("minAvailable"), budget.spec.get("maxUnavailable")
    return f"keeps {least} replicas available" if least is not None else f"lets {most} replicas be unavailable"


def _quotas(client: Asking, seen: Seen) -> Iterator[Contender]:
    pod = mapping_at(seen.spec, "template", "spec")
    for each in listed(client, f"/api/v1/namespaces/{client.namespace}/resourcequotas"):
        short = shortage(each, pod)
        if short:
            yield Contender(
                kind=ContenderKind.CONSTRAINT,
                object=f"ResourceQuota/{each.metadata.name}",
                does=f"has no room for one replica more ({'; '.join(short)}), which a rolling update with a surge needs",
            )


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits these labels; an empty one fits everything, none fits nothing.

    Source: Kubernetes API reference v1.33, meta/v1 LabelSelector.
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in mapping_at(selector, "matchLabels").items()):
        return False
    return all(_fits(each, labels) for each in sequence_at(selector, "matchExpressions"))


def _fits(expression: Any, labels: Mapping[str, str]) -> bool:
    has, values = labels.get(at(expression, "key")), sequence_at(expression, "values")
    match at(expression, "operator"):
        case "In":
            return has in values
        case "NotIn":
            return has not in values
        case "Exists":
            return has is not None
        case _:
            return has is None
