"""What a server program's own words mean: from its log or its standard error to an error of ours.

Not for errors that a session meets: those have SQLSTATEs, and ``session`` translates them. The surprising thing: the programs
give exit code 1 for everything, so their English messages are all there is (we run them with ``LC_ALL=C``).

Codes: LK102 no account · LK104 port taken · LK105 disk full · LK106 data directory of another major · LK107 data directory
in use · LK108 the server does not come up · LK109 the data directory cannot be made.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from lockage.errors import LockageError, RefusedError

LOG_TAIL_LINES = 8
"""Enough for a FATAL with its DETAIL and HINT and what came before."""

NO_ROOM_BYTES = 65536
"""Below this a start cannot even write its lock files and its log."""

_DISK_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large", "File size limit exceeded")
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def log_tail(log_file: Path, *, mark: int = 0) -> str:
    """Gives the last lines that ``log_file`` has after its first ``mark`` bytes; nothing where there is none."""
    try:
        with log_file.open("rb") as log:
            log.seek(mark)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:])
    except OSError:
        return ""


def is_disk_full(error: OSError) -> bool:
    """Says whether the operating system refused for want of room."""
    return error.errno in _DISK_FULL_ERRNOS


def disk_full(folder: Path, words: str = "") -> LockageError:
    """Gives the error for a disk without room under ``folder``."""
    return RefusedError(
        f"no room left on the disk for PostgreSQL's files in {folder}",
        code="LK105",
        hint=f"make room (df -h {folder}), or choose a folder on another disk{_quoted(words)}",
    )


def port_taken(port: int) -> LockageError:
    """Gives the error for a port that someone else listens on."""
    return RefusedError(
        f"port {port} on 127.0.0.1 is taken by another process",
        code="LK104",
        hint=f"see who has it (ss -ltnp 'sport = :{port}'), stop it or choose another port",
    )


def other_major(data_dir: Path, found: str, wanted: int) -> LockageError:
    """Gives the error for a data directory that another major made."""
    return RefusedError(
        f"the data directory {data_dir} is of PostgreSQL {found}, and this server is of PostgreSQL {wanted}",
        code="LK106",
        hint=f"use the programs of PostgreSQL {found}, upgrade it with pg_upgrade, or choose another folder",
    )


def in_use(data_dir: Path, pid: int | None) -> LockageError:
    """Gives the error for a data directory whose server runs."""
    who = f"by the PostgreSQL server with pid {pid}" if pid else "by another PostgreSQL server"
    return RefusedError(
        f"the data directory {data_dir} is in use {who}",
        code="LK107",
        hint="use that server, or stop it first",
    )


def explain_start(log_file: Path, *, mark: int, data_dir: Path, port: int, what: str) -> LockageError:
    """Gives the error for a server that ended before it was ready, or was not ready in time, by what its log says."""
    words = log_tail(log_file, mark=mark)
    # A server whose log lies on the full disk dies without a word.
    if any(sign in words for sign in _DISK_FULL_WORDS) or (not words and _free_bytes(data_dir) < NO_ROOM_BYTES):
        return disk_full(data_dir, words)
    if "Address already in use" in words:
        return port_taken(port)
    if ("lock file" in words and "already exists" in words) or "pre-existing shared memory block" in words:
        return in_use(data_dir, None)
    return RefusedError(
        f"the PostgreSQL server in {data_dir} did not come up: {what}",
        code="LK108",
        hint=f"its last words{_quoted(words or '(it wrote nothing)')}",
    )


def explain_initdb(words: str, *, data_dir: Path, exit_code: int) -> LockageError:
    """Gives the error for an initdb, or a copy of what it made, that failed with ``words``."""
    # Signal 25 is SIGXFSZ: over the limit of a file's size.
    if exit_code == -25 or any(sign in words for sign in _DISK_FULL_WORDS) or "signal 25" in words:
        return disk_full(data_dir, "\n".join(words.splitlines()[-LOG_TAIL_LINES:]))
    if "could not look up effective user ID" in words:
        return RefusedError(
            f"PostgreSQL cannot run as uid {os.geteuid()}, which has no entry in the system's list of users",
            code="LK102",
            hint="run as a user that has one (in a container: add a line to /etc/passwd, or use nss_wrapper)",
        )
    return RefusedError(
        f"no data directory could be made in {data_dir} (exit code {exit_code})",
        code="LK109",
        hint=f"the last words{_quoted(chr(10).join(words.splitlines()[-LOG_TAIL_LINES:]))}",
    )


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return NO_ROOM_BYTES


def _quoted(words: str) -> str:
    return ":\n" + "\n".join(f"  | {line}" for line in words.splitlines()) if words else ""
