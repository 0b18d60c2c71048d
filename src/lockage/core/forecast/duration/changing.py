"""How much work it is to change rows where they are: heap, WAL, page images, indexes, foreign keys, triggers.

Not for how many rows (``row_ledger``). The surprising thing: what an UPDATE costs is decided by the indexes that it does not
change, because each new version of a row gets an entry in every one of them, unless its page has room left.

Source of the formulas: PostgreSQL 18, access/heap/heapam.c, access/nbtree/nbtinsert.c, access/transam/xloginsert.c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lockage.core.forecast.duration.building import CACHE_BYTES, ENTRY_BYTES, RING_BYTES, leaving
from lockage.core.forecast.duration.cost import FREE, Cost
from lockage.core.forecast.duration.rates import WORK, Speeds, Work
from lockage.core.forecast.duration.structure import Index, Table
from lockage.core.forecast.target_reading import BLOCK_BYTES

ROOM_RATIO = 0.75
"""Share of shared_buffers that one statement's changed pages fill before they must be written out."""

CHECKPOINT_RATIO = 0.53
"""Share of max_wal_size after which a checkpoint begins: 1 / (1 + checkpoint_completion_target). Source: manual, 28.5."""

LEAST_FULL = 0.5
"""Of an index whose pages were split: half full each. What was deleted from it is no part of a page's image."""

EVEN_RATIO, UNEVEN_RATIO = 0.75, 0.4
"""Share of what is free of a file that lies where it is needed: as a rule, and if rows were deleted here more than there."""

_ENTRY_WAL_BYTES = 64.0
"""Record of one entry: header 24, block reference 20, offset, tuple header. Source: access/xlogrecord.h, nbtxlog.h."""


def updating(
    table: Table, rows: float, columns: Sequence[str], speeds: Speeds, *, evenly: bool = True, work: Work = WORK
) -> Cost:
    """New versions of so many rows, with their index entries; without finding them.

    ``evenly``: what is free of the file is taken to lie on the pages of the rows.
    """
    if rows <= 0:
        return FREE
    moved = rows * (1 - same_page_ratio(table, columns, evenly=evenly))
    heap = Cost(
        cpu_s=rows * (work.update_row_s + work.form_column_s * table.more_columns),
        wal_bytes=rows * (table.row_bytes + work.row_wal_bytes) + images(table, rows, speeds),
        file_bytes=leaving(
            touched_bytes(table, rows) + max(0.0, rows * table.row_bytes - table.free_bytes), speeds.buffers_bytes * ROOM_RATIO
        ),
    )
    return checkpointed(heap + keeping(table.indexes, moved, table, speeds, work=work), table, speeds)


def deleting(table: Table, rows: float, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """So many rows marked as gone; their index entries stay for a vacuum."""
    return Cost(
        cpu_s=rows * work.delete_row_s,
        wal_bytes=rows * work.row_wal_bytes * 1.2 + images(table, rows, speeds),
        file_bytes=leaving(touched_bytes(table, rows), speeds.buffers_bytes * ROOM_RATIO),
    )


def inserting(table: Table, rows: float, row_bytes: float, speeds: Speeds, *, ordered: bool = False, work: Work = WORK) -> Cost:
    """So many new rows, with their index entries. ``ordered``: into a new table by CREATE TABLE AS."""
    if rows <= 0:
        return FREE
    logged = not ordered or speeds.logs_new_files
    room = RING_BYTES if ordered else speeds.buffers_bytes * ROOM_RATIO
    heap = Cost(
        cpu_s=rows * (work.rewrite_row_s if ordered else work.insert_row_s),
        wal_bytes=rows * (row_bytes + work.row_wal_bytes) if logged else 0.0,
        file_bytes=leaving(rows * (row_bytes + work.page_row_bytes / 4), room),
    )
    return checkpointed(heap + keeping(table.indexes, rows, table, speeds, inserting=True, work=work), table, speeds)


def locking(table: Table, rows: float, speeds: Speeds, *, work: Work = WORK) -> Cost:
    """So many rows locked, which is a small change of each."""
    return Cost(cpu_s=rows * work.lock_row_s, wal_bytes=rows * work.row_wal_bytes * 1.2 + images(table, rows, speeds))


def keeping(
    indexes: Sequence[Index], rows: float, table: Table, speeds: Speeds, *, inserting: bool = False, work: Work = WORK
) -> Cost:
    """One entry for each row in each index."""
    whole = FREE
    every = sum(_index_bytes(index, table) * _scatter(index) for index in indexes)
    # Entries at random places need the whole index in memory; the new ones split its pages.
    misses = max(0.0, 1 - ROOM_RATIO * speeds.buffers_bytes / (every * 1.5)) if every > 0 else 0.0
    for index in indexes:
        whole += _keeping(index, rows, table, speeds, misses=misses, inserting=inserting, work=work)
    return whole


def checkpointed(cost: Cost, table: Table, speeds: Speeds) -> Cost:
    """The same with what checkpoints in its midst add: index pages at random places come into the WAL whole once more."""
    if not speeds.page_images:
        return cost
    again = max(0.0, cost.wal_bytes / (speeds.wal_limit_bytes * CHECKPOINT_RATIO) - 1)
    scattered = sum(_index_bytes(index, table) * _scatter(index) for index in table.indexes)
    return cost + Cost(wal_bytes=again * scattered, file_bytes=again * scattered)


def same_page_ratio(table: Table, columns: Sequence[str], *, evenly: bool = True) -> float:
    """Share of updated rows whose new version fits on the same page and changes no index, so that none gets an entry."""
    indexed = {column for index in table.indexes if index.method != "brin" for column in index.columns}
    if not columns or "" in indexed or not all(index.known for index in table.indexes) or indexed & set(columns):
        return 0.0
    if table.heap_bytes <= 0:
        return 0.0
    free = max(1 - table.fill_ratio, table.free_ratio * (EVEN_RATIO if evenly else UNEVEN_RATIO))
    return min(1.0, free / max(1 - free, 0.1))


def images(table: Table, rows: float, speeds: Speeds) -> float:
    """Bytes of whole pages in the WAL: each page that is changed for the first time since a checkpoint.

    Without what is free in their midst. Source: access/transam/xloginsert.c, XLogRecordAssemble, hole_length.
    """
    return touched_bytes(table, rows) * (1 - table.free_ratio) if speeds.page_images else 0.0


def touched_bytes(table: Table, rows: float) -> float:
    """Bytes of the pages on which so many of its rows lie, taken to be spread evenly."""
    pages = table.file_bytes / BLOCK_BYTES
    if pages <= 0:
        return 0.0
    return BLOCK_BYTES * pages * -math.expm1(-rows / pages) if rows < table.rows * 0.99 else table.file_bytes


def _scatter(index: Index) -> float:
    return 0.0 if index.method == "brin" else 1.0 - index.correlation


def _index_bytes(index: Index, table: Table) -> float:
    if index.bytes is not None:
        return index.bytes
    return table.rows * (index.key_bytes + ENTRY_BYTES) / 0.7


def _keeping(index: Index, rows: float, table: Table, speeds: Speeds, *, misses: float, inserting: bool, work: Work) -> Cost:
    match index.method:
        case "brin":
            return Cost(cpu_s=rows * work.brin_row_s)
        case "gin":
            cpu = work.gin_entry_s
        case "gist" | "spgist":
            cpu = work.gist_entry_s
        case _:
            scatter = _scatter(index)
            entry, descend = (work.put_entry_s, work.put_descend_s) if inserting else (work.renew_entry_s, work.renew_descend_s)
            far = math.log2(max(_index_bytes(index, table) / CACHE_BYTES, 1.0))
            cpu = entry + scatter * (descend * math.log2(max(table.rows + rows, 2.0)) + far * work.miss_s)
            cpu += work.unique_s if index.unique else 0.0
    size = _index_bytes(index, table)
    scattered = rows * _scatter(index) * misses * BLOCK_BYTES
    grown = rows * (index.key_bytes + ENTRY_BYTES)
    # Only pages that are there already can be changed for the first time.
    used = min(size, (table.rows + table.dead_rows) * (index.key_bytes + ENTRY_BYTES) / LEAST_FULL)
    first = min(used, rows * BLOCK_BYTES) * (1.0 if not inserting or index.correlation < 0.99 else 0.01)
    return Cost(
        cpu_s=rows * (cpu + index.key_bytes * work.key_byte_s),
        read_bytes=scattered,
        wal_bytes=rows * (index.key_bytes + _ENTRY_WAL_BYTES) + (first if speeds.page_images else 0.0),
        file_bytes=scattered + leaving(size + grown, speeds.buffers_bytes * ROOM_RATIO),
    ).times(index.share)
