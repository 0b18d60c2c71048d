"""An upgrade carried out in the cluster: by a Job that goes on when its pod is killed, whoever follows it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest
from lightkube import Client
from lightkube.resources.batch_v1 import Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import Role
from lightkube.types import CascadeType

from e2e.installed import LEDGERS, NAME, Installed
from e2e.on_cluster import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.timeout(600)]

PATIENT = {"enabled": True, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 30}
"""Liveness is not what these tests are about, and a busy machine starts a pod slowly."""

OF_LOCKAGE = {"lockage.dev/deployment": NAME}


@pytest.fixture
def shop(installed: Installed, lockage_image: str) -> Installed:
    """towpath 2.26.0 by Helm, described without its database: inside the cluster it is where the replicas have it."""
    installed.install(replicas=1, livenessProbe=PATIENT)
    file = installed.folder / "lockage.toml"
    file.write_text(re.sub(r"(?m)^database = .*\n", "", file.read_text()))
    installed.grant("--reach", "direct", "--in-cluster", to="2.27.8")
    return installed


def job_pods(kube: Client) -> list[Pod]:
    return [pod for pod in kube.list(Pod, labels=OF_LOCKAGE) if pod.metadata]


def running(kube: Client) -> list[Pod]:
    return [pod for pod in job_pods(kube) if pod.status and pod.status.phase == "Running"]


def said(kube: Client) -> str:
    """Everything that the Job's pods have written so far."""
    logs: list[str] = []
    for pod in job_pods(kube):
        if pod.status and pod.status.phase in {"Running", "Succeeded", "Failed"}:
            logs += kube.log(pod.metadata.name)
    return "".join(logs)


def begun(shop: Installed, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lockage.interfaces.cli.main", "upgrade", NAME, "--in-cluster", *arguments],
        cwd=shop.folder,
        env=shop.environment("laptop"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_upgrade_in_the_cluster_survives_its_pod_and_its_followers(shop: Installed, kube: Client) -> None:
    """And what is refused is refused as here, and what the Job needed goes with it: one run, since it is the dearest of all."""
    before = shop.end()
    refused = shop.lockage("upgrade", NAME, "--to", "2.27.8", "--in-cluster", "--yes")
    assert refused.code == 3, refused.err
    assert "no restore point" in refused.err
    assert not list(kube.list(Job, labels=OF_LOCKAGE))

    with begun(shop, "--to", "2.27.8", "--no-restore-point", "--yes") as laptop:
        eventually(lambda: "begin  note-former-state" in said(kube), "the run has begun", limit_s=240)
        laptop.send_signal(signal.SIGINT)
        _, err = laptop.communicate(timeout=60)
    assert laptop.returncode == 130, err
    assert "the run goes on in the cluster; to follow it again: lockage upgrade towpath --in-cluster" in err

    with begun(shop) as laptop:
        # Planned anew on arrival: what is part-way is no more the plan that the Job was given.
        eventually(lambda: said(kube).count("done   note-former-state") == 2, "the second hop has begun", limit_s=240)
        laptop.send_signal(signal.SIGKILL)  # the laptop closes
        first = running(kube)[0].metadata.name
        kube.delete(Pod, first, grace_period=0)  # and the node is drained
    holder = kube.get(Lease, f"lockage-{NAME}").spec.holderIdentity
    eventually(lambda: [p for p in running(kube) if p.metadata.name != first], "another pod goes on")

    followed = begun(shop, "--json")  # on another machine, as far as anybody can tell
    out, err = followed.communicate(timeout=400)
    assert followed.returncode == 0, err
    assert "is under way: following Job lockage-towpath-" in err
    report = json.loads(out)
    assert report["schema"].startswith("lockage.run/")
    assert shop.end() == before | {"image": "towpath:2.27.8", "ledger": (LEDGERS["2.27.8"], False)}
    assert shop.ready("2.27.8") == 1
    assert holder.startswith("lockage-towpath-")  # the name of the run, and not of a pod

    # Everything that the Job needed goes with it, and nothing of it is secret.
    job = next(iter(kube.list(Job, labels=OF_LOCKAGE))).metadata.name
    files = kube.get(ConfigMap, job)
    assert "postgres" not in json.dumps(files.data)
    kinds = (ConfigMap, Secret, ServiceAccount, Role)
    assert all(kube.get(kind, job) for kind in kinds)
    kube.delete(Job, job, cascade=CascadeType.BACKGROUND)  # as kubectl does
    for kind in kinds:
        eventually(
            lambda kind=kind: not [o for o in kube.list(kind) if o.metadata.name == job], f"{kind.__name__} goes with it"
        )
