"""A deployment in trouble on Kubernetes, opened as far as it can be; of an application that nobody has described, too.

Part of ``wiring``, and like it no place for work. The surprising thing: for an application without a profile one is sketched,
as ``lockage profile init`` does, but in two goes: what its objects say, and later what its database says, which may be deaf.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from lockage.adapters.helm.records import history
from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.database_address import database_address
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.examination import KubernetesExaminer
from lockage.adapters.kubernetes.finding import Found, described, find_any, helm_origin
from lockage.adapters.kubernetes.image import parse_image, release_of
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.adapters.kubernetes.service import KubernetesService
from lockage.adapters.kubernetes.usage import usage_now
from lockage.adapters.password_command import password_of
from lockage.adapters.service import HttpService
from lockage.core.diagnosis.evidence import Missing
from lockage.core.facts import Replica, Usage
from lockage.core.release.profile import Profile, parse_profile
from lockage.core.release.sketch import Seen, database_in, profile_text
from lockage.errors import LockageError, RefusedError
from lockage.flows.collect import Witnesses
from lockage.flows.collect_database import Reached
from lockage.interfaces.deployments import Deployment, Located, with_folder, with_users_own
from lockage.interfaces.diagnosing_sources import reached_at, script_of
from lockage.interfaces.places import KubernetesPlace
from lockage.interfaces.sketching import (
    LABELS_OF_AN_APPLICATION,
    Problems,
    container_with_database,
    seen_in_database,
)
from lockage.interfaces.wiring import system_clock
from lockage.interfaces.wiring_kubernetes import (
    address_of,
    environment_of,
    found_workload,
    opened_client,
    reached_from_here,
)
from lockage.settings import Settings

NO_PROFILE_FITS = "LK530"


def witnesses_on_kubernetes(
    located: Located, place: KubernetesPlace, stack: ExitStack, *, say: Callable[[str], None], settings: Settings
) -> Witnesses:
    """Whom to ask; what is open is closed by the stack.

    Raises as ``open_client`` does, and ``RefusedError`` (LK530 to LK532) when the workload is not found.
    """
    client = stack.enter_context(opened_client(place))
    found, sketch = _found(client, located, place, say=say)
    profile = (with_folder if sketch is not None else with_users_own)(located, found.profile)
    script, unseen = script_of(_deployment(located, place, profile))
    platform = KubernetesPlatform(
        client,
        deployment=found.name,
        profile=profile,
        releaser=PatchReleaser(client, deployment=found.name, profile=profile),  # nothing is released here
    )
    return Witnesses(
        deployment=located.name,
        platform_kind="kubernetes",
        namespace=client.namespace,
        platform=platform,
        closer=KubernetesExaminer(client, deployment=found.name, profile=profile, history=history),
        reach=lambda: _reached(client, located, place, found, sketch, settings=settings, say=say),
        service=KubernetesService(client, elsewhere=HttpService()),
        usage=lambda replicas: _used(client, found.container, replicas),
        profile=profile,
        known=sketch is None,
        script=script,
        unseen=(*unseen, *(_not_seen(problem) for problem in (sketch.problems if sketch is not None else ()))),
        clock=system_clock(),
        settings=settings,
    )


def _found(
    client: KubernetesClient, located: Located, place: KubernetesPlace, *, say: Callable[[str], None]
) -> tuple[Found, Seen | None]:
    """The Deployment that is meant; with what was seen of it where no profile fits."""
    try:
        found = found_workload(client, located, place)
    except RefusedError as error:
        if located.profile is not None or error.code != NO_PROFILE_FITS:
            raise
    else:
        if located.profile is None:
            say(f"{found.workload.title} in namespace {client.namespace} fits profile {found.profile.name}")
        return found, None
    seen, found = _sketched(client, located, place)
    say(f"no profile fits {found.workload.title} in namespace {client.namespace}: it is looked at without one")
    return found, seen


def _sketched(client: KubernetesClient, located: Located, place: KubernetesPlace) -> tuple[Seen, Found]:
    workload = find_any(client, selector=place.selector, name=located.name)
    template, problems = workload.spec.template, Problems()
    container, variables, _ = container_with_database(client, workload, problems)
    helm = helm_origin(workload.metadata)
    seen = Seen(
        name=workload.metadata.name,
        workload=workload.metadata.name,
        namespace=client.namespace,
        image=parse_image(container.image).repository,
        release=release_of(container.image, template.metadata.labels, workload.metadata.labels),
        container=container.name,
        containers=len(template.spec.containers),
        labels=dict([(n, v) for n in LABELS_OF_AN_APPLICATION if (v := template.metadata.labels.get(n))][:1]),
        args=container.args,
        database=database_in(variables),
        chart=helm.chart if helm is not None else None,
        chart_version=helm.chart_version if helm is not None else None,
        problems=tuple(problems.seen),
    )
    return seen, described(workload, _profile(seen))


def _profile(seen: Seen) -> Profile:
    return parse_profile(profile_text(seen).encode(), file="the sketched profile")


def _used(client: KubernetesClient, container: str, replicas: tuple[Replica, ...]) -> tuple[Usage, ...]:
    starting = sorted((one for one in replicas if not one.ready), key=lambda one: one.created_at, reverse=True)
    return usage_now(client, [one.name for one in replicas], [one.name for one in starting], container)


def _not_seen(problem: str) -> Missing:
    source, _, why = problem.partition(": ")
    return Missing(source=source, why=why)


def _deployment(located: Located, place: KubernetesPlace, profile: Profile) -> Deployment:
    return Deployment(
        name=located.name,
        profile=profile,
        database_url=located.database_url or "",
        platform=place,
        beside=located.beside,
        migrations=located.migrations,
    )


# --- the database, in a thread of its own ---------------------------------------------------------------------------------


def _reached(
    client: KubernetesClient,
    located: Located,
    place: KubernetesPlace,
    found: Found,
    sketch: Seen | None,
    *,
    settings: Settings,
    say: Callable[[str], None],
) -> Reached:
    """The database on the first way that leads there and makes nothing. Raises as finding the address and the way do."""
    environment = environment_of(client, found)
    address = address_of(client, found, located)
    command = located.password_command or address.command
    password = password_of(command, url=address.url, environment=os.environ) if command else None
    url, role = address.url, _role(address.url)
    with ExitStack() as opened:
        if located.database_url is not None:
            role = _own_role(environment, found.profile)
        if located.database_url is None or place.reach != "auto":
            url = reached_from_here(
                client, found.workload, environment, place, opened, url=url, password=password, say=say, looking=True
            )
        way = opened.pop_all()
    reached = reached_at(url, settings=settings, password=password, role=role, close_way=way.close)
    if sketch is None:
        return reached
    with suppress(LockageError):  # whoever does not get in is told so when the evidence is asked for
        seen = seen_in_database(url, client, found.workload, watching=settings.watching, password=password)
        # A name that another program may have too proves nothing of a session whose client is nowhere to be seen.
        telling = tuple(name for name in seen.names if "{replica}" in name)[:1]
        profile = _profile(replace(sketch, application_names=telling, ledgers=seen.ledgers))
        migrations = msgspec.structs.replace(profile.migrations, advisory_lock=seen.lock)
        profile = msgspec.structs.replace(profile, migrations=migrations)
        return replace(reached, profile=profile, alone=sketch.containers == 1)
    return reached


def _own_role(environment: Environment, profile: Profile) -> str | None:
    """The application's own role, where the user gives another address."""
    with suppress(LockageError):
        return _role(database_address(environment, profile.database).url)
    return None


def _role(url: str) -> str | None:
    with suppress(psycopg.Error):
        user = conninfo_to_dict(url).get("user")
        return str(user) if user else None
    return None
