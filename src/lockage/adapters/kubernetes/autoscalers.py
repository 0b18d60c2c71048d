"""Autoscalers of a Deployment: HorizontalPodAutoscalers and KEDA's ScaledObjects, found, pinned and put back.

Not for deciding when. The surprising thing: they are pinned in two ways. A HorizontalPodAutoscaler cannot be paused, so it gets
one number as minimum and maximum, and rests at 0 by itself. KEDA can be paused where it is, which leaves its numbers alone and
keeps it from starting replicas out of nothing; the HorizontalPodAutoscaler that it made is its business.
"""

from __future__ import annotations

from collections.abc import Sequence

from lightkube.generic_resource import create_namespaced_resource  # pyright: ignore[reportUnknownVariableType]
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.types import PatchType

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.failure import ConflictError, MissingError
from lockage.adapters.kubernetes.raw import Anything, Asking, at, found, listed
from lockage.adapters.kubernetes.writers import last_writer
from lockage.core.facts import Contender, ContenderKind

HPA = "HorizontalPodAutoscaler"
KEDA = "ScaledObject"
KEDA_GROUP = "keda.sh"
KEDA_VERSION = "v1alpha1"

PAUSED = "autoscaling.keda.sh/paused"
"""Annotation that pauses a ScaledObject at the number of replicas that it has. Source: KEDA 2.18, "Pausing autoscaling"."""

PAUSED_AT = "autoscaling.keda.sh/paused-replicas"
"""Annotation that scales to a number and pauses there; somebody else's, as we never write it. Source: as above."""

TRIES = 5
"""How often we look again when the object was changed meanwhile: its controller writes into its status every 15 s."""

_NUMBERS = (("f:spec", "f:minReplicas"), ("f:spec", "f:maxReplicas"))
_KEDA_NUMBERS = (
    ("f:spec", "f:minReplicaCount"),
    ("f:spec", "f:maxReplicaCount"),
    ("f:metadata", "f:annotations", f"f:{PAUSED}"),
    ("f:metadata", "f:annotations", f"f:{PAUSED_AT}"),
)


def hpas_path(namespace: str, name: str = "") -> str:
    """Path of one HorizontalPodAutoscaler, or of all."""
    return f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers" + (f"/{name}" if name else "")


def keda_path(namespace: str, name: str = "") -> str:
    """Path of one ScaledObject, or of all."""
    return f"/apis/{KEDA_GROUP}/{KEDA_VERSION}/namespaces/{namespace}/scaledobjects" + (f"/{name}" if name else "")


def hpas_of(client: Asking, deployment: str) -> tuple[Contender, ...]:
    """The HorizontalPodAutoscalers of a Deployment that nobody else made. Raises as the client does."""
    return tuple(
        _of_hpa(each)
        for each in listed(client, hpas_path(client.namespace))
        if (at(each.spec, "scaleTargetRef", "kind"), at(each.spec, "scaleTargetRef", "name")) == ("Deployment", deployment)
        if not any(owner.kind == KEDA for owner in each.metadata.ownerReferences)
    )


def scaled_objects_of(client: Asking, deployment: str) -> tuple[Contender, ...]:
    """KEDA's ScaledObjects of a Deployment. Raises as the client does."""
    return tuple(
        _of_keda(each)
        for each in listed(client, keda_path(client.namespace))
        if at(each.spec, "scaleTargetRef", "name") == deployment
        if at(each.spec, "scaleTargetRef", "kind") in {None, "Deployment"}
    )


def pin(client: KubernetesClient, contenders: Sequence[Contender], replicas: int) -> None:
    """Keep each that is not paused at exactly this number, or still; 0 is kept as 1, because at 0 they rest."""
    number = max(1, replicas)
    for contender in contenders:
        kind, _, name = contender.object.partition("/")
        if contender.kind is not ContenderKind.AUTOSCALER or contender.paused:
            continue
        if kind == HPA:
            _set_hpa(client, name, number, number)
        else:
            _annotate_keda(client, name, {PAUSED: "true"})


def unpin(client: KubernetesClient, former: Sequence[Contender]) -> None:
    """Put each back to how it was; one that has gone meanwhile is let go."""
    for contender in former:
        kind, _, name = contender.object.partition("/")
        try:
            if kind == HPA and contender.maximum is not None:
                _set_hpa(client, name, 1 if contender.minimum is None else contender.minimum, contender.maximum)
            elif kind == KEDA:
                _annotate_keda(client, name, {PAUSED: None})
        except MissingError:
            continue


def _of_hpa(hpa: Anything) -> Contender:
    # One replica is the default. Source: Kubernetes API reference v1.33, autoscaling/v2 HorizontalPodAutoscalerSpec.
    minimum, maximum = int(hpa.spec.get("minReplicas", 1)), int(hpa.spec.get("maxReplicas", 0))
    return Contender(
        kind=ContenderKind.AUTOSCALER,
        object=f"{HPA}/{hpa.metadata.name}",
        does=_keeps(minimum, maximum),
        minimum=minimum,
        maximum=maximum,
        changed_by=last_writer(hpa.metadata.managedFields, _NUMBERS),
    )


def _of_keda(scaled: Anything) -> Contender:
    # Source of the defaults: KEDA 2.18, ScaledObject specification.
    minimum, maximum = int(scaled.spec.get("minReplicaCount", 0)), int(scaled.spec.get("maxReplicaCount", 100))
    annotations = scaled.metadata.annotations
    paused = annotations.get(PAUSED, "").lower() == "true" or PAUSED_AT in annotations
    return Contender(
        kind=ContenderKind.AUTOSCALER,
        object=f"{KEDA}/{scaled.metadata.name}",
        does=_keeps(minimum, maximum),
        minimum=minimum,
        maximum=maximum,
        paused=paused,
        changed_by=last_writer(scaled.metadata.managedFields, _KEDA_NUMBERS),
    )


def _keeps(minimum: int, maximum: int) -> str:
    if minimum == maximum:
        return f"keeps exactly {minimum} {'replica' if minimum == 1 else 'replicas'}"
    return f"keeps {minimum} to {maximum} replicas"


def _set_hpa(client: KubernetesClient, name: str, minimum: int, maximum: int) -> None:
    for attempt in range(1, TRIES + 1):
        seen = found(client, hpas_path(client.namespace, name))
        if (seen.spec.get("minReplicas", 1), seen.spec.get("maxReplicas")) == (minimum, maximum):
            return
        body = {
            "metadata": {"resourceVersion": seen.metadata.resourceVersion},
            "spec": {"minReplicas": minimum, "maxReplicas": maximum},
        }
        try:
            client.patched(HorizontalPodAutoscaler, name, body, patch_type=PatchType.MERGE)
        except ConflictError:
            if attempt == TRIES:
                raise
            continue
        return


def _annotate_keda(client: KubernetesClient, name: str, changes: dict[str, str | None]) -> None:
    kind = create_namespaced_resource(KEDA_GROUP, KEDA_VERSION, KEDA, "scaledobjects")
    client.patched(kind, name, {"metadata": {"annotations": changes}}, patch_type=PatchType.MERGE)
