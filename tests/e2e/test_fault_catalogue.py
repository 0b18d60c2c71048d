"""Every fault of the catalogue that only Kubernetes has, made for real on the cluster and diagnosed without a profile.

What takes longest is skipped here, with the reason, and made by ``make bench``, or by ``python benchmarks/fault_catalogue.py
WORD …`` with words of its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightkube
import pytest
from _pytest.mark.structures import ParameterSet

from e2e.cluster.whole import Cluster
from e2e.on_cluster import OnCluster
from faults.cluster_catalogue import BENCH_ONLY, FAULTS
from faults.cluster_ground import ClusterGround
from faults.fault import Fault, Neighbour, against_fault, against_neighbour, said

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NEIGHBOURS = [fault.neighbour for fault in FAULTS if fault.neighbour is not None]


def cases(chosen: Sequence[Fault | Neighbour]) -> list[ParameterSet]:
    """Each as a parameter with its name; skipped where only the benchmark makes it."""
    return [
        pytest.param(
            case,
            id=case.name.replace(" ", "-"),
            marks=[pytest.mark.skip(reason=f"made by make bench: {BENCH_ONLY[case.name]}")] if case.name in BENCH_ONLY else [],
        )
        for case in chosen
    ]


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


@pytest.mark.parametrize("fault", cases(FAULTS))
def test_a_fault_is_named_by_its_cause_and_nothing_else_is(ground: ClusterGround, fault: Fault) -> None:
    with fault.make(ground):
        diagnosis, _ = ground.diagnose()
    assert not (wrong := against_fault(fault, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"


@pytest.mark.parametrize("neighbour", cases(NEIGHBOURS))
def test_a_harmless_neighbour_is_no_alarm(ground: ClusterGround, neighbour: Neighbour) -> None:
    with neighbour.make(ground):
        diagnosis, _ = ground.diagnose()
    assert not (wrong := against_neighbour(neighbour, diagnosis)), "\n".join(wrong) + f"\nsaid:\n  {said(diagnosis)}"


def test_only_what_is_in_the_catalogue_is_left_to_the_benchmark() -> None:
    assert set(BENCH_ONLY) <= {case.name for case in (*FAULTS, *NEIGHBOURS)}


def test_every_fault_has_a_harmless_neighbour_or_says_why_there_is_none() -> None:
    assert [fault.name for fault in FAULTS if (fault.neighbour is None) != bool(fault.no_neighbour)] == []
