"""Values in TOAST: written anew by those statements that make them anew, and nobody knows whether they compress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation
from lockage.core.forecast.duration.calibration import UNCALIBRATED
from lockage.core.forecast.duration.estimate import estimates
from lockage.core.forecast.target_reading import ColumnDetail, TableDetail
from lockage.core.forecast.trace import CatalogRelation
from support.traces import BEFORE, KEYS, Script, mark

LONG = Relation(
    relation="public.keys",
    kind="r",
    rows=6_000,
    heap_bytes=1_200_000,
    index_bytes=0,
    toast_bytes=26_000_000,
    indexes=0,
    row_bytes=150,
)

COLUMNS = {
    "id": ColumnDetail(type="bigint", mean_bytes=8.0),
    "body": ColumnDetail(type="text", mean_bytes=18.0),
    "meta": ColumnDetail(type="jsonb", mean_bytes=30.0),
}

KNOWN = replace(UNCALIBRATED, tables={"public.keys": TableDetail(columns=COLUMNS)})


def last(script: Script, size: Relation = LONG) -> Operation:
    made = estimates(script.trace(), [()] * len(script.steps), (size,), sizes_known=True, calibration=KNOWN)[-1]
    return made.operations[-1]


@pytest.mark.parametrize(
    ("sql", "measured_s"),
    [
        ("UPDATE keys SET body = body || 'x', meta = '{}'", 0.335),
        ("UPDATE keys SET body = body || 'x'", 0.335),
        ("UPDATE keys SET id = 1", 0.015),
        ("DELETE FROM keys", 0.046),
    ],
)
def test_what_was_measured_lies_in_the_range(sql: str, measured_s: float) -> None:
    """6 000 texts of 4 kB that do not compress, PostgreSQL 18."""
    seconds = last(Script().did(sql)).seconds
    assert seconds.low <= measured_s <= (seconds.high or 0)


@pytest.mark.parametrize("measured_s", [0.30, 0.114])
def test_a_rewrite_may_try_to_compress_or_may_just_copy(measured_s: float) -> None:
    """Texts that do not compress, and as many bytes of texts that do; PostgreSQL 18."""
    new_file = CatalogRelation(oid=KEYS, relation="public.keys", kind="r", relfilenode=77, table_oid=KEYS)
    after = mark(*[new_file if r.oid == KEYS else r for r in BEFORE.relations.values()])
    seconds = last(Script().did("ALTER TABLE keys ALTER id TYPE numeric", after=after)).seconds
    assert seconds.low <= measured_s <= (seconds.high or 0)


def test_one_of_two_long_columns_holds_all_of_the_bytes_or_none() -> None:
    both, one = (last(Script().did(f"UPDATE keys SET {what}")) for what in ("body = 'x', meta = '{}'", "body = 'x'"))
    assert both.seconds.low > 3 * one.seconds.low
    assert one.seconds.high == pytest.approx(both.seconds.high)
