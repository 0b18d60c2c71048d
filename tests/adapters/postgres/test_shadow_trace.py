"""What a traced statement is seen to hold, plan and change; the truth is PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.trace import CatalogMark, Observation, ViewBelow
from lockage.ports import Shadow, TracedSession

pytestmark = pytest.mark.real

SCHEMA = """
    create table users (id bigint primary key, name text not null unique, note text);
    create table keys (id bigint primary key, user_id bigint references users, secret text);
    create index keys_user on keys (user_id);
    create view key_names as select keys.id, users.name from keys join users on users.id = keys.user_id;
    create table logs (at date not null, line text) partition by range (at);
    create table logs_old partition of logs for values from ('2020-01-01') to ('2026-01-01');
    create table logs_rest partition of logs default;
    create materialized view totals as select count(*) as n from users;
    create sequence numbers;
"""


CLEAN = """
    drop event trigger if exists stop;
    drop schema if exists public, elsewhere cascade;
    drop role if exists nobody_much;
    create schema public;
"""


@pytest.fixture(scope="module")
def one_shadow() -> Iterator[Shadow]:
    with EmbeddedShadows(statement_limit_s=10).empty() as shadow:
        yield shadow


@pytest.fixture
def shadow(one_shadow: Shadow) -> Shadow:
    one_shadow.run(CLEAN)
    one_shadow.run(SCHEMA)
    return one_shadow


@pytest.fixture
def session(shadow: Shadow) -> Iterator[TracedSession]:
    with shadow.session() as session:
        yield session


def held(observation: Observation, mark: CatalogMark) -> set[tuple[str, str]]:
    """(relation, mode) of all locks, each under the name in ``mark``; what ``mark`` does not know is left out."""
    return {
        (mark.relations[lock.oid].relation.removeprefix("public."), lock.mode)
        for lock in observation.locks
        if lock.oid in mark.relations
    }


def rolled_up(observation: Observation, mark: CatalogMark) -> set[str]:
    """Tables whose users would meet an AccessExclusiveLock of the observation."""
    relations = mark.relations
    return {
        relations[relations[lock.oid].table_oid].relation.removeprefix("public.")
        for lock in observation.locks
        if lock.oid in relations and lock.mode == "AccessExclusiveLock"
    }


def oid_of(mark: CatalogMark, name: str) -> int:
    return next(oid for oid, relation in mark.relations.items() if relation.relation == f"public.{name}")


def test_one_relation_holds_several_modes_at_once(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute("alter table users add column seed float8 default random()")
    assert seen.failure is None
    assert {("users", "AccessExclusiveLock"), ("users", "ShareLock")} <= held(seen, start)


def test_a_foreign_key_locks_both_ends(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute("create table builds (id bigint primary key, key_id bigint references keys)")
    assert ("keys", "ShareRowExclusiveLock") in held(seen, start)


def test_locks_are_those_of_the_statements_own_transaction_only(session: TracedSession) -> None:
    start = session.mark()
    session.execute("alter table users add column a int")
    seen = session.execute("alter table keys add column b int")
    assert held(seen, start) == {("keys", "AccessExclusiveLock")}
    assert not seen.in_transaction


def test_locks_of_an_open_transaction_add_up(session: TracedSession) -> None:
    start = session.mark()
    begun = session.execute("begin")
    assert begun.in_transaction
    session.execute("alter table users add column a int")
    seen = session.execute("alter table keys add column b int")
    assert held(seen, start) == {("users", "AccessExclusiveLock"), ("keys", "AccessExclusiveLock")}
    ended = session.execute("commit")
    assert ended.locks == ()
    assert not ended.in_transaction


def test_the_scripts_own_begin_opens_its_transaction_with_its_options(session: TracedSession) -> None:
    session.execute("begin isolation level serializable")
    seen = session.execute("alter table users add column a int")
    assert seen.in_transaction
    level = session.execute(
        "do $$ begin if current_setting('transaction_isolation') <> 'serializable' then raise 'no'; end if; end $$"
    )
    assert level.failure is None


def test_set_transaction_still_comes_before_any_query(session: TracedSession) -> None:
    session.execute("begin")
    session.execute("set local lock_timeout = '5s'")
    seen = session.execute("set transaction isolation level serializable")
    assert seen.failure is None


def test_a_rollback_to_a_savepoint_gives_locks_and_names_back(session: TracedSession) -> None:
    start = session.mark()
    session.execute("begin")
    session.execute("savepoint s")
    renamed = session.execute("alter table users rename to people")
    assert ("users", "AccessExclusiveLock") in held(renamed, start)
    assert renamed.mark is not None
    assert renamed.mark.relations[oid_of(start, "users")].relation == "public.people"
    back = session.execute("rollback to s")
    assert ("users", "AccessExclusiveLock") not in held(back, start)
    assert back.mark == start


def test_a_rename_is_followed_by_oid(session: TracedSession) -> None:
    start = session.mark()
    session.execute("begin")
    session.execute("alter table users rename to people")
    seen = session.execute("alter table people set schema public")
    assert ("users", "AccessExclusiveLock") in held(seen, start)
    moved = session.execute("create schema elsewhere")
    assert moved.mark is None
    moved = session.execute("alter table people set schema elsewhere")
    assert moved.mark is not None
    assert moved.mark.relations[oid_of(start, "users")].relation == "elsewhere.people"


def test_index_and_toast_locks_belong_to_their_table(session: TracedSession) -> None:
    mark = session.mark()
    index = mark.relations[oid_of(mark, "keys_user")]
    assert (index.table_oid, index.owner_oid) == (oid_of(mark, "keys"), oid_of(mark, "keys"))
    assert rolled_up(session.execute("drop index keys_user"), mark) == {"keys"}
    toast = next(r for r in mark.relations.values() if r.kind == "t" and r.table_oid == oid_of(mark, "users"))
    toast_index = next(r for r in mark.relations.values() if r.kind == "i" and r.relation == f"{toast.relation}_index")
    assert toast_index.owner_oid == oid_of(mark, "users")


def test_a_partition_belongs_to_its_root_and_its_index_to_the_partition(session: TracedSession) -> None:
    session.execute("create index logs_at on logs (at)")
    mark = session.mark()
    root, leaf = oid_of(mark, "logs"), oid_of(mark, "logs_old")
    assert mark.relations[leaf].table_oid == root
    assert mark.relations[leaf].parent_oids == (root,)
    index = mark.relations[oid_of(mark, "logs_old_at_idx")]
    assert (index.table_oid, index.owner_oid) == (root, leaf)
    seen = session.execute("create table logs_new partition of logs for values from ('2026-01-01') to ('2027-01-01')")
    assert ("logs_rest", "AccessExclusiveLock") in held(seen, mark)


def test_remaking_a_view_locks_the_view(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute("drop view key_names")
    assert ("key_names", "AccessExclusiveLock") in held(seen, start)
    assert seen.mark is not None
    assert oid_of(start, "key_names") not in seen.mark.relations


def test_a_rewrite_and_a_truncate_change_the_file_and_adding_a_column_does_not(session: TracedSession) -> None:
    start = session.mark()
    users = oid_of(start, "users")
    added = session.execute("alter table users add column a int default 1")
    assert added.mark is None or added.mark.relations[users].relfilenode == start.relations[users].relfilenode
    rewritten = session.execute("alter table users alter column a type text")
    assert rewritten.mark is not None
    assert rewritten.mark.relations[users].relfilenode != start.relations[users].relfilenode
    truncated = session.execute("truncate users cascade")
    assert truncated.mark is not None
    assert truncated.mark.relations[users].relfilenode != rewritten.mark.relations[users].relfilenode


def test_dml_leaves_the_catalog_as_it_was(session: TracedSession) -> None:
    session.execute("alter table users add column a int")
    for statement in ("insert into users values (1, 'a')", "update users set note = ''", "select 1", "delete from users"):
        assert session.execute(statement).mark is None


@pytest.mark.parametrize(
    "statement",
    [
        "create index concurrently keys_secret on keys (secret)",
        "create index concurrently on keys (secret)",
        "drop index concurrently keys_user",
        "reindex index concurrently keys_user",
        "reindex table concurrently keys",
        "vacuum keys",
        "analyze keys",
    ],
)
def test_a_statement_that_refuses_a_transaction_shows_what_it_asks_for(session: TracedSession, statement: str) -> None:
    start = session.mark()
    seen = session.execute(statement)
    assert seen.failure is None
    assert seen.ran_outside == (not statement.startswith("analyze"))
    assert held(seen, start) >= {("keys", "ShareUpdateExclusiveLock")}
    assert not {mode for name, mode in held(seen, start) if mode == "AccessExclusiveLock"}
    assert not {name for name, _ in held(seen, start)} & {"users", "logs"}


def test_vacuum_full_is_seen_to_lock_out_everybody(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute("vacuum full keys")
    assert ("keys", "AccessExclusiveLock") in held(seen, start)
    assert seen.mark is not None
    assert seen.mark.relations[oid_of(start, "keys")].relfilenode != start.relations[oid_of(start, "keys")].relfilenode


def test_detaching_a_partition_concurrently_ends_and_shows_what_it_asks_for(shadow: Shadow, session: TracedSession) -> None:
    shadow.run("drop table logs_rest")  # with a default partition it is refused
    start = session.mark()
    seen = session.execute("alter table logs detach partition logs_old concurrently")
    assert seen.failure is None
    assert {("logs", "ShareUpdateExclusiveLock"), ("logs_old", "AccessExclusiveLock")} <= held(seen, start)
    assert ("logs", "AccessExclusiveLock") not in held(seen, start)
    assert seen.mark is not None
    leaf = oid_of(start, "logs_old")
    assert seen.mark.relations[leaf].table_oid == leaf


def test_what_a_script_leaves_open_ends_with_the_session(shadow: Shadow) -> None:
    with shadow.session() as session:
        session.execute("begin")
        session.execute("create table left_open (id int)")
    assert "public.left_open" not in {relation.relation for relation in shadow.relations()}


def test_a_procedure_that_commits_is_seen_at_each_table(session: TracedSession) -> None:
    session.execute(
        "create procedure purge() language plpgsql as "
        "$$ begin delete from keys; commit; lock table users in share mode; commit; end $$"
    )
    start = session.mark()
    seen = session.execute("call purge()")
    assert seen.failure is None
    assert seen.ran_outside
    assert {("keys", "RowExclusiveLock"), ("users", "ShareLock")} <= held(seen, start)


def test_what_a_procedure_does_behind_a_long_loop_is_seen(session: TracedSession) -> None:
    session.execute(
        "create procedure backfill() language plpgsql as $$ begin "
        "for i in 1..30 loop update users set note = ''; delete from keys; commit; end loop; "
        "create index on users (note); alter table keys add column extra int; end $$"
    )
    start = session.mark()
    seen = session.execute("call backfill()")
    assert seen.failure is None
    assert seen.ran_outside
    assert {("users", "ShareLock"), ("keys", "AccessExclusiveLock")} <= held(seen, start)


def test_the_gates_are_gone_after_a_statement_outside(shadow: Shadow, session: TracedSession) -> None:
    session.execute("create index concurrently on keys (secret)")
    session.execute("create index concurrently on keys (nothing_of_that_name)")
    for table in ("users", "keys", "logs", "logs_old"):
        shadow.run(f"truncate {table} cascade")


def test_refusing_a_transaction_inside_one_is_a_failure_as_in_production(session: TracedSession) -> None:
    session.execute("begin")
    seen = session.execute("create index concurrently on keys (secret)")
    assert seen.failure is not None
    assert seen.failure.sqlstate == "25001"
    assert not seen.ran_outside


@pytest.mark.parametrize("statement", ["savepoint s", "lock table users", "declare c cursor for select 1"])
def test_what_needs_a_transaction_fails_outside_one(session: TracedSession, statement: str) -> None:
    seen = session.execute(statement)
    assert seen.failure is not None
    assert seen.failure.sqlstate == "25P01"
    assert seen.locks == ()


def test_dml_inside_a_do_block_shows_in_the_plans(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute("do $$ begin update keys set secret = 'x' where id = 1; delete from users; end $$")
    operations = [(plan["Plan"]["Operation"], plan["Plan"]["Relation OID"]) for plan in seen.plans]  # type: ignore[index]
    assert operations == [("Update", oid_of(start, "keys")), ("Delete", oid_of(start, "users"))]


def test_plans_of_renamed_relations_keep_their_oid(session: TracedSession) -> None:
    start = session.mark()
    seen = session.execute(
        "do $$ begin update keys set secret = ''; alter table keys rename to tokens; update tokens set id = 1; end $$"
    )
    updated = [plan["Plan"]["Relation OID"] for plan in seen.plans if plan["Plan"]["Node Type"] == "ModifyTable"]  # type: ignore[index]
    assert updated == [oid_of(start, "keys")] * 2


@pytest.mark.parametrize(
    "setting", ["set client_min_messages = error", "set client_min_messages to warning", "reset all", "discard all"]
)
def test_a_script_that_wants_peace_is_planned_all_the_same(session: TracedSession, setting: str) -> None:
    assert session.execute(setting).failure is None
    assert len(session.execute("update users set note = ''").plans) == 1


def test_notices_of_the_script_are_no_plans(session: TracedSession) -> None:
    assert session.execute("do $$ begin raise warning 'duration: 1 ms  plan: no'; raise notice 'hello'; end $$").plans == ()


def test_a_failed_statement_is_an_observation_and_the_session_lives_on(session: TracedSession) -> None:
    seen = session.execute("alter table users drop column nothing_of_that_name")
    assert seen.failure is not None
    assert seen.failure.sqlstate == "42703"
    assert not seen.in_transaction
    assert session.execute("select 1").failure is None


def test_a_failure_aborts_the_open_transaction_until_it_is_rolled_back(session: TracedSession) -> None:
    start = session.mark()
    session.execute("begin")
    session.execute("alter table users rename to people")
    assert session.execute("select 1/0").in_transaction
    again = session.execute("select 1")
    assert again.failure is not None
    assert again.failure.sqlstate == "25P02"
    ended = session.execute("rollback")
    assert not ended.in_transaction
    assert ended.mark == start


def test_a_failure_behind_a_savepoint_keeps_the_locks_before_it(session: TracedSession) -> None:
    start = session.mark()
    session.execute("begin")
    session.execute("alter table users add column a int")
    session.command("savepoint lockage_before")
    failed = session.execute("select 1/0")
    assert ("users", "AccessExclusiveLock") in held(failed, start)
    session.command("rollback to lockage_before")
    session.command("release lockage_before")
    assert session.execute("select 1").failure is None


FAILING = (
    "alter table nowhere add column a int",
    "insert into users (id, name) values (1, 'x'), (1, 'x')",
    "do $$ begin create table half_made (id int); alter table keys rename to half_named; raise exception 'no'; end $$",
)


def test_behind_a_failure_that_was_taken_back_nothing_is_read_anew(session: TracedSession) -> None:
    session.execute("begin")
    session.execute("alter table users rename to people")
    for statement in FAILING:
        before, rules = session.mark(), session.rules()
        session.command("savepoint ours")
        assert session.execute(statement).failure is not None
        session.command("rollback to savepoint ours")
        session.command("release savepoint ours")
        assert session.mark() is before
        assert session.rules() is rules


def test_what_a_script_does_behind_failures_that_were_taken_back_is_seen(shadow: Shadow, session: TracedSession) -> None:
    session.execute("begin")
    for number, statement in enumerate(FAILING):
        session.command("savepoint ours")
        assert session.execute(statement).failure is not None
        session.command("rollback to savepoint ours")
        session.execute(f"create table made{number} (id int primary key, user_id bigint references users)")
        session.command("release savepoint ours")
    session.execute("alter table keys rename to secrets")
    mark, rules = session.mark(), session.rules()
    session.execute("commit")
    with shadow.session() as another:
        assert dict(another.mark().relations) == dict(mark.relations)
        assert sorted(map(repr, another.rules().foreign_keys)) == sorted(map(repr, rules.foreign_keys))


def test_a_statement_past_its_limit_is_cancelled() -> None:
    with EmbeddedShadows(statement_limit_s=0.3).empty() as shadow, shadow.session() as session:
        seen = session.execute("select pg_sleep(60)")
        assert seen.failure is not None
        assert seen.failure.sqlstate == "57014"
        session.execute("set statement_timeout = 0")
        assert session.execute("do $$ begin loop perform 1; end loop; end $$").failure is not None
        assert session.execute("select 1").failure is None


def test_a_session_that_ends_itself_is_a_failure(session: TracedSession) -> None:
    seen = session.execute("do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$")
    assert seen.failure is not None
    assert seen.failure.sqlstate == "57P01"
    after = session.execute("select 1")
    assert after.failure is not None
    assert after.failure.sqlstate == "08003"


def test_search_path_role_and_event_triggers_do_not_disturb_the_reading(session: TracedSession) -> None:
    start = session.mark()
    session.execute("create role nobody_much")
    session.execute("create function stop() returns event_trigger language plpgsql as $$ begin raise 'no more'; end $$")
    session.execute("begin")
    session.execute("set local search_path = ''")
    session.execute("alter table public.users add column a int")
    seen = session.execute("set local role nobody_much")
    assert ("users", "AccessExclusiveLock") in held(seen, start)
    session.execute("reset role")
    session.execute("create event trigger stop on ddl_command_end execute function public.stop()")
    seen = session.execute("alter table public.users rename to people")
    assert seen.failure is not None
    assert "no more" in seen.failure.message


def test_a_copy_without_data_does_not_hang(session: TracedSession) -> None:
    start = session.mark()
    assert ("users", "RowExclusiveLock") in held(session.execute("copy users from stdin"), start)
    assert ("users", "AccessShareLock") in held(session.execute("copy users to stdout"), start)


def test_inner_statements_are_those_that_ran(session: TracedSession) -> None:
    seen = session.execute(
        "do $$ begin if false then delete from users; end if; alter table keys add column a int; update keys set a = 7; end $$",
        inner=True,
    )
    assert seen.inner is not None
    assert [text.split()[0] for text in seen.inner] == ["alter", "update"]
    assert session.execute("select 1").inner is None
    assert session.execute("select 1", inner=True).inner == ()


def test_the_rules_of_an_open_transaction_are_seen(session: TracedSession) -> None:
    session.execute("begin")
    assert session.rules().triggers == ()
    session.execute("create function touch() returns trigger language plpgsql as $$ begin return new; end $$")
    session.execute("create trigger touched before insert or update of secret on keys for each row execute function touch()")
    mark, rules = session.mark(), session.rules()
    (trigger,) = rules.triggers
    assert trigger.table_oid == oid_of(mark, "keys")
    assert (trigger.row_level, set(trigger.events), trigger.columns) == (True, {"INSERT", "UPDATE"}, ("secret",))
    assert trigger.before
    assert [routine.routine for routine in rules.routines] == ["public.touch"]
    (key,) = rules.foreign_keys
    assert (key.child_oid, key.parent_oid) == (oid_of(mark, "keys"), oid_of(mark, "users"))
    assert (key.child_columns, key.parent_columns, key.on_delete) == (("user_id",), ("id",), "a")
    assert set(rules.views[oid_of(mark, "key_names")]) == {oid_of(mark, "keys"), oid_of(mark, "users")}
    assert set(rules.unique_keys[oid_of(mark, "users")]) == {("id",), ("name",)}
    session.execute("drop trigger touched on keys; create trigger after after insert on keys execute function touch()")
    assert [(trigger.row_level, trigger.before) for trigger in session.rules().triggers] == [(False, False)]
    session.execute("rollback")
    assert session.rules().triggers == ()


def test_views_through_which_rows_change_are_known_with_the_columns_below(session: TracedSession) -> None:
    session.execute("begin")
    session.execute("create view plain as select name as called, id, upper(note) from users")
    session.execute("create view few_users as select id, called from plain where id in (select user_id from keys)")
    session.execute("create view odd as select id, (select max(id) from keys) from users")
    session.execute("create rule instead as on update to few_users do instead delete from logs")
    session.execute("alter table users rename name to login")
    mark, below = session.mark(), session.rules().views_below
    assert below[oid_of(mark, "plain")] == (
        ViewBelow(table_oid=oid_of(mark, "users"), columns=("login", "id", None), filtered=False),
    )
    assert below[oid_of(mark, "few_users")] == (
        ViewBelow(table_oid=oid_of(mark, "plain"), columns=("id", "called"), filtered=True),
    )
    assert not {oid_of(mark, "odd"), oid_of(mark, "key_names")} & set(below)
    assert oid_of(mark, "logs") not in session.rules().views[oid_of(mark, "few_users")]


def test_sequences_are_known_by_the_tables_that_use_them(session: TracedSession) -> None:
    session.execute("alter table users alter column id set default nextval('numbers')")
    session.execute("create table more (id int generated always as identity, x int)")
    mark, rules = session.mark(), session.rules()
    assert rules.sequences[oid_of(mark, "numbers")] == (oid_of(mark, "users"),)
    assert rules.sequences[oid_of(mark, "more_id_seq")] == (oid_of(mark, "more"),)
    assert rules.defaults[oid_of(mark, "users")] == ("id",)
    assert rules.defaults[oid_of(mark, "more")] == ("id",)


def test_views_that_read_only_the_table_itself_are_known(session: TracedSession) -> None:
    session.execute("begin")
    session.execute("create table heirs () inherits (users)")
    session.execute("create view alone as select id from only users where exists (select from only users)")
    session.execute("create view twice as select a.id from only users a join users b tablesample system (10) using (id)")
    session.execute("create view deep as select id from only users where exists (select from users)")
    mark, rules = session.mark(), session.rules()
    assert rules.views_of_only == {oid_of(mark, "alone"): (oid_of(mark, "users"),)}


def test_columns_that_every_row_must_be_given_are_known(session: TracedSession) -> None:
    session.execute("begin")
    session.execute("create domain code as text default 'x'")
    session.execute(
        "create table more (id int generated always as identity, given int not null, filled int not null default 1, free int,"
        " coded code not null, reckoned int not null generated always as (1) stored, primary key (id))"
    )
    session.execute("create view shown as select given from more")
    mark = session.mark()
    assert session.rules().required[oid_of(mark, "more")] == ("given",)
    assert oid_of(mark, "shown") not in session.rules().required
    assert set(session.rules().not_null[oid_of(mark, "more")]) == {"id", "given", "filled", "coded", "reckoned"}
    session.execute("alter table more alter column given set default 7")
    assert oid_of(mark, "more") not in session.rules().required


def test_a_foreign_key_that_only_the_commit_looks_at_is_known(session: TracedSession) -> None:
    assert {key.deferred for key in session.rules().foreign_keys} == {False}
    session.execute("begin")
    (key,) = session.rules().foreign_keys
    session.execute(f"alter table keys alter constraint {key.name} deferrable initially deferred")
    assert {key.deferred for key in session.rules().foreign_keys} == {True}


def test_nothing_of_ours_shows_in_the_shadows_catalog() -> None:
    with EmbeddedShadows().empty() as shadow, shadow.session() as session:
        assert session.mark().relations == {}
        assert session.rules().routines == ()
        seen = session.execute(
            "do $$ begin assert (select count(*) from pg_extension) = 1;"
            " assert (select count(*) from information_schema.tables where table_schema = 'public') = 0; end $$"
        )
        assert seen.failure is None


def test_an_earlier_migration_runs_whole_or_by_statements(shadow: Shadow) -> None:
    shadow.run("begin; create table one (id int); commit; create index concurrently on one (id); vacuum one;")
    shadow.run("create table two (id int); set local lock_timeout = 1; insert into two values (1)")
    with shadow.session() as session:
        names = {relation.relation for relation in session.mark().relations.values()}
    assert {"public.one", "public.one_id_idx", "public.two"} <= names
    assert {relation.relation for relation in shadow.relations()} >= {"public.one", "public.two", "public.logs_old"}


def test_settings_of_one_earlier_migration_do_not_reach_the_next(shadow: Shadow) -> None:
    shadow.run("select set_config('search_path', '', false); create table public.first (id int)")
    shadow.run("create table second (id int)")
    assert "public.second" in {relation.relation for relation in shadow.relations()}
