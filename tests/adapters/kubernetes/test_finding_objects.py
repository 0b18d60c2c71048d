"""Which of a namespace's workloads is meant, told from their objects alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lockage.adapters.kubernetes.finding import Found, HelmOrigin, find_workload
from lockage.core.release.profile import HelmProfile, Profile, WorkloadProfile
from lockage.errors import RefusedError
from support.app_profile import PROFILE
from support.fake_cluster import FakeCluster

CODER: Profile = msgspec.structs.replace(
    PROFILE,
    name="coder",
    workload=WorkloadProfile(
        image="ghcr.io/coder/coder",
        labels={"app.kubernetes.io/name": "coder"},
        annotations={"app.kubernetes.io/component": "coderd"},
        without_args=("wsproxy",),
    ),
    helm=HelmProfile(chart="coder"),
)
OTHER: Profile = msgspec.structs.replace(PROFILE, name="other", workload=WorkloadProfile(image="example.com/other"))
LABELS = {"app.kubernetes.io/name": "coder", "app.kubernetes.io/instance": "coder"}


def coder(image: str = "ghcr.io/coder/coder:v2.27.8", **more: Any) -> dict[str, Any]:
    return {"name": "coder", "image": image, "args": ["server"], **more}


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def find(
    cluster: FakeCluster,
    *,
    profile: Profile | None = CODER,
    selector: str | None = None,
    known: Sequence[Profile] = (CODER, OTHER),
) -> Found:
    return find_workload(cluster, selector=selector, profile=profile, known=known)


def refusal(cluster: FakeCluster, **how: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        find(cluster, **how)
    return caught.value


@pytest.mark.parametrize(
    "image",
    ["ghcr.io/coder/coder:v2.27.8", "registry.example.com:5000/mirror/coder/coder@sha256:0", "ghcr.io/coder/coder"],
)
def test_a_deployment_is_found_by_its_image_from_wherever_it_is_pulled(cluster: FakeCluster, image: str) -> None:
    cluster.workload("api", coder(image), labels=LABELS)
    cluster.workload("web", {"name": "web", "image": "nginx:1"})
    found = find(cluster)
    assert (found.name, found.container, found.profile.name) == ("api", "coder", "coder")


def test_an_image_of_ones_own_is_found_by_labels_or_chart(cluster: FakeCluster) -> None:
    cluster.workload("api", coder("registry.example.com/our-build:7"), labels=LABELS)
    assert find(cluster).name == "api"
    del cluster.objects["deployments/api"]
    cluster.workload("api", coder("registry.example.com/our-build:7"), labels={"helm.sh/chart": "coder-2.27.8"})
    assert find(cluster).name == "api"


def test_an_image_is_enough_where_none_has_the_labels_too(cluster: FakeCluster) -> None:
    cluster.workload("by-hand", coder())
    assert find(cluster).name == "by-hand"
    cluster.workload("by-chart", coder(), labels=LABELS)
    assert find(cluster).name == "by-chart"


def test_a_chart_whose_name_only_begins_alike_is_another(cluster: FakeCluster) -> None:
    chart = {"helm.sh/chart": "coder-provisioner-2.27.8"}
    cluster.workload("provisioner", coder("registry.example.com/our-build:7"), labels=chart)
    assert refusal(cluster).code == "LK530"


@pytest.mark.parametrize(
    "proxy",
    [
        {"pod_annotations": {"app.kubernetes.io/component": "wsproxy"}},
        {"args": ["wsproxy", "server"]},
    ],
)
def test_what_else_runs_the_same_image_by_the_same_chart_is_told_apart(cluster: FakeCluster, proxy: dict[str, Any]) -> None:
    args = proxy.pop("args", ["server"])
    cluster.workload("proxy", coder(args=args), labels=LABELS, **proxy)
    cluster.workload("coder", coder(), labels=LABELS)
    assert find(cluster).name == "coder"


def test_without_a_profile_the_one_that_fits_is_taken(cluster: FakeCluster) -> None:
    cluster.workload("x", {"name": "x", "image": "example.com/other:1"})
    cluster.workload("web", {"name": "web", "image": "nginx:1"})
    assert find(cluster, profile=None).profile.name == "other"


def test_two_that_fit_are_named_with_the_label_that_chooses(cluster: FakeCluster) -> None:
    for name in ("blue", "green"):
        cluster.workload(name, coder(), labels={**LABELS, "app.kubernetes.io/instance": name})
    error = refusal(cluster)
    assert error.code == "LK531"
    assert error.message == "2 workloads in namespace shop fit profile coder: Deployment/blue, Deployment/green"
    assert error.hint == "choose one with --selector app.kubernetes.io/instance=blue"
    assert find(cluster, selector="app.kubernetes.io/instance=green").name == "green"


def test_two_profiles_that_fit_are_named_too(cluster: FakeCluster) -> None:
    cluster.workload("coder", coder(), labels=LABELS)
    cluster.workload("x", {"name": "x", "image": "example.com/other:1"})
    error = refusal(cluster, profile=None)
    assert error.code == "LK531"
    assert "Deployment/coder (profile coder), Deployment/x (profile other)" in error.message
    assert "--profile NAME" in str(error.hint)


def test_labels_that_the_user_names_are_enough_whatever_image_runs(cluster: FakeCluster) -> None:
    cluster.workload("api", {"name": "main", "image": "example.com/build:7"}, labels={"app": "ours"})
    found = find(cluster, selector="app=ours")
    assert (found.name, found.container) == ("api", "main")


def test_labels_that_two_have_are_not_enough(cluster: FakeCluster) -> None:
    for name in ("a", "b"):
        cluster.workload(name, {"name": name, "image": "example.com/build:7"}, labels={"app": "ours", "one": name})
    error = refusal(cluster, selector="app=ours")
    assert error.code == "LK531"
    assert "fit the labels app=ours: Deployment/a, Deployment/b" in error.message


def test_where_none_fits_what_is_there_is_said(cluster: FakeCluster) -> None:
    cluster.workload("web", {"name": "web", "image": "nginx:1"})
    error = refusal(cluster)
    assert error.code == "LK530"
    assert error.message == (
        "no Deployment in namespace shop fits profile coder (image ghcr.io/coder/coder); there: Deployment/web (nginx:1)"
    )
    assert "lockage profile init" in str(error.hint)
    assert "that Lockage brings (coder, other); there: Deployment/web" in refusal(cluster, profile=None).message


@pytest.mark.parametrize(("resource", "kind"), [("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet")])
def test_what_is_no_deployment_is_refused_by_its_kind(cluster: FakeCluster, resource: str, kind: str) -> None:
    cluster.workload("coder", coder(), labels=LABELS, resource=resource)
    for how in ({}, {"profile": None}, {"selector": "app.kubernetes.io/name=coder"}):
        error = refusal(cluster, **how)
        assert error.code == "LK532"
        assert error.message.startswith(f"{kind}/coder in namespace shop is no Deployment")


def test_who_may_not_list_other_kinds_is_told_what_there_is(cluster: FakeCluster) -> None:
    cluster.forbidden |= {"statefulsets", "daemonsets"}
    assert refusal(cluster).code == "LK530"


def test_the_container_is_the_profiles_or_runs_its_image(cluster: FakeCluster) -> None:
    cluster.workload("api", {"name": "proxy", "image": "envoy:1"}, coder(name="main"), labels=LABELS)
    assert find(cluster).container == "main"
    named = msgspec.structs.replace(CODER, workload=msgspec.structs.replace(CODER.workload, container="proxy"))
    assert find(cluster, profile=named).container == "proxy"
    missing = msgspec.structs.replace(CODER, workload=msgspec.structs.replace(CODER.workload, container="none"))
    error = refusal(cluster, profile=missing)
    assert error.code == "LK530"
    assert "has no container none; its containers: proxy (envoy:1), main (" in error.message


def test_what_helm_wrote_is_read(cluster: FakeCluster) -> None:
    annotations = {"meta.helm.sh/release-name": "prod", "meta.helm.sh/release-namespace": "shop"}
    cluster.workload("coder", coder(), labels={**LABELS, "helm.sh/chart": "coder-2.27.8_build.1"}, annotations=annotations)
    assert find(cluster).helm == HelmOrigin(release="prod", namespace="shop", chart="coder", chart_version="2.27.8_build.1")


def test_what_helm_did_not_make_has_no_release(cluster: FakeCluster) -> None:
    cluster.workload("coder", coder(), labels=LABELS)
    assert find(cluster).helm is None
