"""What the profiles find in rendered charts: workload, database, probes, replicas, version; and what an upgrade sets there.

A chart with Coder's labels, values and probes is our own (``tests/charts/coder``), in both of its shapes. Harbor's is not kept
here: ``LOCKAGE_HARBOR_CHART`` names a checkout's folder of goharbor/harbor-helm, or an archive of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.resources.apps_v1 import Deployment

from e2e.cluster.layout import REPOSITORY, state_folder
from lockage.adapters.kubernetes.database_address import database_address
from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.finding import Found, container_of, find_workload
from lockage.adapters.kubernetes.workload import workload_of
from lockage.core.facts import Probe, Workload
from lockage.core.release.chart_values import chart_version, overlay, settable_fields, shape_of
from lockage.core.release.profile import Profile, parse_profile
from lockage.errors import RefusedError
from support.fake_cluster import FakeCluster

pytestmark = pytest.mark.e2e

CODER_CHART = REPOSITORY / "tests" / "charts" / "coder"
HARBOR_CHART = "LOCKAGE_HARBOR_CHART"

RESOURCES = {
    "Deployment": "deployments", "StatefulSet": "statefulsets", "Secret": "secrets", "ConfigMap": "configmaps",
    "Service": "services",
}  # fmt: skip

URL = "postgresql://coder:secret@db.example.org:5432/coder?sslmode=require"
BY_SECRET = "coder.env[0].valueFrom.secretKeyRef.name=coder-db-url,coder.env[0].valueFrom.secretKeyRef.key=url"
DATABASE = f"coder.env[0].name=CODER_PG_CONNECTION_URL,{BY_SECRET}"


@pytest.fixture(scope="session")
def helm() -> Path:
    """The helm program of the tests' own cluster, else the one on the PATH."""
    built, found = state_folder() / "bin" / "helm3", shutil.which("helm")
    if not built.exists() and found is None:
        pytest.skip("there is no helm program; make e2e builds one")
    return built if built.exists() else Path(str(found))


def brought() -> tuple[Profile, ...]:
    folder = files("lockage.profiles")
    return tuple(parse_profile(file.read_bytes(), file=file.name) for file in folder.iterdir() if file.name.endswith(".toml"))


def profile_of(name: str) -> Profile:
    return next(profile for profile in brought() if profile.name == name)


class Rendered:
    """A chart's manifests, as if they stood in a cluster."""

    def __init__(self, helm: Path, chart: Path, *arguments: str, release: str = "it") -> None:
        command = [str(helm), "template", release, str(chart), "--namespace", FakeCluster.namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.cluster = FakeCluster()
        self.objects = [found for found in yaml.safe_load_all(done.stdout) if found]
        for one in self.objects:
            resource = RESOURCES.get(one["kind"])
            if resource is not None:
                self.cluster.objects[f"{resource}/{one['metadata']['name']}"] = _as_stored(one)

    def found(self) -> Found:
        """Among all profiles, as when no profile was named."""
        return find_workload(self.cluster, selector=None, profile=None, known=brought())

    def workload(self) -> Workload:
        found = self.found()
        deployment = self.cluster.objects[f"deployments/{found.name}"]
        return workload_of(Deployment.from_dict(deployment), found.profile.workload)

    def database_url(self) -> str:
        found = self.found()
        environment = Environment(self.cluster, found.workload, container_of(found.workload, found.profile))
        return database_address(environment, found.profile.database).url


def _as_stored(one: Any) -> Any:
    """The object as the API server keeps it: what is null is not there."""
    match one:
        case dict():
            return {key: _as_stored(value) for key, value in one.items() if value is not None}
        case list():
            return [_as_stored(each) for each in one]
        case _:
            return one


def coder_chart(folder: Path, version: str) -> Path:
    """The chart of that version."""
    copy = folder / f"coder-{version}"
    shutil.copytree(CODER_CHART, copy)
    file = copy / "Chart.yaml"
    file.write_text(file.read_text().replace("0.0.0", version))
    return copy


def as_sets(values: Mapping[str, object]) -> Sequence[str]:
    """Helm's arguments for the values of an overlay."""
    pairs = (f"{path}={str(value).lower() if isinstance(value, bool) else value}" for path, value in values.items())
    return [argument for pair in pairs for argument in ("--set", pair)]


# --- Coder ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.29.1", "2.30.0", "2.34.0"])
def test_coder_is_found_with_its_version_replicas_and_database(helm: Path, tmp_path: Path, version: str) -> None:
    chart = coder_chart(tmp_path, version)
    rendered = Rendered(helm, chart, "--set", f"coder.replicaCount=3,{DATABASE}", release="company")
    rendered.cluster.secret("coder-db-url", url=URL)
    found, workload = rendered.found(), rendered.workload()
    assert (found.name, found.container, found.profile.name) == ("coder", "coder", "coder")
    assert (workload.release, workload.replicas, workload.grace_s) == (version, 3, 60.0)
    assert workload.update == "RollingUpdate"
    assert workload.readiness == Probe(path="/healthz")
    assert rendered.database_url() == URL


def test_before_2_30_0_the_liveness_probe_is_there_and_kills_after_half_a_minute(helm: Path, tmp_path: Path) -> None:
    workload = Rendered(helm, coder_chart(tmp_path, "2.29.1"), "--set", DATABASE).workload()
    assert workload.liveness is not None
    assert workload.liveness.kill_budget_s == 21.0


def test_from_2_30_0_it_is_off_unless_asked_for(helm: Path, tmp_path: Path) -> None:
    assert Rendered(helm, coder_chart(tmp_path, "2.30.0"), "--set", DATABASE).workload().liveness is None


@pytest.mark.parametrize(
    "database", ["coder.envFrom[0].secretRef.name=db", f"coder.env[0].name=CODER_PG_CONNECTION_URL,coder.env[0].value={URL}"]
)
def test_the_database_is_found_by_env_from_and_by_value_too(helm: Path, tmp_path: Path, database: str) -> None:
    rendered = Rendered(helm, coder_chart(tmp_path, "2.34.0"), "--set", database)
    rendered.cluster.secret("db", CODER_PG_CONNECTION_URL=URL)
    assert rendered.database_url() == URL


@pytest.mark.parametrize("version", ["2.29.1", "2.34.0"])
def test_a_workspace_proxy_by_the_same_chart_is_something_else(helm: Path, tmp_path: Path, version: str) -> None:
    proxy = Rendered(helm, coder_chart(tmp_path, version), "--set", "coder.workspaceProxy=true")
    with pytest.raises(RefusedError) as refusal:
        proxy.found()
    assert refusal.value.code == "LK530"


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.29.1", {"initialDelaySeconds"}),
        ("2.34.0", {"initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"}),
    ],
)
def test_an_upgrades_values_come_out_of_both_shapes_as_one_replica_with_the_probe(
    helm: Path, tmp_path: Path, version: str, fields: set[str]
) -> None:
    profile = profile_of("coder")
    assert profile.helm is not None
    chart = coder_chart(tmp_path, version)
    assert set(settable_fields(profile.helm, version)) == fields
    former = Rendered(helm, chart, "--set", DATABASE).workload().liveness
    wanted = (
        Probe(path="/healthz", initial_delay_s=3600.0) if version == "2.29.1" else Probe(path="/healthz", failure_threshold=361)
    )
    shape = shape_of(profile.helm, chart_version(profile.helm, version))
    made = overlay(shape, release=version, replicas=1, liveness=wanted, chart_has=former)
    assert made.beyond == ()
    after = Rendered(helm, chart, "--set", f"coder.replicaCount=3,{DATABASE}", *as_sets(made.values)).workload()
    assert (after.replicas, after.release, after.liveness) == (1, version, wanted)


# --- Harbor --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def harbor_chart() -> Path:
    named = os.environ.get(HARBOR_CHART)
    if not named:
        pytest.skip(f"{HARBOR_CHART} names no chart (a checkout of goharbor/harbor-helm, or an archive)")
    return Path(named)


ARGUMENTS = ("--set", "externalURL=https://registry.example.org,database.internal.password=a,core.replicas=2")


def harbor(helm: Path, chart: Path, *arguments: str) -> Rendered:
    return Rendered(helm, chart, *ARGUMENTS, *arguments)


def test_harbors_core_is_found_among_its_workloads(helm: Path, harbor_chart: Path) -> None:
    rendered = harbor(helm, harbor_chart, "--set", "core.image.tag=v2.15.1")
    found, workload = rendered.found(), rendered.workload()
    assert (found.container, found.profile.name) == ("core", "harbor")
    assert found.name.endswith("-core")
    assert (workload.release, workload.replicas) == ("2.15.1", 2)
    assert workload.liveness is not None
    assert workload.liveness.path == workload.readiness.path == "/api/v2.0/ping"  # type: ignore[union-attr]
    assert workload.startup is not None
    assert workload.startup.kill_budget_s >= 3600.0


def test_harbors_database_is_put_together_from_its_parts(helm: Path, harbor_chart: Path) -> None:
    external = (
        "database.type=external,database.external.host=db.example.org,database.external.port=6432,"
        "database.external.username=harbor,database.external.password=se/cret,database.external.coreDatabase=registry,"
        "database.external.sslmode=require"
    )
    assert harbor(helm, harbor_chart).database_url().startswith("postgres")
    url = harbor(helm, harbor_chart, "--set", external).database_url()
    assert re.fullmatch(r"postgres(ql)?://harbor:se%2Fcret@db\.example\.org:6432/registry\?sslmode=require", url)


def test_the_other_workloads_of_harbors_chart_are_named_in_its_profile(helm: Path, harbor_chart: Path) -> None:
    profile = profile_of("harbor")
    assert profile.helm is not None
    rendered = harbor(helm, harbor_chart, "--set", "metrics.enabled=true,expose.type=nodePort,expose.tls.auto.commonName=x")
    others = {
        f"{one['kind']} …-{one['metadata']['name'].rpartition('-')[2]}"
        for one in rendered.objects
        if one["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}
    }
    assert others - {"Deployment …-core"} == set(profile.helm.also)


def test_harbors_values_make_one_core_of_the_release(helm: Path, harbor_chart: Path) -> None:
    profile = profile_of("harbor")
    assert profile.helm is not None
    shape = shape_of(profile.helm, "1.19.1")
    former = harbor(helm, harbor_chart).workload().liveness
    made = overlay(shape, release="2.15.1", replicas=1, liveness=former, chart_has=former)
    after = harbor(helm, harbor_chart, *as_sets(made.values)).workload()
    assert (after.replicas, after.release, after.liveness) == (1, "2.15.1", former)
    assert chart_version(profile.helm, "2.15.1") == "1.19.1"
    assert chart_version(profile.helm, "2.99.0") == "2.99.0"
