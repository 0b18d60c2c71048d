"""The main job on a real cluster, under traffic: the usual way, by hand, and with Lockage, measured in one run of the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from e2e.on_cluster import OnCluster
from e2e.rights import LOCKAGE, programs_path
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import Strategy
from lockage.demo.answers import read_answers
from lockage.interfaces.demo.evening import Watching, carried_out
from lockage.interfaces.demo.installation import NAME, confined
from lockage.interfaces.demo.on_cluster import ClusterStage, Where, open_stage
from lockage.interfaces.demo.performance import DemoResult, LockagePerformance
from lockage.interfaces.demo.playbill import MARGIN_RATIO, MARGIN_WITH_HELM_S, show_playbill
from lockage.interfaces.demo.users import users_of
from lockage.interfaces.folders import find_folders

pytestmark = [pytest.mark.e2e, pytest.mark.measured]

FEW_ROWS = 5_000
"""Where the length of a migration is not the point."""

RESULTS_VARIABLE = "LOCKAGE_E2E_RESULTS"
"""Folder for the measured figures as JSON; without it they go to the test's own."""

PATIENT = {"enabled": True, "periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 15}
"""A liveness probe for where kills are not the point."""

DRAIN = {"preStop": {"sleep": {"seconds": 3}}}
"""Before a pod is told to stop, every node has taken it out of the Service. Without such a pause each rolling update on
Kubernetes loses the requests that still come to pods which have stopped, whoever begins it."""


def show(text: str) -> None:
    """A line for whoever waits, or reads why a test failed."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")


@pytest.fixture(scope="module")
def stage(cluster: OnCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStage]:
    """The demo's own stage, with few rows."""
    if cluster.own is None:
        pytest.skip("pods of a user's cluster do not reach a PostgreSQL on this host")
    folders = find_folders({"LOCKAGE_HOME": str(tmp_path_factory.mktemp("home"))})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", programs_path(cluster))
        where = Where(kubeconfig=cluster.kubeconfig, host=cluster.own.network.host)
        with open_stage(folders, where, rows=FEW_ROWS, say=show) as opened:
            yield opened


def upgraded(
    stage: ClusterStage,
    title: str,
    route: tuple[str, str],
    *,
    direct: bool = True,
    wishes: Wishes | None = None,
    **towpath: object,
) -> tuple[LockagePerformance, Path]:
    """An upgrade under traffic with the rights that ``lockage rbac`` prints, and the answers that users got."""
    first, target = route
    with stage.installed(title, first, towpath={"livenessProbe": PATIENT, **towpath}) as installation:
        bound = confined(installation, to=(target,))
        with users_of(stage.cluster, bound.namespace, NAME, folder=stage.folder, say=show, direct=direct) as answers:
            watching = Watching(event=lambda event: show(event.text))
            return carried_out(bound.located(), stage.folders, watching, target=target, answers=answers, wishes=wishes), answers


def allowed_s(lockage: LockagePerformance) -> float:
    return MARGIN_RATIO * lockage.limit_s + MARGIN_WITH_HELM_S * lockage.hops


def keep(result: DemoResult, folder: Path, name: str) -> None:
    """Print the figures as a table, and write them as JSON."""
    show_playbill(result, Console(file=sys.stdout, width=100, force_terminal=False), margin_s=MARGIN_WITH_HELM_S)
    file = Path(os.environ.get(RESULTS_VARIABLE, str(folder))) / f"{name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    show(f"written to {file}")


def typed(cluster: OnCluster, *arguments: str, home: Path) -> DemoResult:
    """What ``lockage demo … --json`` prints; what it says meanwhile is shown with the time."""
    environment = {**os.environ, "PATH": programs_path(cluster), "LOCKAGE_HOME": str(home)}
    out = home / "demo.json"
    with (
        out.open("wb") as answer,
        subprocess.Popen(
            [str(LOCKAGE), "demo", *arguments, "--kubeconfig", str(cluster.kubeconfig), "--json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
        ) as command,
    ):
        assert command.stderr is not None
        for line in command.stderr:
            show(line.rstrip())
    assert command.returncode == 0
    return msgspec.json.decode(out.read_bytes(), type=DemoResult)


@pytest.mark.timeout(480)
def test_lockage_takes_less_from_users_than_the_guide_and_the_usual_way_ends_in_a_crash_loop(
    cluster: OnCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if cluster.own is None:
        pytest.skip("pods of a user's cluster do not reach a PostgreSQL on this host")
    with capsys.disabled():
        result = typed(cluster, "--by-hand", "--host", cluster.own.network.host, home=tmp_path)
        keep(result, tmp_path, "upgrade_on_cluster")
    naive, by_hand, lockage = result.naive, result.by_hand, result.lockage
    assert naive is not None
    assert by_hand is not None
    assert lockage is not None

    # Real kills by the kubelet, and the backend that outlived its client.
    assert naive.outcome == "crash_loop"
    assert naive.cause is not None
    assert "failed liveness probe, will be restarted" in naive.cause
    assert "of a dead client held the migration's lock" in naive.cause

    assert by_hand.outcome == "healthy"
    assert lockage.outcome == "healthy"
    assert lockage.route == ("2.26.6", "2.27.8")
    assert lockage.unavailable_s <= allowed_s(lockage)
    assert lockage.unavailable_s < by_hand.unavailable_s


@pytest.mark.timeout(240)
def test_a_patch_release_goes_by_rolling_and_loses_no_request(stage: ClusterStage, tmp_path: Path) -> None:
    lockage, answers = upgraded(stage, "patch", ("2.27.8", "2.27.9"), lifecycle=DRAIN, terminationGracePeriodSeconds=10)
    keep(DemoResult(platform="kubernetes", rows=FEW_ROWS, lockage=lockage), tmp_path, "patch_release_on_cluster")
    assert (lockage.strategy, lockage.outcome) == ("rolling", "healthy")
    assert [answer for answer in read_answers(answers) if not answer.succeeded] == []
    assert lockage.unavailable_s == 0


@pytest.mark.timeout(240)
def test_scale_to_one_is_carried_out_for_users_who_come_through_the_api_server(stage: ClusterStage, tmp_path: Path) -> None:
    wishes = Wishes(strategy=Strategy.SCALE_TO_ONE)
    lockage, _ = upgraded(stage, "one", ("2.26.0", "2.26.6"), direct=False, wishes=wishes)
    keep(DemoResult(platform="kubernetes", rows=FEW_ROWS, lockage=lockage), tmp_path, "scale_to_one_on_cluster")
    assert (lockage.strategy, lockage.outcome) == ("scale-to-one", "healthy")
    assert lockage.unavailable_s <= allowed_s(lockage)
