"""A release's statements: its own, or layered release upon release, a name replaced by the same name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.release.statements import layers, merged, of_application, running_release
from lockage.errors import UsageError

KNOWN = ("2.26.6", "2.9.0", "2.26.0", "2.27.8")


def test_a_release_that_does_not_inherit_stands_alone() -> None:
    assert layers("2.26.6", KNOWN, inherit=False) == ("2.26.6",)


def test_a_release_that_inherits_has_the_earlier_ones_below_it_by_version_and_not_by_text() -> None:
    assert layers("2.26.6", KNOWN, inherit=True) == ("2.9.0", "2.26.0", "2.26.6")


@given(
    versions=st.lists(st.tuples(*[st.integers(min_value=0, max_value=30)] * 3), min_size=1, unique=True),
    pick=st.integers(min_value=0),
)
def test_the_release_itself_is_always_the_last_layer(versions: list[tuple[int, int, int]], pick: int) -> None:
    known = [".".join(map(str, version)) for version in versions]
    release = known[pick % len(known)]
    found = layers(release, known, inherit=True)
    assert found[-1] == release
    assert [known[i] for i in sorted(range(len(known)), key=versions.__getitem__)][: len(found)] == list(found)


def test_a_later_statement_replaces_the_earlier_one_of_its_name_in_its_place() -> None:
    old = ("1.sql", "-- name: key\nSELECT 1;\n-- name: user\nSELECT 2;\n")
    new = ("2.sql", "-- name: key\nSELECT 3;\n")
    assert merged([old, new]) == ("SELECT 3", "SELECT 2")


def test_a_name_with_two_statements_is_replaced_one_by_one() -> None:
    old = ("1.sql", "-- name: key\nSELECT 1;\nSELECT 2;\n")
    new = ("2.sql", "-- name: key\nSELECT 3;\n")
    assert merged([old, new]) == ("SELECT 3", "SELECT 2")


def test_statements_without_names_add_up() -> None:
    assert merged([("1.sql", "SELECT 1; SELECT 2;"), ("2.sql", "SELECT 1;")]) == ("SELECT 1", "SELECT 2", "SELECT 1")


def test_what_stands_before_the_first_name_has_none() -> None:
    text = "SELECT 0;\n-- name: key\nSELECT 1;\n"
    assert merged([("1.sql", text), ("2.sql", text)]) == ("SELECT 0", "SELECT 1", "SELECT 0")


def test_files_without_statements_are_fine() -> None:
    assert merged([]) == ()
    assert merged([("1.sql", ""), ("2.sql", "-- only a comment\n"), ("3.sql", "-- name: nothing\n")]) == ()


def test_sql_that_does_not_parse_is_named_with_its_file() -> None:
    with pytest.raises(UsageError, match=r"2\.sql"):
        merged([("1.sql", "SELECT 1;"), ("2.sql", "-- name: key\nSELEKT 1;\n")])


names = st.text(alphabet="abc", min_size=1, max_size=2)


@given(files=st.lists(st.lists(st.tuples(names, st.integers(min_value=0, max_value=99)), max_size=4), max_size=4))
def test_of_each_name_the_last_statement_is_left_and_nothing_else(files: list[list[tuple[str, int]]]) -> None:
    written = [
        (f"{n}.sql", "".join(f"-- name: {name}\nSELECT {value};\n" for name, value in file)) for n, file in enumerate(files)
    ]
    last: dict[str, str] = {}
    for file in files:
        last |= {name: f"SELECT {value}" for name, value in file}
    assert sorted(merged(written)) == sorted(last.values())


def test_statements_that_look_at_the_catalog_only_are_of_tools_and_not_of_the_application() -> None:
    of_tools = (
        "select n.nspname from pg_catalog.pg_namespace as n join pg_class as c on c.relnamespace = n.oid",
        "select column_name from information_schema.columns where table_name = $1",
        "select pg_stat_statements_reset()",
        "select query from public.pg_stat_statements",
        'LOCK TABLE public.users, public."a in b" IN ACCESS SHARE MODE',
    )
    of_sessions = (
        "BEGIN",
        "start transaction isolation level serializable",
        "COMMIT",
        "SET statement_timeout = $1",
        "set local search_path = $1",
        "RELEASE SAVEPOINT one",
    )
    of_application_itself = (
        "select id from users where exists (select from pg_class where relname = $1)",
        "insert into pg_notes (id) select id from notes",
        "select 1",
        "select now() - interval $1",
        "select pg_broken extract(",
        "set constraints users_fk deferred",
        "set role reader",
        "set local role reader",
        "set session authorization reader",
        "lock table users in exclusive mode",
        "table releases",
    )
    release = running_release((*of_tools, *of_sessions, *of_application_itself))
    assert of_application(release).texts == of_application_itself
