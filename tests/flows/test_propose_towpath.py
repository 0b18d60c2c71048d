"""The demonstration's routes, proposed on a real database: each hop takes the strategy that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from lockage.adapters.clock import SystemClock
from lockage.core.plan.steps import Plan, Strategy
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.flows.propose import propose
from lockage.interfaces.deployments import Deployment, LocalPlace
from lockage.interfaces.forecasting import Forecaster
from lockage.settings import Settings
from support.plan_material import survey, towpath

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROWS = 40_000


def proposed(url: str, release: str, target: str) -> Plan:
    deployment = Deployment(
        name="demo", profile=towpath(), database_url=url, platform=LocalPlace(folder="/nowhere"), beside=Path("/nowhere")
    )

    def ask(sql: str) -> tuple[Mapping[str, object], ...]:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return tuple(connection.execute(sql.encode()).fetchall())

    return propose(
        survey=survey(release),
        profile=towpath(),
        target=target,
        forecast_hop=Forecaster(deployment=deployment, profile=deployment.profile, narrate=lambda _: None).hop,
        ask=ask,
        clock=SystemClock(),
        narrate=lambda _: None,
        settings=Settings(),
    )


def migrated(url: str, *releases: str) -> None:
    for release in releases:
        migrate(url, release=release_named(release), application_name="towpath/towpath-1")


def test_2_26_0_goes_through_2_26_6_by_rolling_and_then_by_scale_to_zero(database_url: str) -> None:
    migrated(database_url, "2.26.0")
    seed(database_url, rows=ROWS, live_ratio=0.1)
    plan = proposed(database_url, "2.26.0", "2.27.8")
    first, second = plan.hops
    assert (first.to_release, first.strategy, first.provisional) == ("2.26.6", Strategy.ROLLING, False), first.reasons
    assert (second.to_release, second.strategy, second.provisional) == ("2.27.8", Strategy.SCALE_TO_ZERO, True), second.reasons
    assert first.forecast.statements_checked > 15
    # 2.26.6 has statements of its own, on a table that the first hop's script makes.
    assert second.forecast.statements_checked > first.forecast.statements_checked
    assert second.forecast.broken > 0
    assert "public.api_keys" in second.forecast.blocked
    assert plan.migrations == 6

    direct = proposed(database_url, "2.26.0", "2.26.6")
    assert [hop.strategy for hop in direct.hops] == [Strategy.ROLLING]


def test_the_patch_release_rolls(database_url: str) -> None:
    migrated(database_url, "2.26.0")
    seed(database_url, rows=ROWS, live_ratio=0.1)
    migrated(database_url, "2.26.6", "2.27.8")
    (hop,) = proposed(database_url, "2.27.8", "2.27.9").hops
    assert hop.strategy is Strategy.ROLLING, hop.reasons
    assert hop.forecast.broken == hop.forecast.unknown == 0
