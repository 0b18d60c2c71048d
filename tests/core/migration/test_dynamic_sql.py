"""The SQL that an EXECUTE of PL/pgSQL gives."""

from __future__ import annotations

import pytest

from lockage.core.migration.dynamic_sql import template


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("'DROP TABLE a'", "DROP TABLE a"),
        ("format('ALTER TABLE %I ADD x int DEFAULT %L', t, v)", "ALTER TABLE lockage_any ADD x int DEFAULT NULL"),
        ("$q$SELECT ''$q$", "SELECT ''"),
        ("'a' || b", None),
        ("format('%s', q)", None),
        ("query", None),
        ("format('DROP TABLE a')", "DROP TABLE a"),
        ("format('SELECT ''100%%''')", "SELECT '100%'"),
    ],
)
def test_dynamic_sql_is_read_where_its_text_stands_in_the_code(expression: str, sql: str | None) -> None:
    assert template(expression) == sql


@pytest.mark.parametrize(
    ("arguments", "sql"),
    [
        ("'audit', 'log'", "INSERT INTO audit.log VALUES"),
        ("'audit', t", "INSERT INTO audit.lockage_any VALUES"),
        ("f(a, 'b'), 'log'", "INSERT INTO lockage_any.log VALUES"),
        ("'Audit', 'it''s \"x\"'", 'INSERT INTO "Audit"."it\'s ""x""" VALUES'),
        ("array['a', b], 'log'", "INSERT INTO lockage_any.log VALUES"),
    ],
)
def test_arguments_that_are_written_out_stand_where_they_belong(arguments: str, sql: str) -> None:
    assert template(f"format('INSERT INTO %I.%I VALUES', {arguments})") == sql


def test_places_with_a_number_take_that_argument_and_the_next_place_goes_on_from_there() -> None:
    assert template("format('%2$s %s %1$L %I', 'a', 'b', 'c')") == "b c 'a' b"
    assert template("format('%3$I', 'a')") == "lockage_any"
