"""Starts the test cluster, or finds it running: namespaces, parts, images, and the wait until a pod could be scheduled.

Needs what ``programs`` builds and ``rootfs`` packs. The surprising thing: the start is held between two steps. The first
process waits in its namespaces for a word, because only the host can give it its network interface.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from e2e.cluster.api import look
from e2e.cluster.certificates import write_certificates
from e2e.cluster.images import import_images
from e2e.cluster.layout import LINK, NODE, TESTS, UPLINK, CannotError, Network, State, cache_folder, free_network
from e2e.cluster.parts import write_configuration
from e2e.cluster.programs import Programs
from e2e.cluster.record import Record, is_alive, note_settings, read_record, write_record
from e2e.cluster.stop import cgroup_folders, stop

READY_LIMIT_S = 120.0
"""Seen: 10 s on 2 cores; builds of other people on the same cores make it several times as long."""

_LOOK_S = 0.2

FAILED = "failed-start"

MODULES = ("overlay", "veth", "bridge", "br_netfilter", "nf_nat", "xt_conntrack", "xt_comment", "xt_statistic")
"""What kernels built of modules may not have loaded yet; where they are built in, nothing needs be done."""

PROXY_HEALTH_PORT = 10256
"""Source: --healthz-bind-address of kube-proxy."""


def running(state: State) -> Record | None:
    """Gives the cluster of ``state`` if it runs."""
    record = read_record(state)
    return record if record is not None and is_alive(record) else None


def start(state: State, programs: Programs, archives: list[Path], *, say: Callable[[str], None]) -> Record:
    """Starts the cluster and waits until it is usable; one that runs is left as it is. Undone by `stop.stop`.

    Raises CannotError, with the end of the log of what failed; then nothing is left but the logs, in `FAILED` of the cache.
    """
    if found := running(state):
        return found
    stop(state)
    try:
        return _start(state, programs, archives, say)
    except BaseException:
        kept = cache_folder() / FAILED
        shutil.rmtree(kept, ignore_errors=True)
        with contextlib.suppress(OSError):
            shutil.copytree(state.logs, kept)
        stop(state)
        raise


def _start(state: State, programs: Programs, archives: list[Path], say: Callable[[str], None]) -> Record:
    network = free_network()
    note_settings()
    state.folder.mkdir(parents=True, mode=0o755)
    state.logs.mkdir()
    state.programs.mkdir()
    for name, program in programs.by_name.items():
        (state.programs / name).symlink_to(program)
    write_certificates(state, network)
    write_configuration(state, network)
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--all", "--quiet", *MODULES], stderr=subprocess.DEVNULL, check=False)
    for folder in cgroup_folders():
        folder.mkdir(exist_ok=True)
    record = _start_namespaces(state, network)
    say(f"started as process {record.pid}, on {network.whole}; logs in {state.logs}")
    _await(state, record, "containerd", state.containerd_socket.exists)
    import_images(record.pid, state, archives)
    say("images imported")
    _await_usable(state, record, network)
    return record


def _start_namespaces(state: State, network: Network) -> Record:
    command = ["setsid", "--fork", "unshare", "--pid", "--fork", "--mount", "--net", "--ipc", "--"]
    command += [sys.executable, "-m", "e2e.cluster.init", str(state.folder), network.whole]
    with (state.logs / "init.log").open("ab") as log:
        outer = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    assert outer.stdin is not None
    assert outer.stdout is not None
    with outer.stdin as orders, outer.stdout as answers:
        answer = answers.readline().decode().strip()
        outer.wait()  # setsid has forked, and is done
        if not answer.isdigit():
            raise _failed(state, "init", "the namespaces could not be made")
        pid = int(answer)
        write_record(state, pid=pid, network=network)
        for link in (
            ["link", "add", LINK, "type", "veth", "peer", "name", UPLINK, "netns", str(pid)],
            ["address", "add", f"{network.host}/20", "dev", LINK],
            ["link", "set", LINK, "up"],
            ["route", "add", network.whole, "via", network.node],
        ):
            subprocess.run(["ip", *link], check=True)
        orders.write(b"go\n")
    record = read_record(state)
    assert record is not None
    return record


def _await_usable(state: State, record: Record, network: Network) -> None:
    def node_is_ready() -> bool:
        node = look(state, network, f"/api/v1/nodes/{NODE}")
        conditions = node["status"].get("conditions", ()) if node else ()
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    _await(state, record, "kube-apiserver", lambda: look(state, network, "/readyz") is not None)
    _await(state, record, "kubelet", node_is_ready)
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    _await(state, record, "kube-controller-manager", lambda: look(state, network, account) is not None)
    _await(state, record, "kube-proxy", lambda: _is_healthy(network.node, PROXY_HEALTH_PORT))


def _is_healthy(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=1.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _await(state: State, record: Record, part: str, condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + READY_LIMIT_S
    while not condition():
        if not is_alive(record):
            raise _failed(state, "init", "the first process of the cluster ended")
        if time.monotonic() > limit:
            raise _failed(state, part, f"{part} is not ready after {READY_LIMIT_S:g} s")
        time.sleep(_LOOK_S)


def _failed(state: State, part: str, what: str) -> CannotError:
    log = state.logs / f"{part}.log"
    lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    return CannotError("\n".join([f"{what}; the end of {cache_folder() / FAILED / log.name}:", *lines]))
