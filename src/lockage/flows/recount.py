"""Recount a run from its journal: what it was, where it is, what came of it.

Not for going on with a run (``carry_out``), which trusts the object first. The surprising thing: a journal can end without an
end, when the process died; then the state says "unfinished", whoever may be carrying it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from lockage.core.plan.steps import Plan
from lockage.core.run import RunEvent, RunReport
from lockage.errors import LockageError
from lockage.ports import Clock, JournalEntry, Journals
from lockage.settings import Watching


class RunState(StrEnum):
    """Where a run is, by its journal."""

    HEALTHY = "healthy"  # ended on its target
    RECOVERED = "recovered"  # ended on the release that fits the schema as it was
    REFUSED = "refused"  # ended without having changed anything
    HALTED = "halted"  # stopped part-way; the same command goes on
    UNFINISHED = "unfinished"  # under way, or its process died
    UNREADABLE = "unreadable"  # see ``problem``


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in one line."""

    run: str
    state: RunState
    deployment: str | None = None
    from_release: str | None = None
    to_release: str | None = None
    began_at: datetime | None = None
    last_at: datetime | None = None
    last: str = ""  # the last thing that it said
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """One run from beginning to end (``lockage.story/1``)."""

    schema: str = "lockage.story/1"
    summary: RunSummary
    events: tuple[RunEvent, ...]
    report: RunReport | None  # of a run that ended healthy


def summaries(journals: Journals, deployment: str | None = None) -> tuple[RunSummary, ...]:
    """All runs (of one deployment), oldest first; one whose journal cannot be read says so."""
    found: list[RunSummary] = []
    for run in journals.runs(deployment):
        try:
            found.append(summarise(run, journals.read(run)))
        except LockageError as error:
            found.append(RunSummary(run=run, state=RunState.UNREADABLE, problem=error.message))
    return tuple(found)


def story(journals: Journals, run: str) -> RunStory:
    """The whole story of a run.

    Raises ``UsageError`` (LK315) for an unknown run, ``RefusedError`` (LK313) for a damaged one.
    """
    entries = journals.read(run)
    return RunStory(summary=summarise(run, entries), events=tuple(map(event_of, entries)), report=report_of(entries))


def summarise(run: str, entries: Sequence[JournalEntry]) -> RunSummary:
    """The line for a run with these entries."""
    if not entries:
        return RunSummary(run=run, state=RunState.UNFINISHED)
    plan = _decoded(next((e for e in reversed(entries) if e.kind == "plan"), None), Plan)
    return RunSummary(
        run=run,
        state=state_of(entries),
        deployment=plan.deployment if plan else None,
        from_release=plan.from_release if plan else None,
        to_release=plan.to_release if plan else None,
        began_at=entries[0].at,
        last_at=entries[-1].at,
        last=entries[-1].text,
    )


def state_of(entries: Sequence[JournalEntry]) -> RunState:
    """Where a run with these entries is."""
    match entries[-1].kind if entries else "":
        case "ended":
            report = report_of(entries)
            if report is None:
                return RunState.REFUSED
            return RunState.RECOVERED if report.outcome == "recovered" else RunState.HEALTHY
        case "halted":
            return RunState.HALTED
        case _:
            return RunState.UNFINISHED


def report_of(entries: Sequence[JournalEntry]) -> RunReport | None:
    """The report of a run that ended healthy; None of any other."""
    return _decoded(next((e for e in reversed(entries) if e.kind == "ended"), None), RunReport)


def event_of(entry: JournalEntry) -> RunEvent:
    """The entry as programs get it (``lockage.event/1``)."""
    data = msgspec.json.decode(entry.data, type=dict[str, object])
    return RunEvent(at=entry.at, kind=entry.kind, hop=entry.hop, step=entry.step, text=entry.text, data=data)


def follow(journals: Journals, run: str, *, clock: Clock, watching: Watching) -> Iterator[RunEvent]:
    """Every event of a run, those to come too, until it ends or halts."""
    seen = 0
    while True:
        entries = journals.read(run)
        yield from map(event_of, entries[seen:])
        seen = len(entries)
        if state_of(entries) is not RunState.UNFINISHED:
            return
        clock.sleep(1 / watching.guard_looks_per_s)


_Record = TypeVar("_Record", Plan, RunReport)


def _decoded(entry: JournalEntry | None, kind: type[_Record]) -> _Record | None:
    if entry is None:
        return None
    raw: Mapping[str, object] = msgspec.json.decode(entry.data, type=dict[str, object])
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        return None  # written by another version, or an end without a report
