"""Probes against servers that answer, refuse, hang and talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from lockage.adapters.local.probing import answers, probe_once
from lockage.core.facts import Probe

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def probed(serve: Serve, *, probe: Probe) -> str | None:
    """What a probe says of a server on a port of its own."""

    served: list[asyncio.Event] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.Event()
        served.append(done)
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)  # the turn in which the connection is closed
            done.set()

    async def run() -> str | None:
        server = await asyncio.start_server(attend, "127.0.0.1", 0)
        async with server:
            said = await probe_once(host="127.0.0.1", port=server.sockets[0].getsockname()[1], probe=probe)
            await asyncio.gather(*(done.wait() for done in served))
            return said

    return asyncio.run(run())


def saying(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    return serve


@pytest.mark.parametrize("status", [200, 204, 302, 399])
def test_a_status_from_200_to_399_is_health(status: int) -> None:
    assert probed(saying(b"HTTP/1.1 %d X\r\n\r\n" % status), probe=Probe()) is None


@pytest.mark.parametrize("status", [199, 400, 404, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    assert probed(saying(b"HTTP/1.1 %d X\r\n\r\n" % status), probe=Probe()) == f"HTTP probe failed with statuscode: {status}"


@pytest.mark.parametrize("nonsense", [b"", b"HTTP/1.1 200", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n", b"x" * 100_000])
def test_what_is_not_http_is_a_failure(nonsense: bytes) -> None:
    problem = probed(saying(nonsense), probe=Probe())
    assert problem is not None
    assert problem.endswith("the answer is not HTTP")


def test_a_server_that_accepts_and_says_nothing_fails_by_the_timeout() -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other end has given up

    began = time.monotonic()
    problem = probed(serve, probe=Probe(timeout_s=0.2))
    assert problem is not None
    assert problem.endswith("no answer within 0.2 s")
    assert 0.2 <= time.monotonic() - began < 0.9


def test_nobody_listening_is_a_refused_connection() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        problem = asyncio.run(probe_once(host="127.0.0.1", port=bound.getsockname()[1], probe=Probe()))
    assert problem is not None
    assert problem.endswith("Connection refused")


@pytest.mark.parametrize(("age_s", "first_s"), [(0.0, 0.3), (0.2, 0.1), (9.0, 0.0)])
def test_the_initial_delay_counts_from_the_start_of_the_process(age_s: float, first_s: float) -> None:
    async def run() -> list[float]:
        began, seen = time.monotonic(), list[float]()
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            probe = Probe(initial_delay_s=0.3, period_s=0.2)
            async for _ in answers(host="127.0.0.1", port=bound.getsockname()[1], probe=probe, age_s=age_s):
                seen.append(time.monotonic() - began)
                if len(seen) == 3:
                    break
        return seen

    assert asyncio.run(run()) == pytest.approx([first_s, first_s + 0.2, first_s + 0.4], abs=0.08)
