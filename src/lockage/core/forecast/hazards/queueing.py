"""The hazard of waiting for a lock without a limit, while everybody else waits behind the script.

Not for how long locks are held once they are had (``blocking``). The surprising thing: a script of a millisecond can stand
behind a report of an hour, and from its first moment on nobody else gets the table either; so how long it takes is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.forecast.assess import Blocks, Severity
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, said
from lockage.core.forecast.hazards.wording import how_long
from lockage.core.forecast.held import HeldLock
from lockage.core.forecast.lock_modes import badness, blocks_of
from lockage.core.forecast.trace import Traced
from lockage.core.forecast.waiting_records import InTheWay, Waiting

_TABLES = {"r", "p", "m"}
_LIMIT = "lock_timeout"
_WITHOUT_WAITING = "NOWAIT"


@dataclass(frozen=True, slots=True)
class _Waited:
    """A lock that is waited for for too long."""

    step: Traced
    table: str
    mode: str
    blocks: Blocks
    limit_ms: int | None  # 0: none; None: not known


def waits_without_limit(seen: Seen) -> Iterator[Found]:
    """H005: a lock that users wait for is waited for without a limit, or a long one; one hazard a transaction and file."""
    by_transaction: dict[int, list[_Waited]] = {}
    for waited in _waited(seen):
        by_transaction.setdefault(waited.step.transaction, []).append(waited)
    told: set[str] = set()
    for those in by_transaction.values():
        worst = max(those, key=lambda one: (not _is_long(one), bool(_in_the_way(one, seen)), badness(one.blocks)))
        if worst.step.file in told:
            continue
        told.add(worst.step.file)
        others = len({one.table for one in those}) - 1
        who = "reads or writes" if worst.blocks is Blocks.READS else "writes"
        yield Found(
            code="H005",
            severity=Severity.NOTE if _is_long(worst) else None,
            relation=worst.table,
            file=worst.step.file,
            line=worst.step.statement.line,
            sentence=f"{worst.mode} on {worst.table}{f' (and on {others} more)' if others else ''} is awaited"
            f" {_how_long(worst, seen)}: behind one long transaction that uses the table everybody queues who {who} it"
            f"{_how_busy(worst, seen)}",
        )


def _how_busy(waited: _Waited, seen: Seen) -> str:
    """Who uses the table, as far as anybody looked: now and for long, with statements known to run long, or how often."""
    waiting = _waiting(waited, seen)
    if waiting is None:
        return ""
    if those := _in_the_way(waited, seen):
        first, more = those[0], f", and {len(those) - 1} more" if len(those) > 1 else ""
        who = f"backend {first.pid} ({first.application or first.user})" if first.pid is not None else first.what
        since = "" if first.since_s is None else f", for {how_long(first.since_s)} so far"
        return f"; in its way now: {who}{since}{more}"
    if waiting.long_statements:
        return f"; a statement of the application that uses it has taken {how_long(waiting.long_statements[0].max_s)}"
    if waiting.queue is not None and waiting.queue.calls_s:
        return f"; {waiting.queue.calls_s:.3g} statements a second would queue"
    return ""


def _in_the_way(waited: _Waited, seen: Seen) -> tuple[InTheWay, ...]:
    waiting = _waiting(waited, seen)
    return tuple(one for one in waiting.in_the_way if not one.gives_way) if waiting is not None else ()


def _waiting(waited: _Waited, seen: Seen) -> Waiting | None:
    return next((one.waiting for one in seen.forecast.relations if one.relation == waited.table), None)


def _waited(seen: Seen) -> Iterator[_Waited]:
    """Locks that stop users of tables with rows, and that nothing ends the wait for in time."""
    transaction, had = 0, dict[int, int]()
    for step, taken in seen.newly_taken:
        if step.transaction != transaction or step.observation.ran_outside:
            transaction, had = step.transaction, {}
        limit_ms = step.observation.wait_limit_ms
        limited = bool(limit_ms and limit_ms <= seen.limits.lock_wait_s * 1000) or _limits_itself(step)
        for lock in taken:
            blocks = blocks_of(lock.mode)
            if badness(blocks) <= had.get(lock.oid, 0):
                continue  # who has the table against them need not wait for it again
            had[lock.oid] = badness(blocks)
            if not limited and _is_users(seen, lock):
                yield _Waited(step, seen.root(seen.trace.start.relations[lock.oid]), lock.mode, blocks, limit_ms)


def _limits_itself(step: Traced) -> bool:
    """Whether the statement waits for nothing, or sets a limit of its own where it runs code."""
    statement = step.statement
    if statement.node == "lock_stmt":
        return _WITHOUT_WAITING in statement.text.upper()
    if statement.procedure is not None and _LIMIT in statement.text.lower():
        return True
    by_name = step.rules.routine_list.by_name
    called = (name.name for each in said(step) for name in each.calls)
    return any(_LIMIT in routine.definition for name in called for routine in by_name.get(name, ()))


def _is_users(seen: Seen, lock: HeldLock) -> bool:
    table = seen.trace.start.relations.get(lock.oid)
    return table is not None and table.kind in _TABLES and seen.peopled(lock.oid) and not seen.is_ledger(table.relation)


def _is_long(waited: _Waited) -> bool:
    return bool(waited.limit_ms)


def _how_long(waited: _Waited, seen: Seen) -> str:
    if waited.limit_ms is None:
        return "without a limit that is known"
    if not waited.limit_ms:
        return "without a limit"
    return f"for up to {how_long(waited.limit_ms / 1000)} (limit {how_long(seen.limits.lock_wait_s)})"
