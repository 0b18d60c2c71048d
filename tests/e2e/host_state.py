"""What a cluster might leave on the host, read before and after one: equal, or something stayed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from e2e.cluster.record import CHANGED_SETTINGS

_FOLDERS = ("/run", "/run/netns", "/var/lib", "/var/log", "/opt", "/etc/cni", "/usr/libexec")
"""Where container runtimes like to leave things. Their entries are compared, not what is in those."""

_COMMANDS = (
    ["ip", "-brief", "link"],
    ["ip", "route", "show", "table", "all"],
    ["iptables-save"],
    ["iptables-legacy-save"],
)


def host_state() -> dict[str, object]:
    """Mounts, interfaces, routes, packet filter, control groups, kernel settings, folders, and processes of a cluster."""
    seen: dict[str, object] = {"mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())}
    for command in _COMMANDS:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        seen[" ".join(command)] = [line for line in done.stdout.splitlines() if _lasting(line)]
    seen["control groups"] = sorted(str(folder) for folder in Path("/sys/fs/cgroup").glob("*/*") if folder.is_dir())
    seen["settings"] = {name: (Path("/proc/sys") / name).read_text() for name in CHANGED_SETTINGS}
    for folder in _FOLDERS:
        seen[folder] = sorted(os.listdir(folder)) if Path(folder).is_dir() else None  # noqa: PTH208 - names are meant
    seen["processes"] = sorted(_cluster_processes())
    return seen


def _lasting(line: str) -> bool:
    # Comments hold the time of day, chains of policy ACCEPT hold counters.
    return not line.startswith(("#", ":"))


def _cluster_processes() -> list[str]:
    known = ("etcd", "containerd", "kube-", "kubelet", "e2e.cluster.init", "containerd-shim")
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(command[0]).name.startswith(known) or "e2e.cluster.init" in command:
            found.append(" ".join(command)[:80])
    return found
