"""The platform on Kubernetes passes the port's suite, on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lightkube
import pytest

from e2e.cluster.whole import Cluster
from e2e.kubernetes_scene import KubernetesScene, kubernetes_scene
from e2e.on_cluster import OnCluster
from ports.platform_suite import PlatformSuite

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(cluster: OnCluster, own_cluster: Cluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    """A deployment whose behaviour follows files of this host."""
    del own_cluster  # the files are on its node only
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


class TestKubernetesPlatform(PlatformSuite):
    """With real pods."""
