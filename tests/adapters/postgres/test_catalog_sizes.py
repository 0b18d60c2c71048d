"""Sizes of relations: what a live row takes, apart from what its table's file takes."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import Relation

pytestmark = pytest.mark.real

ROWS = 20_000


def seen(url: str, relation: str) -> Relation:
    with closing(PostgresDatabase(url)) as database:
        return next(r for r in database.relations() if r.relation == relation)


def test_a_row_stays_as_wide_when_nine_tenths_of_its_table_are_deleted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table t (id int, body text)")
        connection.execute("insert into t select g, repeat('x', 100) from generate_series(1, %s) g", [ROWS])
        connection.execute("vacuum (analyze) t")
        before = seen(database_url, "public.t")
        connection.execute("delete from t where id % 10 > 0")
        connection.execute("vacuum (analyze, truncate off) t")
        after = seen(database_url, "public.t")
    assert after.heap_bytes == before.heap_bytes
    assert after.rows == pytest.approx(ROWS / 10, rel=0.05)
    assert after.row_bytes == pytest.approx(before.row_bytes, rel=0.05)
    assert before.row_bytes == pytest.approx(before.heap_bytes / ROWS, rel=0.1)


def test_without_statistics_the_width_is_not_known(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table t (id int)")
    assert seen(database_url, "public.t").row_bytes == 0


def test_a_column_that_we_may_not_read_leaves_the_width_unknown(database_url: str) -> None:
    role = "narrow_reader"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table t (id int, secret text)")
        connection.execute("insert into t select g, 'x' from generate_series(1, 100) g")
        connection.execute("analyze t")
        connection.execute(f"create role {role} login password 'narrow'")
        try:
            connection.execute(f"grant select (id) on t to {role}")
            narrow = psycopg.conninfo.make_conninfo(database_url, user=role, password="narrow")
            assert seen(narrow, "public.t").row_bytes == 0
            assert seen(database_url, "public.t").row_bytes > 0
        finally:
            connection.execute(f"drop owned by {role}")
            connection.execute(f"drop role {role}")
