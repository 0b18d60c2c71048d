"""The program that runs in the relay's pod: moves bytes between each client and the database, and reads none of them.

Run as ``python3 -c TEXT CONTROL_PORT PORT=HOST:PORT …``; never imported by what it serves. The surprising thing: it ends by
itself a minute after the last sign of life on its control port, so that it does not outlive a Lockage that was killed. Nothing
but the standard library of Python 3.8 and later, as other images than our own may run it.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence

SILENCE_S = 60.0
"""Without a sign of life for so long it ends. Signs come every few seconds; kubectl is started anew within seconds, too."""

CONNECT_S = 10.0
"""Longest wait for the database."""

BLOCK_BYTES = 65536


class LastSign:
    """When Lockage was last known to live."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def listen(self, client: socket.socket) -> None:
        """Take signs from one connection; that one is opened is none, since the kubelet's probes do that too."""
        with client, contextlib.suppress(OSError):
            while client.recv(16):
                self._at = time.monotonic()

    def age_s(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self._at


def relay(client: socket.socket, address: tuple[str, int]) -> None:
    """One client to the database and back."""
    with client:
        try:
            server = socket.create_connection(address, timeout=CONNECT_S)
        except OSError as error:
            _say(f"{address[0]}:{address[1]}: {error}")
            return
        with server:
            for end in (client, server):
                end.settimeout(None)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Move bytes one way until either end is closed, then close both."""
    with contextlib.suppress(OSError):
        while True:
            block = source.recv(BLOCK_BYTES)
            if not block:
                break
            target.sendall(block)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve(port: int, handle: Callable[[socket.socket], None]) -> None:
    """A thread for each client of a port."""
    if socket.has_dualstack_ipv6():
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", port))

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main(words: Sequence[str]) -> None:
    """Serve every port until nobody gives a sign of life any more."""
    last_sign = LastSign()
    for word in words[1:]:
        port, _, address = word.partition("=")
        host, _, target = address.rpartition(":")
        serve(int(port), _to((host, int(target))))
    serve(int(words[0]), last_sign.listen)  # last: it is what says that we are ready
    while last_sign.age_s() < SILENCE_S:
        time.sleep(1.0)


def _to(address: tuple[str, int]) -> Callable[[socket.socket], None]:
    return lambda client: relay(client, address)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
