"""A close look at a Deployment on a real cluster: the port's suite, with the rights that are printed for looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import lightkube
import pytest
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ResourceQuota

from e2e.cluster.whole import Cluster
from e2e.kubernetes_scene import NAME, SCRIPTED, KubernetesScene, kubernetes_scene
from e2e.on_cluster import OnCluster
from lockage.adapters.kubernetes.examination import KubernetesExaminer
from lockage.errors import RefusedError
from lockage.ports import Platform
from ports.platform_examiner_suite import Examined, PlatformExaminerSuite

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(cluster: OnCluster, own_cluster: Cluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    """A deployment whose behaviour follows files of this host."""
    del own_cluster  # the files are on its node only
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


def examiner(scene: KubernetesScene, *rights: str) -> KubernetesExaminer:
    client = scene.client(kubeconfig=scene.grant("--read-only", *rights)) if rights else scene.client()
    return KubernetesExaminer(client, deployment=NAME, profile=SCRIPTED)


class TestKubernetesExaminer(PlatformExaminerSuite):
    """With real pods."""

    @pytest.fixture
    def examined(self, scene: KubernetesScene) -> Examined:
        def examine(_: Platform) -> KubernetesExaminer:
            return examiner(scene)

        return examine

    def test_nodes_are_refused_by_name_without_a_cluster_role_and_shown_with_one(self, scene: KubernetesScene) -> None:
        scene.open(replicas=1)
        with pytest.raises(RefusedError, match="may not list nodes"):
            examiner(scene).nodes()
        looking = examiner(scene, "--cluster-role")
        nodes = {node.name: node for node in looking.nodes()}
        (detail,) = looking.details()
        assert detail.node is not None
        node = nodes[detail.node]
        assert (node.ready, node.architecture) == (True, "amd64")
        assert (node.memory_bytes or 0) > 2**28
        assert {"Ready", "MemoryPressure"} <= {condition.type for condition in node.conditions}

    def test_quotas_are_shown_with_what_is_used(self, scene: KubernetesScene, kube: lightkube.Client) -> None:
        kube.create(ResourceQuota(metadata=ObjectMeta(name="few"), spec=ResourceQuotaSpec(hard={"pods": "7"})))
        scene.open(replicas=1)
        looking = examiner(scene)

        def used() -> list[tuple[str, str | None]]:
            return [(quota.hard["pods"], quota.used.get("pods")) for quota in looking.quotas()]

        assert scene.eventually(lambda: used() == [("7", "1")])

    def test_what_may_not_be_read_is_refused_by_verb_and_resource(self, scene: KubernetesScene) -> None:
        scene.open(replicas=1)
        looking: dict[str, Callable[[], object]] = {"secrets": lambda: _helm_history(scene)}
        for resource, look in looking.items():
            with pytest.raises(RefusedError, match=f"may not list {resource}"):
                look()


def _helm_history(scene: KubernetesScene) -> object:
    from lockage.adapters.helm.records import history

    client = scene.client()
    return history(client, client.namespace, "nobody")
