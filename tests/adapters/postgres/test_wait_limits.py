"""How long a script waits for its locks, as its session shows it, and what a migrator's sessions begin with."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lockage.adapters.postgres.session import reading_session
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.wait_limits import milliseconds, read_wait_limits
from lockage.ports import TracedSession
from lockage.settings import Watching


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("500", 500), ("2s", 2000), ("'1.5 s'", 1500), ("10min", 600_000), ("1d", 86_400_000), ("", None), ("..", None)],
)
def test_a_limit_is_read_as_postgresql_reads_it(value: str, expected: int | None) -> None:
    assert milliseconds(value) == expected


@pytest.fixture(scope="module")
def session() -> Iterator[TracedSession]:
    with EmbeddedShadows().empty() as shadow, shadow.session() as session:
        yield session


@pytest.mark.real
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["SET lock_timeout = '2s'"], 2000),
        (["SET lock_timeout = '2s'", "SET statement_timeout = '1s'"], 1000),
        (["SET lock_timeout = '2s'", "RESET lock_timeout"], None),
        (["SET lock_timeout = '2s'", "RESET ALL"], None),
        (["SET lock_timeout = '2s'", "BEGIN", "SET LOCAL lock_timeout = '3s'"], 3000),
        (["SET lock_timeout = '2s'", "BEGIN", "SET LOCAL lock_timeout = '3s'", "COMMIT"], 2000),
        (["BEGIN", "SET lock_timeout = '3s'", "ROLLBACK"], None),
        (["BEGIN", "SAVEPOINT a", "SET lock_timeout = '3s'", "ROLLBACK TO a"], None),
        (["BEGIN", "SET LOCAL lock_timeout = '3s'", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"], 3000),
        (["SELECT set_config('lock_timeout', '4s', false)"], 4000),
        (["DO $$ BEGIN SET lock_timeout = '5s'; END $$"], 5000),
        (["SET lock_timeout = 0", "SET statement_timeout = 0"], 0),
    ],
)
def test_the_limit_in_force_is_read_behind_what_may_set_it(
    session: TracedSession, statements: list[str], expected: int | None
) -> None:
    for statement in statements:
        assert session.execute(statement, inner=statement.startswith(("SELECT", "DO"))).failure is None
    try:
        assert session.execute("SELECT 1").wait_limit_ms == expected
    finally:
        session.execute("ROLLBACK")
        session.execute("RESET ALL")


@pytest.mark.real
def test_a_shadow_knows_what_the_migrators_sessions_begin_with(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("create role migrates login")
        name = sql.Identifier(admin.info.dbname)
        admin.execute("create table t (i int)")
        admin.execute("alter table t owner to migrates")
        admin.execute(sql.SQL("alter database {} set lock_timeout = '9s'").format(name))
        admin.execute(sql.SQL("alter role migrates in database {} set lock_timeout = '3s'").format(name))
    try:
        with EmbeddedShadows().of_database(database_url) as shadow, shadow.session() as session:
            assert session.execute("SELECT 1").wait_limit_ms == 3000
            session.execute("SET lock_timeout = '4s'")
            assert session.execute("SELECT 1").wait_limit_ms == 4000
            session.execute("RESET lock_timeout")
            assert session.execute("SELECT 1").wait_limit_ms == 3000
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("drop owned by migrates cascade")
            admin.execute("drop role migrates")


@pytest.mark.real
def test_options_of_the_migrators_own_login_count(database_url: str) -> None:
    url = make_conninfo(database_url, options="-c lock_timeout=1500")
    with reading_session(url, what="test", watching=Watching()) as connection:
        role = connection.info.user
        assert read_wait_limits(connection, role=role, role_settings=[])["lock_timeout"] == 1500
        others = [(role, True, ["lock_timeout=1500"]), (None, False, ["statement_timeout=7s"])]
        assert read_wait_limits(connection, role="another", role_settings=others) == {
            "lock_timeout": 0,
            "statement_timeout": 7000,
        }
