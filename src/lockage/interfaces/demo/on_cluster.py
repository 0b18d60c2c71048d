"""The demonstration on a cluster: the same ways as on the local stage, by Helm, with kubelet, Service and rights for real.

Not for the local stage (``evening``). The surprising things: each way has a namespace and a copy of the database of its own,
which go while the next way is prepared; and everything goes at the end, Ctrl-C included, though Kubernetes may need some
seconds more than we wait.
"""

from __future__ import annotations

import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from lockage.errors import LockageError
from lockage.interfaces.demo.by_hand import perform_by_hand
from lockage.interfaces.demo.charts import pack_charts
from lockage.interfaces.demo.cluster import Cluster, open_cluster
from lockage.interfaces.demo.evening import Watching, Ways, carried_out, nothing
from lockage.interfaces.demo.hands import KubectlHands
from lockage.interfaces.demo.installation import NAME, Addresses, Installation, confined, install, remove
from lockage.interfaces.demo.performance import DemoResult, LockagePerformance, Performance, perform_naively, performance
from lockage.interfaces.demo.pods_database import PodsDatabase, require_address, seeded_server
from lockage.interfaces.demo.seeding import FIRST_RELEASE, TARGET_RELEASE
from lockage.interfaces.demo.users import users_of
from lockage.interfaces.demo.witness import Witness, loops_on_kubernetes
from lockage.interfaces.folders import Folders
from lockage.interfaces.wiring import open_world

DEFAULT_ROWS = 500_000
"""Rows of ``api_keys``: on a cluster the direct jump takes longer than the liveness probe allows with a third of them."""

WITNESS_LIMIT_S = 10.0
"""How long a dead client's backend is looked for after the crash loop has shown."""

LOOK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which cluster, and which PostgreSQL for it."""

    kubeconfig: Path
    context: str | None = None
    host: str | None = None  # address of this machine on which a PostgreSQL of ours listens; else:
    database: str | None = None  # URL of an administrator
    image: str | None = None  # repository of towpath's images; None: the chart's


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStage:
    """A cluster, a seeded database, packed charts: all that an installation needs."""

    cluster: Cluster
    server: PodsDatabase
    charts: str
    image: str | None
    folder: Path
    folders: Folders
    mark: str
    say: Callable[[str], None]

    @contextmanager
    def installed(
        self, title: str, release: str = FIRST_RELEASE, *, towpath: Mapping[str, Any] | None = None
    ) -> Generator[Installation]:
        """An installation, which is gone when the context is left. Raises as ``installation.install``."""
        namespace = f"lockage-demo-{title}-{self.mark}"
        self.say(f"installing {NAME} {release} by Helm in namespace {namespace}")
        database = self.server.copy(title.replace("-", "_"))
        try:
            addresses = Addresses(
                pods=self.server.url(database, self.server.application), lockage=self.server.url(database, self.server.lockage)
            )
            installation = Installation(
                cluster=self.cluster,
                namespace=namespace,
                charts=self.charts,
                folder=self.folder / title,
                addresses=addresses,
                folders=self.folders,
                kubeconfig=self.cluster.kubeconfig,
                context=self.cluster.context,
            )
            yield install(installation, release, image=self.image, towpath=towpath)
        finally:
            with undisturbed():
                self._tried(f"namespace {namespace}", lambda: remove(self.cluster, namespace))
                self._tried(f"database {database}", lambda: self.server.drop(database))

    def _tried(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except LockageError as error:  # it replaces no error that brought us here
            self.say(f"{what} may be left: {error.message}")


@contextmanager
def open_stage(folders: Folders, where: Where, *, rows: int, say: Callable[[str], None]) -> Generator[ClusterStage]:
    """A stage on a cluster until the context is left. Raises as ``open_cluster`` and ``seeded_server``."""
    if where.host is not None:
        require_address(where.host)
    with (
        open_cluster(where.kubeconfig, where.context) as cluster,
        tempfile.TemporaryDirectory(prefix="lockage-demo-") as made,
    ):
        folder = Path(made)
        say(f"the cluster at {cluster.server}, with {cluster.helm.title}")
        charts = pack_charts(folder, helm=Path(cluster.helm.path))
        with seeded_server(host=where.host, url=where.database, rows=rows, say=say) as server:
            yield ClusterStage(
                cluster=cluster,
                server=server,
                charts=charts,
                image=where.image,
                folder=folder,
                folders=replace(folders, configuration=folder / "configuration", state=folder / "state"),
                mark=secrets.token_hex(3),
                say=say,
            )


def demonstrate_on_cluster(folders: Folders, where: Where, *, rows: int, ways: Ways, watching: Watching) -> DemoResult:
    """What each way that was asked for costs on a cluster. Raises as ``open_stage`` and ``ClusterStage.installed``."""
    naive: Performance | None = None
    by_hand: Performance | None = None
    lockage: LockagePerformance | None = None
    with _ended_as_interrupted():
        watching.act("setting the stage")
        with open_stage(folders, where, rows=rows, say=watching.say) as stage:
            if ways.naive:
                watching.act(f"the usual way: one helm upgrade from {FIRST_RELEASE} to {TARGET_RELEASE}")
                naive = usual_way(stage, watching)
            if ways.by_hand:
                watching.act(f"by hand: the vendor's guide with helm and kubectl, from {FIRST_RELEASE} to {TARGET_RELEASE}")
                by_hand = guides_way(stage, watching)
            if ways.lockage:
                watching.act(f"with Lockage: lockage upgrade {NAME} --to {TARGET_RELEASE}, with the rights of lockage rbac")
                lockage = lockage_way(stage, watching)
            watching.say("taking the stage down")
    return DemoResult(platform="kubernetes", rows=rows, naive=naive, by_hand=by_hand, lockage=lockage)


def usual_way(stage: ClusterStage, watching: Watching) -> Performance:
    """What one ``helm upgrade`` costs, and what it leaves."""
    with stage.installed("usual") as installation, _with_users(stage, installation) as answers:
        with open_world(installation.located(), tell=nothing) as world:
            witness = Witness(world=world, target=TARGET_RELEASE, since=world.clock.now())
            outcome, interval, cause = perform_naively(
                world,
                target=TARGET_RELEASE,
                say=watching.say,
                roll_out=lambda: installation.upgrade(TARGET_RELEASE),
                loops=loops_on_kubernetes,
                between=witness.look,
            )
            if outcome == "crash_loop":
                _look_further(witness)
        account = witness.account if outcome != "healthy" else ""
        told = "; ".join(part for part in (cause, account) if part) or None
        return performance(answers, interval, outcome=outcome, cause=told)


def guides_way(stage: ClusterStage, watching: Watching) -> Performance:
    """What the vendor's guide costs when a script follows it with ``helm`` and ``kubectl``."""
    with stage.installed("by-hand") as installation, _with_users(stage, installation) as answers:
        with open_world(installation.located(), tell=nothing) as world:
            hands = KubectlHands(installation=installation)
            outcome, interval, cause = perform_by_hand(world, target=TARGET_RELEASE, say=watching.say, hands=hands)
        return performance(answers, interval, outcome=outcome, cause=cause)


def lockage_way(stage: ClusterStage, watching: Watching) -> LockagePerformance:
    """What the upgrade with Lockage costs, by a service account that has the rights of ``lockage rbac`` and no others."""
    with stage.installed("lockage") as installation:
        bound = confined(installation, to=(TARGET_RELEASE,))
        watching.say("Lockage's service account has what lockage rbac prints, and no more")
        with _with_users(stage, bound) as answers:
            return carried_out(bound.located(), stage.folders, watching, target=TARGET_RELEASE, answers=answers)


@contextmanager
def _with_users(stage: ClusterStage, installation: Installation) -> Generator[Path]:
    with users_of(stage.cluster, installation.namespace, NAME, folder=stage.folder, say=stage.say) as answers:
        yield answers


def _look_further(witness: Witness) -> None:
    until = time.monotonic() + WITNESS_LIMIT_S
    while (witness.kill is None or witness.orphan_pid is None) and time.monotonic() < until:
        witness.look()
        time.sleep(LOOK_S)


@contextmanager
def undisturbed() -> Generator[None]:
    """While it lasts, Ctrl-C does nothing: what is taken away, is taken away whole. It lasts some seconds at the most."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


@contextmanager
def _ended_as_interrupted() -> Generator[None]:
    """While it lasts, SIGTERM is a Ctrl-C, so that nothing is left behind either."""

    def on_end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, on_end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
