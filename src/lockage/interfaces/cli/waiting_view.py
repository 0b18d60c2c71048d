"""What is known of waiting at a relation, and what each strategy costs, as people read it in a forecast.

Not for ``--json``, which has all of it. The surprising thing: of each kind only the worst is told, in a few lines, because who
reads them decides about one night, and a list of forty sessions will be another one by then.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from lockage.core.forecast.assess import Blocks, Forecast, Seconds, StrategyForecast
from lockage.core.forecast.waiting_records import Deadlock, InTheWay, Queue, Waiting
from lockage.core.plan.wording import counted, duration
from lockage.interfaces.cli.console import plain_table, say

SHOWN = 2
"""Sessions, statements or deadlocks of a relation that are shown."""

REASONS_SHOWN = 3
"""Reasons against a strategy that are shown."""


def waiting_in_words(waiting: Waiting) -> Iterator[str]:
    """A few lines: who stands in the way, what is known to run long, how much would queue, what may deadlock."""
    # Half a statement is none.
    if (
        waiting.queue is not None
        and waiting.queue.calls_s
        and (waiting.queue.waiting_most is None or waiting.queue.waiting_most >= 0.5)
    ):
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
        f"where the migrator allows it, lock_timeout {_milliseconds(min(known))} with retries would bound the queue until the "
        "locks are had; how long they are held it does not change"
    )


def show_strategies(forecast: Forecast, console: Console) -> None:
    """A table of the strategies, and why those that are not possible are not."""
    if not forecast.strategies:
        return
    say(console, "")
    say(console, f"What each strategy costs{_recommended(forecast)}", style="bold")
    counted_ones = any(strategy.requests is not None for strategy in forecast.strategies)
    headings = (
        "  strategy",
        "possible",
        "no reads",
        "at most",
        "no writes",
        "at most",
        *(["requests"] if counted_ones else []),
    )
    table = plain_table(*headings)
    for column in table.columns[2:]:
        column.justify = "right"
    for strategy in forecast.strategies:
        chosen = strategy.name == forecast.recommended
        hit = "unknown" if strategy.requests is None else f"{strategy.requests:.0f}"
        table.add_row(
            f"{'* ' if chosen else '  '}{strategy.name}",
            "yes" if strategy.possible else "no",
            *_range(strategy.without_reads_s),
            *_range(strategy.without_writes_s),
            *([hit] if counted_ones else []),
            style="bold" if chosen else None,
        )
    console.print(table)


def reasons_of_strategies(forecast: Forecast) -> Iterator[str]:
    """Why those that are not possible are not, and what the recommended one stands on; where none is, the hardest."""
    explained = forecast.recommended or forecast.strategies[-1].name if forecast.strategies else None
    for strategy in forecast.strategies:
        if not strategy.possible:
            yield f"not {strategy.name}: {'; '.join(_few(strategy))}"
        elif strategy.name == explained:
            yield f"{strategy.name}: {'; '.join(_few(strategy))}"


def _recommended(forecast: Forecast) -> str:
    if forecast.recommended is None:
        return ": too little is known to recommend one"
    return f": {forecast.recommended} is recommended"


def _few(strategy: StrategyForecast) -> tuple[str, ...]:
    few, more = strategy.reasons[:REASONS_SHOWN], len(strategy.reasons) - REASONS_SHOWN
    return (*few, f"and {more} more") if more > 0 else few


def _range(seconds: Seconds) -> tuple[str, str]:
    return duration(seconds.likely), "unknown" if seconds.high is None else duration(seconds.high)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


def _queue(queue: Queue) -> str:
    most = "an unknown number" if queue.waiting_most is None else f"{queue.waiting_most:.0f}"
    line = f"{queue.calls_s:.1f} statements a second would wait: {queue.waiting:.0f} likely, {most} at most"
    if queue.fills_s is not None:
        return f"{line}; after {duration(queue.fills_s)} all {counted(queue.free_connections, 'free connection')} are taken"
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
