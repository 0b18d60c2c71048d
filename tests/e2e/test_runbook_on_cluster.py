"""A runbook carried out as it is printed: every kubectl, helm, psql and curl line typed at a real cluster, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace

import httpx
import pytest
from lightkube import Client
from lightkube.resources.apps_v1 import Deployment

from e2e.cluster import whole
from e2e.installed import LEDGERS, NAME, Installed
from e2e.on_cluster import OnCluster, eventually, pods, towpath, until_ready
from lockage.adapters.kubernetes.workload import workload_of
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.core.facts import Workload
from lockage.core.plan.dialect import Command, Wish
from lockage.core.plan.kubernetes_dialect import KubernetesDialect
from lockage.core.release.profile import WorkloadProfile

pytestmark = pytest.mark.e2e

TOKEN = "a01b20ac35ab7603-027dddb26ea88c5e9aa708a787211d39"
"""Opens nothing but the seeded database; the profile shows it too."""

STEP = re.compile(r"^### [\d.]+ (?P<name>[a-z-]+): .*?$\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
HOP = re.compile(r"^## Hop \d+ of \d+: \S+ to (?P<release>\S+), .*?$\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TO_FILL_IN = "PID"
"""In a block that names a session to be ended: there is none here."""


class Reader:
    """Somebody at a shell, who keeps its settings."""

    def __init__(self, installed: Installed, settings: str) -> None:
        self._installed = installed
        programs = (str(installed.helm.parent), str(embedded_binaries().bin_dir), os.environ["PATH"])
        self._environment = {**os.environ, "PATH": os.pathsep.join(programs)}
        known = {"SERVICE_URL": installed.service_url(), "TOKEN": TOKEN}
        kept = self.types(f"{settings}\nenv -0").rpartition("\0")[0].split("\0")
        self._environment |= dict(line.split("=", 1) for line in kept) | known

    def types(self, block: str) -> str:
        """What a block prints; each of its commands must succeed."""
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", block],
            cwd=self._installed.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def takes(self, name: str, blocks: list[str], release: str) -> str:
        """Does a step, and waits where its text says so."""
        shown: list[str] = []
        for block in blocks:
            if TO_FILL_IN in block:
                continue
            if name == "leave-when":
                eventually(lambda asked=block: re.search(r"^ *t$", self.types(asked), re.MULTILINE), "the hop can be left")
            elif name == "guard-migration" and "rollout status" not in block and "logs" not in block:
                eventually(lambda: self._migrated(release), f"{release} has migrated and serves")
            elif name == "verify":  # the network learns of a ready pod a moment later than a person looks
                eventually(self._service_answers, "the Service leads to it")
            shown.append(self.types(block))
        return "\n".join(shown)

    def _service_answers(self) -> bool:
        try:
            return httpx.get(f"{self._installed.service_url()}/healthz", timeout=2).is_success
        except httpx.TransportError:
            return False

    def _migrated(self, release: str) -> bool:
        ready = any(
            c.type == "Ready" and c.status == "True"
            for pod in self._installed.pods()
            if pod.spec and pod.status and pod.spec.containers[0].image == f"towpath:{release}"
            for c in pod.status.conditions or []
        )
        return ready and self._installed.ledger() == (LEDGERS[release], False)


@pytest.mark.timeout(400)
def test_the_printed_commands_carry_the_upgrade_out(installed: Installed) -> None:
    installed.install(replicas=2)
    before = installed.end()
    printed = installed.lockage("plan", NAME, "--to", "2.27.8", "--runbook")
    assert printed.code == 0, printed.err
    # Who plans may only look; who types the commands needs more.
    typed = printed.out.replace(str(installed.looking), str(installed.kubeconfig))
    head = typed.split("\n## Hop ")[0]
    reader = Reader(installed, SHELL.findall(head)[0])
    shown: dict[str, str] = {}
    for hop in HOP.finditer(typed):
        for step in STEP.finditer(hop["body"]):
            shown[step["name"]] = reader.takes(step["name"], SHELL.findall(step["body"]), hop["release"])
    assert installed.end() == before | {
        "image": "towpath:2.27.8",
        "ledger": (LEDGERS["2.27.8"], False),
        "values": installed.end()["values"],  # ours are said there too, as the fragment shows
    }
    eventually(lambda: installed.ready("2.27.8") == 2, "both replicas are ready")
    # The rehearsal shows what matters of the manifest, and looking shows pods by name.
    assert re.search(r"replicas: 1$", shown["prepare"], re.MULTILINE)
    assert "failureThreshold: " in shown["prepare"]
    assert f"pod/{NAME}-" in shown["verify"]
    assert "successfully rolled out" in shown["raise-replicas"]


def test_without_helm_each_command_does_what_it_says(
    cluster: OnCluster, own_cluster: whole.Cluster, kube: Client, pods_database: str
) -> None:
    kube.create(towpath(pods_database, "2.26.0", replicas=2))
    until_ready(kube, "towpath", replicas=2)
    found = workload_of(kube.get(Deployment, "towpath"), WorkloadProfile(image="towpath"))
    assert found.liveness is not None
    dialect = KubernetesDialect(
        workload=found, namespace=str(kube.namespace), selector={"app.kubernetes.io/instance": "towpath"},
        container="towpath", kubeconfig=str(cluster.kubeconfig),
    )  # fmt: skip
    environment = {**os.environ, "PATH": os.pathsep.join((str(own_cluster.programs), os.environ["PATH"]))}

    def types(*lines: str | Command) -> str:
        text = "\n".join(line if isinstance(line, str) else shlex.join(line) for line in lines)
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", text], env=environment, capture_output=True, text=True)  # noqa: PLW1510
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def live() -> Workload:
        return workload_of(kube.get(Deployment, "towpath"), WorkloadProfile(image="towpath"))

    patient = replace(found.liveness, failure_threshold=450)
    first = Wish(release="2.27.8", replicas=1, liveness=patient)
    rehearsed = types(*dialect.rehearse("towpath", first))
    assert "image: towpath:2.27.8" in rehearsed
    assert "failureThreshold: 450" in rehearsed
    note, forget = dialect.note("towpath", "was 2.26.0 with 2"), dialect.forget("towpath")
    assert note is not None
    assert forget is not None
    types(note)
    assert live() == replace(
        found,
        annotations={**found.annotations, "lockage.dev/runbook": "was 2.26.0 with 2"},
        resource_version=live().resource_version,
    )  # and nothing else, by the rehearsal neither
    types(dialect.scale("towpath", 0), *dialect.await_left("towpath", 0, limit_s=60))
    assert pods(kube, "towpath") == []
    types(dialect.roll_out("towpath", first), *dialect.await_ready("towpath", limit_s=60))
    assert (live().release, live().replicas, live().liveness) == ("2.27.8", 1, patient)
    types(dialect.roll_out("towpath", Wish(release="2.27.8", replicas=2, liveness=found.liveness)))
    types(*dialect.await_ready("towpath", limit_s=60))
    assert (live().replicas, live().liveness) == (2, found.liveness)
    types(dialect.scale("towpath", 1), *dialect.await_left("towpath", 1, limit_s=60))
    types(forget)
    assert live().annotations.keys() == found.annotations.keys()
    shown = types(*dialect.look("towpath"), *dialect.evidence("towpath"))
    assert "replicaset.apps/towpath-" in shown
    assert "Killing" in shown
