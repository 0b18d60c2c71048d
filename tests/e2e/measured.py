"""Ways to upgrade towpath on a cluster, under traffic, each measured by what the traffic felt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from e2e.installed import NAME, Installed
from e2e.on_cluster import OnCluster, eventually
from e2e.rights import least_privilege
from lockage.core.run import RunEvent, RunReport
from lockage.demo import traffic
from lockage.flows.world import World
from lockage.interfaces.demo.by_hand import perform_by_hand
from lockage.interfaces.demo.performance import (
    Interval,
    LockagePerformance,
    Performance,
    perform_naively,
    performance,
    with_figures,
)
from lockage.interfaces.deployments import find_deployment
from lockage.interfaces.flags import Wanted
from lockage.interfaces.folders import find_folders
from lockage.interfaces.wiring import open_world

RATE_PER_S = 20.0
"""Requests a second: enough that a gap of a second is no accident, and little beside a cluster on two cores."""


@dataclass(frozen=True, kw_only=True)
class Felt:
    """An installation with users."""

    installed: Installed
    answers: Path

    @contextmanager
    def world(self) -> Iterator[World]:
        """To look at it from this process."""
        folders = find_folders({"LOCKAGE_HOME": str(self.installed.folder / "onlooker")})
        located = find_deployment(Wanted(name=NAME), folders=folders, here=self.installed.folder, environment=os.environ)
        with open_world(located, tell=lambda _: None) as world:
            yield world

    def restarts(self) -> int:
        statuses = [pod.status.containerStatuses or [] for pod in self.installed.pods() if pod.status]
        return sum(one.restartCount for several in statuses for one in several)

    # --- the ways -----------------------------------------------------------------------------------------------------

    def usually(self, target: str, say: Callable[[str], None]) -> Performance:
        """One ``helm upgrade``, and then one sees."""
        with self.world() as world:
            helm = KubectlHands(self.installed)
            outcome, interval, cause = perform_naively(world, target=target, say=say, roll_out=lambda: helm.upgrade(target))
        return performance(self.answers, interval, outcome=outcome, cause=cause)

    def by_hand(self, target: str, say: Callable[[str], None]) -> Performance:
        """The vendor's guide with ``helm`` and ``kubectl``."""
        with self.world() as world:
            outcome, interval, cause = perform_by_hand(world, target=target, say=say, hands=KubectlHands(self.installed))
        return performance(self.answers, interval, outcome=outcome, cause=cause)

    def by_lockage(self, target: str, *options: str) -> LockagePerformance:
        """``lockage upgrade``, as typed."""
        began_s = time.time()
        done = self.installed.lockage("upgrade", NAME, "--to", target, "--yes", "--no-restore-point", "--json", *options)
        ended_s = time.time()
        assert done.code == 0, done.err
        report = msgspec.json.decode(done.out, type=RunReport)
        interval = Interval(began_s=began_s, ended_s=ended_s, restarts=self.restarts())
        return with_figures(performance(self.answers, interval, outcome="healthy", cause=None), report)


@contextmanager
def under_traffic(installed: Installed, *, rate_per_s: float = RATE_PER_S) -> Iterator[Felt]:
    """Users, while the context lasts."""
    answers = installed.folder / "traffic.csv"
    url = installed.service_url()
    plan = traffic.Plan(url=url, out=answers, rate_per_s=rate_per_s, duration_s=900.0, live_keys=20)
    with (installed.folder / "traffic.log").open("wb") as log:
        process = subprocess.Popen(traffic.command_line(plan), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: any(a.succeeded for a in traffic.read_answers(answers)), "a request is answered")
        yield Felt(installed=installed, answers=answers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def confine(installed: Installed, cluster: OnCluster, target: str) -> None:
    """From now on Lockage may do on the installation what ``lockage rbac`` prints for that upgrade, and no more."""
    asked = (NAME, "--to", target, "--reach", "direct")
    kubeconfig = least_privilege(installed.kube, cluster, *asked, folder=installed.folder, here=installed.folder)
    file = installed.folder / "lockage.toml"
    file.write_text(file.read_text().replace(str(installed.kubeconfig), str(kubeconfig)))


class KubectlHands:
    """A person's commands."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed

    def scale(self, replicas: int) -> None:
        self._kubectl("scale", f"deployment/{NAME}", f"--replicas={replicas}")

    def upgrade(self, release: str) -> None:
        values = self._installed.folder / "values.json"
        self._installed.helm_command(
            "upgrade", NAME, self._installed.charts.replace("{release}", release), f"--values={values}"
        )

    def remove_probe(self) -> None:
        patch = [{"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}]
        self._kubectl("patch", f"deployment/{NAME}", "--type=json", "-p", json.dumps(patch))

    def _kubectl(self, *words: str) -> None:
        kubectl = str(self._installed.helm.parent / "kubectl")
        where = [f"--kubeconfig={self._installed.kubeconfig}", f"--namespace={self._installed.kube.namespace}"]
        done = subprocess.run([kubectl, *where, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def watched(installed: Installed, target: str) -> Iterator[Callable[[], list[str]]]:
    """``lockage watch`` from another machine while the context lasts; gives what it has said so far."""
    command = [sys.executable, "-m", "lockage.interfaces.cli.main", "watch", NAME, "--to", target, "--json"]
    file = installed.folder / "watch.jsonl"
    with file.open("wb") as out, (installed.folder / "watch.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=installed.folder,
            env=installed.environment("watcher"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
        )

    def said() -> list[str]:
        text = file.read_text()
        return [msgspec.json.decode(line, type=RunEvent).text for line in text[: text.rfind("\n") + 1].splitlines()]

    try:
        eventually(said, "the watcher has looked")
        yield said
    finally:
        process.terminate()
        process.wait(timeout=20)
