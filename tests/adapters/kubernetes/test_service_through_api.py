"""Requests to pods and Services through the API server, and to nowhere else with our credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from lightkube.models.core_v1 import Container

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.service import BODY_LIMIT_BYTES, KubernetesService, app_port, pod_url, service_url
from lockage.errors import RefusedError, UnreachableError
from lockage.ports import Answer
from support.kubernetes_objects import container
from support.scripted_api import SERVER, TOKEN, scripted_client

PODS = f"{SERVER}/api/v1/namespaces/shop/pods"


class Elsewhere:
    """The way of all URLs that are not the API server's."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        del headers, timeout_s
        self.asked.append(url)
        return Answer(status=299, body="elsewhere")


def service(answer: Any) -> tuple[KubernetesService, Elsewhere]:
    elsewhere = Elsewhere()
    client = scripted_client(answer if callable(answer) else lambda _: answer)
    return KubernetesService(client, elsewhere=elsewhere), elsewhere


def get(found: KubernetesService, url: str, **headers: str) -> Answer:
    return found.get(url, headers=headers, timeout_s=2.0)


def no_requests(request: httpx2.Request) -> httpx2.Response:
    pytest.fail(f"our credentials went to {request.url}")


def test_a_pod_is_asked_with_our_credentials_and_the_tests_headers() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Authorization"] == TOKEN
        assert request.headers["Coder-Session-Token"] == "s"
        assert request.url.query == b"a=b"
        return httpx2.Response(201, text="made")

    found, elsewhere = service(answer)
    assert get(found, f"{PODS}/http:x:80/proxy/api/v2?a=b", **{"Coder-Session-Token": "s"}) == Answer(status=201, body="made")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://coder.example.com/api/v2/buildinfo",
        "https://api.example.com/api/v1/namespaces/shop/pods/http:x:80/proxy/",
        "http://api.example.com:6443/api/v1/namespaces/shop/pods/http:x:80/proxy/",
        "https://api.example.com:6443.evil.com/api/v1/namespaces/shop/pods/http:x:80/proxy/",
        "https://api.example.com:6443@evil.com/api/v1/namespaces/shop/pods/http:x:80/proxy/",
        f"{SERVER}/api/v1/namespaces/shop/secrets",
        f"{SERVER}/api/v1/namespaces/shop/secrets/a/proxy/",
        f"{SERVER}/api/v1/namespaces/shop/pods/x/log",
        f"{PODS}/http:x:80/proxy/../../../secrets",
        f"{PODS}/http:x:80/proxy/%2e%2e/%2e%2e/%2e%2e/secrets",
        f"{PODS}/http:x:80/proxy/..%2f..%2fsecrets",
        f"{PODS}/http:x:80/proxy\\..\\..\\secrets",
        f"{PODS}/http:x:80/proxyness",
    ],
)
def test_no_other_url_gets_our_credentials(url: str) -> None:
    found, elsewhere = service(no_requests)
    assert get(found, url).status == 299
    assert elsewhere.asked == [url]


def test_an_authorization_header_of_the_application_is_not_put_in_place_of_ours() -> None:
    found, _ = service(no_requests)
    answer = get(found, f"{PODS}/http:x:80/proxy/", authorization="Basic x")
    assert answer.status == 0
    assert "does not get through the API server" in (answer.problem or "")


def refusal(code: int, message: str) -> httpx2.Response:
    return httpx2.Response(code, json={"kind": "Status", "code": code, "message": message, "reason": "x"})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (503, "error trying to reach service: dial tcp 10.1.0.7:8080: connect: connection refused"),
        (503, 'no endpoints available for service "coder"'),
        (403, 'pods "x" is forbidden: User "u" cannot get resource "pods/proxy" in API group "" in the namespace "shop"'),
        (404, 'pods "x" not found'),
    ],
)
def test_an_answer_of_the_api_server_itself_is_none_of_the_application(code: int, message: str) -> None:
    found, _ = service(refusal(code, message))
    answer = get(found, f"{PODS}/http:x:80/proxy/")
    assert (answer.status, answer.body) == (0, "")
    assert message in (answer.problem or "")


@pytest.mark.parametrize("code", [301, 404, 500, 503])
def test_what_the_application_answers_is_passed_on(code: int) -> None:
    found, _ = service(httpx2.Response(code, text="ours", headers={"Location": "/login"}))
    assert get(found, f"{PODS}/http:x:80/proxy/") == Answer(status=code, body="ours")


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.RemoteProtocolError("gone")])
def test_an_api_server_that_does_not_answer_says_nothing_of_the_application(error: Exception) -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        raise error

    found, _ = service(answer)
    with pytest.raises(UnreachableError) as failed:
        get(found, f"{PODS}/http:x:80/proxy/")
    assert failed.value.code == "LK509"


def test_an_application_that_does_not_answer_in_time_is_told_from_an_api_server_that_does_not() -> None:
    def hangs(request: httpx2.Request) -> httpx2.Response:
        if "proxy" in request.url.path or not alive:
            raise httpx2.ReadTimeout("x")
        return httpx2.Response(200, json={"major": "1"})

    found, _ = service(hangs)
    alive = True
    answer = get(found, f"{PODS}/http:x:80/proxy/")
    assert (answer.status, "within 2 s" in (answer.problem or "")) == (0, True)
    alive = False
    with pytest.raises(UnreachableError):
        get(found, f"{PODS}/http:x:80/proxy/")


@pytest.mark.parametrize("code", [429, 500, 503])
def test_an_api_server_in_trouble_is_asked_again_and_then_named(code: int) -> None:
    answers = iter([refusal(code, "etcdserver: leader changed"), httpx2.Response(200, text="ours")])
    found, _ = service(lambda _: next(answers))
    assert get(found, f"{PODS}/http:x:80/proxy/") == Answer(status=200, body="ours")
    always, _ = service(lambda _: refusal(code, "etcdserver: leader changed"))
    with pytest.raises(UnreachableError) as failed:
        always.get(f"{PODS}/http:x:80/proxy/", headers={}, timeout_s=0.1)
    assert failed.value.code == "LK509"


def test_expired_credentials_are_looked_up_anew() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return refusal(401, "Unauthorized") if len(asked) == 1 else httpx2.Response(200, json={})

    found, _ = service(answer)
    assert get(found, f"{PODS}/http:x:80/proxy/").status == 200
    assert asked[1] == "/version"


def test_of_a_download_only_the_beginning_is_read() -> None:
    found, _ = service(httpx2.Response(200, content=b"x" * (BODY_LIMIT_BYTES + 10)))
    assert len(get(found, f"{PODS}/http:x:80/proxy/").body) == BODY_LIMIT_BYTES


# --- which URL --------------------------------------------------------------------------------------------------------


def made(**changes: Any) -> Container:
    return Container.from_dict(container(**changes))


@pytest.mark.parametrize(
    ("changes", "port"),
    [
        ({}, (8080, "http")),
        ({"readinessProbe": {"httpGet": {"port": 9000, "scheme": "HTTPS"}}}, (9000, "https")),
        ({"readinessProbe": None, "livenessProbe": {"httpGet": {"port": "http"}}}, (8080, "http")),
        ({"readinessProbe": {"tcpSocket": {"port": 1}}}, (8080, "http")),
        ({"readinessProbe": {"httpGet": {"port": "unknown"}}}, (8080, "http")),
    ],
)
def test_the_applications_port_is_the_readiness_probes_and_else_its_first(
    changes: dict[str, Any], port: tuple[int, str]
) -> None:
    assert app_port(made(**changes)) == port


def test_a_container_without_a_port_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        app_port(made(ports=None, readinessProbe=None))
    assert refused.value.code == "LK506"


def test_a_pods_url() -> None:
    client = scripted_client(no_requests)
    assert pod_url(client, "x", made()) == f"{PODS}/http:x:8080/proxy"


def with_services(*services: dict[str, Any]) -> KubernetesClient:
    return scripted_client(lambda _: httpx2.Response(200, json={"kind": "ServiceList", "items": list(services)}))


def a_service(name: str, selector: dict[str, str] | None, *ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"selector": selector, "ports": list(ports), **spec}}


LABELS = {"app": "coder", "tier": "web"}
TO_HTTP = {"port": 80, "targetPort": "http"}


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([a_service("coder", {"app": "coder"}, TO_HTTP)], "http:coder:80"),
        ([a_service("a", {"app": "other"}, TO_HTTP), a_service("coder", LABELS, {"port": 8080})], "http:coder:8080"),
        ([a_service("a", None, TO_HTTP), a_service("coder", LABELS, TO_HTTP)], "http:coder:80"),
        ([a_service("a", LABELS, TO_HTTP, clusterIP="None"), a_service("coder", LABELS, TO_HTTP)], "http:coder:80"),
        ([a_service("a", LABELS, {"port": 9090, "targetPort": 2112}), a_service("coder", LABELS, TO_HTTP)], "http:coder:80"),
        ([a_service("coder", LABELS, {"port": 9090, "targetPort": 2112}, TO_HTTP)], "http:coder:80"),
    ],
    ids=["the only one", "whose selector fits", "with a selector", "with an address", "to the port", "the port of several"],
)
def test_the_service_is_the_one_in_front_of_the_pods(services: list[dict[str, Any]], expected: str) -> None:
    url = service_url(with_services(*services), LABELS, made())
    assert url == f"{SERVER}/api/v1/namespaces/shop/services/{expected}/proxy"


def test_pods_without_a_service_are_refused() -> None:
    with pytest.raises(RefusedError, match="no Service for pods with app=coder, tier=web") as refused:
        service_url(with_services(), LABELS, made())
    assert refused.value.code == "LK506"
