"""What each strategy costs, as people read it in a forecast, at 80 columns.

Not for judging (``core.plan.compared``). The surprising thing: only a few reasons of each are told, since the first is enough
to rule it out.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from lockage.core.forecast.assess import Forecast, Seconds, StrategyForecast
from lockage.core.forecast.hazards.find import certain_failures
from lockage.interfaces.cli.console import plain_table, say
from lockage.interfaces.wording.forecast import at_most, sizes_are_missing, time_in_words

REASONS_SHOWN = 3
"""Reasons against a strategy that are shown."""


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
    if certain_failures(forecast.hazards):
        return  # the first line of the forecast says it, and it is the same for each
    explained = forecast.recommended or forecast.strategies[-1].name if forecast.strategies else None
    for strategy in forecast.strategies:
        if not strategy.possible:
            yield f"not {strategy.name}: {'; '.join(_few(strategy))}"
        elif strategy.name == explained:
            yield f"{strategy.name}: {'; '.join(_few(strategy))}"
    if forecast.strategies and forecast.recommended is None and (wanted := tuple(_wanted(forecast))):
        yield f"to have one recommended, say {' and '.join(wanted)}"


def _wanted(forecast: Forecast) -> Iterator[str]:
    if not forecast.statements_checked:
        yield "what the running release asks (--statements FILE)"
    if sizes_are_missing(forecast):
        yield "how large its tables are (--database URL, or --survey FILE)"


def _recommended(forecast: Forecast) -> str:
    if certain_failures(forecast.hazards):
        return ": none is possible, since the script fails"
    if forecast.recommended is None:
        return ": too little is known to recommend one"
    return f": {forecast.recommended} is recommended"


def _few(strategy: StrategyForecast) -> tuple[str, ...]:
    few, more = strategy.reasons[:REASONS_SHOWN], len(strategy.reasons) - REASONS_SHOWN
    return (*few, f"and {more} more") if more > 0 else few


def _range(seconds: Seconds) -> tuple[str, str]:
    return time_in_words(seconds.likely), at_most(seconds)
