"""The door to the API server: what is repeated, what is refused, and in which words."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.adapters.kubernetes.credentials import LookedUp, NoCredentials
from lockage.adapters.kubernetes.door import Door
from lockage.adapters.kubernetes.failure import Asked, ConflictError, ForbiddenError, MissingError, RejectedError
from lockage.adapters.kubernetes.server_clock import ServerClock
from lockage.errors import LockageError, RefusedError, UnreachableError

PODS = "/api/v1/namespaces/shop/pods"
SERVER = "https://api.example.com"


class Scripted:
    """An API server that gives one answer after the other, the last again and again."""

    def __init__(self, *answers: httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.answers = answers
        self.asked: list[httpx2.Request] = []
        self.slept: list[float] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def client(self, credentials: LookedUp | None = None) -> httpx2.Client:
        door = Door(
            httpx2.MockTransport(self.answer),
            credentials=credentials or NoCredentials(),
            server=SERVER,
            sleep=self.slept.append,
        )
        return httpx2.Client(transport=door, base_url=SERVER)


def status(code: int, message: str, *, reason: str = "", headers: dict[str, str] | None = None) -> httpx2.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code}
    return httpx2.Response(code, json=body, headers=headers)


OK = httpx2.Response(200, json={"kind": "PodList", "items": []})


def asked(server: Scripted, method: str = "GET", path: str = PODS) -> LockageError:
    with server.client() as client, pytest.raises(LockageError) as refused:
        client.request(method, path)
    return refused.value


# --- in which words ---------------------------------------------------------------------------------------------------


def test_what_may_not_be_done_is_said_by_verb_and_resource() -> None:
    text = (
        'pods is forbidden: User "system:serviceaccount:shop:lockage" cannot list resource "pods"'
        ' in API group "" in the namespace "shop"'
    )
    error = asked(Scripted(status(403, text, reason="Forbidden")))
    assert isinstance(error, ForbiddenError)
    assert (error.code, error.message) == (
        "LK504",
        "system:serviceaccount:shop:lockage may not list pods in namespace shop",
    )
    assert error.hint == "kubectl auth can-i list pods -n shop; what is needed is printed by: lockage rbac"


FORBIDDEN = 'pods is forbidden: User "lockage" cannot list resource "pods" in API group "" in the namespace "shop"'


def test_a_server_that_has_come_back_is_given_time_to_know_a_right_that_we_had() -> None:
    forbidden = status(403, FORBIDDEN, reason="Forbidden")
    server = Scripted(OK, httpx2.ReadError("Connection reset by peer"), forbidden, forbidden, OK)
    with server.client() as client:
        assert [client.get(PODS).status_code for _ in range(2)] == [200, 200]
    assert len(server.asked) == 5
    assert len(server.slept) == 2


def test_a_right_that_is_gone_for_good_is_named_after_a_broken_connection_too() -> None:
    server = Scripted(OK, httpx2.ReadError("Connection reset by peer"), status(403, FORBIDDEN, reason="Forbidden"))
    with server.client() as client:
        assert client.get(PODS).status_code == 200
        with pytest.raises(ForbiddenError):
            client.get(PODS)
    assert sum(server.slept) < 12.0


def test_a_right_that_we_never_had_is_named_at_once_after_a_broken_connection() -> None:
    server = Scripted(httpx2.ReadError("Connection reset by peer"), status(403, FORBIDDEN, reason="Forbidden"))
    assert asked(server).code == "LK504"
    assert server.slept == []


@pytest.mark.parametrize(
    "text",
    [
        'pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=3, limited: pods=3',
        'admission webhook "policy.example.com" denied the request: no tag latest',
    ],
)
def test_a_quota_or_a_webhook_is_no_missing_right(text: str) -> None:
    error = asked(Scripted(status(403, text, reason="Forbidden")), "POST")
    assert isinstance(error, RejectedError)
    assert error.code == "LK508"
    assert text in error.message


@pytest.mark.parametrize(
    ("code", "kind", "our_code"),
    [
        (400, RejectedError, "LK508"),
        (401, UnreachableError, "LK505"),
        (404, MissingError, "LK506"),
        (409, ConflictError, "LK507"),
        (410, MissingError, "LK506"),
        (422, RejectedError, "LK508"),
        (500, UnreachableError, "LK509"),
        (503, UnreachableError, "LK509"),
        (504, UnreachableError, "LK509"),
    ],
)
def test_every_refusal_has_its_code(code: int, kind: type[RefusedError], our_code: str) -> None:
    error = asked(Scripted(status(code, "because")), "PATCH", f"{PODS}/x")
    assert isinstance(error, kind)
    assert error.code == our_code
    assert "pods x in namespace shop" in error.message
    assert error.hint


def test_a_page_of_a_load_balancer_is_no_answer_of_the_api_server_and_is_shown() -> None:
    error = asked(Scripted(httpx2.Response(502, html="<html>bad gateway</html>")), "POST")
    assert error.message.endswith("502, <html>bad gateway</html>")


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(200, html="<form>log in</form>"), httpx2.Response(302, headers={"Location": "https://login.example.com"})],
    ids=["a login page", "the way to one"],
)
def test_a_login_page_is_no_answer_of_the_api_server(answer: httpx2.Response) -> None:
    error = asked(Scripted(answer))
    assert error.code == "LK509"
    assert "is no API server, or something stands before it" in error.message


def test_what_does_not_exist_is_said_once() -> None:
    error = asked(Scripted(status(404, 'pods "x" not found', reason="NotFound")), "GET", f"{PODS}/x")
    assert error.message == "pods x in namespace shop does not exist"


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/apis/apps/v1/namespaces/shop/deployments/coder", "get deployments.apps coder in namespace shop"),
        ("GET", "/apis/apps/v1/namespaces/shop/deployments", "list deployments.apps in namespace shop"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/coder", "patch deployments.apps coder in namespace shop"),
        ("GET", "/api/v1/namespaces/shop/pods/x/log", "get pods/log x in namespace shop"),
        ("GET", "/api/v1/namespaces/shop/pods/http:x:80/proxy/a/b", "get pods/proxy http:x:80 in namespace shop"),
        ("GET", "/api/v1/namespaces/shop", "get namespaces shop"),
        ("GET", "/api/v1/nodes", "list nodes"),
        (
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/shop/leases/x",
            "update leases.coordination.k8s.io x in namespace shop",
        ),
        ("DELETE", "/api/v1/namespaces/shop/pods", "deletecollection pods in namespace shop"),
    ],
)
def test_a_request_is_named_as_rbac_names_it(method: str, path: str, words: str) -> None:
    assert str(Asked(method, path)) == words


# --- no answer --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there() -> None:
    error = asked(Scripted(httpx2.ConnectError("[Errno 111] Connection refused")), "PATCH", f"{PODS}/x")
    assert (error.code, error.message) == (
        "LK509",
        "the API server https://api.example.com does not answer: [Errno 111] Connection refused",
    )


def test_a_write_without_an_answer_may_have_been_done() -> None:
    error = asked(Scripted(httpx2.ReadTimeout("late")), "PATCH", f"{PODS}/x")
    assert error.message == (
        "no answer of the API server https://api.example.com to patch pods x in namespace shop within 5 s;"
        " whether it was done is not known"
    )


def test_a_look_without_an_answer_changed_nothing() -> None:
    assert "whether it was done" not in asked(Scripted(httpx2.ReadTimeout("late"))).message


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    cause = ssl.SSLCertVerificationError("x")
    cause.verify_message = "certificate has expired"
    broken = httpx2.ConnectError("[SSL]")
    broken.__cause__ = cause
    error = asked(Scripted(broken))
    assert error.code == "LK509"
    assert "is not one that we trust: certificate has expired" in error.message


def test_a_stale_connection_is_opened_anew_for_a_look() -> None:
    server = Scripted(httpx2.RemoteProtocolError("Server disconnected without sending a response."), OK)
    with server.client() as client:
        assert client.get(PODS).status_code == 200
    assert len(server.asked) == 2


def test_a_write_is_not_sent_again_when_the_connection_breaks() -> None:
    server = Scripted(httpx2.RemoteProtocolError("Server disconnected"), OK)
    error = asked(server, "PATCH", f"{PODS}/x")
    assert "broke off" in error.message
    assert len(server.asked) == 1


# --- what is repeated -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
def test_a_busy_server_is_asked_again_when_it_says_so(method: str) -> None:
    server = Scripted(status(429, "too many requests", headers={"Retry-After": "2"}), OK)
    with server.client() as client:
        assert client.request(method, PODS).status_code == 200
    assert server.slept == [2.0]


def test_a_server_that_wants_to_be_left_alone_for_long_is_given_up() -> None:
    server = Scripted(status(429, "too many requests", headers={"Retry-After": "60"}), OK)
    error = asked(server)
    assert (error.code, server.slept) == ("LK509", [])
    assert "is too busy to list pods" in error.message


def test_a_look_is_repeated_when_the_server_fails_and_a_write_is_not() -> None:
    failing = status(500, "etcdserver: request timed out")
    server = Scripted(failing, failing, OK)
    with server.client() as client:
        assert client.get(PODS).status_code == 200
    assert server.slept == [0.2, 0.5]
    once = Scripted(failing, OK)
    assert asked(once, "PATCH", f"{PODS}/x").code == "LK509"
    assert len(once.asked) == 1


def test_a_look_is_not_repeated_for_ever() -> None:
    server = Scripted(status(503, "etcd is gone"))
    assert asked(server).code == "LK509"
    assert server.slept == [0.2, 0.5, 1.0]


def test_an_application_behind_the_api_server_says_what_it_likes() -> None:
    server = Scripted(httpx2.Response(500, text="ours"))
    with server.client() as client:
        answer = client.get(f"{PODS}/http:x:8080/proxy/healthz")
    assert (answer.status_code, answer.text, len(server.asked)) == (500, "ours", 1)


# --- credentials ------------------------------------------------------------------------------------------------------


def expecting(token: str) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda request: OK if request.headers.get("Authorization") == token else status(401, "Unauthorized")


def looked_up(tokens: Sequence[str]) -> LookedUp:
    left = iter(tokens)
    return LookedUp(lambda: next(left))


def test_a_token_that_has_expired_is_looked_up_anew() -> None:
    server = Scripted(expecting("Bearer new"))
    with server.client(looked_up(["Bearer old", "Bearer new"])) as client:
        assert client.get(PODS).status_code == 200
        assert client.patch(f"{PODS}/x").status_code == 200
    assert len(server.asked) == 3


def test_a_token_that_stays_the_same_is_refused_once() -> None:
    server = Scripted(expecting("Bearer new"))
    with server.client(looked_up(["Bearer old", "Bearer old"])) as client, pytest.raises(UnreachableError) as refused:
        client.get(PODS)
    assert (refused.value.code, len(server.asked)) == ("LK505", 1)


# --- the server's clock -----------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(st.floats(-90_000, 90_000), st.lists(st.floats(0.001, 20.0), min_size=1, max_size=40))
def test_the_offset_lies_where_all_answers_allow_it(offset_s: float, pauses: list[float]) -> None:
    clock = ServerClock()
    ours = NOON
    for pause_s in pauses:
        ours += timedelta(seconds=pause_s)
        theirs = (ours + timedelta(milliseconds=5) + timedelta(seconds=offset_s)).replace(microsecond=0)
        clock.saw(format_datetime(theirs, usegmt=True), sent=ours, received=ours + timedelta(milliseconds=10))
    assert abs(clock.offset_s - offset_s) <= 0.52


def test_many_answers_tell_more_than_their_seconds() -> None:
    clock = ServerClock()
    for step in range(60):
        ours = NOON + timedelta(seconds=step * 0.13)
        theirs = (ours + timedelta(seconds=3600.25)).replace(microsecond=0)
        clock.saw(format_datetime(theirs, usegmt=True), sent=ours, received=ours + timedelta(milliseconds=4))
    assert abs(clock.offset_s - 3600.25) < 0.1


@pytest.mark.parametrize(("offset_s", "moved"), [(0, 0), (-7200, 7200), (7200, -7200)])
def test_times_of_the_server_are_told_by_our_clock(offset_s: float, moved: float) -> None:
    clock = ServerClock()
    clock.saw(format_datetime(NOON + timedelta(seconds=offset_s), usegmt=True), sent=NOON, received=NOON)
    assert abs((clock.ours(NOON) - NOON).total_seconds() - moved) <= 1.0


def test_a_slow_answer_moves_no_time() -> None:
    clock = ServerClock()
    clock.saw(format_datetime(NOON, usegmt=True), sent=NOON, received=NOON + timedelta(seconds=9))
    assert clock.ours(NOON) == NOON


@given(st.floats(-90_000, 90_000), st.floats(0.001, 20.0), st.floats(0, 1))
def test_a_time_of_the_server_is_never_taken_for_later_than_it_was(offset_s: float, took_s: float, part: float) -> None:
    clock = ServerClock()
    theirs = NOON + timedelta(seconds=took_s * part + offset_s)
    said = format_datetime(theirs.replace(microsecond=0), usegmt=True)
    clock.saw(said, sent=NOON, received=NOON + timedelta(seconds=took_s))
    late_s = (clock.ours(theirs) - (theirs - timedelta(seconds=offset_s))).total_seconds()
    assert late_s <= took_s + 2.0 if abs(offset_s) <= took_s + 2.0 else late_s <= 0.001


def test_a_clock_that_is_set_anew_is_believed_anew() -> None:
    clock = ServerClock()
    for offset_s in (0, 0, -7200):
        said = format_datetime(NOON + timedelta(seconds=offset_s), usegmt=True)
        clock.saw(said, sent=NOON, received=NOON)
    assert abs(clock.offset_s + 7200) <= 1.0


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 22 Nov 2026 12:00:00"])
def test_what_is_no_date_says_nothing(date: str | None) -> None:
    clock = ServerClock()
    clock.saw(date, sent=NOON, received=NOON)
    assert clock.offset_s == 0.0
