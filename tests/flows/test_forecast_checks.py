"""Failures on data: each query of a forecast against the rows that are there, and against what the statement itself does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import psycopg
import pytest

from lockage.adapters.postgres.data_checks import DataChecks
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Answer, Check, Forecast
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.flows.check_data import with_answers
from lockage.flows.forecast import forecast_database, forecast_folder
from support.check_corpus import CASES, Case

pytestmark = pytest.mark.real

NUMBERS = {case.name: number for number, case in enumerate(CASES, start=1)}


@dataclass(frozen=True)
class Ground:
    """A database with the good rows of all cases, and the forecast of all scripts."""

    url: str
    forecast: Forecast

    def checks(self, case: Case) -> tuple[Check, ...]:
        return tuple(check for check in self.forecast.checks if check.file == f"{NUMBERS[case.name]}_case.sql")


@pytest.fixture(scope="module")
def ground(postgres_server: Server) -> Iterator[Ground]:
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("create database checks template template0")
        url = postgres_server.url("checks", tcp=True)
        with psycopg.connect(url, autocommit=True) as session:
            for case in CASES:
                session.execute(case.text("schema", NUMBERS[case.name]))
                session.execute(case.text("good", NUMBERS[case.name]))
                if case.name == "validate a check that is there":
                    session.execute(f"alter table t{NUMBERS[case.name]:02} add constraint positive check (a > 0) not valid")
        yield Ground(url=url, forecast=foretold(url, CASES))
        admin.execute("drop database checks with (force)")


def foretold(url: str, cases: Sequence[Case]) -> Forecast:
    scripts = [
        Migration(
            version=NUMBERS[case.name],
            name="case",
            file=f"{NUMBERS[case.name]}_case.sql",
            text=case.text("script", NUMBERS[case.name]),
        )
        for case in cases
    ]
    return forecast_database(
        scripts,
        url=url,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        transaction="file",
    )


def really_fails(session: psycopg.Connection, script: str) -> bool:
    """Whether the script fails; nothing of it stays."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(script)
            session.execute("set constraints all immediate")
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ObjectInUse):
        return True
    return False


def said(session: psycopg.Connection, checks: Sequence[Check]) -> bool:
    """Whether a query gives rows, or itself fails as the statement would."""
    found = False
    for check in checks:
        try:
            with session.transaction(force_rollback=True):
                session.execute("set transaction read only")
                found |= session.execute(check.query.encode()).fetchone() is not None
        except (psycopg.DataError, psycopg.IntegrityError):
            found = True
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_query_gives_rows_when_the_statement_fails_on_them_and_none_when_it_does_not(case: Case, ground: Ground) -> None:
    number = NUMBERS[case.name]
    checks, script = ground.checks(case), case.text("script", number)
    assert checks, [sentence for sentence in ground.forecast.assumptions if f"{number}_case" in sentence]
    with psycopg.connect(ground.url, autocommit=True) as session:
        assert (really_fails(session, script), said(session, checks)) == (False, False), [check.query for check in checks]
        with session.transaction(force_rollback=True):
            session.execute(case.text("bad", number))
            assert (really_fails(session, script), said(session, checks)) == (True, True), [check.query for check in checks]


def test_answers_come_from_the_database_and_say_no_value(ground: Ground) -> None:
    bad = next(case for case in CASES if case.name == "unique constraint")
    with psycopg.connect(ground.url, autocommit=True) as session:
        session.execute(bad.text("bad", NUMBERS[bad.name]))
        with closing(DataChecks(ground.url)) as data:
            asked = with_answers(ground.forecast, data)
        session.execute(f"delete from t{NUMBERS[bad.name]:02} where id = 9")
    failing = [check for check in asked.checks if check.answer is Answer.FAILS]
    assert [check.file for check in failing] == [f"{NUMBERS[bad.name]}_case.sql"]
    assert {check.answer for check in asked.checks} == {Answer.FAILS, Answer.HOLDS}


def test_a_table_that_is_locked_or_a_query_that_takes_too_long_is_an_unknown_answer(ground: Ground) -> None:
    with psycopg.connect(ground.url) as holder, closing(DataChecks(ground.url, limit_s=0.5)) as checks:
        holder.execute("lock table t01 in access exclusive mode")
        answers = [checks.answer("SELECT * FROM t01 LIMIT 5"), checks.answer("SELECT pg_sleep(30)")]
    assert answers == [Answer.UNKNOWN, Answer.UNKNOWN]


def test_a_value_that_the_script_is_yet_to_bring_stands_in_no_row(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create type e as enum ('a'); create table t (c e); insert into t values ('a')")
    with closing(DataChecks(database_url)) as data:
        assert data.answer("SELECT * FROM t WHERE c = 'b'") is Answer.UNKNOWN
        assert data.answer("SELECT c::text::int FROM t") is Answer.FAILS


def test_a_check_that_would_write_or_reach_out_is_not_run(ground: Ground) -> None:
    with closing(DataChecks(ground.url)) as checks:
        assert checks.answer("SELECT 1; DELETE FROM t01") is Answer.UNKNOWN
        assert checks.answer("DELETE FROM t01 RETURNING id") is Answer.UNKNOWN
    reaching = Check(query="SELECT dblink('', '')", why="", file="1_case.sql", line=1)
    asked = with_answers(replace(ground.forecast, checks=(reaching,)), NeverAsked())
    assert asked.checks[0].answer is Answer.UNKNOWN


class NeverAsked:
    def answer(self, query: str) -> Answer:
        raise AssertionError(query)


UNFOLLOWED = {
    "do $$ begin update $t set a = id; end $$": "$file:1",
    "select fill_$t()": "$file:1",
    "update $t set a = o.id from other o where o.id = $t.id": "$file:1 changes its rows",
    "update $t set a = (random() * 10)::int": "fills it with values that nobody knows beforehand",
    "update other set id = id;\ninsert into $t (id, a) select id, id from other": "$file:2 changes its rows",
    "alter table $t alter a type bigint using id": "changes its type",
    "copy $t from stdin": "$file:1 changes its rows",
    "merge into $t using other o on o.id = $t.id when matched then update set a = 1": "$file:1 changes its rows",
    "\n".join(f"update $t set a = {n} where id = {n};" for n in range(32)): "$file:31 changes it, and a query with all changes",
    f"update $t set a = length('{'x' * 30_000}') where id = 7": "$file:1 changes it, and a query with all changes",
}
"""Changes of a table's rows that no query can repeat, and what is said of them."""


@pytest.fixture(scope="module")
def unfollowed() -> Forecast:
    """The forecast of them all, each before a key is added to its table."""
    schema = ["create table other (id int primary key)"]
    files: list[tuple[str, str]] = []
    for number, text in enumerate(UNFOLLOWED):
        schema.append(f"create table u{number} (id int primary key, a int)")
        schema.append(f"create function fill_u{number}() returns void language sql as 'update u{number} set a = 1'")
        files += [
            (f"u{number}.sql", text.replace("$t", f"u{number}")),
            (f"k{number}.sql", f"alter table u{number} add unique (a)"),
        ]
    migrations = [
        Migration(version=version, name="m", file=file, text=text)
        for version, (file, text) in enumerate([("schema.sql", ";\n".join(schema)), *files], start=1)
    ]
    return forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )


@pytest.mark.parametrize("between", UNFOLLOWED)
def test_rows_that_the_script_changes_in_a_way_that_nobody_can_follow_are_said_to_be_so(
    between: str, unfollowed: Forecast
) -> None:
    number = list(UNFOLLOWED).index(between)
    assert [check for check in unfollowed.checks if check.file == f"k{number}.sql"] == []
    said = [sentence for sentence in unfollowed.assumptions if sentence.startswith(f"k{number}.sql:1 may fail on data")]
    assert [UNFOLLOWED[between].replace("$file", f"u{number}.sql") in sentence for sentence in said] == [True]


HARMLESS = {
    "alter table $t add column n bigserial primary key": 0,
    "alter table $t add column n int generated always as identity unique not null": 0,
    "alter table $t add column n uuid not null default gen_random_uuid() unique": 0,
    "alter table $t add column n timestamptz not null default now()": 0,
    "alter table $t add column n int; update $t set n = 5; alter table $t alter n set not null": 0,
    "alter table $t add column n int unique references $t (id)": 0,
    "update $t set id2 = 7, at = clock_timestamp()": 0,
    "create table made_$t (id int primary key, x int references $t (id)); create unique index on made_$t (x)": 0,
    "do $$ begin update $t set id2 = 7; end $$; alter table $t add column n int not null default 0": 0,
    "do $$ begin update $t set id2 = 7; end $$; alter table $t add column n uuid default gen_random_uuid() unique": 0,
    "create table m_$t (id int); insert into m_$t values (1); truncate m_$t; alter table m_$t add column n int not null": 0,
    "insert into $t (id, id2, at, above) values (1, 1, '2026-01-01', null), (2, 2, '2026-01-01', null)": 1,
    "alter table $t add column n text not null default 'x' check (n <> '')": 1,
    "alter table $t add primary key (id2, id)": 1,
}
"""Scripts with the number of checks that they need: of what no row can make fail, none."""


def test_a_script_that_inserts_and_changes_row_by_row_for_a_thousand_lines_has_queries_that_can_be_read() -> None:
    lines = [f"insert into t values ({n}, '{'x' * 50}');\nupdate t set name = 'y' where id = {n};\n" for n in range(500)]
    texts = ["create table t (id int primary key, name text)", "".join(lines)]
    migrations = [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate(texts, start=1)]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    assert 0 < len(made.checks) <= 30
    assert sum(len(check.query) for check in made.checks) < 200_000
    (said,) = [sentence for sentence in made.assumptions if "may fail on data" in sentence]
    assert "more places may fail on data, and no query tells beforehand: no row of public.t may have a key" in said


def test_of_a_run_of_row_changes_only_the_first_are_asked_for_and_the_rest_is_said() -> None:
    schema = "create table p (id int primary key); create table c (id int primary key, p_id int references p, n int)"
    lines = [f"insert into c values ({n}, {n}, 0);\ninsert into p values ({n + 5000});\n" for n in range(300)]
    lines += [f"update c set p_id = {n} where id = {n};\n" for n in range(300)]
    texts = [schema, "".join(lines), "".join(f"delete from p where id = {n};\n" for n in range(300))]
    migrations = [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate(texts, start=1)]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    assert 0 < len(made.checks) <= 120
    said = [sentence for sentence in made.assumptions if "may fail on data" in sentence]
    for table, line, count in (("c", 1, 600), ("p", 1, 600), ("c", 601, 300)):
        rows = (
            f"the rows of public.{table} that it changes must meet its constraints, but 2_m.sql:{line} is the first of {count}"
        )
        assert [sentence for sentence in said if rows in sentence], (table, line)
    assert [s for s in said if "more place" in s and "public.c (p_id) must refer to a row of public.p" in s], said


def test_what_no_row_can_make_fail_is_not_asked_for() -> None:
    schema = [
        f"create table h{n} (id int not null unique, id2 int not null, at timestamptz not null,"
        f" above int unique references h{n} (id))"
        for n in range(len(HARMLESS))
    ]
    texts = [";\n".join(schema), *(text.replace("$t", f"h{number}") for number, text in enumerate(HARMLESS))]
    migrations = [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate(texts, start=1)]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    asked = [sum(check.file == f"{number}_m.sql" for check in made.checks) for number in range(2, len(texts) + 1)]
    assert asked == list(HARMLESS.values()), [check.query for check in made.checks]
    assert not [sentence for sentence in made.assumptions if "may fail on data" in sentence]


def test_an_index_on_a_constant_is_said_to_leave_one_row() -> None:
    texts = ["create table t (id int primary key)", "create unique index on t ((true))"]
    migrations = [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate(texts, start=1)]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    assert [check.why for check in made.checks] == ["there may be no more than one row in public.t"]


def test_what_a_program_may_have_filled_is_not_asked_for_before_it_ran() -> None:
    files = {
        "1_a.sql": "create table t (id int primary key, a int, b int)",
        "2_b.sql": "alter table t add column n int; alter table t alter a set not null",
        "3_c.py": "",
        "4_d.sql": "alter table t alter n set not null, alter b set not null",
    }
    migrations = [
        Migration(version=n, name="m", file=file, text=text, language=file.rpartition(".")[2])
        for n, (file, text) in enumerate(files.items(), start=1)
    ]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    assert [check.file for check in made.checks] == ["2_b.sql"]
    said = [sentence for sentence in made.assumptions if "may fail on data" in sentence]
    assert len(said) == 2
    assert all("3_c.py is a program, and may change them" in sentence for sentence in said)


@pytest.mark.parametrize("added", ["unique (n)", "foreign key (n) references other"])
def test_a_new_column_that_code_has_filled_is_empty_no_more(added: str) -> None:
    texts = [
        "create table other (id int primary key); create table t (id int primary key)",
        "alter table t add column n int; do $$ begin update t set n = 1; end $$;",
        f"alter table t add {added}",
    ]
    migrations = [Migration(version=n, name="m", file=f"{n}_m.sql", text=text) for n, text in enumerate(texts, start=1)]
    made = forecast_folder(
        migrations, form=plain.FORMAT, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="file"
    )
    assert [sentence for sentence in made.assumptions if sentence.startswith("3_m.sql:1 may fail on data")]
