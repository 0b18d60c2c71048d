"""The test cluster as a whole: build it, bring it up, take it down, find it.

For the command and for tests. The surprising thing: a cluster that a person brought up is used by the tests, and stays up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.layout import CannotError, Network, State, cache_folder, state_folder
from e2e.cluster.programs import Programs, install_packages, missing, programs
from e2e.cluster.record import Record, part_pid
from e2e.cluster.rootfs import towpath_archive
from e2e.cluster.start import running, start
from e2e.cluster.stop import stop

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster of our own."""

    state: State
    record: Record

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state.kubeconfig

    @property
    def network(self) -> Network:
        """Its addresses."""
        return Network(whole=self.record.network)

    @property
    def programs(self) -> Path:
        """The folder with ``kubectl``, ``helm3``, ``helm4`` and ``helm``, which is Helm 3."""
        return self.state.programs

    def part_pid(self, name: str) -> int | None:
        """The pid on the host of a part (``kubelet``, ``kube-apiserver``, …): killed, it comes back within about a second."""
        return part_pid(self.record, name)


def build(*, say: Say) -> tuple[Programs, list[Path]]:
    """Builds what is missing of programs and images, and gives them. Raises CannotError."""
    with _alone():
        return _made(say)


def up(*, say: Say) -> Cluster:
    """Gives the running cluster, which is built and started where it is not. Undone by `down`. Raises CannotError."""
    if what := missing():
        raise CannotError(what)
    state = State(folder=state_folder())
    begun = time.monotonic()
    with _alone():
        if record := running(state):
            return Cluster(state=state, record=record)
        made, archives = _made(say)
        built = time.monotonic()
        record = start(state, made, archives, say=say)
    say(f"ready: built in {built - begun:.1f} s, started in {time.monotonic() - built:.1f} s")
    return Cluster(state=state, record=record)


def down() -> bool:
    """Ends the cluster, whatever is left of it; says whether there was one. Raises CannotError."""
    if os.geteuid() != 0:
        raise CannotError("ending the test cluster needs root, as starting it did")
    with _alone():
        return stop(State(folder=state_folder()))


def status() -> Cluster | None:
    """Gives the cluster if it runs."""
    state = State(folder=state_folder())
    record = running(state)
    return Cluster(state=state, record=record) if record else None


def _made(say: Say) -> tuple[Programs, list[Path]]:
    """The images, which are fetched mostly, beside the programs, which are compiled mostly."""
    install_packages(say)
    with ThreadPoolExecutor(max_workers=1) as beside:
        archive = beside.submit(towpath_archive, say=say)
        made = programs(say=say)
        return made, [archive.result()]


@contextmanager
def _alone() -> Iterator[None]:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
