"""The running release's statements as the database has counted them, with what is missing among them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.release_statements import read_release_statements
from lockage.adapters.postgres.throwaway import throwaway
from lockage.settings import Watching

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    settings = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100"}
    with throwaway(settings=settings) as made:
        with psycopg.connect(made.url(), autocommit=True) as session:
            session.execute("create role app login")
            session.execute("create role onlooker login")
        yield made


@pytest.fixture
def counted(server: Server) -> Server:
    with psycopg.connect(server.url(), autocommit=True) as session:
        session.execute("create extension if not exists pg_stat_statements")
        session.execute("create table if not exists users (id bigint, at timestamptz)")
        session.execute("grant select on users to app")
        session.execute("select pg_stat_statements_reset()")
    with psycopg.connect(server.url(user="app"), autocommit=True) as session:
        session.execute("select id from users where at > now() - interval '1 day' limit 5")
        session.execute("select id from users where at > now() - interval '2 days' limit 7")
    return server


def test_statements_come_with_their_roles_and_the_time_since_which_they_are_counted(counted: Server) -> None:
    found = read_release_statements(counted.url(), watching=Watching())
    of_app = [each.text for each in found.statements if each.role == "app"]
    assert of_app == ["select id from users where at > now() - interval $1 limit $2"]
    assert found.source == "pg_stat_statements"
    assert found.since is not None
    assert found.since.endswith("Z")


def test_statements_that_were_thrown_away_are_told_of(counted: Server) -> None:
    with psycopg.connect(counted.url(), autocommit=True) as session:
        for number in range(150):
            session.execute(("select 1" + ", 1" * number).encode())
    found = read_release_statements(counted.url(), watching=Watching())
    assert any("thrown rare statements away" in remark for remark in found.remarks)


def test_statements_that_the_role_may_not_see_are_counted(counted: Server) -> None:
    found = read_release_statements(counted.url(user="onlooker"), watching=Watching())
    assert not any(each.role == "app" for each in found.statements)
    assert any("hidden" in remark and "pg_read_all_stats" in remark for remark in found.remarks)


def test_a_database_without_the_extension_has_no_statements_and_says_so(server: Server) -> None:
    found = read_release_statements(server.url("template1"), watching=Watching())
    assert found.statements == ()
    assert found.remarks == ("no statement of the running release is known: the database has no extension pg_stat_statements",)


def test_a_database_that_cannot_be_reached_is_a_remark_too() -> None:
    found = read_release_statements("postgresql://nobody@127.0.0.1:1/none", watching=Watching())
    assert found.statements == ()
    assert found.remarks[0].startswith("no statement of the running release is known: ")
