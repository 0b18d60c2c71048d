"""What Lockage itself has written of a deployment, for a bundle: plan, forecast, journal, and the stories of its runs.

Not for going on with a run. The surprising thing: where this machine has no journal of the run, the object itself has its plan.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lockage.core.bundle.sources import Form, Source
from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case
from lockage.core.plan.steps import Plan
from lockage.core.run import read_notes
from lockage.errors import LockageError
from lockage.flows.recount import RunSummary, event_of, summaries
from lockage.ports import JournalEntry, Journals
from lockage.settings import Bundling

PLAN, FORECAST, JOURNAL, RUNS = "plan.json", "forecast.json", "journal.jsonl", "runs.json"


def records_of(journals: Journals, case: Case, limits: Bundling) -> tuple[list[Source], tuple[Missing, ...]]:
    """The records of the deployment's runs, newest run first where only one has a place."""
    name, missing = case.evidence.deployment, list[Missing]()
    told: tuple[RunSummary, ...] = ()
    entries: tuple[JournalEntry, ...] = ()
    sources: list[Source] = []
    try:
        told = summaries(journals, name)
        entries = journals.read(told[-1].run) if told and told[-1].problem is None else ()
    except LockageError as error:
        missing.append(Missing(source="the journals of runs", why=error.message))
    if told:
        runs = msgspec.to_builtins(told[-limits.runs_most :])
        sources.append(
            Source(path=RUNS, what="runs of this machine", form=Form.JSON, data=runs, limit_bytes=limits.record_bytes)
        )
    if told and entries:
        lines = [msgspec.to_builtins(event_of(entry)) for entry in entries]
        what = f"journal of run {told[-1].run}"
        sources.append(Source(path=JOURNAL, what=what, form=Form.LINES, data=lines, limit_bytes=limits.journal_bytes))
    plan = _of_journal(entries) or _of_object(case, missing)
    if plan is not None:
        sources.append(
            Source(path=PLAN, what="the plan", form=Form.JSON, data=msgspec.to_builtins(plan), limit_bytes=limits.record_bytes)
        )
        forecast = {
            "schema": "lockage.hop-forecasts/1",
            "hops": [
                {"from_release": hop.from_release, "to_release": hop.to_release, "forecast": msgspec.to_builtins(hop.forecast)}
                for hop in plan.hops
            ],
        }
        sources.append(
            Source(path=FORECAST, what="the plan's forecast", form=Form.JSON, data=forecast, limit_bytes=limits.record_bytes)
        )
    return sources, tuple(missing)


def _of_journal(entries: Sequence[JournalEntry]) -> Plan | None:
    for entry in reversed(entries):
        if entry.kind == "plan":
            try:
                return msgspec.json.decode(entry.data, type=Plan)
            except msgspec.MsgspecError:
                return None  # of another version of Lockage; the journal has it as it is
    return None


def _of_object(case: Case, missing: list[Missing]) -> Plan | None:
    workload = case.evidence.platform.workload
    if workload is None:
        return None
    try:
        note = read_notes(workload).run
    except LockageError as error:
        missing.append(Missing(source="the plan on the object", why=error.message))
        return None
    return note.plan if note is not None else None
