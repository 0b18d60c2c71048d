"""A deployment in trouble on this machine, opened as far as it can be.

Part of ``wiring``, and like it no place for work.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lockage.adapters.local.examination import LocalExaminer
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.service import HttpService
from lockage.core.release.profile import DatabaseProfile
from lockage.flows.collect import Witnesses
from lockage.interfaces.deployments import Located, resolved
from lockage.interfaces.diagnosing_sources import reached_at, script_of
from lockage.interfaces.places import LocalPlace
from lockage.interfaces.wiring import password_of_located, system_clock
from lockage.settings import Settings


def witnesses_on_this_machine(located: Located, place: LocalPlace, stack: ExitStack, *, settings: Settings) -> Witnesses:
    """Whom to ask; what is open is closed by the stack. Raises what the platform raises where it is not there."""
    deployment = resolved(located, password=password_of_located(located))
    platform = stack.enter_context(LocalPlatform(Path(place.folder)))
    platform.workload()  # without it there is nothing to diagnose
    closer = LocalExaminer(Path(place.folder))
    stack.callback(closer.close)
    script, unseen = script_of(deployment)
    url, password = deployment.database_url, deployment.database_password
    role = _role_of_replicas(platform.environment(), deployment.profile.database)
    return Witnesses(
        deployment=deployment.name,
        platform_kind="local",
        namespace=None,
        platform=platform,
        closer=closer,
        reach=lambda: reached_at(url, settings=settings, password=password, role=role),
        service=HttpService(),
        profile=deployment.profile,
        script=script,
        unseen=unseen,
        clock=system_clock(),
        settings=settings,
    )


def _role_of_replicas(environment: Mapping[str, str], where: DatabaseProfile) -> str | None:
    """The role that the replicas log in as, as their environment says; None where it does not."""
    user = environment.get(where.parts.user or "") if where.parts is not None else None
    with suppress(psycopg.Error):
        user = conninfo_to_dict(environment.get(where.url_env or "", "")).get("user") or user
    return str(user) if user else None
