"""Rows that a forecast expects further down a script, on real shadows: what the planner is told behind each statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.likeness import FILE_LIMIT_BYTES
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.trace import CatalogMark, Trace
from lockage.core.migration.formats import plain
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.script import Migration
from lockage.flows.forecast import forecast_database
from lockage.flows.trace_script import trace_script
from lockage.ports import Shadow
from support.blocking_corpus import SCHEMA as CORPUS
from support.blocking_corpus import cases

pytestmark = pytest.mark.real

ROWS = 40_000

SCHEMA = f"""
create table users (id bigint primary key, name text, kind int not null, seen int);
insert into users select i, case when i % 4 > 0 then 'user ' || i end, i % 10, i from generate_series(1, {ROWS}) i;
create table logs (id bigint, at int not null, line text) partition by range (at);
create table logs_old partition of logs for values from (0) to (10);
create table logs_new partition of logs for values from (10) to (20);
insert into logs select i, i % 20, 'line' from generate_series(1, {ROWS}) i;
create role lockage_rows_owner;
grant all on all tables in schema public to lockage_rows_owner;
grant all on schema public to lockage_rows_owner;
"""


@pytest.fixture(scope="module")
def production(postgres_server: Server) -> Iterator[str]:
    """A database with some tens of thousands of rows and its statistics."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("create database forecast_rows template template0")
        url = postgres_server.url("forecast_rows", tcp=True)
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(SCHEMA.encode())
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("analyze")
        yield url
        admin.execute("drop database forecast_rows with (force)")
        admin.execute("drop role lockage_rows_owner")


def foretold(production: str, script: str, *, transaction: Transaction = "whole") -> Forecast:
    forecast = forecast_database(
        [Migration(version=1, name="m", file="1_m.sql", text=script)],
        url=production,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        transaction=transaction,
    )
    assert not forecast.unknown
    return forecast


def rows(production: str, script: str, *, transaction: Transaction = "whole") -> list[tuple[str, float]]:
    """(kind, rows in thousands) of the operations on rows."""
    found = foretold(production, script, transaction=transaction)
    return [
        (o.kind, round(o.rows / 1000, 1)) for o in found.operations if o.kind in {"insert", "update", "delete", "index-build"}
    ]


BOTH: tuple[Transaction, ...] = ("whole", "statement")


@pytest.mark.parametrize("transaction", BOTH)
def test_a_new_column_is_null_in_every_row_until_it_is_filled(production: str, transaction: Transaction) -> None:
    script = """
        alter table users add column c int;
        update users set c = 1 where c is null and kind <= 4;
        update users set c = 2 where c is null and seen > 0;
        update users set c = 3 where c is null;
    """
    found = rows(production, script, transaction=transaction)
    assert found[0] == ("update", pytest.approx(20, rel=0.15))
    assert found[1] == ("update", pytest.approx(20, rel=0.15))
    assert found[2][1] < 1


def test_a_chain_of_add_fill_half_index_and_delete_the_rest(production: str) -> None:
    script = """
        alter table users add column c int;
        update users set c = 1 where kind < 5;
        create index on users (c);
        delete from users where c is null;
        update users set seen = 0;
    """
    found = rows(production, script)
    half = pytest.approx(20, rel=0.15)
    assert found == [("update", half), ("index-build", 40), ("delete", half), ("update", half)]


def test_a_column_with_a_constant_default_has_it_in_every_row(production: str) -> None:
    script = """
        alter table users add column dead boolean not null default false;
        update users set kind = 1 where dead;
        update users set kind = 2 where not dead and kind >= 0;
    """
    found = rows(production, script)
    assert found[0][1] < 1
    assert found[1] == ("update", pytest.approx(40, rel=0.05))


@pytest.mark.parametrize("transaction", BOTH)
def test_rows_and_statistics_outlast_a_rewrite(production: str, transaction: Transaction) -> None:
    script = """
        alter table users alter column seen type bigint;
        update users set name = 'x' where name is null;
        update users set kind = 1 where kind = 7;
    """
    found = rows(production, script, transaction=transaction)
    assert found == [("update", pytest.approx(10, rel=0.1)), ("update", pytest.approx(4, rel=0.25))]


def test_a_table_that_is_emptied_and_filled_anew_has_the_rows_of_its_source(production: str) -> None:
    script = """
        truncate logs;
        update logs set line = 'none' where id > 5;
        insert into logs select id, 5, name from users where name is null;
        delete from logs where line is null or id > 0;
    """
    found = rows(production, script)
    assert found[0] == ("update", 0)
    assert found[1] == ("insert", pytest.approx(10, rel=0.1))
    assert found[2] == ("delete", pytest.approx(10, rel=0.4))


@pytest.mark.parametrize("statement", ["analyze users", "analyze"])
@pytest.mark.parametrize("transaction", BOTH)
def test_the_scripts_own_analyze_does_not_count_the_shadows_rows(
    production: str, statement: str, transaction: Transaction
) -> None:
    script = f"insert into users values (-1, 'x', 3, 3); {statement}; update users set seen = 1 where kind = 7;"
    assert rows(production, script, transaction=transaction)[-1] == ("update", pytest.approx(4, rel=0.25))


@pytest.mark.parametrize("statement", ["vacuum analyze users", "vacuum full users"])
def test_the_scripts_own_vacuum_does_not_either(production: str, statement: str) -> None:
    script = f"{statement}; update users set seen = 1 where kind = 7;"
    assert rows(production, script, transaction="statement")[-1] == ("update", pytest.approx(4, rel=0.25))


def test_a_partition_gives_rows_to_its_table_and_takes_part_in_its_changes(production: str) -> None:
    script = """
        alter table logs add column c int;
        update logs_old set c = 1 where c is null;
        update logs set c = 2 where c is null and id > 0;
        delete from logs where at >= 10;
        update logs_old set c = 3;
        update logs_new set line = 'x';
    """
    found = rows(production, script)
    assert found[0] == ("update", 20)
    assert found[1] == ("update", pytest.approx(20, rel=0.15))
    assert found[2] == ("delete", pytest.approx(20, rel=0.15))
    assert found[3][1] + found[4][1] == pytest.approx(20, rel=0.15)


def test_a_table_made_of_a_query_is_as_long_as_its_result(production: str) -> None:
    script = """
        create table nameless as select id, kind from users where name is null;
        update nameless set kind = 1 where id > 0;
    """
    assert rows(production, script)[-1] == ("update", pytest.approx(10, rel=0.7))
    every = "create temp table copied as select * from users; delete from copied;"
    assert rows(production, every)[-1] == ("delete", pytest.approx(40, rel=0.05))


def test_what_is_rolled_back_to_a_savepoint_never_happened(production: str) -> None:
    script = """
        savepoint here;
        delete from users;
        rollback to here;
        update users set seen = 1 where kind = 7;
    """
    assert rows(production, script)[-1] == ("update", pytest.approx(4, rel=0.25))


def test_a_role_without_rights_on_the_catalog_is_planned_for_all_the_same(production: str) -> None:
    script = """
        alter table users add column c int;
        set local role lockage_rows_owner;
        update users set c = 1 where kind < 5;
        update users set name = current_user where c is null and kind >= 0;
    """
    assert rows(production, script)[-1] == ("update", pytest.approx(20, rel=0.2))


def test_a_column_that_was_there_already_is_not_taken_for_new(production: str) -> None:
    script = "alter table users add column if not exists name text; update users set kind = 0 where name is null;"
    assert rows(production, script) == [("update", pytest.approx(10, rel=0.1))]


def test_a_file_is_no_longer_than_the_limit_and_its_rows_are_all_there(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        (users,) = (r for r in session.mark().relations.values() if r.relation == "public.users")
        huge = TableBelief(
            oid=users.oid, relation=users.relation, relfilenode=users.relfilenode, rows=50_000_000, bytes=5_000_000_000
        )
        assert session.tell([huge])
        (plan,) = session.execute("update users set seen = 1 where kind = 7").plans
        assert plan["Plan"]["Plans"][0]["Plan Rows"] == pytest.approx(5_000_000, rel=0.2)  # type: ignore[index]
        length = f"do $$ begin assert pg_relation_size('users') = {FILE_LIMIT_BYTES}; end $$"
        assert session.execute(length).failure is None


def locks(trace: Trace) -> list[tuple[tuple[str, str], ...]]:
    return [
        tuple(sorted((_name(lock.oid, (step.after, step.before)), lock.mode) for lock in step.observation.locks))
        for step in trace.statements
    ]


def _name(oid: int, marks: tuple[CatalogMark, ...]) -> str:
    name = next((mark.relations[oid].relation for mark in marks if oid in mark.relations), "gone")
    return re.sub(r"pg_toast_\d+", "pg_toast", name)  # tables that are made anew have other numbers each time


def traced(shadow: Shadow, text: str, *, transaction: Transaction, told: bool) -> Trace:
    with shadow.session() as session:
        return trace_script(
            session,
            [Migration(version=1, name="m", file="1_m.sql", text=text)],
            transaction=transaction,
            narrate=lambda _: None,
            relations=shadow.relations() if told else (),
        )


FILLED = """
    alter table users add column c int;
    update users set c = 1;
    analyze users;
    alter table users alter column c type bigint;
    delete from users where c is null;
    truncate logs;
    insert into logs select id, 5, name from users;
    comment on table users is 'x';
    create table made as select * from users;
    update made set seen = 1;
"""


@pytest.mark.parametrize("transaction", BOTH)
def test_what_the_planner_is_told_leaves_no_lock_in_the_reading(production: str, transaction: Transaction) -> None:
    def seen(*, told: bool) -> list[tuple[tuple[str, str], ...]]:
        with EmbeddedShadows().of_database(production) as shadow:
            trace = traced(shadow, FILLED, transaction=transaction, told=told)
        assert all(step.sizes_told == told and step.succeeded for step in trace.statements)
        return locks(trace)

    assert seen(told=True) == seen(told=False)


@pytest.mark.slow
def test_the_blocking_corpus_is_read_with_the_same_locks_whether_the_planner_is_told_or_not(postgres_server: Server) -> None:
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("create database forecast_rows_corpus template template0")
        url = postgres_server.url("forecast_rows_corpus", tcp=True)
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(CORPUS.encode())
            session.execute("analyze")
        with EmbeddedShadows().of_database(url) as shadow:
            for case in [case for case in cases() if not case.outside][::4]:
                text = f"begin; {case.text}; rollback;"
                plain_locks = locks(traced(shadow, text, transaction="statement", told=False))
                assert locks(traced(shadow, text, transaction="statement", told=True)) == plain_locks, case.id
        admin.execute("drop database forecast_rows_corpus with (force)")
