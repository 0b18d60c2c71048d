"""A run as people read it: its events line by line, and its report.

Not for the plan (``plan_view``) nor for ``--json``. The surprising thing: the same line stands on the terminal, in a pipe and
in ``lockage watch``, so that two people who look at one run see the same words.
"""

from __future__ import annotations

from rich.console import Console

from lockage.core.forecast.calibration.past import Score
from lockage.core.plan.wording import range_in_words
from lockage.core.run import HopFigures, RunEvent, RunReport
from lockage.core.wording import counted
from lockage.interfaces.cli.console import plain_table, say

_STYLES = {"halted": "bold red", "ended": "bold green", "acted": "bold", "step-begun": "cyan", "measured": "dim"}


def event_line(event: RunEvent) -> str:
    """One line: local time, the step, what was done or seen."""
    at = f"{event.at.astimezone():%H:%M:%S}"
    if event.kind in {"step-begun", "step-done"}:
        return f"{at}  {'begin' if event.kind == 'step-begun' else 'done '}  {event.step or event.text}"
    return f"{at}         {event.text}"


def show_event(event: RunEvent, console: Console) -> None:
    """Print the line of an event."""
    say(console, event_line(event), style=_STYLES.get(event.kind))


def show_report(report: RunReport, console: Console) -> None:
    """Print what became of a run, forecast against actual."""
    took_s = (report.ended_at - report.began_at).total_seconds()
    say(console, "")
    say(console, f"{report.deployment}: {report.from_release} to {report.to_release} is {report.outcome} after {took_s:.0f} s")
    if not report.hops:
        return
    table = plain_table("hop", "strategy", "ledger", "migration", "forecast", "stop", "start", "boot")
    for hop in report.hops:
        forecast = range_in_words(hop.forecast_s) if hop.forecast_s else "-"
        figures = (_seconds(hop.termination_s), _seconds(hop.start_s), _seconds(hop.boot_s))
        ledger = "-" if hop.ledger is None else str(hop.ledger)
        table.add_row(hop.to_release, hop.strategy.value, ledger, _seconds(hop.migration_s), forecast, *figures)
    console.print(table)
    say(console, f"shortest outage possible: {sum(map(_limit, report.hops)):.1f} s")


def show_score(score: Score, console: Console) -> None:
    """Print each forecast beside what came, and how true all of them were."""
    if not score.runs:
        say(console, "no run has ended that had a forecast and was measured")
        return
    table = plain_table("run", "deployment", "to", "forecast", "took", "ratio", "")
    for run in score.runs:
        ratio = "-" if run.ratio is None else f"{run.ratio:.2f}"
        inside = "inside" if run.inside else "outside"
        figures = (range_in_words(run.forecast_s), f"{run.actual_s:.1f} s", ratio, inside)
        table.add_row(run.run, run.deployment, run.to_release, *figures)
    console.print(table)
    inside_ratio, error = score.inside_ratio or 0.0, score.median_error
    off = "" if error is None else f"; the likely figure was off {error:.2f} times in the median"
    say(console, f"{inside_ratio:.0%} of {counted(len(score.runs), 'migration')} inside the range{off}")
    if score.unscored:
        say(console, f"not scored, for want of a forecast or of a measured migration: {score.unscored}")


def _limit(hop: HopFigures) -> float:
    return hop.limit_s


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
