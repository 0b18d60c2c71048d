"""Which unique keys demand nothing that another demands already."""

from __future__ import annotations

import pytest

from lockage.core.forecast.implied_keys import is_implied_key
from lockage.core.forecast.strictness import Constraint


def key(definition: str, *columns: str, computed: bool = False) -> Constraint:
    return Constraint(oid=1, kind="u", name="k", definition=definition, columns=columns, computed=computed)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (key("a", "a"), key("a, b", "a", "b")),
        (key("a", "a"), key("a where b", "a")),
        (key("a where b", "a"), key("a where (b AND (c IS NOT NULL))", "a")),
        (key("a where (b = 1)", "a"), key("a, d where ((c > 2) AND (b = 1))", "a", "d")),
    ],
)
def test_a_key_over_more_columns_or_fewer_rows_is_implied_and_never_the_other_way(
    stronger: Constraint, weaker: Constraint
) -> None:
    assert is_implied_key(stronger, weaker)
    assert not is_implied_key(weaker, stronger)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (key("a", "a"), key("a nulls not distinct", "a")),
        (key("a where b", "a"), key("a where (b OR c)", "a")),
        (key("a where b", "a"), key("a where ((b OR c) AND d)", "a")),
        (key("lower(a)", "a", computed=True), key("a", "a")),
    ],
)
def test_a_key_that_compares_otherwise_or_looks_at_more_rows_is_not_implied(one: Constraint, other: Constraint) -> None:
    assert not is_implied_key(one, other)
