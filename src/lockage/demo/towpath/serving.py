"""The serving half of a replica's life: pool, background work and HTTP on a socket that is already bound.

Must not be imported before the port is open, for its imports take most of the start-up time. The surprising thing: a stop
signal ends the background work at once, before requests in flight are waited for, since a report's open transaction may be
what those requests, and the next release's migration, are waiting behind.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import uvicorn
from psycopg_pool import PoolTimeout

from lockage.demo.towpath import log
from lockage.demo.towpath.background import Background
from lockage.demo.towpath.database import Database, open_pool
from lockage.demo.towpath.errors import ServingError
from lockage.demo.towpath.routes import Api
from lockage.demo.towpath.statements import statements_of
from lockage.demo.towpath.usage import Usage

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable
    from types import FrameType

    from starlette.applications import Starlette

    from lockage.demo.towpath.releases import Release
    from lockage.demo.towpath.settings import Settings

_DRAIN_S = 2
"""How long requests in flight may still take after a stop signal. Whole seconds, as uvicorn wants it."""

_CANCEL_S = 1.0
"""How long cancelling the queries of such requests may take: one round trip each, on connections of their own."""

_POOL_CLOSE_S = 0.5
"""How long the pool's workers may take to end: they have nothing left to do."""


def serve(settings: Settings, release: Release, listener: socket.socket, *, stop_requested: Callable[[], bool]) -> None:
    """Serve on `listener` until a stop signal; `stop_requested` tells of one that came before.

    Raises ServingError.
    """
    asyncio.run(_serve(settings, release, listener, stop_requested))


async def _serve(settings: Settings, release: Release, listener: socket.socket, stop_requested: Callable[[], bool]) -> None:
    async with _database(settings, release) as database:
        usage = Usage()
        background = Background(
            release=release, settings=settings, database=database, usage=usage, started_at=datetime.now(tz=UTC)
        )
        api = Api(release=release, replica=settings.replica, database=database, usage=usage)
        work = asyncio.create_task(background.run())
        server = _StoppingServer(api.application(), work, stop_requested)
        work.add_done_callback(server.stop_when_failed)
        await server.serve(sockets=[listener])
        await server.until_cancelled_requests_ended()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await background.say_goodbye()


@asynccontextmanager
async def _database(settings: Settings, release: Release) -> AsyncGenerator[Database]:
    pool = open_pool(settings)
    try:
        await pool.open(wait=True, timeout=settings.connect_timeout_s)
        yield Database(pool, statements_of(release))
    except PoolTimeout as failure:
        raise ServingError(f"connect to postgres: {log.one_line(failure)}") from failure
    finally:
        await pool.close(timeout=_POOL_CLOSE_S)


class _StoppingServer(uvicorn.Server):
    """uvicorn, which cancels the background work in the moment of the stop signal."""

    def __init__(self, application: Starlette, work: asyncio.Task[None], stop_requested: Callable[[], bool]) -> None:
        super().__init__(
            uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_DRAIN_S)
        )
        self._work = work
        self._stop_requested = stop_requested
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn's signal handler."""
        self._loop.call_soon_threadsafe(self._work.cancel)
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second: whether to stop. Sees a signal that came before uvicorn listened for it."""
        return await super().on_tick(counter) or self._stop_requested()

    async def until_cancelled_requests_ended(self) -> None:
        """Give requests that uvicorn gave up the time to cancel their queries: else those wait on as orphans."""
        if unfinished := list(self.server_state.tasks):
            await asyncio.wait(unfinished, timeout=_CANCEL_S)

    def stop_when_failed(self, work: asyncio.Task[None]) -> None:
        """Stop serving when the background work ended by a defect: half a server is worse than a restart."""
        if not work.cancelled() and (failure := work.exception()):
            log.error("background work failed", error=repr(failure))
            self.should_exit = True
