"""How a Deployment is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.kubernetes.image import likeness, parse_image, release_of
from lockage.adapters.kubernetes.texts import annotations_of
from lockage.adapters.kubernetes.workload import LAST_APPLIED, fenceposts, workload_of
from lockage.core.facts import Probe, UpdateKind, Workload
from lockage.core.release.profile import WorkloadProfile
from lockage.errors import RefusedError
from support.kubernetes_objects import container, deployment

CODER = WorkloadProfile(image="ghcr.io/coder/coder")


def read(profile: WorkloadProfile = CODER, **changes: Any) -> Workload:
    return workload_of(deployment(**changes), profile)


def test_it_is_read_with_what_was_asked_for() -> None:
    workload = read()
    assert (workload.name, workload.image, workload.release) == ("coder", "ghcr.io/coder/coder:v2.26.0", "2.26.0")
    assert (workload.revision, workload.replicas, workload.grace_s, workload.paused) == (3, 3, 60.0, False)
    assert workload.liveness is None
    assert workload.readiness == Probe(path="/healthz")


def test_defaults_of_kubernetes_are_filled_in() -> None:
    workload = read(spec={"replicas": None, "strategy": None}, pod={"terminationGracePeriodSeconds": None})
    assert (workload.replicas, workload.grace_s) == (1, 30.0)
    assert (workload.update, workload.max_surge, workload.max_unavailable) == (UpdateKind.ROLLING_UPDATE, 1, 0)


def test_a_grace_of_nothing_is_nothing() -> None:
    assert read(pod={"terminationGracePeriodSeconds": 0}).grace_s == 0.0


def test_a_pause_before_the_stop_is_seen() -> None:
    assert read().pauses_before_stop is False
    paused = container(lifecycle={"preStop": {"sleep": {"seconds": 3}}})
    assert read(pod={"containers": [paused]}).pauses_before_stop is True


def test_recreate_and_paused_are_seen() -> None:
    workload = read(spec={"strategy": {"type": "Recreate"}, "paused": True})
    assert (workload.update, workload.max_surge, workload.max_unavailable, workload.paused) == (UpdateKind.RECREATE, 0, 3, True)


def test_a_revision_that_the_controller_has_not_numbered_is_none() -> None:
    assert read(metadata={"annotations": None}).revision == 0


def test_the_object_that_kubectl_applied_is_not_shown() -> None:
    found = deployment(metadata={"annotations": {LAST_APPLIED: "{password}", "lockage.dev/run": "x"}})
    assert LAST_APPLIED in annotations_of(found.metadata)
    assert workload_of(found, CODER).annotations == {"lockage.dev/run": "x"}


# --- what makes an earlier look stale ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"resourceVersion": "99999"},
        {"annotations": {"deployment.kubernetes.io/revision": "4", "meta.helm.sh/release-name": "coder"}},
    ],
    ids=["status was written", "revision was counted"],
)
def test_the_controllers_counting_makes_no_look_stale(change: dict[str, Any]) -> None:
    assert read(metadata=change).resource_version == read().resource_version


@pytest.mark.parametrize(
    "change",
    [{"generation": 5}, {"annotations": {"meta.helm.sh/release-name": "other"}}, {"annotations": None}, {"uid": "another"}],
    ids=["spec", "annotation", "annotations gone", "made anew"],
)
def test_whatever_somebody_asked_for_makes_a_look_stale(change: dict[str, Any]) -> None:
    assert read(metadata=change).resource_version != read().resource_version


# --- surge and unavailable --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (1, "25%", "25%", (1, 0)),
        (3, "25%", "25%", (1, 0)),
        (4, "25%", "25%", (1, 1)),
        (10, "25%", "25%", (3, 2)),
        (3, 0, 0, (0, 1)),
        (3, "0%", "30%", (0, 1)),
        (3, 0, "50%", (0, 1)),
        (2, 1, 0, (1, 0)),
        (3, "100%", 0, (3, 0)),
        (0, "25%", "25%", (0, 1)),
    ],
)
def test_percentages_are_rounded_as_kubernetes_rounds_them(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    assert fenceposts(replicas, surge=surge, unavailable=unavailable) == expected


@given(st.integers(0, 500), st.integers(0, 100), st.integers(0, 100))
def test_something_can_always_move(replicas: int, surge: int, unavailable: int) -> None:
    more, fewer = fenceposts(replicas, surge=f"{surge}%", unavailable=f"{unavailable}%")
    assert more + fewer >= 1
    assert 0 <= fewer <= max(1, replicas)


# --- probes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "path"),
    [
        ({"httpGet": {"path": "/live", "port": 8080}}, "/live"),
        ({"httpGet": {"port": "http"}}, "/"),
        ({"tcpSocket": {"port": 5432}}, "tcp://:5432"),
        ({"tcpSocket": {"host": "127.0.0.1", "port": "db"}}, "tcp://127.0.0.1:db"),
        ({"grpc": {"port": 9000, "service": "ready"}}, "grpc://:9000/ready"),
        ({"grpc": {"port": 9000}}, "grpc://:9000/"),
        ({"exec": {"command": ["sh", "-c", "test -f /ok"]}}, "exec:sh -c 'test -f /ok'"),
    ],
)
def test_every_kind_of_probe_is_read(asks: dict[str, Any], path: str) -> None:
    workload = read(pod={"containers": [container(livenessProbe={**asks, "periodSeconds": 5, "failureThreshold": 12})]})
    assert workload.liveness == Probe(path=path, period_s=5.0, timeout_s=1.0, failure_threshold=12)
    assert workload.liveness.kill_budget_s == 56.0


def test_a_startup_probe_decides_the_kill_budget() -> None:
    both = container(livenessProbe={"tcpSocket": {"port": 1}}, startupProbe={"httpGet": {"port": 1}, "failureThreshold": 360})
    workload = read(pod={"containers": [both]})
    assert workload.startup == Probe(path="/", failure_threshold=360)
    assert workload.kill_budget_s == 3591.0
    assert read().kill_budget_s is None


# --- the container and its release ------------------------------------------------------------------------------------

SIDECAR = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.20.0"}


def test_sidecars_are_passed_over() -> None:
    assert read(pod={"containers": [SIDECAR, container()]}).release == "2.26.0"


def test_a_mirrored_image_is_the_same_application() -> None:
    mirrored = container(image="registry.example.com:5000/mirror/coder/coder:v2.26.0")
    assert read(pod={"containers": [SIDECAR, mirrored]}).release == "2.26.0"


def test_a_named_container_wins() -> None:
    named = WorkloadProfile(image="ghcr.io/coder/coder", container="istio-proxy")
    assert read(named, pod={"containers": [container(), SIDECAR]}).release == "1.20.0"


def test_a_container_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match="no container called app, but coder") as refused:
        read(WorkloadProfile(image="x", container="app"))
    assert refused.value.code == "LK506"


def test_containers_of_which_none_fits_are_refused() -> None:
    with pytest.raises(RefusedError, match="no container with image shop") as refused:
        read(WorkloadProfile(image="shop"), pod={"containers": [container(), SIDECAR]})
    assert refused.value.code == "LK506"


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("ghcr.io/coder/coder:v2.26.0", "2.26.0"),
        ("coder:2.26.0", "2.26.0"),
        ("localhost:5000/coder:2.26.0", "2.26.0"),
        ("coder:v2.26.0@sha256:0123456789abcdef", "2.26.0"),
        ("coder:latest", "2.25.1"),
        ("coder@sha256:0123456789abcdef", "2.25.1"),
    ],
)
def test_the_release_is_the_tags_and_else_the_labels(image: str, release: str) -> None:
    assert release_of(image, {}, {"app.kubernetes.io/version": "v2.25.1"}) == release


@pytest.mark.parametrize(
    ("image", "release"),
    [("coder:latest", "latest"), ("coder@sha256:0123456789abcdef", "sha256:0123456789ab"), ("coder", "")],
)
def test_what_is_no_version_is_given_as_it_is(image: str, release: str) -> None:
    assert release_of(image, {"app.kubernetes.io/version": "main"}) == release


@pytest.mark.parametrize(
    ("have", "want", "fits"),
    [
        ("ghcr.io/coder/coder:v1", "ghcr.io/coder/coder", True),
        ("harbor.example.com/proxy/coder/coder:v1", "ghcr.io/coder/coder", True),
        ("docker.io/library/towpath:1", "towpath", True),
        ("towpath:1", "docker.io/library/towpath", False),
        ("ghcr.io/coder/envbuilder:1", "ghcr.io/coder/coder", False),
        ("goharbor/harbor-core:v2", "goharbor/harbor-db", False),
    ],
)
def test_images_are_alike_from_the_end_of_their_names(have: str, want: str, fits: bool) -> None:
    assert (likeness(have, want) > 0) is fits


def test_a_port_is_no_tag() -> None:
    assert parse_image("localhost:5000/coder").tag is None
