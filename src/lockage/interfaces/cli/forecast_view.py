"""A forecast as people read it, at 80 columns.

Not for judging and not for ``--json``. The surprising thing: relations that are locked so that nobody waits are only
counted and named, because sixteen exclusive locks can harm nobody, and a list of them hides the one that does.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lockage.core.forecast.assess import Answer, Blocks, Broken, Forecast, Operation, RelationForecast
from lockage.core.forecast.hazards.find import certain_failures
from lockage.core.migration.shortened import shortened
from lockage.core.plan.wording import blocks_in_words
from lockage.core.wording import counted, listed
from lockage.interfaces.cli.checks_view import show_checks
from lockage.interfaces.cli.console import plain_table, say
from lockage.interfaces.cli.hazard_view import show_hazards
from lockage.interfaces.cli.strategies_view import reasons_of_strategies, show_strategies
from lockage.interfaces.wording.alike import RelationsAlike, relations_alike
from lockage.interfaces.wording.forecast import (
    at_most,
    checked_in_words,
    folded,
    headline,
    how_long,
    ledger_of,
    likely_work,
    reasons,
    script_in_words,
    unharmed,
    verdicts,
    waits_of,
    when_in_words,
    who_wait,
    who_waits_at_worst,
    worked_rows,
)
from lockage.interfaces.wording.waiting import lock_timeouts_in_words, script_waits_in_words, waiting_in_words

REASONS_SHOWN = 2
"""Locks of a relation that are shown, and reasons where it waits without one; all are in ``--json``."""

RELATIONS_SHOWN = 15
"""Relations that are shown, the worst first, and those that wait alike as one; all are in ``--json``."""

QUERY_SHOWN = 300
"""Characters of a statement of the running release that are shown; all are in ``--json``."""

OPERATIONS_SHOWN = 12
"""Pieces of work that are shown, the longest first; all are in ``--json``."""

_ROWS = {
    "Takes": "takes",
    "Sizes": "sizes",
    "Transactions": "transactions",
    "Who waits": "who waits",
    "Hazards": "hazards",
    "Running release": "old queries",
    "Unknown": "unknown",
    "Recommended": "recommended",
}
"""What the pages call it, and what a narrow column does."""

_STYLES = {Blocks.READS: "red", Blocks.WRITES: "yellow", Blocks.ROWS: "yellow", Blocks.NONE: "green", None: "yellow"}


def show_forecast(forecast: Forecast, console: Console) -> None:
    """Print the whole forecast."""
    _summary(forecast, console)
    show_checks([check for check in forecast.checks if check.answer is Answer.FAILS], console)
    _waiting(forecast, console)
    show_hazards(forecast.hazards, console, checks=forecast.checks)
    _work(forecast.operations, console)
    _strategies(forecast, console)
    _bullets(
        console,
        "Unknown, and counted as the worst case",
        [f"{unknown.file}:{unknown.line} {unknown.reason}" if unknown.file else unknown.reason for unknown in forecast.unknown],
        style="yellow",
    )
    show_checks([check for check in forecast.checks if check.answer is not Answer.FAILS], console)
    _old_release(forecast, console)
    _bullets(console, "What this stands on", forecast.assumptions)


def _summary(forecast: Forecast, console: Console) -> None:
    migrations = forecast.script.migrations
    if not forecast.script.known:
        say(console, "Not known which migrations there are: nothing can be forecast", style="bold yellow")
        say(console, f"  takes         {how_long(forecast.total_s)}")
        return
    if not migrations:
        say(console, "Nothing to apply: the script is empty", style="bold")
        return
    say(console, script_in_words(forecast), style="bold")
    said = headline(forecast)
    sentence = " ".join(filter(None, (said.who, said.relation, said.rest)))
    if certain_failures(forecast.hazards):
        say(console, f"{sentence}: {said.detail}", style="bold red")
    else:
        say(console, sentence, style=_STYLES[said.level])
    rows = dict(verdicts(forecast))
    rows["Who waits"] = who_waits_at_worst(forecast)
    for title, label in _ROWS.items():
        if title in rows:
            _indented(console, rows[title], indent=f"  {label:14}")


def _waiting(forecast: Forecast, console: Console) -> None:
    groups = relations_alike(who_wait(forecast))
    ledger = ledger_of(forecast)
    if groups or ledger:
        say(console, "")
        say(console, "Who waits", style="bold")
    for group in groups[:RELATIONS_SHOWN]:
        _group(group, console)
    if left := [name for group in groups[RELATIONS_SHOWN:] for name in group.names]:
        more = f"and users of {counted(len(left), 'more relation')}, no worse, in --json: {listed(tuple(left))}"
        _indented(console, more, indent="  ")
    if ledger:
        _ledger(ledger, console)
    if timeout := lock_timeouts_in_words(forecast):
        _indented(console, timeout, indent="  ")
    _bullets(console, "For whom the script itself would wait now", tuple(script_waits_in_words(forecast)))
    if harmless := unharmed(forecast):
        say(console, "")
        say(console, f"Locked so that nobody waits: {listed(harmless)}")


def _group(group: RelationsAlike, console: Console) -> None:
    relation = group.first
    for wait in waits_of(relation):
        when = f", {when_in_words(wait.stretches)}" if wait.stretches else ""
        line = f"{group.named}: {blocks_in_words(wait.blocks)}, {how_long(wait.seconds)}{when}"
        _indented(console, line, indent="  ", style="red" if wait.blocks is Blocks.READS else None)
        for why, where, statement in reasons(relation, wait, most=REASONS_SHOWN):
            _indented(console, f"{why}, {where} {statement}" if where else why if why.startswith("and ") else _because(why))
    for line in waiting_in_words(relation.waiting) if relation.waiting else ():
        _indented(console, line)


def _ledger(ledger: RelationForecast, console: Console) -> None:
    """One line: nobody but another migrator waits."""
    stretches = tuple(stretch for wait in waits_of(ledger) for stretch in wait.stretches)
    when = f", {when_in_words(stretches)}" if stretches else ""
    line = f"{ledger.relation}: other migrators, {how_long(ledger.blocked_s)}{when}"
    _indented(console, line, indent="  ")


def _because(sentence: str) -> str:
    return f"because {sentence}" if sentence.startswith(("its ", "what ")) else f"because it {sentence}"


def _work(operations: Sequence[Operation], console: Console) -> None:
    if not operations:
        return
    say(console, "")
    say(console, "Work", style="bold")
    table = plain_table("  what", "rows", "likely", "at most", "where")
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
        table.columns[column].no_wrap = True
    longest = sorted(operations, key=lambda operation: -operation.seconds.likely)
    for operation in longest[:OPERATIONS_SHOWN]:
        table.add_row(
            f"  {operation.kind}",
            "unknown" if (rows := worked_rows(operation)) is None else f"{rows:.0f}",
            likely_work(operation),
            at_most(operation.seconds),
            f"{operation.relation}, {operation.file}:{operation.line}",  # one column, which folds between the two
        )
    console.print(table)
    if len(operations) > OPERATIONS_SHOWN:
        say(console, f"  and {counted(len(operations) - OPERATIONS_SHOWN, 'shorter piece')}")


def _strategies(forecast: Forecast, console: Console) -> None:
    show_strategies(forecast, console)
    for line in reasons_of_strategies(forecast):
        _indented(console, line, mark="- ", indent="  ")


def _old_release(forecast: Forecast, console: Console) -> None:
    if not forecast.statements_checked and forecast.old_release is None:
        return
    say(console, "")
    say(console, f"The running release: {checked_in_words(forecast)}", style="bold")
    for broken in forecast.broken:
        _broken(broken, console, "" if broken.certain else "for some values: ")
    for broken in forecast.may_break:
        _broken(broken, console, "may break: ")


def _broken(broken: Broken, console: Console, how: str) -> None:
    state = f"(SQLSTATE {broken.sqlstate}{', only where it is kept prepared' if broken.only_prepared else ''})"
    where = f" behind {broken.file}:{broken.line}" if broken.file else ""
    _indented(console, f"{how}{broken.message} {state}{where}", indent="  ")
    _indented(console, shortened(broken.query, most=QUERY_SHOWN))


def _bullets(console: Console, title: str, lines: Sequence[str], *, style: str | None = None) -> None:
    if not lines:
        return
    say(console, "")
    say(console, title, style=style or "bold")
    for line in lines:
        _indented(console, line, mark="- ", indent="  ")


def _indented(console: Console, line: str, *, mark: str = "", indent: str = "      ", style: str | None = None) -> None:
    """A line that folds under its own beginning on a terminal, and stays whole in a pipe."""
    if not console.is_terminal:
        say(console, f"{indent}{mark}{line}", style=style)
        return
    begin = indent + mark
    for part in folded(line, width=console.width - len(begin)):
        console.print(f"{begin}{part}", style=style, soft_wrap=True)
        begin = " " * len(begin)
