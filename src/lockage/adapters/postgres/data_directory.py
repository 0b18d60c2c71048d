"""Makes data directories: with initdb, or as a copy of one that initdb made before.

Not for starting servers. The surprising thing: copying a template takes a tenth of initdb's time, so throw-away servers are
copies; a data directory that lives on is always initdb's own, because copies share a system identifier.

Codes: LK105 disk full · LK107 in use · LK109 it cannot be made (``failure`` has the sentences).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockage.adapters.postgres.account import (
    Account,
    cache_root,
    give,
    reachable_binaries,
    require_reach,
    run_as,
    server_account,
    short_folder,
)
from lockage.adapters.postgres.binaries import Binaries
from lockage.adapters.postgres.failure import disk_full, explain_initdb, is_disk_full
from lockage.errors import LockageError, RefusedError

_TEMPLATE_FORM = 1
"""Raise when what a template holds changes, so that old ones are not used."""

UNUSED_LIMIT_S = 30 * 86400.0
"""A template that nobody used for so long is removed when the next one is made; minor releases lie 90 days apart."""

_HBA_TRUST_SOCKET = """\
# The socket's folder is the server account's alone: who reaches it may come in. TCP needs the password.
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""


def initialise(
    data_dir: Path,
    *,
    binaries: Binaries,
    superuser: str = "postgres",
    password: str | None = None,
    settings: Mapping[str, str] | None = None,
    account: Account | None = None,
    cache_dir: Path | None = None,
) -> None:
    """Makes a data directory that lives on: UTF-8, collation C, ``settings`` in its ``postgresql.conf``.

    ``superuser`` comes in over TCP with ``password`` (not at all without one), and over the Unix socket without: its folder
    is the account's alone.
    ``account`` is found where we are root. Raises RefusedError: LK103, LK105, LK109.
    """
    account = account or server_account()
    binaries = reachable_binaries(binaries, account, cache_dir or cache_root())
    try:
        occupied = data_dir.exists() and any(data_dir.iterdir())
    except OSError as error:
        raise _untangled(error, data_dir) from error
    if occupied:
        raise RefusedError(
            f"{data_dir} is not empty, and a data directory cannot be made in it",
            code="LK109",
            hint="choose another folder, or remove what is in it",
        )
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(data_dir, account)
        require_reach(data_dir, account)
        _initdb(data_dir, binaries=binaries, superuser=superuser, password=password, account=account)
        with (data_dir / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = {_conf_literal(value)}\n" for name, value in (settings or {}).items())
    except OSError as error:
        raise _untangled(error, data_dir) from error


def clone_template(data_dir: Path, *, binaries: Binaries, account: Account | None, cache_dir: Path) -> None:
    """Makes a data directory for a throw-away server, with the superuser ``postgres``: a copy of the cached template.

    Where the cache cannot be written, initdb makes it. Raises RefusedError: LK105, LK109.
    """
    options = ["--no-sync", "--wal-segsize=1"]
    if binaries.major >= 18:
        options.append("--no-data-checksums")  # the default before 18
    try:
        template = _template(binaries, account=account, cache_dir=cache_dir, options=options)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(cache_dir) from error
        template = None
    if template is None:
        data_dir.mkdir(mode=0o700)
        give(data_dir, account)
        _initdb(data_dir, binaries=binaries, superuser="postgres", password=None, account=account, options=options)
        return
    # Copied by the account itself, so that every file is its own; on APFS and where coreutils can, as a reflink.
    command = ["cp", "-c", "-R", "-p"] if sys.platform == "darwin" else ["cp", "-R", "-p"]
    done = run_as(account, [*command, template, data_dir])
    if done.returncode != 0:
        raise explain_initdb(done.stderr, data_dir=data_dir, exit_code=done.returncode)


def _template(binaries: Binaries, *, account: Account | None, cache_dir: Path, options: Sequence[str]) -> Path | None:
    state = binaries.postgres.stat()
    uid = account.uid if account else os.geteuid()
    parts = (_TEMPLATE_FORM, binaries.postgres, state.st_size, state.st_mtime_ns, uid, *options)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
    folder = cache_dir / "templates"
    template = folder / f"{binaries.major}-{key}"
    if template.is_dir():
        os.utime(template)  # used today
        return template
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if account is not None:
            for public in (cache_dir, folder):
                public.chmod(0o755)
        require_reach(folder, account)
        lock = (folder / f"{template.name}.lock").open("w")
    except (PermissionError, RefusedError):
        return None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several first starts at once make one template
        if not template.is_dir():
            fresh = folder / f"{template.name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            give(fresh, account)
            _initdb(fresh, binaries=binaries, superuser="postgres", password=None, account=account, options=options)
            fresh.rename(template)
            _remove_unused(folder)
    return template


def _remove_unused(folder: Path) -> None:
    # Each update of the wheel leaves a template of 30 MB behind.
    for old in folder.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > UNUSED_LIMIT_S:
            shutil.rmtree(old, ignore_errors=True)


def _initdb(
    data_dir: Path,
    *,
    binaries: Binaries,
    superuser: str,
    password: str | None,
    account: Account | None,
    options: Sequence[str] = (),
) -> None:
    command: list[str | Path] = [binaries.initdb, "--pgdata", data_dir, "--username", superuser, "--encoding", "UTF8"]
    command += ["--locale", "C", "--auth-local", "trust", "--auth-host", "scram-sha-256", *options]
    if binaries.major >= 17:
        # Sorts as C does, and knows letters beyond ASCII; the same on every system.
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if password is None:
        done = run_as(account, command)
    else:
        folder = short_folder("lk-", None, account)
        try:
            secret = folder / "password"
            secret.touch(mode=0o600)
            secret.write_text(password)
            give(secret, account)
            done = run_as(account, [*command, "--pwfile", secret])
        finally:
            shutil.rmtree(folder)
    if done.returncode != 0:
        raise explain_initdb(done.stderr, data_dir=data_dir, exit_code=done.returncode)
    (data_dir / "pg_hba.conf").write_text(_HBA_TRUST_SOCKET)


def _conf_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _untangled(error: OSError, data_dir: Path) -> LockageError:
    if is_disk_full(error):
        return disk_full(data_dir)
    return RefusedError(
        f"no data directory could be made in {data_dir}: {error.strerror}",
        code="LK109",
        hint="choose a folder that you can write to",
    )
