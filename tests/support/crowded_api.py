"""An API server with a deployment of as many pods as a test wants, over plain HTTP on loopback; it only answers reads.

The surprising thing: it can be told to be deaf for some paths, as a node that does not give its logs is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

JSON = dict[str, Any]

NAMESPACE = "shop"
IMAGE = "registry.example/towpath:v2.26.0"
LABELS = {"app.kubernetes.io/name": "shop"}
NODE_INFO = (
    "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "kubeletVersion", "machineID", "operatingSystem",
    "osImage", "systemUUID",
)  # fmt: skip
LINE = "2026-11-22 10:00:00.000 [info] net: GET /api/v2/workspaces status_code=200 took=12ms request_id=0123456789abcdef"


@dataclass(kw_only=True)
class CrowdedApi:
    """The server; ``asked`` has method and path of every request."""

    kubeconfig: Path
    objects: dict[str, Any]
    log: str
    deaf: tuple[str, ...] = ()  # endings of paths that are never answered
    refused: tuple[str, ...] = ()  # endings of paths that are 403
    asked: list[tuple[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def crowded_api(  # noqa: C901 - one arm a path
    folder: Path, *, pods: int, log_lines: int = 2000, crashing: int = 3, image: str = IMAGE
) -> Iterator[CrowdedApi]:
    """While the context lasts: Deployment ``shop`` with this many pods, of which some crash."""
    objects = _objects(pods, crashing=crashing)
    if image != IMAGE:
        objects = json.loads(json.dumps(objects).replace(IMAGE, image))
    api = CrowdedApi(kubeconfig=folder / "crowded-kubeconfig", objects=objects, log=f"{LINE}\n" * log_lines)
    encoded = {path: json.dumps(content).encode() for path, content in objects.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            api.asked.append(("GET", url.path))
            if url.path.endswith(api.deaf):
                api.ended.wait(60)
                self.close_connection = True
            elif url.path.endswith(api.refused):
                self._answer(403, json.dumps(_forbidden(url.path)).encode())
            elif url.path.endswith("/log"):
                wanted = int(parse_qs(url.query).get("tailLines", ["0"])[0])
                lines = api.log.splitlines(keepends=True)
                self._answer(200, "".join(lines[-wanted:]).encode(), kind="text/plain")
            elif url.path in encoded:
                self._answer(200, encoded[url.path])
            else:
                self._answer(404, json.dumps(_missing(url.path)).encode())

        def _answer(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                api.asked.append((name.removeprefix("do_"), self.path))
            raise AttributeError(name)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that is gone is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
        thread.start()
        write_kubeconfig(api.kubeconfig, f"http://127.0.0.1:{httpd.server_port}")
        try:
            yield api
        finally:
            api.ended.set()
            httpd.shutdown()
            thread.join()


def write_kubeconfig(file: Path, server: str) -> None:
    """A kubeconfig whose only context leads there."""
    named = {"cluster": {"server": server}, "user": {}, "context": {"cluster": "c", "user": "c", "namespace": NAMESPACE}}
    lists = {f"{kind}s": [{"name": "c", kind: content}] for kind, content in named.items()}
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", **lists}))


def _forbidden(path: str) -> JSON:
    resource = path.rpartition("/")[2]
    said = f'{resource} is forbidden: User "ops" cannot list resource "{resource}" in API group "" in the namespace "shop"'
    return {"kind": "Status", "reason": "Forbidden", "code": 403, "message": said}


def _missing(path: str) -> JSON:
    return {"kind": "Status", "reason": "NotFound", "code": 404, "message": f"{path} not found"}


def _objects(pods: int, *, crashing: int) -> Mapping[str, Any]:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "shop", "namespace": NAMESPACE, "uid": "d", "generation": 1, "labels": LABELS,
            "annotations": {"deployment.kubernetes.io/revision": "2"}, "creationTimestamp": "2026-11-20T08:00:00Z",
        },
        "spec": {
            "replicas": pods, "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [_container()]}},
        },
        "status": {"observedGeneration": 1, "conditions": [{"type": "Progressing", "status": "True"}]},
    }  # fmt: skip
    replica_set = {
        "metadata": {
            "name": "shop-abc", "uid": "s", "annotations": {"deployment.kubernetes.io/revision": "2"},
            "ownerReferences": [_owner("Deployment", "shop", "d")], "creationTimestamp": "2026-11-20T08:00:00Z",
        },
        "spec": {
            "replicas": pods, "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [_container()]}},
        },
        "status": {"replicas": pods, "readyReplicas": pods - crashing},
    }  # fmt: skip
    made = [_pod(number, crashes=number < crashing) for number in range(pods)]
    core, apps = f"/api/v1/namespaces/{NAMESPACE}", f"/apis/apps/v1/namespaces/{NAMESPACE}"
    return {
        core: {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
        f"{core}/pods": {"kind": "PodList", "items": made},
        f"{core}/events": {"kind": "EventList", "items": [_event(pod["metadata"]["name"], n) for n, pod in enumerate(made)]},
        f"{core}/resourcequotas": {"items": []},
        f"{core}/services": {"items": []},
        f"{core}/secrets": {"items": []},
        f"{apps}/deployments": {"items": [deployment]},
        f"{apps}/deployments/shop": deployment,
        f"{apps}/replicasets": {"items": [replica_set]},
        f"{apps}/statefulsets": {"items": []},
        f"{apps}/daemonsets": {"items": []},
        f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers": {"items": []},
        f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets": {"items": []},
        "/apis": {"groups": []},
        "/apis/apps/v1/deployments": {"items": [deployment]},
        "/apis/apps/v1/statefulsets": {"items": []},
        "/api/v1/nodes": {"items": [_node()]},
    }


def _container() -> JSON:
    return {
        "name": "shop", "image": IMAGE, "ports": [{"containerPort": 8080}],
        "env": [{"name": "TOWPATH_PG_CONNECTION_URL", "value": "postgresql://shop:secret@db.example:5432/shop"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
        "resources": {"limits": {"memory": "256Mi", "cpu": "500m"}},
    }  # fmt: skip


def _owner(kind: str, name: str, uid: str) -> JSON:
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}


def _pod(number: int, *, crashes: bool) -> JSON:
    ended = {"exitCode": 1, "reason": "Error", "startedAt": "2026-11-22T10:00:00Z", "finishedAt": "2026-11-22T10:00:05Z"}
    state = {"waiting": {"reason": "CrashLoopBackOff"}} if crashes else {"running": {"startedAt": "2026-11-22T10:00:03Z"}}
    status = {
        "name": "shop", "image": IMAGE, "imageID": "x", "ready": not crashes,
        "restartCount": 4 if crashes else 0, "state": state, "lastState": {"terminated": ended} if crashes else {},
    }  # fmt: skip
    ready = {"type": "Ready", "status": "False" if crashes else "True", "lastTransitionTime": "2026-11-22T10:00:09Z"}
    address = f"10.1.{number // 250}.{number % 250 + 1}"
    return {
        "metadata": {
            "name": f"shop-abc-{number:04}", "namespace": NAMESPACE, "uid": f"p{number}", "labels": LABELS,
            "ownerReferences": [_owner("ReplicaSet", "shop-abc", "s")], "creationTimestamp": "2026-11-22T10:00:00Z",
        },
        "spec": {"nodeName": "node-1", "containers": [_container()]},
        "status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready],
            "containerStatuses": [status],
        },
    }  # fmt: skip


def _event(pod: str, number: int) -> JSON:
    return {
        "metadata": {"name": f"e{number}", "creationTimestamp": "2026-11-22T10:00:01Z"},
        "involvedObject": {"kind": "Pod", "name": pod, "namespace": NAMESPACE, "uid": f"p{number}"},
        "type": "Normal", "reason": "Started", "message": "Started container shop", "count": 1,
        "lastTimestamp": "2026-11-22T10:00:01Z",
    }  # fmt: skip


def _node() -> JSON:
    return {
        "metadata": {"name": "node-1"}, "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "8", "memory": "32Gi"},
            "nodeInfo": {"architecture": "amd64"} | dict.fromkeys(NODE_INFO, "x"),
        },
    }  # fmt: skip
