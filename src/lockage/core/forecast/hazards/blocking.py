"""Hazards of waiting: who is locked out for long, what makes it longer, and who may wait for each other.

Not for what is worked on under a lock (``tables``, ``indexes``). The surprising thing: the table that a migrator writes its
ledger into is locked to the end of its transaction too, and is left out, since nobody but migrators reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from lockage.core.forecast.assess import Blocks, LockTaken, RelationForecast, Seconds, Severity, Stretch
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, meant
from lockage.core.forecast.hazards.wording import how_long, lasting, rows_in_words
from lockage.core.forecast.held import HeldLocks
from lockage.core.forecast.lock_modes import (
    SELECT_FOR_UPDATE_TAKES,
    SELECT_TAKES,
    WRITE_TAKES,
    blocks_of,
    conflict,
)
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.trace import Traced
from lockage.core.migration.syntax import Change, ChangeKind
from lockage.core.wording import counted

_DML = {"insert", "update", "delete", "merge", "cascade"}


def long_exclusive(seen: Seen) -> Iterator[Found]:
    """H001: nobody reads or writes a relation for longer than the limit."""
    limit_s = seen.limits.reads_s
    for relation, stretch, lock in _longest(seen, (Blocks.READS,)):
        if not _exceeds(stretch.lasts_s, limit_s):
            continue
        sure = stretch.lasts_s.high is None or stretch.lasts_s.likely > limit_s
        yield Found(
            code="H001",
            severity=None if sure else Severity.WARNING,
            relation=relation.relation,
            file=lock.file,
            line=lock.line,
            sentence=f"nobody can read or write {relation.relation} {lasting(stretch.lasts_s)} (limit {how_long(limit_s)}):"
            f" {lock.mode} is held to the end of transaction {lock.transaction}",
        )


def long_write_block(seen: Seen) -> Iterator[Found]:
    """H002: nobody writes a relation, or its changed rows, for longer than the limit."""
    limit_s = seen.limits.writes_s
    for relation, stretch, lock in _longest(seen, (Blocks.WRITES, Blocks.ROWS)):
        if not _exceeds(stretch.lasts_s, limit_s):
            continue
        whom = "nobody can write" if stretch.blocks is Blocks.WRITES else "writers wait for the changed rows of"
        worse = stretch.blocks is Blocks.WRITES and stretch.lasts_s.likely > limit_s * seen.limits.much
        yield Found(
            code="H002",
            severity=Severity.ERROR if worse else None,
            relation=relation.relation,
            file=lock.file,
            line=lock.line,
            sentence=f"{whom} {relation.relation} {lasting(stretch.lasts_s)} (limit {how_long(limit_s)})",
        )


def _longest(seen: Seen, levels: Sequence[Blocks]) -> Iterator[tuple[RelationForecast, Stretch, LockTaken]]:
    """For each relation its longest stretch at one of the levels, with the lock that begins it."""
    migrators = {step.statement.headline for step in seen.trace.statements if step.of_migrator}
    listed = {relation.relation: relation.blocks for relation in seen.forecast.relations}
    for relation in seen.forecast.relations:
        root = seen.roots.get(relation.relation)  # what holds for the whole table need not be said of each partition
        if relation.rows == 0 or seen.is_ledger(relation.relation) or (root and listed.get(root) is relation.blocks):
            continue
        found = [
            (stretch, lock)
            for stretch in relation.stretches
            if stretch.blocks in levels and stretch.mode is not None
            for lock in [_begins(relation, stretch)]
            if lock is not None and lock.statement not in migrators
        ]
        if found:
            stretch, lock = max(found, key=lambda pair: (pair[0].lasts_s.high is None, pair[0].lasts_s.likely))
            yield relation, stretch, lock


def _begins(relation: RelationForecast, stretch: Stretch) -> LockTaken | None:
    of_it = (lock for lock in relation.locks if lock.transaction == stretch.transaction)
    return next((lock for lock in of_it if lock.blocks is stretch.blocks), None)


def _exceeds(seconds: Seconds, limit_s: float) -> bool:
    return seconds.high is None or seconds.high > limit_s


# --- work on rows under an exclusive lock -----------------------------------------------------------------------------


def changes_behind_ddl(seen: Seen) -> Iterator[Found]:
    """H003: many rows are changed while the same transaction locks everybody out of some table; one hazard a transaction."""
    rows = _changed_rows(seen)
    by_transaction: dict[int, list[tuple[Traced, Seconds, str, float | None, str, int]]] = {}
    for step, seconds, shut in _shut_out(seen):
        changed = rows.get((step.file, step.statement.line))
        if not changed or not step.succeeded or not any(_may_be_many(change, step, seen) for change in changes_of(step)):
            continue
        relation, many = max(changed.items(), key=lambda item: (item[1] is None, item[1] or 0.0))
        if shut and (many is None or many >= seen.limits.many_rows):
            by_transaction.setdefault(step.transaction, []).append((step, seconds, relation, many, shut[min(shut)], len(shut)))
    for those in by_transaction.values():
        step, seconds, relation, many, first, count = max(those, key=lambda one: (one[1].high is None, one[1].likely))
        short = seconds.high is not None and seconds.high <= seen.limits.reads_s
        beside = f" (beside {len(those) - 1} more such statements)" if len(those) > 1 else ""
        yield Found(
            code="H003",
            severity=Severity.NOTE if short else None,
            relation=relation,
            file=step.file,
            line=step.statement.line,
            sentence=f"{rows_in_words(many)} of {relation} are changed while the same transaction keeps everybody out of"
            f" {first}{_and_more(count - 1)}, {lasting(seconds)}{beside}",
        )


def _may_be_many(change: Change, step: Traced, seen: Seen) -> bool:
    """Whether neither the text nor a key says that it is few rows."""
    if change.kind is ChangeKind.LOCK:
        return False
    if change.rows is not None:
        return change.rows >= seen.limits.many_rows
    keys = (key for table in meant(change.relation, step) for key in step.rules.unique_keys.get(table.oid, ()))
    return not any(set(key) <= set(change.equated) for key in keys)


def _changed_rows(seen: Seen) -> dict[tuple[str, int], dict[str, float | None]]:
    """By place and relation, how many rows are changed; None: not known."""
    found: dict[tuple[str, int], dict[str, float | None]] = {}
    for operation in seen.forecast.operations:
        if operation.kind in _DML:
            known = operation.seconds.high is not None
            at = found.setdefault((operation.file, operation.line), {})
            at[operation.relation] = operation.rows if known else None
    return found


def _shut_out(seen: Seen) -> Iterator[tuple[Traced, Seconds, Mapping[int, str]]]:
    """Each statement with the tables, by oid, that the files keep readers out of until then; one mapping, which changes."""
    locked = _exclusively_taken(seen)
    before, transaction, shut = HeldLocks(), 0, dict[int, str]()
    for step, seconds in seen.own_steps:
        if step.transaction != transaction:
            before, transaction, shut = HeldLocks(), step.transaction, {}
        held = step.observation.held
        taken, given_back = held.since(before)
        for lock in given_back:
            if conflict(lock.mode, SELECT_TAKES):
                shut.pop(lock.oid, None)
        for lock in taken:
            if (transaction, lock.oid) in locked and conflict(lock.mode, SELECT_TAKES) and seen.peopled(lock.oid):
                name = seen.trace.start.relations[lock.oid].relation
                if not seen.is_ledger(name):
                    shut[lock.oid] = name
        yield step, seconds, shut
        before = held


def _exclusively_taken(seen: Seen) -> set[tuple[int, int]]:
    """(transaction, oid) of what the files themselves lock against readers; not what only the migrator locks."""
    return {
        (step.transaction, lock.oid)
        for step, taken in seen.newly_taken
        for lock in taken
        if conflict(lock.mode, SELECT_TAKES) and lock.oid in seen.trace.start.relations
    }


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


# --- who waits for whom -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Taken:
    """The first lock of a transaction on a table that stops its writers."""

    oid: int
    mode: str
    position: int
    step: Traced


def opposite_orders(seen: Seen) -> Iterator[Found]:
    """H004: tables are locked in the opposite of the order in which others lock them."""
    by_transaction = _orders(seen)
    yield from _against_keys(seen, by_transaction)
    yield from _against_each_other(seen, by_transaction)


def _orders(seen: Seen) -> dict[int, dict[int, _Taken]]:
    found: dict[int, dict[int, _Taken]] = {}
    for position, (step, taken) in enumerate(seen.newly_taken):
        if step.observation.ran_outside:
            continue  # its locks are gone with each of its own transactions
        for lock in taken:
            relation = seen.trace.start.relations.get(lock.oid)
            if relation is None or relation.kind not in {"r", "p"} or not conflict(lock.mode, WRITE_TAKES):
                continue
            if seen.peopled(lock.oid) and not seen.is_ledger(relation.relation):
                taken_so_far = found.setdefault(step.transaction, {})
                former = taken_so_far.get(lock.oid)
                if former is None or (former.position == position and _stronger(lock.mode, former.mode)):
                    taken_so_far[lock.oid] = _Taken(lock.oid, lock.mode, position, step)
    return found


def _stronger(mode: str, other: str) -> bool:
    return blocks_of(mode) is Blocks.READS and blocks_of(other) is not Blocks.READS


def _against_keys(seen: Seen, orders: dict[int, dict[int, _Taken]]) -> Iterator[Found]:
    """A row that refers is written first, and the row it refers to is locked then: the script does it the other way round."""
    for transaction, taken in orders.items():
        pairs = [
            (first, second)
            for key in seen.rules.foreign_keys
            if (first := taken.get(key.parent_oid)) and (second := taken.get(key.child_oid))
            if first.position < second.position and conflict(first.mode, SELECT_FOR_UPDATE_TAKES)
        ]
        if not pairs:
            continue
        pairs.sort(key=lambda pair: pair[1].position)
        parent, child = (seen.trace.start.relations[one.oid].relation for one in pairs[0])
        first, second = pairs[0]
        more = len({(a.oid, b.oid) for a, b in pairs}) - 1
        yield Found(
            code="H004",
            relation=child,
            file=second.step.file,
            line=second.step.statement.line,
            sentence=f"transaction {transaction} locks {parent} ({_place(first)}) and then {child}, but whoever writes a row of"
            f" {child} locks them the other way round, since it refers to {parent}: a deadlock is possible"
            + (f" (and so with {counted(more, 'more pair')})" if more else ""),
        )


def _against_each_other(seen: Seen, orders: dict[int, dict[int, _Taken]]) -> Iterator[Found]:
    told: set[frozenset[int]] = set()
    for (one, in_one), (other, in_other) in combinations(sorted(orders.items()), 2):
        for a, b in combinations(sorted(set(in_one) & set(in_other)), 2):
            opposite = (in_one[a].position - in_one[b].position) * (in_other[a].position - in_other[b].position) < 0
            if opposite and frozenset((a, b)) not in told:
                told.add(frozenset((a, b)))
                first, second = sorted((in_other[a], in_other[b]), key=lambda taken: taken.position)
                names = [seen.trace.start.relations[taken.oid].relation for taken in (first, second)]
                yield Found(
                    code="H004",
                    relation=names[1],
                    file=second.step.file,
                    line=second.step.statement.line,
                    sentence=f"transaction {other} locks {names[0]} and then {names[1]}, transaction {one} the other way round"
                    f" ({_place(in_one[second.oid])}): whatever order users keep to, a deadlock with one of them is possible",
                )


def _place(taken: _Taken) -> str:
    return f"{taken.step.file}:{taken.step.statement.line}"
