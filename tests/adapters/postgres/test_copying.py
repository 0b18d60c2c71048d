"""COPY of a whole table breaks with every column that comes or goes."""

from __future__ import annotations

import pytest

from lockage.adapters.postgres.copying import Shape, misshapen, query_of
from lockage.core.migration.within import WholeCopy

IN, OUT = WholeCopy(table="t", incoming=True), WholeCopy(table="t", incoming=False)
TABLE = Shape(kind="r", columns=("a", '"B"'))


@pytest.mark.parametrize(
    ("copy", "after", "sqlstate"),
    [
        (IN, TABLE, None),
        (IN, Shape(kind="p", columns=TABLE.columns), None),
        (IN, Shape(kind="r", columns=("a", '"B"', "c")), "22P04"),
        (IN, Shape(kind="r", columns=("a",)), "22P04"),
        (IN, Shape(kind="r", columns=('"B"', "a")), "22P04"),
        (IN, Shape(kind="v", columns=TABLE.columns), "42809"),
        (IN, Shape(kind="instead", columns=TABLE.columns), None),
        (OUT, Shape(kind="r", columns=("a",)), None),
        (OUT, Shape(kind="p", columns=TABLE.columns), "42809"),
        (OUT, Shape(kind="v", columns=TABLE.columns), "42809"),
        (OUT, None, None),  # its query says so
    ],
)
def test_what_comes_in_must_have_the_shape_and_what_goes_out_must_be_a_table(
    copy: WholeCopy, after: Shape | None, sqlstate: str | None
) -> None:
    failure = misshapen(copy, TABLE, after, major=18)
    assert (failure.sqlstate if failure else None) == sqlstate


def test_a_materialised_view_is_copied_since_18() -> None:
    view = Shape(kind="m", columns=("a",))
    assert misshapen(OUT, TABLE, view, major=18) is None
    assert misshapen(OUT, TABLE, view, major=17) is not None


def test_what_a_copy_needs_besides_is_a_query() -> None:
    assert query_of(IN, TABLE) == 'INSERT INTO t (a, "B") VALUES ($1, $2)'
    assert query_of(OUT, TABLE) == 'SELECT a, "B" FROM t'
