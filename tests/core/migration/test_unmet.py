"""Conditions that no row meets."""

from __future__ import annotations

import pytest

from lockage.core.migration.statement import split_statements

NEVER = (
    "false",
    "NULL",
    "id = 1 AND false",
    "false OR NULL",
    "id = ANY ('{}'::int[])",
    "id = ANY (' { } ')",
    "id = ANY (ARRAY[]::int[]) AND n > 3",
    "name <> ANY ('{}')",
)

SOMETIMES = (
    "true",
    "id = 1 OR false",
    "NOT false",
    "NOT id = ANY ('{}')",
    "id = ANY ('{1}')",
    "id = ANY ('{{}}')",
    "id = ANY ('{}'::jsonb::int[])",
    "id = ANY (ARRAY[n])",
    "id = ANY (given)",
    "id <> ALL ('{}')",
    "(SELECT false)",
    "name = '{}'",
)


@pytest.mark.parametrize(
    "sql", ["UPDATE t SET n = 1 WHERE {}", "DELETE FROM t WHERE {}", "SELECT * FROM t WHERE {} FOR UPDATE"]
)
def test_a_statement_changes_and_locks_nothing_where_its_text_says_that_no_row_is_meant(sql: str) -> None:
    assert not any(_changes(sql.format(where)) for where in NEVER)
    assert all(_changes(sql.format(where)) for where in SOMETIMES)


def _changes(sql: str) -> bool:
    (statement,) = split_statements(sql, file="f")
    return bool(statement.changes)
