"""What is said, with which code, when a deployment on Kubernetes is named wrongly, or stands as nothing can be made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightkube
import pytest
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import EnvVar, EnvVarSource, SecretKeySelector
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import Secret, ServiceAccount

from e2e.cluster.whole import Cluster
from e2e.on_cluster import OnCluster, towpath
from e2e.rights import granted, kubeconfig_for
from lockage.interfaces.cli.main import run

pytestmark = pytest.mark.e2e

URL = "postgresql://app:hunter2@nowhere.invalid:5432/shop"

Refused = Callable[..., dict[str, Any]]


def looking(cluster: OnCluster, kube: lightkube.Client, folder: Path, *arguments: str) -> tuple[str, ...]:
    """Arguments that lead to the namespace, with the right to look at what is there and no more."""
    asked = tuple(word for word in arguments if word not in {"--to", "2.26.6"})
    where = ("-n", str(kube.namespace))
    kubeconfig = granted(kube, cluster.kubeconfig, "shop", *where, *asked, "--read-only", folder=folder)
    return (*where, "--kubeconfig", str(kubeconfig))


@pytest.fixture
def refused(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What is said of a survey, or another command, that is refused; nothing of it shows the password."""

    def ask(*arguments: str, command: str = "survey", where: tuple[str, ...] | None = None) -> dict[str, Any]:
        if where is None:
            where = looking(cluster, kube, tmp_path, *arguments)
        code = run((command, "shop", *where, "--json", *arguments), environment={"LOCKAGE_HOME": str(tmp_path / "home")})
        out, said = capsys.readouterr()
        assert "hunter2" not in out + said
        failure = json.loads(said.splitlines()[-1])
        assert code == failure["exit_code"]
        assert failure["hint"]
        return failure

    return ask


def resting(url: str = URL, name: str = "towpath") -> Deployment:
    made = towpath(url, "2.26.0", replicas=0)
    assert made.metadata
    made.metadata.name = name
    made.metadata.labels = {**(made.metadata.labels or {}), "one": name}
    return made


def variable(made: Deployment) -> EnvVar:
    return made.spec.template.spec.containers[0].env[0]


def test_a_kubeconfig_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    failure = refused(where=("-n", "x", "--kubeconfig", str(tmp_path / "none")))
    assert (failure["code"], failure["exit_code"]) == ("LK501", 2)


def test_a_context_that_is_not_there(refused: Refused, cluster: OnCluster) -> None:
    failure = refused(where=("-n", "x", "--kubeconfig", str(cluster.kubeconfig), "--context", "none"))
    assert (failure["code"], failure["exit_code"]) == ("LK502", 2)
    assert "has no context none" in failure["message"]


def test_a_namespace_that_is_not_there(refused: Refused, cluster: OnCluster) -> None:
    # Only who may see namespaces is told so: here it is the administrator.
    failure = refused(where=("-n", "no-such-place", "--kubeconfig", str(cluster.kubeconfig)))
    assert (failure["code"], failure["exit_code"]) == ("LK503", 2)
    assert "there is no namespace no-such-place" in failure["message"]


def test_a_right_that_is_missing(refused: Refused, cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> None:
    kube.create(ServiceAccount(metadata=ObjectMeta(name="nobody")))
    kubeconfig = kubeconfig_for(kube, cluster.kubeconfig, "nobody", folder=tmp_path)
    failure = refused(where=("-n", str(kube.namespace), "--kubeconfig", str(kubeconfig)))
    assert (failure["code"], failure["exit_code"]) == ("LK504", 3)
    assert f"nobody may not list deployments.apps in namespace {kube.namespace}" in failure["message"]
    assert "lockage rbac" in failure["hint"]


def test_an_empty_namespace(refused: Refused) -> None:
    failure = refused()
    assert (failure["code"], failure["exit_code"]) == ("LK530", 3)
    assert "no Deployment in namespace" in failure["message"]
    assert failure["message"].endswith("there: none")


def test_two_that_fit(refused: Refused, kube: lightkube.Client) -> None:
    for name in ("blue", "green"):
        kube.create(resting(name=name))
    failure = refused("--profile", "towpath")
    assert (failure["code"], failure["exit_code"]) == ("LK531", 3)
    assert "Deployment/blue, Deployment/green" in failure["message"]
    assert failure["hint"] == "choose one with --selector one=blue"
    assert refused("--profile", "towpath", "--selector", "one=green", "--reach", "port-forward")["code"] == "LK537"


def test_a_stateful_set(refused: Refused, kube: lightkube.Client) -> None:
    spec = resting().spec
    assert spec
    made = StatefulSetSpec(selector=spec.selector, serviceName="x", template=spec.template, replicas=0)
    kube.create(StatefulSet(metadata=ObjectMeta(name="towpath"), spec=made))
    failure = refused()
    assert (failure["code"], failure["exit_code"]) == ("LK532", 3)
    assert "StatefulSet/towpath in namespace" in failure["message"]


def test_paused_rollouts_are_shown_and_not_planned_for(
    refused: Refused, kube: lightkube.Client, cluster: OnCluster, pods_database: str, tmp_path: Path
) -> None:
    made = resting(pods_database)
    assert made.spec
    made.spec.paused = True
    kube.create(made)
    where = looking(cluster, kube, tmp_path)
    assert run(("survey", "shop", *where), environment={"LOCKAGE_HOME": str(tmp_path / "home")}) == 0
    failure = refused("--to", "2.26.6", command="plan")
    assert failure["exit_code"] == 3


def test_a_variable_that_is_missing(refused: Refused, kube: lightkube.Client) -> None:
    made = resting()
    variable(made).name = "ANOTHER"
    kube.create(made)
    failure = refused()
    assert (failure["code"], failure["exit_code"]) == ("LK534", 3)
    assert "variable TOWPATH_PG_CONNECTION_URL of container towpath of Deployment/towpath is not set" in failure["message"]


@pytest.mark.parametrize(
    ("name", "said"), [("none", "there is no Secret/none in"), ("db", "there is no key url of Secret/db in")]
)
def test_a_secret_or_a_key_that_is_missing(refused: Refused, kube: lightkube.Client, name: str, said: str) -> None:
    kube.create(Secret(metadata=ObjectMeta(name="db"), stringData={"uri": URL}))
    made = resting()
    variable(made).value = None
    variable(made).valueFrom = EnvVarSource(secretKeyRef=SecretKeySelector(name=name, key="url"))
    kube.create(made)
    failure = refused()
    assert (failure["code"], failure["exit_code"]) == ("LK535", 3)
    assert said in failure["message"]


def test_what_is_no_address(refused: Refused, kube: lightkube.Client) -> None:
    kube.create(resting("mysql://app:hunter2@db/shop"))
    failure = refused()
    assert (failure["code"], failure["exit_code"]) == ("LK536", 3)
    assert "it begins with mysql://" in failure["message"]


def test_a_database_that_no_way_leads_to(
    refused: Refused, cluster: OnCluster, kube: lightkube.Client, own_cluster: Cluster, tmp_path: Path
) -> None:
    host = own_cluster.network.host
    kube.create(resting(f"postgresql://app:hunter2@{host}:1/shop"))
    where = looking(cluster, kube, tmp_path, "--reach", "pod")
    failure = refused("--relay-image", "towpath:2.26.0", where=where)
    assert (failure["code"], failure["exit_code"]) == ("LK537", 3)
    tried = (
        f"directly: no database answers at {host}:1",
        f"by kubectl port-forward: no Service or Pod that we see has the address {host}",
        f"through a pod of ours: no database answers at {host}",
    )
    assert all(way in failure["message"] for way in tried), failure


def test_a_release_of_helm_whose_chart_nobody_names(
    refused: Refused, cluster: OnCluster, kube: lightkube.Client, tmp_path: Path
) -> None:
    made = resting()
    assert made.metadata
    made.metadata.annotations = {"meta.helm.sh/release-name": "prod", "meta.helm.sh/release-namespace": str(kube.namespace)}
    kube.create(made)
    failure = refused("--helm-release", "prod", where=looking(cluster, kube, tmp_path))
    assert (failure["code"], failure["exit_code"]) == ("LK003", 2)
    assert "--helm-release of Helm say nothing without a chart" in failure["message"]
