"""What a namespace allows, against what one pod asks for.

Pure. The surprising thing: a quota counts requests and limits as they stand in the spec, so a container without them is refused
where a quota counts them at all, unless a LimitRange gives it some; that case is left to the API server's dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lightkube.utils.quantity import parse_quantity

from lockage.adapters.kubernetes.raw import Anything, at, mapping_at, sequence_at

COUNTED = ("cpu", "memory", "ephemeral-storage")
"""Resources that requests and limits name."""


def quantity(text: object) -> Decimal:
    """A quantity such as ``500m`` or ``1Gi`` as a number; 0 for nothing."""
    return parse_quantity(str(text)) or Decimal(0) if text is not None else Decimal(0)


def asks(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What one pod counts for, by the names of a quota: pods, requests.cpu, limits.memory, …

    Containers add up; an init container runs before them, so only the largest of it counts. Source: Kubernetes documentation
    v1.33, "Init Containers", resource sharing.
    """
    asked = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for kind in ("requests", "limits"):
        for resource in COUNTED:
            together = sum((_of(each, kind, resource) for each in sequence_at(pod, "containers")), Decimal(0))
            first = max((_of(each, kind, resource) for each in sequence_at(pod, "initContainers")), default=Decimal(0))
            asked[f"{kind}.{resource}"] = max(together, first)
    for resource in COUNTED:
        asked[resource] = asked[f"requests.{resource}"]
    return asked


def _of(container: object, kind: str, resource: str) -> Decimal:
    found = at(container, "resources", kind, resource)
    # A limit without a request is a request too.
    return quantity(found if found is not None or kind == "limits" else at(container, "resources", "limits", resource))


def shortage(quota: Anything, pod: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a quota is too little for one more such pod: ``pods: 3 of 3 are used``; one with scopes is not judged."""
    if quota.spec.get("scopes") or quota.spec.get("scopeSelector"):
        return ()
    asked, used = asks(pod), mapping_at(quota.status, "used")
    hard = mapping_at(quota.status, "hard") or mapping_at(quota.spec, "hard")
    return tuple(
        f"{name}: {used.get(name, 0)} of {most} are used" + (f", one more needs {asked[name]:f}" if "pods" not in name else "")
        for name, most in hard.items()
        if name in asked and asked[name] and quantity(used.get(name)) + asked[name] > quantity(most)
    )
