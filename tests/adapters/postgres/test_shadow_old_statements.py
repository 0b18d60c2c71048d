"""Which statements of the old release break, and which only fail because a shadow has no data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.ports import Shadow

pytestmark = pytest.mark.real

SCHEMA = """
    drop schema public cascade;
    create schema public;
    create type mood as enum ('glad', 'sad');
    create domain mail as text check (value like '%@%' or value = 'a');
    create table users (
        id uuid primary key, name text not null, mood mood, mail mail, tags text[], at timestamptz, age int check (age > 10)
    );
    create table keys (id bigint primary key, user_id uuid not null references users, secret bytea, used int);
    create view names as select id, name from users;
    create function greet(who text) returns text language sql as $$ select 'hello ' || who $$;
"""

READS_ALL = "SELECT * FROM users WHERE id = $1"
READS_ONE = "select name from users where mood = $1 and mail = $2 and tags = $3 and at > $4"
INSERTS_KEY = "insert into keys (id, user_id, secret) values ($1, $2, $3)"
INSERTS_USER = "INSERT INTO users (id, name, mood, mail, tags, at, age) VALUES ($1, $2, $3, $4, $5, $6, $7)"
UPDATES = "update keys set used = used + 1 where id = $1"
READS_VIEW = "with n as (select name from names where id = $1) select * from n"
GREETS = "select greet($1)"
LIMITED = "select id from keys order by id limit $1 offset $2"

ALL = (READS_ALL, READS_ONE, INSERTS_KEY, INSERTS_USER, UPDATES, READS_VIEW, GREETS, LIMITED)


@pytest.fixture(scope="module")
def one_shadow() -> Iterator[Shadow]:
    with EmbeddedShadows(statement_limit_s=5).empty() as shadow:
        yield shadow


@pytest.fixture
def shadow(one_shadow: Shadow) -> Shadow:
    one_shadow.run(SCHEMA)
    return one_shadow


@pytest.mark.parametrize(
    ("script", "broken"),
    [
        ("select 1", {}),
        ("alter table keys add column note text", {}),
        ("alter table users add column note text", {READS_ALL: "0A000"}),
        ("alter table keys add column note text not null default ''", {}),
        ("alter table keys add column note text not null", {INSERTS_KEY: "23502"}),
        ("alter table keys alter column used set not null", {INSERTS_KEY: "23502"}),
        ("alter table keys rename column secret to hashed", {INSERTS_KEY: "42703"}),
        ("alter table keys drop column used", {UPDATES: "42703"}),
        ("drop view names", {READS_VIEW: "42P01"}),
        ("alter function greet(text) rename to welcome", {GREETS: "42883"}),
        ("alter table users rename to people", {READS_ALL: "42P01", READS_ONE: "42P01", INSERTS_USER: "42P01"}),
        ("alter table keys add constraint few check (id < 0)", {}),
        ("alter table users add constraint older check (age > 90)", {}),
        ("create unique index on keys (user_id)", {}),
        ("alter table keys drop constraint keys_user_id_fkey", {}),
    ],
)
def test_what_breaks_is_told_and_what_only_lacks_data_is_not(shadow: Shadow, script: str, broken: dict[str, str]) -> None:
    with shadow.statements() as old:
        assert old.prepare(ALL) == ()
        shadow.run(script)
        assert {statement: sqlstate for statement, sqlstate, _ in old.broken()} == broken


def test_a_statement_that_cannot_be_prepared_before_the_script_is_left_out(shadow: Shadow) -> None:
    with shadow.statements() as old:
        left_out = dict(
            old.prepare(["select nothing_of_that_name from users", "set search_path = ''", "listen x", "select 1", ""])
        )
        assert set(left_out) == {"select nothing_of_that_name from users", "set search_path = ''", "listen x", ""}
        assert "does not exist" in left_out["select nothing_of_that_name from users"]
        assert old.broken() == ()


def test_nothing_that_an_old_statement_does_stays(shadow: Shadow) -> None:
    with shadow.statements() as old, shadow.session() as session:
        assert old.prepare(["insert into users (id, name) values ($1, $2)", "select pg_advisory_lock($1)"]) == ()
        assert old.broken() == ()
        for condition in ("not exists (select from users)", "not exists (select from pg_locks where locktype = 'advisory')"):
            assert session.execute(f"do $$ begin assert {condition}; end $$").failure is None


def test_an_old_statement_that_meets_a_lock_is_not_called_broken(shadow: Shadow) -> None:
    with shadow.statements() as old, shadow.session() as session:
        assert old.prepare([READS_ALL]) == ()
        session.execute("begin")
        session.execute("lock table users")
        assert old.broken() == ()
        session.execute("rollback")
