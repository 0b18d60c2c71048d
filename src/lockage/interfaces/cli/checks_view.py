"""What of a script may fail on data, as people read it: what the data has already said first, then what to ask it.

Not for running checks (``--check-data`` does). The surprising thing: a query is never folded, because it is there to be copied;
a terminal breaks it where it must, and a pipe has it whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lockage.core.forecast.assess import Answer, Check
from lockage.core.wording import counted
from lockage.interfaces.cli.console import say

SHOWN = 8
"""Checks of one answer that are shown; all are in ``--json``."""

_TITLES = {
    Answer.FAILS: "Fails on the data that is there",
    Answer.UNKNOWN: "May fail on data; asked, the database gave no answer, since it took too long or does not take the query",
    Answer.NOT_ASKED: "May fail on data; these queries must give no row (--check-data asks them)",
}


def show_checks(checks: Sequence[Check], console: Console) -> None:
    """Print them, by answer; what holds is only counted."""
    for answer, title in _TITLES.items():
        those = [check for check in checks if check.answer is answer]
        if not those:
            continue
        say(console, "")
        say(console, title, style="bold red" if answer is Answer.FAILS else "bold")
        for check in those[:SHOWN]:
            say(console, f"  {check.file}:{check.line} {check.why}")
            console.print(f"      {check.query}", soft_wrap=True)
        if len(those) > SHOWN:
            say(console, f"  and {len(those) - SHOWN} more")
    holding = sum(check.answer is Answer.HOLDS for check in checks)
    if holding:
        say(console, "")
        say(console, f"The data is fit for {counted(holding, 'check')}")
