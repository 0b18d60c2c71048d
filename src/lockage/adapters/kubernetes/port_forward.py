"""A port of this machine that leads to a port in the cluster, by ``kubectl port-forward``.

Not for users' traffic. The surprising thing: kubectl ends when its pod does, and says so to nobody who only holds the port, so
that a thread of ours starts it anew, on the same port, for as long as the way is wanted; connections that were open are lost.

Code: LK538.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from lockage.adapters.kubernetes.client import Place
from lockage.errors import LockageError, UnreachableError

OPEN_LIMIT_S = 15.0
"""For kubectl to say on which port it listens: a fifth of a second, or as long as a login program in the kubeconfig takes."""

AGAIN_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Pauses before it is started anew; the last one is repeated. A pod that is replaced is back within seconds."""

END_LIMIT_S = 3.0
"""For kubectl to end when it is asked to."""

_LISTENS = re.compile(r"Forwarding from (?:127\.0\.0\.1|\[::1\]):(?P<port>\d+) ->")
_BROKEN = ("lost connection to pod", "error creating error stream", "error creating forwarding stream")
"""What kubectl says of a way that will not come back by itself. Source: client-go v0.33, tools/portforward/portforward.go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """The program, and what it needs to come to the same cluster as we do."""

    place: Place
    leash: Sequence[str]  # put before its command line, so that it does not outlive us
    environment: Mapping[str, str]
    program: str = "kubectl"

    def command(self, *arguments: str) -> list[str]:
        """Its command line. Raises ``UnreachableError`` (LK538) when it is not installed."""
        path = shutil.which(self.program, path=self.environment.get("PATH"))
        if path is None:
            raise UnreachableError(
                f"{self.program} is not installed, and a way through the cluster is opened by it",
                code="LK538",
                hint="install kubectl, or name an address that is reached from here: --database URL",
            )
        context = ["--context", self.place.context] if self.place.context else []
        return [*self.leash, path, *context, *arguments]

    def variables(self) -> dict[str, str]:
        """Its environment: the kubeconfigs that we read ourselves, in that order."""
        files = ":".join(str(file) for file in self.place.kubeconfigs)
        return {**self.environment, **({"KUBECONFIG": files} if files else {})}


@contextmanager
def port_forward(kubectl: Kubectl, *, namespace: str, target: str, port: int) -> Generator[int]:
    """Gives a port of 127.0.0.1 that leads to ``port`` of ``target`` ("service/db", "pod/db-0") while the context lasts.

    Raises ``UnreachableError`` (LK538) when it cannot be opened.
    """
    way = _Way(kubectl, namespace=namespace, target=target, port=port)
    try:
        yield way.opened()
    finally:
        way.close()


class _Way:
    """The thread that keeps kubectl running."""

    def __init__(self, kubectl: Kubectl, *, namespace: str, target: str, port: int) -> None:
        self._command = kubectl.command(  # here, so that a missing program is told at once
            "port-forward", "--namespace", namespace, "--address", "127.0.0.1", target
        )
        self._variables = kubectl.variables()
        self._what = f"{target} port {port} in namespace {namespace}"
        self._port = port
        self._local: int | None = None
        self._said: deque[str] = deque(maxlen=5)
        self._closed = threading.Event()
        self._first = threading.Event()  # the first kubectl listens, or has ended
        self._child: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        # Its death would be kubectl's: the leash ends with the thread that put it on.
        self._thread = threading.Thread(target=self._keep, name="lockage-port-forward", daemon=True)

    def opened(self) -> int:
        """The local port, as soon as kubectl listens."""
        self._thread.start()
        self._first.wait(OPEN_LIMIT_S)
        if self._local is None:
            raise self._not_opened()
        return self._local

    def close(self) -> None:
        """End kubectl and the thread."""
        with self._lock:
            self._closed.set()
            if self._child is not None:
                self._child.terminate()
        if self._thread.is_alive():
            self._thread.join(END_LIMIT_S)
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._thread.join()

    def _keep(self) -> None:
        tried = 0
        while not self._closed.is_set():
            listened = self._run()
            self._first.set()
            tried = 0 if listened else tried + 1
            self._closed.wait(AGAIN_S[min(tried, len(AGAIN_S) - 1)])

    def _run(self) -> bool:
        """One kubectl from its start to its end; whether it listened."""
        with self._lock:
            if self._closed.is_set():
                return False
            ports = f"{self._local or ''}:{self._port}"
            child = self._child = subprocess.Popen(
                [*self._command, ports],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=self._variables,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who stop at a safe place
            )
        with child:
            assert child.stdout is not None
            return self._listen_to(child.stdout, child)

    def _listen_to(self, lines: IO[str], child: subprocess.Popen[str]) -> bool:
        listened = False
        with suppress(ValueError):  # the pipe was closed under us
            for line in lines:
                if found := _LISTENS.search(line):
                    self._local, listened = int(found["port"]), True
                    self._first.set()
                elif line.strip() and "Handling connection" not in line:
                    self._said.append(" ".join(line.split()))
                    if any(sign in line for sign in _BROKEN):
                        child.terminate()
        return listened

    def _not_opened(self) -> LockageError:
        said = self._said[-1] if self._said else f"it did not listen within {OPEN_LIMIT_S:g} s"
        return UnreachableError(
            f"kubectl port-forward to {self._what} does not work: {said}",
            code="LK538",
            hint="kubectl auth can-i create pods/portforward; or name an address that is reached from here: --database URL",
        )
