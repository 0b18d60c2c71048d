"""What a proposed window says in a calendar: who it is for, whom it meets, and the command to type.

Not for the format (an adapter's). The surprising thing: the identity hangs on deployment and begin only, so that a calendar
that gets the same window twice has it once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from lockage.core.plan.window import Proposal
from lockage.core.plan.window_report import WindowReport
from lockage.core.plan.window_wording import affected, when


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """One event of a calendar."""

    uid: str
    begin: datetime  # aware
    end: datetime
    summary: str
    description: str


def entries_of(report: WindowReport) -> tuple[CalendarEntry, ...]:
    """The proposed windows as events, best first."""
    return tuple(_entry(report, proposal, rank) for rank, proposal in enumerate(report.windows, start=1))


def command_of(report: WindowReport, proposal: Proposal) -> str:
    """The command that keeps the window."""
    return f"lockage upgrade {report.deployment} --to {report.to_release or 'RELEASE'} --at {proposal.id}"


def _entry(report: WindowReport, proposal: Proposal, rank: int) -> CalendarEntry:
    upgrade = f"Upgrade of {report.deployment}" + (f" to {report.to_release}" if report.to_release else "")
    seal = hashlib.sha256(f"{report.deployment} {proposal.begin.timestamp():.0f}".encode()).hexdigest()[:24]
    lines = (
        f"Proposed by Lockage, choice {rank} of {len(report.windows)}: {when(proposal, zone=report.time_zone)}.",
        f"Expected: {affected(proposal, report.source.measure)}.",
        f"Why then: {proposal.reason}.",
        f"Why so long: {report.length_text}.",
        "",
        command_of(report, proposal),
    )
    return CalendarEntry(
        uid=f"{seal}@lockage",
        begin=proposal.begin,
        end=proposal.end,
        summary=f"{upgrade} (proposed)",
        description="\n".join(lines),
    )
