"""Closing a WebSocket's connection while a thread reads from it."""

from __future__ import annotations

import socket
import threading
from typing import Any

from lockage.adapters.kubernetes.upgraded import Upgraded


class Plain:
    """A connection as the HTTP library has it: it closes at once."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.connection.settimeout(timeout)
        return self.connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.connection.settimeout(timeout)
        self.connection.sendall(buffer)

    def close(self) -> None:
        self.connection.close()

    def get_extra_info(self, info: str) -> Any:
        return self.connection if info == "socket" else None


def test_nobody_reads_any_more_when_close_returns() -> None:
    ours, theirs = socket.socketpair()
    stream, read = Upgraded(Plain(ours)), []
    reader = threading.Thread(target=lambda: read.append(stream.read(100)))
    with theirs:
        reader.start()
        theirs.send(b"a")
        reader.join(10)
        reader = threading.Thread(target=lambda: read.append(stream.read(100)))
        reader.start()
        while not stream._reading.locked():
            pass
        stream.close()
        reader.join(10)
    assert read == [b"a", b""]
    assert ours.fileno() == -1


def test_a_second_close_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        stream = Upgraded(Plain(ours))
        stream.close()
        stream.close()
