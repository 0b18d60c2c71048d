"""What is known of waiting at a relation, in a few lines.

Not for ``--json``, which has all of it. The surprising thing: of each kind only the worst is told, because who reads it decides
about one night, and a list of forty sessions will be another one by then.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.forecast.waiting_records import Deadlock, InTheWay, Queue, Waiting
from lockage.core.wording import counted, duration

SHOWN = 2
"""Sessions, statements or deadlocks of a relation that are shown."""


HALF = 0.5
"""Of a statement: fewer are none."""

SOON_S = 60.0
"""Where nobody knows how long users wait, connections that would last for longer than this are no news."""


def waiting_in_words(waiting: Waiting) -> Iterator[str]:
    """A few lines: who stands in the way, what is known to run long, how much would queue, what may deadlock."""
    if waiting.queue is not None and _matters(waiting.queue):
        yield _queue(waiting.queue)
    for entry in waiting.in_the_way[:SHOWN]:
        yield f"in its way now: {_in_the_way(entry)}"
    if len(waiting.in_the_way) > SHOWN:
        yield f"and {len(waiting.in_the_way) - SHOWN} more in its way"
    for statement in waiting.long_statements[:1]:
        more = f", and {len(waiting.long_statements) - 1} more such" if len(waiting.long_statements) > 1 else ""
        yield f"may wait up to {duration(statement.max_s)} for: {statement.statement}{more}"
    for deadlock in waiting.deadlocks[:1]:
        more = f", and {len(waiting.deadlocks) - 1} more such" if len(waiting.deadlocks) > 1 else ""
        yield f"possible deadlock: {_deadlock(deadlock)}{more}"


def script_waits_in_words(forecast: Forecast) -> Iterator[str]:
    """For whom the script would wait at relations where nobody waits for it, as a concurrent index build does."""
    for relation in forecast.relations:
        if relation.blocks is Blocks.NONE and relation.waiting is not None:
            for entry in relation.waiting.in_the_way[:SHOWN]:
                yield f"{relation.relation}: {_in_the_way(entry)}"
            if len(relation.waiting.in_the_way) > SHOWN:
                yield f"{relation.relation}: and {len(relation.waiting.in_the_way) - SHOWN} more"


def lock_timeouts_in_words(forecast: Forecast) -> str | None:
    """What would keep the queues short while locks are waited for; None where nobody has looked."""
    seen = [r.waiting for r in forecast.relations if r.waiting and (r.waiting.queue or r.waiting.in_the_way)]
    known = [waiting.lock_timeout_s for waiting in seen if waiting.lock_timeout_s is not None]
    if not known:
        return None
    return (
        f"where the migrator allows it, lock_timeout {_milliseconds(min(known))} with retries would keep the queues short "
        "until the locks are had; how long they are held it does not change"
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


def _matters(queue: Queue) -> bool:
    """Whether somebody would queue, or might before anybody has looked; half a statement is none."""
    if queue.waiting_most is not None:
        return queue.waiting_most >= HALF
    return queue.waiting >= HALF or (queue.fills_s is not None and queue.fills_s <= SOON_S)


def _queue(queue: Queue) -> str:
    most = "an unknown number" if queue.waiting_most is None else f"{queue.waiting_most:.0f}"
    line = f"{queue.calls_s:.1f} statements a second would wait: {queue.waiting:.0f} likely, {most} at most"
    if queue.fills_s is not None:
        free = counted(queue.free_connections, "free connection")
        return f"{line}; after {duration(queue.fills_s)} all {free} would be taken"
    return line


def _in_the_way(entry: InTheWay) -> str:
    who = f"pid {entry.pid}, " if entry.pid is not None else ""
    application = f", {entry.application}" if entry.application else ""
    since = "for an unknown time" if entry.since_s is None else f"for {duration(entry.since_s)}"
    gives = " (gives way by itself)" if entry.gives_way else ""
    keeps = f" with {entry.holds}" if entry.holds else " with an older snapshot"
    return f"{who}user {entry.user}{application}: {entry.what} {since}{keeps}{gives}"


def _deadlock(deadlock: Deadlock) -> str:
    statement = f": {deadlock.statement}" if deadlock.statement else ""
    return (
        f"transaction {deadlock.transaction} locks {deadlock.first} and then this at {deadlock.file}:{deadlock.line}, "
        f"but {deadlock.because}{statement}"
    )
