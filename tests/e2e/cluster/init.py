"""The first process of the cluster's own namespaces: mounts, network, then every part, started again when it ends.

Run by ``start`` only. The surprising thing: nothing here cleans up. When this process is killed the kernel ends every process
in its namespace, and with the last of them go the mounts, the interfaces and the packet filter's rules.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from e2e.cluster.layout import HIDDEN, UPLINK, Network, State
from e2e.cluster.parts import Part, parts

RESTART_S = 1.0
LOOK_S = 0.1


def main() -> None:
    """Tells its pid on the host, waits for the word that its interface is there, and runs the parts until it is killed."""
    folder, whole = sys.argv[1:]
    state, network = State(folder=Path(folder)), Network(whole=whole)
    # The host's /proc is still mounted here: only it knows us by the host's number.
    sys.stdout.write(f"{Path('/proc/self').readlink()}\n")
    sys.stdout.flush()
    if sys.stdin.readline() != "go\n":
        sys.exit("whoever started this is gone")
    _mount()
    _connect(network)
    _run(state, parts(state, network))


def _mount() -> None:
    _command("mount", "-t", "proc", "proc", "/proc")
    for folder in HIDDEN:
        _command("mount", "-t", "tmpfs", "-o", "mode=755", "lockage-e2e", str(folder))


def _connect(network: Network) -> None:
    _command("ip", "link", "set", "lo", "up")
    _command("ip", "address", "add", f"{network.node}/20", "dev", UPLINK)
    _command("ip", "link", "set", UPLINK, "up")
    # No default route: what is not in the cluster or on the host is unreachable, and says so at once.
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        setting = Path("/proc/sys") / name
        if setting.exists():
            setting.write_text("1")


def _run(state: State, wanted: tuple[Part, ...]) -> None:
    running: dict[int, Part] = {}
    not_before = dict.fromkeys((part.name for part in wanted), 0.0)
    while True:
        up = {part.name for part in running.values()}
        for part in wanted:
            if part.name not in up and time.monotonic() >= not_before[part.name] and _may_start(part):
                running[_start(part, state)] = part
        time.sleep(LOOK_S)
        for pid in _reaped():
            ended = running.pop(pid, None)  # None: one of the many whose parent ended before it
            if ended is not None:
                not_before[ended.name] = time.monotonic() + RESTART_S


def _reaped() -> list[int]:
    pids: list[int] = []
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return pids
        if pid == 0:
            return pids
        pids.append(pid)


def _may_start(part: Part) -> bool:
    match part.after:
        case None:
            return True
        case Path():
            family, address = socket.AF_UNIX, str(part.after)
        case _:
            family, address = socket.AF_INET, part.after
    with socket.socket(family) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0


def _start(part: Part, state: State) -> int:
    kept = {name: value for name, value in os.environ.items() if name in {"LANG", "TZ", "HOME"}}
    with (state.logs / f"{part.name}.log").open("ab") as log:
        process = subprocess.Popen(
            part.command,
            executable=_program(part.command[0], state),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**kept, "PATH": f"{state.programs}:/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    process.returncode = 0  # reaped by us, not by subprocess
    return process.pid


def _program(name: str, state: State) -> str:
    own = state.programs / name
    return str(own) if own.exists() else name


def _command(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
