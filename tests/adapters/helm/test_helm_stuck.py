"""A pending revision of somebody's helm is marked as failed as Helm would have, and no other record is touched."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx2
import pytest

from lockage.adapters.helm.stuck import mark_failed
from lockage.errors import RefusedError
from support.scripted_api import scripted_client


def record(status: str) -> dict[str, Any]:
    """A revision as Helm keeps it."""
    content = {"name": "shop", "info": {"status": status, "description": "Preparing upgrade"}, "config": {"a": 1}}
    packed = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "sh.helm.release.v1.shop.v7", "namespace": "shop", "resourceVersion": "41",
            "labels": {"owner": "helm", "name": "shop", "version": "7", "status": status},
        },
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed.encode()).decode()},
    }  # fmt: skip


class Api:
    """An API server with that one record."""

    def __init__(self, status: str, *, conflict: bool = False) -> None:
        self.record, self.conflict = record(status), conflict
        self.put: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            selector = request.url.params["labelSelector"]
            assert set(selector.split(",")) == {"owner=helm", "name=shop", "version=7"}
            return httpx2.Response(200, json={"kind": "SecretList", "apiVersion": "v1", "items": [self.record]})
        if self.conflict:
            said = {"kind": "Status", "code": 409, "reason": "Conflict", "message": "the object has been modified"}
            return httpx2.Response(409, json=said)
        self.put.append(json.loads(request.content))
        return httpx2.Response(200, json=self.put[-1])


def marked(api: Api) -> bool:
    with scripted_client(api) as client:
        return mark_failed("shop", 7, client=client.kube, namespace="shop")


def test_the_record_and_its_label_say_failed_and_all_else_stays() -> None:
    api = Api("pending-upgrade")
    assert marked(api)
    (written,) = api.put
    assert written["metadata"]["labels"]["status"] == "failed"
    assert written["metadata"]["resourceVersion"] == "41"  # so that a helm that writes meanwhile wins
    content = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(written["data"]["release"]))))
    assert content["info"]["status"] == "failed"
    assert (content["name"], content["config"]) == ("shop", {"a": 1})


def test_one_that_has_ended_meanwhile_is_left_as_it_is() -> None:
    api = Api("deployed")
    assert not marked(api)
    assert api.put == []


def test_a_helm_that_has_written_meanwhile_wins() -> None:
    with pytest.raises(RefusedError) as refused:
        marked(Api("pending-upgrade", conflict=True))
    assert refused.value.code == "LK507"
