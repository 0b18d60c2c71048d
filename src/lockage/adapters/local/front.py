"""The port in front: a process of its own that hands each connection to the next ready replica, as a Service does.

Not for balancing requests: it knows connections only. The surprising thing: it outlives the supervisor. It keeps the last list
of backends that it was given over its control socket, so users feel nothing when the supervisor dies and comes back. Imports
nothing but the standard library, so that it starts fast and stays small.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import cast

CONNECT_LIMIT_S = 2.0
"""A backend on this machine that does not take a connection in this time is passed over: its queue of connections is full."""

BACKLOG = 1024
"""Connections that may wait for us to accept them; the kernel caps it at ``net.core.somaxconn``."""

PORT_TAKEN = 3
"""Exit code when the port in front cannot be had."""


class Backends:
    """The ready replicas, each in turn."""

    def __init__(self) -> None:
        self._addresses: tuple[tuple[str, int], ...] = ()
        self._next = 0

    def replace(self, addresses: tuple[tuple[str, int], ...]) -> None:
        """From now on these."""
        self._addresses = addresses

    def in_turn(self) -> tuple[tuple[str, int], ...]:
        """All of them, the one whose turn it is first."""
        if not self._addresses:
            return ()
        first = self._next % len(self._addresses)
        self._next = first + 1
        return self._addresses[first:] + self._addresses[:first]


class Half(asyncio.Protocol):
    """One of the two connections of a pair: what arrives here is written there."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and read nothing until there is somewhere to write it."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass on the end of one direction, and keep the other open."""
        transport = self.other.transport if self.other is not None else None
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """The reader here is slow: stop reading there."""
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading there."""
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other too: in the same way as this one ended."""
        other, self.other, self.transport = self.other, None, None
        if other is None or other.transport is None:
            return
        if exc is None:
            other.transport.close()
        else:
            reset(other.transport)


class Client(Half):
    """A user's connection; a backend is looked for as soon as it is made."""

    def __init__(self, backends: Backends, searches: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._backends = backends
        self._searches = searches

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look for a backend."""
        super().connection_made(transport)
        search = asyncio.get_running_loop().create_task(self._find_backend())
        self._searches.add(search)
        search.add_done_callback(self._searches.discard)

    async def _find_backend(self) -> None:
        loop = asyncio.get_running_loop()
        for host, port in self._backends.in_turn():
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    _, backend = await loop.create_connection(Half, host, port)
                self._join(backend)
                return
        if self.transport is not None:
            reset(self.transport)

    def _join(self, backend: Half) -> None:
        if self.transport is None or self.transport.is_closing():  # the user has gone meanwhile
            if backend.transport is not None:
                backend.transport.abort()
            return
        if backend.transport is None:  # the backend has gone meanwhile
            reset(self.transport)
            return
        self.other, backend.other = backend, self
        self.transport.resume_reading()
        backend.transport.resume_reading()


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that its other end sees an error, not an end of data."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def take_backends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, backends: Backends) -> None:
    """Take lists of ``[host, port]``, a line each, and confirm each when it is in force."""
    try:
        while line := await reader.readline():
            addresses = cast("list[tuple[str, int]]", json.loads(line))
            backends.replace(tuple((host, port) for host, port in addresses))
            writer.write(b"ok\n")
            await writer.drain()
    except ConnectionError:
        pass  # the supervisor died in the middle of a sentence; its successor says it again
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def serve(*, host: str, port: int, control: Path) -> int:
    """Serve until SIGTERM; gives the exit code."""
    loop = asyncio.get_running_loop()
    backends = Backends()
    searches: set[asyncio.Task[None]] = set()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    try:
        front = await loop.create_server(lambda: Client(backends, searches), host, port, backlog=BACKLOG, reuse_address=True)
    except OSError as error:
        sys.stderr.write(f"front: cannot listen on {host}:{port}: {error}\n")
        return PORT_TAKEN
    # The control socket comes second: who can connect to it knows that the port is ours.
    controls = await asyncio.start_unix_server(lambda r, w: take_backends(r, w, backends=backends), control)
    control.chmod(0o600)
    await stop.wait()
    front.close()
    controls.close()
    return 0


def main() -> int:
    """Entry point of ``python -m lockage.adapters.local.front``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=Path, required=True)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return asyncio.run(serve(host=arguments.host, port=arguments.port, control=arguments.control))


if __name__ == "__main__":
    sys.exit(main())
