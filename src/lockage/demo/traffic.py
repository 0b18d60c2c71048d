"""Traffic at a fixed rate, which shows what users of towpath feel: ``python -m lockage.demo.traffic --url URL --out FILE``.

Open loop: a request is sent when it is due, whatever became of the ones before, and its latency counts from then; so waiting
requests count. Every request asks the database for something, and most pass through ``api_keys``, as users' requests do; a
generator that asks for health would see no outage. The surprising thing: HTTP is spoken by hand, over a connection of its own
for each request as through a Service, because a client library costs more processor time than the application under test.

Runs as a process of its own until SIGTERM or its duration, and flushes every line at once, so that its file can be read while
it runs and outlives whoever started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockage.demo.answers import FIELDS, Answer, Measured, line_of, measure, read_answers
from lockage.demo.towpath.identities import SEEDED_WORKSPACES, token, workspace_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["Answer", "Measured", "Plan", "command_line", "main", "measure", "read_answers"]

_DRAIN_S = 2.0
"""How long requests in flight may still take after SIGTERM; what is not answered then counts as failed (``stopped``)."""

_CYCLE = (
    "me", "workspaces", "front_page", "me", "keys", "usage", "organizations", "me", "front_page", "build",
    "me", "workspaces", "me", "front_page", "organizations", "usage", "me", "keys", "front_page", "me",
)  # fmt: skip
"""Sixteen of twenty requests sign in, which reads ``api_keys``; the front page is what users see before they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, where, and for how long."""

    url: str
    """Base address of the application, such as ``http://127.0.0.1:3000``; a path in it comes before every request's own."""
    out: Path
    """File of answers; a summary is written beside it at the end, with the suffix ``.summary.json``."""
    rate_per_s: float = 40.0
    """Requests a second: enough that a second's gap is no accident, little enough for two cores."""
    duration_s: float = 3600.0
    """When to stop without being told: a generator that was forgotten ends by itself."""
    timeout_s: float = 10.0
    """How long a user waits before giving up."""
    max_in_flight: int = 500
    """Requests that may wait at once: more than rate times timeout; those beyond fail unsent (``overload``)."""
    live_keys: int = 60
    """How many of the seeded live keys take turns; the seed must have made as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, ready to be sent."""

    kind: str
    text: bytes
    expected_status: int


def command_line(plan: Plan) -> list[str]:
    """The command that carries out the plan as a process of its own."""
    options = {
        "--url": plan.url,
        "--out": str(plan.out),
        "--rate": str(plan.rate_per_s),
        "--duration": str(plan.duration_s),
        "--timeout": str(plan.timeout_s),
        "--max-in-flight": str(plan.max_in_flight),
        "--live-keys": str(plan.live_keys),
    }
    pairs = [word for option in options.items() for word in option]
    return [sys.executable, "-m", "lockage.demo.traffic", *pairs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Send until SIGTERM or the duration's end; print the summary. Exit code 0."""
    plan = _plan_from(arguments)
    asyncio.run(_send_all(plan))
    print(_summary_path(plan.out).read_text(encoding="utf-8"), end="")  # noqa: T201  # the command's answer
    return 0


def _plan_from(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="lockage.demo.traffic", description="Traffic for towpath at a fixed rate.")
    parser.add_argument("--url", required=True, help="base address of towpath")
    parser.add_argument("--out", required=True, type=Path, help="file for the answers, one a line")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second (default: %(default)s)")
    parser.add_argument("--duration", type=float, default=3600.0, help="seconds to run at most (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds a user waits (default: %(default)s)")
    parser.add_argument("--max-in-flight", type=int, default=500, help="requests waiting at once (default: %(default)s)")
    parser.add_argument("--live-keys", type=int, default=60, help="seeded live keys to use (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    if parsed.rate <= 0 or parsed.live_keys < 1:
        parser.error("--rate and --live-keys must be positive")
    return Plan(
        url=parsed.url,
        out=parsed.out,
        rate_per_s=parsed.rate,
        duration_s=parsed.duration,
        timeout_s=parsed.timeout,
        max_in_flight=parsed.max_in_flight,
        live_keys=parsed.live_keys,
    )


async def _send_all(plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with plan.out.open("w", encoding="utf-8", buffering=1) as file:
        file.write(",".join(FIELDS) + "\n")
        generator = _Generator(plan, file)
        start_s = time.time()
        await generator.run(stop)
        end_s = time.time()
    measured = measure(read_answers(plan.out), start_s, end_s)
    summary = {"schema": "lockage.demo.traffic/1", "start_s": start_s, "end_s": end_s, **asdict(measured)}
    _summary_path(plan.out).write_text(json.dumps(summary) + "\n", encoding="utf-8")


class _Generator:
    """Sends requests when they are due, and writes down each answer."""

    def __init__(self, plan: Plan, file: TextIO) -> None:
        self._plan = plan
        self._file = file
        address = urlsplit(plan.url)
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or 80
        self._in_flight: dict[asyncio.Task[None], tuple[float, str]] = {}
        # Wall clock once, monotonic from then on: a clock that is set must not bend latencies.
        self._epoch_s = time.time() - time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set or the duration has passed, then as long as answers may still come."""
        first_s = time.monotonic()
        for number in range(int(self._plan.duration_s * self._plan.rate_per_s)):
            due_s = first_s + number / self._plan.rate_per_s
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, due_s - time.monotonic()))
            if stop.is_set():
                break
            self._begin(number, due_s)
        await self._drain()

    def _begin(self, number: int, due_s: float) -> None:
        request = request_number(number, self._plan, host=f"{self._host}:{self._port}")
        if len(self._in_flight) >= self._plan.max_in_flight:
            self._note(due_s, request.kind, 0, "overload")
            return
        task = asyncio.create_task(self._send(request, due_s))
        self._in_flight[task] = (due_s, request.kind)
        task.add_done_callback(lambda done: self._in_flight.pop(done, None))

    async def _send(self, request: Request, due_s: float) -> None:
        # Counted from the due time, however late the loop came to it.
        deadline = asyncio.get_running_loop().time() + self._plan.timeout_s - (time.monotonic() - due_s)
        status, error = 0, ""
        try:
            async with asyncio.timeout_at(deadline):
                status, body = await self._exchange(request)
            error = _fault_of(request, status, body)
        except TimeoutError:
            error = "timeout"
        except ConnectionRefusedError:
            error = "connect"
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError):
            error = "reset"
        self._note(due_s, request.kind, status, error)

    async def _exchange(self, request: Request) -> tuple[int, bytes]:
        """Status and body. Raises OSError, or what asyncio and int raise for an answer that is no HTTP."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request.text)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            length = headers.get("content-length")
            body = await reader.read() if length is None else await reader.readexactly(int(length))
            if headers.get("transfer-encoding", "").lower() == "chunked":
                body = _unchunked(body)
            return int(lines[0].split(" ")[1]), body
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _drain(self) -> None:
        if self._in_flight:
            await asyncio.wait(list(self._in_flight), timeout=_DRAIN_S)
        for task, (due_s, kind) in list(self._in_flight.items()):
            task.cancel()
            self._note(due_s, kind, 0, "stopped")

    def _note(self, due_s: float, kind: str, status: int, error: str) -> None:
        answer = Answer(
            due_s=self._epoch_s + due_s,
            latency_s=max(0.0, time.monotonic() - due_s),
            status=status,
            kind=kind,
            error=error,
        )
        self._file.write(line_of(answer))


def request_number(number: int, plan: Plan, *, host: str) -> Request:
    """The request that is sent as `number`-th: the same sequence in every run, with keys and workspaces taking turns."""
    kind = _CYCLE[number % len(_CYCLE)]
    # The next workspace in every cycle: two builds of one workspace never meet, however long they wait.
    workspace = workspace_id(number // len(_CYCLE) % SEEDED_WORKSPACES)
    method, path, expected = {
        "front_page": ("GET", "/", 200),
        "me": ("GET", "/api/v2/users/me", 200),
        "keys": ("GET", "/api/v2/users/me/keys", 200),
        "organizations": ("GET", "/api/v2/organizations", 200),
        "workspaces": ("GET", "/api/v2/workspaces", 200),
        "usage": ("POST", f"/api/v2/workspaces/{workspace}/usage", 202),
        "build": ("POST", f"/api/v2/workspaces/{workspace}/builds", 201),
    }[kind]
    body = b'{"bytes": 1024}' if method == "POST" else b""
    before = urlsplit(plan.url).path.rstrip("/")
    lines = [f"{method} {before}{path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(body)}"]
    if kind != "front_page":
        lines.append(f"Towpath-Session-Token: {token(number % plan.live_keys)}")
    text = "\r\n".join([*lines, "", ""]).encode("ascii") + body
    return Request(kind=kind, text=text, expected_status=expected)


def _unchunked(body: bytes) -> bytes:
    """What a proxy cut into chunks, put together. Raises ValueError for what is no such thing, or not all of it."""
    whole = bytearray()
    while True:
        size, found, rest = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not found or len(rest) < length + 2:
            raise ValueError("a chunk is missing")
        if not length:
            return bytes(whole)
        whole += rest[:length]
        body = rest[length + 2 :]


def _fault_of(request: Request, status: int, body: bytes) -> str:
    """Empty when the answer is what the user wanted."""
    if status != request.expected_status:
        return "status"
    if request.kind == "front_page":
        return "" if body.rstrip().endswith(b"</html>") else "body"
    try:
        json.loads(body)
    except ValueError:
        return "body"
    return ""


def _summary_path(out: Path) -> Path:
    return out.with_suffix(".summary.json")


if __name__ == "__main__":
    sys.exit(main())
