"""Which types are narrower than others."""

from __future__ import annotations

import pytest

from lockage.core.forecast.narrowing import is_narrower, is_wider_check, takes_fewer_texts


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("character varying(50)", "character varying(20)"),
        ("text", "character varying(20)"),
        ("character varying(20)[]", "character varying(10)[]"),
        ("bigint", "integer"),
        ("integer", "smallint"),
        ("numeric(12,2)", "numeric(8,2)"),
        ("numeric(12,2)", "numeric(12,4)"),
        ("numeric", "integer"),
        ("double precision", "real"),
        ("bigint", "numeric(10,0)"),
    ],
)
def test_a_type_that_takes_fewer_values_is_narrower_and_never_the_other_way(before: str, after: str) -> None:
    assert is_narrower(before, after)
    assert not is_narrower(after, before)


@pytest.mark.parametrize(("before", "after"), [("text", "uuid"), ("integer", "text"), ("date", "timestamp"), ("text", "text")])
def test_types_of_different_families_are_not_compared(before: str, after: str) -> None:
    assert not is_narrower(before, after)


@pytest.mark.parametrize(
    ("before", "after", "narrower"),
    [
        ("bit(4)", "bit(2)", True),
        ("bit(2)", "bit(4)", True),  # it takes no fewer bits than it says, either
        ("bit(4)", "bit varying(2)", True),
        ("bit varying(8)", "bit(8)", True),
        ("bit(2)", "bit varying(4)", False),
        ("bit(4)", "bit(4)", False),
        ("bit varying(4)", "bit varying", False),
    ],
)
def test_bits_have_a_length_that_is_exact_or_a_limit(before: str, after: str, narrower: bool) -> None:
    assert is_narrower(before, after) is narrower


@pytest.mark.parametrize(
    ("before", "after"),
    [("numeric", "bigint"), ("real", "integer"), ("double precision", "bigint"), ("inet", "cidr"), ("bigint", "integer")],
)
def test_a_type_without_fractions_or_hosts_refuses_texts_that_the_other_took(before: str, after: str) -> None:
    assert takes_fewer_texts(before, after)
    assert not takes_fewer_texts(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK ((length(a) <= 10))", "CHECK ((length(a) <= 20))"),
        ("CHECK ((qty >= '-100'::integer))", "CHECK ((qty >= '-1000'::integer))"),
        ("CHECK (((VALUE >= 0) AND (VALUE <= 200)))", "CHECK (((VALUE >= 0) AND (VALUE <= 300)))"),
        ("CHECK ((price >= (0)::numeric))", "CHECK ((price >= ('-1'::integer)::numeric))"),
        ("CHECK ((m = ANY (ARRAY['a'::text])))", "CHECK ((m = ANY (ARRAY['a'::text, 'b'::text])))"),
    ],
)
def test_a_check_with_bounds_farther_out_or_a_longer_list_is_wider_and_never_the_other_way(before: str, after: str) -> None:
    assert is_wider_check(before, after)
    assert not is_wider_check(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK ((NOT (a > 10)))", "CHECK ((NOT (a > 5)))"),
        ("CHECK ((m <> ALL (ARRAY['a'::text])))", "CHECK ((m <> ALL (ARRAY['a'::text, 'b'::text])))"),
        ("CHECK ((a <= 10))", "CHECK ((b <= 20))"),
        ("CHECK ((a <= 10))", "CHECK ((a < 20))"),
    ],
)
def test_what_is_turned_round_or_another_check_is_no_wider_one(before: str, after: str) -> None:
    assert not is_wider_check(before, after)
