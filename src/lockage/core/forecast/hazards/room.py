"""Hazards of room: disk, WAL, the lock table, the numbers of a key.

Not for memory. The surprising thing: a table that is written anew needs its room twice until the transaction commits, with all
its indexes; so the room that a script needs can be larger than what it leaves behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation, Severity
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, built
from lockage.core.forecast.hazards.wording import bytes_in_words
from lockage.core.forecast.new_files import rewritten
from lockage.core.forecast.row_ledger import DEFAULT_ROW_BYTES
from lockage.core.wording import listed

DEFAULT_MAX_LOCKS, DEFAULT_MAX_CONNECTIONS = 64, 100
"""Source: PostgreSQL 18 manual, 19.3.1 and 19.12."""

_INDEX_ENTRY_BYTES = 24.0
"""An entry of an index over a number, where no index tells. Source: manual, 66.4: line pointer, header, key."""


@dataclass(frozen=True, slots=True)
class _Writing:
    """What one statement writes."""

    relation: str
    file: str
    line: int
    file_bytes: float  # into new files, or to the end of old ones
    wal_bytes: float


def numbers_run_out(seen: Seen) -> Iterator[Found]:
    """H030: the sequence of an integer column nears the largest value."""
    inserted: dict[str, float] = {}
    for operation in seen.forecast.operations:
        if operation.kind == "insert":
            inserted[operation.relation] = inserted.get(operation.relation, 0.0) + operation.rows
    for use in seen.production.sequences or ():
        after = (use.last_value + inserted.get(use.relation, 0.0)) / use.limit
        if after >= seen.limits.numbers_ratio:
            full = after >= 1.0
            behind = " behind this script" if after > use.used_ratio + 0.001 else ""
            yield Found(
                code="H030",
                severity=Severity.ERROR if full or after >= seen.limits.numbers_full_ratio else None,
                relation=use.relation,
                sentence=f"the numbers for {use.column} of {use.relation} are used up to {min(after, 1.0):.0%}{behind}:"
                f" {use.last_value} of {use.limit}",
            )


def disk(seen: Seen) -> Iterator[Found]:
    """H031: what the script writes is more than the disk has."""
    writings = list(_writings(seen))
    files = sum(writing.file_bytes for writing in writings)
    wal = _kept_wal(seen, sum(writing.wal_bytes for writing in writings))
    needed, free = files + wal, seen.production.free_disk_bytes
    if not writings or (free is None and needed < seen.limits.disk_worth_asking_bytes):
        return
    largest = max(writings, key=lambda writing: writing.file_bytes + writing.wal_bytes)
    need = f"the script needs about {bytes_in_words(needed)} more on disk until it has committed"
    if free is None:
        severity, sentence = Severity.NOTE, f"{need}, and how much the server has free is not known"
    elif needed > free * seen.limits.disk_ratio:
        severity = None if needed > free else Severity.WARNING
        sentence = f"{need}, and the server has {bytes_in_words(free)} free"
    else:
        return
    yield Found(
        code="H031",
        severity=severity,
        relation=largest.relation,
        file=largest.file,
        line=largest.line,
        sentence=f"{sentence}; most of it is for {largest.relation}",
    )


def wal(seen: Seen) -> Iterator[Found]:
    """H032: replicas must follow, and slots keep, more WAL than usual."""
    writings = list(_writings(seen))
    written = sum(writing.wal_bytes for writing in writings)
    production = seen.production
    if not writings or written < seen.limits.wal_bytes or (production.standbys == () and production.slots == ()):
        return
    largest = max(writings, key=lambda writing: writing.wal_bytes)
    followers = (
        *(f"standby {name}" for name in production.standbys or ()),
        *(f"slot {name}" for name in production.slots or ()),
    )
    keep = production.slot_keep_bytes
    lost = bool(production.slots) and keep is not None and 0 <= keep < written
    severity = Severity.ERROR if lost else (None if followers else Severity.NOTE)
    unseen = ", and whether replicas must follow is not known"
    who = f", which {listed(followers, most=3)} must take in" if followers else unseen
    more = f"; a slot keeps no more than {bytes_in_words(keep or 0)}, and is lost beyond that" if lost else ""
    yield Found(
        code="H032",
        severity=severity,
        relation=largest.relation,
        file=largest.file,
        line=largest.line,
        sentence=f"the script writes about {bytes_in_words(written)} of WAL{who}{more}",
    )


def lock_table(seen: Seen) -> Iterator[Found]:
    """H033: one transaction locks more than the server's lock table may have room for."""
    production = seen.production
    known = production.max_locks_per_transaction is not None and production.max_connections is not None
    each = production.max_locks_per_transaction or DEFAULT_MAX_LOCKS
    sessions = (production.max_connections or DEFAULT_MAX_CONNECTIONS) + (production.max_prepared_transactions or 0)
    room = each * sessions
    held = [(len(step.observation.held.oids), step) for step, _ in seen.own_steps if len(step.observation.locks)]
    if not held:
        return
    most, step = max(held, key=lambda pair: pair[0])
    if most <= room * seen.limits.lock_table_ratio:
        return
    yield Found(
        code="H033",
        severity=Severity.ERROR if most > room else None,
        file=step.file,
        line=step.statement.line,
        sentence=f"transaction {step.transaction} holds locks on {most} tables and indexes at once, and the lock table of all"
        f" sessions has room for {room} ({each} times {sessions}{'' if known else ', by the defaults of PostgreSQL'})",
    )


# --- how much is written ----------------------------------------------------------------------------------------------


def _writings(seen: Seen) -> Iterator[_Writing]:
    """What each statement writes, as far as sizes are known; WAL as the forecast's operations have it."""
    if not seen.sizes_known:
        return
    files = {(relation, file, line): written for relation, file, line, written in _new_files(seen)}
    for operation in seen.forecast.operations:
        at = (operation.relation, operation.file, operation.line)
        written = files.pop(at, 0.0) if operation.kind in {"rewrite", "index-build"} else _changed(seen, operation)
        yield _Writing(*at, file_bytes=written, wal_bytes=operation.wal_bytes)


def _new_files(seen: Seen) -> Iterator[tuple[str, str, int, float]]:
    """(relation, file, line, bytes) of the files that each statement makes."""
    for step, _ in seen.own_steps:
        made: dict[str, float] = {}
        for table in rewritten(step):
            if size := _size(seen, table.oid):
                made[size.relation] = float(size.heap_bytes + size.toast_bytes + size.index_bytes)
        for _, table in built(step):
            if size := _size(seen, table.oid):
                one = size.index_bytes / size.indexes if size.indexes else size.rows * _INDEX_ENTRY_BYTES
                made[size.relation] = made.get(size.relation, 0.0) + one
        yield from ((relation, step.file, step.statement.line, written) for relation, written in made.items())


def _size(seen: Seen, oid: int) -> Relation | None:
    start = seen.trace.start.relations.get(oid)
    size = seen.relations.get(start.relation) if start else None
    return size if size and size.rows > 0 else None


def _changed(seen: Seen, operation: Operation) -> float:
    """Bytes of the new versions of rows, and of their entries in indexes."""
    if operation.kind not in {"insert", "update", "merge"} or operation.seconds.high is None:
        return 0.0
    size = seen.relations.get(operation.relation)
    row = size.heap_bytes / size.rows if size and size.rows > 0 else DEFAULT_ROW_BYTES
    return operation.rows * (row + (size.indexes if size else 1) * _INDEX_ENTRY_BYTES)


def _kept_wal(seen: Seen, written: float) -> float:
    """WAL that is on disk at once: all of it where a slot holds it back, else no more than the server keeps."""
    most = seen.production.max_wal_bytes
    return written if most is None or seen.production.slots else min(written, float(most))
