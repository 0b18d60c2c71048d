"""Liveness and readiness probes over HTTP, as a kubelet sends them.

Not for proving service: health is not service. The surprising thing: a replica that accepts the connection and then says
nothing fails exactly like one that refuses it, only later, by the timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from lockage.core.facts import Probe

_HEAD_BYTES = 16_384


async def probe_once(*, host: str, port: int, probe: Probe) -> str | None:
    """One GET: None when it was answered with 200 to 399 in time, else a sentence that says what happened instead.

    Source of what counts as success: Kubernetes v1.33, ``pkg/probe/http/http.go``.
    """
    url = f"http://{host}:{port}{probe.path}"
    try:
        async with asyncio.timeout(probe.timeout_s):
            status = await _get_status(host, port, probe.path)
    except TimeoutError:
        return f'Get "{url}": no answer within {probe.timeout_s:g} s'
    except OSError as error:
        return f'Get "{url}": {_said(error)}'
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return f'Get "{url}": the answer is not HTTP'
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


async def _get_status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port, limit=_HEAD_BYTES)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: lockage-probe\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii", "replace"))
        head = await reader.readuntil(b"\r\n\r\n")
        # Closing with the body unread resets the connection, which some servers report as an error of theirs.
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(0.05):
                await reader.read(_HEAD_BYTES)
        return _status_of(head)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _said(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _status_of(head: bytes) -> int:
    first = head.split(b"\r\n", 1)[0].split(b" ")
    if len(first) < 2 or not first[0].startswith(b"HTTP/"):
        raise ValueError("no HTTP")
    return int(first[1])


async def answers(*, host: str, port: int, probe: Probe, age_s: float) -> AsyncIterator[str | None]:
    """Answers of a probe sent again and again, the first one when the initial delay is over; ``age_s``: since the start.

    A probe that lasts longer than its period is followed at once by the next.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + max(probe.initial_delay_s - age_s, 0.0)
    while True:
        await asyncio.sleep(due - loop.time())
        yield await probe_once(host=host, port=port, probe=probe)
        due = max(due + probe.period_s, loop.time())
