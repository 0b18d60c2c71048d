"""Helm killed in the middle of an upgrade: by its deadline, with its parent, by anybody; and what comes after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import lightkube
import psutil
import pytest

from e2e.cluster.layout import REPOSITORY
from e2e.held_api import HeldApi, held_api
from e2e.helm_scene import HelmScene, told
from e2e.on_cluster import OnCluster, eventually
from e2e.test_helm import BY_HELM_3, BY_HELM_4
from lockage.errors import LockageError, RefusedError, UnreachableError
from lockage.ports import Rollout

pytestmark = pytest.mark.e2e

UPGRADE = Rollout(release="2.26.6", replicas=1, liveness=None)


@pytest.fixture(params=["helm3", "helm4"])
def scene(
    request: pytest.FixtureRequest, cluster: OnCluster, kube: lightkube.Client, charts: str, tmp_path: Path
) -> Iterator[HelmScene]:
    if cluster.own is None:
        pytest.skip("Helm 3 and 4 are those of our own cluster")
    helm = cluster.own.programs / request.param
    with ExitStack() as clients:
        made = HelmScene(kube=kube, helm=helm, kubeconfig=cluster.kubeconfig, charts=charts, folder=tmp_path, clients=clients)
        made.install("2.26.0")
        yield made


@pytest.fixture
def held(scene: HelmScene, tmp_path: Path) -> Iterator[HeldApi]:
    """An API server that never answers the change of the Deployment."""
    with held_api(scene.rights(), tmp_path, method="PATCH", ending="/deployments/towpath") as door:
        yield door


def helms(namespace: str) -> list[psutil.Process]:
    """Every helm at work in the namespace, the leash not counted."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if line and "helm" in Path(line[0]).name and any(namespace in word for word in line):
            found.append(process)
    return found


def upgrade_in_thread(scene: HelmScene) -> tuple[threading.Thread, list[LockageError]]:
    failed: list[LockageError] = []

    def upgrade() -> None:
        try:
            scene.releaser(deadline_s=50.0).release(UPGRADE)
        except LockageError as error:
            failed.append(error)

    thread = threading.Thread(target=upgrade)
    thread.start()
    return thread, failed


def test_an_upgrade_that_does_not_end_is_ended_and_says_that_it_failed(scene: HelmScene, held: HeldApi) -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="helm did not end in time") as failed:
        replace(scene, through=held.kubeconfig).releaser(deadline_s=12.0).release(UPGRADE)
    assert failed.value.code == "LK513"
    assert time.monotonic() - began < 40.0
    assert helms(scene.namespace) == []
    assert scene.history() == [(1, "deployed"), (2, "failed")]
    scene.releaser().release(UPGRADE)
    assert scene.live()[:2] == (1, "towpath:2.26.6")
    assert scene.history()[-1] == (3, "deployed")


@BY_HELM_4
def test_helm_does_not_outlive_us_nor_do_the_values(scene: HelmScene, held: HeldApi, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "e2e.helm_upgrading", str(held.kubeconfig), scene.namespace, str(scene.helm), scene.charts]
    with subprocess.Popen(command, cwd=REPOSITORY / "tests", env={**os.environ, "TMPDIR": str(tmp_path)}) as parent:
        assert held.came.wait(60), "helm did not come to change the Deployment"
        assert list(tmp_path.glob("lockage-helm-*"))
        assert helms(scene.namespace)
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not helms(scene.namespace), "helm ends with its parent", limit_s=5.0)
    assert scene.history()[-1] == (2, "failed")
    assert not list(tmp_path.glob("lockage-helm-*"))
    scene.releaser().release(UPGRADE)
    assert scene.live()[1] == "towpath:2.26.6"


def test_what_a_killed_helm_of_ours_left_pending_is_marked_as_failed_and_the_upgrade_goes_on(
    scene: HelmScene, held: HeldApi
) -> None:
    thread, failed = upgrade_in_thread(replace(scene, through=held.kubeconfig))
    assert held.came.wait(60)
    for process in helms(scene.namespace):
        process.kill()
    thread.join()
    assert [type(error) for error in failed] == [RefusedError]
    assert scene.history() == [(1, "deployed"), (2, "pending-upgrade")]
    releaser = scene.releaser()
    assert told(releaser.check(UPGRADE)) == []
    assert scene.history()[-1] == (2, "pending-upgrade")
    releaser.release(UPGRADE)
    assert scene.history() == [(1, "superseded"), (2, "failed"), (3, "deployed")]
    assert scene.live()[1] == "towpath:2.26.6"
    assert any("marked as failed" in line for line in scene.said)


@BY_HELM_3
def test_an_operation_that_is_not_ours_is_named_and_left(scene: HelmScene, held: HeldApi) -> None:
    # A revision of ours before it: Helm hands its label on to the one that is not ours.
    scene.releaser().release(UPGRADE)
    where = [f"--namespace={scene.namespace}", f"--kubeconfig={held.kubeconfig}"]
    command = [str(scene.helm), "upgrade", "shop", scene.chart("2.26.0"), "--reuse-values", *where]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as theirs:
        assert held.came.wait(60)
        theirs.kill()
    assert scene.history()[-1] == (3, "pending-upgrade")
    with pytest.raises(RefusedError, match="revision 3, which Lockage did not begin") as refused:
        scene.releaser().release(replace(UPGRADE, replicas=2))
    assert refused.value.code == "LK516"
    assert refused.value.hint is not None
    assert "sh.helm.release.v1.shop.v3" in refused.value.hint
    assert told(scene.releaser().check(UPGRADE)) == [refused.value.message]
    assert scene.history()[-1] == (3, "pending-upgrade")
