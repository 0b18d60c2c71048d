"""What a running server says of itself in ``postmaster.pid``, and whether it is true.

Not for starting or stopping. The surprising thing: the file can outlive its server, and its number can be another process' by
now, so the process is looked at before the file is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class PidFile:
    """What ``postmaster.pid`` says. Source: ``miscadmin.h``, ``LOCK_FILE_LINE_*``, PostgreSQL 18."""

    pid: int
    started_s: int  # seconds since 1970
    port: int
    socket_dir: Path
    listens: bool
    ready: bool


def read_pid_file(data_dir: Path) -> PidFile | None:
    """Gives what the server of ``data_dir`` wrote about itself; None where no live server did."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
        pid, started_s, port = int(lines[0]), int(lines[2]), int(lines[3])
        socket_dir, address = lines[4], lines[5]
    except (FileNotFoundError, ValueError, IndexError):
        return None  # none, or one that is being written
    if not _is_postgres(pid, data_dir):
        return None
    status = lines[7].strip() if len(lines) > 7 else ""
    return PidFile(
        pid=pid,
        started_s=started_s,
        port=port,
        socket_dir=Path(socket_dir),
        listens=bool(address.strip()),
        ready=status == "ready",
    )


def is_alive(pid: int) -> bool:
    """Says whether the process runs; one that is dead and not yet reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_postgres(pid: int, data_dir: Path) -> bool:
    # A pid file can outlive its server, and its number be another process' by now.
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
            return False
        return str(data_dir) in process.cmdline() or process.cwd() == str(data_dir.resolve())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # another account's, so not provably someone else's
