"""Deployments in a state that no careful plan expects: each is refused before anything is changed, or handled by name."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from pathlib import Path

import lightkube
import pytest
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, ResourceQuota, Secret
from lightkube.types import PatchType

from e2e.chart_archives import pack_charts
from e2e.installed import LEDGERS, NAME, Installed
from e2e.on_cluster import eventually
from e2e.test_contending_runs import CALM, meanwhile, said, spec_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

UPGRADE = ("upgrade", NAME, "--to", "2.26.6", "--yes", "--no-restore-point")


def test_scale_to_one_is_refused_where_replicas_are_recreated(installed: Installed, kube: lightkube.Client) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    body = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    kube.patch(Deployment, NAME, body, patch_type=PatchType.STRATEGIC)
    done = installed.lockage("plan", NAME, "--to", "2.26.6", "--strategy", "scale-to-one")
    assert done.code == 3, done.out
    assert "LK220" in done.err
    assert said("Recreate: every old replica stops before a new one starts", done.err)


def test_what_stands_in_the_way_is_refused_by_its_name_with_nothing_changed(
    installed: Installed, kube: lightkube.Client
) -> None:
    """One thing after the other, on one installation: each is undone before the next."""
    installed.install(replicas=1, livenessProbe=CALM)
    before = installed.end()

    def refused(code: str, *words: str) -> None:
        done = installed.lockage(*UPGRADE)
        assert done.code == 3, done.out
        assert code in done.err
        assert all(said(each, done.err) for each in words), done.err
        assert installed.ready("2.26.0") == 1

    # a paused rollout
    kube.patch(Deployment, NAME, {"spec": {"paused": True}}, patch_type=PatchType.MERGE)
    refused("LK227")
    kube.patch(Deployment, NAME, {"spec": {"paused": None}}, patch_type=PatchType.MERGE)
    assert installed.end() == before

    # an image that does not come
    values = installed.folder / "values.json"
    given = values.read_text()
    values.write_text(json.dumps({"towpath": {**installed.values["towpath"], "image": {"repo": "registry.invalid/towpath"}}}))
    refused("LK555", "image: registry.invalid/towpath:2.26.6 does not start on")
    values.write_text(given)
    assert installed.end() == before

    # a quota without room
    kube.create(ResourceQuota(metadata=ObjectMeta(name="tight"), spec=ResourceQuotaSpec(hard={"pods": "1"})))
    eventually(lambda: (kube.get(ResourceQuota, "tight").to_dict().get("status") or {}).get("used"), "the quota is counted")
    refused("LK555", "ResourceQuota tight has no room for one replica more: pods: 1 of 1 are used")
    kube.delete(ResourceQuota, "tight")
    assert installed.end() == before

    # a release that somebody else left pending, which is left as it is
    stands = spec_of(kube)
    pending(kube, f"sh.helm.release.v1.{NAME}.v1")
    refused("pending-upgrade")
    assert spec_of(kube) == stands


def pending(kube: lightkube.Client, name: str) -> None:
    """Helm's record of a revision, as a helm leaves it that was killed in the middle."""
    secret = kube.get(Secret, name)
    assert secret.data is not None
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret.data["release"]))))
    record["info"]["status"] = "pending-upgrade"
    coded = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    body = {"metadata": {"labels": {"status": "pending-upgrade"}}, "data": {"release": coded}}
    kube.patch(Secret, name, body, patch_type=PatchType.MERGE)


@pytest.mark.parametrize("shape", ["newer", "older"])
def test_a_probe_too_short_for_a_migration_is_long_while_it_lasts_and_as_it_was_afterwards(
    installed: Installed, kube: lightkube.Client, tmp_path: Path, shape: str
) -> None:
    """The older chart takes of the probe only its initial delay."""
    releases = ("2.26.0", "2.26.6")
    older = releases if shape == "older" else ()
    charts = tmp_path / "charts"
    charts.mkdir()
    installed.charts = pack_charts(charts, helm=installed.helm, releases=releases, older=older)
    short = {"initialDelaySeconds": 25} if shape == "older" else CALM
    readiness = {"initialDelaySeconds": 0} if shape == "older" else {"enabled": True, "periodSeconds": 1}
    installed.install(to="2.26.6", replicas=2, livenessProbe=short, readinessProbe=readiness)
    before = installed.end()
    budgets = {budget_s(kube)}

    def watch(over: threading.Event) -> None:
        while not over.wait(0.2):
            budgets.add(budget_s(kube))

    with meanwhile(watch):
        done = installed.lockage(*UPGRADE, "--strategy", "scale-to-zero")
    assert done.code == 0, done.err
    assert installed.end() == before | {"image": "towpath:2.26.6", "ledger": (LEDGERS["2.26.6"], False)}
    assert min(budgets) < 60
    assert max(budgets) >= 900
    assert len(budgets) == 2, budgets


def budget_s(kube: lightkube.Client) -> float:
    """Seconds that the liveness probe gives a replica from its start."""
    spec = kube.get(Deployment, NAME).spec
    assert spec is not None
    assert spec.template.spec is not None
    probe = spec.template.spec.containers[0].livenessProbe
    assert probe is not None
    periods = (probe.failureThreshold or 3) - 1
    return (probe.initialDelaySeconds or 0) + periods * (probe.periodSeconds or 10) + (probe.timeoutSeconds or 1)


def test_a_pod_that_stays_terminating_is_named_and_the_run_goes_on_when_it_is_gone(
    installed: Installed, kube: lightkube.Client
) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    before = installed.end()
    stuck = min(pod.metadata.name or "" for pod in installed.pods() if pod.metadata)
    kube.patch(Pod, stuck, {"metadata": {"finalizers": ["tests.example/held"]}}, patch_type=PatchType.MERGE)
    try:
        done = installed.driver(target="2.26.6", strategy="scale-to-zero", replicas_gone_margin_s=5.0)
        assert done.code == 4, done.err
        assert "LK321" in done.err
        assert said(f"replicas {stuck} of {NAME} are still there", done.err)
        assert installed.ledger() == (LEDGERS["2.26.0"], False)
    finally:
        kube.patch(Pod, stuck, {"metadata": {"finalizers": None}}, patch_type=PatchType.MERGE)
    again = installed.lockage("upgrade", NAME, "--yes")
    assert again.code == 0, again.err
    assert installed.end() == before | {"image": "towpath:2.26.6", "ledger": (LEDGERS["2.26.6"], False)}
