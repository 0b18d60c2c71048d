"""Ports for replicas and the front that nobody has, and that no outgoing connection can take before they are bound.

The surprising thing: binding port 0 is not safe enough here. It gives a port of the range that outgoing connections take theirs
from, and between our look and the replica's ``bind`` a busy machine may have given it away. So we choose below that range.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

FIRST, LAST = 20_000, 32_000
"""Below the range of outgoing connections on Linux (32768 to 60999) and macOS (49152 to 65535)."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_port(host: str, *, taken: Collection[int] = ()) -> int:
    """A free port that is not among ``taken``.

    Raises ``OSError`` when 1 000 tries found none.
    """
    for _ in range(1000):
        port = random.randint(FIRST, LAST)  # noqa: S311 - no secret
        if port not in taken and is_free(host, port):
            return port
    raise OSError(f"no free port between {FIRST} and {LAST} on {host}")
