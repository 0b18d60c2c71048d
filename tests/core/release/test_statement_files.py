"""Which statements a file holds, whoever exported it."""

from __future__ import annotations

import pytest

from lockage.core.release.statement_files import read_statement_file
from lockage.errors import UsageError


def texts(text: str) -> tuple[str, ...]:
    return read_statement_file(text, file="seen").texts


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\n-- a comment; with a semicolon\nselect now() - interval $1;\n;\n",
        'query,calls\nselect 1,5\n"select now() - interval $1",7\n',
        '"query";"calls"\nselect 1;5\n"select now() - interval $1";7\n',
        "calls\tquery\n5\tselect 1\n7\tselect now() - interval $1\n",
        '[{"query": "select 1"}, {"query": "select now() - interval $1;", "calls": 7}]',
        '{"query": "select 1"}\n{"query": "select now() - interval $1"}\n',
        '["select 1", "select now() - interval $1"]',
        '{"statements": [{"QUERY": "select 1"}, {"QUERY": "select now() - interval $1"}]}',
        "\ufeffselect 1; select now() - interval $1",
    ],
)
def test_sql_and_exports_of_pg_stat_statements_hold_the_same_statements(text: str) -> None:
    assert texts(text) == ("select 1", "select now() - interval $1")


def test_a_statement_counts_once_for_each_role_and_the_date_is_kept() -> None:
    found = read_statement_file(
        "rolname,query,stats_reset\napp,select 1,2026-01-02\nme,select 1,2026-01-02\napp,select 1,2026-01-02\n", file="seen"
    )
    assert [(each.role, each.text) for each in found.statements] == [("app", "select 1"), ("me", "select 1")]
    assert (found.source, found.since) == ("seen", "2026-01-02")


def test_statements_that_the_exporting_role_could_not_see_are_counted() -> None:
    found = read_statement_file("query\nselect 1\n<insufficient privilege>\n<insufficient privilege>\n", file="seen")
    assert found.texts == ("select 1",)
    assert found.remarks == ("2 statements of other roles were hidden from the role that asked, and are not checked",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "LK706"),
        (" -- nothing\n;", "LK706"),
        ("[]", "LK706"),
        ("query,calls\n", "LK706"),
        ('[{"text": "select 1"}]', "LK705"),
        ('{"query": "select 1"', "LK705"),
        ('{"query": "select 1"}\n{"query": \n', "LK705"),
    ],
)
def test_a_file_without_statements_is_refused_in_a_sentence(text: str, code: str) -> None:
    with pytest.raises(UsageError, match="seen") as caught:
        read_statement_file(text, file="seen")
    assert caught.value.code == code


def test_a_first_line_of_sql_is_no_header() -> None:
    assert texts("select query, calls from pg_stat_statements;\nselect 2") == (
        "select query, calls from pg_stat_statements",
        "select 2",
    )


def test_a_statement_is_read_however_long_it_is() -> None:
    long = f"select 1 where {' or '.join(f'{number} = $1' for number in range(20_000))}"
    assert len(long) > 200_000
    assert texts(long) == (long,)
    assert texts(f'query,calls\n"{long}",5\n') == (long,)
