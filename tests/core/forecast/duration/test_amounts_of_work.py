"""More rows, more bytes and more indexes never take less; ranges are in order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.duration.building import building, building_beside_writers, rewriting, scanning
from lockage.core.forecast.duration.changing import deleting, inserting, updating
from lockage.core.forecast.duration.cost import Cost, Doubt, seconds_of
from lockage.core.forecast.duration.rates import KIND_DOUBTS, UNKNOWN_SERVER, Rate, Speeds
from lockage.core.forecast.duration.structure import Index, Table

METHODS = ("btree", "gin", "gist", "brin", "hash", "spgist")

counts = st.floats(min_value=0, max_value=1e9)
factors = st.floats(min_value=1, max_value=50)
widths = st.floats(min_value=30, max_value=8000)
indexes = st.builds(
    Index,
    method=st.sampled_from(METHODS),
    columns=st.just(("a",)),
    key_bytes=st.floats(min_value=1, max_value=500),
    correlation=st.floats(min_value=0, max_value=1),
    text_first=st.booleans(),
    ascending=st.booleans(),
    more_texts=st.integers(min_value=0, max_value=3),
    unique=st.booleans(),
    known=st.just(True),
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows, row_bytes = draw(counts), draw(widths)
    spare = draw(st.floats(min_value=0, max_value=1e9))
    return Table(
        oid=1,
        rows=rows,
        row_bytes=row_bytes,
        file_bytes=rows * row_bytes + spare,
        toast_bytes=draw(st.floats(min_value=0, max_value=1e9)),
        dead_rows=0.0,
        indexes=tuple(draw(st.lists(indexes, max_size=4))),
        known=True,
        hit_ratio=draw(st.none() | st.floats(min_value=0, max_value=1)),
        free_bytes=spare,
    )


@st.composite
def speeds(draw: st.DrawFn) -> Speeds:
    return replace(
        UNKNOWN_SERVER,
        cpu=Rate(value=draw(st.floats(min_value=0.2, max_value=5)), below=draw(factors), above=draw(factors)),
        # Slower at every end than from shared_buffers, or a table that outgrows them would be read faster.
        read_byte_s=Rate(
            value=draw(st.floats(min_value=1e-9, max_value=1e-7)),
            below=draw(st.floats(min_value=1, max_value=10)),
            above=draw(st.floats(min_value=3, max_value=50)),
        ),
        buffers_bytes=draw(st.floats(min_value=1e5, max_value=1e11)),
        page_images=draw(st.booleans()),
        logs_new_files=draw(st.booleans()),
        builders=draw(st.integers(min_value=1, max_value=9)),
    )


def work(table: Table, server: Speeds) -> dict[str, Cost]:
    """Everything that can be done to all rows of the table."""
    found = {
        "scan": scanning(table, server),
        "rewrite": rewriting(table, server),
        "update": updating(table, table.rows, (), server),
        "delete": deleting(table, table.rows, server),
        "insert": inserting(table, table.rows, table.row_bytes, server),
    }
    for method in METHODS:
        index = Index(method=method, columns=("a",), known=True)
        found[f"index-build {method}"] = building(index, table, server)
        found[f"index-build {method} beside writers"] = building_beside_writers(index, table, server)
    return found


def grown(table: Table, factor: float) -> Table:
    return replace(table, rows=table.rows * factor, file_bytes=table.file_bytes * factor)


def no_less(more: dict[str, Cost], less: dict[str, Cost], server: Speeds) -> None:
    for name, cost in less.items():
        kind = name.split()[0]
        after, before = seconds_of(more[name], kind, server), seconds_of(cost, kind, server)
        for end in ("low", "likely", "high"):
            assert getattr(after, end) >= getattr(before, end) * (1 - 1e-9), (name, end)


@given(tables(), factors, speeds())
def test_more_rows_never_take_less(table: Table, factor: float, server: Speeds) -> None:
    # Fewer helpers take a part of a build in a smaller table: that is a step down, and PostgreSQL's own.
    server = replace(server, builders=1)
    # How well the cache holds it changes with its size; that is another reason to take longer, and is checked below.
    no_less(work(grown(table, factor), server), work(table, server), server)


@given(tables(), factors, speeds())
def test_wider_rows_never_take_less(table: Table, factor: float, server: Speeds) -> None:
    server = replace(server, builders=1)
    wide = replace(table, row_bytes=table.row_bytes * factor, file_bytes=table.file_bytes + table.heap_bytes * (factor - 1))
    no_less(work(wide, server), work(table, server), server)


@given(tables(), indexes, speeds())
def test_one_index_more_never_takes_less(table: Table, index: Index, server: Speeds) -> None:
    no_less(work(replace(table, indexes=(*table.indexes, index)), server), work(table, server), server)


@given(tables(), speeds())
def test_ranges_are_in_order(table: Table, server: Speeds) -> None:
    for name, cost in work(table, server).items():
        seconds = seconds_of(cost, name.split()[0], server)
        assert seconds.high is not None
        assert 0 <= seconds.low <= seconds.likely <= seconds.high


@given(tables(), speeds(), factors, factors)
def test_a_further_doubt_never_narrows_a_range(table: Table, server: Speeds, below: float, above: float) -> None:
    for name, cost in work(table, server).items():
        kind = name.split()[0]
        sure, unsure = seconds_of(cost, kind, server), seconds_of(cost, kind, server, doubt=Doubt(below=below, above=above))
        assert unsure.low <= sure.low * (1 + 1e-9)
        assert unsure.likely == pytest.approx(sure.likely)
        assert (unsure.high or 0.0) >= (sure.high or 0.0) * (1 - 1e-9)


def a_table(rows: float, **changes: object) -> Table:
    table = Table(
        oid=1,
        rows=rows,
        row_bytes=200.0,
        file_bytes=rows * 200,
        toast_bytes=0.0,
        dead_rows=0.0,
        indexes=(Index(method="btree", columns=("id",), key_bytes=8, correlation=1.0, unique=True, known=True),),
        known=True,
        hit_ratio=None,
    )
    return replace(table, **changes)  # pyright: ignore[reportArgumentType] - fields by name


def test_an_index_at_random_places_that_does_not_fit_into_memory_costs_more_than_its_rows() -> None:
    token = Index(method="btree", columns=("token",), key_bytes=33, correlation=0.0, unique=True, known=True)

    def row_s(rows: float) -> float:
        return (
            seconds_of(updating(a_table(rows, indexes=(token,)), rows, (), UNKNOWN_SERVER), "update", UNKNOWN_SERVER).likely
            / rows
        )

    assert row_s(100_000_000) > 2 * row_s(100_000)


def test_page_images_and_the_log_of_new_files_are_paid_where_the_settings_say_so() -> None:
    table = a_table(1_000_000)
    bare = replace(UNKNOWN_SERVER, page_images=False, logs_new_files=False)
    assert updating(table, table.rows, (), bare).wal_bytes < 0.7 * updating(table, table.rows, (), UNKNOWN_SERVER).wal_bytes
    assert rewriting(table, bare).wal_bytes == 0
    assert rewriting(table, UNKNOWN_SERVER).wal_bytes > table.heap_bytes


def test_checkpoints_in_its_midst_make_an_update_write_more() -> None:
    token = Index(method="btree", columns=("token",), key_bytes=33, correlation=0.0, unique=True, known=True)
    table = a_table(10_000_000, indexes=(token,))
    rare, often = (replace(UNKNOWN_SERVER, wal_limit_bytes=limit) for limit in (1e12, 1e9))
    assert updating(table, table.rows, (), often).wal_bytes > 1.3 * updating(table, table.rows, (), rare).wal_bytes


def test_an_update_that_finds_room_on_the_page_and_changes_no_index_spares_the_indexes() -> None:
    roomy = a_table(1_000_000, fill_ratio=0.5)
    spared = updating(roomy, roomy.rows, ("amount",), UNKNOWN_SERVER).cpu_s
    assert spared < updating(roomy, roomy.rows, ("id",), UNKNOWN_SERVER).cpu_s
    assert spared < updating(a_table(1_000_000), roomy.rows, ("amount",), UNKNOWN_SERVER).cpu_s


def test_dead_versions_are_read_and_indexed_too() -> None:
    clean = a_table(1_000_000)
    dirty = replace(clean, dead_rows=1_000_000.0, file_bytes=2 * clean.file_bytes)
    index = Index(columns=("amount",), key_bytes=4, known=True)
    assert building(index, dirty, UNKNOWN_SERVER).cpu_s > 1.8 * building(index, clean, UNKNOWN_SERVER).cpu_s


def test_every_kind_has_doubts_that_are_factors() -> None:
    assert all(below >= 1 and above >= 1 for below, above in KIND_DOUBTS.values())
