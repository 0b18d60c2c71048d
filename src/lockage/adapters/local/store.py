"""The supervisor's document on disk, and the lock that keeps two supervisors apart.

Not for logs. The surprising thing: the lock is the kernel's (``flock``), so it is gone with its holder however that ended; the
pid in the lock file is only for those who want to stop the holder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from lockage.adapters.local.layout import Layout
from lockage.adapters.local.records import State
from lockage.errors import UsageError


def load_state(layout: Layout) -> State:
    """The document of a deployment.

    Raises ``UsageError`` (LK301) when there is no deployment in the folder, or its document cannot be read.
    """
    try:
        content = layout.state_file.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"no deployment in {layout.state_dir}", code="LK301", hint="lockage demo up") from error
    try:
        return msgspec.json.decode(content, type=State)
    except msgspec.MsgspecError as error:
        message = f"{layout.state_file} is not a document of this version: {error}"
        raise UsageError(message, code="LK301", hint="lockage demo down, then lockage demo up") from error


def save_state(layout: Layout, state: State) -> None:
    """Replace the document; it is on disk when this returns, and never half-written. Readable by its owner only."""
    beside = layout.state_file.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(layout.state_file)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the lock until it is closed, with our pid written; None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def write_holder(descriptor: int, pid: int) -> None:
    """Note who holds the lock."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(pid).encode(), 0)


def read_holder(path: Path) -> int | None:
    """The pid that was last noted, alive or not; None when there is none."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text())
    return None
