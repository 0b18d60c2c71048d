"""What pods use where there is no metrics server: by looking into them, and in words why that could not be."""

from __future__ import annotations

import httpx2
import msgspec
import pytest

from lockage.adapters.clock import SystemClock
from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.usage import usage_now
from lockage.core.diagnosis.evidence import Missing
from lockage.errors import UnreachableError
from lockage.flows.looks import Answer, Looks
from support.scripted_api import scripted_client

POD = {
    "metadata": {"name": "app-1"},
    "spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "512Mi"}}}]},
    "status": {"containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}]},
}
FORBIDDEN = (403, "Forbidden", 'pods "app-1" is forbidden: User "ops" cannot create resource "pods/exec" in API group ""')
NO_CAT = (
    500,
    "InternalError",
    "Internal error occurred: error executing command in container: failed to exec in container: OCI runtime exec failed: "
    'exec failed: unable to start container process: exec: "cat": executable file not found in $PATH: unknown',
)


def cluster(status: int, reason: str, message: str, *, pods: tuple[object, ...] = (POD,)) -> KubernetesClient:
    """A cluster without a metrics server, which answers so to whoever looks into a pod."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/exec"):
            body = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status}
            return httpx2.Response(status, content=msgspec.json.encode(body))
        if path.endswith("/pods"):
            return httpx2.Response(200, content=msgspec.json.encode({"kind": "PodList", "items": pods}))
        return httpx2.Response(200, content=msgspec.json.encode({"kind": "APIGroupList", "groups": []}))

    return scripted_client(answer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(FORBIDDEN, "pods/exec"), (NO_CAT, "its image has no cat")],
    ids=["no right to exec", "distroless"],
)
def test_a_pod_that_cannot_be_looked_into_says_why(answer: tuple[int, str, str], why: str) -> None:
    with pytest.raises(UnreachableError) as raised:
        usage_now(cluster(*answer), ["app-1"], ["app-1"], "app")
    assert raised.value.message.startswith("there is no metrics server, and app-1 cannot be looked into: ")
    assert why in raised.value.message


def test_where_no_pod_starts_nothing_is_looked_into() -> None:
    with pytest.raises(UnreachableError, match=r"there is no metrics server$"):
        usage_now(cluster(*FORBIDDEN), ["app-1"], [], "app")


def test_a_diagnosis_takes_it_as_not_seen_and_never_as_an_error() -> None:
    looks, client = Looks(clock=SystemClock(), limit_s=5.0, look_s=5.0), cluster(*FORBIDDEN)
    answer = Answer("memory and CPU in use", lambda: usage_now(client, ["app-1"], ["app-1"], "app"))
    looks.ask(answer)
    looks.wait(lambda _: None)
    assert isinstance(answer.missing, Missing)
    assert "pods/exec" in answer.missing.why
