"""The applications that local faults are made with, as deployments and with the profile that a diagnosis has of each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lockage.adapters.local.records import DeploymentSpec, UpdateStrategy
from lockage.core.facts import Probe
from lockage.core.release.profile import parse_profile
from lockage.core.release.sketch import LedgerSeen, Seen, profile_text

if TYPE_CHECKING:
    from faults.ground import Ground

READINESS = Probe(path="/healthz", period_s=0.3, timeout_s=0.5, failure_threshold=1)
FERRY_APP = Path(__file__).with_name("ferry_app.py")


def towpath_spec(ground: Ground, release: str, *, replicas: int = 1, **changes: Any) -> DeploymentSpec:
    """towpath's deployment, as the demonstration has it, only quicker; ``environment`` is added to."""
    command = (sys.executable, "-m", "lockage.demo.towpath", "--release", "{release}")
    environment = {
        "TOWPATH_PG_CONNECTION_URL": changes.pop("url", None) or ground.url(),
        "TOWPATH_HTTP_ADDRESS": "{address}",
        "TOWPATH_REPLICA": "{replica}",
        "TOWPATH_PG_POOL_MIN": "1",
        "TOWPATH_PG_POOL_MAX": "4",
        "TOWPATH_CONNECT_TIMEOUT_S": "2",
        "TOWPATH_REPORT_INTERVAL_S": "3600",
        "TOWPATH_REPORT_LENGTH_S": "0",
        "TOWPATH_PURGE_INTERVAL_S": "3600",
        "FAULT_GROUND": str(ground.state),
        **changes.pop("environment", {}),
    }
    spec = DeploymentSpec(
        name="towpath",
        image="towpath",
        release=release,
        releases=("2.26.0", "2.26.6", "2.27.8", "2.27.9"),
        replicas=replicas,
        command=(*command, "server"),
        version_command=(*command, "version"),
        environment=environment,
        liveness=None,
        readiness=READINESS,
        grace_s=1.0,
        update=UpdateStrategy(max_surge=1, max_unavailable=0),
        database_port=ground.port,
        back_off_scale=0.05,
        drain_s=0.0,
    )
    return msgspec.structs.replace(spec, **changes)


def ferry_spec(ground: Ground, release: str, *, replicas: int = 1, **changes: Any) -> DeploymentSpec:
    """The stranger's deployment."""
    environment = {
        "DATABASE_URL": changes.pop("url", None) or ground.url(),
        "FERRY_NAME": "{replica}",
        "FAULT_GROUND": str(ground.state),
        **changes.pop("environment", {}),
    }
    spec = DeploymentSpec(
        name="ferry",
        image="harbourworks/ferry",
        release=release,
        replicas=replicas,
        command=(sys.executable, str(FERRY_APP), "{release}", "{address}"),
        environment=environment,
        readiness=READINESS,
        grace_s=1.0,
        update=UpdateStrategy(max_surge=1, max_unavailable=0),
        database_port=ground.port,
        back_off_scale=0.05,
        drain_s=0.0,
    )
    return msgspec.structs.replace(spec, **changes)


def sketched() -> Any:
    """The profile that ``lockage diagnose`` sketches of ferry."""
    seen = Seen(
        name="ferry",
        workload="ferry",
        namespace="ferry",
        image="harbourworks/ferry",
        release="1.4.0",
        container="ferry",
        containers=1,
        application_names=("{replica}",),
        ledgers=(LedgerSeen(table="public.alembic_version", columns=("version_num",)),),
    )
    return parse_profile(profile_text(seen).encode(), file="the sketched profile")
