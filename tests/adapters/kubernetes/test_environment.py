"""What a container's variables and files say, as the kubelet would make them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.kubernetes.environment import Environment
from lockage.adapters.kubernetes.objects import PodObject, WorkloadObject, list_workloads
from lockage.errors import RefusedError
from support.fake_cluster import FakeCluster


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def environment(cluster: FakeCluster, *env: dict[str, Any], pod: PodObject | None = None, **container: Any) -> Environment:
    volumes = container.pop("volumes", [])
    cluster.workload("api", {"name": "main", "env": list(env), **container}, labels={"app": "ours"}, volumes=volumes)
    (workload,) = list_workloads(cluster, "Deployment")
    return Environment(cluster, workload, workload.spec.template.spec.containers[0], pod=lambda: pod)


def of_key(name: str, kind: str, source: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": {f"{kind}KeyRef": {"name": source, "key": key, **more}}}


def test_a_value_is_a_value(cluster: FakeCluster) -> None:
    found = environment(cluster, {"name": "URL", "value": "postgres://db"}, {"name": "EMPTY"})
    assert (found.variable("URL"), found.variable("EMPTY"), found.variable("NONE")) == ("postgres://db", "", None)


def test_values_come_from_secrets_and_config_maps(cluster: FakeCluster) -> None:
    cluster.secret("db", password="s3cret")
    cluster.config_map("settings", host="db.example.com")
    found = environment(
        cluster, of_key("PASSWORD", "secret", "db", "password"), of_key("HOST", "configMap", "settings", "host")
    )
    assert (found.variable("PASSWORD"), found.variable("HOST")) == ("s3cret", "db.example.com")


def test_whole_secrets_and_config_maps_come_under_a_prefix_and_the_last_wins(cluster: FakeCluster) -> None:
    cluster.secret("one", HOST="one", PORT="1")
    cluster.config_map("two", HOST="two")
    sources = [{"prefix": "DB_", "secretRef": {"name": "one"}}, {"prefix": "DB_", "configMapRef": {"name": "two"}}]
    found = environment(cluster, {"name": "DB_PORT", "value": "own"}, envFrom=sources)
    assert (found.variable("DB_HOST"), found.variable("DB_PORT"), found.variable("HOST")) == ("two", "own", None)
    assert set(found.names()) == {"DB_HOST", "DB_PORT"}


def test_only_what_is_asked_for_is_read(cluster: FakeCluster) -> None:
    cluster.secret("db", url="postgres://db")
    cluster.secret("other", key="x")
    found = environment(cluster, of_key("URL", "secret", "db", "url"), of_key("OTHER", "secret", "other", "key"))
    cluster.asked.clear()
    assert (found.variable("URL"), found.variable("URL")) == ("postgres://db", "postgres://db")
    assert cluster.asked == ["secrets/db"]


def test_references_mean_what_was_defined_before_them(cluster: FakeCluster) -> None:
    found = environment(
        cluster,
        {"name": "USER", "value": "old"},
        {"name": "URL", "value": "postgres://$(USER):$(LATER)@$$(HOST)/$(NOWHERE)"},
        {"name": "USER", "value": "$(USER)er"},
        {"name": "LATER", "value": "x"},
        {"name": "OWN", "value": "$(OWN)"},
    )
    assert found.variable("URL") == "postgres://old:$(LATER)@$(HOST)/$(NOWHERE)"
    assert found.variable("USER") == "older"
    assert found.variable("OWN") == "$(OWN)"


def test_what_a_secret_holds_is_not_expanded(cluster: FakeCluster) -> None:
    cluster.secret("db", password="a$(USER)$$b")
    found = environment(cluster, {"name": "USER", "value": "u"}, of_key("PASSWORD", "secret", "db", "password"))
    assert found.variable("PASSWORD") == "a$(USER)$$b"


@given(st.text(alphabet="$()aB_ ", max_size=24))
def test_expansion_is_kubernetes_own(text: str) -> None:
    cluster = FakeCluster()
    found = environment(cluster, {"name": "B", "value": "x"}, {"name": "a", "value": ""})
    assert found.expanded(text) == as_kubernetes(text, {"B": "x", "a": ""})


def as_kubernetes(text: str, values: dict[str, str]) -> str:
    """``expansion.Expand`` of Kubernetes 1.33, character by character."""
    out, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out, at = out + text[at], at + 1
        elif text[at + 1] == "$":
            out, at = out + "$", at + 2
        elif text[at + 1] == "(" and ")" in text[at + 2 :]:
            end = text.index(")", at + 2)
            name = text[at + 2 : end]
            out, at = out + values.get(name, f"$({name})"), end + 1
        else:
            out, at = out + text[at : at + 2], at + 2
    return out


def test_an_optional_reference_that_leads_nowhere_leaves_the_variable_as_it_was(cluster: FakeCluster) -> None:
    optional = of_key("URL", "secret", "none", "url", optional=True)
    assert environment(cluster, optional).variable("URL") is None
    assert environment(cluster, {"name": "URL", "value": "before"}, optional).variable("URL") == "before"
    whole = environment(cluster, envFrom=[{"secretRef": {"name": "none", "optional": True}}])
    assert whole.variable("URL") is None


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        (of_key("URL", "secret", "none", "url"), "there is no Secret/none in namespace shop"),
        (of_key("URL", "secret", "db", "uri"), "there is no key uri of Secret/db in namespace shop"),
        (of_key("URL", "configMap", "none", "url"), "there is no ConfigMap/none in namespace shop"),
    ],
)
def test_a_secret_or_a_key_that_is_missing_is_named(cluster: FakeCluster, variable: dict[str, Any], said: str) -> None:
    cluster.secret("db", url="postgres://db")
    with pytest.raises(RefusedError) as caught:
        environment(cluster, variable).variable("URL")
    assert caught.value.code == "LK535"
    assert caught.value.message == f"{said}, and variable URL of container main of Deployment/api needs it"
    assert "--database URL" in str(caught.value.hint)


def test_a_whole_secret_that_is_missing_is_named(cluster: FakeCluster) -> None:
    found = environment(cluster, envFrom=[{"secretRef": {"name": "none"}}])
    with pytest.raises(
        RefusedError, match="there is no Secret/none in namespace shop, and envFrom of container main"
    ) as caught:
        found.variable("URL")
    assert caught.value.code == "LK535"


def test_who_may_not_read_the_secret_is_told_what_for(cluster: FakeCluster) -> None:
    cluster.forbidden.add("secrets")
    with pytest.raises(RefusedError) as caught:
        environment(cluster, of_key("URL", "secret", "db", "url")).variable("URL")
    assert caught.value.code == "LK504"
    assert caught.value.message.endswith("Deployment/api has variables or files from Secret/db")
    assert str(caught.value.hint).endswith("or give the database's address with --database URL")


def test_fields_of_the_pod_are_the_templates_or_a_running_pods(cluster: FakeCluster) -> None:
    pod = msgspec.convert({"metadata": {"name": "api-1"}, "status": {"hostIP": "10.0.0.9"}}, PodObject)
    fields = {
        "NAME": "metadata.name",
        "SPACE": "metadata.namespace",
        "APP": "metadata.labels['app']",
        "NODE": "status.hostIP",
    }
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    found = environment(cluster, *env, pod=pod)
    assert [found.variable(name) for name in fields] == ["api-1", "shop", "ours", "10.0.0.9"]
    without = environment(cluster, *env)
    assert without.variable("SPACE") == "shop"
    with pytest.raises(
        RefusedError, match=r"variable NODE of .* is status.hostIP of a running pod, and there is none"
    ) as caught:
        without.variable("NODE")
    assert caught.value.code == "LK534"


def test_services_of_the_namespace_are_variables_too(cluster: FakeCluster) -> None:
    cluster.add("services", "my-db", spec={"clusterIPs": ["10.3.0.7"], "ports": [{"port": 5433}]})
    found = environment(cluster, {"name": "URL", "value": "postgres://$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT)/x"})
    assert found.variable("URL") == "postgres://10.3.0.7:5433/x"


def mounted(cluster: FakeCluster, volume: dict[str, Any], **mount: Any) -> Environment:
    mounts = [{"name": "v", "mountPath": "/run/db", **mount}]
    return environment(cluster, volumeMounts=mounts, volumes=[{"name": "v", **volume}])


@pytest.mark.parametrize(
    ("volume", "mount", "path"),
    [
        ({"secret": {"secretName": "db"}}, {}, "/run/db/url"),
        ({"secret": {"secretName": "db", "items": [{"key": "url", "path": "deep/er"}]}}, {}, "/run/db/deep/er"),
        ({"secret": {"secretName": "db"}}, {"mountPath": "/etc/url.txt", "subPath": "url"}, "/etc/url.txt"),
        ({"configMap": {"name": "db"}}, {}, "/run/db/url"),
        ({"projected": {"sources": [{"serviceAccountToken": {}}, {"secret": {"name": "db"}}]}}, {}, "/run/db/url"),
    ],
)
def test_files_come_from_what_is_mounted(
    cluster: FakeCluster, volume: dict[str, Any], mount: dict[str, Any], path: str
) -> None:
    cluster.secret("db", url="postgres://db")
    cluster.config_map("db", url="postgres://db")
    assert mounted(cluster, volume, **mount).file(path) == b"postgres://db"


def test_a_file_of_the_image_is_nobodys(cluster: FakeCluster) -> None:
    cluster.secret("db", url="x")
    assert mounted(cluster, {"emptyDir": {}}).file("/run/db/url") is None
    assert mounted(cluster, {"secret": {"secretName": "db"}}).file("/run/dbs/url") is None


def test_a_key_that_should_be_a_file_is_named(cluster: FakeCluster) -> None:
    cluster.secret("db", url="x")
    found = mounted(cluster, {"secret": {"secretName": "db"}})
    with pytest.raises(
        RefusedError, match=r"no key uri of Secret/db in namespace shop, and a volume of container main"
    ) as caught:
        found.file("/run/db/uri")
    assert caught.value.code == "LK535"
    assert mounted(cluster, {"secret": {"secretName": "none", "optional": True}}).file("/run/db/url") is None


def test_a_rendered_manifest_is_read_as_a_live_object_is() -> None:
    rendered = {
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"template": {"spec": {"containers": [{"name": "c"}]}}},
    }
    assert msgspec.convert(rendered, WorkloadObject).title == "Deployment/x"
