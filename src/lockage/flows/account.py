"""What a run writes down while it goes on, and what that adds up to at its end.

Not for showing a run (``recount``). The surprising thing: figures are summed from the journal and not from memory, because the
process that measured the first hop may not be the one that ends the last.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import msgspec

from lockage.core.plan.steps import Plan
from lockage.core.run import RunEvent, RunReport, figures_of
from lockage.ports import Journal, JournalEntry, Journals


def journal_of(journals: Journals, deployment: str, run_id: str) -> AbstractContextManager[Journal]:
    """The journal of a run, locked for writing; made where this machine has none. Raises ``RefusedError`` (LK312)."""
    if run_id in journals.runs(deployment):
        return journals.open(run_id)
    return journals.create(deployment, run_id=run_id)


def recording(tell: Callable[[RunEvent], None], journal: Journal) -> Callable[[RunEvent], None]:
    """Gives what tells the journal first, then whoever watches."""

    def both(event: RunEvent) -> None:
        entry = JournalEntry(
            at=event.at,
            kind=event.kind,
            hop=event.hop,
            step=event.step,
            text=event.text,
            data=msgspec.json.encode(event.data),
        )
        journal.append(entry)
        tell(event)

    return both


def report_of(journal: Journal, plan: Plan, *, began_at: datetime, ended_at: datetime) -> RunReport:
    """The report of a run that ended healthy, with what every process that took part has measured."""
    measured: dict[int, dict[str, float]] = {}
    for entry in journal.entries():
        if entry.kind == "measured":
            measured.setdefault(entry.hop, {}).update(msgspec.json.decode(entry.data, type=dict[str, float]))
    hops = tuple(figures_of(hop, measured.get(index)) for index, hop in enumerate(plan.hops))
    return RunReport(
        id=journal.run_id,
        deployment=plan.deployment,
        outcome="healthy",
        from_release=plan.from_release,
        to_release=plan.to_release,
        route=plan.route,
        began_at=began_at,
        ended_at=ended_at,
        hops=hops,
    )
