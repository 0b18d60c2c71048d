"""Splitting and reading SQL text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.migration.statement import fingerprint, split_statements
from lockage.core.migration.syntax import ChangeKind, Control, Name, Statement, WorkKind
from lockage.errors import UsageError


def one(text: str) -> Statement:
    (statement,) = split_statements(text, file="f.sql")
    return statement


def test_a_line_is_that_of_the_first_word_not_of_the_comment_before_it() -> None:
    text = "-- héllo\n/* two\nlines */ CREATE TABLE a (i int);\n\n-- again\n  SELECT 1;"
    assert [(s.line, s.text.split()[0]) for s in split_statements(text, file="f")] == [(3, "CREATE"), (6, "SELECT")]


def test_line_breaks_inside_a_statement_are_kept() -> None:
    text = "SELECT 1 -- one\n+ 2"
    assert one(text).text == text


def test_an_empty_file_has_no_statements() -> None:
    assert split_statements("", file="f") == ()
    assert split_statements("-- nothing\n;;", file="f") == ()


@pytest.mark.parametrize("body", ["a;b", "it''s; fine", "-- no comment"])
def test_a_semicolon_in_a_literal_ends_nothing(body: str) -> None:
    assert len(split_statements(f"SELECT '{body}'; SELECT 2", file="f")) == 2


def test_what_does_not_parse_is_a_usage_error_with_file_line_and_message() -> None:
    with pytest.raises(UsageError) as caught:
        split_statements("SELECT 1;\n\nSELEC 2;", file="7_x.sql")
    assert caught.value.code == "LK401"
    assert caught.value.message == '7_x.sql, line 3: syntax error at or near "SELEC"'


def test_a_nul_character_is_refused_instead_of_cutting_the_file_short() -> None:
    with pytest.raises(UsageError, match="line 2: a NUL character"):
        split_statements("SELECT 1;\n\x00DROP TABLE a", file="f")


@given(st.lists(st.sampled_from(["SELECT 1", "ALTER TABLE a ADD b int", "SELECT 'ü;'", "UPDATE t SET x = $$;$$"]), max_size=6))
def test_what_was_joined_by_semicolons_is_split_again(parts: list[str]) -> None:
    text = ";\n".join(parts)
    found = split_statements(text, file="f")
    assert [statement.text for statement in found] == parts
    assert [statement.line for statement in found] == list(range(1, len(parts) + 1))


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("BEGIN", Control.BEGIN),
        ("START TRANSACTION", Control.BEGIN),
        ("END", Control.COMMIT),
        ("ABORT", Control.ROLLBACK),
        ("SAVEPOINT s", Control.SAVEPOINT),
        ("ROLLBACK TO s", Control.ROLLBACK_TO),
        ("RELEASE s", Control.RELEASE),
        ("PREPARE TRANSACTION 'x'", Control.TWO_PHASE),
        ("SELECT 1", None),
    ],
)
def test_transaction_control_is_recognised(text: str, control: Control | None) -> None:
    assert one(text).control is control


def test_names_are_as_written_and_common_table_expressions_are_none() -> None:
    statement = one("WITH c AS (SELECT * FROM s.a) INSERT INTO b SELECT * FROM c JOIN d ON true")
    assert set(statement.names) == {Name(schema="s", name="a"), Name(schema=None, name="b"), Name(schema=None, name="d")}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DROP TABLE s.a", "s.a"),
        ("DROP INDEX a", "a"),
        ("DROP TRIGGER t ON s.a", "s.a"),
        ("COMMENT ON COLUMN s.a.b IS 'x'", "s.a"),
        ("COMMENT ON TABLE a IS 'x'", "a"),
        ("ALTER TABLE a RENAME TO b", "a"),
        ("GRANT SELECT ON a TO public", "a"),
    ],
)
def test_the_named_relation_is_found(text: str, name: str) -> None:
    assert name in {str(found) for found in one(text).names}


def test_changes_say_columns_conditions_and_literal_nulls() -> None:
    (change,) = one("UPDATE t SET a = NULL, b = 1 WHERE id = 3 AND c > 4").changes
    assert change.kind is ChangeKind.UPDATE
    assert change.columns == ("a", "b")
    assert change.nulls == ("a",)
    assert change.equated == ("id",)
    assert set(change.compared) == {"id", "c"}


def test_an_insert_counts_its_rows_and_a_null_is_one_only_in_all_of_them() -> None:
    (change,) = one("INSERT INTO t (a, b) VALUES (1, NULL), (NULL, NULL)").changes
    assert change.rows == 2
    assert change.nulls == ("b",)


def test_a_select_can_delete() -> None:
    changes = one("WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d").changes
    assert [(c.kind, c.relation.name) for c in changes] == [(ChangeKind.DELETE, "a")]


def test_row_locking_names_the_table_behind_its_alias() -> None:
    changes = one("SELECT * FROM a x JOIN b ON true FOR UPDATE OF x").changes
    assert [(c.kind, c.relation.name) for c in changes] == [(ChangeKind.LOCK, "a")]


def test_defining_a_function_changes_no_rows() -> None:
    assert one("CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC DELETE FROM a; SELECT 1; END").changes == ()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ALTER TABLE a ALTER b SET NOT NULL", [WorkKind.SCAN]),
        ("ALTER TABLE a ADD CHECK (b > 0)", [WorkKind.SCAN]),
        ("ALTER TABLE a ADD CHECK (b > 0) NOT VALID", []),
        ("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c", [WorkKind.FOREIGN_KEY]),
        ("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c NOT VALID", []),
        ("ALTER TABLE a ADD COLUMN b int REFERENCES c", [WorkKind.FOREIGN_KEY]),
        ("ALTER TABLE a ADD UNIQUE USING INDEX i", []),
        ("CREATE INDEX ON a (b)", [WorkKind.INDEX_BUILD]),
        ("TRUNCATE a", [WorkKind.TRUNCATE]),
        ("COMMENT ON TABLE a IS 'x'", []),
    ],
)
def test_work_over_all_rows_is_read_from_the_text(text: str, kinds: list[WorkKind]) -> None:
    assert [work.kind for work in one(text).works] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "COPY a FROM '/etc/passwd'",
        "COPY a TO PROGRAM 'rm -rf /'",
        "COPY a FROM STDIN",
        "SELECT dblink_exec('x', 'y')",
        "SELECT lo_import('/etc/passwd')",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "DROP DATABASE x",
    ],
)
def test_what_reaches_out_of_the_database_is_recognised(text: str) -> None:
    assert one(text).outside is not None


@pytest.mark.parametrize(
    "text", ["SELECT 1", "CREATE EXTENSION dblink", "CREATE FUNCTION lo_import_x() RETURNS int LANGUAGE sql RETURN 1"]
)
def test_what_stays_inside_is_not_refused(text: str) -> None:
    assert one(text).outside is None


def test_a_block_knows_the_line_of_its_body() -> None:
    (_, block) = split_statements("SELECT 1;\nDO\n$x$ BEGIN\nNULL; END $x$", file="f")
    assert block.procedure is not None
    assert (block.line, block.procedure.line, block.procedure.language) == (2, 3, "plpgsql")


def test_constants_do_not_tell_statements_apart_and_columns_do() -> None:
    assert fingerprint("UPDATE a SET b = 1") == fingerprint("UPDATE a SET b = $1")
    assert fingerprint("UPDATE a SET b = 1") != fingerprint("UPDATE a SET c = 1")


def test_a_fingerprint_exists_where_a_parameter_stands_for_what_the_grammar_wants_written() -> None:
    assert fingerprint("SELECT interval $1") == fingerprint("SELECT interval $2")
