"""goose's files, as goose itself takes and refuses them."""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.format import QUERY, STATEMENTS
from lockage.errors import UsageError
from support.formats import read, refused


def test_goose_without_a_transaction_sends_each_statement_but_a_block_as_one() -> None:
    block = "-- +goose StatementBegin\nSELECT 2; SELECT 3;\n-- +goose StatementEnd"
    text = f"-- +goose NO TRANSACTION\n-- +goose Up\nSELECT\n1; -- a;\n{block}\nSELECT 4;\nSELECT 5; SELECT 6;"
    (migration,) = read("goose", {"1_a.sql": text})
    assert [(s.sending, len(s.statements)) for s in migration.sent()] == [
        (STATEMENTS, 1),
        (QUERY, 2),
        (STATEMENTS, 1),
        (QUERY, 2),
    ]


def test_goose_annotations_are_read_in_any_case_and_with_line_ends_of_windows() -> None:
    (migration,) = read("goose", {"1_a.sql": "-- +goose up\r\nSELECT 1;\r\n-- +GOOSE DOWN\r\nSELECT 2;\r\n"})
    assert [s.headline for s in migration.statements()] == ["SELECT 1"]


def test_goose_replaces_variables_only_where_the_file_asks() -> None:
    on = "-- +goose ENVSUB ON\nSELECT '${A}', '$A', '${B:-b}', $body$x$body$;"
    text = f"-- +goose Up\nSELECT '${{A}}';\n{on}\n-- +goose ENVSUB OFF\nSELECT '$A';"
    (migration,) = read("goose", {"1_a.sql": text}, A="a")
    assert [s.headline for s in migration.statements()] == [
        "SELECT '${A}'",
        "SELECT 'a', 'a', 'b', $body$x$body$",
        "SELECT '$A'",
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "abc"),
        ("$A", "abc"),
        ("${A:1}", "bc"),
        ("${A: -1}", "c"),
        ("${A:1:1}", "b"),
        ("${A:?needed}", "abc"),
        ("${E-x}", ""),
        ("${E:-x}", "x"),
        ("${B-x y}", "x y"),
        (r"\$A", "$A"),
    ],
)
def test_goose_variables_are_expanded_as_goose_does(written: str, value: str) -> None:
    (migration,) = read("goose", {"1_a.sql": f"-- +goose ENVSUB ON\n-- +goose Up\nSELECT '{written}';"}, A="abc", E="")
    assert migration.statements()[0].headline == f"SELECT '{value}'"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;", 1, "before “-- +goose Up”"),
        ("-- a comment", 1, "no “-- +goose Up”"),
        ("-- +goose Up\n-- +goose StatementBegin\nSELECT 1;", 2, "no StatementEnd"),
        ("-- +goose Up\n-- +goose Up", 2, "a second"),
    ],
)
def test_what_goose_itself_refuses_is_refused_with_file_and_line(text: str, line: int, words: str) -> None:
    error = refused("goose", text)
    assert error.code == "LK653"
    assert f"1_a.sql, line {line}: " in error.message
    assert words in error.message


def test_goose_wants_a_semicolon_at_the_end_of_a_line() -> None:
    text = "-- +goose Up\nSELECT 1; -- one\nSELECT '--';\nSELECT 2{}\n-- +goose Down\nSELECT 3;\n"
    assert len(read("goose", {"1_a.sql": text.format(";")})[0].statements()) == 3
    with pytest.raises(UsageError, match=r"^1_a\.sql, line 4: the statement does not end with a semicolon"):
        read("goose", {"1_a.sql": text.format("")})
