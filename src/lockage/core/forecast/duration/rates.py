"""How fast a server is, and how much work a row, a byte or a page is for PostgreSQL: the only numbers behind all seconds.

Not for adding them up (``cost``). The surprising thing: there are two kinds of number. ``Work`` is what PostgreSQL's code does,
in seconds of a reference machine, and is the same everywhere; ``Speeds`` is what one server makes of it, and is calibrated.

Source of the work: measured with PostgreSQL 18 on 2 cores, warm, on rows of 40 to 500 bytes, each operation taken apart by
running it with and without one thing (an index, a column, a trigger); benchmarks/duration_ranges.py checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A number with its doubt: up to ``below`` times less, up to ``above`` times more, in 90 of 100 cases."""

    value: float
    below: float
    above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """One server's speed; as it stands here, that of a server of which nothing is known."""

    cpu: Rate = Rate(value=1.0, below=1.8, above=2.2)
    """Seconds for one second of the reference machine: a fast desktop needs 0.6, a shared virtual core 2."""
    hit_byte_s: Rate = Rate(value=1 / 12.0e9, below=2.0, above=2.2)
    """Reading a byte that is in shared_buffers."""
    read_byte_s: Rate = Rate(value=1 / 4.0e9, below=2.0, above=10.0)
    """Reading a byte that is not, but by chance in the system's cache: 1 to 7 GB/s; from a disk 0.1 to 3 GB/s."""
    write_byte_s: Rate = Rate(value=1 / 900e6, below=1.8, above=4.5)
    """Writing a byte of WAL or of a file, fsync included where it falls into the statement: 120 MB/s to 1.5 GB/s."""
    commit_s: Rate = Rate(value=0.0012, below=4.0, above=15.0)
    """WAL to the disk: 0.4 ms (fast SSD) to 20 ms (network storage, a standby that must confirm)."""
    statement_s: Rate = Rate(value=0.0008, below=2.5, above=8.0)
    """A statement's own cost: parsing, catalog, one round trip. Measured 0.3 to 5 ms for DDL."""
    factors: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    """Kind of work to what it took of what the model says, where that was measured on the server itself."""
    buffers_bytes: float = 128.0 * 1024 * 1024
    """shared_buffers. Source: PostgreSQL 18 manual, 19.4.1: the default."""
    sort_bytes: float = 64.0 * 1024 * 1024
    """maintenance_work_mem. Source: the same."""
    work_bytes: float = 4.0 * 1024 * 1024
    """work_mem. Source: the same."""
    hash_bytes: float = 8.0 * 1024 * 1024
    """work_mem times hash_mem_multiplier. Source: the same."""
    wal_limit_bytes: float = 1024.0 * 1024 * 1024
    """max_wal_size. Source: manual, 19.5.2: the default."""
    page_images: bool = True  # full_page_writes
    logs_new_files: bool = True  # False: wal_level minimal, so that what fills a new file is synced instead of logged
    builders: int = 1  # processes that build an index, this one included
    model: float = 1.0
    """Exponent on the doubt of the work itself: less than 1 once that was measured here."""


UNKNOWN_SERVER = Speeds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What PostgreSQL does, in seconds of the reference machine."""

    scan_row_s: float = 0.02e-6
    """Fetching one row in passing: visibility, deforming its first columns."""
    check_row_s: float = 0.02e-6
    """Testing it against a condition."""
    rewrite_row_s: float = 0.2e-6
    """Forming a row anew and putting it into a new file (heap_insert)."""
    insert_row_s: float = 0.22e-6
    """The same through the executor."""
    update_row_s: float = 0.7e-6
    """Finding, locking, marking the old version and putting in the new one (heap_update)."""
    delete_row_s: float = 0.12e-6
    """Locking and marking a row (heap_delete)."""
    lock_row_s: float = 0.3e-6
    """Locking a row (heap_lock_tuple), which writes to it."""
    row_wal_bytes: float = 46.0
    """WAL of a row beside the row: record header 24, block reference 8 to 20, heap header. Source: access/xlogrecord.h."""
    page_row_bytes: float = 28.0
    """Header and line pointer of a row on a page. Source: manual, 66.6."""
    sort_row_s: float = 0.0065e-6
    """One comparison of a sort of integers, of which n rows take n log2 n; what does not fit into a processor's own caches
    takes longer, a sixth for each doubling."""
    sort_text_s: float = 0.0085e-6
    """The same of texts in C; three times that in another collation."""
    entry_s: float = 0.07e-6
    """Putting one sorted entry on a leaf page."""
    sort_more_s: float = 0.004e-6
    """One comparison of a further column, where those before it are equal."""
    sort_more_text_s: float = 0.016e-6
    """The same of texts."""
    put_entry_s: float = 0.4e-6
    """An INSERT's entry into an index that is there, at the place where the last one went."""
    put_descend_s: float = 0.022e-6
    """One halving of the way down to a place where no entry went lately: log2 of the rows."""
    renew_entry_s: float = 0.85e-6
    """An UPDATE's entry beside the one that it takes the place of: duplicates are weighed, pages split in their middle."""
    renew_descend_s: float = 0.08e-6
    """One halving of the way there."""
    miss_s: float = 0.3e-6
    """For each doubling of an index beyond the processor's own caches, an entry at a random place."""
    unique_s: float = 0.08e-6
    """Looking whether the key is there, as a unique index must."""
    key_byte_s: float = 0.001e-6
    """One byte of a key, beside all that."""
    gin_build_s: float = 0.05e-6
    """One row's items gathered in memory."""
    gin_item_s: float = 0.26e-6
    """One item merged; an item for each 16 bytes of the value, as of arrays of short texts and of documents."""
    gin_entry_s: float = 0.8e-6
    """The same into the pending list of an index that is there, and its share of the list's clean-up."""
    gist_build_s: float = 1.6e-6
    """One row put into a GiST index of 100 000: boxes 2 µs, addresses 1.7 µs; into an SP-GiST index 0.5 to 1 µs."""
    gist_sorted_s: float = 0.8e-6
    """The same of points and, from 18 on, of ranges, which are sorted before."""
    spgist_build_s: float = 0.9e-6
    """One row put into an SP-GiST index of 100 000: points and addresses 0.5 to 0.9 µs, texts 1 µs."""
    exclude_row_s: float = 20e-6
    """One row looked up for an exclusion constraint, with all that overlap it. Source: catalog/index.c, IndexCheckExclusion."""
    gist_text_s: float = 3.0e-6
    """The same of texts and of expressions on them: trigrams, words."""
    gist_entry_s: float = 4.0e-6
    brin_row_s: float = 0.02e-6
    hash_build_s: float = 0.4e-6
    key_look_s: float = 2.4e-6
    """One look into another table by a foreign key's trigger: queued, planned once, carried out row by row."""
    cascade_row_s: float = 3.4e-6
    """One statement by a foreign key's action."""
    call_row_s: float = 0.3e-6
    """Calling a function of PostgreSQL's for each row, or computing an expression."""
    own_call_row_s: float = 2.0e-6
    """Calling a user's function: 0.3 µs (SQL, put in line) to anything."""
    trigger_row_s: float = 1.1e-6
    """Calling a PL/pgSQL trigger function that does nothing."""
    inner_statement_s: float = 3.0e-6
    """A statement inside a function: its plan is kept, its start and end are not free."""
    join_row_s: float = 0.12e-6
    """A row hashed or looked up in a hash."""
    join_column_s: float = 0.07e-6
    """Each further column by which it is."""
    probe_s: float = 0.8e-6
    """A row found through an index, its page in memory."""
    read_column_s: float = 0.004e-6
    """Each column beyond the usual ones that lies in front of the one that is looked at (heap_deform_tuple)."""
    form_column_s: float = 0.02e-6
    """The same of a row that is taken apart and put together again (heap_form_tuple)."""
    compare_row_s: float = 3.5e-6
    """A row that REFRESH CONCURRENTLY puts into a temporary table and joins with the one that is there."""
    analyze_row_s: float = 6e-6
    """A row of ANALYZE's sample: fetched, and each of its columns sorted."""
    truncate_s: float = 0.004
    """New files for a table, its indexes and TOAST table; the old ones are unlinked."""
    drop_s: float = 0.0015
    """Unlinking the files of one table at commit."""
    drop_byte_s: float = 0.15e-9
    """The same, by their length."""
    toast_chunk_s: float = 1.6e-6
    """One chunk of 2 kB put into a TOAST table and its index."""
    toast_drop_s: float = 1.0e-6
    """One chunk marked as gone, once it is found."""
    toast_new_byte_s: float = 9e-9
    """A byte that comes of compressing a new value: 4 ns a byte that goes in where that helps, 8 to 18 where it is in vain."""
    toast_again_byte_s: float = 4e-9
    """The same of a value that is copied: nothing where it is compressed, as much as a new one's where that was in vain."""


WORK = Work()

KIND_DOUBTS: Mapping[str, tuple[float, float]] = {
    "scan": (1.5, 1.6),
    "index-build": (1.6, 1.6),
    "rewrite": (1.5, 1.6),
    "update": (1.6, 1.6),
    "insert": (1.5, 1.7),
    "delete": (1.6, 1.7),
    "merge": (1.8, 1.8),
    "foreign-key": (1.6, 1.8),
    "refresh": (2.0, 2.5),
    "trigger": (2.0, 4.0),
    "cascade": (2.0, 2.5),
    "truncate": (3.0, 3.0),
    "drop": (3.0, 3.0),
}
"""How far the work itself may be from what is said here: other columns, other keys, other plans. Below and above."""

OTHER_DOUBT = (2.0, 2.5)
