"""towpath installed by Helm with a seeded database behind it, described in a ``lockage.toml``, and Lockage's commands on it.

Lockage's commands have the rights that ``lockage rbac`` prints, and the test's own hands the administrator's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import Pod, Secret, Service

from e2e.helm_scene import UNASKED
from e2e.on_cluster import eventually
from e2e.rights import Rule, applied, printed
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from support.upgrade_driver import Order

NAME = "towpath"
"""Of the Helm release, of the Deployment, and of the deployment in the ``lockage.toml``."""

LEDGERS = {"2.26.0": 12, "2.26.6": 13, "2.27.8": 18, "2.27.9": 19}

DRIVER = Path(__file__).parent.parent / "support" / "upgrade_driver.py"

ACCOUNT = "lockage"
"""Whose rights Lockage has; the ServiceAccount's name and, with an ending, that of its kubeconfig."""

LOOKING = frozenset({"survey", "forecast", "plan", "verify", "diagnose"})
"""Commands that need no more than ``lockage rbac --read-only`` prints."""

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
    kubeconfig: Path  # the administrator's, for the test's own hands; Lockage never has it
    charts: str  # with {release}
    database: str  # URL for pods
    database_here: str  # the same, for this host
    folder: Path  # with the lockage.toml; homes of "machines" are made in it
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    granted: str = field(default="", init=False)  # what was printed of the rights that Lockage has
    _to: str = field(default="", init=False)
    _looking: Path | None = field(default=None, init=False)

    # --- putting it there ---------------------------------------------------------------------------------------------

    def install(
        self, release: str = "2.26.0", *, to: str = "2.27.8", replicas: int = 3, rows: int = 2_000, **towpath: Any
    ) -> None:
        """A migrated, seeded database and so many ready replicas of the release; ``rows`` 0: the database is there already.

        Lockage may upgrade it to the release ``to``.
        """
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
        self.helm_command("install", NAME, self.charts.replace("{release}", release), f"--values={values}", UNASKED)
        eventually(lambda: self.ready(release) == replicas, f"{replicas} replicas of {release} are ready")
        (self.folder / "lockage.toml").write_text(
            f"""
schema = "lockage.deployments/1"
[deployments.{NAME}]
profile = "towpath"
database = "{self.database_here}"
[deployments.{NAME}.platform]
kind = "kubernetes"
kubeconfig = "{self.folder / ACCOUNT}.kubeconfig"
namespace = "{self.kube.namespace}"
[deployments.{NAME}.platform.helm]
chart = "{self.charts}"
program = "{self.helm}"
arguments = ["-f", "{values}"]
"""
        )
        self.grant(to=to)

    def grant(self, *arguments: str, to: str, without: Callable[[Rule], bool] = lambda _: False) -> None:
        """From now on Lockage may do what ``lockage rbac`` prints for an upgrade to that release, or only look, and no more.

        To be called again when something has changed that the rights depend on. ``arguments`` are more of ``lockage rbac``'s,
        ``without`` says which rules are left out.
        """
        self._to, self._looking = to, None
        self.granted, _ = self._rights("--to", to, *arguments, without=without)

    @property
    def looking(self) -> Path:
        """The kubeconfig of commands that only look."""
        if self._looking is None:
            _, self._looking = self._rights("--read-only", "--to", self._to, "--service-account", f"{ACCOUNT}-look")
        return self._looking

    def _rights(self, *arguments: str, without: Callable[[Rule], bool] = lambda _: False) -> tuple[str, Path]:
        described = (self.folder / "lockage.toml").read_text().replace(str(self.folder), "").replace(self.database_here, "")
        described = described.replace(str(self.kube.namespace), "")
        autoscalers = [each.metadata.name for each in self.kube.list(HorizontalPodAutoscaler) if each.metadata]
        known_by = (described, (self.folder / "values.json").read_text(), *autoscalers)
        text = printed(
            self.kubeconfig, NAME, *arguments, namespace=str(self.kube.namespace), here=self.folder, known_by=known_by
        )
        return text, applied(self.kube, self.kubeconfig, text, folder=self.folder, without=without)

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
        where = ("--kubeconfig", str(self.looking)) if arguments[0] in LOOKING else ()
        return self._run([sys.executable, "-m", "lockage.interfaces.cli.main", *arguments, *where], machine)

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
