"""A short-lived pod of ours that relays to a database which only the cluster reaches.

Not for anybody else's traffic: one reaches it by ``kubectl port-forward`` only, as no Service leads to it. The surprising
thing: it never outlives us, by three means: we delete it; it ends by itself a minute after our last sign of life; and the
cluster ends it after a day. What one that was left leaves behind, an object without processes, is removed by the next.

Code: LK538.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TypeAlias

import msgspec

from lockage.adapters.kubernetes.failure import MissingError
from lockage.adapters.kubernetes.objects import Asking, PodObject, WorkloadObject, list_pods, selecting
from lockage.adapters.kubernetes.port_forward import Kubectl, port_forward
from lockage.errors import LockageError, UnreachableError

START_LIMIT_S = 60.0
"""For the pod to run: an image of 100 MB is pulled in ten seconds."""

LIFE_LIMIT_S = 24 * 3600
"""``activeDeadlineSeconds``: longer than any run, and the end of a pod whose own clock stands still."""

SIGN_S = 5.0
"""Between two signs of life; a twelfth of what it waits for."""

LOOK_S = 0.3
"""Between two looks whether it runs."""

CONTROL_PORT = 7000
FIRST_PORT = 7001

LABELS = {"app.kubernetes.io/managed-by": "lockage", "app.kubernetes.io/component": "database-relay"}

Json: TypeAlias = Mapping[str, object]


class _State(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _States(msgspec.Struct):
    waiting: _State | None = None
    terminated: _State | None = None


class _Container(msgspec.Struct):
    state: _States = msgspec.field(default_factory=_States)


class _Condition(msgspec.Struct):
    type: str
    status: str
    message: str = ""


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Container, ...] = ()


class _Pod(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


@contextmanager
def relay_pod(
    client: Asking,
    kubectl: Kubectl,
    targets: Sequence[tuple[str, int]],
    *,
    image: str,
    workload: WorkloadObject,
    say: Callable[[str], None],
) -> Generator[tuple[int, ...]]:
    """Gives a port of 127.0.0.1 for each of the targets (host, port), as the cluster names them, while the context lasts.

    Raises ``UnreachableError`` (LK538) when it does not run; as the client does.
    """
    _remove_leftovers(client)
    name = f"lockage-relay-{secrets.token_hex(4)}"
    path = f"/api/v1/namespaces/{client.namespace}/pods"
    say(f"pod {name} in namespace {client.namespace} relays to the database, and is removed at the end")
    client.send("POST", path, body=_manifest(name, targets, image=image, workload=workload))
    try:
        _until_it_runs(client, f"{path}/{name}", name, image)
        with _forwarded(kubectl, client.namespace, name, len(targets)) as (control, *ports), _alive(control):
            yield tuple(ports)
    finally:
        _delete(client, f"{path}/{name}")


@contextmanager
def _forwarded(kubectl: Kubectl, namespace: str, name: str, count: int, port: int = CONTROL_PORT) -> Generator[list[int]]:
    with port_forward(kubectl, namespace=namespace, target=f"pod/{name}", port=port) as local:
        if count == 0:
            yield [local]
            return
        with _forwarded(kubectl, namespace, name, count - 1, port + 1) as others:
            yield [local, *others]


@contextmanager
def _alive(port: int) -> Generator[None]:
    """Signs of life while the context lasts."""
    done = threading.Event()

    def give() -> None:
        while not done.is_set():
            # A way that broke is opened anew by its own thread.
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=SIGN_S) as connection:
                while True:
                    connection.sendall(b".")
                    if done.wait(SIGN_S):
                        return
            done.wait(1.0)

    thread = threading.Thread(target=give, name="lockage-relay-sign", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _until_it_runs(client: Asking, path: str, name: str, image: str) -> None:
    until = time.monotonic() + START_LIMIT_S
    why = "it was not begun"
    while time.monotonic() < until:
        status = msgspec.json.decode(client.send("GET", path), type=_Pod).status
        if status.phase == "Running" and any(c.type == "Ready" and c.status == "True" for c in status.conditions):
            return
        why, hopeless = _reason(status)
        if hopeless:
            break
        time.sleep(LOOK_S)
    raise UnreachableError(
        f"the pod {name} that should relay to the database, image {image}, does not run: {why}",
        code="LK538",
        hint="name an image with Python 3 that the cluster can have: --relay-image IMAGE; or another way: --reach",
    )


def _reason(status: _Status) -> tuple[str, bool]:
    """Why it does not run yet, and whether it never will."""
    for container in status.container_statuses:
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting is not None and waiting.reason not in ("", "ContainerCreating", "PodInitializing"):
            return f"{waiting.reason}: {waiting.message}".rstrip(": "), True
        if ended is not None:
            return f"it ended: {ended.reason} {ended.message}".rstrip(), True
    if status.phase in ("Failed", "Succeeded"):
        return f"it ended ({status.phase})", True
    unscheduled = [c.message for c in status.conditions if c.type == "PodScheduled" and c.status == "False"]
    return (unscheduled[0] if unscheduled else f"it is {status.phase or 'not begun'}"), False


def _manifest(name: str, targets: Sequence[tuple[str, int]], *, image: str, workload: WorkloadObject) -> Json:
    program = files("lockage.adapters.kubernetes").joinpath("relay_program.py").read_text(encoding="utf-8")
    words = [f"{FIRST_PORT + number}={host}:{port}" for number, (host, port) in enumerate(targets)]
    pod = workload.spec.template.spec
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": LABELS,
            # A mesh's proxy would keep the pod alive, and speak for it.
            "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
            "ownerReferences": _owner(workload),
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFE_LIMIT_S,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "imagePullSecrets": [{"name": secret.name} for secret in pod.image_pull_secrets],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "relay",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-I", "-c", program, str(CONTROL_PORT), *words],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    # A schema and its statistics go through it, and the watching of some sessions.
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
                    "readinessProbe": {"tcpSocket": {"port": CONTROL_PORT}, "periodSeconds": 1},
                }
            ],
        },
    }


def _owner(workload: WorkloadObject) -> list[Json]:
    if not workload.metadata.uid:
        return []
    return [{"apiVersion": "apps/v1", "kind": workload.kind, "name": workload.metadata.name, "uid": workload.metadata.uid}]


def _remove_leftovers(client: Asking) -> None:
    """Objects of relays that ended by themselves, because their Lockage was killed."""
    with suppress(LockageError):
        for pod in list_pods(client, selector=selecting(LABELS)):
            if _ended(pod):
                _delete(client, f"/api/v1/namespaces/{client.namespace}/pods/{pod.metadata.name}")


def _ended(pod: PodObject) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def _delete(client: Asking, path: str) -> None:
    with suppress(MissingError):
        client.send("DELETE", path, params={"gracePeriodSeconds": "0"})
