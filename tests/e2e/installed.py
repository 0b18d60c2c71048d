"""towpath installed by Helm with a seeded database behind it, described in a ``lockage.toml``, and Lockage's commands on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Secret, Service

from e2e.on_cluster import eventually
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from support.upgrade_driver import Order

NAME = "towpath"
"""Of the Helm release, of the Deployment, and of the deployment in the ``lockage.toml``."""

LEDGERS = {"2.26.0": 12, "2.26.6": 13, "2.27.8": 18, "2.27.9": 19}

DRIVER = Path(__file__).parent.parent / "support" / "upgrade_driver.py"

COMMAND_LIMIT_S = 300.0
"""For one command: a run of two hops takes about a minute."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Installed:
    """One installation in a namespace of its own."""

    kube: Client
    helm: Path
    kubeconfig: Path  # whose rights the commands have
    charts: str  # with {release}
    database: str  # URL for pods
    database_here: str  # the same, for this host
    folder: Path  # with the lockage.toml; homes of "machines" are made in it
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    # --- putting it there ---------------------------------------------------------------------------------------------

    def install(self, release: str = "2.26.0", *, replicas: int = 3, rows: int = 2_000, **towpath: Any) -> None:
        """A migrated, seeded database and so many ready replicas of the release; ``rows`` 0: the database is there already."""
        if rows:
            migrate(self.database_here, release=release_named("2.26.0"), application_name="towpath/install")
            seed(self.database_here, rows=rows)
        secret = Secret(metadata=ObjectMeta(name="towpath-database"), stringData={"url": self.database})
        self.kube.create(secret)
        probe = {"enabled": True, "periodSeconds": 1}
        self.values = {
            "towpath": {
                "replicaCount": replicas,
                "readinessProbe": probe,
                "livenessProbe": {**probe, "timeoutSeconds": 1, "failureThreshold": 15},  # a full machine boots slowly
                "terminationGracePeriodSeconds": 5,
                **towpath,
            }
        }
        values = self.folder / "values.json"
        values.write_text(json.dumps(self.values))
        self.helm_command("install", NAME, self.charts.replace("{release}", release), f"--values={values}")
        eventually(lambda: self.ready(release) == replicas, f"{replicas} replicas of {release} are ready")
        (self.folder / "lockage.toml").write_text(
            f"""
schema = "lockage.deployments/1"
[deployments.{NAME}]
profile = "towpath"
database = "{self.database_here}"
[deployments.{NAME}.platform]
kind = "kubernetes"
kubeconfig = "{self.kubeconfig}"
namespace = "{self.kube.namespace}"
[deployments.{NAME}.platform.helm]
chart = "{self.charts}"
program = "{self.helm}"
arguments = ["-f", "{values}"]
"""
        )

    def helm_command(self, *arguments: str) -> str:
        where = [f"--namespace={self.kube.namespace}", f"--kubeconfig={self.kubeconfig}"]
        done = subprocess.run([str(self.helm), *arguments, *where], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # --- looking ------------------------------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        return list(self.kube.list(Pod, labels={"app.kubernetes.io/instance": NAME}))

    def ready(self, release: str) -> int:
        """How many pods of the release are ready, when there are no others."""
        pods = self.pods()
        images = {c.image for p in pods if p.spec for c in p.spec.containers}
        ready = [p for p in pods if any(c.type == "Ready" and c.status == "True" for c in (p.status.conditions or []))]  # type: ignore[union-attr]
        return len(ready) if images == {f"towpath:{release}"} and len(ready) == len(pods) else 0

    def service_url(self) -> str:
        spec = self.kube.get(Service, NAME).spec
        assert spec is not None
        return f"http://{spec.clusterIP}"

    def ledger(self) -> tuple[int, bool]:
        with psycopg.connect(self.database_here) as connection:
            row = connection.execute("select version, dirty from schema_migrations").fetchone()
        assert row is not None
        return row

    def end(self) -> dict[str, object]:
        """What every run to the same release must leave."""
        seen = self.kube.get(Deployment, NAME)
        assert seen.metadata is not None
        assert seen.spec is not None
        pod = seen.spec.template.spec
        assert pod is not None
        return {
            "image": pod.containers[0].image,
            "replicas": seen.spec.replicas,
            "liveness": pod.containers[0].livenessProbe,
            "ours": [key for key in seen.metadata.annotations or {} if key.startswith("lockage.dev/")],
            "ledger": self.ledger(),
            "values": json.loads(self.helm_command("get", "values", NAME, "--output=json")),
            "status": json.loads(self.helm_command("status", NAME, "--output=json"))["info"]["status"],
        }

    # --- Lockage ------------------------------------------------------------------------------------------------------

    def environment(self, machine: str) -> dict[str, str]:
        return {**os.environ, "LOCKAGE_HOME": str(self.folder / machine), "PYTHONPATH": str(DRIVER.parent.parent)}

    def lockage(self, *arguments: str, machine: str = "here") -> Done:
        """One command, as a person on a machine of that name types it beside the ``lockage.toml``."""
        return self._run([sys.executable, "-m", "lockage.interfaces.cli.main", *arguments], machine)

    def driver(self, *, machine: str = "here", **order: Any) -> Done:
        """``lockage upgrade`` that kills itself at an effect, as the order says."""
        text = msgspec.json.encode(Order(deployment=NAME, **order)).decode()
        return self._run([sys.executable, str(DRIVER), text], machine)

    def _run(self, command: Sequence[str], machine: str) -> Done:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(machine),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_LIMIT_S,
        )
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)
