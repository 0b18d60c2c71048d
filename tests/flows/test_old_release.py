"""A forecast says which statements of the running release break, since which statement of the script, and on what it stands."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.release_statements import read_release_statements
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Forecast
from lockage.core.migration.formats import plain
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.script import read_migrations
from lockage.core.release.statements import OldStatement, RunningRelease
from lockage.flows.forecast import forecast_database, forecast_folder
from lockage.settings import Watching

pytestmark = pytest.mark.real

SCHEMA = """
    create table users (id bigint primary key, name text, email varchar(50));
    create table keys (id bigint primary key, user_id bigint references users, secret text);
"""

FILES = {
    "1_schema.sql": SCHEMA.encode(),
    "2_first.sql": b"""begin;
set local search_path = public;
create index on users (name);
alter table keys drop column secret;
commit;""",
    "3_second.sql": b"""insert into users values (1, 'a', 'b');

alter table users add column more text;
select 1;""",
    "4_third.sql": b"""do $$ begin
  alter table users alter column email type varchar(20);
end $$;
create unique index on users (name);""",
}

SECRETS = tuple(f"select secret from keys where id = {number}" for number in range(6))
STAR = "select * from users"
INSERTS = "insert into users (id, name, email) values ($1, $2, $3)"
NAMES = "update users set name = $1 where id = $2"


def forecast(*statements: str, transaction: Transaction | None = None) -> Forecast:
    return forecast_folder(
        read_migrations(FILES, form=plain.FORMAT),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=1,
        transaction=transaction,
        statements=statements,
    )


@pytest.mark.parametrize("transaction", ["whole", "file", "statement"])
def test_each_break_has_the_place_behind_which_it_begins(transaction: Transaction) -> None:
    found = forecast(*SECRETS, STAR, INSERTS, NAMES, "select id from users", transaction=transaction)
    places = {broken.query: (broken.file, broken.line) for broken in (*found.broken, *found.may_break)}
    assert places == {
        **dict.fromkeys(SECRETS, ("2_first.sql", 4)),
        STAR: ("3_second.sql", 3),
        INSERTS: ("4_third.sql", 1),
        NAMES: ("4_third.sql", 4),
    }
    assert [broken.query for broken in found.may_break] == [NAMES]
    assert not any("was not found" in sentence for sentence in found.assumptions)


def test_breaks_with_one_message_have_places_of_their_own() -> None:
    tables = [f"t{number}" for number in range(6)]
    files = {
        "1_schema.sql": "\n".join(f"create table {table} (id bigint, a text);" for table in tables).encode(),
        "2_more.sql": "\n".join(f"alter table {table} add column b text;" for table in tables).encode(),
    }
    stars = {
        f"select * from {table} where {number} = {number}": line for line, table in enumerate(tables, 1) for number in range(4)
    }
    found = forecast_folder(
        read_migrations(files, form=plain.FORMAT),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=1,
        statements=tuple(stars),
    )
    assert {each.query: each.line for each in found.broken} == stars


@pytest.mark.parametrize("length", [150, 144])  # 144 are twelve parts of twelve
def test_the_place_is_found_in_a_long_script_too(length: int) -> None:
    lines = [f"alter table users add column c{number} text;" for number in range(length)]
    lines[40] = "alter table keys drop column secret;"
    lines[41] = "alter table keys rename to locks;"
    lines[-1] = "create unique index on users (name);"
    files = {"1_schema.sql": SCHEMA.encode(), "2_long.sql": "\n".join(lines).encode()}
    found = forecast_folder(
        read_migrations(files, form=plain.FORMAT),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=1,
        statements=(SECRETS[0], STAR, "select user_id from keys", NAMES),
    )
    assert {broken.query: broken.line for broken in (*found.broken, *found.may_break)} == {
        SECRETS[0]: 41,
        STAR: 1,
        "select user_id from keys": 42,
        NAMES: length,
    }


def test_a_script_without_harm_says_in_how_many_statements_no_break_was_found() -> None:
    found = forecast("select id from users", "listen x", "select nothing")
    assert found.broken == found.may_break == ()
    assert found.old_release is not None
    assert (found.old_release.checked, found.old_release.statements) == (1, 3)
    assert sum(sentence.startswith("not checked: 1 of 3 ") for sentence in found.assumptions) == 2


@pytest.fixture(scope="module")
def production() -> Iterator[Server]:
    """A database with an application's role, rows, and statements that were counted."""
    with throwaway(settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as session:
            session.execute("create extension pg_stat_statements; create role app login; create role owner login")
            session.execute(SCHEMA)
            session.execute("insert into users select n, 'n' || n, 'e' from generate_series(1, 20000) as n; analyze")
            session.execute("alter table users owner to owner; alter table keys owner to owner")
            session.execute("grant select, insert, update, delete on users, keys to app; select pg_stat_statements_reset()")
        with psycopg.connect(server.url(user="app"), autocommit=True) as session:
            session.execute("insert into keys values (1, 1, 'x')")
            session.execute("select count(*) from users where name like 'a%'")
            session.execute("update users set name = 'z' where id = 7")
        yield server


def test_what_production_has_counted_is_checked_as_the_role_that_sent_it(production: Server) -> None:
    release = read_release_statements(production.url(), watching=Watching())
    found = forecast_database(
        read_migrations({"1_a.sql": b"select 1;\nrevoke update on users from app;"}, form=plain.FORMAT),
        url=production.url(),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        statements=release,
    )
    assert [(broken.query, broken.sqlstate, broken.line) for broken in found.broken] == [
        ("update users set name = $1 where id = $2", "42501", 2)
    ]
    assert found.old_release is not None
    assert found.old_release.source == "pg_stat_statements"
    assert found.old_release.since == release.since is not None


def test_production_that_does_not_say_who_asks_is_asked_as_whoever_we_are(production: Server) -> None:
    found = forecast_database(
        read_migrations({"1_a.sql": b"revoke update on users from app;"}, form=plain.FORMAT),
        url=production.url(user="app"),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        statements=RunningRelease(
            statements=tuple(OldStatement(text=text) for text in ("update users set name = $1", "select id from users"))
        ),
    )
    assert [broken.sqlstate for broken in found.broken] == ["42501"]
