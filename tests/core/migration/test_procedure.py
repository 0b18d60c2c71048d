"""Code inside statements."""

from __future__ import annotations

import pytest

from lockage.core.migration.procedure import Place, reach_outside, read_code, template
from lockage.core.migration.statement import split_statements


def block(body: str) -> str:
    return f"DO $$ {body} $$"


def places(body: str) -> list[tuple[str, Place]]:
    return [(i.text.split()[0].lower(), i.place) for i in read_code(block(body), language="plpgsql").inner]


def test_straight_statements_run_whenever_the_block_does() -> None:
    assert places("BEGIN UPDATE a SET b = 1; PERFORM f(); END") == [
        ("update", Place.STRAIGHT),
        ("select", Place.STRAIGHT),
    ]


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ("not exists (select from pg_type where typname = 'mood')", Place.STRAIGHT),
        ("exists (select 1 from information_schema.columns where table_name = 'a' and column_name = 'b')", Place.STRAIGHT),
        ("to_regclass('public.a') is null", Place.STRAIGHT),
        ("exists (select from a)", Place.BRANCH),
        ("exists (select from pg_class where relname = t)", Place.BRANCH),  # a variable, which may come from rows
        ("exists (select from pg_class where f(relname))", Place.BRANCH),
        ("exists (select from pg_stat_activity)", Place.BRANCH),
        ("found", Place.BRANCH),
    ],
)
def test_only_the_catalog_decides_a_branch_for_production_too(condition: str, place: Place) -> None:
    assert places(f"DECLARE t text; BEGIN IF {condition} THEN UPDATE a SET b = 1; ELSE DELETE FROM a; END IF; END") == [
        ("update", place),
        ("delete", place),
    ]


def test_branches_loops_and_handlers_are_told_apart() -> None:
    body = """DECLARE r record; BEGIN
      IF true THEN UPDATE a SET b = 1; ELSIF false THEN DELETE FROM a; ELSE INSERT INTO a VALUES (1); END IF;
      FOR r IN SELECT * FROM a LOOP LOCK TABLE a; END LOOP;
      BEGIN TRUNCATE a; EXCEPTION WHEN others THEN DROP TABLE a; END;
      CASE 1 WHEN 1 THEN ANALYZE a; END CASE;
    END"""
    assert sorted(places(body)) == sorted(
        [
            ("update", Place.BRANCH),
            ("delete", Place.BRANCH),
            ("insert", Place.BRANCH),
            ("select", Place.STRAIGHT),
            ("lock", Place.LOOP),
            ("truncate", Place.PROTECTED),
            ("drop", Place.HANDLER),
            ("analyze", Place.BRANCH),
        ]
    )


def test_nothing_is_sure_behind_a_conditional_return() -> None:
    assert places("BEGIN IF x THEN RETURN; END IF; UPDATE a SET b = 1; END") == [("update", Place.BRANCH)]


def test_lines_count_from_the_beginning_of_the_body() -> None:
    inner = read_code("DO $$\nBEGIN\n  -- why\n  UPDATE a\n  SET b = 1;\nEND $$", language="plpgsql").inner
    assert [i.line for i in inner] == [4]


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("'DROP TABLE a'", "DROP TABLE a"),
        ("format('ALTER TABLE %I ADD x int DEFAULT %L', t, v)", "ALTER TABLE lockage_any ADD x int DEFAULT NULL"),
        ("$q$SELECT ''$q$", "SELECT ''"),
        ("'a' || b", None),
        ("format('%s', q)", None),
        ("query", None),
    ],
)
def test_dynamic_sql_is_read_where_its_text_stands_in_the_code(expression: str, sql: str | None) -> None:
    assert template(expression) == sql


def test_a_trigger_function_can_be_read() -> None:
    definition = (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a = 1; UPDATE b SET c = 1; RETURN NEW; END $$"
    )
    code = read_code(definition, language="plpgsql")
    assert code.readable
    assert [i.text for i in code.inner] == ["UPDATE b SET c = 1"]


def test_another_language_cannot_be_read() -> None:
    assert not read_code("DO LANGUAGE plpython3u $$ import os $$", language="plpython3u").readable


@pytest.mark.parametrize(
    "body", ["BEGIN COPY a FROM PROGRAM 'x'; END", "BEGIN PERFORM dblink_exec('x'); END", "BEGIN EXECUTE q || 'dblink(1)'; END"]
)
def test_a_block_that_reaches_outside_is_recognised(body: str) -> None:
    (statement,) = split_statements(block(body), file="f")
    assert reach_outside(statement) is not None
