"""A deployment on Kubernetes, joined: client, workload, who releases it, and the way to its database.

Part of ``wiring``, and like it no place for work; imported only when a deployment is on Kubernetes. The surprising thing: a
Deployment that Helm has released is never patched behind Helm's back, since the next ``helm upgrade`` would undo it: without a
chart one can look at it and plan, but not release.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from lockage.adapters.helm.releaser import HelmReleaser
from lockage.adapters.kubernetes.chartless import ChartlessReleaser
from lockage.adapters.kubernetes.client import KubernetesClient, open_client
from lockage.adapters.kubernetes.database_address import Address, database_address, with_files
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.finding import Found, container_of, find_workload
from lockage.adapters.kubernetes.objects import PodObject, WorkloadObject, list_pods, selecting
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.adapters.kubernetes.port_forward import Kubectl
from lockage.adapters.kubernetes.service import KubernetesService
from lockage.adapters.kubernetes.ways import ELSEWHERE, Ways, reached
from lockage.adapters.password_command import password_of
from lockage.adapters.postgres import leash
from lockage.adapters.postgres.session import connect
from lockage.adapters.service import HttpService
from lockage.errors import LockageError
from lockage.interfaces.deployments import Deployment, Located, brought_profiles, resolved
from lockage.interfaces.places import KubernetesPlace
from lockage.ports import Platform, Releaser, Service

WAY_LIMIT_S = 3.0
"""For the login that tells whether a way leads to the database; a slower one is of no use to a guard's four looks a second."""

OWN_IMAGE = f"lockage:{version('lockage')}"
"""Lockage's own, as its Containerfile is built."""


def on_kubernetes(
    located: Located, place: KubernetesPlace, stack: ExitStack, *, say: Callable[[str], None]
) -> tuple[Deployment, Platform, Service]:
    """The deployment resolved, its platform and its service; what is open is closed by the stack.

    Raises as ``open_client``, ``find_workload`` and ``database_address`` do.
    """
    client = stack.enter_context(opened_client(place))
    found = found_workload(client, located, place)
    if located.profile is None:
        say(f"{found.workload.title} in namespace {client.namespace} fits profile {found.profile.name}")
    address = address_of(client, found, located)
    if address.left_out:
        say(f"of the database's address, {', '.join(address.left_out)} are left out: they are not libpq's")
    command = located.password_command or address.command
    password = password_of(command, url=address.url, environment=os.environ) if command else None
    url = address.url
    if located.database_url is None or place.reach != "auto":
        environment = environment_of(client, found)
        url = reached_from_here(client, found.workload, environment, place, stack, url=url, password=password, say=say)
    deployment = resolved(located, profile=found.profile, database_url=url, password=password)
    platform = KubernetesPlatform(
        client, deployment=found.name, profile=found.profile, releaser=releaser_of(client, place, found, log=say)
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


def address_of(client: KubernetesClient, found: Found, located: Located) -> Address:
    """The database's address as the user says it, else as the replicas have it. Raises as ``database_address`` does."""
    if located.database_url is not None:
        return Address(url=located.database_url, origin="the command line or lockage.toml")
    return database_address(environment_of(client, found), found.profile.database)


def reached_from_here(
    client: KubernetesClient,
    workload: WorkloadObject,
    environment: Environment,
    place: KubernetesPlace,
    stack: ExitStack,
    *,
    url: str,
    password: Callable[[], str] | None,
    say: Callable[[str], None],
    looking: bool = False,
) -> str:
    """The address as it is reached from here, until the stack is closed. Raises as ``reached`` and ``with_files`` do.

    ``looking``: nothing is made on the cluster for it, and a database that refuses us is reached too.
    """
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="lockage-", ignore_cleanup_errors=True)))
    url = with_files(url, environment.file, folder=folder)

    def log_in(there: str) -> None:
        limit_s = WAY_LIMIT_S
        try:
            connect(
                there,
                what="way",
                lock_timeout_s=limit_s,
                statement_timeout_s=limit_s,
                connect_timeout_s=limit_s,
                password=password,
            ).close()
        except LockageError as error:
            if not looking or error.code in ELSEWHERE:
                raise

    ways = Ways(
        client=client,
        kubectl=Kubectl(place=client.place, leash=leash.command(), environment=os.environ),
        workload=workload,
        pod=lambda: running_pod(client, workload),
        relay_image=place.relay_image or OWN_IMAGE,
        log_in=log_in,
        say=say,
    )
    return reached(url, place.reach, ways, stack, makes_nothing=looking)


def environment_of(client: KubernetesClient, found: Found) -> Environment:
    """The environment of the workload's container."""
    container = container_of(found.workload, found.profile)
    return Environment(client, found.workload, container, pod=lambda: running_pod(client, found.workload))


def running_pod(client: KubernetesClient, workload: WorkloadObject) -> PodObject | None:
    """One of the workload's pods that runs; None when none does."""
    labels = workload.spec.template.metadata.labels
    return next((pod for pod in list_pods(client, selector=selecting(labels)) if pod.runs), None)


def releaser_of(
    client: KubernetesClient, place: KubernetesPlace, found: Found, *, log: Callable[[str], None] = lambda _: None
) -> Releaser:
    """Who makes a revision: Helm where a chart is named, nobody where Helm did before and none is, else a patch."""
    files = client.place.kubeconfigs
    if place.helm is not None:
        return HelmReleaser(
            client=client.kube,
            profile=found.profile,
            workload=found.name,
            namespace=client.namespace,
            chart=place.helm.chart,
            release=place.helm.release,
            version=place.helm.version,
            arguments=place.helm.arguments,
            program=place.helm.program,
            kubeconfig=str(files[0]) if len(files) == 1 else None,  # several: helm reads KUBECONFIG as we did
            context=client.place.context,
            log=log,
        )
    if found.helm is not None:
        return ChartlessReleaser(found.helm)
    return PatchReleaser(client, deployment=found.name, profile=found.profile)
