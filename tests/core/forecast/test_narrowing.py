"""Which types are narrower than others."""

from __future__ import annotations

import pytest

from lockage.core.forecast.narrowing import is_narrower


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
