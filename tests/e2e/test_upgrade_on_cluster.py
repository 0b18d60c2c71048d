"""The main job on a real cluster, under traffic: the usual way, by hand, and with Lockage, measured in one run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import lightkube
import msgspec
import psycopg
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace
from psycopg import sql
from rich.console import Console

from e2e.cluster import whole
from e2e.installed import NAME, Installed
from e2e.measured import confine, under_traffic, watched
from e2e.on_cluster import OnCluster
from lockage.adapters.postgres.embedded import Server
from lockage.demo.answers import read_answers
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.interfaces.demo.performance import DemoResult, LockagePerformance
from lockage.interfaces.demo.playbill import MARGIN_RATIO, MARGIN_WITH_HELM_S, show_playbill

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

ROWS = 200_000
"""API keys: the direct jump takes longer than the liveness probe allows, and seeding a few seconds."""

FEW_ROWS = 5_000
"""Where the length of a migration is not the point."""

LIVENESS = {"enabled": True, "periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 3}
"""Kills after 5 s, as on the local stage: a fifth of Kubernetes' default."""

RESULTS_VARIABLE = "LOCKAGE_E2E_RESULTS"
"""Folder for the measured figures as JSON; without it they go to the test's own."""

DRAIN = {"preStop": {"sleep": {"seconds": 3}}}
"""Before a pod is told to stop, every node has taken it out of the Service. Without such a pause each rolling update on
Kubernetes loses the requests that still come to pods which have stopped, whoever begins it."""


class Install(Protocol):
    """Installs a release, on a copy of the seeded database or one with few rows, for Lockage to upgrade with no more rights
    than it needs; further keywords are values of the chart."""

    def __call__(self, title: str, release: str, *, to: str, many_rows: bool = False, **towpath: Any) -> Installed: ...


def show(text: str) -> None:
    """A line for whoever waits, or reads why a test failed."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")


@pytest.fixture(scope="module")
def seeded(pods_server: Server) -> str:
    """Name of a database of 2.26.0 with its rows, to be copied."""
    name = f"seeded_{os.urandom(4).hex()}"
    fill(new_database(pods_server, name, template="template0"), rows=ROWS)
    return name


@pytest.fixture
def install(
    cluster: OnCluster,
    own_cluster: whole.Cluster,
    charts: str,
    pods_server: Server,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Install]:
    """Installs a release in a namespace of its own, on its own copy of the seeded database."""
    with ExitStack() as stack:

        def install(title: str, release: str, *, to: str, many_rows: bool = False, **towpath: Any) -> Installed:
            mark = os.urandom(4).hex()
            namespace = f"e2e-{title}-{mark}"
            kube = stack.enter_context(lightkube.Client(config=KubeConfig.from_file(cluster.kubeconfig), namespace=namespace))
            kube.create(Namespace(metadata=ObjectMeta(name=namespace)))
            stack.callback(kube.delete, Namespace, namespace)
            database = f"{title.replace('-', '_')}_{mark}"
            template: str = request.getfixturevalue("seeded") if many_rows else "template0"
            url = new_database(pods_server, database, template=template)
            if not many_rows:
                fill(url, rows=FEW_ROWS)
                migrate(url, release=release_named(release), application_name="towpath/install")
            folder = tmp_path / title
            folder.mkdir()
            installed = Installed(
                kube=kube,
                helm=own_cluster.programs / "helm",
                kubeconfig=cluster.kubeconfig,
                charts=charts,
                database=url.replace("127.0.0.1", own_cluster.network.host),
                database_here=url,
                folder=folder,
            )
            liveness = LIVENESS if many_rows else {**LIVENESS, "failureThreshold": 15}  # kills are the point only there
            installed.install(release, rows=0, livenessProbe=liveness, **towpath)
            confine(installed, cluster, to)
            show(f"{title}: {release} serves in namespace {namespace}")
            return installed

        yield install


def new_database(server: Server, name: str, *, template: str) -> str:
    """URL of a new database, for this host."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        copy = "create database {} template {} strategy file_copy"
        admin.execute(sql.SQL(copy).format(sql.Identifier(name), sql.Identifier(template)))
        admin.execute("checkpoint")  # what the copy wrote is no part of anybody's upgrade
    return server.url(name, tcp=True)


def fill(url: str, *, rows: int) -> None:
    """The schema of 2.26.0 and its rows."""
    migrate(url, release=release_named("2.26.0"), application_name="towpath/install")
    seed(url, rows=rows)


def gone(installed: Installed) -> None:
    """The other ways begin on a quiet machine."""
    installed.helm_command("uninstall", NAME)


def allowed_s(lockage: LockagePerformance) -> float:
    return MARGIN_RATIO * lockage.limit_s + MARGIN_WITH_HELM_S * lockage.hops


def keep(result: DemoResult, folder: Path, name: str) -> None:
    """Print the figures as a table, and write them as JSON."""
    show_playbill(result, Console(file=sys.stdout, width=100, force_terminal=False), margin_s=MARGIN_WITH_HELM_S)
    file = Path(os.environ.get(RESULTS_VARIABLE, str(folder))) / f"{name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    show(f"written to {file}")


@pytest.mark.timeout(480)
def test_lockage_takes_less_from_users_than_the_guide_and_the_usual_way_ends_in_a_crash_loop(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        usual = install("usual", "2.26.0", to="2.27.8", many_rows=True)
        with under_traffic(usual) as felt, watched(usual, "2.27.8") as said:
            naive = felt.usually("2.27.8", show)
            seen = said()
        gone(usual)

        manual = install("by-hand", "2.26.0", to="2.27.8", many_rows=True)
        with under_traffic(manual) as felt:
            by_hand = felt.by_hand("2.27.8", show)
        assert manual.ready("2.27.8") == 3
        gone(manual)

        ours = install("lockage", "2.26.0", to="2.27.8", many_rows=True)
        with under_traffic(ours) as felt:
            lockage = felt.by_lockage("2.27.8")
        keep(DemoResult(rows=ROWS, naive=naive, by_hand=by_hand, lockage=lockage), tmp_path, "upgrade_on_cluster")

    # Real kills by the kubelet, and the backend that outlived its client.
    assert naive.outcome == "crash_loop"
    assert [line for line in seen if "was killed by its liveness probe" in line]
    assert [line for line in seen if "of a dead client holds the migration's lock" in line]

    assert by_hand.outcome == "healthy"
    assert ours.ready("2.27.8") == 3
    assert ours.ledger() == (18, False)
    assert lockage.unavailable_s <= allowed_s(lockage)
    assert lockage.unavailable_s < by_hand.unavailable_s


@pytest.mark.timeout(240)
def test_a_patch_release_goes_by_rolling_and_loses_no_request(install: Install, tmp_path: Path) -> None:
    patched = install("patch", "2.27.8", to="2.27.9", lifecycle=DRAIN, terminationGracePeriodSeconds=10)
    with under_traffic(patched) as felt:
        lockage = felt.by_lockage("2.27.9")
    keep(DemoResult(rows=FEW_ROWS, lockage=lockage), tmp_path, "patch_release_on_cluster")
    assert lockage.strategy == "rolling"
    assert [answer for answer in read_answers(felt.answers) if not answer.succeeded] == []
    assert lockage.unavailable_s == 0
    assert patched.ready("2.27.9") == 3


@pytest.mark.timeout(240)
def test_scale_to_one_is_carried_out(install: Install, tmp_path: Path) -> None:
    asked = install("one", "2.26.0", to="2.26.6")
    with under_traffic(asked) as felt:
        lockage = felt.by_lockage("2.26.6", "--strategy", "scale-to-one")
    keep(DemoResult(rows=FEW_ROWS, lockage=lockage), tmp_path, "scale_to_one_on_cluster")
    assert lockage.strategy == "scale-to-one"
    assert lockage.unavailable_s <= allowed_s(lockage)
    assert asked.ready("2.26.6") == 3
