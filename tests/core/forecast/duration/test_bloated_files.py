"""A file from which most rows were deleted: what is free of it is neither logged nor in the way."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation
from lockage.core.forecast.duration.calibration import UNCALIBRATED
from lockage.core.forecast.duration.estimate import estimates
from lockage.core.forecast.target_reading import ColumnDetail, IndexDetail, TableDetail
from support.traces import BEFORE, KEYS, Script, mark, relation

ROWS, ROW_BYTES = 60_000, 150

TIGHT = Relation(
    relation="public.keys",
    kind="r",
    rows=ROWS,
    heap_bytes=ROWS * ROW_BYTES,
    index_bytes=30_000_000,
    toast_bytes=0,
    indexes=1,
    row_bytes=ROW_BYTES,
)

BLOATED = replace(TIGHT, heap_bytes=10 * TIGHT.heap_bytes)

INDEXED = replace(
    UNCALIBRATED,
    tables={
        "public.keys": TableDetail(
            columns={name: ColumnDetail(type="bigint", mean_bytes=8.0, correlation=0.0) for name in ("a", "b")},
            indexes=(IndexDetail(index="public.keys_pkey", columns=("a",), bytes=30_000_000),),
        )
    },
)

BUILD = mark(*BEFORE.relations.values(), relation(99, "fresh", "i", table=KEYS))


def last(script: Script, size: Relation) -> Operation:
    made = estimates(script.trace(), [()] * len(script.steps), (size,), sizes_known=True, calibration=INDEXED)[-1]
    return made.operations[-1]


def test_an_update_in_a_bloated_file_logs_the_rows_of_its_pages_and_not_their_room() -> None:
    bloated, tight = (last(Script().did("UPDATE keys SET b = 1"), size) for size in (BLOATED, TIGHT))
    assert bloated.wal_bytes < 4 * TIGHT.heap_bytes < BLOATED.heap_bytes
    assert bloated.wal_bytes < tight.wal_bytes


def test_a_row_that_stays_on_its_page_needs_no_index_entry_unless_the_index_has_the_column() -> None:
    free, indexed = (last(Script().did(f"UPDATE keys SET {column} = 1"), BLOATED) for column in ("b", "a"))
    assert free.seconds.likely < 0.6 * indexed.seconds.likely


def test_where_the_room_lies_is_not_known_so_that_the_high_end_has_little_of_it() -> None:
    bloated = last(Script().did("UPDATE keys SET b = 1"), BLOATED)
    tight = last(Script().did("UPDATE keys SET b = 1"), TIGHT)
    assert (bloated.seconds.high or 0) > 0.5 * (tight.seconds.high or 0) > bloated.seconds.likely


def test_versions_that_no_vacuum_has_removed_leave_no_room() -> None:
    dead = replace(BLOATED, dead_rows=9.0 * ROWS)
    swept, unswept = (last(Script().did("UPDATE keys SET b = 1"), size) for size in (BLOATED, dead))
    assert unswept.wal_bytes > 2 * swept.wal_bytes
    assert unswept.seconds.likely > 1.5 * swept.seconds.likely


def test_an_index_build_takes_in_no_former_version_of_a_row_that_stayed_on_its_page() -> None:
    def built(size: Relation) -> float:
        script = Script().did("UPDATE keys SET b = 1").did("CREATE INDEX fresh ON keys (b)", after=BUILD)
        clean = Script().did("CREATE INDEX fresh ON keys (b)", after=BUILD)
        return last(script, size).seconds.likely / last(clean, size).seconds.likely

    assert built(TIGHT) > 1.5
    assert built(BLOATED) < 1.2


def test_what_is_inserted_from_no_table_counts_as_the_planner_says() -> None:
    plan = {
        "Plan": {"Node Type": "ModifyTable", "Relation OID": KEYS, "Plans": [{"Node Type": "CTE Scan", "Plan Rows": 40_000}]}
    }
    trace = Script().did("WITH gone AS (DELETE FROM users RETURNING *) INSERT INTO keys SELECT * FROM gone").trace()
    seen = replace(trace.statements[0], observation=replace(trace.statements[0].observation, plans=(plan,)))
    found = estimates(replace(trace, statements=(seen,)), [()], (TIGHT,), sizes_known=True)[-1].operations
    assert {operation.kind: operation.rows for operation in found}["insert"] == 40_000


def test_columns_that_are_many_take_their_time() -> None:
    def took(columns: int, sql: str) -> float:
        detail = TableDetail(columns={f"c{n}": ColumnDetail(type="integer", mean_bytes=4.0) for n in range(columns)})
        calibration = replace(UNCALIBRATED, tables={"public.keys": detail})
        trace = Script().did(sql).trace()
        return estimates(trace, [()], (TIGHT,), sizes_known=True, calibration=calibration)[-1].seconds.likely

    for sql in ("UPDATE keys SET b = 1", "ALTER TABLE keys ALTER b SET NOT NULL"):
        assert took(40, sql) > 1.1 * took(8, sql) == 1.1 * took(3, sql)
