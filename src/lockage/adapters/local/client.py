"""The way from a ``lockage`` command to the supervisor, which is started when it is dead.

Not for reading the supervisor's document behind its back. The surprising thing: every request has a connection of its own. A
kept one could die with the supervisor between two requests, and nobody could tell whether the second one was carried out.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec

from lockage.adapters.local.layout import Layout, check_private
from lockage.adapters.local.records import Health, Problem, Refusal
from lockage.adapters.local.store import load_state
from lockage.adapters.local.supervisor import ALREADY_RUNS
from lockage.errors import LockageError, RefusedError, UnreachableError, UsageError

ANSWER_LIMIT_S = 10.0
"""For one answer: the supervisor writes one small file at most. Beyond that it hangs or the machine does."""

START_LIMIT_S = 20.0
"""For a supervisor to start and answer: about half a second on an idle machine, and more than that on one that is full."""

START_AGAIN_S = 5.0
"""After this long without an answer another start is tried: the one before may have died, or met a lock not yet given back."""

POLL_S = 0.02
"""Between two looks whether it answers."""

Answer = TypeVar("Answer")


def ensure_supervisor(state_dir: Path, *, limit_s: float = START_LIMIT_S) -> None:
    """Return when the supervisor of a deployment answers; it is started when it is dead.

    Raises ``UsageError`` (LK301) when there is no deployment, ``UnreachableError`` (LK302) when it does not answer in time.
    """
    layout = Layout.of(state_dir)
    load_state(layout)
    with SupervisorClient(layout.state_dir) as client:
        until = time.monotonic() + limit_s
        again_at = 0.0
        while not client.answers():
            if time.monotonic() > until:
                raise UnreachableError(
                    f"the supervisor of {layout.state_dir} does not answer within {limit_s:g} s",
                    code="LK302",
                    hint=f"see {layout.supervisor_log}",
                )
            if time.monotonic() >= again_at:
                code = _start(layout)
                # One that dies gives its lock back within moments; one that starts needs its time.
                again_at = time.monotonic() + (0.2 if code == ALREADY_RUNS else START_AGAIN_S)
            time.sleep(POLL_S)


def _start(layout: Layout) -> int:
    command = [sys.executable, "-m", "lockage.adapters.local.supervisor", str(layout.state_dir)]
    done = subprocess.run(
        command,
        check=False,
        cwd=layout.state_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return done.returncode


class SupervisorClient:
    """Asks the supervisor of one deployment.

    Raises ``RefusedError`` (LK308) at once when somebody else could listen on its socket.
    """

    def __init__(self, state_dir: Path) -> None:
        self._layout = Layout.of(state_dir)
        check_private(self._layout.runtime_dir)
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(
                uds=str(self._layout.api_socket),
                verify=False,  # no TLS on a Unix socket: saves reading the certificates of the system
                limits=httpx.Limits(max_keepalive_connections=0),
            ),
            base_url="http://supervisor",
            timeout=ANSWER_LIMIT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def answers(self) -> bool:
        """Whether a supervisor of this very folder answers now."""
        if not self._listens():
            return False
        try:
            response = self._http.get("/health", timeout=2.0)
            return msgspec.json.decode(response.content, type=Health).state_dir == str(self._layout.state_dir)
        except (httpx.HTTPError, msgspec.MsgspecError):
            return False

    def look(self, path: str, kind: type[Answer]) -> Answer:
        """What the supervisor says under a path, as a record.

        Raises ``UnreachableError`` (LK302).
        """
        try:
            content = self._ask("GET", path, None)
        except UnreachableError:  # it died while it answered: looking changes nothing, so look again
            content = self._ask("GET", path, None)
        return msgspec.json.decode(content, type=kind)

    def act(self, method: str, path: str, request: object) -> None:
        """Ask for a change, once.

        Raises what the supervisor refuses with, and ``UnreachableError`` (LK302) when it died meanwhile: then the change was
        made or not, and a look tells.
        """
        self._ask(method, path, msgspec.json.encode(request))

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            response = self._request(method, path, body)
        except httpx.HTTPError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error
        if response.status_code == 409:
            raise _raised(msgspec.json.decode(response.content, type=Problem))
        if not response.is_success:
            raise self._unreachable(f"it answers {response.status_code}")
        return response.content

    def _request(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        if not self._listens():
            ensure_supervisor(self._layout.state_dir)
        try:
            return self._http.request(method, path, content=body)
        except httpx.ConnectError:  # it ended since we looked, so nothing was asked yet
            ensure_supervisor(self._layout.state_dir)
            return self._http.request(method, path, content=body)

    def _listens(self) -> bool:
        """Whether somebody listens; the HTTP client leaves a socket open when nobody does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            try:
                connection.connect(str(self._layout.api_socket))
            except OSError:
                return False
        return True

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the supervisor of {self._layout.state_dir} does not answer: {why}",
            code="LK302",
            hint=f"try again; if it stays so, see {self._layout.supervisor_log}",
        )


def _raised(problem: Problem) -> LockageError:
    match problem.refusal:
        case Refusal.USAGE:
            return UsageError(problem.message, code=problem.code, hint=problem.hint)
        case Refusal.REFUSED:
            return RefusedError(problem.message, code=problem.code, hint=problem.hint)
