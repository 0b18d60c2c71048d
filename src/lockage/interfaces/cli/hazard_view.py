"""The hazards of a forecast as people read them, at 80 columns.

Not for judging. The surprising thing: notes are only counted, by code, because what is merely worth knowing would bury what
breaks; a script with nothing worse shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from lockage.core.forecast.assess import Check, Hazard, Severity
from lockage.core.forecast.hazards.find import reaching
from lockage.core.wording import counted
from lockage.errors import FindingsError
from lockage.interfaces.cli.console import say
from lockage.interfaces.wording.alike import HazardsAlike, hazards_alike, told_by_checks
from lockage.interfaces.wording.forecast import folded

HAZARDS_SHOWN = 12
"""Hazards that are shown, the worst first, and those that are alike as one; all are in ``--json``."""

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: None}


def show_hazards(hazards: Sequence[Hazard], console: Console, *, checks: Sequence[Check] = ()) -> None:
    """Print the block; nothing where there is none.

    ``hazards`` are sorted, the worst first; ``checks`` are shown elsewhere, with their queries.
    """
    if not hazards:
        return
    say(console, "")
    say(console, f"Hazards: {_counts(hazards)}", style="bold")
    loud = [hazard for hazard in hazards if hazard.severity is not Severity.NOTE] or list(hazards)
    groups = hazards_alike(loud)
    looked_at = told_by_checks(groups, checks)
    remedies: set[str] = set()
    for group in groups[:HAZARDS_SHOWN]:
        _show(group, console, with_remedy=group not in looked_at and group.first.remedy not in remedies)
        remedies.add(group.first.remedy)
    seen = Counter(code for group in groups[:HAZARDS_SHOWN] for code in [group.first.code] * (1 + len(group.others)))
    if left := Counter(hazard.code for hazard in hazards) - seen:
        codes = ", ".join(f"{code} ({number})" if number > 1 else code for code, number in sorted(left.items()))
        _folded("  ", f"and {counted(left.total(), 'more hazard')}, in --json: {codes}", console)
    say(console, f"  lockage explain {hazards[0].code} says more")


def _counts(hazards: Sequence[Hazard]) -> str:
    numbers = Counter(hazard.severity for hazard in hazards)
    return ", ".join(counted(numbers[severity], severity.value) for severity in reversed(Severity) if numbers[severity])


def _show(group: HazardsAlike, console: Console, *, with_remedy: bool) -> None:
    hazard = group.first
    head = f"  {hazard.severity.value:7}  {hazard.code}  "
    where = f" ({hazard.file}:{hazard.line})" if hazard.file else ""
    also = f"; {group.also}" if group.also else ""
    _folded(head, f"{hazard.sentence}{where}{also}", console, style=_STYLES[hazard.severity])
    if with_remedy:
        _folded(" " * len(head), f"Remedy: {hazard.remedy}", console)


def _folded(head: str, text: str, console: Console, *, style: str | None = None) -> None:
    """A line that folds under its own beginning on a terminal, and stays whole in a pipe."""
    if not console.is_terminal:
        say(console, f"{head}{text}")
        return
    begin = Text(head, style=style or "")
    for part in folded(text, width=console.width - len(head)):
        console.print(begin + part, soft_wrap=True)
        begin = Text(" " * len(head))


def end_at(hazards: Sequence[Hazard], severity: Severity) -> None:
    """Raise ``FindingsError`` (LK680) where a hazard is as bad as that, or worse."""
    if bad := reaching(hazards, severity):
        worst, more = bad[0], "" if severity is Severity.ERROR else " or worse"
        raise FindingsError(
            f"{counted(len(bad), 'hazard')} of severity {severity}{more}: {worst.code}, {worst.sentence}",
            code="LK680",
            hint=f"lockage explain {worst.code}",
        )
