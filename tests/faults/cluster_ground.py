"""A namespace and a database for faults on the cluster, and ``lockage diagnose`` typed there.

The surprising thing: the image is called ferry, which no profile fits, so that every fault is diagnosed as a stranger's
application.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import lightkube
import msgspec
import psycopg
from lightkube.models.core_v1 import (
    EnvVar,
)
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Event, Pod
from lightkube.types import PatchType

from e2e.cluster.whole import Cluster
from e2e.on_cluster import eventually, towpath, until_ready
from e2e.rights import granted
from lockage.core.diagnosis.findings import Diagnosis
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed

NAME = "ferry"

PROFILE = """
schema = "lockage.profile/1"
name = "ferry"
title = "ferry"
[workload]
image = "ferry"
[version]
[database]
url_env = "TOWPATH_PG_CONNECTION_URL"
[migrations]
format = "plain"
ledger = "public.schema_migrations"
transaction = "file"
complete = false
"""
"""What ``lockage rbac`` is told of it; ``lockage diagnose`` is told nothing."""


def tag_images(own: Cluster) -> None:
    """towpath's images are ferry's too."""
    for release in ("2.26.0", "2.26.6", "2.27.8"):
        containerd(own, "tag", *(f"docker.io/library/{name}:{release}" for name in ("towpath", NAME)))


def containerd(own: Cluster, *arguments: str) -> None:
    """``ctr images`` of the cluster's containerd."""
    command = ["nsenter", f"--target={own.record.pid}", "--mount", "--net", "--pid", "ctr"]
    command += [f"--address={own.state.containerd_socket}", "--namespace=k8s.io", "images", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0 or "already exists" in done.stderr, done.stderr


SLOW_ROWS = """
create schema customer;
create table customer.pace (seconds double precision);
insert into customer.pace values (0.4);
create function customer.audited() returns trigger language plpgsql as $$
begin
    perform pg_sleep(seconds) from customer.pace;
    return new;
end $$;
create trigger audited before update on public.api_keys for each row execute function customer.audited();
"""
"""A trigger of the customer's own, which is slow: one statement of the migration outlasts probe, grace and diagnosis.

The pace is read for each row, so that it can be changed while a statement runs.
"""

MANY = 2_000
"""Of which a tenth live, as the application itself removes the others: 80 s for that statement, should nobody end it."""


@dataclass(kw_only=True)
class ClusterGround:
    """A namespace and a database of its own."""

    kube: lightkube.Client
    own: Cluster
    kubeconfig: Path  # the administrator's
    url: str  # for pods
    url_here: str
    folder: Path
    sees_nodes: bool = False  # whether whoever diagnoses may look at nodes

    def made(self, release: str = "2.26.0", *, replicas: int = 1) -> Deployment:
        made = towpath(self.url, release, replicas=replicas)
        labels = {"app.kubernetes.io/instance": NAME}
        assert made.metadata is not None
        assert made.spec is not None
        assert made.spec.template.metadata is not None
        made.metadata.name, made.metadata.labels = NAME, labels
        made.spec.selector.matchLabels = labels
        made.spec.template.metadata.labels = labels
        container = self.container(made)
        container.name, container.image = NAME, f"{NAME}:{release}"
        quiet = {"TOWPATH_REPORT_INTERVAL_S": "3600", "TOWPATH_REPORT_LENGTH_S": "0"}  # which would hold api_keys by itself
        container.env += [EnvVar(name=name, value=value) for name, value in quiet.items()]
        return made

    @staticmethod
    def container(made: Deployment):
        assert made.spec is not None
        assert made.spec.template.spec is not None
        return made.spec.template.spec.containers[0]

    def tag_images(self) -> None:
        """towpath's images are ferry's too."""
        tag_images(self.own)

    def seeded(self, *, rows: int = 300, release: str = "2.26.0", slow: bool = False) -> None:
        migrate(self.url_here, release=release_named("2.26.0"), application_name="setup")
        seed(self.url_here, rows=rows)
        if slow:
            self.ask(SLOW_ROWS)
        migrate(self.url_here, release=release_named(release), application_name="setup")

    def create(self, made: Deployment, *, ready: bool = False) -> None:
        self.kube.create(made)
        if ready:
            until_ready(self.kube, NAME, replicas=made.spec.replicas or 0)  # type: ignore[union-attr]

    def patch(self, spec: dict[str, object]) -> None:
        self.kube.patch(Deployment, NAME, {"spec": spec}, patch_type=PatchType.STRATEGIC)

    def pods(self) -> list[Pod]:
        return list(self.kube.list(Pod))

    def until_event(self, *words: str) -> None:
        def told() -> bool:
            said = [f"{event.reason} {event.message}" for event in self.kube.list(Event)]
            return any(word in line for word in words for line in said)

        eventually(told, f"an event says {' or '.join(words)}")

    def until_restarted(self, times: int = 1) -> None:
        def restarted() -> bool:
            statuses = [s for p in self.pods() if p.status for s in p.status.containerStatuses or []]
            return any(status.restartCount >= times for status in statuses)

        eventually(restarted, f"a pod was restarted {times} times")

    def ask(self, query: str) -> bool:
        """Whether it gives a row; an order gives none."""
        with psycopg.connect(self.url_here, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.description is not None and cursor.fetchone() is not None

    def until_one_waits_behind_an_orphan(self) -> None:
        waits = "select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
        eventually(lambda: self.ask(waits), "the next process waits at the migration lock")

    @staticmethod
    def until_waited(age_s: float) -> None:
        """What is younger may yet come right by itself, and the rules give it that time."""
        begun_s = time.monotonic()
        eventually(lambda: time.monotonic() - begun_s > age_s, f"{age_s:g} s are over")

    def diagnose(self, *, known: bool = True) -> tuple[Diagnosis, float]:
        """What ``lockage diagnose -n NAMESPACE --json`` prints, typed with the rights that are printed for looking."""
        namespace = str(self.kube.namespace)
        profile = self.folder / "ferry.toml"
        profile.write_text(PROFILE)
        where = ("-n", namespace, "--profile", str(profile), "--read-only", *(["--cluster-role"] if self.sees_nodes else []))
        confined = granted(self.kube, self.kubeconfig, NAME, *where, folder=self.folder)
        command = [str(Path(sys.executable).with_name("lockage")), "diagnose", "-n", namespace]
        environment = {**os.environ, "LOCKAGE_HOME": str(self.folder / "home")}
        environment["PATH"] = f"{self.own.programs}{os.pathsep}{environment['PATH']}"
        begun_s = time.monotonic()
        done = subprocess.run(
            [*command, "--kubeconfig", str(confined), "--json", "--save", str(self.folder / "evidence.json")],
            env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        took_s = time.monotonic() - begun_s
        assert done.stdout.strip(), done.stderr
        self.said = json.loads(done.stdout)
        return msgspec.convert(self.said, type=Diagnosis), took_s
