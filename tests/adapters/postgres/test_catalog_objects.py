"""The catalog as data, from a real server: what is read, that repairs repair, and that what may differ does not show."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from lockage.adapters.postgres.catalog_objects import read_catalog
from lockage.core.catalog.drift import drifts
from lockage.core.catalog.objects import Catalog, catalog_of

pytestmark = pytest.mark.real

SCHEMA = """
create type mood as enum ('sad', 'ok', 'happy');
create sequence tickets increment 5;
create table orgs (id bigint generated always as identity primary key, name text not null unique);
create table users (
    id serial primary key, org_id bigint references orgs (id), email text not null default 'none', feeling mood,
    age int check (age > 0), doubled int generated always as (age * 2) stored
);
create index users_email on users (lower(email));
create unique index users_both on users (org_id, email) where age > 3;
create function touch() returns trigger language plpgsql as $$ begin new.age := 1; return new; end $$;
create trigger touching before update on users for each row execute function touch();
create view adults as select id, email from users where age > 17;
create materialized view names as select name from orgs;
create table events (at timestamptz not null, id bigint) partition by range (at);
create table events_old partition of events for values from (minvalue) to ('2026-01-01');
create index on events (id);
"""

CHANGES = {
    "missing column": ("alter table users drop column age cascade", "column age of public.users is missing (integer"),
    "extra column": ("alter table users add extra text", "column extra of public.users is there, and no migration makes it"),
    "type": ("alter table orgs alter id type int", "column id of public.orgs has the type integer, expected bigint"),
    "default": ("alter table users alter email drop default", "has the default (none), expected 'none'::text"),
    "nullability": ("alter table users alter email drop not null", "email of public.users is nullable, expected not null"),
    "missing index": ("drop index users_email", "index public.users_email is missing"),
    "other index": (
        "drop index users_email; create index users_email on users (email)", "index public.users_email has the definition"
    ),
    "extra unique index": ("create unique index surprise on users (age)", "index public.surprise on public.users is there"),
    "constraint": ("alter table users drop constraint users_age_check", "constraint users_age_check of public.users is m"),
    "not valid": (
        "alter table users drop constraint users_age_check;"
        "alter table users add constraint users_age_check check (age > 0) not valid",
        "constraint users_age_check of public.users is not validated",
    ),
    "trigger": ("drop trigger touching on users", "trigger touching of public.users is missing"),
    "disabled": ("alter table users disable trigger touching", "is disabled, expected enabled"),
    "body": (
        "create or replace function touch() returns trigger language plpgsql as $$ begin return new; end $$",
        "function public.touch() has another body",
    ),
    "enum": ("alter type mood rename value 'ok' to 'fine'", "enum public.mood lacks the value 'ok'"),
    "sequence": ("alter sequence tickets increment 1", "has the increment 1, expected 5"),
    "view": ("create or replace view adults as select id, email from users where age > 20", "view public.adults asks"),
    "materialized": ("drop materialized view names", "view public.names is missing"),
    "table": ("drop table events", "table public.events is missing"),
}  # fmt: skip


@pytest.fixture
def fresh(database_url: str) -> Callable[[], psycopg.Connection]:
    def connect() -> psycopg.Connection:
        return psycopg.connect(database_url, autocommit=True)

    return connect


def catalog(session: psycopg.Connection) -> Catalog:
    return catalog_of(read_catalog(session))


def made(session: psycopg.Connection) -> Catalog:
    session.execute(SCHEMA)
    return catalog(session)


def test_the_same_schema_shows_no_drift_whatever_the_search_path(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        expected = made(session)
        session.execute("set search_path = pg_temp")
        assert drifts(expected, catalog(session)) == ()


@pytest.mark.parametrize("change", CHANGES)
def test_each_difference_is_said_and_its_repair_ends_it(fresh: Callable[[], psycopg.Connection], change: str) -> None:
    act, sentence = CHANGES[change]
    with closing(fresh()) as session:
        expected = made(session)
        session.execute(act)
        found = drifts(expected, catalog(session))
        assert any(sentence in drift.text for drift in found), [drift.text for drift in found]
        for drift in found:
            for statement in drift.repair:
                session.execute(statement.encode())
        left = drifts(expected, catalog(session))
        # A value of an enum cannot be taken away again.
        assert [d.text for d in left if d.repair or d.harmful] == []


def test_an_invalid_index_is_named_and_built_anew(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        session.execute("create table t (a int)")
        session.execute("create unique index t_a on t (a)")
        expected = catalog(session)
        session.execute("drop index t_a")
        session.execute("insert into t values (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("create unique index concurrently t_a on t (a)")
        (found,) = drifts(expected, catalog(session))
        assert (found.text, found.repair) == (
            "index public.t_a on public.t is invalid", ("REINDEX INDEX CONCURRENTLY public.t_a",),
        )  # fmt: skip
        (left,) = drifts(catalog_of(o for o in expected.values() if o.key.kind != "index"), catalog(session))
        assert left.harmful
        assert left.repair == ("DROP INDEX CONCURRENTLY IF EXISTS public.t_a",)


def test_another_name_is_a_rename_and_harms_nobody(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        expected = made(session)
        session.execute("alter index users_email rename to users_email_idx")
        session.execute("alter table users rename constraint users_age_check to age_positive")
        found = drifts(expected, catalog(session))
        assert {(d.manner, d.harmful) for d in found} == {("renamed", False)}
        for drift in found:
            session.execute(drift.repair[0].encode())
        assert drifts(expected, catalog(session)) == ()


def test_order_of_columns_and_names_of_not_null_constraints_are_nobody_s_drift(
    fresh: Callable[[], psycopg.Connection],
) -> None:
    with closing(fresh()) as session:
        session.execute("create table t (a int not null, b text)")
        expected = catalog(session)
        session.execute("drop table t; create table t (b text, a int constraint other_name not null)")
        assert drifts(expected, catalog(session)) == ()


def test_what_stands_beside_the_application_is_said_and_harms_nobody(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        expected = made(session)
        session.execute("create table somebody_s (a int primary key); create index users_slow on users (age)")
        session.execute("create extension pg_trgm")
        found = drifts(expected, catalog(session))
        assert sorted(d.name for d in found) == ["public.somebody_s", "public.users_slow"]
        assert not any(d.harmful for d in found)


def test_the_ledger_can_be_left_out(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        session.execute("create table schema_migrations (version bigint primary key, dirty boolean not null)")
        kept = catalog_of(read_catalog(session), without="public.schema_migrations")
        assert [str(key) for key in kept] == ["schema public"]


def test_texts_of_two_majors_are_no_proof(fresh: Callable[[], psycopg.Connection]) -> None:
    with closing(fresh()) as session:
        expected = made(session)
        session.execute("create or replace view adults as select id, email from users where age > 20")
        (found,) = drifts(expected, catalog(session), same_major=False)
        assert not found.harmful
        assert "two majors" in found.text
