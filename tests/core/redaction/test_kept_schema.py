"""Secrets in a schema that must still be restored: only what stands between quotes is ever masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.redaction.kept_schema import without_secrets
from lockage.core.redaction.quoted import literals_of, statements_of


@pytest.mark.parametrize(
    ("dump", "masked"),
    [
        ("CREATE TABLE t (\n    api_token text DEFAULT 'abc-123'::text\n);", "abc-123"),
        ("CREATE TABLE t (\n    url text DEFAULT 'postgres://u:hunter2@h/d'\n);", "hunter2"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    host 'inner'\n);", "inner"),
        ("CREATE USER MAPPING FOR a SERVER s OPTIONS (\n    \"user\" 'app',\n    password 'x1'\n);", "x1"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ -- password=hunter2\nselect 1 $$;", "hunter2"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ declare api_key text := 'hunter2'; begin end $$;",
            "hunter2",
        ),
        ("CREATE TABLE t (\n    mail text DEFAULT 'ann@shop.example'::text\n);", "ann@shop.example"),
        ("CREATE VIEW v AS\n SELECT 1 FROM t WHERE ((t.mail = 'ann.b+c@shop.co.example'::text));", "ann.b+c@shop.co.example"),
    ],
)
def test_a_secret_is_masked(dump: str, masked: str) -> None:
    made = without_secrets(dump)
    assert masked not in made.text
    assert made.places >= 1
    assert [cut.end - cut.start > 0 for cut in statements_of(made.text)] == [True]


@pytest.mark.parametrize(
    "dump",
    [
        "CREATE TYPE login AS ENUM (\n    'password',\n    'token'\n);",
        "CREATE TABLE t (\n    kind login DEFAULT 'password'::login NOT NULL,\n    password_token text NOT NULL\n);",
        "CREATE TABLE t (\n    CONSTRAINT c CHECK ((kind = ANY (ARRAY['password'::text, 'token'::text])))\n);",
        "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    port '5432',\n    use_remote_estimate 'true'\n);",
        "CREATE INDEX i ON t USING btree (secret) WHERE (token IS NOT NULL);",
        "CREATE TABLE p PARTITION OF t FOR VALUES IN ('ann@shop.example', 'bob@shop.example');",
        "CREATE DOMAIN mail AS text CHECK ((VALUE ~ '^[A-Za-z0-9.]+@[a-z.]+[.][a-z]+$'::text));",
    ],
)
def test_what_is_the_schema_itself_stays(dump: str) -> None:
    assert without_secrets(dump) == (dump, 0)


def test_a_long_line_of_brackets_takes_no_time() -> None:
    check = " AND ".join(f"((c{n} IS NULL) OR (length(c{n}) > {n}))" for n in range(60))
    dump = f"CREATE TABLE t (\n    token numeric(10,2) DEFAULT '1',\n    CONSTRAINT known CHECK (({check}))\n);\n"
    assert "CHECK" in without_secrets(dump).text  # bracket by bracket, and each pair at once, would be tried for ever


def test_a_semicolon_in_a_body_or_a_literal_ends_no_statement() -> None:
    text = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END;\nSELECT ';' || $x$;$x$;"
    assert [text[cut.start : cut.end][:8] for cut in statements_of(text)] == ["CREATE F", "SELECT '"]


@given(st.lists(st.text(alphabet="ab';$-\n ", max_size=8), max_size=5))
def test_literals_come_out_as_they_went_in(words: list[str]) -> None:
    text = "SELECT " + ", ".join("'" + word.replace("'", "''") + "'" for word in words) + ";"
    found = [text[one.start : one.end].replace("''", "'") for one in literals_of(text)]
    assert found == words
    assert len(list(statements_of(text))) == 1
