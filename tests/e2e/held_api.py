"""A door in front of the API server that holds one kind of request: what a helm that is killed in the middle has just asked."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import yaml

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "host"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldApi:
    """The door."""

    kubeconfig: Path
    came: threading.Event = field(default_factory=threading.Event)
    """A request that is held has come."""
    go_on: threading.Event = field(default_factory=threading.Event)
    """Nothing is held any more."""


@contextmanager
def held_api(real: Path, folder: Path, *, method: str, ending: str) -> Iterator[HeldApi]:
    """Passes everything on to the cluster of ``real``, but holds requests of that method to paths with that ending.

    Whoever comes through it has the rights of ``real``, which is a kubeconfig with a token.
    """
    cluster, server, token = _real(real)
    door = HeldApi(kubeconfig=folder / "held-kubeconfig")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == method and self.path.partition("?")[0].endswith(ending) and "dryRun" not in self.path:
                door.came.set()
                door.go_on.wait(60)
                self.close_connection = True
                return
            connection = http.client.HTTPSConnection(server.hostname or "", server.port or 443, context=cluster, timeout=30)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                headers["Authorization"] = f"Bearer {token}"
                connection.request(self.command, self.path, body=body or None, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - names of http.server's

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        door.kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{httpd.server_port}"))
        try:
            yield door
        finally:
            door.go_on.set()
            httpd.shutdown()
            thread.join()


def _real(kubeconfig: Path) -> tuple[ssl.SSLContext, SplitResult, str]:
    content = yaml.safe_load(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    if data := cluster.get("certificate-authority-data"):
        context = ssl.create_default_context(cadata=base64.b64decode(data).decode())
    else:
        context = ssl.create_default_context(cafile=str(kubeconfig.parent / cluster["certificate-authority"]))
    return context, urlsplit(cluster["server"]), user["token"]


def _kubeconfig(url: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "held",
            "clusters": [{"name": "held", "cluster": {"server": url}}],
            "users": [{"name": "held", "user": {}}],
            "contexts": [{"name": "held", "context": {"cluster": "held", "user": "held"}}],
        }
    )
