"""Which statements of the old release break, and which only fail because a shadow has no data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.compatibility import Breaks, Sure, Why
from lockage.core.release.statements import OldStatement
from lockage.ports import OldStatements, Shadow

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


def olds(*texts: str, role: str | None = None) -> list[OldStatement]:
    return [OldStatement(text=text, role=role) for text in texts]


def breaking(old: OldStatements) -> dict[str, str]:
    """What surely fails, with its SQLSTATE."""
    return {each.statement.text: each.sqlstate for each in old.broken().breaks if each.sure is not Sure.POSSIBLE}


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
        assert old.prepare(olds(*ALL)) == ()
        shadow.run(script)
        assert breaking(old) == broken


def test_a_statement_that_cannot_be_prepared_before_the_script_is_left_out(shadow: Shadow) -> None:
    with shadow.statements() as old:
        left_out = {
            each.statement.text: each
            for each in old.prepare(
                olds("select nothing_of_that_name from users", "set search_path = ''", "listen x", "select 1", "")
            )
        }
        assert {text: each.why for text, each in left_out.items()} == {
            "select nothing_of_that_name from users": Why.FAILS,
            "set search_path = ''": Why.UTILITY,
            "listen x": Why.UTILITY,
            "": Why.UTILITY,
        }
        assert "does not exist" in left_out["select nothing_of_that_name from users"].reason
        assert old.broken() == Breaks()


def test_nothing_that_an_old_statement_does_stays(shadow: Shadow) -> None:
    with shadow.statements() as old, shadow.session() as session:
        assert old.prepare(olds("insert into users (id, name) values ($1, $2)", "select pg_advisory_lock($1)")) == ()
        assert old.broken() == Breaks()
        for condition in ("not exists (select from users)", "not exists (select from pg_locks where locktype = 'advisory')"):
            assert session.execute(f"do $$ begin assert {condition}; end $$").failure is None


def test_an_old_statement_that_meets_a_lock_is_not_called_broken(shadow: Shadow) -> None:
    with shadow.statements() as old, shadow.session() as session:
        assert old.prepare(olds(READS_ALL)) == ()
        session.execute("begin")
        session.execute("lock table users")
        found = old.broken()
        assert found.breaks == ()
        assert [each.why for each in found.unchecked] == [Why.LOCKED]
        session.execute("rollback")


PRINTED = (
    "select now() - interval $1",
    "select date $1, timestamp with time zone $2, time $3",
    "select extract($1 from at) from users where at > now() - interval $2",
    "select count($1), sum($2) from users",
    "select id from users where id = any(array[$1, $2]) and name like $3 || $4 limit $5 offset $6",
    "select jsonb_build_object($1, name) ->> $2, concat($3, $4) from users",
    "select case when age > $1 then $2 else $3 end + $4 from users",
    "update users set age = case when name = $1 then $2 else $3 end",
    "update keys set used = v.used from (values ($1, $2), ($3, $4)) as v (id, used) where keys.id = v.id",
    "insert into users (id, name, tags) select unnest($1::uuid[]), $2, array[$3]",
    "insert into keys (id, user_id) values ($1, $2), ($3, $4) on conflict (id) do update set used = keys.used + $5 returning *",
    "select id from users where mood in ($1, $2) and age between $3 and $4 and name ~ $5",
    "with n as (select $1 as id) select * from keys join n on n.id = keys.id for update of keys skip locked",
    "select $1 + $2, $3 || $4, round($5, $6), greatest($7, age), nullif($8, $9) from users",
    "select * from users where ($1 is null or name = $1) and (mood = $2 or $3)",
    'SELECT "users"."id", "users"."name" FROM "users" WHERE "users"."mail" = $1 ORDER BY "users"."id" ASC LIMIT $2',
    "select generate_series($1, $2), substring(name from $3 for $4), date_trunc($5, at) from users",
    "select id from users where id in ($1 /*, ... */)",
)
"""As pg_stat_statements prints what applications send."""


@pytest.mark.parametrize("statement", PRINTED)
def test_what_pg_stat_statements_prints_is_prepared_and_executed(shadow: Shadow, statement: str) -> None:
    with shadow.statements() as old:
        assert old.prepare(olds(statement)) == ()
        assert old.broken() == Breaks()
        shadow.run("alter table users rename to people; alter table keys rename to secrets")
        assert (statement in breaking(old)) == ("users" in statement or "keys" in statement)


def test_queries_inside_of_cursors_copies_and_calls_are_checked(shadow: Shadow) -> None:
    shadow.run("create procedure use_up(which bigint) language sql as $$ update keys set used = 1 where id = which $$")
    texts = (
        "declare c cursor for select secret from keys",
        "copy keys (id, user_id, secret) from stdin",
        "copy (select secret from keys) to stdout",
        "call use_up($1)",
    )
    with shadow.statements() as old:
        assert old.prepare(olds(*texts)) == ()
        assert old.broken() == Breaks()
        shadow.run("alter table keys drop column secret; drop procedure use_up")
        assert set(breaking(old)) == set(texts)


def test_a_role_is_asked_whether_it_still_may_and_superusers_are_not_taken_for_it(shadow: Shadow) -> None:
    shadow.run(
        "do $$ begin create role reader; exception when duplicate_object then null; end $$; "
        "grant usage on schema public to reader; grant select on keys to reader"
    )
    with shadow.statements() as old:
        read, written = olds("select id from keys", "update keys set used = 1", role="reader")
        assert old.prepare([read, written, *olds("select user_id from keys", role="nobody_knows")]) == ()
        shadow.run("revoke select on keys from reader")
        assert breaking(old) == {"select id from keys": "42501"}


def test_what_reaches_out_of_the_database_is_never_executed_and_what_it_names_is_checked_all_the_same(shadow: Shadow) -> None:
    shadow.run("""
        create table seen (n int);
        create function reach(i int) returns int language plpgsql immutable as
            $$ begin perform pg_read_file('/etc/hostname'); raise 'it was executed'; end $$;
        create function noisy() returns trigger language plpgsql as $$ begin perform reach(1); return new; end $$;
        create trigger noisy before insert on seen for each row execute function noisy();
    """)
    named, written, direct = "select reach(1), id from keys", "insert into seen values ($1)", "select lo_import('/etc/passwd')"
    with shadow.statements() as old:
        assert [each.statement.text for each in old.prepare(olds(named, written, direct))] == [direct]
        assert old.broken() == Breaks()
        shadow.run("alter table keys rename id to number; alter table seen rename n to m")
        assert breaking(old) == {named: "42703"}


def test_a_statement_that_is_only_prepared_differs_from_one_that_is_sent_anew(shadow: Shadow) -> None:
    with shadow.statements() as old:
        old.prepare(olds("select * from keys", "select secret from keys"))
        shadow.run("alter table keys add column more int; alter table keys drop column secret")
        assert {each.statement.text: each.kept_only for each in old.broken().breaks} == {
            "select * from keys": True,
            "select secret from keys": False,
        }


def test_a_search_path_for_sessions_to_come_breaks_those(shadow: Shadow) -> None:
    with shadow.statements() as old:
        old.prepare(olds("select id from keys", "select id from public.keys"))
        shadow.run("alter database postgres set search_path = pg_catalog")
        try:
            found = old.broken().breaks
        finally:
            shadow.run("alter database postgres reset search_path")
    assert [(each.statement.text, each.sqlstate) for each in found] == [("select id from keys", "42P01")]


def test_names_that_an_application_finds_by_a_path_of_its_own_are_looked_for_everywhere(shadow: Shadow) -> None:
    shadow.run("drop schema if exists tenant cascade; create schema tenant; create table tenant.notes (id int, text text)")
    reads, writes = "select text from notes where id = $1", "insert into notes (id, text) values ($1, $2)"
    try:
        with shadow.statements() as old:
            assert [each.why for each in old.prepare(olds(reads, writes, "select 1 from nowhere"))] == [Why.FAILS]
            assert old.broken() == Breaks()
            shadow.run("alter table tenant.notes rename text to body")
            assert breaking(old) == {reads: "42703", writes: "42703"}
    finally:
        shadow.run("drop schema tenant cascade")


def test_row_security_that_hides_rows_silently_is_remarked(shadow: Shadow) -> None:
    with shadow.statements() as old:
        old.prepare(olds("select id from keys"))
        shadow.run("alter table keys enable row level security")
        (remark,) = old.broken().remarks
    assert remark.startswith("row security was switched on for public.keys")


def test_what_began_to_break_is_told_step_by_step(shadow: Shadow) -> None:
    texts = ("select secret from keys", "insert into users (id, name) values ($1, $2)", "select 1")
    steps = ("alter table users add constraint long check (length(name) > 5)", "alter table keys drop column secret")
    with shadow.statements() as old:
        old.prepare(olds(*texts))
        for step in steps:
            shadow.run(step)
        breaks = old.broken().breaks
    assert {each.statement.text for each in breaks} == set(texts[:2])
    shadow.run(SCHEMA)
    with shadow.statements() as old:
        old.prepare([each.statement for each in breaks])
        assert old.begun(breaks) == frozenset()
        shadow.run(steps[0])
        assert {each.statement.text for each in old.begun(breaks)} == {texts[1]}
        shadow.run(steps[1])
        assert old.begun(breaks) == frozenset(breaks)


def test_literals_in_whose_place_other_values_come_are_parameters_that_the_server_types(shadow: Shadow) -> None:
    given = "insert into users (id, name, mood) values ($1, 'Ann', 'glad')"
    with shadow.statements() as old:
        assert old.prepare(olds(given)) == ()
        shadow.run("alter table users add constraint glad check (mood = 'glad' and age is not null)")
        assert breaking(old) == {given: "23514"}


@pytest.fixture
def tenant(shadow: Shadow) -> Iterator[Shadow]:
    """A shadow where a role finds its own table before that of all others."""
    shadow.run("""
        drop schema if exists tenant cascade; create schema tenant;
        create table notes (id int, text text); create table tenant.notes (id int, text text);
        do $$ begin create role lodger; exception when duplicate_object then null; end $$;
        grant usage on schema tenant to lodger; grant all on notes, tenant.notes to lodger;
        alter role lodger set search_path = tenant, public
    """)
    yield shadow
    shadow.run("drop schema tenant cascade; alter role lodger reset all; drop owned by lodger")


def test_names_are_those_of_the_role_that_sends_a_statement(tenant: Shadow) -> None:
    text = "select text from notes where id = 5"
    with tenant.statements() as old:
        assert old.prepare([*olds(text, role="lodger"), *olds(text)]) == ()
        assert old.broken() == Breaks()
        tenant.run("alter table tenant.notes rename text to body")
        assert [(each.statement.role, each.sqlstate) for each in old.broken().breaks] == [("lodger", "42703")]


def test_sessions_of_a_role_that_begin_otherwise_after_the_script_break(tenant: Shadow) -> None:
    reads, writes = "select text from notes", "insert into notes values (1)"
    with tenant.statements() as old:
        old.prepare([*olds(reads, writes, role="lodger"), *olds(reads, writes)])
        tenant.run("alter role lodger set default_transaction_read_only = on")
        assert [(each.statement.role, each.sqlstate) for each in old.broken().breaks] == [("lodger", "25006")]
        tenant.run("alter role lodger reset default_transaction_read_only; alter role lodger set search_path = elsewhere")
        assert {(each.statement.role, each.sqlstate) for each in old.broken().breaks} == {("lodger", "42P01")}


def test_a_function_with_one_name_more_may_break_where_no_type_is_said(shadow: Shadow) -> None:
    shadow.run("create function fee(int) returns int language sql as 'select 1'")
    with shadow.statements() as old:
        old.prepare(olds("select fee($1)", "select fee($1::int)", "select fee(5)"))
        shadow.run("create function fee(bigint) returns int language sql as 'select 1'")
        assert [(each.statement.text, each.sqlstate, each.sure) for each in old.broken().breaks] == [
            ("select fee($1)", "42725", Sure.POSSIBLE)
        ]


def test_a_star_over_a_functions_rows_keeps_its_columns_and_one_over_a_table_does_not(shadow: Shadow) -> None:
    shadow.run("create function all_keys() returns setof keys language sql stable as 'select * from keys'")
    with shadow.statements() as old:
        old.prepare(olds("select * from all_keys()", "select k.*, greet(k.id::text) from keys k"))
        shadow.run("alter table keys add column more int")
        assert breaking(old) == {"select k.*, greet(k.id::text) from keys k": "0A000"}


def test_of_a_statement_that_was_cut_off_the_beginning_is_tried_and_proves_nothing_good(shadow: Shadow) -> None:
    cut, other = "select secret from keys where id = $1 and user_i = '", "select id from keys where secret = 'x"
    with shadow.statements() as old:
        assert old.prepare(olds(cut, other)) == ()
        assert [each.why for each in old.broken().unchecked] == [Why.CUT, Why.CUT]
        shadow.run("alter table keys drop column secret")
        found = old.broken()
    assert [(each.statement.text, each.sqlstate) for each in found.breaks] == [(cut, "42703")]
    assert [(each.statement.text, each.why) for each in found.unchecked] == [(other, Why.CUT)]


@pytest.mark.parametrize(
    ("change", "statement", "message"),
    [
        ("alter table weights alter column weight type bigint", "select id from weights where weight = $1", "bigint"),
        ("alter table weights alter column weight type bigint", "update weights set weight = $1", "bigint"),
        (
            "alter table weights alter column seen_from type cidr using network(seen_from)",
            "update weights set seen_from = $1",
            "cidr",
        ),
        (
            "create type fewer as enum ('glad'); alter table weights alter column mood type fewer using 'glad'::fewer",
            "update weights set mood = $1",
            "sad",
        ),
    ],
)
def test_a_parameter_that_sessions_to_come_send_as_another_type_fails_on_values_that_were_good(
    shadow: Shadow, change: str, statement: str, message: str
) -> None:
    shadow.run("create table weights (id bigint primary key, weight numeric, seen_from inet, mood mood)")
    with shadow.statements() as old:
        assert old.prepare(olds(statement)) == ()
        shadow.run(change)
        (found,) = old.broken().breaks
    assert found.sure in {Sure.VALUES, Sure.CERTAIN}
    assert not found.kept_only
    assert message in found.message or found.sure is Sure.CERTAIN


def test_what_no_session_keeps_prepared_does_not_fail_as_a_kept_plan_does(shadow: Shadow) -> None:
    reads = ("copy keys (used) to stdout", "declare some cursor for select used from keys", "explain select used from keys")
    with shadow.statements() as old:
        assert old.prepare(olds(*reads, "prepare p as select used from keys")) == ()
        shadow.run("alter table keys alter column used type bigint")
        assert breaking(old) == {"prepare p as select used from keys": "0A000"}


def test_what_fails_on_made_up_values_before_the_script_is_said_to_be_half_checked(shadow: Shadow) -> None:
    with shadow.statements() as old:
        assert old.prepare(olds("select id from users where age = $1::text::date - current_date")) == ()
        (remark,) = old.broken().remarks
    assert remark.startswith(
        "of 1 statement of the running release only names and types were checked, since it fails before the script too"
    )


def test_a_new_check_that_a_function_meets_with_made_up_values_may_break_it_and_does_not_surely(shadow: Shadow) -> None:
    shadow.run("""
        create table stock (id bigint primary key, free int not null, taken int not null);
        create function take(which bigint) returns void language sql as
            $$ update stock set taken = taken + 1 where id = which $$;
    """)
    with shadow.statements() as old:
        assert old.prepare(olds("select take($1)")) == ()
        shadow.run("alter table stock add check (taken <= free) not valid")
        assert [each.sure for each in old.broken().breaks] == [Sure.POSSIBLE]


def test_a_trigger_behind_a_foreign_key_to_rows_that_a_check_refuses_is_seen(shadow: Shadow) -> None:
    shadow.run("""
        create domain web_address as text check (value ~ '^http');
        create table sites (id bigint primary key, address web_address not null);
        create table pages (id bigint primary key, site_id bigint not null references sites);
    """)
    insert = "insert into pages (id, site_id) values ($1, $2)"
    with shadow.statements() as old:
        assert old.prepare(olds(insert)) == ()
        shadow.run("""
            create function note() returns trigger language plpgsql as
                $$ begin insert into keys (nobody) values (1); return null; end $$;
            create trigger note after insert on pages for each row execute function note();
        """)
        assert breaking(old) == {insert: "42703"}
