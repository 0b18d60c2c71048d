"""How pods and events are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lockage.adapters.kubernetes.events import event_of, events_of
from lockage.adapters.kubernetes.pods import owned, replicas_of
from lockage.core.facts import Endpoint, Replica, ReplicaPhase
from lockage.core.release.profile import WorkloadProfile
from support.kubernetes_objects import (
    DEPLOYMENT_UID,
    SET_UID,
    container,
    controller,
    ended,
    event,
    pod,
    replica_set,
    running,
    terminated,
    waiting,
)

CODER = WorkloadProfile(image="ghcr.io/coder/coder")
SETS = {SET_UID: replica_set()}


def read(*pods: Any) -> tuple[Replica, ...]:
    return replicas_of(list(pods), sets=SETS, deployment="coder", profile=CODER)


def one(**changes: Any) -> Replica:
    (replica,) = read(pod(**changes))
    return replica


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22T{clock}").replace(tzinfo=UTC)


def test_a_running_pod() -> None:
    replica = one()
    assert (replica.name, replica.revision, replica.release) == ("coder-5f9d6c7b8-abcde", 3, "2.26.0")
    assert (replica.phase, replica.ready, replica.restarts) == (ReplicaPhase.RUNNING, True, 0)
    assert (replica.created_at, replica.started_at, replica.ready_at) == (at("10:00:00"), at("10:00:03"), at("10:00:09"))
    assert replica.last_exit is None
    assert replica.endpoints == (Endpoint(address="10.1.0.7"), Endpoint(address="fd00::7"))


def test_a_pod_without_an_address_has_no_endpoint() -> None:
    assert one(status={"podIP": None, "podIPs": None}).endpoints == ()


@pytest.mark.parametrize("reason", ["ContainerCreating", "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"])
def test_a_container_that_never_ran_is_pending(reason: str) -> None:
    replica = one(statuses=[waiting(reason)], phase="Pending", ready_since=None)
    assert (replica.phase, replica.ready, replica.started_at, replica.ready_at) == (ReplicaPhase.PENDING, False, None, None)


def test_a_pod_that_is_not_scheduled_is_pending() -> None:
    replica = one(statuses=[], phase="Pending", ready_since=None, status={"containerStatuses": None, "conditions": None})
    assert (replica.phase, replica.restarts) == (ReplicaPhase.PENDING, 0)


def test_a_crash_loop_is_back_off_with_its_last_exit() -> None:
    replica = one(statuses=[waiting("CrashLoopBackOff", restarts=4, last=terminated(1))], ready_since=None)
    assert (replica.phase, replica.restarts, replica.started_at) == (ReplicaPhase.BACK_OFF, 4, None)
    assert replica.last_exit is not None
    assert (replica.last_exit.code, replica.last_exit.reason, replica.last_exit.at) == (1, "Error", at("10:05:00"))


def test_a_container_between_its_end_and_its_next_start_is_in_back_off() -> None:
    replica = one(statuses=[ended(7)], ready_since=None)
    assert replica.phase is ReplicaPhase.BACK_OFF
    assert replica.last_exit is not None
    assert replica.last_exit.code == 7


def test_a_kill_for_memory_says_so_and_one_by_a_probe_does_not() -> None:
    killed = one(statuses=[running(restarts=1, last=terminated(137, reason="OOMKilled"))])
    probed = one(statuses=[running(restarts=1, last=terminated(137))])
    assert killed.last_exit is not None
    assert probed.last_exit is not None
    assert (killed.last_exit.reason, probed.last_exit.reason) == ("OOMKilled", "Error")
    assert killed.phase is ReplicaPhase.RUNNING


def test_an_exit_that_the_kubelet_did_not_see_has_a_reason_and_a_time() -> None:
    replica = one(statuses=[running(restarts=1, last=terminated(0, reason=None, at=None))])
    assert replica.last_exit is not None
    assert (replica.last_exit.reason, replica.last_exit.at) == ("Completed", at("10:00:00"))


def test_a_pod_with_a_deletion_time_is_terminating_and_not_ready_whatever_its_containers_say() -> None:
    going = {"deletionTimestamp": "2026-11-22T10:10:00Z", "deletionGracePeriodSeconds": 60}
    replica = one(metadata=going)
    assert (replica.phase, replica.ready) == (ReplicaPhase.TERMINATING, False)
    assert one(metadata=going, phase="Failed", statuses=[ended(137)]).phase is ReplicaPhase.TERMINATING


def test_ready_is_what_the_whole_pod_is() -> None:
    assert one(ready_since=None).ready is False


def test_a_ready_time_of_an_earlier_process_is_not_this_ones() -> None:
    replica = one(statuses=[running(restarts=1, since="2026-11-22T10:06:00Z", last=terminated(1))])
    assert replica.ready_at is None


def test_sidecars_and_init_containers_are_not_the_replica() -> None:
    sidecar = {"name": "istio-proxy", "image": "istio/proxyv2:1.20.0"}
    replica = one(
        spec={"containers": [sidecar, container()], "initContainers": [{"name": "wait", "image": "busybox:1"}]},
        statuses=[running(name="istio-proxy", restarts=9), running(restarts=2, last=terminated(1))],
        status={"initContainerStatuses": [ended(0, name="wait", reason="Completed")]},
    )
    assert (replica.release, replica.restarts, replica.phase) == ("2.26.0", 2, ReplicaPhase.RUNNING)


def test_an_init_container_that_fails_again_and_again_is_back_off() -> None:
    failing = waiting("CrashLoopBackOff", name="migrate", restarts=3, last=terminated(2))
    replica = one(
        spec={"containers": [container()], "initContainers": [{"name": "migrate", "image": "busybox:1"}]},
        statuses=[waiting("PodInitializing")],
        status={"initContainerStatuses": [failing]},
        phase="Pending",
        ready_since=None,
    )
    assert (replica.phase, replica.restarts, replica.started_at) == (ReplicaPhase.BACK_OFF, 3, None)
    assert replica.last_exit is not None
    assert replica.last_exit.code == 2


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_or_was_evicted_is_no_replica(phase: str) -> None:
    assert read(pod(phase=phase, statuses=[], ready_since=None, status={"reason": "Evicted"})) == ()


def test_a_pod_with_the_same_labels_and_another_owner_is_no_replica() -> None:
    strangers = [
        pod(name="debug", metadata={"ownerReferences": None}),
        pod(name="job", metadata={"ownerReferences": [controller("Job", "backup", "j")]}),
        pod(name="other", metadata={"ownerReferences": [controller("ReplicaSet", "coder-blue-7c", "x")]}),
        pod(name="adopted", metadata={"ownerReferences": [controller("ReplicaSet", "coder-77", "y")]}),
    ]
    assert read(*strangers) == ()


def test_the_last_pod_of_a_replica_set_that_is_gone_is_still_there() -> None:
    going = {
        "deletionTimestamp": "2026-11-22T10:10:00Z",
        "ownerReferences": [controller("ReplicaSet", "coder-77c", "gone")],
    }
    (replica,) = read(pod(metadata=going))
    assert (replica.phase, replica.revision) == (ReplicaPhase.TERMINATING, 0)


def test_replica_sets_of_other_deployments_are_not_ours() -> None:
    assert list(owned(DEPLOYMENT_UID, [replica_set(), replica_set(uid="other", owner="another")])) == [SET_UID]


# --- events -----------------------------------------------------------------------------------------------------------


def test_an_event_of_the_older_shape_has_its_last_time() -> None:
    seen = event_of(event())
    assert (seen.at, seen.kind, seen.reason, seen.subject) == (at("10:02:00"), "Normal", "Killing", "Pod/coder-5f9d6c7b8-abcde")
    assert seen.text == "Container coder failed liveness probe, will be restarted"
    assert (seen.count, seen.first_at) == (3, at("10:00:00"))


NEWER = {"count": None, "firstTimestamp": None, "lastTimestamp": None, "source": {}, "eventTime": "2026-11-22T10:01:00.123456Z"}


def test_an_event_of_the_newer_shape_needs_neither_count_nor_timestamps() -> None:
    seen = event_of(event(**NEWER, reason="FailedScheduling", type="Warning", reportingComponent="default-scheduler"))
    assert (seen.at.replace(microsecond=0), seen.kind) == (at("10:01:00"), "Warning")


def test_a_series_has_its_last_time() -> None:
    seen = event_of(event(**NEWER, series={"count": 9, "lastObservedTime": "2026-11-22T10:09:00.000001Z"}))
    assert seen.at.replace(microsecond=0) == at("10:09:00")
    assert seen.count == 9


def test_events_are_filtered_and_oldest_first() -> None:
    stranger = event(involvedObject={"kind": "Pod", "name": "other", "uid": "z"})
    found = events_of([event(), event(**NEWER), stranger], about=lambda subject: subject.uid == "u")
    assert [seen.at.minute for seen in found] == [1, 2]
