"""The traffic generator against servers that answer, fail, hang or are not there."""

from __future__ import annotations

import json
import re
import socketserver
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from lockage.demo.answers import Answer, measure, read_answers
from lockage.demo.towpath.identities import token
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.demo.traffic import Plan, command_line, main, request_number
from support.towpath_process import Start, eventually

Behaviour = Callable[[str, str], bytes | None]
"""Takes method and path; gives the whole answer, or None to hang."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """A server on a free port that behaves so; gives its URL."""
    ending = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, path, _ = self.rfile.readline().decode().split(" ", 2)
            reply = behaviour(method, path)
            if reply is None:
                ending.wait(30)
            else:
                # The rest of the request is read first, or closing would reset the connection.
                self.connection.settimeout(5)
                self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(reply)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ending.set()
            server.shutdown()
            thread.join()


def reply(status: int, body: bytes, *, length: int | None = None) -> bytes:
    promised = len(body) if length is None else length
    return f"HTTP/1.1 {status} X\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n".encode() + body


def well(method: str, path: str) -> bytes:
    if path == "/":
        return reply(200, b"<html></html>\n")
    status = {"POST": 202 if path.endswith("/usage") else 201, "GET": 200}[method]
    return reply(status, b"{}")


def run(url: str, tmp_path: Path, *options: str) -> tuple[Answer, ...]:
    out = tmp_path / "answers.csv"
    assert main(["--url", url, "--out", str(out), "--rate", "40", "--duration", "1", *options]) == 0
    return read_answers(out)


def test_the_sequence_of_requests_is_the_same_in_every_run_and_most_of_them_sign_in() -> None:
    plan = Plan(url="http://towpath", out=Path("unused"), live_keys=3)
    requests = [request_number(number, plan, host="towpath") for number in range(400)]
    assert requests == [request_number(number, plan, host="towpath") for number in range(400)]
    signed_in = [request for request in requests if b"Towpath-Session-Token" in request.text]
    assert len(signed_in) == 320
    tokens = {match[1] for request in signed_in if (match := re.search(rb"Token: (\S+)", request.text))}
    assert tokens == {token(number).encode() for number in range(3)}
    builds = [request.text for request in requests if request.kind == "build"]
    assert len(set(builds)) == len(builds) == 20


def test_every_request_that_is_due_is_sent_and_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(well) as url:
        answers = run(url, tmp_path)
    assert Counter(answer.error for answer in answers) == {"": 40}
    summary = json.loads((tmp_path / "answers.summary.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == summary
    measured = measure(answers, summary["start_s"], summary["end_s"])
    assert (summary["requests"], summary["failed_requests"]) == (40, 0)
    assert summary["unavailable_s"] == measured.unavailable_s


@pytest.mark.parametrize(
    ("error", "behaviour"),
    [
        ("status", lambda _method, _path: reply(503, b"{}")),
        ("status", lambda _method, _path: reply(401, b"{}")),
        ("body", lambda _method, path: well("GET", path).replace(b"{}", b"{]").replace(b"</html>", b"<oops/>")),
        ("reset", lambda _method, _path: b""),
        ("reset", lambda _method, _path: reply(200, b"{}", length=100)),
        ("reset", lambda _method, _path: b"no HTTP at all\r\n\r\n"),
    ],
)
def test_an_answer_that_is_no_service_is_a_failure(tmp_path: Path, error: str, behaviour: Behaviour) -> None:
    with serving(behaviour) as url:
        answers = run(url, tmp_path)
    gets = [answer for answer in answers if answer.kind not in {"build", "usage"}]
    assert {answer.error for answer in gets} == {error}


def chunked(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    chunks = (body[:1], body[1:])
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def test_a_path_in_the_address_comes_before_every_other_and_chunks_are_put_together(tmp_path: Path) -> None:
    def proxied(method: str, path: str) -> bytes:
        if not path.startswith("/before/"):
            return reply(404, b"")
        whole = well(method, path.removeprefix("/before"))
        return chunked(int(whole.split()[1]), whole.partition(b"\r\n\r\n")[2])

    with serving(proxied) as url:
        answers = run(f"{url}/before", tmp_path)
    assert [answer for answer in answers if not answer.succeeded] == []


def test_chunks_that_break_off_are_a_failure(tmp_path: Path) -> None:
    with serving(lambda method, path: chunked(200, b"{}")[:-5]) as url:
        answers = run(url, tmp_path)
    assert {answer.error for answer in answers if answer.kind == "me"} == {"reset"}


def test_a_port_that_nobody_listens_on_is_a_failure_at_once(tmp_path: Path, free_port: int) -> None:
    answers = run(f"http://127.0.0.1:{free_port}", tmp_path)
    assert Counter(answer.error for answer in answers) == {"connect": 40}


def test_requests_go_out_when_they_are_due_though_none_is_answered(tmp_path: Path) -> None:
    with serving(lambda _method, _path: None) as url:
        answers = run(url, tmp_path, "--timeout", "1.5")
    assert Counter(answer.error for answer in answers) == {"timeout": 40}
    due = sorted(answer.due_s for answer in answers)
    assert all(later - earlier == pytest.approx(1 / 40, abs=1e-4) for earlier, later in pairwise(due))
    # Counted from the due time: never less than the timeout.
    assert min(answer.latency_s for answer in answers) >= 1.4


def test_requests_beyond_the_limit_in_flight_fail_unsent(tmp_path: Path) -> None:
    with serving(lambda _method, _path: None) as url:
        answers = run(url, tmp_path, "--timeout", "3", "--max-in-flight", "10")
    assert Counter(answer.error for answer in answers)["overload"] == 30


@pytest.mark.real
def test_a_stop_signal_ends_it_with_a_summary_and_waiting_requests_count_as_failed(tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    with serving(lambda method, path: None if path == "/" else well(method, path)) as url:
        process = subprocess.Popen(command_line(Plan(url=url, out=out)), stdout=subprocess.PIPE)
        eventually(lambda: len(read_answers(out)) > 10)
        process.terminate()
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    summary = json.loads(printed)
    errors = Counter(answer.error for answer in read_answers(out))
    assert errors["stopped"] == summary["failed_requests"] > 0
    assert summary["requests"] == errors.total()


@pytest.mark.real
def test_it_is_served_by_towpath_and_sees_when_towpath_is_not(database_url: str, start_towpath: Start, tmp_path: Path) -> None:
    migrate(database_url, release=release_named("2.26.0"), application_name="towpath/test")
    seed(database_url, rows=1000)
    towpath = start_towpath("2.26.0", database_url).until_healthy()
    out = tmp_path / "answers.csv"
    process = subprocess.Popen(command_line(Plan(url=towpath.address, out=out)), stdout=subprocess.PIPE)
    eventually(lambda: len(read_answers(out)) > 60)
    with psycopg.connect(database_url) as blocker:
        blocker.execute("LOCK TABLE api_keys, site_configs")
        locked_from = max(answer.done_s for answer in read_answers(out))
        eventually(lambda: _age_s(out) > 1.5)
        blocker.rollback()
    eventually(lambda: _age_s(out) < 0.5)
    process.terminate()
    printed, _ = process.communicate(timeout=30)
    summary = json.loads(printed)
    assert summary["failed_requests"] == 0
    assert summary["unavailable_s"] >= 1.4
    assert summary["slowest_s"] >= 1.4
    assert measure(read_answers(out), summary["start_s"], locked_from).unavailable_s == 0.0


def _age_s(out: Path) -> float:
    """Seconds since the newest answer."""
    return time.time() - max(answer.done_s for answer in read_answers(out))
