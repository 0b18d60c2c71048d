"""Who would wait for a script on a live database, from a real look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.traffic import read_traffic
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.waiting_records import Waiting
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.flows.forecast import Beside, forecast_database
from lockage.settings import Settings, Waits, Watching

pytestmark = pytest.mark.real

SCHEMA = """
create table users (id int primary key, name text);
create table keys (id int primary key, user_id int not null references users on delete cascade);
insert into users values (1, 'x');
"""


def forecast(url: str, script: str, *, statements: Sequence[str] = ()) -> Forecast:
    waits = Waits(transaction_s=0.0)
    return forecast_database(
        [Migration(version=1, name="case", file="1_case.sql", text=script)],
        url=url,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        transaction="statement" if "concurrently" in script else "whole",
        statements=statements,
        beside=Beside(traffic=read_traffic(url, watching=Watching(), waits=waits), settings=Settings(waits=waits)),
    )


def waiting(made: Forecast, relation: str) -> Waiting:
    return next(r.waiting or Waiting() for r in made.relations if r.relation == relation)


@contextmanager
def a_reader(url: str) -> Iterator[int]:
    with psycopg.connect(url, application_name="report") as session:
        session.execute("select * from users where name = 'secret'")
        yield session.info.backend_pid


def test_a_long_transaction_is_named_where_the_script_would_wait_for_it(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
    with a_reader(database_url) as pid:
        made = forecast(database_url, "alter table users add column a int; comment on table keys is 'x'")
        built = forecast(database_url, "create index concurrently on keys (user_id)")
    (entry,) = waiting(made, "public.users").in_the_way
    assert (entry.pid, entry.application, entry.what, entry.holds) == (pid, "report", "idle in transaction", "AccessShareLock")
    assert "secret" not in entry.statement
    assert not waiting(made, "public.keys").in_the_way
    # READ COMMITTED keeps no snapshot between statements.
    assert not waiting(built, "public.keys").in_the_way


def test_a_concurrent_build_waits_for_an_old_snapshot_of_another_table(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
    with psycopg.connect(database_url) as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select * from users")
        pid = old.info.backend_pid
        built = forecast(database_url, "create index concurrently on keys (user_id)")
    (entry,) = waiting(built, "public.keys").in_the_way
    assert (entry.pid, entry.holds) == (pid, None)


def test_the_order_of_a_foreign_key_may_deadlock_with_a_script_that_begins_at_the_parent(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
    script = "alter table users add column a int;\nalter table keys add column b int"
    by_key = waiting(forecast(database_url, script), "public.keys").deadlocks
    assert [(d.first, d.second, d.line) for d in by_key] == [("public.users", "public.keys", 2)]
    told = forecast(database_url, script, statements=["insert into keys (id, user_id) values ($1, $2)"])
    assert "insert into keys" in waiting(told, "public.keys").deadlocks[0].statement
    harmless = forecast(database_url, script, statements=["select * from users"])
    assert not waiting(harmless, "public.keys").deadlocks


def test_the_order_of_a_transaction_of_several_statements_is_seen_while_it_locks(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
        admin.execute("create table logs (id int)")
        with psycopg.connect(database_url) as other, psycopg.connect(database_url) as user:
            other.execute("lock table users in share mode")
            user.execute("insert into logs values (1)")
            update = threading.Thread(target=_run, args=(user, "update users set name = 'secret'", []))
            update.start()
            while not admin.execute(
                "select 1 from pg_locks where pid = %s and not granted", (user.info.backend_pid,)
            ).fetchone():
                assert update.is_alive()
            opposite = forecast(database_url, "alter table users add a int;\nalter table logs add b int")
            same = forecast(database_url, "alter table logs add b int;\nalter table users add a int")
            other.rollback()
            update.join()
    (deadlock,) = waiting(opposite, "public.logs").deadlocks
    assert (deadlock.first, deadlock.second, deadlock.line) == ("public.users", "public.logs", 2)
    assert "a transaction was seen that had locked public.logs (RowExclusiveLock) before public.users" in deadlock.because
    assert "secret" not in deadlock.statement
    assert not waiting(same, "public.users").deadlocks


def test_a_deadlock_that_is_called_possible_happens(database_url: str) -> None:
    failures: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
        with psycopg.connect(database_url) as migrator, psycopg.connect(database_url) as user:
            migrator.execute("alter table users add column a int")
            # It locks the child, and waits at the parent.
            insert = threading.Thread(target=_run, args=(user, "insert into keys values (1, 1)", failures))
            insert.start()
            while (
                admin.execute("select 1 from pg_locks where pid = %s and not granted", (user.info.backend_pid,)).fetchone()
                is None
            ):
                assert insert.is_alive()
            _run(migrator, "alter table keys add column b int", failures)
            migrator.rollback()
            insert.join()
    assert failures == ["40P01"]


def _run(session: psycopg.Connection[Any], text: str, failures: list[str]) -> None:
    try:
        session.execute(text.encode())
    except psycopg.Error as error:
        failures.append(error.sqlstate or "")


def test_without_a_deployment_strategies_are_compared_all_the_same(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA)
    made = forecast(database_url, "alter table users add column a int", statements=["select name from users where id = $1"])
    assert made.recommended == "rolling"
    broken = forecast(database_url, "alter table users drop column name", statements=["select name from users"])
    assert broken.recommended == "scale-to-zero"
    assert [strategy.possible for strategy in broken.strategies] == [False, True, True]
