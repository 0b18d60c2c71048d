"""Which connections belong to which replica: the client ends of its processes' TCP connections.

Not for other people's processes. The surprising thing: a replica's processes are found by their session, which the supervisor
gave it, and not by walking from parent to child; a child that makes a session of its own is missed.

On Linux the kernel's table is read once for all replicas. To print it costs the kernel some 5 ms, however few connections there
are, and psutil has it printed twice for every process; elsewhere psutil is asked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import struct
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

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
    ends = _by_kernel_table(members, wanted) if sys.platform == "linux" else _by_psutil(members, wanted)
    return {leader: tuple(found) for leader, found in ends.items()}


def _session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def _by_psutil(members: dict[int, list[int]], wanted: Wanted) -> dict[int, list[Endpoint]]:
    ends: dict[int, list[Endpoint]] = {leader: [] for leader in members}
    for leader, pids in members.items():
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                for connection in psutil.Process(pid).net_connections(kind="tcp"):
                    local, remote = connection.laddr, connection.raddr
                    if remote and wanted.counts(local_port=local.port, remote_port=remote.port):
                        ends[leader].append(Endpoint(address=_plain(local.ip), port=local.port))
    return ends


def _by_kernel_table(members: dict[int, list[int]], wanted: Wanted) -> dict[int, list[Endpoint]]:
    ends: dict[int, list[Endpoint]] = {leader: [] for leader in members}
    owners = {socket: leader for leader, pids in members.items() for pid in pids for socket in _sockets_of(pid)}
    if owners:
        _read_table(Path("/proc/net/tcp"), owners, wanted, ends)
    # A replica talks to its database over one kind of address: the second table is for those without a find.
    if not all(ends[leader] for leader in set(owners.values())) and _has_ipv6():
        _read_table(Path("/proc/net/tcp6"), owners, wanted, ends)
    return ends


def _has_ipv6() -> bool:
    """Whether the machine has any TCP socket of IPv6; costs a hundredth of what reading their table costs."""
    with contextlib.suppress(FileNotFoundError):
        return not Path("/proc/net/sockstat6").read_bytes().startswith(b"TCP6: inuse 0\n")
    return False


def _sockets_of(pid: int) -> list[bytes]:
    """Inodes of a process's sockets."""
    found: list[bytes] = []
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(folder):  # noqa: PTH208 - names only; a Path for each costs more than the look
            with contextlib.suppress(OSError):
                target = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115 - the same
                if target.startswith("socket:["):
                    found.append(target[8:-1].encode())
    return found


def _read_table(table: Path, owners: dict[bytes, int], wanted: Wanted, ends: dict[int, list[Endpoint]]) -> None:
    """Source of the columns: Linux, ``Documentation/networking/proc_net_tcp.rst``."""
    for line in table.read_bytes().splitlines()[1:]:
        columns = line.split(None, 10)
        leader = owners.get(columns[9])
        if leader is None:
            continue
        local_address, _, local_port = columns[1].partition(b":")
        remote_port = int(columns[2].rpartition(b":")[2], 16)
        port = int(local_port, 16)
        if wanted.counts(local_port=port, remote_port=remote_port):
            ends[leader].append(Endpoint(address=_decoded(local_address), port=port))


def _decoded(address: bytes) -> str:
    """An address from words in the machine's byte order, in hexadecimal."""
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return _plain(str(ipaddress.ip_address(packed)))


def _plain(address: str) -> str:
    """An IPv4 address in an IPv6 one as the server sees it."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
