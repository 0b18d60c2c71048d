"""Runs in journals, scored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lockage.core.forecast.assess import Seconds
from lockage.core.plan.steps import Strategy
from lockage.core.run import HopFigures, RunReport
from lockage.errors import UsageError
from lockage.flows.score import past_runs, score_runs
from lockage.ports import JournalEntry
from support.memory_journals import MemoryJournals

BEGAN = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


def ended(journals: MemoryJournals, run: str, *hops: HopFigures) -> None:
    report = RunReport(
        id=run,
        deployment="shop",
        outcome="healthy",
        from_release="1",
        to_release="3",
        route=("2", "3"),
        began_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=20),
        hops=hops,
    )
    with journals.create("shop", run_id=run) as journal:
        journal.append(JournalEntry(at=BEGAN, kind="ended", hop=-1, step="", text="", data=msgspec.json.encode(report)))


def hop(to: str, *, forecast_s: Seconds | None, took_s: float | None) -> HopFigures:
    return HopFigures(
        from_release="1", to_release=to, strategy=Strategy.SCALE_TO_ZERO, forecast_s=forecast_s, migration_s=took_s
    )


@pytest.fixture
def journals() -> MemoryJournals:
    span = Seconds(low=5, likely=10, high=20)
    made = MemoryJournals()
    ended(made, "r1", hop("2", forecast_s=span, took_s=12.0), hop("3", forecast_s=span, took_s=30.0))
    ended(made, "r2", hop("2", forecast_s=None, took_s=12.0), hop("3", forecast_s=span, took_s=None))
    with made.create("shop", run_id="r3"):
        pass
    return made


def test_every_hop_that_was_forecast_and_measured_is_scored_and_the_others_are_counted(journals: MemoryJournals) -> None:
    found = score_runs(journals)
    assert [(one.run, one.to_release, one.inside) for one in found.runs] == [("r1", "2", True), ("r1", "3", False)]
    assert found.unscored == 2
    assert found.inside_ratio == 0.5


def test_the_same_runs_go_into_the_next_forecast(journals: MemoryJournals) -> None:
    assert [one.actual_s for one in past_runs(journals, "shop")] == [12.0, 30.0]


def test_a_name_that_no_run_is_of_is_an_error_and_no_empty_score(journals: MemoryJournals) -> None:
    assert score_runs(journals, "shop").runs
    with pytest.raises(UsageError, match=r"^no run of shpo is known on this machine$") as caught:
        score_runs(journals, "shpo")
    assert (caught.value.code, caught.value.exit_code) == ("LK696", 2)
    assert score_runs(MemoryJournals()).runs == ()
