"""What is noted of a running cluster, so that another process finds it and can end it.

The surprising thing: a pid alone says nothing, since numbers come again; only with the time of its start is it that process.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.cluster.layout import Network, State, cache_folder

CHANGED_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What the kubelet sets for the whole machine. Source: pkg/kubelet/cm/container_manager_linux.go, 1.33."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One running cluster."""

    pid: int
    """On the host, of the first process of its namespaces."""
    started_ticks: int
    network: str


def write_record(state: State, *, pid: int, network: Network) -> None:
    """Notes who the cluster is."""
    record = Record(pid=pid, started_ticks=_started_ticks(pid), network=network.whole)
    state.record.write_text(json.dumps(asdict(record), indent=2))


def read_record(state: State) -> Record | None:
    """Gives what was noted; None where nothing, or nothing readable, is there."""
    try:
        return Record(**json.loads(state.record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def note_settings() -> None:
    """Notes how the machine is set before a cluster, unless what was noted before an earlier one has not been put back yet."""
    if _settings_file().exists():
        return
    found = {name: _setting(name).read_text().strip() for name in CHANGED_SETTINGS if _setting(name).exists()}
    fresh = _settings_file().with_suffix(".new")
    fresh.write_text(json.dumps(found, indent=2))
    fresh.rename(_settings_file())


def put_settings_back() -> None:
    """Sets the machine as it was noted, if it was."""
    if not _settings_file().exists():
        return
    for name, value in json.loads(_settings_file().read_text()).items():
        if _setting(name).read_text().strip() != value:
            _setting(name).write_text(value)
    _settings_file().unlink()


def _settings_file() -> Path:
    # Beside the cluster's folder and not in it, so that it is still there when someone has removed that.
    return cache_folder() / "kernel-settings.json"


def _setting(name: str) -> Path:
    return Path("/proc/sys") / name


def is_alive(record: Record) -> bool:
    """Says whether the process that was noted, and no later one of its number, lives."""
    return _started_ticks(record.pid) == record.started_ticks


def part_pid(record: Record, name: str) -> int | None:
    """Gives the pid on the host of a part (``kubelet``, ``kube-apiserver``, …) that runs; for tests that stop or kill it."""
    for child in Path(f"/proc/{record.pid}/task/{record.pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it ended between the two readings
            if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].decode() == name:
                return int(child)
    return None


def _started_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[19])
