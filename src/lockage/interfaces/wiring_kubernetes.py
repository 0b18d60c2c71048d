"""A deployment on Kubernetes, joined: client, workload, who releases it, and the way to its database.

Part of ``wiring``, and like it no place for work; imported only when a deployment is on Kubernetes. The surprising thing: a
Deployment that Helm has released is never patched behind Helm's back, since the next ``helm upgrade`` would undo it: without a
chart one can look at it and plan, but not release.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from lockage.adapters.kubernetes.chartless import ChartlessReleaser
from lockage.adapters.kubernetes.client import KubernetesClient, open_client
from lockage.adapters.kubernetes.database_address import database_address
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.finding import Found, container_of, find_workload
from lockage.adapters.kubernetes.objects import PodObject, list_pods, selecting
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.adapters.kubernetes.service import KubernetesService
from lockage.adapters.service import HttpService
from lockage.interfaces.deployments import Deployment, Located, brought_profiles, resolved
from lockage.interfaces.places import KubernetesPlace
from lockage.ports import Platform, Releaser, Service
from lockage.settings import Settings


def on_kubernetes(
    located: Located, place: KubernetesPlace, stack: ExitStack, *, say: Callable[[str], None], settings: Settings
) -> tuple[Deployment, Platform, Service]:
    """The deployment resolved, its platform and its service; what is open is closed by the stack.

    Raises as ``open_client``, ``find_workload`` and ``database_address`` do.
    """
    client = stack.enter_context(opened_client(place))
    found = found_workload(client, located, place)
    if located.profile is None:
        say(f"{found.workload.title} in namespace {client.namespace} fits profile {found.profile.name}")
    url = located.database_url or address_of(client, found)
    deployment = resolved(located, profile=found.profile, database_url=url)
    platform = KubernetesPlatform(
        client, deployment=found.name, profile=found.profile, releaser=releaser_of(client, place, found)
    )
    return deployment, platform, KubernetesService(client, elsewhere=HttpService())


def opened_client(place: KubernetesPlace) -> KubernetesClient:
    """A client for where the deployment is. Raises as ``open_client`` does."""
    kubeconfig = Path(place.kubeconfig) if place.kubeconfig is not None else None
    return open_client(kubeconfig=kubeconfig, context=place.context, namespace=place.namespace)


def found_workload(client: KubernetesClient, located: Located, place: KubernetesPlace) -> Found:
    """The Deployment that is meant, with its profile. Raises as ``find_workload`` does."""
    return find_workload(
        client,
        selector=place.selector,
        profile=located.profile,
        known=brought_profiles() if located.profile is None else (),
    )


def address_of(client: KubernetesClient, found: Found) -> str:
    """The database's address as the replicas have it. Raises as ``database_address`` does."""
    return database_address(environment_of(client, found), found.profile.database).url


def environment_of(client: KubernetesClient, found: Found) -> Environment:
    """The environment of the workload's container."""

    def running_pod() -> PodObject | None:
        labels = found.workload.spec.template.metadata.labels
        return next((pod for pod in list_pods(client, selector=selecting(labels)) if pod.runs), None)

    return Environment(client, found.workload, container_of(found.workload, found.profile), pod=running_pod)


def releaser_of(client: KubernetesClient, place: KubernetesPlace, found: Found) -> Releaser:
    """Who makes a revision: Helm where a chart is named, nobody where Helm did before and none is, else a patch."""
    if place.helm is not None:
        raise NotImplementedError
    if found.helm is not None:
        return ChartlessReleaser(found.helm)
    return PatchReleaser(client, deployment=found.name, profile=found.profile)
