"""Whole upgrades on Kubernetes with somebody else at work on the deployment: an autoscaler, an owner, a colleague."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.models.policy_v1 import PodDisruptionBudgetSpec
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.types import PatchType

from e2e.installed import COMMAND_LIMIT_S, LEDGERS, NAME, Done, Installed
from e2e.on_cluster import OnCluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

CALM = {"enabled": True, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 20}
"""A liveness probe that lets a busy machine boot: none of these tests is about probes."""

UPGRADE = ("upgrade", NAME, "--to", "2.27.8", "--yes", "--no-restore-point")
"""Two hops from 2.26.0, one from 2.26.6."""

TO_THE_NEXT = ("upgrade", NAME, "--to", "2.26.6", "--yes", "--no-restore-point")
"""One hop."""


def hpa(kube: lightkube.Client, minimum: int, maximum: int) -> None:
    """An autoscaler without metrics: it holds its bounds, and no more."""
    target = CrossVersionObjectReference(kind="Deployment", name=NAME, apiVersion="apps/v1")
    spec = HorizontalPodAutoscalerSpec(scaleTargetRef=target, minReplicas=minimum, maxReplicas=maximum)
    kube.create(HorizontalPodAutoscaler(metadata=ObjectMeta(name=NAME), spec=spec))


def bounds(kube: lightkube.Client) -> tuple[int | None, int]:
    spec = kube.get(HorizontalPodAutoscaler, NAME).spec
    assert spec is not None
    return spec.minReplicas, spec.maxReplicas


def spec_of(kube: lightkube.Client) -> tuple[int | None, str | None]:
    """Replicas and image that the Deployment is asked for."""
    seen = kube.get(Deployment, NAME).spec
    assert seen is not None
    assert seen.template.spec is not None
    return seen.replicas, seen.template.spec.containers[0].image


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Somebody acts in a thread of its own until the end of the context."""
    over = threading.Event()
    thread = threading.Thread(target=act, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def said(words: str, text: str) -> bool:
    """Whether a text says so, wherever its lines were broken."""
    return "".join(words.split()) in "".join(text.split())


class Upgrading:
    """An upgrade as a process, whose lines can be waited for."""

    def __init__(self, installed: Installed, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lockage.interfaces.cli.main", *arguments],
            cwd=installed.folder,
            env=installed.environment("here"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)

    def says(self, text: str) -> None:
        """Waits until a line says so."""
        eventually(lambda: any(text in line for line in self.lines) or self._process.poll() is not None, f"it says {text!r}")
        assert any(text in line for line in self.lines), "".join(self.lines)

    def end(self) -> Done:
        code = self._process.wait(timeout=COMMAND_LIMIT_S)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return Done(code=code, out="".join(self.lines), err="")


# --- an autoscaler -------------------------------------------------------------------------------------------------------


def test_an_autoscaler_is_pinned_through_both_hops_and_put_back_with_the_printed_rights(
    installed: Installed, kube: lightkube.Client
) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    hpa(kube, 2, 5)
    before = installed.end()
    installed.grant(to="2.27.8")
    seen: list[tuple[tuple[int | None, int], int | None]] = []

    def watch(over: threading.Event) -> None:
        while not over.wait(0.2):
            now = (bounds(kube), spec_of(kube)[0])
            if not seen or seen[-1] != now:
                seen.append(now)

    with meanwhile(watch):
        done = installed.lockage(*UPGRADE)
    assert done.code == 0, done.err
    assert installed.end() == before | {"image": "towpath:2.27.8", "ledger": (LEDGERS["2.27.8"], False)}
    assert bounds(kube) == (2, 5)
    pins = list(dict.fromkeys(bound for bound, _ in seen))
    assert pins == [(2, 5), (2, 2), (1, 1)]
    assert [bound for bound, replicas in seen if replicas == 0] == [(1, 1)], "nothing came back in the outage"
    assert f"HorizontalPodAutoscaler/{NAME} keeps 2 to 5 replicas again" in done.err + done.out
    assert ":lockage may not" not in done.err


def test_the_plan_says_who_else_is_at_work(installed: Installed, kube: lightkube.Client) -> None:
    installed.install(replicas=2, rows=200, livenessProbe=CALM)
    hpa(kube, 2, 5)
    labels = LabelSelector(matchLabels={"app.kubernetes.io/instance": NAME})
    budget = PodDisruptionBudgetSpec(minAvailable=2, selector=labels)
    kube.create(PodDisruptionBudget(metadata=ObjectMeta(name="two"), spec=budget))
    done = installed.lockage("plan", NAME, "--to", "2.27.8")
    assert done.code == 0, done.err
    assert said(f"HorizontalPodAutoscaler/{NAME} keeps 2 to 5 replicas: pinned while the run lasts", done.out)
    assert said("PodDisruptionBudget/two keeps 2 replicas available", done.out)
    steps = [
        step
        for hop in json.loads(installed.lockage("plan", NAME, "--to", "2.27.8", "--json").out)["hops"]
        for step in hop["steps"]
    ]
    pins = [(step["autoscalers"], step["replicas"]) for step in steps if step["action"] == "pin-contenders"]
    assert pins == [([f"HorizontalPodAutoscaler/{NAME}"], 2), ([f"HorizontalPodAutoscaler/{NAME}"], 1)]
    survey = installed.lockage("survey", NAME)
    assert f"HorizontalPodAutoscaler/{NAME}" in survey.out


def test_an_autoscaler_that_a_colleague_edits_meanwhile_is_left_as_they_made_it(
    installed: Installed, kube: lightkube.Client
) -> None:
    installed.install(replicas=2, rows=200, livenessProbe=CALM)
    hpa(kube, 2, 5)
    installed.grant(to="2.26.6")
    upgrading = Upgrading(installed, *TO_THE_NEXT)
    upgrading.says("begin  guard-migration")
    body = {"spec": {"minReplicas": 1, "maxReplicas": 9}}
    kube.patch(HorizontalPodAutoscaler, NAME, body, patch_type=PatchType.MERGE, field_manager="kubectl-edit")
    done = upgrading.end()
    assert done.code == 0, done.out
    assert bounds(kube) == (1, 9)
    assert "keeps 1 to 9 replicas now, set by kubectl-edit at" in done.out


# --- an owner ------------------------------------------------------------------------------------------------------------


@contextmanager
def gitops(kube: lightkube.Client, cluster: OnCluster, wanted: dict[str, Any]) -> Iterator[None]:
    """A controller in the manner of Argo CD's: it applies ``wanted`` every second, whatever stands there."""

    def sync(over: threading.Event) -> None:
        with lightkube.Client(config=KubeConfig.from_file(cluster.kubeconfig), namespace=kube.namespace) as client:
            while not over.wait(1.0):
                probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1, **wanted["probe"]}
                container = {"name": NAME, "image": f"towpath:{wanted['release']}", "livenessProbe": probe}
                spec = {"replicas": wanted["replicas"], "template": {"spec": {"containers": [container]}}}
                body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": spec}
                client.patch(Deployment, NAME, body, patch_type=PatchType.APPLY, field_manager="argocd-controller", force=True)

    with meanwhile(sync):
        eventually(lambda: _manages(kube), "the owner shows")
        yield


def _manages(kube: lightkube.Client) -> bool:
    metadata = kube.get(Deployment, NAME).metadata
    return any(entry.manager == "argocd-controller" for entry in (metadata.managedFields if metadata else None) or ())


def test_for_an_owner_lockage_says_waits_and_guards_and_changes_nothing(
    installed: Installed, kube: lightkube.Client, cluster: OnCluster
) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    wanted = {"release": "2.26.0", "replicas": 2, "probe": {"timeoutSeconds": 5, "failureThreshold": 20}}
    with gitops(kube, cluster, wanted):
        planned = installed.lockage("plan", NAME, "--to", "2.26.6", "--strategy", "scale-to-zero")
        assert planned.code == 0, planned.err
        assert said("Argo CD set what it is asked for", planned.out)
        upgrading = Upgrading(installed, *TO_THE_NEXT, "--strategy", "scale-to-zero")
        upgrading.says("must ask for 2.26.0 with 0 replicas")
        wanted["replicas"] = 0
        upgrading.says("must ask for 2.26.6 with 1 replica")
        wanted.update(release="2.26.6", replicas=1, probe={"timeoutSeconds": 5, "failureThreshold": 900})
        upgrading.says("must ask for 2.26.6 with 2 replicas")
        wanted.update(replicas=2, probe={"timeoutSeconds": 5, "failureThreshold": 20})
        done = upgrading.end()
    assert done.code == 0, done.out
    assert spec_of(kube) == (2, "towpath:2.26.6")
    assert installed.ready("2.26.6") == 2
    metadata = kube.get(Deployment, NAME).metadata
    assert metadata is not None
    assert not [key for key in metadata.annotations or {} if key.startswith("lockage.dev/")]


def test_an_owner_that_syncs_the_old_image_over_the_new_schema_is_named_at_once(
    installed: Installed, kube: lightkube.Client, cluster: OnCluster
) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    wanted = {"release": "2.26.0", "replicas": 2, "probe": {"timeoutSeconds": 5, "failureThreshold": 20}}
    with gitops(kube, cluster, wanted):
        upgrading = Upgrading(installed, *TO_THE_NEXT, "--strategy", "scale-to-zero")
        upgrading.says("must ask for 2.26.0 with 0 replicas")
        wanted["replicas"] = 0
        upgrading.says("must ask for 2.26.6 with 1 replica")
        wanted.update(release="2.26.6", replicas=1)
        upgrading.says("must ask for 2.26.6 with 2 replicas")
        wanted.update(release="2.26.0")
        done = upgrading.end()
    assert done.code == 4, done.out
    assert "LK558" in done.out
    assert said("changed by argocd-controller at", done.out)


# --- a colleague ---------------------------------------------------------------------------------------------------------


def test_a_colleagues_scale_in_the_outage_halts_by_name_and_the_next_command_goes_on(
    installed: Installed, kube: lightkube.Client
) -> None:
    installed.install(replicas=2, livenessProbe=CALM)
    before = installed.end()
    upgrading = Upgrading(installed, *TO_THE_NEXT, "--strategy", "scale-to-zero")
    eventually(lambda: spec_of(kube)[0] == 0, "the run has scaled to 0")
    body = {"spec": {"replicas": 3}}
    kube.patch(Deployment.Scale, NAME, body, patch_type=PatchType.MERGE, field_manager="kubectl")
    done = upgrading.end()
    assert done.code == 4, done.out
    assert said("changed by kubectl (scale), not by this run: 0 replicas became 3", done.out)
    assert spec_of(kube)[0] == 3, "what the colleague did stands"
    again = installed.lockage("upgrade", NAME, "--yes")
    assert again.code == 0, again.err
    assert installed.end() == before | {"image": "towpath:2.26.6", "ledger": (LEDGERS["2.26.6"], False)}
