"""Processes of the supervisor: started in a session of their own, or adopted, and waited for without polling where possible.

Not for processes that must end with their parent. The surprising thing: an adopted process is not our child, so its exit code
can never be known; its end is still seen at once, through a pidfd (Linux) or by looking 50 times a second elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

POLL_S = 0.02
"""Between two looks where the system has no pidfd."""

CREATED_TOLERANCE_S = 2.0
"""The kernel's start of the clock shifts when the wall clock is set; a pid is not given out again so soon."""


def creation_time(pid: int) -> float | None:
    """When a process was created, in epoch seconds; None when there is none, or only its remains wait to be collected."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, created_at: float | None) -> bool:
    """Whether that very process still runs."""
    if pid is None or created_at is None:
        return False
    found = creation_time(pid)
    return found is not None and abs(found - created_at) <= CREATED_TOLERANCE_S


def marked_processes(name: str, value: str) -> list[psutil.Process]:
    """Our user's processes whose environment says so; a look at every process of the machine."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.environ().get(name) == value:
                found.append(process)
    return found


def leads_session(pid: int) -> bool:
    """Whether a process is the first one of its session, as all are that we start."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid) == pid
    return False


def send(pid: int, number: int, *, group: bool = False) -> None:
    """Send a signal to a process, or its whole group; nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


class Running:
    """A process that runs, ours or adopted."""

    def __init__(self, *, pid: int, created_at: float, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.created_at = created_at
        self._child = child

    @classmethod
    def start(cls, command: Sequence[str], *, environment: Mapping[str, str], log_file: Path, folder: Path) -> Running:
        """Start a process in a session of its own, its output appended to a file.

        Raises ``OSError`` when the program cannot be started.
        """
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # Our own child cannot vanish before we wait for it, so its times can be read even when it has ended already.
        return cls(pid=child.pid, created_at=psutil.Process(child.pid).create_time(), child=child)

    @classmethod
    def adopt(cls, pid: int | None, created_at: float | None) -> Running | None:
        """A process that somebody else started; None when it has gone."""
        if pid is None or created_at is None or not is_alive(pid, created_at):
            return None
        return cls(pid=pid, created_at=created_at, child=None)

    async def wait(self) -> int | None:
        """Return when it has ended: its exit code (128 + n for signal n), or None for an adopted one.

        What it left behind in its process group is killed, as a container's other processes are.
        """
        await _ended(self.pid, self.created_at)
        send(self.pid, signal.SIGKILL, group=True)
        if self._child is None:
            return None
        code = self._child.wait()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask it to end."""
        if is_alive(self.pid, self.created_at):
            send(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and its group."""
        if is_alive(self.pid, self.created_at):
            send(self.pid, signal.SIGKILL, group=True)


async def _ended(pid: int, created_at: float) -> None:
    if not hasattr(os, "pidfd_open"):
        while is_alive(pid, created_at):
            await asyncio.sleep(POLL_S)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
