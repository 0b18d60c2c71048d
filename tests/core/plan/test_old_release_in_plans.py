"""What a plan makes of the running release's statements: of those that may break, and of the evidence for those that do not."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.forecast.assess import Broken, Forecast, OldRelease, Seconds
from lockage.core.forecast.strategies import Timing
from lockage.core.plan.situation import Situation
from lockage.core.plan.steps import Strategy
from lockage.core.plan.strategy import choose, consider
from lockage.settings import StrategyChoice
from support.plan_material import harmless, workload

TIMING = Timing(
    termination=Seconds(low=0.0, likely=2.0, high=10.0),
    start=Seconds(low=0.2, likely=0.5, high=1.5),
    boot=Seconds(low=1.0, likely=1.5, high=3.0),
)

MAY = Broken(query="UPDATE users SET name = $1", sqlstate="23505", message="users got the unique key k (name)", certain=False)


def situation(found: Forecast) -> Situation:
    return Situation(
        from_release="2.26.6",
        to_release="2.27.8",
        workload=workload("2.26.6"),
        forecast=found,
        timing=TIMING,
        ledger_table="public.schema_migrations",
        one_migrator=True,
        limits=StrategyChoice(),
    )


def test_what_may_break_forbids_rolling_and_says_that_it_hangs_on_values() -> None:
    rolling = consider(situation(replace(harmless(), may_break=(MAY,))))[0]
    assert (rolling.strategy, rolling.possible) == (Strategy.ROLLING, False)
    assert rolling.reasons == (
        "1 of 20 statements of 2.26.6 may fail after it, for some values "
        "(first: UPDATE users SET name = $1: users got the unique key k (name))",
    )


def test_what_may_break_is_what_would_have_to_be_otherwise() -> None:
    choice = choose(situation(replace(harmless(), may_break=(MAY,))))
    assert choice.strategy is not Strategy.ROLLING
    assert "no statement of 2.26.6 could fail after it (now 1 of 20)" in " ".join(choice.would_change)


def test_that_nothing_breaks_is_said_with_its_evidence() -> None:
    evidence = OldRelease(statements=23, checked=20, source="pg_stat_statements", since="2026-11-01T00:00:00Z")
    choice = choose(situation(replace(harmless(), old_release=evidence)))
    assert choice.strategy is Strategy.ROLLING
    assert choice.reasons[0] == "no break found in 20 of 23 statements of 2.26.6 seen since 2026-11-01T00:00:00Z"
