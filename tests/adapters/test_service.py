"""One request gives one answer, whatever is at the other end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lockage.adapters.service import BODY_LIMIT_BYTES, HttpService


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes one connection and talks on it; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


def response(status: str, body: bytes, *, headers: str = "") -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return talk


def get(url: str, *, timeout_s: float = 5.0):
    return HttpService().get(url, headers={"X-Token": "t"}, timeout_s=timeout_s)


def test_an_answer_has_status_and_text() -> None:
    with answering(response("200 OK", '{"version": "v1 ü"}'.encode(), headers="Content-Type: application/json\r\n")) as url:
        answer = get(url + "/api/v2/buildinfo")
    assert (answer.status, answer.body, answer.problem) == (200, '{"version": "v1 ü"}', None)


def test_headers_are_sent() -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with answering(talk) as url:
        assert get(url + "/a?b=c").status == 204
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"x-token: t\r\n" in asked[0].lower()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with answering(response("302 Found", b"", headers="Location: /login\r\n")) as url:
        assert get(url).status == 302


def test_nobody_there_is_status_0_with_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    answer = get(url)
    assert answer.status == 0
    assert answer.problem is not None
    assert "refused" in answer.problem


@pytest.mark.parametrize("url", ["no url", "http://", "ftp://127.0.0.1/x", "http://[::1"])
def test_what_is_no_url_is_status_0_with_a_problem(url: str) -> None:
    answer = get(url)
    assert answer.status == 0
    assert answer.problem


def test_a_deaf_server_is_given_up_after_the_limit() -> None:
    heard = threading.Event()
    with answering(lambda _: heard.wait(10) and None) as url:
        begun = time.monotonic()
        answer = get(url, timeout_s=0.2)
        waited = time.monotonic() - begun
        heard.set()
    assert (answer.status, answer.problem) == (0, f"no answer from {url} within 0.2 s")
    assert waited < 2


def test_a_body_that_drips_is_given_up_after_the_limit() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                connection.sendall(b"x")
                time.sleep(0.05)

    with answering(talk) as url:
        begun = time.monotonic()
        assert get(url, timeout_s=0.3).status == 0
        assert time.monotonic() - begun < 2


def test_a_connection_that_breaks_off_is_status_0() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with answering(talk) as url:
        assert get(url).status == 0


def test_an_answer_without_end_is_cut() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            pass

    with answering(talk) as url:
        answer = get(url)
    assert answer.status == 200
    assert len(answer.body) == BODY_LIMIT_BYTES


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(response("200 OK", b"direct")) as url:
        assert get(url).body == "direct"
