"""The applications that local faults are made with, as deployments and with the profile that a diagnosis has of each."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lockage.adapters.local.records import DeploymentSpec, UpdateStrategy
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.ledger_search import find_ledgers
from lockage.core.facts import Probe
from lockage.core.release.migration_lock import migration_lock
from lockage.core.release.profile import Profile, parse_profile
from lockage.core.release.sketch import LedgerSeen, Seen, profile_text
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.interfaces.deployments import profile_named
from lockage.settings import Settings

if TYPE_CHECKING:
    from faults.ground import Ground

READINESS = Probe(path="/healthz", period_s=0.3, timeout_s=0.5, failure_threshold=1)
FERRY_APP = Path(__file__).with_name("ferry_app.py")
BARGE_APP = Path(__file__).with_name("barge_app.py")
TUG_APP = Path(__file__).with_name("tug_app.py")
BARGES = Path(__file__).with_name("barge")
"""barge's migrations."""

PROGRAMS = {"ferry": FERRY_APP, "barge": BARGE_APP, "tug": TUG_APP}
APPLICATIONS = ("towpath", *PROGRAMS)
STRANGERS = ("ferry", "tug")
"""Applications that nobody has described."""


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
    environment = {"FERRY_NAME": "{replica}", **changes.pop("environment", {})}
    return _small_spec(
        ground, "ferry", "harbourworks/ferry", FERRY_APP, release, replicas=replicas, environment=environment, **changes
    )


def barge_spec(ground: Ground, release: str, *, replicas: int = 1, **changes: Any) -> DeploymentSpec:
    """The careless application's deployment."""
    own = {"BARGE_NAME": "{replica}", "BARGE_MIGRATIONS": str(ground.migrations)}
    environment = {**own, **changes.pop("environment", {})}
    return _small_spec(ground, "barge", "barge", BARGE_APP, release, replicas=replicas, environment=environment, **changes)


def tug_spec(ground: Ground, release: str, *, replicas: int = 1, **changes: Any) -> DeploymentSpec:
    """The deployment of the stranger with every migrator's habits."""
    environment = {"TUG_NAME": "{replica}", **changes.pop("environment", {})}
    return _small_spec(ground, "tug", "yard/tug", TUG_APP, release, replicas=replicas, environment=environment, **changes)


def _small_spec(
    ground: Ground, name: str, image: str, program: Path, release: str, *, environment: dict[str, str], **changes: Any
) -> DeploymentSpec:
    url = changes.pop("url", None) or ground.url()
    spec = DeploymentSpec(
        name=name,
        image=image,
        release=release,
        replicas=changes.pop("replicas"),
        command=(sys.executable, str(program), "{release}", "{address}"),
        environment={"DATABASE_URL": url, "FAULT_GROUND": str(ground.state), **environment},
        readiness=READINESS,
        grace_s=1.0,
        update=UpdateStrategy(max_surge=1, max_unavailable=0),
        database_port=ground.port,
        back_off_scale=0.05,
        drain_s=0.0,
    )
    return msgspec.structs.replace(spec, **changes)


def fill(template: str, url: str) -> None:
    """Bring an empty database to what a template's name says: ``towpath 2.26.6 300``, ``ferry 1.4.0``, ``barge 1.0.0``."""
    name, release, *rows = template.split()
    if rows:
        bring_to(name, "2.26.0", url)
        seed(url, rows=int(rows[0]))
    bring_to(name, release, url)


def bring_to(application: str, release: str, url: str) -> None:
    """Run an application's own migrator of a release."""
    if application == "towpath":
        migrate(url, release=release_named(release), application_name="setup")
        return
    command = [sys.executable, str(PROGRAMS[application]), release, "migrate"]
    subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=True, capture_output=True, timeout=60)


# --- what a diagnosis knows of them -----------------------------------------------------------------------------------


def profile_of(application: str, *, here: Path, migrations: Path, url: str) -> Profile:
    """The profile of an application; of a stranger the one that ``lockage diagnose`` sketches of what is in its database."""
    match application:
        case "ferry":
            return sketched()
        case "tug":
            return _sketched_now(url)
        case "barge":
            return parse_profile(BARGE_PROFILE.format(folder=migrations).encode(), file="barge.toml")
        case _:
            return profile_named(application, here=here)


def as_it_is(profile: Profile) -> Profile:
    """The profile of an application as it is everywhere else."""
    return profile


BARGE_PROFILE = """
schema = "lockage.profile/1"
name = "barge"
title = "barge"

[workload]
image = "barge"
application_name = "barge/{{replica}}"

[version]

[database]
url_env = "DATABASE_URL"

[migrations]
format = "plain"
source = "{folder}"
transaction = "statement"
ledger = "public.barge_history"

[migrations.releases]
"1.0.0" = 3
"1.0.5" = 4
"1.1.0" = 5
"1.2.0" = 6
"""


def _sketched_now(url: str) -> Profile:
    """tug's profile, by the tables and the locks that are there now."""
    watching = Settings().watching
    ledgers = find_ledgers(url, watching=watching)
    with closing(PostgresDatabase(url, watching=watching)) as live:
        sessions = [one for one in live.activity().sessions if not one.application_name.startswith("lockage/")]
    rails = (LedgerSeen(table="public.schema_migrations", columns=("version",)),)
    key = migration_lock(sessions, ledgers=(*ledgers, *rails), database="tug")
    profile = _strangers("tug", "yard/tug", "1.0.0", tuple(one for one in ledgers if "lock" not in one.table))
    return msgspec.structs.replace(profile, migrations=msgspec.structs.replace(profile.migrations, advisory_lock=key))


def sketched() -> Profile:
    """The profile that ``lockage diagnose`` sketches of ferry."""
    ledger = LedgerSeen(table="public.alembic_version", columns=("version_num",))
    return _strangers("ferry", "harbourworks/ferry", "1.4.0", (ledger,))


def _strangers(name: str, image: str, release: str, ledgers: tuple[LedgerSeen, ...]) -> Profile:
    seen = Seen(
        name=name,
        workload=name,
        namespace=name,
        image=image,
        release=release,
        container=name,
        containers=1,
        application_names=("{replica}",),
        ledgers=ledgers,
    )
    return parse_profile(profile_text(seen).encode(), file="the sketched profile")
