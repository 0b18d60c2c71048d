"""What becomes of each call when the API server refuses, fails, stalls, is away, or has another clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightkube
import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.coordination_v1 import Lease

from e2e.kubernetes_scene import NAME, SCRIPTED, scripted, scripted_rights
from e2e.on_cluster import OnCluster, eventually
from lockage.adapters.kubernetes.client import KubernetesClient, open_client
from lockage.adapters.kubernetes.patch import PatchReleaser
from lockage.adapters.kubernetes.platform import KubernetesPlatform
from lockage.core.facts import Probe
from lockage.errors import LockageError, RefusedError, UnreachableError
from lockage.ports import Platform, Rollout
from support.faulty_api import FaultyApi, faulty_api

pytestmark = pytest.mark.e2e

ROLLOUT = Rollout(release="2.27.8", replicas=0, liveness=Probe(failure_threshold=90))
DEPLOYMENT = f"/deployments/{NAME}"


@pytest.fixture
def api(cluster: OnCluster, kube: lightkube.Client, tmp_path: Path) -> Iterator[FaultyApi]:
    """The cluster's API server, behind a proxy that does as it is told; in the namespace, a Deployment without replicas."""
    kube.create(scripted(tmp_path, release="2.26.0", replicas=0, liveness=None))
    confined = scripted_rights(kube, cluster.kubeconfig, tmp_path)
    eventually(lambda: rests(kube), "the Deployment's controller has counted all there is to count")
    with faulty_api(confined, tmp_path) as made:
        yield made


@pytest.fixture
def client(api: FaultyApi, kube: lightkube.Client) -> Iterator[KubernetesClient]:
    """A client behind the proxy."""
    with open_client(kubeconfig=api.kubeconfig(), context=None, namespace=kube.namespace, environment={}) as opened:
        yield opened


def rests(kube: lightkube.Client) -> bool:
    """Whether nobody writes to the Deployment any more, so that the first patch of a test meets the test's fault only."""
    status = kube.get(Deployment, NAME).status
    conditions = {one.type: one.reason for one in (status.conditions if status else None) or []}
    return conditions == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}


@pytest.fixture
def platform(client: KubernetesClient) -> KubernetesPlatform:
    """The Deployment, behind the proxy."""
    releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    return KubernetesPlatform(client, deployment=NAME, profile=SCRIPTED, releaser=releaser)


def annotate(platform: Platform) -> None:
    platform.annotate({"lockage.dev/run": "x"}, expected=platform.workload().resource_version)


def annotated(platform: Platform) -> bool:
    return platform.workload().annotations.get("lockage.dev/run") == "x"


def lease(platform: Platform) -> None:
    platform.hold_lease(holder="a", run_id="1", duration_s=30.0)


def leased(platform: Platform) -> bool:
    held = platform.lease()
    return held is not None and (held.holder, held.run_id) == ("a", "1")


Act = Callable[[Platform], None]
Done = Callable[[Platform], bool]

ACTS: dict[str, tuple[Act, Done, str]] = {
    "annotate": (annotate, annotated, "PATCH"),
    "scale": (lambda platform: platform.scale(2), lambda platform: platform.workload().replicas == 2, "PATCH"),
    "roll out": (
        lambda platform: platform.roll_out(ROLLOUT),
        lambda platform: (platform.workload().release, platform.workload().liveness) == ("2.27.8", ROLLOUT.liveness),
        "PATCH",
    ),
    "lease": (lease, leased, "POST"),
}
"""Each act of the platform, whether it is done, and what it asks for."""

each_act = pytest.mark.parametrize("act", ACTS)


@each_act
def test_a_conflict_is_looked_at_again(api: FaultyApi, platform: Platform, act: str) -> None:
    do, done, method = ACTS[act]
    fault = api.fault(method=method, status=409, reason="Conflict", times=2)
    do(platform)
    assert fault.times == 0
    assert done(platform)


@each_act
def test_a_busy_server_is_asked_again_when_it_says_so(api: FaultyApi, platform: Platform, act: str) -> None:
    do, done, method = ACTS[act]
    api.fault(method=method, status=429, headers={"Retry-After": "1"})
    began = time.monotonic()
    do(platform)
    assert time.monotonic() - began >= 1.0
    assert done(platform)


@each_act
def test_a_server_that_fails_is_named_and_the_act_can_be_repeated(api: FaultyApi, platform: Platform, act: str) -> None:
    do, done, method = ACTS[act]
    api.fault(method=method, status=500, reason="InternalError")
    with pytest.raises(UnreachableError, match=r"could not .*: 500, InternalError by the faulty proxy") as failed:
        do(platform)
    assert failed.value.code == "LK509"
    assert not done(platform)
    do(platform)
    assert done(platform)


@each_act
@pytest.mark.parametrize("was_done", [False, True], ids=["not done", "done"])
def test_a_cut_connection_leaves_it_open_and_the_act_can_be_repeated(
    api: FaultyApi,
    platform: Platform,
    kube: lightkube.Client,
    act: str,
    was_done: bool,
) -> None:
    do, done, method = ACTS[act]
    api.fault(method=method, cut=True, done=was_done)
    with pytest.raises(UnreachableError, match=r"broke off in the middle of .*; whether it was done is not known") as failed:
        do(platform)
    assert failed.value.code == "LK509"
    assert done(platform) is was_done
    before = kube.get(Deployment, NAME).metadata
    do(platform)
    assert done(platform)
    after = kube.get(Deployment, NAME).metadata
    assert before is not None
    assert after is not None
    assert not was_done or before.generation == after.generation


def test_a_server_that_does_not_answer_is_given_up_in_time(api: FaultyApi, platform: Platform) -> None:
    api.fault(stall=True, method="PATCH")
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no answer .* within 8 s; whether it was done is not known") as failed:
        platform.scale(2)
    assert failed.value.code == "LK509"
    assert time.monotonic() - began < 10.0
    api.calm()
    platform.scale(2)
    assert platform.workload().replicas == 2


@pytest.mark.parametrize(
    "look",
    [
        lambda platform: platform.workload(),
        lambda platform: platform.replicas(),
        lambda platform: platform.events(),
        lambda platform: platform.lease(),
    ],
    ids=["workload", "replicas", "events", "lease"],
)
@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"status": 429}, {"cut": True}],
    ids=["500", "503", "429", "cut"],
)
def test_a_look_outlives_one_failure(api: FaultyApi, platform: Platform, look: Act, fault: dict[str, object]) -> None:
    look(platform)
    made = api.fault(**fault)
    look(platform)
    assert made.times == 0


def test_a_server_that_is_away_is_said_at_once_and_found_again_when_it_is_back(api: FaultyApi, platform: Platform) -> None:
    platform.workload()
    api.away()
    began = time.monotonic()
    for act, _, _ in ACTS.values():
        with pytest.raises(UnreachableError) as failed:
            act(platform)
        assert failed.value.code == "LK509"
        assert "does not answer" in failed.value.message
    assert time.monotonic() - began < 2.0
    api.back()
    for act, done, _ in ACTS.values():
        act(platform)
        assert done(platform)


def test_an_expired_token_is_named(api: FaultyApi, platform: Platform) -> None:
    api.expire()
    with pytest.raises(UnreachableError, match="does not know us") as refused:
        platform.workload()
    assert refused.value.code == "LK505"
    assert refused.value.hint is not None
    assert "log in" in refused.value.hint


def test_a_login_elsewhere_is_enough_to_go_on(api: FaultyApi, platform: Platform) -> None:
    api.expire(new="fresh")
    api.kubeconfig()  # as a login in another terminal writes it
    assert platform.workload().name == NAME
    platform.scale(1)
    assert platform.workload().replicas == 1


def test_conflicts_without_end_are_a_refusal(api: FaultyApi, platform: Platform) -> None:
    api.fault(method="PATCH", status=409, reason="Conflict", times=99)
    with pytest.raises(RefusedError) as refused:
        annotate(platform)
    assert refused.value.code == "LK310"
    with pytest.raises(RefusedError) as refused:
        platform.scale(3)
    assert refused.value.code == "LK507"


def test_the_controllers_writing_in_between_is_no_conflict(platform: Platform, kube: lightkube.Client) -> None:
    seen = platform.workload()
    kube.patch(Deployment.Status, NAME, {"status": {"collisionCount": 1}})
    platform.annotate({"lockage.dev/run": "x"}, expected=seen.resource_version)
    assert annotated(platform)


def test_the_lease_goes_by_the_servers_clock(api: FaultyApi, platform: Platform, kube: lightkube.Client) -> None:
    api.date_offset_s = 3600.0
    before = datetime.now(UTC)
    lease(platform)
    found = kube.get(Lease, f"lockage-{NAME}")
    assert found.spec is not None
    assert found.spec.renewTime is not None
    assert abs(found.spec.renewTime - before - timedelta(hours=1)) < timedelta(seconds=3)
    assert leased(platform)


def test_the_offset_of_the_servers_clock_is_offered(api: FaultyApi, client: KubernetesClient) -> None:
    api.date_offset_s = -3600.0
    for _ in range(5):
        client.kube.get(Deployment, NAME)
    assert abs(client.clock_offset_s + 3600.0) < 1.0


def test_a_server_that_is_away_for_a_while_is_outlived_by_who_asks_again(api: FaultyApi, platform: Platform) -> None:
    api.away()
    back = threading.Timer(3.0, api.back)
    back.start()
    until = time.monotonic() + 30.0
    seen: set[str] = set()
    while time.monotonic() < until:
        try:
            assert platform.workload().name == NAME
            break
        except LockageError as error:
            seen.add(error.code)
            time.sleep(0.1)
    back.join()
    assert seen == {"LK509"}
    assert platform.workload().name == NAME


@pytest.mark.parametrize("status", [403, 422], ids=["forbidden", "invalid"])
def test_a_rollout_that_is_not_taken_is_found_by_the_check(
    api: FaultyApi, platform: Platform, client: KubernetesClient, status: int
) -> None:
    api.fault(method="PATCH", path="dryRun=All", status=status, reason="Denied")
    releaser = PatchReleaser(client, deployment=NAME, profile=SCRIPTED)
    (check,) = releaser.check(ROLLOUT)
    assert (check.name, check.ok) == ("dry run", False)
    assert "Denied by the faulty proxy" in check.text
    assert platform.workload().release == "2.26.0"


def test_times_of_a_cluster_whose_clock_is_off_are_told_by_ours(
    api: FaultyApi, platform: Platform, kube: lightkube.Client
) -> None:
    api.date_offset_s = 3600.0  # as if all that the cluster wrote were an hour ahead of us
    kube.patch(Deployment, NAME, {"spec": {"replicas": 1}})
    (replica,) = eventually(platform.replicas, "there is a pod")
    off = replica.created_at - datetime.now(UTC) + timedelta(hours=1)
    assert abs(off) < timedelta(seconds=60)
    assert all(event.at < datetime.now(UTC) - timedelta(minutes=50) for event in platform.events())
