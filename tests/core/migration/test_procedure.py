"""Code inside statements."""

from __future__ import annotations

import pytest

from lockage.core.migration.procedure import Place, body_reaches_outside, reach_outside, read_code
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
    assert places(
        f"DECLARE t text; BEGIN SELECT b INTO t FROM a; IF {condition} THEN UPDATE a SET b = 1; ELSE DELETE FROM a; END IF; END"
    )[1:] == [
        ("update", place),
        ("delete", place),
    ]


def test_branches_loops_and_handlers_are_told_apart() -> None:
    body = """DECLARE r record; BEGIN
      IF f() THEN UPDATE a SET b = 1; ELSIF g() THEN DELETE FROM a; ELSE INSERT INTO a VALUES (1); END IF;
      FOR r IN SELECT * FROM a LOOP LOCK TABLE a; END LOOP;
      BEGIN TRUNCATE a; EXCEPTION WHEN others THEN DROP TABLE a; END;
      CASE f() WHEN 1 THEN ANALYZE a; END CASE;
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


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("SELECT count(*) INTO n FROM information_schema.columns WHERE column_name = 'b'; IF n = 0", Place.STRAIGHT),
        ("SELECT count(*) INTO n FROM information_schema.columns; b := n > 1; IF NOT b", Place.STRAIGHT),
        ("SELECT count(*) INTO n FROM a; b := n > 1; IF NOT b", Place.BRANCH),
        ("IF exists (SELECT FROM a) THEN n := 1; END IF; IF n = 1", Place.BRANCH),
        ("IF to_regclass('a') IS NULL THEN n := 1; END IF; IF n = 1", Place.STRAIGHT),
        ("UPDATE a SET b = 2; GET DIAGNOSTICS n = ROW_COUNT; IF n = 1", Place.BRANCH),
        ("BEGIN n := 1; PERFORM 1; EXCEPTION WHEN others THEN n := 2; END; IF n = 2", Place.BRANCH),
        ("EXECUTE 'select 1' INTO n; IF n = 1", Place.BRANCH),
        ("IF current_setting('server_version_num')::int > 100000", Place.STRAIGHT),
    ],
)
def test_a_variable_is_the_catalogs_own_when_all_that_fills_it_comes_from_there(code: str, place: Place) -> None:
    assert places(f"DECLARE n int; b bool := false; BEGIN {code} THEN DELETE FROM z; END IF; END")[-1] == ("delete", place)


def test_parameters_may_come_from_rows_unless_the_caller_gives_them() -> None:
    definition = """CREATE FUNCTION f(t regclass) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = t) THEN DELETE FROM z; END IF; END $$"""
    assert [i.place for i in read_code(definition, language="plpgsql").inner] == [Place.BRANCH]
    assert [i.place for i in read_code(definition, language="plpgsql", given=True).inner] == [Place.STRAIGHT]


@pytest.mark.parametrize(
    ("event", "words"), [("INSERT", ["insert", "update"]), ("UPDATE", ["update"]), ("DELETE", ["delete"]), (None, None)]
)
def test_a_trigger_takes_the_way_of_its_event(event: str | None, words: list[str] | None) -> None:
    definition = """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF (TG_OP = 'DELETE') THEN DELETE FROM a; RETURN OLD;
      ELSIF TG_OP IN ('INSERT', 'TRUNCATE') AND TG_OP <> 'UPDATE' THEN INSERT INTO a VALUES (1);
      END IF;
      UPDATE a SET b = 1;
      RETURN NEW;
      LOCK TABLE a;
    END $$"""
    inner = read_code(definition, language="plpgsql", event=event).inner
    if words is None:
        assert [i.place for i in inner] == [Place.BRANCH] * 3
    else:
        assert [(i.text.split()[0].lower(), i.place) for i in inner] == [(word, Place.STRAIGHT) for word in words]


def test_what_conditions_and_assignments_read_and_call_is_read_too() -> None:
    body = """DECLARE n int; BEGIN
      IF (SELECT count(*) FROM a) > 3 THEN n := f(n); n := n + 1; END IF;
      RETURN (SELECT b FROM c);
    END"""
    definition = f"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ {body} $$"
    found = read_code(definition, language="plpgsql").expressions
    assert [([n.name for s in i.statements or () for n in (*s.names, *s.calls)], i.place) for i in found] == [
        (["a", "count"], Place.STRAIGHT),
        (["f"], Place.BRANCH),
        (["c"], Place.STRAIGHT),
    ]


def test_a_loop_over_the_catalog_runs_on_a_shadow_as_often_as_in_production() -> None:
    assert places("DECLARE r record; BEGIN FOR r IN SELECT relname FROM pg_class LOOP UPDATE a SET b = 1; END LOOP; END")[
        -1
    ] == ("update", Place.STRAIGHT)


def test_a_variable_may_hold_the_key_of_a_row_that_the_block_inserted() -> None:
    body = """DECLARE i int; j int; k int; m int := 3; n int; BEGIN
      INSERT INTO a (b) VALUES (1) RETURNING id, c INTO i, n;
      INSERT INTO a (b) VALUES (1) ON CONFLICT DO NOTHING RETURNING id INTO j;
      INSERT INTO a (b) VALUES (1) RETURNING id INTO k;
      k := 5;
    END"""
    found = read_code(block(body), language="plpgsql").inserted
    assert {variable: (table.name, column) for variable, (table, column) in found.items()} == {
        "i": ("a", "id"),
        "n": ("a", "c"),
    }


@pytest.mark.parametrize(
    "code",
    [
        "COPY (select ';') TO PROGRAM 'x'",
        "copy t to/* */program 'x'",
        "copy t from e'/x'",
        "copy t from U&'/x'",
        "copy t to $q$/x$q$",
        "copy t to'/x'",
        "execute format('copy t from %L', '/x')",
        "execute 'copy t from ' || quote_literal('/x')",
        "perform LO_EXPORT(1, '/x')",
        "perform Extensions.DBLINK('', '')",
    ],
)
def test_code_that_copies_out_or_calls_out_is_seen_however_it_is_written(code: str) -> None:
    assert body_reaches_outside(f"begin {code}; end") is not None
