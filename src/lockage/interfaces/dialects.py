"""In whose commands a runbook of a deployment is written.

Part of ``wiring``, for ``plan --runbook`` only. The surprising thing: the cluster is asked once more, because a plan knows the
workload, and a command line also needs the labels of its pods, its container and Helm's name of it.
"""

# ruff: noqa: PLC0415 - as in wiring: the cluster's client is loaded by those that need it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockage.core.plan.dialect import Dialect, LocalDialect
from lockage.core.plan.kubernetes_dialect import HelmWay, KubernetesDialect
from lockage.interfaces.places import HelmPlace, KubernetesPlace, LocalPlace
from lockage.interfaces.wiring import Opened

if TYPE_CHECKING:
    from lockage.adapters.kubernetes.finding import Found


def dialect_of(opened: Opened) -> Dialect:
    """The dialect of a deployment's platform. Raises as opening the deployment does."""
    place = opened.deployment.platform
    match place:
        case LocalPlace():
            return LocalDialect()
        case KubernetesPlace():
            return _on_kubernetes(opened, place)


def _on_kubernetes(opened: Opened, place: KubernetesPlace) -> KubernetesDialect:
    from lockage.adapters.kubernetes.finding import find_workload
    from lockage.interfaces.wiring_kubernetes import opened_client

    with opened_client(place) as client:
        found = find_workload(client, selector=place.selector, profile=opened.deployment.profile)
        return KubernetesDialect(
            workload=opened.world.platform.workload(),
            namespace=client.namespace,
            selector=found.workload.spec.selector.match_labels,
            container=found.container,
            context=place.context,
            kubeconfig=place.kubeconfig,
            helm=_by_helm(place.helm, found) if place.helm else None,
        )


def _by_helm(helm: HelmPlace, found: Found) -> HelmWay:
    from lockage.adapters.helm.arguments import shown

    by_profile = found.profile.helm.chart_version if found.profile.helm else None
    return HelmWay(
        release=helm.release or (found.helm.release if found.helm else found.name),
        chart=helm.chart,
        version=helm.version or (None if _brings_its_version(helm.chart) else by_profile),
        arguments=shown(helm.arguments),
        program=helm.program,
        profile=found.profile.helm,
    )


def _brings_its_version(chart: str) -> bool:
    """Whether the chart is a folder, an archive, or named with its tag: a version beside it says nothing, or is refused."""
    tagged = chart.startswith("oci://") and ":" in chart.rpartition("/")[2]
    return tagged or chart.startswith((".", "/")) or chart.endswith((".tgz", ".tar.gz")) or Path(chart).exists()
