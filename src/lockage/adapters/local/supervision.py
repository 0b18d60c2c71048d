"""The supervisor's inside: the reconciler and the socket, until SIGTERM.

Not to be imported by the adapter: it brings the web server with it. The surprising thing: its end is not the replicas' end.
They go on without it, and the next supervisor adopts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Generator

import uvicorn

from lockage.adapters.local.api import make_api
from lockage.adapters.local.layout import Layout
from lockage.adapters.local.reconciler import Reconciler
from lockage.adapters.local.store import load_state

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to us: its own way raises them again before we have written the document."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def supervise(layout: Layout) -> None:
    """Look after a deployment until SIGTERM, the lock being held by the caller."""
    reconciler = Reconciler(layout=layout, state=load_state(layout))
    config = uvicorn.Config(
        make_api(reconciler, layout),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    with _listening(layout) as listening:
        working = asyncio.create_task(reconciler.run())
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
        stop()
        await serving
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


@contextlib.contextmanager
def _listening(layout: Layout) -> Generator[socket.socket, None, None]:
    layout.make_runtime_dir()
    layout.api_socket.unlink(missing_ok=True)  # of a predecessor: the lock says that it is dead
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(layout.api_socket))
        layout.api_socket.chmod(0o600)
        yield listening
    layout.api_socket.unlink(missing_ok=True)
