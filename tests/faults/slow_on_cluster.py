"""Faults on Kubernetes that take a minute to show, or disturb whoever is beside; and their harmless neighbours.

The surprising thing: the node is lost for good measure, its kubelet stopped, so that for a minute nothing else on the cluster
gets ready either.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightkube.models.core_v1 import HTTPGetAction, Probe
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Secret

from e2e.chart_archives import pack_charts
from e2e.on_cluster import eventually, until_ready
from faults.beside_on_cluster import cordoned, kubelet_stopped, node_back
from faults.cluster_ground import MANY, NAME, ClusterGround
from faults.fault import Fault, Neighbour

AROUND = ("F011", "F081")

CHARTS_OWN = "towpath"
"""What the chart calls its Deployment, and what its release is called here."""

WORKS = """
select from pg_stat_activity
where datname = current_database() and application_name like 'towpath/%' and query like '%allow_list%'
"""
"""Of this database only: what an earlier fault has left behind works on in its own."""

# --- probes and grace -------------------------------------------------------------------------------------------------


@contextmanager
def never_ready(ground: ClusterGround) -> Iterator[None]:
    """The readiness probe asks for what the application does not have; the process is well."""
    ground.seeded()
    made = ground.made()
    ground.container(made).readinessProbe = Probe(httpGet=HTTPGetAction(path="/ready", port="http"), periodSeconds=1)
    ground.create(made)
    ground.until_event("Readiness probe failed")
    ground.until_waited(63.0)  # a start may take a minute
    yield


@contextmanager
def ready_late(ground: ClusterGround) -> Iterator[None]:
    ground.seeded()
    made = ground.made()
    asked = HTTPGetAction(path="/healthz", port="http")
    ground.container(made).readinessProbe = Probe(httpGet=asked, initialDelaySeconds=30, periodSeconds=1)
    ground.create(made)
    eventually(lambda: any(p.status and p.status.phase == "Running" for p in ground.pods()), "its process runs")
    yield


def _scaled_down_and_up(ground: ClusterGround) -> None:
    ground.patch({"replicas": 0})
    eventually(lambda: not ground.pods(), "no pod is there")
    ground.patch({"replicas": 1})


@contextmanager
def cut_off(ground: ClusterGround) -> Iterator[None]:
    """Somebody scales it down and up again in mid-migration, which is over when its grace is."""
    ground.seeded(rows=MANY, slow=True)
    made = ground.made("2.27.8")
    assert made.spec is not None
    assert made.spec.template.spec is not None
    made.spec.template.spec.terminationGracePeriodSeconds = 2
    ground.container(made).livenessProbe = None
    ground.create(made)
    eventually(lambda: ground.ask(WORKS), "it migrates")
    _scaled_down_and_up(ground)
    ground.until_one_waits_behind_an_orphan()
    yield


@contextmanager
def scaled_down_and_up(ground: ClusterGround) -> Iterator[None]:
    ground.seeded(release="2.27.8")
    ground.create(ground.made("2.27.8"), ready=True)
    _scaled_down_and_up(ground)
    until_ready(ground.kube, NAME)
    yield


# --- Helm -------------------------------------------------------------------------------------------------------------


@contextmanager
def _upgrading(ground: ClusterGround, *settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """By Helm's chart, and a ``helm upgrade --wait`` that has begun to wait."""
    ground.seeded()
    folder = Path(ground.folder) / "charts"
    folder.mkdir()
    helm = ground.own.programs / "helm"
    charts = pack_charts(folder, helm=helm, releases=("2.26.0", "2.26.6"))
    ground.kube.create(Secret(metadata=ObjectMeta(name="towpath-database"), stringData={"url": ground.url}))
    values = folder / "values.json"
    probe = {"enabled": True, "periodSeconds": 1}
    values.write_text(json.dumps({"towpath": {"image": {"repo": NAME}, "readinessProbe": probe}}))
    where = [f"--namespace={ground.kube.namespace}", f"--kubeconfig={ground.kubeconfig}", f"--values={values}"]
    subprocess.run(
        [helm, "install", CHARTS_OWN, charts.replace("{release}", "2.26.0"), *where], check=True, capture_output=True
    )
    until_ready(ground.kube, CHARTS_OWN)
    command = [helm, "upgrade", CHARTS_OWN, charts.replace("{release}", "2.26.6"), "--wait", *where, *settings]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as upgrade:
        try:
            eventually(lambda: _image(ground) == f"{NAME}:2.26.6", "Helm has changed the Deployment")
            yield upgrade
        finally:
            upgrade.kill()


def _image(ground: ClusterGround) -> str | None:
    return ground.container(ground.kube.get(Deployment, CHARTS_OWN)).image


@contextmanager
def helm_killed(ground: ClusterGround) -> Iterator[None]:
    """Whoever typed ``helm upgrade --wait`` closed the terminal; the replicas got ready all the same."""
    with _upgrading(ground, "--set=towpath.readinessProbe.initialDelaySeconds=5") as upgrade:
        upgrade.kill()
        until_ready(ground.kube, CHARTS_OWN)
        ground.until_waited(61.0)  # a Helm that lives would have written its end
        yield


@contextmanager
def helm_waits(ground: ClusterGround) -> Iterator[None]:
    with _upgrading(ground, "--set=towpath.readinessProbe.initialDelaySeconds=40"):
        yield


# --- a node -----------------------------------------------------------------------------------------------------------


@contextmanager
def node_lost(ground: ClusterGround) -> Iterator[None]:
    """As below, for whoever may look at nodes."""
    ground.sees_nodes = True
    with node_lost_unseen(ground):
        yield


@contextmanager
def node_lost_unseen(ground: ClusterGround) -> Iterator[None]:
    """The kubelet does not answer any more, and its node's lease runs out."""
    ground.seeded()
    ground.create(ground.made(), ready=True)
    with kubelet_stopped(ground):
        yield


FAULTS = (
    Fault(
        name="the readiness probe never succeeds",
        code="F004",
        make=never_ready,
        neighbour=Neighbour(name="the readiness probe begins late", make=ready_late),
    ),
    Fault(
        name="a grace period cuts a migration off",
        code="F005",
        make=cut_off,
        allowed=(*AROUND, "F043"),
        chained=(("F043", "F005"),),
        neighbour=Neighbour(name="scaled down and up", make=scaled_down_and_up),
    ),
    Fault(
        name="a Helm release is stuck",
        code="F077",
        make=helm_killed,
        neighbour=Neighbour(name="Helm waits for an upgrade", make=helm_waits),
    ),
    Fault(
        name="a node is lost",
        code="F083",
        make=node_lost,
        neighbour=Neighbour(name="a node takes nothing new", make=cordoned),
    ),
    Fault(
        name="a node is lost that one may not look at",
        code="F083",
        make=node_lost_unseen,
        neighbour=Neighbour(name="a node was away and is back", make=node_back),
    ),
)
