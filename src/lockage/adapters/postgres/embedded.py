"""PostgreSQL servers of our own: throw-away ones for shadows and tests, and detached ones for the demo.

Not for production's database, which is only ever talked to. The surprising thing: a throw-away server ends with the process
that asked for it however that ends, because a small keeper process (``launch``) holds a pipe from it; a detached one ends only
by ``stop``.

Codes of the whole family, each a RefusedError:

=====  ==================================================  ==================
LK101  no usable server programs                           ``binaries``
LK102  root, and no unprivileged account to run as         ``account``
LK103  a folder out of that account's reach                ``account``
LK104  the port is taken                                   ``failure``
LK105  the disk is full                                    ``failure``
LK106  the data directory is of another major              ``failure``
LK107  the data directory is in use by a live server       ``failure``
LK108  the server does not come up                         ``failure``
LK109  the data directory cannot be made, or is none       ``data_directory``
LK110  the server does not stop                            ``embedded``
=====  ==================================================  ==================
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from lockage.adapters.postgres import launch
from lockage.adapters.postgres.account import (
    SOCKET_PATH_LIMIT_BYTES,
    Account,
    cache_root,
    english_environment,
    reachable_binaries,
    require_reach,
    server_account,
    short_folder,
)
from lockage.adapters.postgres.binaries import Binaries, embedded_binaries
from lockage.adapters.postgres.failure import explain_start, in_use, other_major
from lockage.adapters.postgres.pid_file import is_alive, read_pid_file
from lockage.errors import LockageError, RefusedError

START_LIMIT_S = 60.0
"""How long a server may take to be ready. Seen: 0.02 s; after a crash it replays its log first, which takes longer."""

STOP_LIMIT_S = 60.0
"""How long a server may take to stop. A fast shutdown writes a checkpoint. Source: the default of ``pg_ctl stop``."""

PORT_TRIES = 5
"""How often a port that the system chose may be taken by someone else before the server binds it."""

TAKE_OVER_LIMIT_S = 10.0
"""How long the remains of a killed server may keep a data directory: its backends notice within a second that it is gone,
and whoever inherited it reaps it."""

_LOOK_S = 0.005
_RETRY_S = 0.05

_SIGNALS: Mapping[str, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where its files and its sockets are, and how its superuser comes in."""

    data_dir: Path
    socket_dir: Path
    port: int
    pid: int
    superuser: str = "postgres"
    password: str | None = field(default=None, repr=False)
    tcp: bool = False

    def url(
        self,
        database: str = "postgres",
        *,
        user: str | None = None,
        password: str | None = None,
        tcp: bool = False,
    ) -> str:
        """Gives a libpq URL of ``database``, over the Unix socket or over TCP on 127.0.0.1.

        Over TCP it holds a password: ``password``, or for the superuser the one the server was started with.
        """
        user = user or self.superuser
        if not tcp:
            return (
                f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}"
                f"?host={quote(str(self.socket_dir), safe='')}&port={self.port}"
            )
        if not self.tcp:
            raise ValueError("this server listens on its Unix socket only")
        secret = password or (self.password if user == self.superuser else None)
        login = quote(user, safe="") + (f":{quote(secret, safe='')}" if secret else "")
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"


def running(data_dir: Path, *, superuser: str = "postgres", password: str | None = None) -> Server | None:
    """Gives the server that runs in ``data_dir`` and is ready; None where there is none."""
    seen = read_pid_file(data_dir)
    if seen is None or not seen.ready:
        return None
    return Server(
        data_dir=data_dir,
        socket_dir=seen.socket_dir,
        port=seen.port,
        pid=seen.pid,
        superuser=superuser,
        password=password,
        tcp=seen.listens,
    )


def start_detached(
    data_dir: Path,
    *,
    log_file: Path,
    binaries: Binaries | None = None,
    port: int | None = None,
    superuser: str = "postgres",
    password: str | None = None,
    settings: Mapping[str, str] | None = None,
    account: Account | None = None,
    cache_dir: Path | None = None,
    limit_s: float = START_LIMIT_S,
) -> Server:
    """Starts the server of ``data_dir`` on TCP and a Unix socket, so that it outlives us; adopts one that already runs.

    ``port`` None lets the system choose. ``superuser`` and ``password`` are what ``initialise`` was given; ``settings``
    hold for this start. Undone by ``stop``. Raises RefusedError: LK101 to LK109.
    """
    patience = time.monotonic() + TAKE_OVER_LIMIT_S
    tries = 0
    while True:
        if adopted := running(data_dir, superuser=superuser, password=password):
            if port not in (None, adopted.port):
                raise in_use(data_dir, adopted.pid)
            return adopted
        tries += 1
        try:
            _start_detached_once(
                data_dir,
                log_file=log_file,
                binaries=binaries or embedded_binaries(),
                port=free_port() if port is None else port,
                settings=settings or {},
                account=account or server_account(),
                cache_dir=cache_dir or cache_root(),
                limit_s=limit_s,
            )
        except LockageError as error:
            lost_the_port = error.code == "LK104" and port is None and tries < PORT_TRIES
            # Its killed predecessor is not reaped yet, or another process starts it at this moment.
            not_yet_free = error.code == "LK107" and time.monotonic() < patience
            if not (lost_the_port or not_yet_free):
                raise
            time.sleep(_RETRY_S)


def _start_detached_once(
    data_dir: Path,
    *,
    log_file: Path,
    binaries: Binaries,
    port: int,
    settings: Mapping[str, str],
    account: Account | None,
    cache_dir: Path,
    limit_s: float,
) -> None:
    programs = reachable_binaries(binaries, account, cache_dir)
    require_major(data_dir, programs)
    require_reach(data_dir, account)
    socket_dir = data_dir if _fits_a_socket(data_dir) else short_folder("lk-s-", None, account)
    mark = log_file.stat().st_size if log_file.exists() else 0
    command = server_command(programs, data_dir=data_dir, socket_dir=socket_dir, port=port, tcp=True, settings=settings)
    explain = explainer(log_file, mark=mark, data_dir=data_dir, port=port)
    try:
        pid = _launch_detached(command, account=account, log_file=log_file, explain=explain)
        await_ready(data_dir, pid=pid, limit_s=limit_s, exited=_exit_watch(pid), explain=explain)
    except BaseException:
        if socket_dir != data_dir:
            shutil.rmtree(socket_dir, ignore_errors=True)
        raise


def stop(
    data_dir: Path,
    *,
    mode: Literal["smart", "fast", "immediate"] = "fast",
    limit_s: float = STOP_LIMIT_S,
) -> bool:
    """Stops the server of ``data_dir`` and waits until it is gone; says whether there was one.

    Cannot be undone but by a new start. Raises RefusedError (LK110) where it lives on after ``limit_s``.
    """
    seen = read_pid_file(data_dir)
    if seen is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(seen.pid, _SIGNALS[mode])
    limit = time.monotonic() + limit_s
    while is_alive(seen.pid):
        if time.monotonic() > limit:
            raise RefusedError(
                f"the PostgreSQL server in {data_dir} (pid {seen.pid}) did not stop within {limit_s:g} s ({mode})",
                code="LK110",
                hint="sessions may hold it up: try a fast, then an immediate stop",
            )
        time.sleep(_LOOK_S)
    if seen.socket_dir.name.startswith("lk-s-") and not any(seen.socket_dir.iterdir()):
        seen.socket_dir.rmdir()
    return True


def free_port() -> int:
    """Gives a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_major(data_dir: Path, binaries: Binaries) -> None:
    """Raises RefusedError unless ``data_dir`` is a data directory (LK109) of the major of ``binaries`` (LK106)."""
    try:
        found = (data_dir / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise RefusedError(
            f"{data_dir} is no data directory of PostgreSQL: PG_VERSION cannot be read",
            code="LK109",
            hint="initialise it first, or name the right folder",
        ) from error
    if found != str(binaries.major):
        raise other_major(data_dir, found, binaries.major)


def server_command(
    binaries: Binaries,
    *,
    data_dir: Path,
    socket_dir: Path,
    port: int,
    tcp: bool,
    settings: Mapping[str, str],
) -> list[str]:
    """Gives the command line of a server; ``settings`` win over ours and over ``postgresql.conf``."""
    ours = {
        "port": str(port),
        "listen_addresses": "127.0.0.1" if tcp else "",
        "unix_socket_directories": str(socket_dir),
        "logging_collector": "off",  # the log is the file that we opened, or a failed start leaves us nothing to read
        "log_destination": "stderr",
        "cluster_name": "lockage",
    }
    command = [str(binaries.postgres), "-D", str(data_dir)]
    for name, value in (ours | dict(settings)).items():
        command += ["-c", f"{name}={value}"]
    return command


def await_ready(
    data_dir: Path,
    *,
    pid: int,
    limit_s: float,
    exited: Callable[[], str],
    explain: Callable[[str], LockageError],
) -> None:
    """Returns when the server ``pid`` of ``data_dir`` takes connections; raises what ``explain`` gives when it will not.

    ``exited`` says why the server will never be ready, or nothing while it may.
    """
    limit = time.monotonic() + limit_s
    while True:
        gone = exited()
        seen = read_pid_file(data_dir)
        if seen is not None and seen.pid == pid and seen.ready:
            return
        if gone:
            if seen is not None and seen.pid != pid:
                raise in_use(data_dir, seen.pid)
            raise explain(gone)
        if time.monotonic() > limit:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
            while not exited() and time.monotonic() < limit + launch.STOP_LIMIT_S:
                time.sleep(_LOOK_S)
            raise explain(f"not ready within {limit_s:g} s")
        time.sleep(_LOOK_S)


def encode_order(account: Account | None, log_file: Path, command: list[str]) -> bytes:
    """Gives the bytes by which ``launch`` is told to start a server."""
    who = (str(account.uid), str(account.gid)) if account else ("-", "-")
    body = "\0".join([*who, str(log_file), *command]).encode()
    return b"%08d" % len(body) + body


def launch_command(*arguments: str) -> list[str]:
    """Gives the command line of ``launch``, which reads nothing but itself (10 ms)."""
    return [sys.executable, "-I", "-S", str(Path(launch.__file__)), *arguments]


def _launch_detached(
    command: list[str], *, account: Account | None, log_file: Path, explain: Callable[[str], LockageError]
) -> int:
    done = subprocess.run(
        launch_command("detach"),
        input=encode_order(account, log_file, command),
        stdout=subprocess.PIPE,
        env=english_environment(),
        check=True,
    )
    answers = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines())
    if "failed" in answers:
        raise explain(answers["failed"])
    return int(answers["started"])


def explainer(log_file: Path, *, mark: int, data_dir: Path, port: int) -> Callable[[str], LockageError]:
    def explain(what: str) -> LockageError:
        return explain_start(log_file, mark=mark, data_dir=data_dir, port=port, what=what)

    return explain


def _exit_watch(pid: int) -> Callable[[], str]:
    def exited() -> str:
        return "" if is_alive(pid) else "it exited"

    return exited


def _fits_a_socket(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.65535.lock")) <= SOCKET_PATH_LIMIT_BYTES
