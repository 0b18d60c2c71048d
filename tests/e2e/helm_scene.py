"""towpath as a release of Helm, in a namespace of its own, and what tests ask of both."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from lightkube import Client
from lightkube.resources.apps_v1 import Deployment

from e2e.rights import granted
from lockage.adapters.helm.manifest import container, probe_of
from lockage.adapters.helm.releaser import HelmReleaser
from lockage.adapters.kubernetes.client import open_client
from lockage.core.facts import Probe
from lockage.core.release.profile import ChartValues, Profile, WorkloadProfile, parse_profile

NOWHERE = "--set=towpath.nodeSelector.nowhere=yes"
"""Pods stay pending: what a pod would do is not what these tests are about."""

UNASKED = "--disable-openapi-validation"
"""For the test's own installing: reading what the API server knows of every kind is two thirds of what a helm computes."""

OLDER_SHAPE = ChartValues(
    replicas="towpath.replicaCount",
    tag="towpath.image.tag",
    liveness="towpath.livenessProbe",
    liveness_fields=("initialDelaySeconds",),
)
"""What the chart of the older shape takes."""


def towpath_profile(*shapes: ChartValues) -> Profile:
    """towpath's profile; with other shapes of its chart, where some are given."""
    profile = parse_profile(resources.files("lockage").joinpath("profiles", "towpath.toml").read_bytes(), file="towpath.toml")
    if not shapes:
        return profile
    assert profile.helm is not None
    return msgspec.structs.replace(profile, helm=msgspec.structs.replace(profile.helm, values=shapes))


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmScene:
    """One release called ``shop`` of towpath's chart."""

    kube: Client
    helm: Path
    kubeconfig: Path  # the administrator's, for the test's own hands
    charts: str  # with {release}
    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    said: list[str] = field(default_factory=list[str])
    clients: ExitStack = field(default_factory=ExitStack)  # the test's to close
    through: Path | None = None  # what Lockage goes by; None: a kubeconfig with the rights that are printed for each upgrade
    installed: list[str] = field(default_factory=list[str])  # how

    @property
    def namespace(self) -> str:
        return str(self.kube.namespace)

    def chart(self, release: str) -> str:
        return self.charts.replace("{release}", release)

    def run(self, *arguments: str, check: bool = True) -> str:
        """Runs helm; gives what it prints."""
        where = [f"--namespace={self.namespace}", f"--kubeconfig={self.kubeconfig}"]
        done = subprocess.run([str(self.helm), *arguments, *where], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def install(self, release: str = "2.26.0", *arguments: str) -> None:
        self.run("install", "shop", self.chart(release), NOWHERE, UNASKED, *arguments)
        self.installed[:] = [self.chart(release), *arguments]

    def rights(self, *arguments: str, chart: str | None = None) -> Path:
        """A kubeconfig that may do what ``lockage rbac`` prints for the upgrade to 2.26.6."""
        chart = chart or self.charts
        where = ("-n", self.namespace, "--profile", "towpath", "--reach", "direct", "--chart", chart, "--helm", str(self.helm))
        asked = ("shop", *where, "--to", "2.26.6", "--", *arguments)
        return granted(self.kube, self.kubeconfig, *asked, folder=self.folder, here=self.folder, known_by=tuple(self.installed))

    def releaser(
        self, *arguments: str, profile: Profile | None = None, chart: str | None = None, deadline_s: float = 20.0
    ) -> HelmReleaser:
        kubeconfig = self.through or self.rights(*arguments, chart=chart)
        opened = open_client(kubeconfig=kubeconfig, context=None, namespace=self.namespace, environment={})
        return HelmReleaser(
            client=self.clients.enter_context(opened).kube,
            profile=profile or towpath_profile(),
            workload="towpath",
            namespace=self.namespace,
            chart=chart or self.charts,
            arguments=arguments,
            program=str(self.helm),
            kubeconfig=str(kubeconfig),
            folder=self.folder,
            environment=self.environment,
            deadline_s=deadline_s,
            log=self.said.append,
        )

    def values(self) -> dict[str, Any]:
        """The release's own values now."""
        return json.loads(self.run("get", "values", "shop", "--output=json")) or {}

    def history(self) -> list[tuple[int, str]]:
        """Each revision with its status."""
        return [(line["revision"], line["status"]) for line in json.loads(self.run("history", "shop", "--output=json"))]

    def live(self) -> tuple[int, str, Probe | None]:
        """Replicas, image and liveness probe of the live Deployment."""
        seen: dict[str, Any] = self.kube.get(Deployment, "towpath").to_dict()
        one = container(seen, WorkloadProfile(image="towpath"))
        return seen["spec"]["replicas"], str(one["image"]), probe_of(one)


def told(checks: Sequence[Any]) -> list[str]:
    """What is wrong."""
    return [check.text for check in checks if not check.ok]
