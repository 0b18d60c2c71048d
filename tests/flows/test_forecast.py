"""Forecasts of folders and of live databases, on real shadows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast
from lockage.core.forecast.timeline import BEHIND_UNSEEN
from lockage.core.migration.formats import golang_migrate, goose, plain
from lockage.core.migration.formats.format import Format, Transaction
from lockage.core.migration.script import read_migrations
from lockage.errors import RefusedError, UsageError
from lockage.flows.forecast import forecast_database, forecast_folder
from support.landlock import knows_landlock

pytestmark = pytest.mark.real

SCHEMA = (
    "create table users (id int primary key, name text); create table keys (id int primary key, user_id int references users)"
)


def folder(
    *scripts: str,
    form: Format = plain.FORMAT,
    from_version: int | None = None,
    transaction: Transaction | None = None,
    statements: Sequence[str] = (),
    said: list[str] | None = None,
) -> Forecast:
    suffix = ".up.sql" if form is golang_migrate.FORMAT else ".sql"
    files = {f"{number}_m{suffix}": text.encode() for number, text in enumerate(scripts, start=1)}
    return forecast_folder(
        read_migrations(files, form=form),
        form=form,
        shadows=EmbeddedShadows(),
        narrate=(said if said is not None else []).append,
        from_version=from_version,
        transaction=transaction,
        statements=statements,
    )


def fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(SCHEMA)
        session.execute("insert into users select i, 'x' from generate_series(1, 20000) i")
    # Another session: a session that inserts and analyzes counts its rows twice for a while.
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("analyze users")


def of(forecast: Forecast, name: str) -> RelationForecast:
    return next(relation for relation in forecast.relations if relation.relation == name)


def who(forecast: Forecast) -> dict[str, str]:
    return {relation.relation: relation.blocks.value for relation in forecast.relations}


def test_without_a_start_the_newest_migration_is_forecast_on_the_schema_of_the_earlier_ones() -> None:
    forecast = folder(SCHEMA, "alter table users add column age int")
    assert [migration.version for migration in forecast.script.migrations] == [2]
    assert who(forecast) == {"public.users": "reads", "public.keys": "writes"}
    assert not forecast.unknown


def test_what_the_script_itself_makes_is_not_listed() -> None:
    assert folder(SCHEMA, "alter table users add column age int", from_version=0).relations == ()


def test_the_ledger_of_golang_migrate_is_listed() -> None:
    assert who(folder(SCHEMA, "select 1", form=golang_migrate.FORMAT)) == {"public.schema_migrations": "reads"}


def test_a_schema_migrations_table_of_the_applications_own_is_left_alone() -> None:
    own = "create table schema_migrations (id int primary key, note text)"
    forecast = folder(own, "alter table schema_migrations add column x int", form=golang_migrate.FORMAT, from_version=0)
    assert not forecast.unknown
    assert forecast.relations == ()


def locks(forecast: Forecast) -> list[tuple[str, int, int]]:
    return [(lock.mode, lock.line, lock.transaction) for lock in of(forecast, "public.users").locks]


TWO = "alter table users add column a int;\ncomment on table users is 'x';"


@pytest.mark.parametrize(
    ("transaction", "expected", "transactions"),
    [
        ("whole", [("AccessExclusiveLock", 1, 1), ("ShareUpdateExclusiveLock", 2, 1)], 1),
        ("file", [("AccessExclusiveLock", 1, 1), ("ShareUpdateExclusiveLock", 2, 1)], 2),
        ("statement", [("AccessExclusiveLock", 1, 1), ("ShareUpdateExclusiveLock", 2, 2)], 3),
    ],
)
def test_transactions_are_counted_as_the_model_says(
    transaction: Transaction, expected: list[tuple[str, int, int]], transactions: int
) -> None:
    forecast = folder(SCHEMA, TWO, "select count(*) from keys", from_version=1, transaction=transaction)
    assert locks(forecast) == expected
    assert forecast.transactions == transactions


def test_a_commit_in_a_file_ends_its_transaction_and_what_follows_is_another() -> None:
    forecast = folder(SCHEMA, "begin;\nalter table users add a int;\ncommit;\nalter table users add b int;", from_version=1)
    assert locks(forecast) == [("AccessExclusiveLock", 2, 1), ("AccessExclusiveLock", 4, 2)]


def test_a_lock_of_an_early_migration_lasts_to_the_end_of_one_transaction_for_all() -> None:
    scripts = (SCHEMA, "alter table users add a int", "select pg_sleep(0)", "select 2")
    whole = of(folder(*scripts, from_version=1, transaction="whole"), "public.users").blocked_s
    each = of(folder(*scripts, from_version=1, transaction="file"), "public.users").blocked_s
    assert whole.likely > each.likely


def test_an_index_built_concurrently_works_alone_in_its_file_and_blocks_nobody() -> None:
    forecast = folder(SCHEMA, "create index concurrently on users (name)")
    assert not forecast.unknown
    assert who(forecast) == {"public.users": "none"}
    assert [operation.kind for operation in forecast.operations] == ["index-build", "wait"]


def test_an_index_built_concurrently_beside_another_statement_fails_and_is_unknown() -> None:
    forecast = folder(SCHEMA, "select 1; create index concurrently on users (name)")
    assert "25001" in forecast.unknown[0].reason
    assert forecast.total_s.high is None


def test_a_failing_statement_is_unknown_worst_case_and_the_script_goes_on() -> None:
    forecast = folder(SCHEMA, "alter table keys add column id int;\nalter table users add column a int;")
    assert [(unknown.line, "42701" in unknown.reason) for unknown in forecast.unknown] == [(1, True)]
    assert who(forecast)["public.keys"] == who(forecast)["public.users"] == "reads"
    assert of(forecast, "public.keys").locks == ()


def test_a_missing_parents_row_is_no_unknown() -> None:
    forecast = folder(SCHEMA, "insert into keys values (1, 7)")
    assert not forecast.unknown
    assert who(forecast) == {"public.keys": "none", "public.users": "rows"}
    assert "nobody else writes the unique keys that the script inserts meanwhile: public.keys" in forecast.assumptions


def test_what_reaches_outside_is_never_executed_also_in_earlier_migrations() -> None:
    forecast = folder(SCHEMA + "; copy users to program 'false'", "copy users from program 'false'")
    assert [unknown.reason for unknown in forecast.unknown] == ["not executed: it runs a program on the server"]
    assert any("reaches out of the database" in sentence for sentence in forecast.assumptions)


@pytest.mark.parametrize(
    ("made", "script"),
    [
        ("create table t (id int, a int default f(1))", "insert into t (id) values (1)"),
        ("create table t (id int check (f(id) > 0))", "insert into t values (1)"),
        ("create table t (id int check (f(id) > 0))", "alter table t alter id type bigint"),
        ("create table t (id int, a int generated always as (f(id)) stored)", "insert into t values (1)"),
        ("create view t as select f(1) as a", "create table u as select * from t"),
        ("create table t (id int, a int default f(1))", "do $$ begin insert into t (id) values (1); end $$"),
        ("create table t (id int, a int default f(1)); create view v as select * from t", "insert into v (id) values (1)"),
        (
            "create table p (id int, a int default f(1)) partition by list (id); create table t partition of p default",
            "insert into p (id) values (1)",
        ),
        ("create domain d as int check (f(value) > 0); create table t (id d)", "insert into t values (1)"),
    ],
)
def test_what_a_table_of_the_schema_runs_by_itself_reaches_nothing_outside(made: str, script: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    mark = tmp_path / "touched"
    body = f"begin copy (select 1) to '{mark}'; return 1; end"
    forecast = folder(f"create function f(n int) returns int language plpgsql immutable as $$ {body} $$; {made}", script)
    assert not mark.exists()
    assert forecast.unknown[0].reason.startswith("not executed: it uses ")


REACHING = (
    "create function g0() returns int language plpgsql as $$ begin copy (select 1) to program 'touch {mark}'; return 1; end $$;"
    "create function f(n int) returns int language plpgsql immutable as $$ begin perform public.g0(); return 1; end $$;"
)
"""A function f that any expression may call, and that touches a file."""


@pytest.mark.parametrize(
    ("made", "script"),
    [
        ("create view v as select f(1) as a", "create view w as select * from v; create table u as select * from w"),
        (
            "create extension file_fdw; create server s foreign data wrapper file_fdw",
            "create foreign table t (a text) server s options (program 'touch {mark}'); create view v as select * from t; "
            "select * from v",
        ),
        (
            "create extension file_fdw; create server s foreign data wrapper file_fdw",
            "create foreign table t (a text) server s options (program 'touch {mark}'); analyze t",
        ),
        (
            "create table t (id int)",
            "create function g() returns trigger language plpgsql as $$ begin copy (select 1) to program 'touch {mark}'; end $$"
            "; create trigger r before truncate on t for each statement execute function g(); truncate t",
        ),
    ],
)
def test_what_the_script_itself_makes_reaches_nothing_outside(made: str, script: str, outside: Path) -> None:
    assert "not executed: it uses " in reasons_of_untaken(made, script, outside)


@pytest.mark.parametrize(
    ("made", "script"),
    [
        ("", "create table u as select 1::d"),
        ("", "select cast(array[1] as d[])"),
        ("", "select * from json_to_recordset('[{{\"a\": 1}}]') as x (a d)"),
        ("", "do $$ declare x d; begin x := 1; end $$"),
        ("", "alter domain d rename to e; select 1::e"),
        ("create domain e as d", "select 1::e"),
        ('create domain "E x" as int default f(1); create table t (id int)', 'alter table t add a "E x"'),
        ("create table t (a int)", "alter table t alter a type d"),
        ("create table t (a d)", "select jsonb_populate_record(null::t, '{{\"a\": 1}}')"),
        (
            "create table t (id int) partition by list (f(id)); create table s partition of t default",
            "insert into t values (1)",
        ),
        ("", "select query_to_xml('select f(1)', true, true, '')"),
    ],
)
def test_what_a_type_or_a_partition_key_runs_by_itself_reaches_nothing_outside(made: str, script: str, outside: Path) -> None:
    assert "not executed: it uses " in reasons_of_untaken(
        f"create domain d as int check (f(value) > 0); {made}", script, outside
    )


@pytest.mark.parametrize(
    ("made", "script"),
    [
        (
            "create function s(a int, b int) returns int language sql as 'select f(a)'; "
            "create aggregate g (int) (sfunc = s, stype = int)",
            "select g(1)",
        ),
        (
            "create type c as (a int); create function k(n int) returns c language sql as 'select row(f(n))::c'; "
            "create cast (int as c) with function k(int)",
            "select 1::c",
        ),
        (
            "create function s(a int, b int) returns int language sql as 'select f(a)'; "
            "create operator public.@@@ (leftarg = int, rightarg = int, function = s)",
            "select 1 @@@ 2",
        ),
    ],
)
def test_what_is_named_by_no_function_reaches_nothing_outside(made: str, script: str, outside: Path, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute((REACHING.format(mark=outside) + made).encode())
    migrations = read_migrations({"1_a.sql": script.encode()}, form=plain.FORMAT)
    forecast = forecast_database(
        migrations, url=database_url, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda line: None, from_version=0
    )
    assert not outside.exists()
    assert forecast.unknown[0].reason.startswith("not executed: ")


@pytest.mark.parametrize(
    "made",
    [
        "create table t (id int); insert into t values (1); create index on t (f(id))",
        "create table t (id int check (f(id) > 0)); insert into t values (1)",
        "create domain d as int check (f(value) > 0); create table t (id d[]); insert into t values (array[1])",
    ],
)
def test_rows_that_are_copied_to_the_shadow_reach_nothing_outside(made: str, outside: Path, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute((REACHING.format(mark=outside) + made).encode())
    outside.replace(outside.with_name("touched by production"))
    migrations = read_migrations({"1_a.sql": b"alter table t add a int"}, form=plain.FORMAT)
    forecast_database(
        migrations, url=database_url, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda line: None, from_version=0
    )
    assert not outside.exists()


TOUCHING = {
    "starts a program": ("co", "py (select 1) to prog", "ram ''touch {mark}''"),
    "opens a file of the server's machine": ("co", "py (select 1) t", "o ''{mark}''"),
}


@pytest.mark.skipif(not knows_landlock(), reason="this kernel has no Landlock: nothing keeps a server from reaching out")
@pytest.mark.parametrize("how", TOUCHING)
@pytest.mark.parametrize("begun", ["", "begin; create table t (id int); "])
def test_what_code_puts_together_reaches_nothing_outside(begun: str, how: str, outside: Path) -> None:
    command = " || ".join(f"'{part.format(mark=outside)}'" for part in TOUCHING[how])
    code = f"do $$ begin execute {command}; end $$; create table u (id int)"
    forecast = folder("create table s (id int)", begun + code + ("; commit" if begun else ""))
    assert not outside.exists()
    assert [each.reason for each in forecast.unknown if how in each.reason]
    assert not [each.reason for each in forecast.unknown if "fails" in each.reason]


@pytest.mark.skipif(knows_landlock() < 4, reason="this kernel's Landlock forbids no calls by TCP")
@pytest.mark.parametrize(
    "parts",
    [
        ("create subscrip", "tion s connection ''{}'' publication p with (create_slot = false)"),
        ("select dbl", "ink_exec(''{}'', ''create table reached ()'')"),
    ],
)
def test_an_address_that_code_puts_together_is_not_called(parts: Sequence[str]) -> None:
    with throwaway(tcp=True) as other:
        command = " || ".join(f"'{part.format(other.url(tcp=True))}'" for part in parts)
        forecast = folder("create extension dblink", f"do $$ begin execute {command}; end $$")
        assert [each.reason for each in forecast.unknown if "calls another server" in each.reason]
        with psycopg.connect(other.url()) as session:
            assert session.execute("select to_regclass('reached')").fetchone() == (None,)


def reasons_of_untaken(made: str, script: str, outside: Path) -> str:
    """Why statements were not executed, over a schema with a function f for any expression that touches a file."""
    forecast = folder(f"{REACHING.format(mark=outside)} {made}", script.format(mark=outside))
    assert not outside.exists()
    return "; ".join(unknown.reason for unknown in forecast.unknown)


def test_what_an_earlier_migration_calls_reaches_nothing_outside(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    mark = tmp_path / "touched"
    body = f"begin copy (select 1) to program 'touch {mark}'; return 1; end"
    forecast = folder(
        f"create function f() returns int language plpgsql as $$ {body} $$;\nselect f();\nselect f();\n{SCHEMA}", "select 1"
    )
    assert not mark.exists()
    assert "1_m.sql was run without lines 2, 3, which reach out of the database" in forecast.assumptions


def test_a_table_of_which_only_use_reaches_outside_is_altered_all_the_same() -> None:
    body = "begin copy (select 1) to program 'false'; return new; end"
    made = f"create function f() returns trigger language plpgsql as $$ {body} $$; create table t (id int);"
    trigger = "create trigger r before insert on t for each row execute function f()"
    assert not folder(f"{made} {trigger}", "alter table t add column a int; create index on t (a)").unknown


ADD = "alter table users add column age int"


@pytest.mark.parametrize(
    ("script", "surely"),
    [
        (f"select pg_read_file('x'); {ADD}", "none"),
        (f"do $$ begin perform pg_read_file('x'); end $$; {ADD}", "none"),
        (f"select 1/(select 0); {ADD}", "none"),
        (f"do $$ begin if exists (select from keys) then execute 'drop table ' || current_user; end if; end $$; {ADD}", "none"),
        (f"{ADD}; select pg_read_file('x')", "reads"),
        (f"select 1; {ADD}", "reads"),
    ],
)
def test_nothing_is_certain_behind_what_was_not_seen_to_run(script: str, surely: str) -> None:
    users = of(folder(SCHEMA, script), "public.users")
    assert (users.blocks.value, users.surely.value) == ("reads", surely)
    assert (BEHIND_UNSEEN in users.doubts) is (surely == "none")


def test_nothing_is_certain_behind_a_program() -> None:
    up = "-- +goose Up\n"
    files = {"1_a.sql": f"{up}{SCHEMA};", "2_b.go": "package m", "3_c.sql": f"{up}{ADD};"}
    migrations = read_migrations({name: text.encode() for name, text in files.items()}, form=goose.FORMAT)
    forecast = forecast_folder(migrations, form=goose.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1)
    users = of(forecast, "public.users")
    assert (users.blocks.value, users.surely.value, users.doubts) == ("reads", "none", (BEHIND_UNSEEN,))


@pytest.mark.parametrize(
    ("second", "known"), [({"2_b.go": "package m"}, False), ({"2_b.sql": "-- +goose Up\nselect 1;"}, True)]
)
def test_that_a_program_may_block_any_relation_is_said_beside_the_relations(second: dict[str, str], known: bool) -> None:
    files = {"1_a.sql": f"-- +goose Up\n{SCHEMA};", **second}
    migrations = read_migrations({name: text.encode() for name, text in files.items()}, form=goose.FORMAT)
    forecast = forecast_folder(migrations, form=goose.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1)
    assert forecast.relations_known is known


def test_dynamic_sql_that_did_not_run_blocks_everything_for_all_we_know() -> None:
    drop = "execute 'drop table ' || current_user"
    forecast = folder(SCHEMA, f"do $$ begin if exists (select from keys) then {drop}; end if; end $$")
    assert set(who(forecast).values()) == {"reads"}
    never = folder(SCHEMA, f"do $$ begin if false then {drop}; end if; end $$")
    assert who(never) == {}


def test_an_inner_statement_is_unknown_at_its_own_line_in_the_file() -> None:
    forecast = folder(
        SCHEMA, "-- first\ndo $$\nbegin\n  if exists (select from users) then\n    delete from keys;\n  end if;\nend $$;"
    )
    assert [unknown.line for unknown in forecast.unknown] == [5]
    assert who(forecast)["public.keys"] == "rows"


def test_a_migration_in_another_language_is_unknown_by_name() -> None:
    files: Mapping[str, bytes] = {"1_a.sql": SCHEMA.encode(), "2_b.py": b"print()", "3_c.sql": b"select 1"}
    forecast = forecast_folder(
        read_migrations(files, form=plain.FORMAT),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda line: None,
        from_version=1,
    )
    assert [(unknown.file, "written in py" in unknown.reason) for unknown in forecast.unknown] == [("2_b.py", True)]


def test_sql_that_does_not_parse_is_a_usage_error_before_any_server_starts() -> None:
    class NoShadows(EmbeddedShadows):
        def empty(self, *, major: int | None = None):  # type: ignore[no-untyped-def]
            raise AssertionError("a shadow was made")

    with pytest.raises(UsageError, match=r"1_a\.sql, line 2"):
        forecast_folder(
            read_migrations({"1_a.sql": b"select 1;\nselec"}, form=plain.FORMAT),
            form=plain.FORMAT,
            shadows=NoShadows(),
            narrate=lambda line: None,
        )


def test_an_earlier_migration_that_cannot_run_is_refused_with_its_file() -> None:
    with pytest.raises(RefusedError, match=r"1_m\.sql"):
        folder("create table a (i nothing)", "select 1")


def test_progress_names_the_statement_and_how_many_there_are() -> None:
    said: list[str] = []
    folder(SCHEMA, TWO, said=said)
    assert said[-1] == "statement 2 of 2: 2_m.sql:2 comment on table users is 'x'"
    assert "running 1 earlier migration on the shadow" in said


def test_a_statement_of_the_running_release_that_breaks_is_told() -> None:
    forecast = folder(
        SCHEMA,
        "alter table users drop column name",
        statements=["select name from users", "select id from users", "select nothing from users"],
    )
    assert [broken.query for broken in forecast.broken] == ["select name from users"]
    assert forecast.statements_checked == 2
    assert any("not checked" in sentence for sentence in forecast.assumptions)


def test_a_live_database_gives_sizes_and_a_full_update_blocks_its_rows(database_url: str) -> None:
    fill(database_url)
    migrations = read_migrations({"1_a.sql": b"update users set name = 'y'"}, form=plain.FORMAT)
    forecast = forecast_database(
        migrations, url=database_url, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda line: None, from_version=0
    )
    assert of(forecast, "public.users").blocks is Blocks.ROWS
    (operation,) = forecast.operations
    assert (operation.kind, operation.rows) == ("update", 20000)
    assert forecast.total_s.high is not None


def test_rows_known_to_change_before_the_hop_scale_the_work(database_url: str) -> None:
    fill(database_url)

    def likely(rows: Mapping[str, float]) -> float:
        migrations = read_migrations({"1_a.sql": b"update users set name = 'y'"}, form=plain.FORMAT)
        return (
            forecast_database(
                migrations,
                url=database_url,
                form=plain.FORMAT,
                shadows=EmbeddedShadows(),
                narrate=lambda line: None,
                from_version=0,
                rows=rows,
            )
            .operations[0]
            .seconds.likely
        )

    assert likely({"public.users": 200.0}) < likely({}) / 50


def test_how_many_rows_a_condition_meets_is_asked_of_the_planner(database_url: str) -> None:
    fill(database_url)
    migrations = read_migrations({"1_a.sql": b"update users set name = 'y' where id < 200"}, form=plain.FORMAT)
    forecast = forecast_database(
        migrations, url=database_url, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda line: None, from_version=0
    )
    assert 50 < forecast.operations[0].rows < 800
