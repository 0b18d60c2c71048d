"""What can be executed of statements that are no queries."""

from __future__ import annotations

import pytest

from lockage.core.migration.within import WholeCopy, beginning_of, executable, query_within, whole_copy


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("declare c cursor for select 1", "select 1"),
        ('DECLARE "c_1" NO SCROLL CURSOR WITHOUT HOLD FOR\nSELECT * FROM t FOR UPDATE', "SELECT * FROM t FOR UPDATE"),
        ("/* app */ prepare p (int, text) as select $1", "select $1"),
        ("explain (analyze, buffers) select 1", "select 1"),
        ("explain analyze verbose update t set a = 1", "update t set a = 1"),
        ("copy (select a from t where b in (1, 2)) to stdout with csv", "select a from t where b in (1, 2)"),
        ('COPY public."T" ("a", b) FROM STDIN BINARY', 'INSERT INTO public."T" ("a", b) VALUES ($1, $2)'),
        ("copy t (a) to stdout", "SELECT a FROM t"),
        ("copy t from stdin", None),
        ("copy t (a) from program 'x'", None),
        ("copy t (a) from '/etc/passwd'", None),
        ("vacuum (analyze, verbose) s.t (a, b)", "SELECT a, b FROM s.t LIMIT 0"),
        ("ANALYZE verbose t", "SELECT  FROM t LIMIT 0"),
        ("vacuum only t;", "SELECT  FROM t LIMIT 0"),
        (
            'vacuum full t, s."U" (a)',
            'SELECT FROM (SELECT  FROM t LIMIT 0) AS looked_at_0, (SELECT a FROM s."U" LIMIT 0) AS looked_at_1',
        ),
        ("vacuum", None),
        ("VACUUM FULL", None),
        ("vacuum (full, analyze);", None),
        ("analyze verbose", None),
        ("set search_path = x", None),
        ("fetch 5 from c", None),
        ("", None),
    ],
)
def test_a_query_is_found_where_there_is_one(text: str, query: str | None) -> None:
    assert query_within(text) == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("copy t from stdin", WholeCopy(table="t", incoming=True)),
        ('COPY public."T" TO STDOUT WITH (FORMAT csv)', WholeCopy(table='public."T"', incoming=False)),
        ("copy t (a) from stdin", None),
        ("copy t from '/etc/passwd'", None),
        ("copy (select 1) to stdout", None),
    ],
)
def test_a_copy_that_names_no_columns_is_known(text: str, expected: WholeCopy | None) -> None:
    assert whole_copy(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "truncate t",
        "LOCK TABLE t IN SHARE MODE",
        "/* job */ refresh materialized view concurrently v",
        "create temp table x as select 1",
        "create local temporary table x (like t)",
        "create table if not exists p_2027 partition of p for values in (1)",
        "alter table p detach partition p_old",
        "set local role app",
        "set constraints all deferred",
    ],
)
def test_what_names_objects_and_can_be_taken_back_is_executable(text: str) -> None:
    assert executable(text)


@pytest.mark.parametrize(
    "text", ["commit", "begin", "create table t (a int)", "drop table t", "set a = 1", "listen x", "select 1"]
)
def test_what_ends_transactions_or_names_nothing_is_not(text: str) -> None:
    assert not executable(text)


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ('select a, "b" from t where c = $1 and "d', 'select a, "b" from t where c = $1'),
        ("select a from t join u on u.i = t.i order by t.a limi", "select a from t join u on u.i = t.i"),
        ("select a from t where b = 'x", "select a from t"),
        ("select a from t /* controller='ab", "select a from t"),
        ("update t set a = 1, b =", "update t set a = 1"),
        ("select a from t", None),
        ("select a, b, c", None),
        ("insert into t (a, b) values ($1,", None),
        ("nonsense, and more", None),
    ],
)
def test_the_beginning_of_what_was_cut_off_is_a_query(text: str, beginning: str | None) -> None:
    assert beginning_of(text) == beginning
