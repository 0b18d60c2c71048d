"""A connection that the API server has upgraded to a WebSocket, closed without harm to others.

Not for plain answers. The surprising thing: the WebSocket client closes its socket while a thread of its own still reads from
it. The kernel gives the number of the closed socket to the next one that is opened, a database session for example, and that
thread then reads the other's bytes. So here closing first ends the reading, and waits until it has ended.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Protocol

WAIT_S = 5.0
"""For a read to notice that its connection was shut down, which takes as long as the thread needs to be scheduled."""


class Stream(Protocol):
    """What a WebSocket client asks of a connection."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as they come; none at the end."""
        ...

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        ...

    def close(self) -> None:
        """Give the socket back to the kernel."""
        ...

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection: "socket" among it."""
        ...


class Upgraded:
    """The same connection, whose ``close`` returns when nobody reads from it any more."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reading = threading.Lock()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as they come; none at the end, and none once it was closed."""
        with self._reading:
            return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """End the reading, then close."""
        with contextlib.suppress(OSError):  # the other end may have been faster
            connection: socket.socket = self._stream.get_extra_info("socket")
            connection.shutdown(socket.SHUT_RDWR)
        ended = self._reading.acquire(timeout=WAIT_S)
        try:
            if ended:  # else its number would be another's: better one socket too many
                self._stream.close()
        finally:
            if ended:
                self._reading.release()

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._stream.get_extra_info(info)
