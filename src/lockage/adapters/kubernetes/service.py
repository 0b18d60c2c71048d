"""HTTP to pods and to the Service from outside the cluster: through the API server, with the client's credentials.

Not for users' traffic, nor for measuring it. The surprising things: our credentials go with URLs of the API server's own proxy
for pods and Services and with no other; and an answer of the API server itself ("no endpoints", "forbidden") is no answer of
the application, and becomes status 0 with a problem.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec
from lightkube.models.core_v1 import Container, ServicePort
from lightkube.resources import core_v1

from lockage.adapters.kubernetes.client import KubernetesClient
from lockage.adapters.kubernetes.door import PROXIED
from lockage.adapters.kubernetes.failure import Asked, Status, read_status, refusal
from lockage.adapters.kubernetes.texts import selected
from lockage.errors import RefusedError, UnreachableError
from lockage.ports import Answer, Service

BODY_LIMIT_BYTES = 1_000_000
"""What is read of an answer: a version or a proof of service stands in far less, and a download must not fill our memory."""


def pod_url(client: KubernetesClient, pod: str, container: Container) -> str:
    """The URL of a pod's application port, through the API server.

    Raises ``RefusedError`` (LK506) when the container shows no port.
    """
    port, scheme = app_port(container)
    return f"{client.server}/api/v1/namespaces/{client.namespace}/pods/{scheme}:{pod}:{port}/proxy"


def service_url(client: KubernetesClient, labels: Mapping[str, str], container: Container) -> str:
    """The URL of the Service in front of pods with these labels, through the API server.

    Where there are several, it is the one that leads to the application's port; one with an address of its own comes first.
    Raises ``RefusedError`` (LK506) when there is none.
    """
    number, scheme = app_port(container)
    names = {named.name for named in container.ports or [] if named.containerPort == number and named.name}
    found: list[tuple[tuple[bool, bool, str], str]] = []
    for service in client.listed(core_v1.Service):
        port = _port_to(service, {str(number), *names})
        if service.spec is None or service.metadata is None or port is None or not _selects(service, labels):
            continue
        direct = _target(port) in {str(number), *names}
        rank = (not direct, service.spec.clusterIP == "None", service.metadata.name or "")
        found.append((rank, f"services/{scheme}:{service.metadata.name}:{port.port}"))
    if not found:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
        raise RefusedError(
            f"namespace {client.namespace} has no Service for pods with {wanted}",
            code="LK506",
            hint=f"kubectl -n {client.namespace} get services -o wide",
        )
    return f"{client.server}/api/v1/namespaces/{client.namespace}/{min(found)[1]}/proxy"


def app_port(container: Container) -> tuple[int, str]:
    """The port on which the container answers, and ``http`` or ``https``: the readiness probe's, else its first.

    Raises ``RefusedError`` (LK506) when it shows none.
    """
    ports = container.ports or []
    for probe in (container.readinessProbe, container.livenessProbe, container.startupProbe):
        if probe is not None and probe.httpGet is not None:
            scheme = (probe.httpGet.scheme or "HTTP").lower()
            wanted = probe.httpGet.port
            numbers = [port.containerPort for port in ports if port.name == wanted]
            if numbers or isinstance(wanted, int):
                return (numbers[0] if numbers else int(wanted)), scheme
    if not ports:
        raise RefusedError(
            f"container {container.name} shows no port: neither a probe over HTTP nor ports",
            code="LK506",
            hint="add the port to the container's ports",
        )
    return ports[0].containerPort, "http"


def _selects(service: core_v1.Service, labels: Mapping[str, str]) -> bool:
    wanted = selected(service.spec)
    return bool(wanted) and wanted.items() <= labels.items()


def _port_to(service: core_v1.Service, wanted: set[str]) -> ServicePort | None:
    ports = (service.spec.ports if service.spec else None) or []
    return next((port for port in ports if _target(port) in wanted), ports[0] if ports else None)


def _target(port: ServicePort) -> str:
    return str(port.targetPort if port.targetPort is not None else port.port)


BUSY_PAUSE_S = 0.5
"""Before an API server that is busy or fails is asked again."""

_UNREACHED = re.compile(r"error trying to reach service|no endpoints available", re.IGNORECASE)
"""How the API server says that it is well, and the application does not answer.

Source: Kubernetes v1.33, ``proxy/transport.go`` of apimachinery, and ``rest.go`` of the Service registry.
"""


class KubernetesService:
    """``lockage.ports.Service``: URLs of the API server's proxy with our credentials, all others as ``elsewhere`` does it."""

    def __init__(self, client: KubernetesClient, *, elsewhere: Service) -> None:
        self._client = client
        self._elsewhere = elsewhere

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """One request; a connection that fails, times out or breaks off is an ``Answer`` with status 0 and a problem.

        Raises ``UnreachableError`` (LK505, LK509) when it is the API server that does not answer, is busy or fails: nothing is
        known of the application then.
        """
        if not self.is_proxied(url):
            return self._elsewhere.get(url, headers=headers, timeout_s=timeout_s)
        if any(name.lower() == "authorization" for name in headers):
            # The API server takes it for itself, in place of ours.
            return _none(url, "an Authorization header does not get through the API server")
        try:
            return self._asked_patiently(url, headers=headers, timeout_s=timeout_s)
        except httpx2.TimeoutException:
            return self._late(url, timeout_s)
        except httpx2.HTTPError as error:
            return _none(url, str(error) or type(error).__name__)
        except UnreachableError as error:
            if isinstance(error.__cause__, httpx2.ReadTimeout):
                return self._late(url, timeout_s)
            raise

    def is_proxied(self, url: str) -> bool:
        """Whether a URL is one of the API server's proxy for pods and Services, and cannot become another on its way."""
        parts, own = urlsplit(url), urlsplit(self._client.server)
        same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc) and parts.path.startswith(own.path)
        steps = unquote(parts.path).split("/")
        plain = "\\" not in unquote(parts.path) and not {".", ".."} & set(steps)
        return same and plain and PROXIED.match(parts.path.removeprefix(own.path)) is not None

    def _asked_patiently(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        until = time.monotonic() + timeout_s
        while True:
            found = self._asked(url, headers=headers, timeout_s=timeout_s)
            if isinstance(found, Answer):
                return found
            if found.code == 401:
                self._client.get_text("/version")  # looks up our credentials anew, or says that they are worth nothing
            if time.monotonic() + BUSY_PAUSE_S > until:
                asked = Asked("GET", urlsplit(url).path)
                raise refusal(found.code, msgspec.json.encode(found), asked=asked, server=self._client.server)
            time.sleep(BUSY_PAUSE_S)

    def _asked(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer | Status:
        """The application's answer, or what the API server says of itself in its place."""
        deadline = time.monotonic() + timeout_s
        with self._client.stream(url, headers=headers, timeout_s=timeout_s) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= BODY_LIMIT_BYTES:
                    break
                if time.monotonic() > deadline:
                    return self._late(url, timeout_s)
            status = read_status(bytes(body)) if response.status_code >= 400 else None
            if status is None or status.code != response.status_code:
                text = bytes(body[:BODY_LIMIT_BYTES]).decode(response.encoding or "utf-8", errors="replace")
                return Answer(status=response.status_code, body=text)
        about_itself = status.code in {401, 429} or status.code >= 500
        if about_itself and not _UNREACHED.search(status.message):
            return status
        return _none(url, " ".join(status.message.split()))

    def _late(self, url: str, timeout_s: float) -> Answer:
        """No answer in time: the application's fault, unless the API server does not answer either."""
        self._client.get_text("/version")
        return Answer(status=0, body="", problem=f"no answer from {url} within {timeout_s:g} s")


def _none(url: str, problem: str) -> Answer:
    return Answer(status=0, body="", problem=f"{url}: {problem}")
