"""A run's journal, recounted: where the run is, and its story, also while another process writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lockage.core.plan.steps import Strategy
from lockage.core.run import HopFigures, RunReport
from lockage.flows.recount import RunState, follow, state_of, story, summaries
from lockage.ports import JournalEntry
from lockage.settings import Watching
from support.memory_journals import MemoryJournal, MemoryJournals
from support.plans import hop, plan_of

BEGAN = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
PLAN = plan_of(hop("1.0.0", "2.0.0", Strategy.SCALE_TO_ZERO, liveness=None, migrating=None, last=True))
REPORT = RunReport(
    id="r1",
    deployment=PLAN.deployment,
    outcome="healthy",
    from_release="1.0.0",
    to_release="2.0.0",
    route=("2.0.0",),
    began_at=BEGAN,
    ended_at=BEGAN + timedelta(seconds=20),
    hops=(HopFigures(from_release="1.0.0", to_release="2.0.0", strategy=Strategy.SCALE_TO_ZERO, migration_s=4.0),),
)


def entry(kind: str, data: object = None, *, after_s: float = 0.0, text: str = "") -> JournalEntry:
    encoded = msgspec.json.encode(data) if data is not None else b"{}"
    return JournalEntry(at=BEGAN + timedelta(seconds=after_s), kind=kind, hop=-1, step="", text=text or kind, data=encoded)


def journals_with(*entries: JournalEntry) -> tuple[MemoryJournals, MemoryJournal]:
    journals, journal = MemoryJournals(), MemoryJournal("r1")
    journals.journals["r1"] = journal
    for each in entries:
        journal.append(each)
    return journals, journal


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((), RunState.UNFINISHED),
        ((entry("run"), entry("plan", PLAN), entry("step-begun")), RunState.UNFINISHED),
        ((entry("plan", PLAN), entry("halted")), RunState.HALTED),
        ((entry("plan", PLAN), entry("halted"), entry("step-begun")), RunState.UNFINISHED),
        ((entry("plan", PLAN), entry("ended", REPORT)), RunState.HEALTHY),
        ((entry("plan", PLAN), entry("ended")), RunState.REFUSED),
    ],
)
def test_the_state_is_what_the_last_word_says(entries: tuple[JournalEntry, ...], state: RunState) -> None:
    assert state_of(entries) is state


def test_a_run_in_one_line_says_from_where_to_where() -> None:
    journals, _ = journals_with(entry("run"), entry("plan", PLAN), entry("halted", after_s=9.0, text="stopped at x"))
    [line] = summaries(journals)
    assert (line.deployment, line.from_release, line.to_release) == (PLAN.deployment, "1.0.0", "2.0.0")
    assert (line.began_at, line.last, line.state) == (BEGAN, "stopped at x", RunState.HALTED)


def test_a_plan_of_another_version_does_not_hide_the_run() -> None:
    journals, _ = journals_with(entry("plan", {"schema": "lockage.plan/9"}))
    [line] = summaries(journals)
    assert (line.deployment, line.state) == (None, RunState.UNFINISHED)


def test_the_story_of_a_run_that_ended_has_its_report() -> None:
    journals, _ = journals_with(entry("run"), entry("plan", PLAN), entry("ended", REPORT))
    told = story(journals, "r1")
    assert [event.kind for event in told.events] == ["run", "plan", "ended"]
    assert told.report == REPORT


class Writer:
    """A clock that is slept on by the watcher, while the run goes on in another process."""

    def __init__(self, journal: MemoryJournal, *coming: JournalEntry) -> None:
        self._journal = journal
        self._coming = list(coming)
        self.slept_s = 0.0

    def now(self) -> datetime:
        return BEGAN

    def monotonic(self) -> float:
        return self.slept_s

    def sleep(self, seconds: float) -> None:
        assert self._coming, "the watcher waits for a run that has ended"
        self.slept_s += seconds
        self._journal.append(self._coming.pop(0))


def test_watching_shows_each_event_once_and_ends_with_the_run() -> None:
    journals, journal = journals_with(entry("run"), entry("plan", PLAN))
    clock = Writer(journal, entry("step-begun"), entry("acted"), entry("ended", REPORT))
    seen = [event.kind for event in follow(journals, "r1", clock=clock, watching=Watching())]
    assert seen == ["run", "plan", "step-begun", "acted", "ended"]


def test_watching_ends_when_the_run_halts() -> None:
    journals, journal = journals_with(entry("run"))
    clock = Writer(journal, entry("halted"))
    assert [event.kind for event in follow(journals, "r1", clock=clock, watching=Watching())] == ["run", "halted"]
