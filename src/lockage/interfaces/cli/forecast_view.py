"""A forecast as people read it, at 80 columns.

Not for judging and not for ``--json``. The surprising thing: relations that are locked without anybody waiting are only
counted, because a long list of harmless locks hides the one that hurts; and what is unknown is never left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lockage.core.forecast.assess import Blocks, Forecast, LockTaken, Operation, RelationForecast
from lockage.core.plan.wording import blocks_in_words, counted, duration, listed, range_in_words
from lockage.interfaces.cli.console import plain_table, say
from lockage.interfaces.cli.survey_view import one_line

_STYLES = {Blocks.READS: "bold red", Blocks.WRITES: "red", Blocks.ROWS: "yellow", Blocks.NONE: "green"}


def show_forecast(forecast: Forecast, console: Console) -> None:
    """Print the whole forecast."""
    blocked = [relation for relation in forecast.relations if relation.blocks is not Blocks.NONE]
    _summary(forecast, blocked, console)
    _blocked(blocked, console)
    for relation in blocked:
        _why(relation, console)
    _work(forecast.operations, console)
    _unknown(forecast, console)
    _broken(forecast, console)
    for assumption in forecast.assumptions:
        say(console, f"assumed: {assumption}", style="dim")


def _summary(forecast: Forecast, blocked: Sequence[RelationForecast], console: Console) -> None:
    migrations = forecast.script.migrations
    say(console, f"{_numbers(forecast)}, {counted(forecast.transactions, 'transaction')}", style="bold")
    if not migrations:
        return
    say(console, f"  in all   {range_in_words(forecast.total_s)}")
    names = tuple(relation.relation for relation in blocked if relation.blocks is forecast.worst)
    who = f"{blocks_in_words(forecast.worst)} of {listed(names)}" if names else "nobody"
    say(console, f"  blocked  {who}", style=_STYLES[forecast.worst])
    harmless = len(forecast.relations) - len(blocked)
    if harmless:
        more = "more relation is" if harmless == 1 else "more relations are"
        say(console, f"           {harmless} {more} locked so that nobody waits")


def _numbers(forecast: Forecast) -> str:
    migrations = forecast.script.migrations
    if not migrations:
        return "no migration is pending"
    if len(migrations) == 1:
        return f"migration {migrations[0].version} {migrations[0].name}"
    return f"{len(migrations)} migrations, {migrations[0].version} to {migrations[-1].version}"


def _blocked(blocked: Sequence[RelationForecast], console: Console) -> None:
    if not blocked:
        return
    table = plain_table("relation", "who waits", "likely", "from", "to")
    for relation in blocked:
        took, who = relation.blocked_s, blocks_in_words(relation.blocks)
        high = "unknown" if took.high is None else duration(took.high)
        table.add_row(relation.relation, who, duration(took.likely), duration(took.low), high, style=_STYLES[relation.blocks])
    say(console, "")
    console.print(table)


def _why(relation: RelationForecast, console: Console) -> None:
    """The locks by which it gets worse, in the order of the script; the others are counted."""
    say(console, "")
    say(console, f"{relation.relation}: {blocks_in_words(relation.blocks)} wait", style="bold")
    order, worst, shown = list(Blocks), Blocks.NONE, 0
    for lock in relation.locks:
        if order.index(lock.blocks) < order.index(worst):
            worst, shown = lock.blocks, shown + 1
            say(console, f"  {_lock(lock)}")
            say(console, f"      {lock.file}:{lock.line}  {one_line(lock.statement)}", style="dim")
    for reason in relation.because:
        say(console, f"  {reason}")
    rest = len(relation.locks) - shown
    if rest and shown:
        say(console, f"  and {counted(rest, 'lock')} more, none of them worse", style="dim")


def _lock(lock: LockTaken) -> str:
    reach = f" through {lock.via}" if lock.via else ""
    return f"{lock.mode}{reach}, until transaction {lock.transaction} ends"


def _work(operations: Sequence[Operation], console: Console) -> None:
    if not operations:
        return
    say(console, "")
    say(console, "work", style="bold")
    for work in operations:
        rows = f", {work.rows:,.0f} {'row' if work.rows == 1 else 'rows'}" if work.rows > 0 else ""
        say(console, f"  {work.kind} of {work.relation}{rows}: {range_in_words(work.seconds)}")
        say(console, f"      {work.file}:{work.line}", style="dim")


def _unknown(forecast: Forecast, console: Console) -> None:
    if not forecast.unknown:
        return
    say(console, "")
    say(console, "unknown, and counted as the worst case", style="bold yellow")
    for unknown in forecast.unknown:
        say(console, f"  {unknown.file}:{unknown.line}  {unknown.reason}")


def _broken(forecast: Forecast, console: Console) -> None:
    if not forecast.statements_checked:
        return
    say(console, "")
    failed, checked = len(forecast.broken), forecast.statements_checked
    if not failed:
        say(console, f"no break found in {counted(checked, 'statement')} of the running release", style="green")
        return
    say(console, f"{failed} of {counted(checked, 'statement')} of the running release fail afterwards", style="bold red")
    for broken in forecast.broken:
        say(console, f"  {broken.sqlstate} {broken.message}")
        say(console, f"      {one_line(broken.query)}", style="dim")
