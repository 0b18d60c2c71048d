"""A proxy in front of a real API server that can refuse, fail, stall, cut, be away, or have another clock.

It speaks plain HTTP on loopback and asks the server with the kubeconfig's own credentials. From its own clients it wants the
bearer token that ``kubeconfig()`` writes, until ``expire`` says otherwise.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import httpx2
import yaml
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import KubeConfig

TOKEN = "good-until-it-expires"
PASSED_ON = ("content-type", "retry-after", "x-kubernetes-pf-flowschema-uid", "location")


@dataclass(kw_only=True)
class Fault:
    """What happens to requests that fit, so many times."""

    status: int | None = None  # answered in place of the server
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False  # the connection ends without an answer …
    done: bool = False  # … after the server has done it
    stall: bool = False  # no answer until the proxy ends, or ``release``
    times: int = 1
    method: str | None = None
    path: str = ""  # a part of it

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and self.path in path


class FaultyApi:
    """The proxy; ``fault`` adds a fault, the first that fits is used."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        config = KubeConfig.from_file(kubeconfig).get()
        assert config is not None
        assert config.user is not None
        self._folder = folder
        self._context = verify_cluster(config.cluster, config.user, config.abs_file)
        self.bearer = {"Authorization": f"Bearer {config.user.token}"} if config.user.token else {}
        self.upstream = httpx2.Client(
            base_url=config.cluster.server, verify=self._context, timeout=60.0, trust_env=False, headers=self.bearer
        )
        self.token = TOKEN
        self.date_offset_s = 0.0
        self.asked: list[tuple[str, str]] = []
        self.ended = threading.Event()
        self.faults: list[Fault] = []
        self._storm: Iterator[Fault] = iter(())
        self._every = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.back()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def kubeconfig(self, *, namespace: str = "default") -> Path:
        """A kubeconfig whose only context leads here, with the token of the moment."""
        file = self._folder / "faulty-kubeconfig"
        content = {
            "current-context": "faulty",
            "clusters": [{"name": "faulty", "cluster": {"server": self.url}}],
            "users": [{"name": "someone", "user": {"token": self.token}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "someone", "namespace": namespace}}],
        }
        file.write_text(yaml.safe_dump(content))
        return file

    def fault(self, **fields: object) -> Fault:
        """From now on, requests that fit go wrong."""
        made = Fault(**fields)  # type: ignore[arg-type]
        self.faults.append(made)
        return made

    def storm(self, *kinds: Mapping[str, object], every: int) -> None:
        """From now on every so many-th request goes wrong, one kind after the other."""
        self._storm, self._every = (Fault(**kind) for kind in cycle(kinds)), every  # type: ignore[arg-type]

    def calm(self) -> None:
        """Nothing goes wrong any more, and what stalls is let go."""
        self.faults.clear()
        self._every = 0
        self.ended.set()
        self.ended = threading.Event()

    def expire(self, *, new: str = "another") -> None:
        """The token in the kubeconfig is worth nothing from now on; ``new`` is the one that is."""
        self.token = new

    def away(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def back(self) -> None:
        """Somebody listens again, at the same address."""
        handler = type("Handler", (_Handler,), {"api": self})
        server = _Server(("127.0.0.1", self._port), handler)
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """The end of it."""
        self.ended.set()
        self.away()
        self.upstream.close()

    def taken(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets."""
        with self._lock:
            self.asked.append((method, path))
            if self._every and len(self.asked) % self._every == 0 and (found := next(self._storm)).fits(method, path):
                return found
            found = next((fault for fault in self.faults if fault.fits(method, path)), None)
            if found is not None:
                found.times -= 1
            return found

    def tunnel(self) -> socket.socket:
        """A connection to the server of its own."""
        url = self.upstream.base_url
        plain = socket.create_connection((url.host, url.port or 443), timeout=10.0)
        return self._context.wrap_socket(plain, server_hostname=url.host)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    api: FaultyApi
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_words: object) -> None:
        pass

    def _passed(self) -> None:
        api = self.api
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if api._server is None:  # it is away: connections that were open end as well
            self.close_connection = True
            return
        fault = api.taken(self.command, self.path)
        if fault is not None and fault.stall:
            api.ended.wait(30.0)
            self.close_connection = True
        elif fault is not None and fault.status is not None:
            self._refused(fault.status, fault.reason or "Injected", headers=fault.headers)
        elif fault is not None and fault.cut:
            if fault.done:
                self._asked(body)
            self.close_connection = True
        elif self.headers.get("Authorization") != f"Bearer {api.token}":
            self._refused(401, "Unauthorized")
        elif self.headers.get("Upgrade"):
            self._tunnelled()
        else:
            answer = self._asked(body)
            kept = {name: value for name, value in answer.headers.items() if name.lower() in PASSED_ON}
            self._answered(answer.status_code, answer.content, kept)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _passed  # noqa: N815 - names that http.server looks for

    def _asked(self, body: bytes) -> httpx2.Response:
        own = {"authorization", "host", "connection", "accept-encoding", "content-length"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        return self.api.upstream.request(self.command, self.path, content=body, headers=headers)

    def _tunnelled(self) -> None:
        """Passes on whatever comes, either way, until one of the two ends it."""
        with self.api.tunnel() as server:
            own = {"authorization", "host"}
            head = [f"{self.command} {self.path} HTTP/1.1", f"Host: {self.api.upstream.base_url.host}"]
            kept = {name: value for name, value in self.headers.items() if name.lower() not in own}
            head += [f"{name}: {value}" for name, value in (kept | self.api.bearer).items()]
            server.sendall("\r\n".join([*head, "", ""]).encode())
            back = threading.Thread(target=_pump, args=(server, self.connection))
            back.start()
            _pump(self.connection, server)
            back.join()
        self.close_connection = True

    def _refused(self, code: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        body = json.dumps({**status, "message": f"{reason} by the faulty proxy"}).encode()
        self._answered(code, body, {"Content-Type": "application/json", **(headers or {})})

    def _answered(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(code)
        now = datetime.now(UTC) + timedelta(seconds=self.api.date_offset_s)
        self.send_header("Date", format_datetime(now.replace(microsecond=0), usegmt=True))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        source.settimeout(60.0)
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def faulty_api(kubeconfig: Path, folder: Path) -> Iterator[FaultyApi]:
    """A proxy in front of the API server of a kubeconfig, closed at the end."""
    api = FaultyApi(kubeconfig, folder)
    try:
        yield api
    finally:
        api.close()
