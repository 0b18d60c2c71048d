"""Client ends of connections by process, for a process that we know."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from lockage.adapters.local.endpoints import Wanted, by_psutil, endpoints_by_session
from lockage.core.facts import Endpoint

LEADER = os.getsid(0)


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def connected(request: pytest.FixtureRequest) -> Iterator[tuple[int, Endpoint]]:
    """A server's port, and the end of our connection to it as the server sees it."""
    ipv6 = request.param == "::1"
    with socket.create_server(
        ("::1" if ipv6 else "127.0.0.1", 0), family=socket.AF_INET6 if ipv6 else socket.AF_INET
    ) as server:
        port = server.getsockname()[1]
        with socket.socket(socket.AF_INET6 if ":" in request.param else socket.AF_INET) as client:
            client.connect((request.param, port))
            taken, seen = server.accept()
            with taken:
                yield port, Endpoint(address=seen[0], port=seen[1])


def test_an_end_is_what_the_server_sees(connected: tuple[int, Endpoint]) -> None:
    port, end = connected
    assert endpoints_by_session([LEADER], server_port=port) == {LEADER: (end,)}


def test_psutil_says_the_same(connected: tuple[int, Endpoint]) -> None:
    port, end = connected
    wanted = Wanted(server_port=port, own_ports=frozenset())
    assert by_psutil({LEADER: [os.getpid()]}, wanted) == {LEADER: [end]}


def test_without_a_server_port_every_outgoing_connection_counts_but_none_that_came_in(
    connected: tuple[int, Endpoint],
) -> None:
    port, end = connected
    found = endpoints_by_session([LEADER], server_port=None, own_ports={port})[LEADER]
    assert end in found
    assert port not in {other.port for other in found}


def test_nobody_has_no_ends() -> None:
    assert endpoints_by_session([], server_port=5432) == {}
