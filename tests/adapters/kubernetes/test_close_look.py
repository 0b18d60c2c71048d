"""Objects of Kubernetes as a diagnosis has them."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.resources.apps_v1 import ReplicaSet
from lightkube.resources.core_v1 import Pod

from lockage.adapters.kubernetes.close_look import detail_of, quota_of, revisions_of
from lockage.adapters.kubernetes.raw import Anything, Meta
from lockage.core.diagnosis.evidence import Container, ContainerPhase, ReplicaDetail
from lockage.core.facts import Probe
from lockage.core.release.profile import WorkloadProfile
from support.kubernetes_objects import container, ended, pod, replica_set, running, terminated, waiting

CODER = WorkloadProfile(image="ghcr.io/coder/coder")


def looked_at(found: Pod) -> ReplicaDetail:
    return detail_of(found, revision="coder-5f9d6c7b8", profile=CODER, ours=lambda at: at)


def only(found: Pod) -> Container:
    (one,) = looked_at(found).containers
    return one


def test_a_probes_defaults_are_filled_in() -> None:
    assert only(pod()).readiness == Probe(path="/healthz", period_s=10.0, timeout_s=1.0, failure_threshold=3)
    assert only(pod()).liveness is None


def test_what_it_may_use_is_in_bytes_and_cores() -> None:
    resources = {"limits": {"memory": "1Gi", "cpu": "1500m"}, "requests": {"memory": "512Mi"}}
    found = only(pod(spec={"containers": [container(resources=resources)]}))
    assert (found.memory_limit_bytes, found.memory_request_bytes) == (2**30, 2**29)
    assert (found.cpu_limit_cores, found.cpu_request_cores) == (1.5, None)


def test_a_container_that_waits_has_the_end_before_behind_it() -> None:
    last = terminated(137, reason="OOMKilled")
    found = only(pod(statuses=[waiting("CrashLoopBackOff", restarts=4, last=last)], ready_since=None))
    assert (found.state.phase, found.state.reason, found.restarts) == (ContainerPhase.WAITING, "CrashLoopBackOff", 4)
    assert found.last is not None
    assert (found.last.reason, found.last.exit_code, found.last.signal) == ("OOMKilled", 137, 9)
    assert found.last.finished_at is not None


def test_a_container_that_runs_for_the_first_time_has_none() -> None:
    found = only(pod(statuses=[running()]))
    assert (found.state.phase, found.last, found.ready) == (ContainerPhase.RUNNING, None, True)
    assert found.state.started_at is not None


def test_a_container_of_which_nothing_is_said_waits() -> None:
    found = looked_at(pod(statuses=[], phase="Pending", ready_since=None, metadata={"finalizers": ["a/b"]}))
    (one,) = found.containers
    assert (one.state.phase, one.state.reason, found.phase, found.node) == (ContainerPhase.WAITING, "", "Pending", None)
    assert found.finalizers == ("a/b",)


def test_the_applications_container_is_told_from_sidecars_and_those_that_run_before() -> None:
    containers = [container(name="proxy", image="envoy:1"), container()]
    spec = {"containers": containers, "initContainers": [container(name="wait", image="ghcr.io/coder/coder:v2.26.0")]}
    statuses = {"initContainerStatuses": [ended(0, name="wait", reason="Completed")]}
    found = looked_at(pod(spec=spec, status=statuses))
    assert [(one.name, one.init, one.main) for one in found.containers] == [
        ("wait", True, False), ("proxy", False, False), ("coder", False, True),
    ]  # fmt: skip
    assert found.containers[0].state.exit_code == 0


def test_an_evicted_pod_says_why() -> None:
    found = looked_at(pod(phase="Failed", status={"reason": "Evicted", "message": "The node was low on resource: memory."}))
    assert (found.phase, found.reason) == ("Failed", "Evicted")
    assert "memory" in found.message


@pytest.mark.parametrize(("wanted", "present", "kept"), [(0, 0, False), (0, 1, True), (1, 0, True)])
def test_a_revision_is_kept_as_long_as_it_wants_or_has_pods(wanted: int, present: int, kept: bool) -> None:
    found = revisions_of([old(wanted, present), replica_set(revision="4")], profile=CODER, ours=lambda at: at)
    assert [one.number for one in found] == ([3, 4] if kept else [4])


def old(wanted: int, present: int) -> ReplicaSet:
    made: dict[str, Any] = replica_set(uid="old", revision="3").to_dict()
    made["spec"]["replicas"], made["status"] = wanted, {"replicas": present}
    return ReplicaSet.from_dict(made)


def test_a_quota_that_was_just_made_has_limits_and_nothing_used() -> None:
    found = quota_of(Anything(metadata=Meta(name="few"), spec={"hard": {"pods": 3}}))
    assert (found.name, found.hard, found.used) == ("few", {"pods": "3"}, {})
