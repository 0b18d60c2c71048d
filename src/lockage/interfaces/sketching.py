"""A first profile of an application that runs on Kubernetes and that nobody has written a profile for.

Part of ``wiring``: it looks with every adapter that may know something. The surprising thing: whatever cannot be seen (a Secret
that we may not read, a database that is not reached, no ``helm``) does not stop it; it is said in the profile.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from lockage.adapters.helm.all_values import all_values
from lockage.adapters.helm.program import find_helm
from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.database_address import database_address
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.finding import DEFAULT_CONTAINER, HelmOrigin, find_any, helm_origin
from lockage.adapters.kubernetes.image import parse_image, release_of
from lockage.adapters.kubernetes.objects import ContainerObject, WorkloadObject, list_pods, selecting
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.ledger_search import find_ledgers
from lockage.core.redaction import mask_secrets
from lockage.core.release.migration_lock import migration_lock
from lockage.core.release.profile import ChartValues, DatabaseProfile
from lockage.core.release.sketch import LedgerSeen, Seen, chart_values_in, database_in, profile_text
from lockage.core.sessions import OURS
from lockage.errors import LockageError, UsageError
from lockage.interfaces.deployments import Located
from lockage.interfaces.places import KubernetesPlace
from lockage.interfaces.wiring_kubernetes import opened_client, reached_from_here, running_pod
from lockage.settings import Settings, Watching

LABELS_OF_AN_APPLICATION = ("app.kubernetes.io/name", "app")
"""Labels that say which application, and not which installation of it. Source: Kubernetes, "Recommended Labels"."""


@dataclass(frozen=True, slots=True)
class Problems:
    """What could not be seen."""

    seen: list[str] = field(default_factory=list[str])

    def note(self, what: str, error: LockageError) -> None:
        """Keep it, without secrets."""
        self.seen.append(f"{what}: {mask_secrets(error.message)}")


def sketched(located: Located, *, say: Callable[[str], None]) -> str:
    """The text of a profile. Raises as the client does, ``UsageError`` (LK003) where the deployment is not on Kubernetes."""
    place = located.platform
    if not isinstance(place, KubernetesPlace):
        raise UsageError(
            f"{located.name} is on the local platform, and a profile is written from what runs on Kubernetes",
            code="LK003",
            hint="lockage profile init NAME -n NAMESPACE",
        )
    with opened_client(place) as client:
        return profile_text(_seen(located, place, client, say=say))


def _seen(located: Located, place: KubernetesPlace, client: KubernetesClient, *, say: Callable[[str], None]) -> Seen:
    workload = find_any(client, selector=place.selector, name=located.name)
    say(f"looking at {workload.title} in namespace {client.namespace}")
    template, problems = workload.spec.template, Problems()
    container, variables, environment = container_with_database(client, workload, problems)
    database = database_in(variables)
    names, ledgers = _of_database(located, place, client, workload, environment, database, problems, say=say)
    image = parse_image(container.image).repository
    release = release_of(container.image, template.metadata.labels, workload.metadata.labels)
    helm = helm_origin(workload.metadata)
    probes = (container.readiness_probe, container.liveness_probe)
    return Seen(
        name=located.name,
        workload=workload.metadata.name,
        namespace=client.namespace,
        image=image,
        release=release,
        container=container.name,
        containers=len(template.spec.containers),
        labels=dict([(n, v) for n in LABELS_OF_AN_APPLICATION if (v := template.metadata.labels.get(n))][:1]),
        args=container.args,
        health_path=next((probe.http_get.path for probe in probes if probe is not None and probe.http_get is not None), None),
        database=database,
        application_names=names,
        ledgers=ledgers,
        chart=helm.chart if helm is not None else None,
        chart_version=helm.chart_version if helm is not None else None,
        values=_chart_values(place, client, helm, image=image, release=release, workload=workload, problems=problems),
        problems=tuple(problems.seen),
    )


def container_with_database(
    client: KubernetesClient, workload: WorkloadObject, problems: Problems
) -> tuple[ContainerObject, Mapping[str, str], Environment]:
    """The container that has a database, else the pod's own default, else the first; with its variables."""
    containers = workload.spec.template.spec.containers
    usual = workload.spec.template.metadata.annotations.get(DEFAULT_CONTAINER)
    found: list[tuple[ContainerObject, Mapping[str, str], Environment]] = []
    for container in sorted(containers, key=lambda container: container.name != usual):
        environment = Environment(client, workload, container, pod=lambda: running_pod(client, workload))
        variables = dict(_variables(environment, problems))
        found.append((container, variables, environment))
        if database_in(variables) is not None:
            return found[-1]
    return found[0]


def _variables(environment: Environment, problems: Problems) -> Iterator[tuple[str, str]]:
    try:
        names = set(environment.names())
    except LockageError as error:
        problems.note("variables of whole Secrets", error)
        return
    for name in sorted(names):
        try:
            value = environment.variable(name)
        except LockageError as error:
            problems.note(f"variable {name}", error)
            continue
        if value is not None:
            yield name, value


def _of_database(
    located: Located,
    place: KubernetesPlace,
    client: KubernetesClient,
    workload: WorkloadObject,
    environment: Environment,
    database: DatabaseProfile | None,
    problems: Problems,
    *,
    say: Callable[[str], None],
) -> tuple[tuple[str, ...], tuple[LedgerSeen, ...]]:
    """What the replicas' sessions are called, and the tables that look like ledgers."""
    if database is None and located.database_url is None:
        return (), ()
    try:
        with ExitStack() as stack:
            url = located.database_url
            if url is None and database is not None:
                url = database_address(environment, database).url
                url = reached_from_here(client, workload, environment, place, stack, url=url, password=None, say=say)
            assert url is not None
            seen = seen_in_database(url, client, workload, watching=Settings().watching)
            return seen.names, seen.ledgers
    except LockageError as error:
        problems.note("the database", error)
        return (), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenInDatabase:
    """What a database says of an application that nobody has described."""

    names: tuple[str, ...]  # of the replicas' sessions, the commonest first, with {replica} where a replica's name stood
    ledgers: tuple[LedgerSeen, ...]  # tables that look like one
    lock: int | None  # key of the migrator's advisory lock, where it is held now


def seen_in_database(
    url: str,
    client: KubernetesClient,
    workload: WorkloadObject,
    *,
    watching: Watching,
    password: Callable[[], str] | None = None,
) -> SeenInDatabase:
    """What the database says of the application. Raises as the client and the database do."""
    ledgers = find_ledgers(url, watching=watching, password=password)
    with closing(PostgresDatabase(url, watching=watching, password=password)) as live:
        pods = list_pods(client, selector=selecting(workload.spec.template.metadata.labels))
        at = {pod.status.pod_ip: pod.metadata.name for pod in pods}
        sessions = [one for one in live.activity().sessions if not one.application_name.startswith(OURS)]
        names = Counter(
            session.application_name.replace(at[session.client_address], "{replica}")
            for session in sessions
            if session.client_address in at
        )
        database = next((session.database for session in sessions), "")
    return SeenInDatabase(
        names=tuple(name for name, _ in names.most_common()),
        ledgers=ledgers,
        lock=migration_lock(sessions, ledgers=ledgers, database=database),
    )


def _chart_values(
    place: KubernetesPlace,
    client: KubernetesClient,
    helm: HelmOrigin | None,
    *,
    image: str,
    release: str,
    workload: WorkloadObject,
    problems: Problems,
) -> ChartValues | None:
    if helm is None:
        return None
    files = client.place.kubeconfigs
    where = [f"--namespace={helm.namespace}"]
    where += [f"--kubeconfig={files[0]}"] if len(files) == 1 else []
    where += [f"--kube-context={client.place.context}"] if client.place.context else []
    program = place.helm.program if place.helm is not None else "helm"
    try:
        found = find_helm(program, folder=Path.cwd(), environment=os.environ)
        values = all_values(found, helm.release, where=where)
    except LockageError as error:
        problems.note("the chart's values", error)
        return None
    return chart_values_in(values, image=image, release=release, replicas=workload.spec.replicas)
