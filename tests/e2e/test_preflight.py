"""What is found before anything is changed: an image that does not come, what is missing, what has no room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lightkube
import pytest
from lightkube.models.core_v1 import (
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    LimitRangeItem,
    LimitRangeSpec,
    PersistentVolumeClaimVolumeSource,
    PodSpec,
    ResourceQuotaSpec,
    ResourceRequirements,
    SecretEnvSource,
    SecretKeySelector,
    Toleration,
    Volume,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import LimitRange, Pod, ResourceQuota, Secret, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding
from lightkube.types import PatchType

from e2e.kubernetes_scene import NAME, SCRIPTED, KubernetesScene, kubernetes_scene
from e2e.on_cluster import OnCluster, deployment, eventually
from e2e.rights import kubeconfig_for
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.core.facts import Check, ContenderKind
from lockage.ports import Rollout

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECOND = Rollout(release="2.26.6", replicas=1, liveness=None)


@pytest.fixture
def scene(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


class Idle:
    """A Deployment of no replicas, whose pods would be as a test says."""

    def __init__(self, scene: KubernetesScene, kube: lightkube.Client) -> None:
        self.scene = scene
        self.kube = kube
        self.spec = PodSpec(containers=[Container(name=NAME, image="towpath:2.26.0", imagePullPolicy="IfNotPresent")])

    @property
    def container(self) -> Container:
        return self.spec.containers[0]

    def checks(self, rollout: Rollout = SECOND) -> tuple[Check, ...]:
        made = deployment(NAME, self.container, replicas=0)
        assert made.spec is not None
        self.spec.containers = [self.container]
        made.spec.template.spec = self.spec
        self.kube.create(made)
        self.scene.grant("--cluster-role")  # room on the nodes is among the checks
        client = self.scene.client()
        releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
        platform = KubernetesPlatform(client, deployment=NAME, profile=SCRIPTED, releaser=releaser)
        checks = platform.preflight(rollout)
        assert [*self.kube.list(Pod)] == [], "nothing of it is left"
        return checks


@pytest.fixture
def idle(scene: KubernetesScene, kube: lightkube.Client) -> Idle:
    return Idle(scene, kube)


def failed(checks: tuple[Check, ...]) -> dict[str, str]:
    """Texts of the failed ones; each has a hint."""
    assert all(check.hint for check in checks if not check.ok)
    return {check.name: check.text for check in checks if not check.ok}


def passed(checks: tuple[Check, ...], name: str) -> str:
    return "; ".join(check.text for check in checks if check.ok and check.name == name)


def test_a_good_release_is_brought_to_the_node_and_asked_for_its_version(idle: Idle) -> None:
    checks = idle.checks()
    assert failed(checks) == {}
    assert "towpath:2.26.6 is on" in passed(checks, "image")
    assert "says 2.26.6" in passed(checks, "image")


@pytest.mark.parametrize(
    ("image", "reason"),
    [("towpath:2.26.0", "ErrImageNeverPull|ErrImagePull"), ("registry.invalid/none:2.26.0", "ErrImagePull|ImagePullBackOff")],
)
def test_an_image_that_cannot_be_pulled_is_found_with_the_nodes_own_words(idle: Idle, image: str, reason: str) -> None:
    idle.container.image = image
    found = failed(idle.checks(Rollout(release="2.99.0", replicas=1, liveness=None)))
    assert list(found) == ["image"]
    assert image.replace("2.26.0", "2.99.0") in found["image"]
    assert any(each in found["image"] for each in reason.split("|"))


def test_an_image_that_is_another_release_than_its_tag_says_is_found(scene: KubernetesScene, kube: lightkube.Client) -> None:
    import msgspec

    lying = msgspec.structs.replace(
        SCRIPTED, version=msgspec.structs.replace(SCRIPTED.version, command=("sh", "-c", "echo version v2.26.1"))
    )
    kube.create(deployment(NAME, Container(name=NAME, image="towpath:2.26.0"), replicas=0))
    client = scene.client()
    platform = KubernetesPlatform(
        client, deployment=NAME, profile=lying, releaser=PatchReleaser(client, deployment=NAME, profile=lying)
    )
    assert "says 2.26.1" in failed(platform.preflight(SECOND))["image"]


def test_a_pod_that_tries_an_image_never_starts_the_application_and_knows_no_secret(idle: Idle, kube: lightkube.Client) -> None:
    from lockage.adapters.kubernetes.contenders import deployment_of
    from lockage.adapters.kubernetes.trial import Trial, pod_of

    kube.create(Secret(metadata=ObjectMeta(name="database"), stringData={"url": "postgres://secret"}))
    reference = SecretKeySelector(name="database", key="url")
    idle.container.env = [EnvVar(name="URL", valueFrom=EnvVarSource(secretKeyRef=reference))]
    idle.container.command = ["sh", "-c", "exit 7"]
    checks = idle.checks()
    assert failed(checks) == {}
    trial = Trial(
        seen=deployment_of(idle.scene.client(), NAME),
        container=NAME,
        image="towpath:2.26.6",
        release="2.26.6",
        command=("towpath", "version"),
        pattern="(.*)",
        nodes=(),
    )
    pod = pod_of(trial, None)
    (container,) = pod["spec"]["containers"]
    assert "env" not in container
    assert container["command"] == ["towpath", "version"]
    assert not {"app.kubernetes.io/name", "app.kubernetes.io/instance"} & set(pod["metadata"]["labels"])


def test_what_a_killed_process_left_goes_first(idle: Idle, kube: lightkube.Client) -> None:
    left = Pod(
        metadata=ObjectMeta(name="left", labels={"lockage.dev/trial": NAME}),
        spec=PodSpec(containers=[Container(name="x", image="towpath:2.26.0", command=["sleep", "600"])]),
    )
    kube.create(left)
    assert failed(idle.checks()) == {}


# --- what is missing -----------------------------------------------------------------------------------------------------


def test_secrets_keys_and_accounts_that_are_missing_are_named_one_by_one(idle: Idle, kube: lightkube.Client) -> None:
    kube.create(Secret(metadata=ObjectMeta(name="there"), stringData={"url": "x"}))
    idle.container.env = [
        EnvVar(name="A", valueFrom=EnvVarSource(secretKeyRef=SecretKeySelector(name="there", key="url"))),
        EnvVar(name="B", valueFrom=EnvVarSource(secretKeyRef=SecretKeySelector(name="there", key="token"))),
        EnvVar(name="C", valueFrom=EnvVarSource(secretKeyRef=SecretKeySelector(name="gone", key="x"))),
        EnvVar(name="D", valueFrom=EnvVarSource(secretKeyRef=SecretKeySelector(name="may-be-gone", key="x", optional=True))),
    ]
    idle.container.envFrom = [EnvFromSource(secretRef=SecretEnvSource(name="gone-too"))]
    checks = idle.checks()
    texts = {check.text for check in checks if check.name == "references" and not check.ok}
    assert texts == {"Secret there has no key token", "Secret gone does not exist", "Secret gone-too does not exist"}
    assert not any("postgres" in check.text for check in checks)


def test_a_service_account_that_is_missing_is_found(idle: Idle, kube: lightkube.Client) -> None:
    idle.spec.serviceAccountName = "nobody"
    found = failed(idle.checks())
    assert found["references"] == "ServiceAccount nobody does not exist"
    kube.delete(Deployment, NAME)
    kube.create(ServiceAccount(metadata=ObjectMeta(name="nobody")))
    assert failed(idle.checks()) == {}


def test_a_claim_that_does_not_exist_is_found(idle: Idle) -> None:
    claim = PersistentVolumeClaimVolumeSource(claimName="data")
    idle.spec.volumes = [Volume(name="data", persistentVolumeClaim=claim)]
    assert failed(idle.checks())["volumes"] == "PersistentVolumeClaim data does not exist"


# --- what has no room ----------------------------------------------------------------------------------------------------


def test_a_quota_without_room_for_the_surge_refuses(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=2)
    kube.create(ResourceQuota(metadata=ObjectMeta(name="tight"), spec=ResourceQuotaSpec(hard={"pods": "2"})))
    eventually(lambda: (kube.get(ResourceQuota, "tight").status or {}) and _used(kube) == "2", "the quota is counted")
    rolling = platform.preflight(Rollout(release="2.26.6", replicas=2, liveness=None))
    assert "pods: 2 of 2 are used" in failed(rolling)["quota"]
    assert "maxUnavailable 0" in failed(rolling)["quota"]
    assert passed(rolling, "image").startswith("not checked: a pod to pull")
    alone = platform.preflight(Rollout(release="2.26.6", replicas=1, liveness=None))
    assert failed(alone) == {}
    assert "the old ones go first" in passed(alone, "quota")


def _used(kube: lightkube.Client) -> str | None:
    status = kube.get(ResourceQuota, "tight").status
    return (status.used or {}).get("pods") if status else None


def test_a_limit_range_that_refuses_a_replica_is_found_by_the_api_servers_dry_run(idle: Idle, kube: lightkube.Client) -> None:
    most = LimitRangeItem(type="Container", max={"memory": "64Mi"})
    kube.create(LimitRange(metadata=ObjectMeta(name="small"), spec=LimitRangeSpec(limits=[most])))
    idle.container.resources = ResourceRequirements(limits={"memory": "1Gi"}, requests={"memory": "1Gi"})
    found = failed(idle.checks())
    assert "maximum memory usage per Container is 64Mi" in found["admission"]


def test_a_replica_larger_than_every_node_is_found(idle: Idle) -> None:
    idle.container.resources = ResourceRequirements(requests={"memory": "9000Gi"})
    assert "none of 1 eligible nodes has room" in failed(idle.checks())["capacity"]


def test_a_selector_that_no_node_fits_is_found(idle: Idle) -> None:
    idle.spec.nodeSelector = {"gpu": "yes"}
    idle.spec.tolerations = [Toleration(operator="Exists")]
    found = failed(idle.checks())
    assert "none of 1 nodes is ready and takes such a replica" in found["capacity"]
    assert "no node takes a pod of it" in found["image"]


def test_a_priority_class_that_does_not_exist_is_found(idle: Idle) -> None:
    idle.spec.priorityClassName = "very"
    assert "no PriorityClass with name very" in failed(idle.checks())["admission"]


def test_a_paused_rollout_is_seen(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=1)
    kube.patch(Deployment, NAME, {"spec": {"paused": True}}, patch_type=PatchType.MERGE, field_manager="kubectl-rollout")
    assert platform.workload().paused
    assert (platform.workload().changed_by or "").startswith("kubectl-rollout at ")


def test_what_may_not_be_looked_at_is_said_and_is_no_failure(
    scene: KubernetesScene, kube: lightkube.Client, cluster: OnCluster, tmp_path: Path
) -> None:
    scene.open(replicas=1)
    kube.create(ServiceAccount(metadata=ObjectMeta(name="few")))
    rules = [
        PolicyRule(apiGroups=["apps"], resources=["deployments"], verbs=["get", "patch"]),
        PolicyRule(apiGroups=[""], resources=["pods"], verbs=["list", "create", "delete"]),
        PolicyRule(apiGroups=[""], resources=["pods/log"], verbs=["get"]),
    ]
    kube.create(Role(metadata=ObjectMeta(name="few"), rules=rules))
    subject = Subject(kind="ServiceAccount", name="few", namespace=kube.namespace)
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="few")
    kube.create(RoleBinding(metadata=ObjectMeta(name="few"), roleRef=role, subjects=[subject]))
    client = scene.client(kubeconfig=kubeconfig_for(kube, cluster.kubeconfig, "few", folder=tmp_path))
    releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    platform = KubernetesPlatform(client, deployment=NAME, profile=SCRIPTED, releaser=releaser)
    checks = platform.preflight(SECOND)
    assert failed(checks) == {}
    assert passed(checks, "capacity") == "not checked: no right to read nodes"
    assert "resourcequotas" in passed(checks, "quota")
    assert "towpath:2.26.6 is on" in passed(checks, "image")
    unknown = [each for each in platform.contenders() if each.kind is ContenderKind.UNKNOWN]
    assert {each.object for each in unknown} == {
        "a HorizontalPodAutoscaler",
        "a ScaledObject (KEDA)",
        "a VerticalPodAutoscaler",
        "a PodDisruptionBudget",
        "a ResourceQuota",
        "Argo CD",
    }
