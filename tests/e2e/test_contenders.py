"""Who else acts on a deployment: found on a real API server, pinned and put back, waited for, named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta, OwnerReference
from lightkube.models.policy_v1 import PodDisruptionBudgetSpec
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, ResourceQuota
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.types import PatchType

from e2e.brought_kinds import brought
from e2e.kubernetes_scene import NAME, SCRIPTED, KubernetesScene, kubernetes_scene
from e2e.on_cluster import OnCluster, deployment, eventually
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.core.facts import Contender, ContenderKind
from lockage.ports import Rollout

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def scene(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


def platform_of(scene: KubernetesScene) -> KubernetesPlatform:
    """The platform of a Deployment that has no pods, for what needs none."""
    client = scene.client()
    return KubernetesPlatform(
        client, deployment=NAME, profile=SCRIPTED, releaser=PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    )


def idle(kube: lightkube.Client, **metadata: Any) -> Deployment:
    """A Deployment of no replicas."""
    from lightkube.models.core_v1 import Container

    made = deployment(NAME, Container(name=NAME, image="towpath:2.26.0"), replicas=0)
    assert made.metadata is not None
    for field, value in metadata.items():
        old = getattr(made.metadata, field)
        setattr(made.metadata, field, {**(old or {}), **value} if isinstance(value, dict) else value)
    return kube.create(made)


def hpa(kube: lightkube.Client, minimum: int, maximum: int) -> None:
    """An autoscaler without metrics: it holds its bounds, and no more."""
    target = CrossVersionObjectReference(kind="Deployment", name=NAME, apiVersion="apps/v1")
    spec = HorizontalPodAutoscalerSpec(scaleTargetRef=target, minReplicas=minimum, maxReplicas=maximum)
    kube.create(HorizontalPodAutoscaler(metadata=ObjectMeta(name=NAME), spec=spec))


def bounds(kube: lightkube.Client) -> tuple[int | None, int]:
    spec = kube.get(HorizontalPodAutoscaler, NAME).spec
    assert spec is not None
    return spec.minReplicas, spec.maxReplicas


def only(contenders: tuple[Contender, ...], kind: ContenderKind) -> Contender:
    (found,) = [each for each in contenders if each.kind is kind]
    return found


# --- autoscalers ---------------------------------------------------------------------------------------------------------


def test_a_real_autoscaler_is_found_pinned_and_put_back(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=1)
    hpa(kube, 3, 5)
    scene.grant()
    eventually(lambda: platform.workload().replicas == 3, "the autoscaler brings what it keeps at least")
    assert platform.workload().scaled_by == "kube-controller-manager (scale)"
    found = only(platform.contenders(), ContenderKind.AUTOSCALER)
    assert (found.object, found.does) == (f"HorizontalPodAutoscaler/{NAME}", "keeps 3 to 5 replicas")

    platform.pin(1, [found])
    assert bounds(kube) == (1, 1)
    eventually(lambda: platform.workload().replicas == 1, "the pinned one takes the others away")
    pinned = only(platform.contenders(), ContenderKind.AUTOSCALER)
    assert (pinned.minimum, pinned.maximum) == (1, 1)
    assert (pinned.changed_by or "").startswith("lockage at ")

    platform.scale(0)
    eventually(lambda: not platform.replicas(), "nobody is left")
    eventually(lambda: _resting(kube), "at 0 the autoscaler rests")
    assert platform.workload().replicas == 0

    platform.unpin([found])
    assert bounds(kube) == (3, 5)
    platform.unpin([found])  # once more changes nothing
    kube.delete(HorizontalPodAutoscaler, NAME)
    platform.unpin([found])


def _resting(kube: lightkube.Client) -> bool:
    status = kube.get(HorizontalPodAutoscaler, NAME).status
    return any(
        c.type == "ScalingActive" and c.reason == "ScalingDisabled" for c in (status.conditions if status else None) or ()
    )


def test_keda_is_pinned_by_its_own_annotation_and_its_autoscaler_is_its_business(
    scene: KubernetesScene, kube: lightkube.Client
) -> None:
    idle(kube)
    spec = {"scaleTargetRef": {"name": NAME}, "minReplicaCount": 2, "maxReplicaCount": 9}
    uid = brought(kube, "ScaledObject", "queue", spec=spec)  # what belongs to nobody is collected as garbage
    hpa(kube, 2, 9)
    owner = OwnerReference(apiVersion="keda.sh/v1alpha1", kind="ScaledObject", name="queue", uid=uid, controller=True)
    kube.patch(HorizontalPodAutoscaler, NAME, {"metadata": {"ownerReferences": [owner.to_dict()]}}, patch_type=PatchType.MERGE)
    platform = platform_of(scene)
    found = only(platform.contenders(), ContenderKind.AUTOSCALER)
    assert (found.object, found.minimum, found.maximum, found.paused) == ("ScaledObject/queue", 2, 9, False)
    platform.pin(1, [found])
    pinned = only(platform.contenders(), ContenderKind.AUTOSCALER)
    assert (pinned.paused, pinned.minimum, pinned.maximum) == (True, 2, 9)
    assert bounds(kube) == (2, 9)
    platform.unpin([found])
    assert only(platform.contenders(), ContenderKind.AUTOSCALER).paused is False


# --- owners --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("automated", "does", "paused"),
    [
        ({"selfHeal": True}, "syncs by itself and puts changes back", False),
        ({}, "syncs by itself", False),
        ({"enabled": False}, "syncs when it is told to", True),
        (None, "syncs when it is told to", True),
    ],
)
def test_argo_cd_is_found_by_what_the_object_says_of_it(
    scene: KubernetesScene, kube: lightkube.Client, automated: dict[str, bool] | None, does: str, paused: bool
) -> None:
    idle(kube, annotations={"argocd.argoproj.io/tracking-id": f"{kube.namespace}_shop:apps/Deployment:{kube.namespace}/{NAME}"})
    policy = {} if automated is None else {"syncPolicy": {"automated": automated}}
    brought(kube, "Application", "shop", spec=policy)
    found = only(platform_of(scene).contenders(), ContenderKind.OWNER)
    assert (found.object, found.does, found.paused) == (f"Application/shop in {kube.namespace}", does, paused)


def test_argo_cd_is_found_by_its_own_list_and_wants_what_is_synced(scene: KubernetesScene, kube: lightkube.Client) -> None:
    idle(kube)
    ours = {"group": "apps", "kind": "Deployment", "namespace": kube.namespace, "name": NAME, "status": "Synced"}
    brought(kube, "Application", "shop", spec={}, status={"resources": [ours]})
    brought(kube, "Application", "other", spec={}, status={"resources": [{**ours, "name": "other"}]})
    found = only(platform_of(scene).contenders(), ContenderKind.OWNER)
    assert (found.object, found.desired_image) == (f"Application/shop in {kube.namespace}", "towpath:2.26.0")


def test_a_tracking_annotation_that_was_copied_from_another_object_is_no_evidence(
    scene: KubernetesScene, kube: lightkube.Client
) -> None:
    idle(kube, annotations={"argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{kube.namespace}/another"})
    assert platform_of(scene).contenders() == ()


def test_helms_own_labels_make_nobody_an_owner(scene: KubernetesScene, kube: lightkube.Client) -> None:
    idle(kube, labels={"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"})
    assert platform_of(scene).contenders() == ()


@pytest.mark.parametrize(
    ("group", "kind"),
    [("kustomize.toolkit.fluxcd.io", "Kustomization"), ("helm.toolkit.fluxcd.io", "HelmRelease")],
)
@pytest.mark.parametrize("suspended", [False, True])
def test_flux_is_found_by_its_labels(
    scene: KubernetesScene, kube: lightkube.Client, group: str, kind: str, suspended: bool
) -> None:
    idle(kube, labels={f"{group}/name": "shop", f"{group}/namespace": kube.namespace})
    brought(kube, kind, "shop", spec={"suspend": suspended})
    found = only(platform_of(scene).contenders(), ContenderKind.OWNER)
    assert (found.object, found.paused) == (f"{kind}/shop in {kube.namespace}", suspended)


def test_an_owner_that_cannot_be_read_is_one_all_the_same(scene: KubernetesScene, kube: lightkube.Client) -> None:
    idle(kube, labels={"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
    found = only(platform_of(scene).contenders(), ContenderKind.OWNER)
    assert found.object == "Kustomization/shop in flux-system"


def test_an_operator_is_found_by_its_reference(scene: KubernetesScene, kube: lightkube.Client) -> None:
    kube.create(ConfigMap(metadata=ObjectMeta(name="shop")))
    uid = kube.get(ConfigMap, "shop").metadata.uid  # type: ignore[union-attr]
    owner = OwnerReference(apiVersion="v1", kind="ConfigMap", name="shop", uid=uid or "", controller=True)
    idle(kube, ownerReferences=[owner])
    found = only(platform_of(scene).contenders(), ContenderKind.OWNER)
    assert (found.object, found.does) == ("ConfigMap/shop", "controls it (an operator)")


@pytest.mark.parametrize(
    ("manager", "title"),
    [
        ("Terraform", "Terraform"),
        ("HashiCorp", "Terraform"),
        ("argocd-controller", "Argo CD"),
        ("kustomize-controller", "Flux"),
    ],
)
def test_terraform_and_others_are_found_by_the_fields_that_they_own(
    scene: KubernetesScene, kube: lightkube.Client, manager: str, title: str
) -> None:
    made = idle(kube)
    made.metadata = ObjectMeta(name=NAME, labels=made.metadata.labels if made.metadata else None)
    made.status = None
    kube.apply(made, field_manager=manager, force=True)
    platform = platform_of(scene)
    found = only(platform.contenders(), ContenderKind.OWNER)
    assert (found.object, found.desired_image) == (title, "towpath:2.26.0")
    assert manager in found.does
    # Whoever has been written over owns nothing any more.
    other = {"spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": NAME, "image": "towpath:2.26.6"}]}}}}
    kube.patch(Deployment, NAME, {**other, "spec": {**other["spec"], "replicas": 1}}, field_manager="kubectl-edit")
    assert platform.contenders() == ()
    assert (platform.workload().changed_by or "").startswith("kubectl-edit at ")


# --- constraints ---------------------------------------------------------------------------------------------------------


def test_a_disruption_budget_is_named_and_stops_no_rollout(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=1)
    spec = PodDisruptionBudgetSpec(minAvailable=1, selector=LabelSelector(matchLabels={"app.kubernetes.io/instance": NAME}))
    kube.create(PodDisruptionBudget(metadata=ObjectMeta(name="guarded"), spec=spec))
    other = PodDisruptionBudgetSpec(minAvailable=1, selector=LabelSelector(matchLabels={"app.kubernetes.io/instance": "other"}))
    kube.create(PodDisruptionBudget(metadata=ObjectMeta(name="other"), spec=other))
    found = only(platform.contenders(), ContenderKind.CONSTRAINT)
    assert found.object == "PodDisruptionBudget/guarded"
    assert "keeps 1 replicas available, so 0 may be evicted now" in found.does
    assert "a node drain does" in found.does
    platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
    eventually(lambda: [r.release for r in platform.replicas() if r.ready] == [scene.second], "the rollout goes through")


def test_a_quota_without_room_for_one_more_is_named(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = scene.open(replicas=2)
    kube.create(ResourceQuota(metadata=ObjectMeta(name="tight"), spec=ResourceQuotaSpec(hard={"pods": "2"})))
    kube.create(ResourceQuota(metadata=ObjectMeta(name="wide"), spec=ResourceQuotaSpec(hard={"pods": "20"})))
    eventually(lambda: _counted(kube, "tight") and _counted(kube, "wide"), "the quotas are counted")
    found = only(platform.contenders(), ContenderKind.CONSTRAINT)
    assert found.object == "ResourceQuota/tight"
    assert "pods: 2 of 2 are used" in found.does


def _counted(kube: lightkube.Client, name: str) -> bool:
    status = kube.get(ResourceQuota, name).status
    return bool(status and (status.used or {}).get("pods"))


@pytest.mark.parametrize(("mode", "named"), [("Auto", True), ("Recreate", True), ("Off", False), ("Initial", False)])
def test_a_vertical_autoscaler_that_evicts_is_named(
    scene: KubernetesScene, kube: lightkube.Client, mode: str, named: bool
) -> None:
    idle(kube)
    target = {"kind": "Deployment", "name": NAME, "apiVersion": "apps/v1"}
    brought(kube, "VerticalPodAutoscaler", "sized", spec={"targetRef": target, "updatePolicy": {"updateMode": mode}})
    objects = [each.object for each in platform_of(scene).contenders()]
    assert objects == (["VerticalPodAutoscaler/sized"] if named else [])


# --- an owner at work ----------------------------------------------------------------------------------------------------


@contextmanager
def syncing(kube: lightkube.Client, cluster: OnCluster, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A controller in the manner of Argo CD's, which applies what is wanted every second; change it to merge."""
    over = threading.Event()

    def sync() -> None:
        with lightkube.Client(config=KubeConfig.from_file(cluster.kubeconfig), namespace=kube.namespace) as client:
            while not over.wait(1.0):
                body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": dict(wanted)}
                client.patch(Deployment, NAME, body, patch_type=PatchType.APPLY, field_manager="argocd-controller", force=True)

    thread = threading.Thread(target=sync, name="argocd-controller")
    thread.start()
    try:
        yield wanted
    finally:
        over.set()
        thread.join()


def test_an_owner_at_work_would_undo_a_scale_within_seconds_and_is_named_for_it(
    scene: KubernetesScene, kube: lightkube.Client, cluster: OnCluster
) -> None:
    platform = scene.open(replicas=1)
    with syncing(kube, cluster, {"replicas": 1}):
        eventually(lambda: any(c.kind is ContenderKind.OWNER for c in platform.contenders()), "the owner shows")
        platform.scale(0)
        eventually(lambda: platform.workload().replicas == 1, "the owner puts it back")
        assert (platform.workload().scaled_by or "").startswith("argocd-controller at ")
