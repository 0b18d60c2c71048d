"""How deep a text may nest before nobody tries to read it, and what only psql understands."""

from __future__ import annotations

import pytest

from lockage.core.migration.parsing import NESTING_LIMIT, PART, NestedTooDeepError, parse, parse_in_parts, too_deep_at
from lockage.core.migration.statement import fingerprint, split_statements
from lockage.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t SET name = " + " || ".join(["'x'"] * 300),
        "INSERT INTO t SELECT 1" + " UNION ALL SELECT 2" * 4_000,
        "SELECT 1 FROM a JOIN b USING (id)" + " JOIN c USING (id)" * 90,
        "SELECT " + "abs(" * 300 + "1" + ")" * 300,
        "SELECT 1" + "::int" * 300,
    ],
)
def test_what_people_and_generators_nest_is_read(text: str) -> None:
    (statement,) = split_statements(text, file="a.sql")
    assert statement.text == text


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t SET n = " + "+".join(["1"] * 100_000),
        "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "SELECT 1" + " UNION ALL SELECT 2" * 20_000,
        "SELECT 1" + "::int" * 20_000,
        "SELECT " + "NOT " * 20_000 + "true",
    ],
)
def test_what_would_end_the_process_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a\.sql, line 2: it nests more than 2,000 operators or brackets$") as caught:
        split_statements(f"SELECT 1;\n{text};", file="a.sql")
    assert caught.value.code == "LK713"
    with pytest.raises(NestedTooDeepError):
        parse(text)
    assert fingerprint(text)


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t WHERE " + " OR ".join(f"id = {n}" for n in range(10_000)),
        "INSERT INTO t VALUES " + ", ".join(f"(({n} + 1) * 2, '2026-11-23 10:00:00+00')" for n in range(3_000)),
        "".join(f"UPDATE t SET n = n + {n} WHERE id = {n};\n" for n in range(3_000)),
        "INSERT INTO t VALUES ('" + "+(" * NESTING_LIMIT + "')",
        "SELECT $a$" + "+(" * NESTING_LIMIT + "$a$, E'\\'" + "+(" * NESTING_LIMIT + "'",
        "-- " + "+(" * NESTING_LIMIT + "\nSELECT 1",
    ],
)
def test_what_is_long_and_not_deep_is_no_nesting(text: str) -> None:
    assert too_deep_at(text) is None
    assert split_statements(text, file="a.sql")


LINES = 600
WORDS = "x" * (PART // 200)
"""So many lines of it are three parts."""


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '" + f"{WORDS};\n" * LINES + "'",
        "/* " + f"{WORDS};\n" * LINES + "*/ SELECT 1",
        "DO $$ BEGIN\n" + f"PERFORM '{WORDS}';\n" * LINES + "END $$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n" + f"SELECT '{WORDS}';\n" * LINES + "END",
        "CREATE RULE r AS ON DELETE TO t DO ALSO (\n" + f"DELETE FROM a WHERE b = '{WORDS}';\n" * LINES + "DELETE FROM b)",
        "CREATE SCHEMA s -- all of it;\n" + f"CREATE TABLE t () -- {WORDS};\n" * LINES + "CREATE TABLE u ()",
    ],
    ids=["quoted", "comment", "block", "atomic", "rule", "schema"],
)
def test_a_long_script_is_divided_between_statements_only(text: str) -> None:
    after = [f"SELECT 'é{WORDS}'"] * LINES
    script = ";\n".join(["SELECT 1", text, *after])
    statements = split_statements(script, file="a.sql")
    assert [each.text for each in statements] == ["SELECT 1", text.rpartition("*/ ")[2], *after]
    first = 2 + text.count("\n") + 1
    assert [each.line for each in statements[2:]] == list(range(first, first + LINES))
    parts = [part for part, _ in parse_in_parts(script)]
    assert ("".join(parts), len(parts) > 2) == (script, True)


def test_a_mistake_behind_many_statements_has_its_own_line() -> None:
    line = f"SELECT 'é{WORDS}';\n"
    with pytest.raises(UsageError, match=rf"^a\.sql, line {LINES + 1}: syntax error at or near"):
        split_statements(line * LINES + "SELEC 2;\n" + line * LINES, file="a.sql")


@pytest.mark.parametrize("word", ["SELEC", "\\unrestrict abc"])
def test_letters_of_several_bytes_move_no_line(word: str) -> None:
    with pytest.raises(UsageError, match=r"^a\.sql, line 3: "):
        split_statements(f"SELECT 'éééééééééé';\nSELECT 'ßßßßßßßßßßßß';\n{word};\n" + "SELECT 1;\n" * 9, file="a.sql")


def test_rows_of_a_copy_are_said_to_be_for_psql() -> None:
    dump = "CREATE TABLE d (id int);\n\nCOPY public.d (id) FROM stdin;\n1\n2\n\\.\n\nSELECT 1;\n"
    with pytest.raises(UsageError, match=r"^a\.sql, line 3: the rows of COPY public\.d stand in the file") as caught:
        split_statements(dump, file="a.sql")
    assert caught.value.code == "LK714"


def test_a_command_of_psql_is_named() -> None:
    with pytest.raises(UsageError, match=r"^a\.sql, line 3: \\restrict is a command of psql") as caught:
        split_statements("SELECT 1;\n\n\\restrict abc\nSELECT 2;\n", file="a.sql")
    assert caught.value.code == "LK714"


def test_a_mistake_of_sql_stays_one() -> None:
    with pytest.raises(UsageError, match=r"^a\.sql, line 2: syntax error at or near") as caught:
        split_statements("SELECT 1;\nSELEC 2;\n", file="a.sql")
    assert caught.value.code == "LK401"
