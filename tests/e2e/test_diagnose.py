"""``lockage diagnose`` on a real cluster, with no more than the rights that are printed for looking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Secret

from e2e.installed import NAME, Installed
from e2e.on_cluster import OnCluster, eventually, pods, service, towpath, until_ready
from e2e.rights import least_privilege, lockage

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]


@pytest.fixture
def shop(kube: Client, pods_database: str) -> tuple[str, ...]:
    """towpath by manifests, its address in a Secret; gives the arguments that name it."""
    kube.create(Secret(metadata=ObjectMeta(name="towpath-database"), stringData={"url": pods_database}))
    wanted = towpath(pods_database, "2.26.0", replicas=2)
    variable = wanted.spec.template.spec.containers[0].env[0]
    variable.value = None
    variable.valueFrom = {"secretKeyRef": {"name": "towpath-database", "key": "url"}}
    kube.create(wanted)
    kube.create(service("towpath"))
    until_ready(kube, "towpath", replicas=2)
    return ("shop", "-n", kube.namespace, "--reach", "direct", "--profile", "towpath")


def diagnosed(
    cluster: OnCluster, shop: tuple[str, ...], kubeconfig: Path, home: Path, *more: str, code: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The diagnosis, and the evidence that it rests on."""
    saved = home / "evidence.json"
    done = lockage(
        cluster, ["diagnose", *shop, "--kubeconfig", str(kubeconfig), "--json", "--save", str(saved), *more], home=home
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout), json.loads(saved.read_text())


def test_a_healthy_deployment_is_healthy_and_looking_needs_no_more_than_the_read_only_rights(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    kubeconfig = least_privilege(kube, cluster, *shop, "--read-only", "--cluster-role", folder=tmp_path)
    before = kube.get(Deployment, "towpath").metadata.resourceVersion
    diagnosis, evidence = diagnosed(cluster, shop, kubeconfig, tmp_path)
    assert (diagnosis["healthy"], diagnosis["findings"]) == (True, [])
    assert not [each for each in diagnosis["missing"] if "may not" in each["why"]], diagnosis["missing"]
    unseen = {name for name, seen in evidence["platform"].items() if seen is None}
    assert unseen <= {"usage"}
    assert len(evidence["platform"]["details"]) == len(evidence["platform"]["logs"]) == 2
    assert len(evidence["database"]["looks"]) == 2
    assert {each["replica"] for each in evidence["database"]["owned"] if each["replica"]} == {
        pod.metadata.name for pod in pods(kube, "towpath")
    }
    assert kube.get(Deployment, "towpath").metadata.resourceVersion == before


def test_the_namespace_alone_is_enough(kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path) -> None:
    kubeconfig = least_privilege(kube, cluster, *shop, "--read-only", "--cluster-role", folder=tmp_path)
    diagnosis, evidence = diagnosed(cluster, ("-n", str(kube.namespace)), kubeconfig, tmp_path)
    assert diagnosis["healthy"], diagnosis["findings"]
    assert evidence["database"]["ledger"]["version"] == 12


def test_helms_history_is_read_without_helm(installed: Installed, tmp_path: Path) -> None:
    installed.install("2.26.0", replicas=1)
    done = installed.lockage("diagnose", NAME, "--json", "--save", str(tmp_path / "evidence.json"))
    assert done.code in {0, 5}, done
    evidence = json.loads((tmp_path / "evidence.json").read_text())
    (revision,) = evidence["platform"]["releases"]
    assert (revision["revision"], revision["status"], revision["chart"]) == (1, "deployed", "towpath-2.26.0"), done
    assert revision["updated_at"]


def test_a_replica_that_a_node_may_not_give_the_log_of_is_named(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    kubeconfig = least_privilege(
        kube, cluster, *shop, "--read-only", folder=tmp_path, without=lambda rule: rule["resources"] == ["pods/log"]
    )
    diagnosis, evidence = diagnosed(cluster, shop, kubeconfig, tmp_path)
    assert evidence["platform"]["logs"] is None
    assert [each for each in diagnosis["missing"] if "may not get pods/log" in each["why"]], diagnosis["missing"]


def test_a_crash_loop_is_seen_with_the_last_words_of_each_process(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    kubeconfig = least_privilege(kube, cluster, *shop, "--read-only", "--cluster-role", folder=tmp_path)
    wrong = {"name": "towpath", "env": [{"name": "TOWPATH_HTTP_ADDRESS", "value": "nonsense"}]}
    kube.patch(Deployment, "towpath", {"spec": {"template": {"spec": {"containers": [wrong]}}}})

    def crashed() -> bool:
        statuses = [pod.status.containerStatuses or [] for pod in pods(kube, "towpath") if pod.status is not None]
        return any(one.restartCount >= 1 for each in statuses for one in each)

    eventually(crashed, "a pod was restarted")
    diagnosis, evidence = diagnosed(cluster, shop, kubeconfig, tmp_path, code=5)
    assert diagnosis["findings"], diagnosis
    assert [log for log in evidence["platform"]["logs"] if log["previous"] and log["lines"]]
