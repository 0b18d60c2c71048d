"""A deployment on Kubernetes, found by flags and profile, and its database, from wherever its replicas have the address."""

from __future__ import annotations

import json
from pathlib import Path

import lightkube
import pytest
from lightkube.models.core_v1 import Container

from e2e.on_cluster import OnCluster, towpath, until_ready
from lockage.interfaces.cli.main import run

pytestmark = pytest.mark.e2e


def lockage(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path, *arguments: str) -> int:
    """The exit code of a command about the deployment in the test's namespace."""
    where = ("-n", kube.namespace, "--kubeconfig", str(cluster.kubeconfig))
    return run((arguments[0], "shop", *where, *arguments[1:]), environment={"LOCKAGE_HOME": str(tmp_path / "home")})


def container(deployment) -> Container:
    return deployment.spec.template.spec.containers[0]


def surveyed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_flags_alone_are_enough_for_a_survey(
    cluster: OnCluster, kube: lightkube.Client, pods_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kube.create(towpath(pods_database, "2.26.0", replicas=2))
    until_ready(kube, "towpath", replicas=2)
    assert lockage(cluster, kube, tmp_path, "survey", "--json") == 0
    seen = surveyed(capsys)
    assert seen["profile"] == "towpath"
    assert seen["workload"]["name"] == "towpath"
    assert seen["ledger"]["version"] == 12
    owners = {session["replica"] for session in seen["sessions"] if session["replica"]}
    assert owners == {replica["name"] for replica in seen["replicas"]}
