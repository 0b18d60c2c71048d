"""Ends the test cluster, also one whose start was interrupted or whose record is lost; nothing of it stays.

The surprising thing: one SIGKILL ends everything, since every process lives in the namespace of the one that gets it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from e2e.cluster.layout import CGROUP, LINK, CannotError, State
from e2e.cluster.record import is_alive, put_settings_back, read_record

LIMIT_S = 30.0
_LOOK_S = 0.05

CGROUP_ROOT = Path("/sys/fs/cgroup")


def stop(state: State) -> bool:
    """Ends the cluster of ``state`` and waits until nothing is left of it; says whether there was anything."""
    there = state.folder.exists()
    record = read_record(state)
    pids = set(_strays(state))
    if record is not None and is_alive(record):
        pids.add(record.pid)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _await(lambda: not any(_lives(pid) for pid in pids), "its processes do not end")
    _await(_remove_cgroups, f"its control groups ({CGROUP}) stay in use")
    if (Path("/sys/class/net") / LINK).exists():
        subprocess.run(["ip", "link", "delete", LINK], stderr=subprocess.DEVNULL, check=False)
    _await(lambda: not (Path("/sys/class/net") / LINK).exists(), f"its interface {LINK} does not go")
    put_settings_back()
    shutil.rmtree(state.folder, ignore_errors=True)
    _await(lambda: _removed(state.folder), f"{state.folder} cannot be removed")
    return there or bool(pids)


def cgroup_folders() -> Iterator[Path]:
    """Gives the cluster's control group in each hierarchy of this machine, existing or not."""
    if (CGROUP_ROOT / "cgroup.controllers").exists():
        yield CGROUP_ROOT / CGROUP
        return
    for hierarchy in sorted(CGROUP_ROOT.iterdir()):
        if hierarchy.is_dir() and not hierarchy.is_symlink():
            yield hierarchy / CGROUP


def _remove_cgroups() -> bool:
    for top in cgroup_folders():
        for folder, _below, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    return not any(top.exists() for top in cgroup_folders())


def _strays(state: State) -> Iterator[int]:
    # A start that was killed in the middle, or a record that someone removed.
    wanted = os.fsencode(state.folder)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if b"e2e.cluster.init" in command and wanted in command:
                yield int(folder.name)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _await(condition: Callable[[], bool], otherwise: str) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > limit:
            raise CannotError(f"the cluster is not gone after {LIMIT_S:g} s: {otherwise}")
        time.sleep(_LOOK_S)
