"""Which literals are surely different values."""

from __future__ import annotations

import pytest

from lockage.core.migration.literals import differ


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (1, 2, True),
        (1, 1, False),
        (1, "2", False),
        ("old", "new", True),
        ("Old_Codes", "oldcodes", False),  # one value in citext, or where punctuation does not count
        ("yes", "true", False),
        ("1.0", "1", False),
        ("a1", "b1", False),
        (None, "a", False),
    ],
)
def test_literals_differ_only_where_no_type_takes_them_for_one_value(
    one: int | str | None, other: int | str | None, apart: bool
) -> None:
    assert differ(one, other) is apart
    assert differ(other, one) is apart
