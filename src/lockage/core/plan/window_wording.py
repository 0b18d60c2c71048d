"""A window and a length of time in words, for the screen, the calendar and a run that waits.

Not for deciding. The surprising thing: a local time always stands with its offset from UTC, because in the hour that comes
twice the clock alone does not say which one is meant.
"""

from __future__ import annotations

from datetime import datetime

from lockage.core.plan.window import Proposal, amount
from lockage.core.plan.window_report import Measure


def when(proposal: Proposal, *, zone: str) -> str:
    """``Sun 2026-11-29 03:00 to 03:45 +01:00 (Europe/Berlin)``."""
    begin, end = proposal.begin, proposal.end
    until = f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%a %H:%M}"
    offsets = offset(begin) if offset(begin) == offset(end) else f"{offset(begin)}, then {offset(end)}"
    return f"{begin:%a %Y-%m-%d %H:%M} to {until} {offsets} ({zone})"


def offset(moment: datetime) -> str:
    """``+01:00``."""
    return moment.isoformat()[-6:]


def affected(proposal: Proposal, measure: Measure) -> str:
    """Whom the window meets: ``0.3 people at once (most seen: 2), 4 jobs (3 by schedule)``."""
    if measure != "people":
        return f"{amount(proposal.people_at_once)} {measure} (most seen: {amount(proposal.most_people)})"
    scheduled = f", {amount(proposal.scheduled_jobs)} of them by schedule" if proposal.scheduled_jobs else ""
    return (
        f"{amount(proposal.people_at_once)} people at once (most seen: {amount(proposal.most_people)}), "
        f"{amount(proposal.jobs_sum)} jobs{scheduled}"
    )


def length(seconds: float) -> str:
    """A length of time in at most two units: ``3 days 4 h``, ``2 h 5 min``, ``45 min``, ``20 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        rest = hours - days * 24
        named = f"{days} day" if days == 1 else f"{days} days"
        return f"{named} {rest} h" if rest else named
    if hours:
        rest = minutes - hours * 60
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min"
