"""A TCP proxy that can fall silent (connections stay open, nothing more is passed on), or change what it passes on."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress


class StallingProxy:
    """Passes bytes between its port and a target until ``stall``; accepts new connections either way."""

    def __init__(self, target: tuple[str, int], *, rewrite: Callable[[bytes], bytes]) -> None:
        self._target = target
        self._rewrite = rewrite
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stalled = threading.Event()
        self._ended = threading.Event()
        self._sockets = ExitStack()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where to connect."""
        return self._listener.getsockname()[1]

    def stall(self) -> None:
        """From now on nothing is passed on."""
        self._stalled.set()

    def resume(self) -> None:
        """Pass on again, what was held back too."""
        self._stalled.clear()

    def close(self) -> None:
        """End all connections."""
        self._ended.set()
        self._thread.join()
        self._sockets.close()
        self._listener.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ, None)
            while not self._ended.is_set():
                for key, _ in selector.select(0.01):
                    if self._stalled.is_set():
                        self._ended.wait(0.01)
                    elif key.data is None:
                        self._accept(selector)
                    else:
                        self._pass_on(selector, key.fileobj, key.data)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client = self._sockets.enter_context(self._listener.accept()[0])
        server = self._sockets.enter_context(socket.create_connection(self._target))
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, selector: selectors.BaseSelector, source, sink: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = source.recv(65536)
            sink.sendall(self._rewrite(data))
        if not data:
            selector.unregister(source)
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def stalling_proxy(host: str, port: int, *, rewrite: Callable[[bytes], bytes] = lambda data: data) -> Iterator[StallingProxy]:
    """A proxy in front of a port, closed at the end; ``rewrite`` sees each piece that is passed on, either way."""
    proxy = StallingProxy((host, port), rewrite=rewrite)
    try:
        yield proxy
    finally:
        proxy.close()
