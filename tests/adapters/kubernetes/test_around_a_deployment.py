"""What stands around a Deployment, read from objects: quotas, writers, selectors, references, nodes, control groups."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.kubernetes.contenders import contenders_of, selects
from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError
from lockage.adapters.kubernetes.preflight import eligible, references, room
from lockage.adapters.kubernetes.quotas import asks, shortage
from lockage.adapters.kubernetes.raw import Anything, ManagedFields
from lockage.adapters.kubernetes.usage import Reading, Target, UsageWatch, parsed
from lockage.adapters.kubernetes.writers import REPLICAS, TEMPLATE, image_field, last_writer, owning
from lockage.core.facts import ContenderKind


def thing(**parts: Any) -> Anything:
    return msgspec.convert({"metadata": {"name": "x"}, **parts}, type=Anything)


# --- quotas --------------------------------------------------------------------------------------------------------------


def pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"containers": [{"resources": c} for c in containers], "initContainers": [{"resources": c} for c in init]}


def test_containers_add_up_and_of_init_containers_the_largest_counts() -> None:
    asked = asks(
        pod(
            {"requests": {"cpu": "100m"}},
            {"limits": {"cpu": "1"}},
            init=({"requests": {"cpu": "2"}}, {"requests": {"cpu": "1"}}),
        )
    )
    assert (asked["requests.cpu"], asked["limits.cpu"], asked["pods"]) == (Decimal(2), Decimal(1), Decimal(1))
    assert asks(pod({"requests": {"memory": "1Gi"}}))["memory"] == Decimal(2**30)


@pytest.mark.parametrize(
    ("hard", "used", "short"),
    [
        ({"pods": "3"}, {"pods": "2"}, ()),
        ({"pods": "3"}, {"pods": "3"}, ("pods: 3 of 3 are used",)),
        ({"requests.cpu": "1"}, {"requests.cpu": "900m"}, ("requests.cpu: 900m of 1 are used, one more needs 0.500",)),
        ({"requests.cpu": "1"}, {"requests.cpu": "500m"}, ()),
        ({"limits.memory": "1Gi"}, {"limits.memory": "1Gi"}, ()),  # the pod asks for none
        ({"count/secrets": "1"}, {"count/secrets": "1"}, ()),
    ],
)
def test_a_quota_is_short_of_what_one_more_pod_asks_for(
    hard: dict[str, str], used: dict[str, str], short: tuple[str, ...]
) -> None:
    quota = thing(spec={"hard": hard}, status={"hard": hard, "used": used})
    assert shortage(quota, pod({"requests": {"cpu": "500m"}})) == short


def test_a_quota_with_a_scope_is_not_judged() -> None:
    full = {"hard": {"pods": "0"}, "used": {"pods": "0"}}
    assert shortage(thing(spec={"scopes": ["BestEffort"]}, status=full), pod({})) == ()


# --- writers -------------------------------------------------------------------------------------------------------------


def entry(manager: str, fields: dict[str, Any], time: str | None = "2026-01-05T03:00:00Z", subresource: str = "") -> Any:
    return {"manager": manager, "fieldsV1": fields, "time": time, "subresource": subresource}


def entries(*made: Any) -> tuple[ManagedFields, ...]:
    return msgspec.json.decode(json.dumps(made), type=tuple[ManagedFields, ...])


SCALED = {"f:spec": {"f:replicas": {}}}
EDITED = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}}}


def test_the_newest_writer_of_a_field_is_named_with_its_time() -> None:
    found = entries(
        entry("helm", {**EDITED, "f:spec": {**EDITED["f:spec"], **SCALED["f:spec"]}}),
        entry("kubectl-edit", EDITED, "2026-01-05T04:05:06Z"),
    )
    assert last_writer(found, TEMPLATE) == "kubectl-edit at 04:05:06"
    assert last_writer(found, REPLICAS) == "helm at 03:00:00"


def test_who_scales_through_the_subresource_has_no_time_and_comes_first() -> None:
    found = entries(entry("helm", SCALED, "2026-01-05T09:00:00Z"), entry("kubectl", SCALED, None, "scale"))
    assert last_writer(found, REPLICAS) == "kubectl (scale)"


def test_of_two_at_the_same_second_the_other_is_named() -> None:
    found = entries(entry("lockage", SCALED), entry("kubectl-edit", SCALED), entry("lockage", {}))
    assert last_writer(found, REPLICAS) == "kubectl-edit at 03:00:00"
    assert last_writer(found, [("f:spec", "f:nothing")]) is None


def test_a_manager_owns_the_image_of_its_container_only() -> None:
    found = entries(entry("Terraform", EDITED), entry("helm", SCALED))
    assert owning(found, image_field("app")) == ("Terraform",)
    assert owning(found, image_field("sidecar")) == ()


# --- selectors, references, nodes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_a_selector_fits_as_kubernetes_says(selector: Any, fits: bool) -> None:
    assert selects(selector, {"a": "1"}) is fits


def test_a_pod_needs_what_it_refers_to_but_what_is_optional_and_pull_secrets() -> None:
    reference = {"name": "db", "key": "url"}
    spec = {
        "serviceAccountName": "app",
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"secret": {"secretName": "tls"}}, {"configMap": {"name": "extra", "optional": True}}, {"emptyDir": {}}],
        "initContainers": [{"envFrom": [{"configMapRef": {"name": "settings"}}]}],
        "containers": [{"env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": {"secretKeyRef": reference}}]}],
    }  # fmt: skip
    assert references(spec) == {
        ("Secret", "tls", ""),
        ("ConfigMap", "settings", ""),
        ("Secret", "db", "url"),
        ("ServiceAccount", "app", ""),
    }


READY = {"conditions": [{"type": "Ready", "status": "True"}]}
TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("node", "spec", "fits"),
    [
        ({}, {}, True),
        ({"unschedulable": True}, {}, False),
        ({"taints": [TAINT]}, {}, False),
        ({"taints": [{**TAINT, "effect": "PreferNoSchedule"}]}, {}, True),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}, True),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "value": "no"}]}, False),
        ({"taints": [TAINT]}, {"tolerations": [{"operator": "Exists"}]}, True),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]}, False),
        ({}, {"nodeSelector": {"disk": "fast"}}, False),
    ],
)
def test_a_node_is_eligible_by_selector_and_taints(node: dict[str, Any], spec: dict[str, Any], fits: bool) -> None:
    assert eligible(thing(spec=node, status=READY), spec) is fits


def test_a_node_that_is_not_ready_takes_nobody() -> None:
    assert not eligible(thing(status={"conditions": [{"type": "Ready", "status": "Unknown"}]}), {})


def test_room_is_what_its_own_pods_leave() -> None:
    node = thing(status={"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"}})
    there = {"nodeName": "x", **pod({"requests": {"cpu": "500m", "memory": "256Mi"}})}
    elsewhere = {**there, "nodeName": "y"}
    left = room(node, [thing(spec=there), thing(spec=elsewhere)])
    assert left == {"requests.cpu": Decimal("1.5"), "requests.memory": Decimal(768 * 2**20), "pods": Decimal(9)}


# --- what may not be looked at -------------------------------------------------------------------------------------------


class Answering:
    """An API server of a few paths; others are forbidden, or not there."""

    namespace = "shop"

    def __init__(self, answers: dict[str, Any], missing: tuple[str, ...] = ()) -> None:
        self._answers = answers
        self._missing = missing

    def send(self, method: str, path: str, *, body: object = None, params: dict[str, str] | None = None) -> bytes:
        del method, body, params
        if path in self._answers:
            return json.dumps(self._answers[path]).encode()
        if any(path.startswith(each) for each in self._missing):
            raise MissingError("there is none", code="LK506")
        raise ForbiddenError(f"may not list {path.rsplit('/', maxsplit=1)[1]}", code="LK504")


def around(groups: tuple[str, ...] = (), **answers: Any) -> Answering:
    deployment = {"metadata": {"name": "app", "namespace": "shop"}, "spec": {"template": {"metadata": {}, "spec": {}}}}
    named = [{"name": group, "preferredVersion": {"version": "v1"}} for group in groups]
    return Answering({"/apis/apps/v1/namespaces/shop/deployments/app": deployment, "/apis": {"groups": named}, **answers})


def test_what_may_not_be_listed_is_unknown_and_what_is_not_installed_is_nothing() -> None:
    found = contenders_of(around(), "app", container="app", image="app:1.0.0")
    assert {each.kind for each in found} == {ContenderKind.UNKNOWN}
    assert [each.object for each in found] == ["a HorizontalPodAutoscaler", "a PodDisruptionBudget", "a ResourceQuota"]
    with_keda = contenders_of(
        around(("keda.sh", "argoproj.io", "autoscaling.k8s.io")), "app", container="app", image="app:1.0.0"
    )
    assert {each.object for each in with_keda} - {each.object for each in found} == {
        "a ScaledObject (KEDA)",
        "Argo CD",
        "a VerticalPodAutoscaler",
    }
    assert all("may" in each.does for each in with_keda)


def test_an_application_that_may_not_be_read_is_an_owner_by_the_objects_own_word() -> None:
    client = around(("argoproj.io",))
    metadata = client._answers["/apis/apps/v1/namespaces/shop/deployments/app"]["metadata"]
    metadata["annotations"] = {"argocd.argoproj.io/tracking-id": "shop-app:apps/Deployment:shop/app"}
    (owner,) = [e for e in contenders_of(client, "app", container="app", image="app:1") if e.kind is ContenderKind.OWNER]
    assert owner.object == "Application/shop-app"


# --- control groups ------------------------------------------------------------------------------------------------------


def test_both_versions_of_control_groups_are_read_without_what_the_kernel_could_take_back() -> None:
    second = "104857600\nanon 90000000\ninactive_file 4857600\nusage_usec 2500000\nuser_usec 2000000\n"
    assert parsed(second, at_s=1.0) == Reading(memory_bytes=100_000_000, cpu_s=2.5, at_s=1.0)
    first = "104857600\ncache 1\ninactive_file 7\ntotal_inactive_file 4857600\n2500000000\n"
    assert parsed(first, at_s=1.0) == Reading(memory_bytes=100_000_000, cpu_s=2.5, at_s=1.0)
    assert parsed("cat: /sys/fs/cgroup/memory.current: No such file or directory\n", at_s=1.0) is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    parsed(text, at_s=0.0)
    parsed(f"1\nusage_usec {text}", at_s=0.0)


def test_asking_for_usage_never_waits_for_it() -> None:
    held, asked = threading.Event(), threading.Event()

    def targets() -> list[Target]:
        asked.set()
        held.wait(30)
        return [Target(pod="a", container="app", memory_limit_bytes=100, cpu_limit_cores=None)]

    watch = UsageWatch(targets, lambda _: {"a": Reading(memory_bytes=50)})
    assert watch.latest() == ()
    assert asked.wait(30)
    assert watch.latest() == ()
    held.set()
