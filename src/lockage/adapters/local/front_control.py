"""The supervisor's hand on the front: start or adopt it, and tell it which replicas are ready.

Not for carrying traffic. The surprising thing: `FrontControl.refresh` returns only when the list is in force, since a
replica may get its SIGTERM only after no new connection can reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable

from lockage.adapters.local.layout import FRONT, MARKER, MEMBER, Layout
from lockage.adapters.local.processes import Running
from lockage.adapters.local.records import FrontState

ANSWER_LIMIT_S = 5.0
"""For the front to start or to confirm a list; it does both in a few hundredths of a second."""

PAUSE_S, LONGEST_PAUSE_S = 0.02, 2.0
"""Before the front is started again: users wait, but where its port was taken meanwhile it ends at once, again and again."""

log = logging.getLogger(__name__)


class FrontControl:
    """One front, kept alive on its port."""

    def __init__(
        self, *, layout: Layout, state: FrontState, save: Callable[[], None], ready: Callable[[], list[tuple[str, int]]]
    ) -> None:
        self._layout = layout
        self._state = state
        self._save = save
        self._ready = ready
        self._in_force: list[tuple[str, int]] | None = None
        self._lock = asyncio.Lock()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def keep_running(self) -> None:
        """Adopt the front or start one, again whenever it ends. Returns only when cancelled."""
        pause_s = PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            running = Running.adopt(self._state.pid, self._state.process_created_at) or self._start()
            ended = asyncio.create_task(running.wait())
            told = asyncio.create_task(self.refresh())
            try:
                await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
                await ended
            finally:
                ended.cancel()
                told.cancel()
            log.warning("the front (pid %d) has ended", running.pid)
            self._disconnect()
            lasted_s = asyncio.get_running_loop().time() - began
            pause_s = PAUSE_S if lasted_s > ANSWER_LIMIT_S * 2 else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    def _start(self) -> Running:
        command = [sys.executable, "-m", "lockage.adapters.local.front", "--host", self._state.host]
        command += ["--port", str(self._state.port), "--control", str(self._layout.front_socket)]
        self._layout.front_socket.unlink(missing_ok=True)
        running = Running.start(
            command,
            environment={**os.environ, MARKER: self._layout.digest, MEMBER: FRONT},
            log_file=self._layout.supervisor_log,
            folder=self._layout.state_dir,
        )
        self._state.pid, self._state.process_created_at = running.pid, running.created_at
        self._save()
        return running

    async def refresh(self) -> None:
        """Let the front use exactly the replicas that are ready now.

        Returns when that is in force, or the front is down: then it uses none, and is told when it is up again.
        """
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S), self._lock:
                ready = self._ready()  # as it is when it is our turn, so that the last word is the newest
                if ready != self._in_force:
                    await self._send(ready)
        except (OSError, TimeoutError) as error:
            log.warning("the front did not take its list: %s", error or "no answer")

    async def _send(self, ready: list[tuple[str, int]]) -> None:
        try:
            reader, writer = self._connection or await self._connect()
            writer.write(json.dumps(ready).encode() + b"\n")
            await writer.drain()
            _check(await reader.readline())
        except BaseException:
            self._disconnect()
            raise
        self._in_force = ready

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:  # limited by the caller's timeout
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                self._connection = await asyncio.open_unix_connection(self._layout.front_socket)
                return self._connection
            await asyncio.sleep(0.02)

    def _disconnect(self) -> None:
        self._in_force = None
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None


def _check(confirmation: bytes) -> None:
    if confirmation != b"ok\n":
        raise ConnectionError("it ended the conversation")
