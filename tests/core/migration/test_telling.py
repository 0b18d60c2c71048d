"""Queries that tell whether rows were changed: what they count, and which statements have none."""

from __future__ import annotations

import pytest

from lockage.core.migration.telling import telling

CASES = {
    "update t set a = 1": 'SELECT count(*) FROM t WHERE ("t"."a" IS DISTINCT FROM (1))',
    "update s.t as x set a = y.b from y where y.id = x.id": (
        'SELECT count(*) FROM s.t x, y WHERE (y.id = x.id) AND ("x"."a" IS DISTINCT FROM (y.b))'
    ),
    "delete from t where a is null": "SELECT count(*) FROM t WHERE a IS NULL",
    "insert into t (a, b) values (1, 'x')": (
        'SELECT count(*) FROM t WHERE ("a" IS NOT DISTINCT FROM (1) AND "b" IS NOT DISTINCT FROM (\'x\'))'
    ),
    "insert into t select * from u": "SELECT count(*) FROM t",
}


@pytest.mark.parametrize("statement", CASES)
def test_the_query_counts_what_the_statement_leaves_behind(statement: str) -> None:
    found = telling(statement)
    assert found is not None
    assert found.sql == CASES[statement]


@pytest.mark.parametrize(
    "statement",
    ["update t set (a, b) = (select 1, 2)", "with x as (select 1) delete from t", "create table t ()", "no sql", ""],
)
def test_what_cannot_be_turned_into_one_has_none(statement: str) -> None:
    assert telling(statement) is None
