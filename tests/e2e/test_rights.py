"""With exactly the rights that ``lockage rbac`` prints everything works, and without one of them what fails names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from e2e.cluster.whole import Cluster
from e2e.installed import NAME, Installed
from e2e.on_cluster import OnCluster, eventually, service, towpath, until_ready
from e2e.rights import Rule, applied, least_privilege, lockage, printed

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]

LOOKS = {"get", "list"}


@pytest.fixture
def shop(kube: Client, pods_database: str) -> tuple[str, ...]:
    """towpath by manifests, its address in a Secret; gives the arguments that name it."""
    kube.create(Secret(metadata=ObjectMeta(name="towpath-database"), stringData={"url": pods_database}))
    kube.create(Secret(metadata=ObjectMeta(name="another"), stringData={"url": "of no interest"}))
    wanted = towpath(pods_database, "2.26.0")
    variable = wanted.spec.template.spec.containers[0].env[0]
    variable.value = None
    variable.valueFrom = {"secretKeyRef": {"name": "towpath-database", "key": "url"}}
    kube.create(wanted)
    kube.create(service("towpath"))
    until_ready(kube, "towpath")
    return ("shop", "-n", kube.namespace, "--reach", "direct", "--profile", "towpath")


def survey(cluster: OnCluster, shop: tuple[str, ...], kubeconfig: Path, home: Path) -> dict[str, object]:
    done = lockage(cluster, ["survey", *shop, "--kubeconfig", str(kubeconfig), "--json"], home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_survey_needs_no_more_than_the_read_only_rights_which_write_nothing_and_read_one_secret(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    text = printed(cluster.kubeconfig, *shop, "--read-only")
    kubeconfig = applied(kube, cluster.kubeconfig, text, folder=tmp_path)
    seen = survey(cluster, shop, kubeconfig, tmp_path)
    assert seen["release"] == "2.26.0"
    assert {each["source"] for each in seen["versions"]} == {"image", "buildinfo", "command"}
    assert not [said for said in seen["problems"] if "may not" in said], seen["problems"]
    assert [said for said in seen["problems"] if "missing to upgrade" in said and "rbac shop --missing" in said]
    assert not [said for said in seen["problems"] if "missing to look" in said]
    rules = next(each["rules"] for each in yaml.safe_load_all(text) if each["kind"] == "Role")
    writing = [rule["resources"] for rule in rules if not set(rule["verbs"]) <= LOOKS]
    assert writing == [["pods/exec"]]
    assert [rule["resourceNames"] for rule in rules if "secrets" in rule["resources"]] == [["towpath-database"]]


def of(resource: str, *verbs: str) -> Callable[[Rule], bool]:
    return lambda rule: rule["resources"] == [resource] and (not verbs or set(verbs) <= set(rule["verbs"]))


NEEDED = {
    "deployments": "may not list deployments.apps",
    "replicasets": "may not list replicasets.apps",
    "pods": "may not list pods",
    "secrets": "Secret/towpath-database",
}
"""What a survey cannot do without, and how it names it."""

USEFUL = ("pods/exec", "events", "pods/proxy")
"""What it can do without."""


def test_without_a_right_a_survey_names_it_or_says_what_it_did_not_see(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    text = printed(cluster.kubeconfig, *shop, "--read-only")
    for resource, named in NEEDED.items():
        kubeconfig = applied(kube, cluster.kubeconfig, text, folder=tmp_path, without=of(resource))
        done = lockage(cluster, ["survey", *shop, "--kubeconfig", str(kubeconfig)], home=tmp_path)
        assert done.returncode == 3, done.stderr
        assert named in done.stderr
        assert "lockage rbac" in done.stderr
    for resource in USEFUL:
        kubeconfig = applied(kube, cluster.kubeconfig, text, folder=tmp_path, without=of(resource))
        problems = survey(cluster, shop, kubeconfig, tmp_path)["problems"]
        assert [said for said in problems if resource in said], problems


def test_what_is_missing_is_printed_as_a_role_for_who_asked(
    kube: Client, cluster: OnCluster, shop: tuple[str, ...], tmp_path: Path
) -> None:
    kubeconfig = least_privilege(kube, cluster, *shop, folder=tmp_path, without=of("leases"))
    done = lockage(cluster, ["rbac", *shop, "--kubeconfig", str(kubeconfig), "--missing", "--json"], home=tmp_path)
    assert done.returncode == 0, done.stderr
    lacking = {(each["resource"], each["group"], tuple(each["verbs"])) for each in json.loads(done.stdout)["rules"]}
    assert lacking == {
        ("leases", "coordination.k8s.io", ("create",)),
        ("leases", "coordination.k8s.io", ("get", "update")),
        ("nodes", "", ("list",)),
        ("pods", "", ("list",)),
    }
    written = lockage(cluster, ["rbac", *shop, "--kubeconfig", str(kubeconfig), "--missing"], home=tmp_path).stdout
    assert "- kind: ServiceAccount\n  name: lockage\n" in written or "name: lockage\n" in written.partition("subjects:")[2]


PATIENT = {"enabled": True, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 30}


def test_the_rights_that_every_run_here_has_are_those_that_the_command_prints(installed: Installed, cluster: OnCluster) -> None:
    """That a run over two hops needs no more is shown by those of the other tests, with an autoscaler and without."""
    installed.install(replicas=1, livenessProbe=PATIENT)
    # Other tests take what was printed before, elsewhere: the command itself prints the same here.
    asked = ["rbac", NAME, "--to", "2.27.8", "--kubeconfig", str(installed.kubeconfig)]
    typed = lockage(cluster, asked, home=installed.folder, here=installed.folder)
    assert typed.returncode == 0, typed.stderr
    for _ in range(2):
        installed.grant(to="2.27.8")
        assert installed.granted == typed.stdout
    assert "pods/portforward" not in typed.stdout  # the lockage.toml says the address


def test_without_a_right_to_write_an_upgrade_is_refused_and_names_it(installed: Installed) -> None:
    installed.install(replicas=1, livenessProbe=PATIENT)
    before = installed.end()
    lacking = [
        (of("leases", "create"), "may not create leases.coordination.k8s.io"),
        (of("secrets"), "secrets"),
        (of("roles", "patch"), "roles"),
    ]
    for without, named in lacking:
        installed.grant(to="2.27.8", without=without)
        done = installed.lockage("upgrade", NAME, "--to", "2.26.6", "--no-restore-point", "--yes")
        assert done.code == 3, done.err
        assert named in done.err
        assert installed.end() == before


def test_on_our_own_cluster_lockage_writes_nothing_with_the_administrators_rights(own_cluster: Cluster, kube: Client) -> None:
    def refused() -> str:
        try:
            kube.create(ConfigMap(metadata=ObjectMeta(generateName="by-lockage-")), field_manager="lockage")
        except ApiError as error:
            return error.status.message or ""
        return ""

    eventually(lambda: "those that lockage rbac prints" in refused(), "the policy holds", limit_s=20.0)
    kube.create(ConfigMap(metadata=ObjectMeta(name="by-a-person")), field_manager="kubectl")
