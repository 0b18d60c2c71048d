"""The beginning and the end of a local deployment.

Not for changing one. The surprising thing: the end does not need the supervisor. It stops it first and does the rest itself, so
that a deployment can be ended whose supervisor is broken.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from lockage.adapters.local.client import ensure_supervisor
from lockage.adapters.local.free_ports import choose_port, is_free
from lockage.adapters.local.layout import HOST, MARKER, Layout
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.processes import leads_session, marked_processes, send
from lockage.adapters.local.records import DeploymentSpec, FrontState, new_state
from lockage.adapters.local.rolling import bounds
from lockage.adapters.local.store import load_state, read_holder, save_state, try_lock
from lockage.errors import RefusedError, UsageError

POLL_S = 0.02
"""Between two looks whether processes have gone."""

KILLED_LIMIT_S = 10.0
"""For a process to be gone after SIGKILL, and for the supervisor after SIGTERM; both take milliseconds."""


def create(state_dir: Path, spec: DeploymentSpec) -> LocalPlatform:
    """Create a deployment in a folder and start its supervisor; replicas come up after the return.

    Raises ``RefusedError`` (LK304) when there is one already, (LK306) when the port in front is taken; ``UsageError``
    (LK303, LK307) when the spec is wrong; ``UnreachableError`` (LK302) when the supervisor does not start.
    """
    layout = Layout.of(state_dir)
    _check(spec)
    layout.state_dir.mkdir(parents=True, exist_ok=True)
    if layout.state_file.exists():
        raise RefusedError(f"there is a deployment in {layout.state_dir}", code="LK304", hint="lockage demo down")
    port = spec.front_port or choose_port(HOST)
    if not is_free(HOST, port):
        raise RefusedError(f"port {port} on {HOST} is taken", code="LK306", hint="choose another port, or 0")
    save_state(layout, new_state(spec, front=FrontState(host=HOST, port=port)))
    ensure_supervisor(layout.state_dir)
    return LocalPlatform(layout.state_dir)


def _check(spec: DeploymentSpec) -> None:
    if spec.releases and spec.release not in spec.releases:
        known = ", ".join(spec.releases)
        raise UsageError(f"there is no release {spec.release} of {spec.image}", code="LK303", hint=f"one of {known}")
    if spec.replicas < 0 or not spec.command:
        raise UsageError(f"{spec.replicas} replicas of command {list(spec.command)} cannot be", code="LK307")
    try:
        bounds(wanted=spec.replicas, max_surge=spec.update.max_surge, max_unavailable=spec.update.max_unavailable)
    except ValueError as error:
        raise UsageError(f"the update strategy is wrong: {error}", code="LK307", hint='such as 1 or "25%"') from error


def destroy(state_dir: Path, *, grace_s: float | None = None, remove_logs: bool = False) -> None:
    """End a deployment: supervisor, front and replicas are gone when this returns, and so are sockets and document.

    Replicas get SIGTERM and their grace (``grace_s``: another one). Logs stay unless ``remove_logs``. Nothing happens when
    there is no deployment, so a broken-off end can be repeated. Raises ``RefusedError`` (LK309) when a process will not go.
    """
    layout = Layout.of(state_dir)
    if not layout.state_dir.is_dir():
        return
    lock = _take_over(layout)
    try:
        if grace_s is None:
            with contextlib.suppress(UsageError):
                grace_s = load_state(layout).spec.grace_s
        _end_processes(layout, grace_s=grace_s or 0.0)
        layout.remove_sockets()
        layout.state_file.unlink(missing_ok=True)
        layout.state_file.with_suffix(".new").unlink(missing_ok=True)
        layout.lock_file.unlink(missing_ok=True)
    finally:
        os.close(lock)
    if remove_logs:
        shutil.rmtree(layout.log_dir, ignore_errors=True)
        layout.supervisor_log.unlink(missing_ok=True)


def _take_over(layout: Layout) -> int:
    """Stop the supervisor and hold its lock ourselves, so that no new one can begin."""
    until = time.monotonic() + KILLED_LIMIT_S
    while (lock := try_lock(layout.lock_file)) is None:
        holder = read_holder(layout.lock_file)
        late = time.monotonic() > until - KILLED_LIMIT_S / 2
        if holder is not None and _is_ours(holder, layout):
            send(holder, signal.SIGKILL if late else signal.SIGTERM)
        if time.monotonic() > until:
            raise RefusedError(
                f"the supervisor of {layout.state_dir} (process {holder}) does not end", code="LK309", hint=f"kill -9 {holder}"
            )
        time.sleep(POLL_S)
    return lock


def _is_ours(pid: int, layout: Layout) -> bool:
    with contextlib.suppress(psutil.Error):
        return str(layout.state_dir) in psutil.Process(pid).cmdline()
    return False


def _end_processes(layout: Layout, *, grace_s: float) -> None:
    """SIGTERM to replicas and front, SIGKILL to what is there after the grace."""
    for process in _marked(layout):
        if leads_session(process.pid):
            send(process.pid, signal.SIGTERM)
    _wait_until(lambda: not any(leads_session(process.pid) for process in _marked(layout)), limit_s=grace_s)
    for process in _marked(layout):
        send(process.pid, signal.SIGKILL)
    if not _wait_until(lambda: not _marked(layout), limit_s=KILLED_LIMIT_S):
        pids = ", ".join(str(process.pid) for process in _marked(layout))
        raise RefusedError(f"processes {pids} of {layout.state_dir} do not end", code="LK309", hint=f"kill -9 {pids}")


def _marked(layout: Layout) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in marked_processes(MARKER, layout.digest):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def _wait_until(condition: Callable[[], bool], *, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True
