"""Placeholders of ``pg_stat_statements``: where they are, and how a text that no server prepares becomes one that it does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.migration.placeholders import Objection, Typing, of_drivers, placeholders, split_loosely, typed


def test_placeholders_are_found_outside_of_strings_and_comments_only() -> None:
    text = "select '$1', \"$2\", é, $3 /* $4 */ -- $5\n, $$ $6 $$, $12"
    assert [(place.number, text[place.start : place.end]) for place in placeholders(text)] == [(3, "$3"), (12, "$12")]


@given(st.text(alphabet="ab$1'\"-/*;é ", max_size=40))
def test_any_text_has_placeholders_that_stand_where_they_are_said_to(text: str) -> None:
    for place in placeholders(text):
        assert text[place.start : place.end] == f"${place.number}"
    assert all(part.strip() for part in split_loosely(text))


def test_a_literal_is_put_where_the_grammar_wants_one() -> None:
    def server(typing: Typing) -> Objection | None:
        at = typing.text.find("$2")
        return None if at < 0 else Objection(sqlstate="42601", message='syntax error at or near "$2"', position=at + 1)

    found = typed("select $1 where now() > interval $2", server)
    assert found == Typing(text="select $1 where now() > interval '1 day'", types={2: "text"})


def test_a_type_is_declared_where_the_server_says_which_it_wants() -> None:
    def server(typing: Typing) -> Objection | None:
        if typing.types.get(1) == "uuid":
            return None
        return Objection(sqlstate="42883", message="operator does not exist: uuid = text", position=20)

    assert typed("select 1 where a = any(array[$1])", server) == Typing(
        text="select 1 where a = any(array[$1])", types={1: "uuid"}
    )


def test_parameters_are_typed_one_after_the_other() -> None:
    def server(typing: Typing) -> Objection | None:
        open_ones = [number for number in (1, 2, 3) if number not in typing.types]
        if not open_ones:
            return None
        return Objection(sqlstate="42P18", message=f"could not determine data type of parameter ${open_ones[0]}")

    found = typed("select count($1), count($2), count($3)", server)
    assert found is not None
    assert found.types == {1: "int4", 2: "int4", 3: "int4"}


@pytest.mark.parametrize("sqlstate", ["42601", "42P01", "42P18"])
def test_what_no_literal_and_no_type_helps_is_given_up(sqlstate: str) -> None:
    asked: list[Typing] = []

    def server(typing: Typing) -> Objection | None:
        asked.append(typing)
        return Objection(sqlstate=sqlstate, message="no", position=8)

    assert typed("select $1, $2", server) is None
    assert len(asked) < 200


def test_nothing_is_tried_where_types_are_not_what_is_missing() -> None:
    asked: list[Typing] = []

    def server(typing: Typing) -> Objection | None:
        asked.append(typing)
        return Objection(sqlstate="42P01", message='relation "t" does not exist', position=15)

    assert typed("select a from t where b = $1", server) is None
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("a = %s and b like '%%s' and c = %s", "a = $1 and b like '%%s' and c = $2"),
        ("a = %(id)s or b = %(id)s and c = %(other)s", "a = $1 or b = $1 and c = $2"),
        ("a = :id and b::text = :name and c = 'x:y'", "a = $1 and b::text = $2 and c = 'x:y'"),
        ("a = ? and b in (?, ?) -- ?", "a = $1 and b in ($2, $3) -- ?"),
        ("a = ?1 and b = ?2 and c = ?1", "a = $1 and b = $2 and c = $1"),
        ("a = @id and b @> @other", "a = $1 and b @> $2"),
        ("a in (__[POSTCOMPILE_id_1])", "a in ($1)"),
        ("a ?| array['x'] and b = $1", None),
        ('"a:b" = $1', None),
    ],
)
def test_placeholders_of_libraries_become_those_of_the_server(text: str, own: str | None) -> None:
    assert of_drivers(text) == own
