"""The queue that is foretold behind a lock, against clients that really queue until the server has no connection left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.adapters.postgres.traffic import read_traffic
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.forecast.waiting import with_waiting
from lockage.core.forecast.waiting_records import Queue
from lockage.settings import Waits, Watching
from support.plan_material import blocked, forecast

pytestmark = pytest.mark.real

A_SECOND = 20
COUNTED_S = 2.0
QUERY = "select name from users where id = 1"


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    """A server that counts statements and has few connections."""
    settings = {
        "shared_preload_libraries": "pg_stat_statements",
        "max_connections": "25",
        "superuser_reserved_connections": "3",
        "autovacuum": "off",
    }
    with throwaway(tcp=True, settings=settings) as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create extension pg_stat_statements")
            admin.execute("create table users (id int primary key, name text)")
            admin.execute("create role app login password 'x'")
            admin.execute("grant select on users to app")
        yield server


class Clients:
    """One request after the other at a steady pace, each on a connection of its own, as an application without a pool."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._threads: list[threading.Thread] = []
        self.sent = 0
        self.refused_at: float | None = None

    def send(self, seconds: float) -> None:
        """For so long, or until one is refused."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds and self.refused_at is None:
            thread = threading.Thread(target=self._one)
            thread.start()
            self._threads.append(thread)
            self.sent += 1
            time.sleep(max(begun + self.sent / A_SECOND - time.monotonic(), 0.0))

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _one(self) -> None:
        try:
            with psycopg.connect(self._url) as session:
                session.execute(QUERY, prepare=False)
        except psycopg.OperationalError:
            if self.refused_at is None:
                self.refused_at = time.monotonic()


def foretold(url: str) -> Queue:
    """The queue at a table that nobody can read for as long as it takes."""
    traffic = read_traffic(url, watching=Watching(), waits=Waits())
    users = blocked("public.users", Blocks.READS, Seconds(low=1.0, likely=10.0, high=100.0))
    made = with_waiting(
        forecast(relations=(users,)), traffic, statements=(), relations=["public.users"], keys=(), limits=Waits()
    )
    waiting = made.relations[-1].waiting
    assert waiting is not None
    assert waiting.queue is not None
    return waiting.queue


def test_connections_run_out_when_it_was_foretold(small_server: Server) -> None:
    url, application = small_server.url(), small_server.url(user="app")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("select pg_stat_statements_reset()")
        usual = Clients(application)
        usual.send(COUNTED_S)
        usual.wait()
        queue = foretold(url)
        assert queue.calls_s == pytest.approx(A_SECOND, rel=0.3)
        assert queue.fills_s is not None
        with psycopg.connect(url) as migrator:
            migrator.execute("lock table users in access exclusive mode")
            begun = time.monotonic()
            queueing = Clients(application)
            queueing.send(10.0)
            row = admin.execute("select count(*) from pg_locks where not granted and relation = 'users'::regclass").fetchone()
            migrator.rollback()
        queueing.wait()
    assert queueing.refused_at is not None
    assert queueing.refused_at - begun == pytest.approx(queue.fills_s, rel=0.35, abs=0.2)
    assert row is not None
    assert queue.free_connections is not None
    assert row[0] == pytest.approx(queue.free_connections, abs=3)
