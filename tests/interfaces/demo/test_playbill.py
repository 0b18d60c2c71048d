"""The demonstration's result: its promised JSON, its sums, and how people read it."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import msgspec
from rich.console import Console

from lockage.core.forecast.assess import Seconds
from lockage.core.plan.steps import Strategy
from lockage.core.run import HopFigures, RunReport
from lockage.interfaces.demo.performance import DemoResult, Performance, with_figures
from lockage.interfaces.demo.playbill import show_playbill
from support.fake_world import START

NAIVE = Performance(
    outcome="crash_loop",
    unavailable_s=33.3,
    failed_requests=743,
    requests=747,
    restarts=3,
    slowest_s=10.01,
    took_s=33.6,
    cause="app-1 was restarted 3 times by its liveness probe before its migration was done",
)

BY_HAND = Performance(
    outcome="healthy",
    unavailable_s=41.5,
    failed_requests=1200,
    requests=1300,
    restarts=3,
    slowest_s=0.2,
    took_s=44.0,
    cause="with all replicas started at once, app-1 was killed by its liveness probe in its migration",
)

FELT = Performance(
    outcome="healthy", unavailable_s=1.7, failed_requests=50, requests=1170, restarts=0, slowest_s=0.06, took_s=39.0
)


def report(**second: Any) -> RunReport:
    """A run of two hops; ``second``: other figures of the second one."""
    figures: dict[str, Any] = {
        "termination_s": 0.5,
        "start_s": 0.1,
        "migration_s": 0.9,
        "boot_s": 1.0,
        "forecast_s": Seconds(low=0.4, likely=1.0, high=3.0),
    }
    return RunReport(
        id="r",
        deployment="demo",
        outcome="healthy",
        from_release="2.26.0",
        to_release="2.27.8",
        route=("2.26.6", "2.27.8"),
        began_at=START,
        ended_at=START + timedelta(seconds=39),
        hops=(
            HopFigures(
                from_release="2.26.0",
                to_release="2.26.6",
                strategy=Strategy.ROLLING,
                boot_s=1.1,
                forecast_s=Seconds(low=0.01, likely=0.02, high=0.1),
            ),
            HopFigures(from_release="2.26.6", to_release="2.27.8", strategy=Strategy.SCALE_TO_ZERO, **(figures | second)),
        ),
    )


def shown(result: DemoResult, width: int = 80) -> str:
    out = io.StringIO()
    show_playbill(result, Console(file=out, width=width, force_terminal=True, no_color=True, highlight=False))
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_the_json_has_the_fields_that_were_promised() -> None:
    result = DemoResult(rows=600_000, naive=NAIVE, lockage=with_figures(FELT, report()))
    record = msgspec.to_builtins(result)
    assert record["schema"] == "lockage.demo/1"
    common = {"outcome", "unavailable_s", "failed_requests", "requests", "restarts"}
    assert common <= record["naive"].keys()
    own = {"from", "to", "route", "strategy", "migration_s", "boot_s", "start_s", "termination_s", "limit_s", "forecast_s"}
    assert common | own | {"hops"} <= record["lockage"].keys()
    assert list(record["lockage"]["route"]) == ["2.26.6", "2.27.8"]
    assert record["lockage"]["hops"] == 2


def test_what_was_skipped_is_null() -> None:
    record = msgspec.to_builtins(DemoResult(rows=1000))
    assert record["naive"] is None
    assert record["by_hand"] is None
    assert record["lockage"] is None


def test_figures_are_summed_over_hops_and_the_strategy_is_the_hardest() -> None:
    summed = with_figures(FELT, report())
    assert summed.boot_s == 2.1
    assert summed.limit_s == 3.6
    assert summed.forecast_s == Seconds(low=0.41, likely=1.02, high=3.1)
    assert summed.strategy == "scale-to-zero"


def test_a_forecast_holds_only_where_the_migration_was_seen_inside_its_range() -> None:
    inside, outside = with_figures(FELT, report()), with_figures(FELT, report(migration_s=3.5))
    unseen = with_figures(FELT, report(migration_s=None))
    assert [(p.forecasts_held, p.forecasts_made) for p in (inside, outside, unseen)] == [(1, 1), (0, 1), (0, 0)]


def test_an_unknown_high_end_stays_unknown_in_the_sum() -> None:
    assert with_figures(FELT, report(forecast_s=Seconds(low=0.4, likely=1.0, high=None))).forecast_s.high is None


def test_both_ways_stand_side_by_side_in_80_columns() -> None:
    text = shown(DemoResult(rows=600_000, naive=NAIVE, lockage=with_figures(FELT, report())))
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    ends = next(line for line in lines if line.startswith("ends"))
    assert "crash loop" in ends
    assert "healthy" in ends
    assert "33.3" in next(line for line in lines if "without service" in line)
    assert "2.26.0 → 2.26.6 → 2.27.8" in text


def test_the_way_by_hand_stands_between_the_two_and_has_the_fields_of_the_naive_one() -> None:
    result = DemoResult(rows=600_000, naive=NAIVE, by_hand=BY_HAND, lockage=with_figures(FELT, report()))
    text = shown(result)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    titles = next(line for line in lines if "by hand" in line)
    assert titles.index("the usual way") < titles.index("by hand") < titles.index("with Lockage")
    assert re.search(r"33\.3 +41\.5 +1\.7", next(line for line in lines if "without service" in line))
    assert "by hand: with all replicas" in text
    record = msgspec.to_builtins(result)
    assert record["by_hand"].keys() == record["naive"].keys()


def test_one_way_alone_has_one_column() -> None:
    text = shown(DemoResult(rows=600_000, lockage=with_figures(FELT, report())))
    assert "the usual way" not in text
    assert "with Lockage" in text
