"""The way to one namespace of one cluster: a lightkube client whose every request is ours to explain.

``open_client(kubeconfig=…, context=…, namespace=…)`` gives a ``KubernetesClient``: ``.kube`` is the lightkube client (typed
calls; each raises ``lockage.errors`` only, see ``failure``), ``.namespace``, ``.now()`` and ``.clock_offset_s`` are of the API
server's clock, ``.get_text(path)`` is a raw answer, ``.stream(…)`` an answer of an application through the API server.

Not for knowing workloads. The surprising thing: a namespace that does not exist is noticed when the client is opened, because
the API server lists nothing in it without a word.
"""

from __future__ import annotations

import os
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import lightkube
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, Context, User
from lightkube.core.exceptions import ConfigError
from lightkube.core.resource import GlobalResource, NamespacedResource
from lightkube.resources.core_v1 import Namespace
from lightkube.types import PatchType

from lockage.adapters.kubernetes.credentials import credentials_of
from lockage.adapters.kubernetes.door import TIMEOUT, Door
from lockage.adapters.kubernetes.failure import ForbiddenError, MissingError
from lockage.adapters.kubernetes.kubeconfig import Chosen, choose
from lockage.adapters.kubernetes.warming import warm
from lockage.errors import LockageError, UsageError

T = TypeVar("T", bound=NamespacedResource)
G = TypeVar("G", bound=GlobalResource)

FIELD_MANAGER = "lockage"
"""Whose name stands beside every field that we set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a client goes, for programs that go there too (kubectl, helm)."""

    server: str  # URL of the API server
    namespace: str
    context: str | None = None  # None: the pod's service account
    kubeconfigs: tuple[Path, ...] = ()  # none: the pod's service account


class KubernetesClient:
    """One namespace of one cluster.

    Every method, and every call of ``kube``, raises ``RefusedError`` or ``UnreachableError`` with a sentence of its own.
    """

    def __init__(self, door: Door, *, place: Place) -> None:
        warm()
        self.place = place
        self._door = door
        # The door has certificates and credentials; lightkube shall bring none of its own.
        cluster = Cluster(server=place.server, insecure=True)
        config = SingleConfig("lockage", Context(cluster="lockage", namespace=place.namespace), cluster, User())
        self.kube = lightkube.Client(
            config=config, timeout=TIMEOUT, field_manager=FIELD_MANAGER, trust_env=False, transport=door
        )
        self._raw = httpx2.Client(
            base_url=place.server, transport=door, timeout=TIMEOUT, trust_env=False, follow_redirects=False
        )

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.kube.close()
        self._raw.close()

    @property
    def namespace(self) -> str:
        """The namespace that calls of ``kube`` go to when they name none."""
        return self.place.namespace

    @property
    def server(self) -> str:
        """URL of the API server, without a slash at its end."""
        return self.place.server

    @property
    def clock_offset_s(self) -> float:
        """Seconds that the API server's clock is ahead of ours; within some hundredths after a few answers."""
        return self._door.clock.offset_s

    def now(self) -> datetime:
        """The time on the API server, in UTC."""
        return self._door.clock.now()

    def listed(self, kind: type[T], *, labels: Mapping[str, str] | None = None, namespace: str | None = None) -> list[T]:
        """All objects of a kind with these labels, in the client's namespace or another."""
        wanted: dict[str, Any] = {**(labels or {})}
        return [*self.kube.list(kind, labels=wanted, namespace=namespace)]  # pyright: ignore[reportUnknownMemberType]

    def spread(self, kind: type[G]) -> list[G]:
        """All objects of a kind that has no namespaces, such as nodes."""
        return [*self.kube.list(kind)]  # pyright: ignore[reportUnknownMemberType]

    def patched(
        self,
        kind: type[T],
        name: str,
        changes: Mapping[str, object],
        *,
        patch_type: PatchType = PatchType.STRATEGIC,
        dry_run: bool = False,
    ) -> T:
        """The object after a patch, or as it would be (``dry_run``)."""
        body = dict(changes)
        return self.kube.patch(kind, name, body, patch_type=patch_type, dry_run=dry_run)  # pyright: ignore[reportUnknownMemberType]

    def ours(self, at: datetime) -> datetime:
        """A time of the cluster's, by our own clock, so that it can be compared with those of others."""
        return self._door.clock.ours(at)

    def get_text(self, path: str, *, params: Mapping[str, str] | None = None) -> str:
        """The body of a raw GET, such as ``/api/v1/namespaces/x/pods/y/log``; what is no UTF-8 is replaced."""
        response = self._raw.get(path, params=params)
        return response.content.decode("utf-8", errors="replace")

    def send(self, method: str, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to a raw request with a JSON body."""
        return self._raw.request(method, path, json=body, params=params).content

    def stream(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> AbstractContextManager[httpx2.Response]:
        """An unread answer of an application, asked through the API server with our credentials.

        The caller checks that the URL is such a one, and takes ``httpx2.HTTPError`` for an answer that did not come.
        """
        return self._raw.stream("GET", url, headers=dict(headers), timeout=timeout_s)


def open_client(
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    environment: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> KubernetesClient:
    """A client for a namespace, which has been asked for once; to be closed by the caller.

    ``kubeconfig`` None: ``KUBECONFIG``, else ``~/.kube/config``, else the pod's own service account; ``context`` None: the
    current one; ``namespace`` None: the context's, else ``default``.

    Raises ``UsageError``: LK501 no usable kubeconfig, LK502 no such context, LK503 no such namespace; ``UnreachableError``:
    LK505 the credentials are refused, LK509 no answer.
    """
    chosen = choose(kubeconfig=kubeconfig, context=context, environment=environment)
    namespace = namespace or chosen.config.namespace
    client = _connect(chosen, namespace=namespace, environment=environment, sleep=sleep)
    try:
        client.kube.get(Namespace, client.namespace)
    except ForbiddenError:
        pass  # a role for one namespace need not show the namespace itself
    except MissingError as error:
        client.close()
        raise UsageError(
            f"there is no namespace {client.namespace} on {client.server}",
            code="LK503",
            hint="kubectl get namespaces; name one with -n",
        ) from error
    except LockageError:
        client.close()
        raise
    return client


def _connect(
    chosen: Chosen,
    *,
    namespace: str,
    environment: Mapping[str, str],
    sleep: Callable[[float], None],
) -> KubernetesClient:
    config = chosen.config
    server = config.cluster.server.rstrip("/")

    def user_now() -> User | None:
        return choose(kubeconfig=_only(chosen.files), context=config.context_name, environment=environment).config.user

    credentials = credentials_of(
        config.user,
        reread=user_now,
        folder=config.fname.parent if config.fname else None,
        environment=environment,
        cluster={"server": server},
    )
    inner = httpx2.HTTPTransport(verify=_verification(config), proxy=chosen.proxy_url or _proxy(server))
    door = Door(inner, credentials=credentials, server=server, server_name=chosen.server_name, sleep=sleep)
    # By name, because somebody may make another context the current one while we run.
    named = config.context_name if chosen.files else None
    files = tuple(file.absolute() for file in chosen.files)
    place = Place(server=server, namespace=namespace, context=named, kubeconfigs=files)
    return KubernetesClient(door, place=place)


def _only(files: tuple[Path, ...]) -> Path | None:
    return files[0] if len(files) == 1 else None


def _verification(config: SingleConfig) -> ssl.SSLContext:
    try:
        return verify_cluster(config.cluster, config.user or User(), config.abs_file)
    except (ConfigError, OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"the certificates of context {config.context_name} cannot be used: {error}",
            code="LK501",
            hint="kubectl config view; look at certificate-authority and client-certificate",
        ) from error


def _proxy(server: str) -> str | None:
    """The proxy that the environment names for the server, as kubectl and helm use it too."""
    parts = urlsplit(server)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
