"""How much work it is to read a table, to write it anew and to build its indexes.

Not for changing rows in place (``changing``). The surprising thing: a scan does not read TOAST, a rewrite does, and an index
build takes in dead versions that its own transaction has left.

Source of the formulas: PostgreSQL 18, access/heap/heapam_handler.c, access/nbtree/nbtsort.c, utils/sort/tuplesort.c.
"""

from __future__ import annotations

import math

from lockage.core.forecast.duration.cost import FREE, Cost, Doubt
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Index, Table
from lockage.core.forecast.target_reading import BLOCK_BYTES

RING_BYTES = 16.0 * 1024 * 1024
"""What a bulk write leaves in memory. Source: storage/buffer/freelist.c, BAS_BULKWRITE."""

ENTRY_BYTES = 16.0
"""Header and line pointer of an index entry, its alignment too. Source: access/itup.h."""

INDEX_FILL_RATIO = 0.9
"""Source: manual, CREATE INDEX, fillfactor of B-trees."""

BUILDER_BYTES = 32.0 * 1024 * 1024
"""Sort memory that each further process of an index build must get. Source: optimizer/plan/planner.c."""

GIN_HEADER_BYTES, GIN_ITEM_BYTES = 20.0, 16.0
"""Of a value that a GIN index takes apart: before its items, and for each."""

CACHE_BYTES, CACHE_SHARE = 1024.0 * 1024, 0.16
"""What a core's own caches hold, about, and how much longer a comparison takes for each doubling beyond."""

ANALYZED_PAGES = 30_000
"""Source: commands/analyze.c: 300 rows for each of default_statistics_target's 100."""

COMPUTED_ITEMS = 10.0
"""Of an expression that is taken apart: words of a title."""

EXCLUDING = Doubt(below=2.5, above=2.5)
"""Of looking up what overlaps: of few rows, or of many."""

METHOD_DOUBTS = {
    "gin": Doubt(below=1.6, above=1.6),  # how many different items there are is not known, and decides
    "gist": Doubt(below=1.8, above=1.8),  # ranges and points are sorted first, other kinds are put in one by one
    "spgist": Doubt(below=1.8, above=1.8),
}

UNKNOWN_ITEMS = 4.0
"""Of a value of which nothing is known: an array's few words."""

PREDICATE_CHECKS = 4
"""What testing a row against an index's predicate takes, in tests of a column that is NULL."""


def scanning(table: Table, speeds: Speeds, *, conditions: int = 0, work: Work = WORK) -> Cost:
    """Reading every row in passing."""
    rows = table.rows + table.dead_rows
    hit = hit_ratio(table, speeds)
    column_s = work.read_column_s * table.more_columns if conditions else 0.0
    return Cost(
        cpu_s=rows * (work.scan_row_s + conditions * work.check_row_s + column_s),
        hit_bytes=table.file_bytes * hit,
        read_bytes=table.file_bytes * (1 - hit),
    )


def hit_ratio(table: Table, speeds: Speeds) -> float:
    """Share of its pages that are in shared_buffers: as its statistics say, but never more than there is room for."""
    if table.file_bytes <= 0:
        return 1.0
    room = min(1.0, speeds.buffers_bytes / table.file_bytes)
    # A scan of a table larger than a quarter of shared_buffers leaves nothing of it there: heapam.c, initscan.
    usual = 0.5 if table.file_bytes < speeds.buffers_bytes / 4 else 0.0
    return min(usual if table.hit_ratio is None else table.hit_ratio, room)


def rewriting(table: Table, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """A new file for the table with its live rows, and all of its indexes built anew."""
    heap = table.rows * (table.row_bytes + work.page_row_bytes / 4)
    logged = table.rows * (table.row_bytes + work.row_wal_bytes) if speeds.logs_new_files else 0.0
    written = Cost(
        cpu_s=table.rows * (work.rewrite_row_s + work.form_column_s * table.more_columns)
        + table.toast_bytes / 2000 * work.toast_chunk_s,
        read_bytes=table.toast_bytes,
        wal_bytes=logged + (table.toast_bytes if speeds.logs_new_files else 0.0),
        file_bytes=leaving(heap + table.toast_bytes, RING_BYTES if speeds.logs_new_files else 0.0),
    )
    whole = scanning(table, speeds, work=work) + written
    for index in table.indexes:
        whole += sorting(index, table.rows * index.share, speeds, work=work) + Cost(
            cpu_s=table.rows * work.scan_row_s, hit_bytes=min(heap, speeds.buffers_bytes), read_bytes=heap / 2
        )
    return whole


def moving(table: Table, speeds: Speeds) -> Cost:
    """The table's file and its long values' copied page by page to another tablespace."""
    whole = table.file_bytes + table.toast_bytes
    return Cost(read_bytes=whole, file_bytes=whole, wal_bytes=whole if speeds.logs_new_files else 0.0)


def building(index: Index, table: Table, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """One index built over the table's rows, in as many processes as the server would take."""
    scan = scanning(table, speeds, conditions=PREDICATE_CHECKS * index.partial, work=work)
    sort = sorting(index, (table.rows + table.dead_rows - table.hot_rows) * index.share, speeds, work=work)
    whole = scan + sort + Cost(cpu_s=table.rows * work.read_column_s * table.more_columns)
    helpers = parallel_helpers(table, speeds) if index.method in {"btree", "brin", "gin"} else 0
    # The last merge and the writing are one process's: each further one takes half of what it could.
    return Cost(
        cpu_s=whole.cpu_s / (1 + helpers * 0.5),
        hit_bytes=whole.hit_bytes / (1 + helpers * 0.5),
        read_bytes=whole.read_bytes,
        wal_bytes=whole.wal_bytes,
        file_bytes=whole.file_bytes,
    )


def building_beside_writers(index: Index, table: Table, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """The same CONCURRENTLY: built over one scan, then its entries are sorted by place and compared in a second scan."""
    rows = table.rows * index.share
    compared = Cost(cpu_s=rows * (work.sort_row_s * _halvings(rows) + 2 * work.check_row_s))
    return building(index, table, speeds, work=work) + scanning(table, speeds, work=work) + compared


def vacuuming(table: Table, text: str, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """A VACUUM that is not FULL, or an ANALYZE, as the ``text`` says."""
    if text[:7].upper() in {"ANALYZE", "ANALYSE"}:
        pages = min(table.file_bytes, ANALYZED_PAGES * BLOCK_BYTES)
        return Cost(cpu_s=min(table.rows, ANALYZED_PAGES) * work.analyze_row_s, read_bytes=pages)
    return scanning(table, speeds, work=work) + Cost(cpu_s=table.rows * len(table.indexes) * work.scan_row_s)


def sorting(index: Index, rows: float, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """Entries sorted and written; without the scan that brings them."""
    if rows <= 0:
        return FREE
    key = index.key_bytes
    entry_bytes = (key + ENTRY_BYTES) / INDEX_FILL_RATIO
    match index.method:
        case "brin":
            return Cost(cpu_s=rows * work.brin_row_s)
        case "gin":
            items = max((key - GIN_HEADER_BYTES) / GIN_ITEM_BYTES, 1.0) if index.known else UNKNOWN_ITEMS
            items = max(items, COMPUTED_ITEMS) if "" in index.columns else items
            cpu_s = rows * (work.gin_build_s + items * work.gin_item_s)
            return _written(rows * (key + ENTRY_BYTES) / 2, speeds, cpu_s=cpu_s)
        case "gist" | "spgist":
            row_s = work.gist_text_s if index.text_like else work.gist_build_s
            row_s = work.gist_sorted_s if index.sorted_first else row_s
            row_s = work.spgist_build_s if index.method == "spgist" else row_s
            return _written(rows * entry_bytes * 1.4, speeds, cpu_s=rows * row_s * _halvings(rows) / 17)
        case "hash":
            # Each entry goes to a bucket of its own: pages come and go as if there were no order.
            far = 1.0 + math.log2(max(rows * 24.0 / CACHE_BYTES, 1.0)) / 2
            return _written(rows * 24.0, speeds, cpu_s=rows * (work.hash_build_s * far + work.sort_row_s * _halvings(rows)))
        case _:
            pass
    compare = work.sort_text_s if index.text_first else work.sort_row_s
    compare += index.more_columns * work.sort_more_s + index.more_texts * work.sort_more_text_s
    compare *= 3.0 if index.collated else 1.0
    # Rows that come in order are seen to be so by one comparison each.
    compares = 1.0 if index.ascending else _halvings(rows)
    compare *= 1.0 + CACHE_SHARE * math.log2(max(rows * (key + ENTRY_BYTES) / CACHE_BYTES, 1.0))
    cpu = rows * (compare * compares + work.entry_s + key * work.key_byte_s)
    spilled = rows * (key + ENTRY_BYTES)
    if spilled <= speeds.sort_bytes:
        spilled = 0.0
    return _written(rows * entry_bytes, speeds, cpu_s=cpu, spilled=spilled)


def parallel_helpers(table: Table, speeds: Speeds) -> int:
    """Processes beside the first that build an index. Source: optimizer/plan/planner.c, plan_create_index_workers."""
    pages = table.file_bytes / BLOCK_BYTES
    by_size = 0 if pages < 1024 else 1 + int(math.log(pages / 1024, 3))
    by_memory = int(speeds.sort_bytes / BUILDER_BYTES) - 1
    return max(0, min(by_size, by_memory, speeds.builders - 1))


def leaving(dirty_bytes: float, room_bytes: float) -> float:
    """Bytes of changed pages that must leave memory before the statement ends, since there is no room for more."""
    return max(0.0, dirty_bytes - room_bytes)


def _written(index_bytes: float, speeds: Speeds, *, cpu_s: float, spilled: float = 0.0) -> Cost:
    return Cost(
        cpu_s=cpu_s,
        wal_bytes=index_bytes if speeds.logs_new_files else 0.0,
        file_bytes=index_bytes + spilled,
        read_bytes=spilled,
    )


def _halvings(rows: float) -> float:
    return math.log2(max(rows, 2.0))
