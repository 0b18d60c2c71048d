"""The one door to the API server: every request of every caller passes here, and every foreign error stops here.

Not for knowing what is asked. It is a transport under the lightkube client, so that lightkube's typed calls raise our errors
and nothing else, wherever they are made. The surprising thing: answers that come *through* the API server (a pod's, a
Service's) pass as they are, unread, because their status is the application's.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from lockage.adapters.kubernetes.credentials import Credentials
from lockage.adapters.kubernetes.failure import Asked, by_role, refusal, silence, strange
from lockage.adapters.kubernetes.server_clock import ServerClock
from lockage.adapters.kubernetes.upgraded import Upgraded

TIMEOUT = httpx2.Timeout(8.0, connect=3.0)
"""For a connection, and for each wait for bytes. An API server answers in milliseconds; its own limit is 60 s, and a guard that
waits as long for one look sees nothing meanwhile."""

BUSY_LIMIT_S = 12.0
"""How long one request is repeated while the server says 429 or is failing. Longer pauses belong to whoever asked."""

PAUSES_S = (0.2, 0.5, 1.0)
"""Between a failed look and the next, where the server names no time."""

WAKING_S = 30.0
"""How long after a broken connection a missing right may be the server's, which is up before it has read all roles."""

WAKING_TRIES = 10
WAKING_PAUSE_S = 1.0

PROXIED = re.compile(r"^(?:/[^/]+)*?/api/v1/namespaces/[^/]+/(?:pods|services)/[^/]+/proxy(?:/|$)")


class Door(httpx2.BaseTransport):
    """Sends requests with credentials, repeats what may be repeated, and raises our errors.

    Raises ``ForbiddenError``, ``MissingError``, ``ConflictError``, ``RejectedError`` (all ``RefusedError``) and
    ``UnreachableError``, as ``failure`` says.
    """

    def __init__(
        self,
        inner: httpx2.BaseTransport,
        *,
        credentials: Credentials,
        server: str,
        server_name: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._credentials = credentials
        self._server = server
        self._server_name = server_name
        self._sleep = sleep
        self._lost_at = -math.inf
        self._allowed: set[tuple[str, str]] = set()  # verb and path of what was answered
        self.clock = ServerClock()

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, if it is one that lightkube understands."""
        if self._server_name is not None:
            request.extensions = {**request.extensions, "sni_hostname": self._server_name}
        until = time.monotonic() + BUSY_LIMIT_S
        renewed, failures, woken = False, 0, 0
        while True:
            response = self._sent(request, again=failures > 0)
            if response is None:
                failures += 1
            elif response.status_code < 400 or PROXIED.match(request.url.path):
                self._allowed.add((request.method, request.url.path))
                return self._well(request, response)
            elif response.status_code == 401 and not renewed and self._credentials.renew():
                renewed = True
            else:
                waking = woken < WAKING_TRIES and self._is_waking(request, response)
                pause_s = WAKING_PAUSE_S if waking else _pause_s(request, response, failures)
                if pause_s is None or time.monotonic() + pause_s > until:
                    asked = Asked(request.method, request.url.path)
                    raise refusal(response.status_code, response.content, asked=asked, server=self._server)
                failures, woken = (failures, woken + 1) if waking else (failures + 1, woken)
                self._sleep(pause_s)

    def _is_waking(self, request: httpx2.Request, response: httpx2.Response) -> bool:
        """Whether a server that has come back lacks a right which we had. Nothing was done: a write may go again, too."""
        lately = time.monotonic() < self._lost_at + WAKING_S
        had = (request.method, request.url.path) in self._allowed
        return response.status_code == 403 and lately and had and by_role(response.content)

    def _well(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        if response.status_code == 101:
            response.extensions["network_stream"] = Upgraded(response.extensions["network_stream"])
        elif not PROXIED.match(request.url.path) and (problem := strange(response, server=self._server)) is not None:
            raise problem
        return response

    def _sent(self, request: httpx2.Request, *, again: bool) -> httpx2.Response | None:
        """The answer, whole; None when the connection was a stale one and the request may be sent once more."""
        header = self._credentials.header()
        if header is not None:
            request.headers["Authorization"] = header
        sent = datetime.now(UTC)
        try:
            response = self._inner.handle_request(request)
            self.clock.saw(response.headers.get("Date"), sent=sent, received=datetime.now(UTC))
            if response.status_code != 101 and not PROXIED.match(request.url.path):
                response.read()
                response.close()
        except httpx2.TransportError as error:
            self._lost_at = time.monotonic()
            broken = isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError)
            if broken and request.method == "GET" and not again:
                return None
            limits: dict[str, float | None] = request.extensions.get("timeout", {})
            limit_s = limits.get("connect" if isinstance(error, httpx2.ConnectTimeout) else "read")
            asked = Asked(request.method, request.url.path)
            raise silence(error, asked=asked, server=self._server, limit_s=limit_s) from error
        return response


def _pause_s(request: httpx2.Request, response: httpx2.Response, failures: int) -> float | None:
    """Seconds after which the same request may be sent again; None: never."""
    named = _retry_after_s(response)
    default_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
    if response.status_code == 429:  # was not begun, so that a write may be repeated as well
        return default_s if named is None else named
    if response.status_code >= 500 and request.method == "GET" and failures < len(PAUSES_S):
        return default_s if named is None else named
    return None


def _retry_after_s(response: httpx2.Response) -> float | None:
    try:
        return max(0.05, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None
