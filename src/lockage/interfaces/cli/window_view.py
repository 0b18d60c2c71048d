"""Windows as people read them: a heat map of the week, and the proposals, at 80 columns and in a pipe.

Not for choosing or for ``--json``. The surprising thing: the map is read by its characters, which grow with the usage, and not
by its colours: those only help the eye, and are missing in a pipe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lockage.core.plan.calendar_text import command_of
from lockage.core.plan.usage import SLOTS_A_DAY, SLOTS_A_WEEK, SlotUsage
from lockage.core.plan.window import amount
from lockage.core.plan.window_report import WindowReport
from lockage.core.plan.window_wording import affected, length, when
from lockage.core.wording import counted
from lockage.interfaces.cli.console import say

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

NOBODY, UNKNOWN = "·", "?"

LEVELS = "▁▂▃▄▅▆▇█"
"""Usage by the square root of its part of the week's peak: what tells one quiet hour from another is at the low end."""

COLOURS = (60, 61, 67, 73, 79, 114, 149, 184)
"""One a level, dark blue to yellow: their brightness grows with the level, so that no kind of colour blindness hides it."""

PROPOSED = "bold black on bright_white"

FREEZES_SHOWN = 8
"""Freezes that are shown, the earliest first; all are in ``--json``."""


def show_windows(report: WindowReport, console: Console) -> None:
    """Print the whole report."""
    target = f" to {report.to_release}" if report.to_release else ""
    say(
        console,
        f"Windows for {report.deployment}{target}, next {counted(report.days, 'day')}, {report.time_zone}",
        style="bold",
    )
    _row("length", report.length_text, console)
    _row("history", _history(report), console)
    if report.source.people_now is not None:
        jobs = f", {amount(report.source.jobs_now or 0.0)} jobs in progress"
        _row("now", f"{amount(report.source.people_now)} {report.source.measure}{jobs}", console)
    for line in (*_left_out(report), *report.notes):
        _row("note", line, console, style="yellow")
    _map(report, console)
    _freezes(report, console)
    _proposals(report, console)


def _row(name: str, text: str, console: Console, *, style: str = "") -> None:
    if not console.is_terminal:
        say(console, f"  {name:<8}  {text}")
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_row(f"  {name:<8}", text, style=style)
    console.print(grid)


def _history(report: WindowReport) -> str:
    source = report.source
    if source.first_at is None or source.last_at is None:
        return f"none: {source.text}"
    span = f"{source.first_at:%Y-%m-%d} to {source.last_at:%Y-%m-%d}"
    return f"{source.text}, {span}, {length(source.watched_s)} watched"


def _left_out(report: WindowReport) -> list[str]:
    lines: list[str] = []
    if report.unknown:
        lines.append(f"{report.unknown} of the week's {SLOTS_A_WEEK} half hours are unknown, and are not taken for quiet ones")
    if report.week and (fewest := min(slot.weeks for slot in report.week)) < 3:
        lines.append(f"some half hours were seen in {counted(fewest, 'week')} only: what is usual in them is not sure yet")
    return lines


# --- the map -------------------------------------------------------------------------------------------------------------


def _map(report: WindowReport, console: Console) -> None:
    slots = {(slot.weekday - 1, _half_hour(slot.begins)): slot for slot in report.week}
    peak = max((slot.people for slot in report.week), default=0.0)
    chosen = {
        (p.begin.weekday(), p.begin.hour * 2 + p.begin.minute // 30): n for n, p in reversed([*enumerate(report.windows, 1)])
    }
    say(console, "")
    # Two columns an hour.
    say(console, "       " + "".join(f"{hour:<4d}" for hour in range(0, 24, 2)).rstrip())
    for weekday, day in enumerate(DAYS):
        line = Text(f"  {day}  ")
        for half_hour in range(SLOTS_A_DAY):
            character, style = _cell((weekday, half_hour), slots, peak, chosen)
            line.append(character, style=style)
        console.print(line, soft_wrap=True)
    say(console, f"       {_legend(report, peak)}")


def _cell(
    at: tuple[int, int], slots: Mapping[tuple[int, int], SlotUsage], peak: float, chosen: Mapping[tuple[int, int], int]
) -> tuple[str, str]:
    if at in chosen:
        return str(chosen[at]), PROPOSED
    slot = slots.get(at)
    if slot is None:
        return UNKNOWN, "dim"
    if slot.people <= 0:
        return NOBODY, "dim"
    level = min(len(LEVELS), math.ceil(math.sqrt(slot.people / peak) * len(LEVELS))) - 1
    return LEVELS[level], f"color({COLOURS[level]})"


def _legend(report: WindowReport, peak: float) -> str:
    parts = [f"{NOBODY} nobody" if report.source.measure == "people" else f"{NOBODY} nothing"]
    if peak > 0:
        # The largest amounts that are drawn with the lowest, a middle and the highest character.
        shown = [(LEVELS[level], peak * ((level + 1) / len(LEVELS)) ** 2) for level in (0, 3, 7)]
        parts += [f"{character} to {amount(most)}" for character, most in shown]
    parts.append(f"{UNKNOWN} unknown")
    if report.windows:
        parts.append("1" if len(report.windows) == 1 else f"1-{len(report.windows)}")
        parts[-1] += " proposed"
    return "  ".join(parts)


def _half_hour(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 2 + int(minute) // 30


# --- freezes and proposals -----------------------------------------------------------------------------------------------


def _freezes(report: WindowReport, console: Console) -> None:
    if not report.freezes:
        return
    say(console, "")
    say(console, f"Frozen, and left out: {counted(report.left_out_frozen, 'window')}", style="bold")
    zone = report.windows[0].begin.tzinfo if report.windows else report.at.tzinfo
    for freeze in report.freezes[:FREEZES_SHOWN]:
        begin, end = freeze.begin.astimezone(zone), freeze.end.astimezone(zone)
        say(console, f"  {begin:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M}  {freeze.text}")
    if len(report.freezes) > FREEZES_SHOWN:
        say(console, f"  and {len(report.freezes) - FREEZES_SHOWN} more")


def _proposals(report: WindowReport, console: Console) -> None:
    for number, proposal in enumerate(report.windows, start=1):
        say(console, "")
        say(console, f"{number}  {when(proposal, zone=report.time_zone)}", style="bold cyan")
        say(console, f"   {affected(proposal, report.source.measure)}")
        say(console, f"   {proposal.reason}")
        say(console, f"   --at {proposal.id}")
    if report.windows:
        say(console, "")
        say(console, f"next: {command_of(report, report.windows[0])}")
