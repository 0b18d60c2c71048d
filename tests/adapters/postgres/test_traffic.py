"""One look at a real server's traffic: sessions with locks, snapshots, prepared transactions, statements a second."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.adapters.postgres.traffic import read_traffic
from lockage.core.forecast.traffic import Traffic
from lockage.settings import Waits, Watching

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def counting_server() -> Iterator[Server]:
    """A server that counts statements."""
    settings = {
        "shared_preload_libraries": "pg_stat_statements",
        "max_prepared_transactions": "5",
        "max_connections": "30",
        "superuser_reserved_connections": "3",
    }
    with throwaway(tcp=True, settings=settings) as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create schema monitoring")
            admin.execute("create extension pg_stat_statements schema monitoring")
            admin.execute("create table users (id int primary key, name text)")
            admin.execute("insert into users values (1, 'x')")
        yield server


def seen(url: str) -> Traffic:
    return read_traffic(url, watching=Watching(), waits=Waits(counting_s=0.2))


def test_who_holds_what_is_seen_with_snapshots_and_prepared_transactions(counting_server: Server) -> None:
    url = counting_server.url()
    with psycopg.connect(url, application_name="report") as reader, psycopg.connect(url) as two_phase:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select * from users")
        two_phase.execute("update users set name = 'y'")
        two_phase.execute("prepare transaction 'half'")
        traffic = seen(url)
        session = next(s for s in traffic.sessions if s.application_name == "report")
        assert session.state == "idle in transaction"
        assert ("public.users", "AccessShareLock", True) in [
            (lock.relation, lock.mode, lock.granted) for lock in session.relation_locks
        ]
        assert traffic.snapshots[session.pid] >= 0.0
        (prepared,) = traffic.prepared
        assert prepared.gid == "half"
        assert ("public.users", "RowExclusiveLock") in [(lock.relation, lock.mode) for lock in prepared.locks]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("rollback prepared 'half'")


def test_statements_are_counted_with_their_rate_and_their_slowest_run(counting_server: Server) -> None:
    url = counting_server.url()
    with psycopg.connect(url, autocommit=True) as session:
        for number in range(50):
            session.execute(sql.SQL("select name from users where id = {}").format(number), prepare=False)
        session.execute("select pg_sleep(0.05) from users")
        traffic = seen(url)
    assert traffic.statements is not None
    assert traffic.counted_since is not None
    by_text = {load.text: load for load in traffic.statements}
    often = by_text["select name from users where id = $1"]
    assert often.calls_s is not None
    assert 0 < often.calls_s <= 50
    assert by_text["select pg_sleep($1) from users"].max_s >= 0.05
    assert traffic.calls_s is not None
    assert traffic.calls_s >= often.calls_s


def test_idle_connections_are_free_ones(counting_server: Server) -> None:
    url = counting_server.url()
    with psycopg.connect(url, autocommit=True) as idle:
        idle.execute("select 1")
        before = seen(url).free_connections
        with psycopg.connect(url) as busy:
            busy.execute("select 1")
            assert before is not None
            assert seen(url).free_connections == before - 1
    assert 20 <= before <= 27


def test_a_role_that_may_not_look_is_told_what_it_misses(counting_server: Server) -> None:
    url = counting_server.url()
    with psycopg.connect(url, autocommit=True) as admin, psycopg.connect(url) as other:
        admin.execute("create role blind login password 'x'")
        admin.execute("grant usage on schema monitoring to blind")
        other.execute("select * from users")
        traffic = seen(counting_server.url("postgres", user="blind"))
        assert any("GRANT pg_read_all_stats" in problem for problem in traffic.problems)
        hidden = next(s for s in traffic.sessions if s.pid == other.info.backend_pid)
        assert (hidden.state, hidden.transaction_age_s) == (None, None)
        assert hidden.relation_locks
        assert traffic.statements is not None
        assert not any("insufficient" in load.text for load in traffic.statements)
        other.rollback()
        admin.execute("revoke usage on schema monitoring from blind")
        unread = seen(counting_server.url("postgres", user="blind"))
        assert unread.statements is None
        admin.execute("drop role blind")


def test_a_database_that_counts_nothing_says_so(database_url: str) -> None:
    traffic = seen(database_url)
    assert traffic.statements is None
    assert traffic.calls_s is None
    assert traffic.problems == (
        "how many statements would queue is not known: extension pg_stat_statements is not in the database",
    )


def test_an_extension_that_the_server_does_not_load_is_no_failure(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements")
    traffic = seen(database_url)
    assert traffic.statements is None
    assert "shared_preload_libraries" in traffic.problems[0]


def test_a_database_that_does_not_answer_costs_the_look_and_nothing_else(free_port: int) -> None:
    traffic = seen(f"postgresql://nobody@127.0.0.1:{free_port}/nothing")
    assert traffic.sessions == ()
    assert traffic.problems[0].startswith("nobody looked who stands in the way now")


def test_the_limit_of_the_role_that_asks_is_not_the_applications(counting_server: Server) -> None:
    with psycopg.connect(counting_server.url(), autocommit=True) as admin:
        admin.execute("create role watcher login password 'x' in role pg_read_all_stats connection limit 2")
        admin.execute("create role limited login password 'x' connection limit 6")
    watcher, limited = counting_server.url(user="watcher"), counting_server.url(user="limited")
    with psycopg.connect(limited) as busy, psycopg.connect(limited) as idle:
        busy.execute("select 1")
        assert not idle.closed
        assert seen(watcher).free_connections == (6 - 2) + 1
    assert (seen(watcher).free_connections or 0) > 6
