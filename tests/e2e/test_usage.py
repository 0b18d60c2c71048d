"""What pods use on a real node: memory near a limit, a pod killed for its memory, CPU, and a watch that never waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import lightkube
import pytest
from lightkube.models.core_v1 import Container, ResourceRequirements

from e2e.kubernetes_scene import NAME, SCRIPTED, KubernetesScene, kubernetes_scene
from e2e.on_cluster import OnCluster, deployment, eventually
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.core.facts import Usage
from lockage.flows.burden import Burden

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LIMIT_BYTES = 100 * 2**20

PROGRAM = """
import time
food = bytearray(MIB * 2**20)
while True:
    until = time.time() + 0.1
    while time.time() < until: pass
    time.sleep(0.1)
"""


@pytest.fixture
def scene(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[KubernetesScene]:
    with kubernetes_scene(cluster, kube, tmp_path) as made:
        yield made


def eating(scene: KubernetesScene, kube: lightkube.Client, mib: int) -> KubernetesPlatform:
    """A replica with so much memory in use, of 100 MiB, that keeps half a core busy."""
    program = PROGRAM.replace("MIB", str(mib))
    limits = ResourceRequirements(limits={"memory": "100Mi", "cpu": "1"}, requests={"cpu": "10m"})
    container = Container(
        name=NAME, image="towpath:2.26.0", imagePullPolicy="IfNotPresent", command=["python3", "-c", program], resources=limits
    )
    kube.create(deployment(NAME, container))
    client = scene.client()
    return KubernetesPlatform(
        client, deployment=NAME, profile=SCRIPTED, releaser=PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    )


def seen(platform: KubernetesPlatform) -> Usage | None:
    """The only replica's usage, once both figures are there."""
    return next((u for u in platform.usage() if u.memory_bytes is not None and u.cpu_cores is not None), None)


def test_memory_near_its_limit_is_seen_and_said_once_and_nobody_waits_for_it(
    scene: KubernetesScene, kube: lightkube.Client
) -> None:
    platform = eating(scene, kube, 88)
    usage = eventually(lambda: seen(platform), "usage is read")
    assert usage is not None
    assert usage.memory_limit_bytes == LIMIT_BYTES
    assert usage.memory_bytes is not None
    assert 0.88 * LIMIT_BYTES < usage.memory_bytes <= LIMIT_BYTES
    assert usage.cpu_cores is not None
    assert 0.02 < usage.cpu_cores <= 1.2
    assert usage.cpu_limit_cores == 1.0

    class Clock:
        monotonic = staticmethod(time.monotonic)

    burden, said = Burden(), list[str]()
    began = time.monotonic()
    for _ in range(200):
        burden.look(platform, Clock())  # type: ignore[arg-type]
        burden.tell((), lambda key, text: said.append(text))
    assert time.monotonic() - began < 2.0, "two hundred looks cost next to nothing"
    replicas = platform.replicas()
    once: set[str] = set()
    for _ in range(3):
        burden.tell(replicas, lambda key, text: None if key in once else (once.add(key), said.append(text)))
    assert len(said) == 1
    assert "of 100 MiB: beyond its limit it is killed" in said[0]


def test_a_replica_killed_for_its_memory_is_named_with_its_limit(scene: KubernetesScene, kube: lightkube.Client) -> None:
    platform = eating(scene, kube, 300)
    eventually(lambda: any(r.last_exit and r.last_exit.reason == "OOMKilled" for r in platform.replicas()), "it is killed")
    said: list[str] = []
    burden = Burden()
    burden.tell(platform.replicas(), lambda key, text: said.append(text))
    assert "was killed for its memory (OOMKilled" in said[0]
