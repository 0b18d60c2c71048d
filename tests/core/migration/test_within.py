"""Queries inside statements that are none."""

from __future__ import annotations

import pytest

from lockage.core.migration.within import query_within


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
        ("set search_path = x", None),
        ("fetch 5 from c", None),
        ("", None),
    ],
)
def test_a_query_is_found_where_there_is_one(text: str, query: str | None) -> None:
    assert query_within(text) == query
