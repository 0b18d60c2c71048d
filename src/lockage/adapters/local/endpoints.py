"""Which connections belong to which replica: the client ends of its processes' TCP connections.

Not for other people's processes. The surprising thing: a replica's processes are found by their session, which
the supervisor gave it, and not by walking from parent to child; a child that makes a session of its own is missed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

import psutil

from lockage.core.facts import Endpoint


def endpoints_by_session(
    leaders: Collection[int], *, server_port: int | None, own_ports: Collection[int] = ()
) -> dict[int, tuple[Endpoint, ...]]:
    """The client ends of the connections to ``server_port`` by session leader; None: of all but those to ``own_ports``."""
    found: dict[int, list[Endpoint]] = {leader: [] for leader in leaders}
    if not found:
        return {}
    for pid in psutil.pids():
        leader = _session_of(pid)
        if leader in found:
            found[leader] += _client_ends(pid, server_port=server_port, own_ports=own_ports)
    return {leader: tuple(ends) for leader, ends in found.items()}


def _session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def _client_ends(pid: int, *, server_port: int | None, own_ports: Collection[int]) -> list[Endpoint]:
    ends: list[Endpoint] = []
    with contextlib.suppress(psutil.Error):
        for connection in psutil.Process(pid).net_connections(kind="tcp"):
            if not connection.raddr or connection.laddr.port in own_ports:
                continue
            if server_port is None or connection.raddr.port == server_port:
                ends.append(Endpoint(address=connection.laddr.ip, port=connection.laddr.port))
    return ends
