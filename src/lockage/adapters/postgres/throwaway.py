"""Throw-away servers, which end with the process that asked for them: shadows and tests.

Not for data that anyone wants to see again. The surprising thing: the calm end and the end by SIGKILL are one and the same way,
the closing of a pipe to the keeper process, so the second is proved by every test that uses the first.

Codes: those of ``embedded``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import select
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from lockage.adapters.postgres.account import (
    Account,
    cache_root,
    english_environment,
    give,
    reachable_binaries,
    server_account,
    short_folder,
)
from lockage.adapters.postgres.binaries import Binaries, embedded_binaries
from lockage.adapters.postgres.data_directory import clone_template
from lockage.adapters.postgres.embedded import (
    PORT_TRIES,
    START_LIMIT_S,
    Server,
    await_ready,
    encode_order,
    explainer,
    free_port,
    launch_command,
    server_command,
    stop,
)
from lockage.errors import LockageError

FOLDER_PREFIX = "lk-t-"

END_LIMIT_S = 20.0
"""How long the keeper may take to end the server and remove its folder: its own limit of 8 s and the removal."""

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own
MEMORY_ROOM_BYTES = 1 << 30
"""A server is 30 MB when it starts, and a shadow holds no data. Containers have 64 MB there: they get the disk. Measured: 0.1 s
for a start in memory; on a disk whose ext4 has no journal 1 s, since it seeks long for inodes after 1000 files were removed."""

_SOCKET_PORT = 5432

_SETTINGS: Mapping[str, str] = {
    # Nothing survives anyway, so nothing need reach the disk.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",  # a shadow holds no data
    "max_connections": "50",
    "max_logical_replication_workers": "0",
}


@contextmanager
def throwaway(
    *,
    binaries: Binaries | None = None,
    settings: Mapping[str, str] | None = None,
    tcp: bool = False,
    root: Path | None = None,
    cache_dir: Path | None = None,
    limit_s: float = START_LIMIT_S,
    alone: bool = False,
) -> Generator[Server]:
    """Gives a running server with the superuser ``postgres`` that is gone, files and all, when the block or this process ends.

    Listens on a Unix socket whose folder only its account can reach, with ``tcp`` also on 127.0.0.1, with a random password.
    ``root`` is where its folder goes, if that is short enough for a socket; without it that is memory where there is room,
    so name a folder on disk for a server that is to hold data. ``alone``: it can start no program, write to no
    file outside its folder and call no server, where Linux can forbid that.
    Raises RefusedError: LK101 to LK109.
    """
    account = server_account()
    cache = cache_dir or cache_root()
    programs = reachable_binaries(binaries or embedded_binaries(), account, cache)
    folder = short_folder(FOLDER_PREFIX, root or roomy_memory(), account)
    sweep(folder.parent)
    with _keeper(folder, alone=alone) as keeper:
        data_dir, socket_dir = folder / "data", folder / "s"
        socket_dir.mkdir(mode=0o700)
        give(socket_dir, account)
        clone_template(data_dir, binaries=programs, account=account, cache_dir=cache)
        wanted = {**_SETTINGS, **(settings or {})}
        for attempt in range(PORT_TRIES):
            port = free_port() if tcp else _SOCKET_PORT
            command = server_command(programs, data_dir=data_dir, socket_dir=socket_dir, port=port, tcp=tcp, settings=wanted)
            try:
                pid = _start(keeper, account, folder / "server.log", command, data_dir=data_dir, port=port, limit_s=limit_s)
            except LockageError as error:
                if error.code != "LK104" or attempt == PORT_TRIES - 1:
                    raise
                continue
            server = Server(data_dir=data_dir, socket_dir=socket_dir, port=port, pid=pid, tcp=tcp)
            yield _with_password(server) if tcp else server
            return


def roomy_memory() -> Path | None:
    """Gives the folder that Linux keeps in memory, if there is plenty of room in it."""
    try:
        return MEMORY_FOLDER if shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_ROOM_BYTES else None
    except OSError:
        return None


def sweep(parent: Path) -> None:
    """Removes folders of throw-away servers under ``parent`` that no live process holds: both its owner and its keeper died."""
    for folder in parent.glob(f"{FOLDER_PREFIX}*"):
        # A folder without this file is being made at this moment.
        with contextlib.suppress(OSError), (folder / "held").open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop(folder / "data", mode="immediate")
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _keeper(folder: Path, *, alone: bool) -> Generator[subprocess.Popen[bytes]]:
    with _held(folder) as held:
        keeper = subprocess.Popen(
            launch_command("keep", str(os.getpid()), str(folder), *(["alone"] if alone else [])),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(held.fileno(),),
            env=english_environment(),
        )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        yield keeper
    finally:
        keeper.stdin.close()
        try:
            keeper.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            keeper.kill()  # on Linux the server ends with it
            keeper.wait()
        keeper.stdout.close()
        # Only where the keeper was killed is anything left, and only where the server does not end with it is that running.
        stop(folder / "data", mode="immediate")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Generator[IO[str]]:
    # Locked before it has its name, so that no sweep comes in between.
    fresh = folder / "held.new"
    with fresh.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fresh.rename(folder / "held")
        yield held


def _start(
    keeper: subprocess.Popen[bytes],
    account: Account | None,
    log_file: Path,
    command: list[str],
    *,
    data_dir: Path,
    port: int,
    limit_s: float,
) -> int:
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    answers = keeper.stdout
    mark = log_file.stat().st_size if log_file.exists() else 0
    explain = explainer(log_file, mark=mark, data_dir=data_dir, port=port)
    try:
        keeper.stdin.write(encode_order(account, log_file, command))
        keeper.stdin.flush()
    except BrokenPipeError as error:
        raise explain("its keeper died") from error
    # The exec's failure can be told before the pid.
    while not (answer := answers.readline().decode()).startswith("started "):
        if answer.startswith("failed ") or not answer:
            raise explain(answer.strip().removeprefix("failed ") or "its keeper died")
    pid = int(answer.removeprefix("started "))

    def exited() -> str:
        if not select.select([answers], [], [], 0)[0]:
            return ""
        return answers.readline().decode().strip().removeprefix("failed ") or "its keeper died"

    await_ready(data_dir, pid=pid, limit_s=limit_s, exited=exited, explain=explain)
    return pid


def _with_password(server: Server) -> Server:
    password = secrets.token_urlsafe(18)
    with psycopg.connect(server.url(), autocommit=True, application_name="lockage/embedded") as connection:
        connection.execute(
            sql.SQL("alter role {role} password {password}").format(
                role=sql.Identifier(server.superuser), password=sql.Literal(password)
            )
        )
    return Server(
        data_dir=server.data_dir,
        socket_dir=server.socket_dir,
        port=server.port,
        pid=server.pid,
        superuser=server.superuser,
        password=password,
        tcp=True,
    )
