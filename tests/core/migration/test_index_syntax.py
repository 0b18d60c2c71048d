"""What a statement says of its indexes is read by the parser, whatever else stands in its text."""

from __future__ import annotations

import pytest

from lockage.core.migration.index_syntax import IndexSyntax, indexes_in


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CREATE INDEX i ON t (a)", IndexSyntax(name="i", columns=("a",))),
        ("CREATE UNIQUE INDEX ON t USING GIST (a gist_x_ops, (lower(b))) INCLUDE (c)", IndexSyntax(
            method="gist", columns=("a", ""), unique=True
        )),
        ("CREATE INDEX i ON t (a) WHERE b IS NULL AND c IS NOT NULL", IndexSyntax(
            name="i", columns=("a",), partial=True, wants=(("b", True), ("c", False))
        )),
        ("CREATE INDEX i ON t (a) WHERE b IS NULL AND c > 3", IndexSyntax(name="i", columns=("a",), partial=True)),
        ("CREATE INDEX i ON t ((a || ' using gin (x) where y'))", IndexSyntax(name="i", columns=("",))),
        ("ALTER TABLE t ADD CONSTRAINT k EXCLUDE USING gist (a WITH &&)", IndexSyntax(
            name="k", method="gist", columns=("a",), excludes=True
        )),
        ("ALTER TABLE t ADD COLUMN a integer UNIQUE", IndexSyntax(columns=("a",), unique=True)),
        ("ALTER TABLE t ADD PRIMARY KEY (a, b)", IndexSyntax(columns=("a", "b"), unique=True)),
    ],
)  # fmt: skip
def test_an_index_is_what_the_parser_says(text: str, said: IndexSyntax) -> None:
    assert indexes_in(text) == (said,)


@pytest.mark.parametrize("text", ["SELECT 'CREATE INDEX i ON t (a)'", "ALTER TABLE t ADD UNIQUE USING INDEX i", "no sql"])
def test_what_makes_no_index_says_nothing_of_one(text: str) -> None:
    assert indexes_in(text) == ()
