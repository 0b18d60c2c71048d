"""A plan as people read it: on a terminal, at 80 columns, and in a pipe.

Not for deciding or for ``--json``. The surprising thing: the worst news stands first (the outage and the warnings), since
whoever approves a plan reads the top and the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from lockage.core.forecast.seconds import added
from lockage.core.plan.sequence import NOTHING_CHANGED
from lockage.core.plan.steps import Hop, OnBlocker, Plan, StrategyVerdict
from lockage.core.plan.wording import blocks_in_words, probe_in_words, range_in_words, step_in_words, step_name
from lockage.core.wording import counted, duration, listed
from lockage.interfaces.cli.console import plain_table, say


def show_plan(plan: Plan, console: Console, *, proposed: bool = True) -> None:
    """Print the whole plan; ``proposed``: with the command that would carry it out."""
    if not plan.hops:
        say(console, f"{plan.deployment} is on {plan.to_release} already: nothing to do", style="bold green")
        _warnings(plan, console)
        return
    _summary(plan, console)
    _warnings(plan, console)
    for index, hop in enumerate(plan.hops, start=1):
        _hop(plan, hop, index, console)
    say(console, "")
    say(console, f"seal {plan.content_digest}")
    if proposed:
        say(console, f"next: lockage upgrade {plan.deployment} --to {plan.to_release} --restore-point NAME")


def _summary(plan: Plan, console: Console) -> None:
    stops = plan.route[:-1]
    via = f" by way of {', '.join(stops)}" if stops else ""
    say(console, f"Plan for {plan.deployment}: {plan.from_release} to {plan.to_release}{via}", style="bold")
    outage = added(*(chosen_verdict(hop).unavailable_s for hop in plan.hops))
    say(console, f"  without service  {range_in_words(outage)}")
    migrations = "not known" if plan.migrations is None else plan.migrations
    say(console, f"  migrations       {migrations}, crossing {counted(plan.minors, 'minor release')}")
    say(console, f"  replicas         {plan.replicas}, with {probe_in_words(plan.liveness)}")
    say(console, f"  blockers         {_on_blocker(plan)}")


def _on_blocker(plan: Plan) -> str:
    done = {
        OnBlocker.WAIT: "are waited for",
        OnBlocker.CANCEL: "are cancelled once where they stand in the way, and then waited for",
        OnBlocker.TERMINATE: "are ended where they stand in the way",
        OnBlocker.STOP: "stop the run where they stand in the way",
    }
    return f"other people's sessions {done[plan.on_blocker]}"


def _warnings(plan: Plan, console: Console) -> None:
    if plan.warnings:
        _bullets(console, "Warnings", plan.warnings, style="yellow", indent="")


def _hop(plan: Plan, hop: Hop, index: int, console: Console) -> None:
    say(console, "")
    later = ", planned anew on arrival" if hop.provisional else ""
    title = f"Hop {index} of {len(plan.hops)}: {hop.from_release} to {hop.to_release}, {hop.strategy}{later}"
    say(console, title, style="bold cyan")
    if hop.advisory:
        say(console, f"  advisory         {hop.advisory} asks for this stop")
    forecast = hop.forecast
    say(console, f"  migration        {counted(forecast.migrations, 'file')}, {range_in_words(forecast.total_s)}")
    if forecast.blocked:
        say(console, f"  blocked          {blocks_in_words(forecast.worst)} at worst, on {listed(forecast.blocked)}")
    say(console, f"  old release      {_compatibility(hop)}")
    say(console, f"  kill budget      {duration(hop.kill_budget_s)} while it migrates")
    _bullets(console, f"Why {hop.strategy}", hop.reasons)
    _considered(hop, console)
    _bullets(console, "What would change that", hop.would_change)
    _steps(hop, console)


def _compatibility(hop: Hop) -> str:
    forecast = hop.forecast
    if not forecast.statements_checked:
        return "nothing is known" if forecast.migrations is None else "no statement was checked"
    found = f"{forecast.broken} break" if forecast.broken else "no break found"
    unknown = f"; {counted(forecast.unknown, 'place')} unknown" if forecast.unknown else ""
    return f"{found} in {counted(forecast.statements_checked, 'statement')} of {hop.from_release}{unknown}"


def _considered(hop: Hop, console: Console) -> None:
    table = plain_table("  strategy", "possible", "without service")
    for verdict in hop.considered:
        chosen = "* " if verdict.strategy is hop.strategy else "  "
        style = "bold" if verdict.strategy is hop.strategy else None
        possible = "yes" if verdict.possible else "no"
        table.add_row(f"{chosen}{verdict.strategy}", possible, range_in_words(verdict.unavailable_s), style=style)
    console.print(table)


def _steps(hop: Hop, console: Console) -> None:
    table = plain_table("  #", "step", "expected", "limit")
    for column in (0, 2, 3):
        table.columns[column].justify = "right"
        table.columns[column].no_wrap = True
    for number, step in enumerate(hop.steps, start=1):
        words = f"{step_name(step)}: {step_in_words(step)}"
        if step.undo != NOTHING_CHANGED:
            words += f"\nundo: {step.undo}"
        table.add_row(f"  {number}", words, duration(step.expected_s), duration(step.limit_s))
    console.print(table)


def _bullets(console: Console, title: str, lines: Sequence[str], *, style: str | None = None, indent: str = "  ") -> None:
    if not lines:
        return
    say(console, f"{indent}{title}:", style=style)
    if not console.is_terminal:
        for line in lines:
            say(console, f"{indent}- {line}", style=style)
        return
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row(f"{indent}-", line, style=style)
    console.print(grid)


def chosen_verdict(hop: Hop) -> StrategyVerdict:
    """The verdict on the hop's own strategy."""
    return next(verdict for verdict in hop.considered if verdict.strategy is hop.strategy)
