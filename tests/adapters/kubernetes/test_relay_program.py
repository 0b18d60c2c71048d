"""What runs in the relay's pod: bytes both ways, and an end of its own when nobody gives a sign of life."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lockage.adapters.kubernetes import relay_program
from lockage.adapters.postgres.embedded import free_port

pytestmark = pytest.mark.real

SILENCE_S = 1.0
LIMIT_S = 15.0


@contextmanager
def relaying(target: int) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The program with a silence of a second; its control port and its port for the target."""
    text = Path(relay_program.__file__).read_text().replace("SILENCE_S = 60.0", f"SILENCE_S = {SILENCE_S}")
    control, port = free_port(), free_port()
    command = [sys.executable, "-I", "-c", text, str(control), f"{port}=127.0.0.1:{target}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as program:
        try:
            eventually(lambda: answers(control))
            yield program, control, port
        finally:
            program.kill()


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def echo() -> Iterator[int]:
    """A port that answers with what it gets, in capitals, and closes after it was told to end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    while data := client.recv(65536):
                        client.sendall(data.upper())
                        if data.endswith(b"end"):
                            break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(LIMIT_S)


def test_bytes_go_both_ways_and_either_end_closes_both(echo: int) -> None:
    with relaying(echo) as (_, control, port), closing(socket.create_connection(("127.0.0.1", control))) as sign:
        sign.sendall(b".")
        big = b"x" * 1_000_000 + b"end"
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            threading.Thread(target=client.sendall, args=(big,), daemon=True).start()
            got = bytearray()
            while len(got) < len(big):
                sign.sendall(b".")
                got += client.recv(65536)
            assert bytes(got) == big.upper()
            assert client.recv(1) == b""  # the other end closed
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            client.sendall(b"again")
            assert client.recv(5) == b"AGAIN"


def test_it_ends_by_itself_when_no_sign_comes_though_someone_knocks(echo: int) -> None:
    with relaying(echo) as (program, control, _):
        begun = time.monotonic()
        while program.poll() is None:
            answers(control)  # as the kubelet's probes do
            assert time.monotonic() - begun < LIMIT_S
            time.sleep(0.05)
        assert program.returncode == 0


def test_it_lives_as_long_as_signs_come(echo: int) -> None:
    with relaying(echo) as (program, control, _), closing(socket.create_connection(("127.0.0.1", control))) as sign:
        until = time.monotonic() + 3 * SILENCE_S
        while time.monotonic() < until:
            sign.sendall(b".")
            assert program.poll() is None
            time.sleep(0.1)


def test_a_database_that_does_not_answer_is_told_as_a_closed_connection() -> None:
    with relaying(free_port()) as (_, _, port), closing(socket.create_connection(("127.0.0.1", port))) as client:
        assert client.recv(1) == b""
