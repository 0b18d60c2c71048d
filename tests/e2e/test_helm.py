"""Upgrades by Helm, 3 and 4, of charts in the newer and the older shape, on a real API server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightkube
import pytest

from e2e.chart_archives import pack_charts
from e2e.helm_scene import OLDER_SHAPE, HelmScene, told, towpath_profile
from e2e.on_cluster import OnCluster
from lockage.core.facts import Probe
from lockage.ports import Rollout

pytestmark = pytest.mark.e2e

DEFAULT = Probe()
PATIENT = Probe(failure_threshold=90)


@pytest.fixture(scope="session")
def newer_charts(cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    assert cluster.own is not None
    return pack_charts(tmp_path_factory.mktemp("newer"), helm=cluster.own.programs / "helm3")


@pytest.fixture(scope="session")
def older_charts(cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    assert cluster.own is not None
    releases = ("2.26.0", "2.26.6", "2.27.8", "2.27.9")
    return pack_charts(tmp_path_factory.mktemp("older"), helm=cluster.own.programs / "helm3", releases=releases, older=releases)


@pytest.fixture(params=["helm3", "helm4"])
def scene(request: pytest.FixtureRequest, cluster: OnCluster, kube: lightkube.Client, newer_charts: str, tmp_path: Path) -> HelmScene:
    assert cluster.own is not None
    return HelmScene(
        kube=kube,
        helm=cluster.own.programs / request.param,
        kubeconfig=cluster.kubeconfig,
        charts=newer_charts,
        folder=tmp_path,
    )


def test_one_replica_with_a_patient_probe_and_then_all_with_their_own_leave_the_users_values_as_they_were(
    scene: HelmScene,
) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=3", "--set=towpath.livenessProbe.enabled=true")
    before = scene.values()
    releaser = scene.releaser()
    first = Rollout(release="2.27.8", replicas=1, liveness=PATIENT)
    assert told(releaser.check(first)) == []
    releaser.release(first)
    replicas, image, liveness = scene.live()
    assert (replicas, image) == (1, "towpath:2.27.8")
    assert liveness == PATIENT
    last = Rollout(release="2.27.8", replicas=3, liveness=DEFAULT)
    assert told(releaser.check(last)) == []
    releaser.release(last)
    assert scene.live() == (3, "towpath:2.27.8", DEFAULT)
    assert scene.values() == before
    assert [status for _, status in scene.history()] == ["superseded", "superseded", "deployed"]


def test_what_stands_already_makes_no_revision(scene: HelmScene) -> None:
    scene.install("2.26.0", "--set=towpath.replicaCount=2")
    rollout = Rollout(release="2.26.6", replicas=1, liveness=None)
    scene.releaser().release(rollout)
    scene.releaser().release(rollout)
    assert len(scene.history()) == 2
    scene.kube.patch(lightkube.resources.apps_v1.Deployment.Scale, "towpath", {"spec": {"replicas": 0}})
    scene.releaser().release(rollout)
    assert scene.live()[0] == 1
