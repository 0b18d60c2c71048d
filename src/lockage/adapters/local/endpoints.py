"""Which connections belong to which replica: the client ends of its processes' TCP connections.

Not for other people's processes. The surprising thing: a replica's processes are found by their session, which the supervisor
gave it, and not by walking from parent to child; a child that makes a session of its own is missed.

On Linux the kernel is asked once for all replicas (`kernel_sockets` says why); elsewhere psutil is, process by process.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass

import psutil

from lockage.adapters.local.kernel_sockets import connections
from lockage.core.facts import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which connections count."""

    server_port: int | None  # None: of any server
    own_ports: frozenset[int]  # where replicas listen: connections to these are not theirs

    def counts(self, *, local_port: int, remote_port: int) -> bool:
        """Whether a connection does."""
        if remote_port == 0 or local_port in self.own_ports:
            return False
        return self.server_port is None or remote_port == self.server_port


def endpoints_by_session(
    leaders: Collection[int], *, server_port: int | None, own_ports: Collection[int] = ()
) -> dict[int, tuple[Endpoint, ...]]:
    """The client ends of the connections to ``server_port`` by session leader; None: of all but those to ``own_ports``."""
    wanted = Wanted(server_port=server_port, own_ports=frozenset(own_ports))
    members: dict[int, list[int]] = {leader: [] for leader in leaders}
    for pid in psutil.pids() if members else ():
        leader = _session_of(pid)
        if leader in members:
            members[leader].append(pid)
    ends: dict[int, list[Endpoint]] | None = None
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox without netlink
            ends = _by_kernel_list(members, wanted)
    if ends is None:
        ends = by_psutil(members, wanted)
    return {leader: tuple(found) for leader, found in ends.items()}


def _session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def by_psutil(members: dict[int, list[int]], wanted: Wanted) -> dict[int, list[Endpoint]]:
    """The same wherever psutil runs: leaders and their processes in, client ends by leader out."""
    ends: dict[int, list[Endpoint]] = {leader: [] for leader in members}
    for leader, pids in members.items():
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                for connection in psutil.Process(pid).net_connections(kind="tcp"):
                    local, remote = connection.laddr, connection.raddr
                    if remote and wanted.counts(local_port=local.port, remote_port=remote.port):
                        ends[leader].append(Endpoint(address=_plain(local.ip), port=local.port))
    return ends


def _by_kernel_list(members: dict[int, list[int]], wanted: Wanted) -> dict[int, list[Endpoint]]:
    ends: dict[int, list[Endpoint]] = {leader: [] for leader in members}
    owners = {inode: leader for leader, pids in members.items() for pid in pids for inode in _sockets_of(pid)}
    for connection in connections(remote_port=wanted.server_port) if owners else ():
        leader = owners.get(connection.inode)
        if leader is not None and wanted.counts(local_port=connection.local_port, remote_port=connection.remote_port):
            ends[leader].append(Endpoint(address=_plain(connection.local_address), port=connection.local_port))
    return ends


def _sockets_of(pid: int) -> list[int]:
    """Inodes of a process's sockets."""
    found: list[int] = []
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(folder):  # noqa: PTH208 - names only; a Path for each costs more than the look
            with contextlib.suppress(OSError):
                target = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115 - the same
                if target.startswith("socket:["):
                    found.append(int(target[8:-1]))
    return found


def _plain(address: str) -> str:
    """An IPv4 address in an IPv6 one as the server sees it."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
