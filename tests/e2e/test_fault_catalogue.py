"""Every fault of the catalogue that only Kubernetes has, made for real on the cluster and diagnosed without a profile."""

from __future__ import annotations

from pathlib import Path

import lightkube
import pytest

from e2e.cluster.whole import Cluster
from e2e.on_cluster import OnCluster
from faults.fault import Fault, Neighbour, against_fault, against_neighbour, said
from faults.on_cluster import FAULTS, ClusterGround

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NEIGHBOURS = [fault.neighbour for fault in FAULTS if fault.neighbour is not None]


@pytest.fixture
def ground(
    cluster: OnCluster, own_cluster: Cluster, kube: lightkube.Client, pods_database: str, tmp_path: Path
) -> ClusterGround:
    made = ClusterGround(
        kube=kube,
        own=own_cluster,
        kubeconfig=cluster.kubeconfig,
        url=pods_database,
        url_here=pods_database.replace(own_cluster.network.host, "127.0.0.1"),
        folder=tmp_path,
    )
    made.tag_images()
    return made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_named_by_its_cause_and_nothing_else_is(ground: ClusterGround, fault: Fault) -> None:
    with fault.make(ground):
        diagnosis, _ = ground.diagnose()
    assert not (wrong := against_fault(fault, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"


@pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=lambda neighbour: neighbour.name.replace(" ", "-"))
def test_a_harmless_neighbour_is_no_alarm(ground: ClusterGround, neighbour: Neighbour) -> None:
    with neighbour.make(ground):
        diagnosis, _ = ground.diagnose()
    assert not (wrong := against_neighbour(neighbour, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"
