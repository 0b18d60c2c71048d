"""towpath servers as processes on a real PostgreSQL: start, health, stop, and what they do in the background."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

import psycopg
import pytest

from lockage.demo.towpath.identities import token, workspace_id
from lockage.demo.towpath.migrator import LOCK_KEY, migrate
from lockage.demo.towpath.releases import LEAVE_WHEN_SQL, release_named, releases
from lockage.demo.towpath.seed import seed
from support.towpath_process import Start, Towpath, eventually

pytestmark = pytest.mark.real

VERSIONS = [release.version for release in releases()]
QUIET = {"TOWPATH_REPORT_LENGTH_S": "0", "TOWPATH_REPORT_INTERVAL_S": "3600"}


@pytest.fixture
def seeded_url(database_url: str) -> str:
    migrate(database_url, release=release_named("2.26.0"), application_name="towpath/test")
    seed(database_url, rows=2000)
    return database_url


def count(url: str, query: str, *values: object) -> int:
    with psycopg.connect(url, application_name="test") as connection:
        row = connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return int(row[0])


def ask(towpath: Towpath, path: str, *, key: str | None = None, body: bytes | None = None) -> tuple[int, str, Message]:
    headers = {"Towpath-Session-Token": key} if key else {}
    request = urllib.request.Request(towpath.address + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode(), refusal.headers


@pytest.mark.parametrize("version", VERSIONS)
def test_every_release_serves_every_kind_of_request(seeded_url: str, start_towpath: Start, version: str) -> None:
    towpath = start_towpath(version, seeded_url, **QUIET).until_healthy()
    status, body, headers = ask(towpath, "/api/v2/buildinfo")
    assert (status, json.loads(body)["version"]) == (200, f"v{version}")
    assert headers["Towpath-Replica"] == "towpath-1"
    for path in ("/api/v2/users/me", "/api/v2/users/me/keys", "/api/v2/organizations", "/api/v2/workspaces"):
        status, body, _ = ask(towpath, path, key=token(3))
        assert status == 200, body
        assert json.loads(body)
    assert ask(towpath, f"/api/v2/workspaces/{workspace_id(3)}/builds", key=token(3), body=b"{}")[0] == 201
    assert ask(towpath, f"/api/v2/workspaces/{workspace_id(3)}/usage", key=token(3), body=b"{}")[0] == 202
    status, body, _ = ask(towpath, "/api/v2/users/me/keys", key=token(3), body=b"{}")
    assert status == 201
    assert ask(towpath, "/api/v2/users/me", key=json.loads(body)["key"])[0] == 200
    assert towpath.stop() < 5
    assert towpath.process.returncode == 0


def test_the_front_page_shows_the_version_and_escapes_what_administrators_wrote(seeded_url: str, start_towpath: Start) -> None:
    with psycopg.connect(seeded_url) as connection:
        connection.execute("UPDATE site_configs SET value = '<script>$x' WHERE key = 'announcement'")
    towpath = start_towpath("2.26.0", seeded_url, replica="a<b", **QUIET).until_healthy()
    status, page, _ = ask(towpath, "/")
    assert status == 200
    assert "v2.26.0</span></footer>" in page
    assert "&lt;script&gt;$x" in page
    assert "<script>" not in page
    assert "a<b" not in page


def test_a_request_without_a_valid_key_is_unauthorized(seeded_url: str, start_towpath: Start) -> None:
    expired = token(5)
    with psycopg.connect(seeded_url) as connection:
        connection.execute("UPDATE api_keys SET expires_at = now() WHERE id = %s", (expired.partition("-")[0],))
    towpath = start_towpath("2.26.0", seeded_url, **QUIET).until_healthy()
    for key in (None, "nobody-secret", "none", "-", token(3) + "x", expired):
        status, body, _ = ask(towpath, "/api/v2/users/me", key=key)
        assert status == 401, key
        assert "Sign in" in json.loads(body)["message"]


def test_an_error_of_the_database_is_an_error_of_the_server(seeded_url: str, start_towpath: Start) -> None:
    towpath = start_towpath("2.26.0", seeded_url, **QUIET).until_healthy()
    migrate(seeded_url, release=release_named("2.27.8"), application_name="towpath/test")
    status, body, _ = ask(towpath, "/api/v2/users/me", key=token(3))
    assert status == 500
    assert "scope" in json.loads(body)["detail"]
    assert ask(towpath, "/healthz")[:2] == (200, "OK"), "health is not service"


def test_background_work_reaches_the_database(seeded_url: str, start_towpath: Start) -> None:
    towpath = start_towpath("2.26.0", seeded_url, TOWPATH_FLUSH_INTERVAL_S="0.1", **QUIET).until_healthy()
    ask(towpath, f"/api/v2/workspaces/{workspace_id(3)}/usage", key=token(3), body=b"12345")
    ask(towpath, f"/api/v2/workspaces/{workspace_id(3)}/builds", key=token(3), body=b"{}")
    key_id = token(3).partition("-")[0]
    touched = "SELECT count(*) FROM api_keys WHERE id = %s AND last_used > now() - interval '1 minute'"
    eventually(lambda: count(seeded_url, touched, key_id) == 1)
    eventually(lambda: count(seeded_url, "SELECT coalesce(sum(rx_bytes), 0) FROM usage_stats") == 5)
    eventually(lambda: count(seeded_url, "SELECT count(*) FROM workspace_agent_stats") == 1)
    eventually(lambda: count(seeded_url, "SELECT count(*) FROM replicas WHERE version = '2.26.0'") == 1)
    eventually(lambda: count(seeded_url, "SELECT count(*) FROM provisioner_jobs WHERE job_status = 'succeeded'") == 1)
    towpath.stop()
    assert count(seeded_url, "SELECT count(*) FROM replicas WHERE stopped_at IS NOT NULL") == 1


def test_the_port_is_open_and_silent_while_the_migration_waits_and_a_stop_signal_does_not_cancel_it(
    seeded_url: str, start_towpath: Start
) -> None:
    with psycopg.connect(seeded_url) as blocker:
        blocker.execute("SELECT count(*) FROM api_keys")
        towpath = start_towpath("2.27.8", seeded_url, replica="towpath-7", **QUIET)
        eventually(lambda: "version=15  name=api_key_scopes" in towpath.log)
        with socket.create_connection(("127.0.0.1", towpath.port), timeout=0.5) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: towpath\r\n\r\n")
            with pytest.raises(TimeoutError):
                client.recv(1)
            waiting = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = %s AND wait_event_type = 'Lock'"
            )
            assert count(seeded_url, waiting, "towpath/towpath-7") == 1
            towpath.process.terminate()
            eventually(lambda: "stop signal received, database migrations continue" in towpath.log)
            assert towpath.process.poll() is None
            blocker.rollback()
            assert towpath.process.wait(30) == 0
    assert count(seeded_url, "SELECT version FROM schema_migrations") == 18


def test_requests_that_came_during_the_migration_are_answered_after_it(seeded_url: str, start_towpath: Start) -> None:
    with psycopg.connect(seeded_url) as blocker:
        blocker.execute("SELECT count(*) FROM api_keys")
        towpath = start_towpath("2.27.8", seeded_url, **QUIET)
        with socket.create_connection(("127.0.0.1", towpath.port), timeout=30) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: towpath\r\n\r\n")
            blocker.rollback()
            assert client.recv(1024).startswith(b"HTTP/1.1 200 OK")


def test_of_two_servers_that_start_at_once_one_migrates_and_the_other_waits(database_url: str, start_towpath: Start) -> None:
    with psycopg.connect(database_url) as first:
        first.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        servers = [start_towpath("2.27.8", database_url, replica=f"towpath-{n}", **QUIET) for n in (1, 2)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 505934250"
        eventually(lambda: count(database_url, waiting) == 2)
        first.rollback()
        logs = [server.until_healthy().log for server in servers]
    assert sorted("committed database migrations" in log for log in logs) == [False, True]
    assert sorted("database schema is up to date" in log for log in logs) == [False, True]


def test_a_stop_signal_ends_a_server_at_once_though_a_report_is_open(seeded_url: str, start_towpath: Start) -> None:
    towpath = start_towpath("2.26.0", seeded_url, replica="towpath-1").until_healthy()
    open_report = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'towpath/towpath-1' AND state = 'idle in transaction'"
    )
    eventually(lambda: count(seeded_url, open_report) == 1)
    # Half a second on an idle machine.
    assert towpath.stop() < 2.0
    assert towpath.process.returncode == 0
    assert "Traceback" not in towpath.log
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'towpath/towpath-1'"
    eventually(lambda: count(seeded_url, left) == 0, limit_s=2)


def test_a_stop_signal_ends_a_server_within_seconds_though_requests_hang(seeded_url: str, start_towpath: Start) -> None:
    towpath = start_towpath("2.26.0", seeded_url, replica="towpath-1", **QUIET).until_healthy()
    with psycopg.connect(seeded_url) as blocker:
        blocker.execute("LOCK TABLE api_keys")
        with socket.create_connection(("127.0.0.1", towpath.port), timeout=30) as client:
            client.sendall(f"GET /api/v2/users/me HTTP/1.1\r\nHost: t\r\nTowpath-Session-Token: {token(1)}\r\n\r\n".encode())
            hangs = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'api_keys'::regclass"
            eventually(lambda: count(seeded_url, hangs) == 1)
            assert towpath.stop() < 5.0
        assert towpath.process.returncode == 0
        eventually(lambda: count(seeded_url, hangs) == 0, limit_s=2)


def test_a_stop_signal_frees_who_waits_for_a_report_before_hanging_requests_are_given_up(
    seeded_url: str, start_towpath: Start
) -> None:
    towpath = start_towpath("2.26.0", seeded_url, replica="towpath-1").until_healthy()
    in_transaction = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    eventually(lambda: count(seeded_url, in_transaction) == 1)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'api_keys'::regclass"
    request = f"GET /api/v2/users/me HTTP/1.1\r\nHost: t\r\nTowpath-Session-Token: {token(1)}\r\n\r\n"
    with (
        psycopg.connect(seeded_url) as migrator,
        socket.create_connection(("127.0.0.1", towpath.port), timeout=30) as client,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        locked = thread.submit(migrator.execute, "LOCK TABLE api_keys")
        eventually(lambda: count(seeded_url, waiting) == 1)
        client.sendall(request.encode())
        eventually(lambda: count(seeded_url, waiting) == 2)
        towpath.process.terminate()
        locked.result(timeout=30)
        given_up = "timeout graceful shutdown exceeded"
        assert given_up not in towpath.log
        assert towpath.process.wait(30) == 0
        assert given_up in towpath.log


def test_the_purge_ends_and_with_it_the_reason_to_stay(seeded_url: str, start_towpath: Start) -> None:
    names = ("towpath-1", "towpath-2")
    servers = [start_towpath("2.26.6", seeded_url, replica=name, TOWPATH_PURGE_BATCH_ROWS="100") for name in names]
    for server in servers:
        server.until_healthy()
    eventually(lambda: count(seeded_url, "SELECT count(*) FROM purge_progress WHERE finished_at IS NOT NULL") == 1)
    with psycopg.connect(seeded_url) as connection:
        assert connection.execute(LEAVE_WHEN_SQL).fetchone() == (True,)
    assert count(seeded_url, "SELECT count(*) FROM api_keys") == 200
    assert count(seeded_url, "SELECT purged_rows FROM purge_progress") == 1800
    assert count(seeded_url, "SELECT reltuples::int FROM pg_class WHERE relname = 'api_keys'") == 200
    for server in servers:
        eventually(lambda server=server: "purge of expired API keys has ended" in server.log)
        assert "failed" not in server.log


def test_the_purge_goes_on_where_a_killed_one_stopped(seeded_url: str, start_towpath: Start) -> None:
    slow = {"TOWPATH_PURGE_BATCH_ROWS": "100", "TOWPATH_PURGE_PAUSE_S": "0.2", **QUIET}
    killed = start_towpath("2.26.6", seeded_url, replica="towpath-1", **slow).until_healthy()
    eventually(lambda: count(seeded_url, "SELECT purged_rows FROM purge_progress") > 0)
    killed.process.kill()
    start_towpath("2.26.6", seeded_url, replica="towpath-2", TOWPATH_PURGE_BATCH_ROWS="100", **QUIET)
    eventually(lambda: count(seeded_url, "SELECT count(*) FROM purge_progress WHERE finished_at IS NOT NULL") == 1)
    assert count(seeded_url, "SELECT purged_rows FROM purge_progress") == 1800


def test_a_server_over_a_newer_schema_ends_with_the_words_of_golang_migrate(seeded_url: str, start_towpath: Start) -> None:
    migrate(seeded_url, release=release_named("2.27.8"), application_name="towpath/test")
    towpath = start_towpath("2.26.6", seeded_url)
    assert towpath.process.wait(30) == 1
    assert (
        'Encountered an error running "towpath server"\n'
        "error: connect to postgres: migrate up: up: no migration found for version 18" in towpath.log
    )


def test_an_address_that_is_taken_is_named(database_url: str, start_towpath: Start, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        towpath = start_towpath("2.26.6", database_url, TOWPATH_HTTP_ADDRESS=f"127.0.0.1:{free_port}")
        assert towpath.process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1:{free_port}: Address already in use" in towpath.log


def test_a_server_survives_the_loss_of_its_connections(seeded_url: str, start_towpath: Start) -> None:
    towpath = start_towpath("2.26.0", seeded_url, **QUIET).until_healthy()
    assert ask(towpath, "/api/v2/users/me", key=token(1))[0] == 200
    assert (
        count(
            seeded_url,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s",
            "towpath/towpath-1",
        )
        > 0
    )
    assert [ask(towpath, "/api/v2/users/me", key=token(1))[0] for _ in range(10)] == [200] * 10
