"""Kinds that others bring to a cluster (Argo CD, Flux, KEDA, …), as bare definitions without their controllers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightkube import ApiError, Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apiextensions_v1 import (
    CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion,
    CustomResourceValidation,
    JSONSchemaProps,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

from e2e.on_cluster import eventually

BROUGHT = (
    ("argoproj.io", "v1alpha1", "Application", "applications"),
    ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
    ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
    ("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases"),
    ("autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers"),
)


@contextmanager
def brought_kinds(kube: Client, *, stay: bool) -> Iterator[None]:
    """The kinds are there; those that were not are gone afterwards, unless they may stay."""
    made = [name for each in BROUGHT if (name := _made(kube, *each)) is not None]
    eventually(lambda: all(_served(kube, *each) for each in BROUGHT), "the kinds are served")
    yield
    for name in () if stay else made:
        kube.delete(CustomResourceDefinition, name)


def brought(kube: Client, kind: str, name: str, *, spec: dict[str, Any], status: dict[str, Any] | None = None) -> str:
    """The uid of a new object of such a kind, in the client's namespace."""
    group, version, _, plural = next(each for each in BROUGHT if each[2] == kind)
    made = create_namespaced_resource(group, version, kind, plural)
    created = kube.create(made(metadata=ObjectMeta(name=name), spec=spec, status=status or {}))
    return str(created.metadata.uid)


def _served(kube: Client, group: str, version: str, kind: str, plural: str) -> bool:
    try:
        list(kube.list(create_namespaced_resource(group, version, kind, plural)))
    except ApiError:
        return False
    return True


def _made(kube: Client, group: str, version: str, kind: str, plural: str) -> str | None:
    """The definition's name if it was not there."""
    anything = JSONSchemaProps(type="object", x_kubernetes_preserve_unknown_fields=True)
    definition = CustomResourceDefinition(
        metadata=ObjectMeta(
            name=f"{plural}.{group}",
            # Groups under k8s.io are protected without it.
            annotations={"api-approved.kubernetes.io": "unapproved, for tests"},
        ),
        spec=CustomResourceDefinitionSpec(
            group=group,
            names=CustomResourceDefinitionNames(kind=kind, plural=plural, singular=kind.lower(), listKind=f"{kind}List"),
            scope="Namespaced",
            versions=[
                CustomResourceDefinitionVersion(
                    name=version, served=True, storage=True, schema=CustomResourceValidation(openAPIV3Schema=anything)
                )
            ],
        ),
    )
    try:
        kube.create(definition)
    except ApiError as error:
        if error.status.code != 409:
            raise
        return None
    return f"{plural}.{group}"
