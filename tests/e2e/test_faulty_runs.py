"""Whole upgrades whose API server refuses, fails, stalls, is away, or does not know us any more, in the middle of the run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lightkube
import psycopg
import pytest
from lightkube.models.core_v1 import Probe
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.coordination_v1 import Lease

from e2e.cluster.layout import REPOSITORY
from e2e.on_cluster import OnCluster, pods, service, towpath, until_ready
from e2e.rights import granted
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from support.faulty_api import FaultyApi, faulty_api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

NAME = "towpath"
BEFORE, AFTER = "2.26.6", "2.27.8"
ROWS = 30_000
"""API keys: the migration takes a second or two."""

KILLS_AFTER = 30
"""Failed probes, one a second: far more than a start takes on a busy machine, far less than a migration may be given."""

LIMIT_S = 300.0


class Run:
    """A deployment of towpath without Helm, and one upgrade of it through the faulty API."""

    def __init__(self, kube: lightkube.Client, api: FaultyApi, database: str, folder: Path) -> None:
        self.kube = kube
        self.api = api
        self.database = database
        self._folder = folder

    def begun(self) -> subprocess.Popen[str]:
        """The upgrade, under way in a process of its own."""
        where = ["-n", self.kube.namespace, "--kubeconfig", str(self.api.kubeconfig())]
        command = [sys.executable, "-m", "lockage.interfaces.cli.main", "upgrade", NAME, "--to", AFTER, "--yes"]
        command += ["--no-restore-point", "--strategy", "scale-to-zero", *where]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "LOCKAGE_HOME": str(self._folder / "home")},
        )

    def ended(self, process: subprocess.Popen[str]) -> str:
        """What it said, once it has ended well and everything is as it should be."""
        said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said
        until_ready(self.kube, NAME, replicas=2)
        found = self.kube.get(Deployment, NAME)
        assert found.metadata is not None
        assert found.spec is not None
        assert found.spec.template.spec is not None
        (container,) = found.spec.template.spec.containers
        probe = container.livenessProbe
        assert probe is not None
        assert (container.image, found.spec.replicas, probe.failureThreshold) == (f"towpath:{AFTER}", 2, KILLS_AFTER)
        assert not [key for key in found.metadata.annotations or {} if key.startswith("lockage.dev/")]
        lease = self.kube.get(Lease, f"lockage-{NAME}").spec
        assert lease is not None
        assert not lease.holderIdentity
        for pod in pods(self.kube, NAME):
            assert pod.status is not None
            assert [one.restartCount for one in pod.status.containerStatuses or []] == [0]
        with psycopg.connect(self.database) as session:
            (row,) = session.execute("select version, dirty from schema_migrations").fetchall()
        assert row == (release_named(AFTER).last_migration, False)
        return said


def install(kube: lightkube.Client, database: str) -> None:
    """Two replicas of the release before, ready, on a database with rows."""
    migrate(database, release=release_named("2.26.0"), application_name="towpath/install")
    seed(database, rows=ROWS)  # which knows the tables of that release only
    migrate(database, release=release_named(BEFORE), application_name="towpath/install")
    made = towpath(database, BEFORE, replicas=2)
    assert made.spec is not None
    assert made.spec.template.spec is not None
    (container,) = made.spec.template.spec.containers
    probe = container.livenessProbe
    assert isinstance(probe, Probe)
    probe.initialDelaySeconds, probe.failureThreshold = 0, KILLS_AFTER
    kube.create(service(NAME))
    kube.create(made)
    until_ready(kube, NAME, replicas=2)


@pytest.fixture
def run(cluster: OnCluster, kube: lightkube.Client, pods_database: str, tmp_path: Path) -> Iterator[Run]:
    """A deployment that can be upgraded."""
    install(kube, pods_database)
    confined = granted(kube, cluster.kubeconfig, NAME, "-n", str(kube.namespace), "--to", AFTER, folder=tmp_path)
    with faulty_api(confined, tmp_path) as api:
        yield Run(kube, api, pods_database, tmp_path)


def when_migrating(run: Run, act: Callable[[], None]) -> threading.Thread:
    """Does something as soon as the new release is asked for."""

    def wait() -> None:
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            spec = run.kube.get(Deployment, NAME).spec
            if (
                spec is not None
                and spec.template.spec is not None
                and spec.template.spec.containers[0].image == f"towpath:{AFTER}"
            ):
                act()
                return
            time.sleep(0.1)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_an_api_server_in_trouble_from_beginning_to_end(run: Run) -> None:
    run.api.storm(
        {"status": 500, "reason": "InternalError"},
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"cut": True},
        {"method": "PATCH", "status": 409, "reason": "Conflict"},
        {"status": 503, "reason": "ServiceUnavailable"},
        {"cut": True, "done": True},
        {"method": "PUT", "status": 409, "reason": "Conflict"},
        every=6,
    )
    run.ended(run.begun())


def test_an_api_server_that_is_away_for_20_s_while_the_migration_runs(run: Run) -> None:
    process = run.begun()

    def away() -> None:
        run.api.away()
        time.sleep(20.0)  # as long as a control plane takes to restart
        run.api.back()

    thread = when_migrating(run, away)
    said = run.ended(process)
    thread.join()
    assert "the platform answers again after" in " ".join(said.split())


def test_a_login_that_runs_out_while_the_migration_runs(run: Run) -> None:
    process = run.begun()

    def log_in_again() -> None:
        run.api.expire(new="another")
        time.sleep(5.0)  # as long as a person needs to notice
        run.api.kubeconfig()

    thread = when_migrating(run, log_in_again)
    said = run.ended(process)
    thread.join()
    assert "does not know us" in " ".join(said.split())


def test_an_api_server_that_does_not_answer_for_20_s_while_the_migration_runs(run: Run) -> None:
    process = run.begun()

    def stall() -> None:
        run.api.fault(stall=True, times=10_000)
        time.sleep(20.0)
        run.api.calm()

    thread = when_migrating(run, stall)
    run.ended(process)
    thread.join()
