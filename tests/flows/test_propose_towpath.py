"""The demonstration's routes, proposed on a real database: each hop takes the strategy that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from lockage.adapters.clock import SystemClock
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.sources.folder import read_folder, read_statements, resolve
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.core.plan.steps import Plan, Strategy
from lockage.core.release.statements import layers, merged
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.flows.propose import forecast_on_database, propose
from lockage.settings import Settings
from support.plan_material import survey, towpath

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROWS = 40_000


def statements_of(release: str) -> Sequence[str]:
    profile = towpath()
    source = profile.statements.source
    assert source is not None
    names = layers(release, tuple(profile.migrations.releases), inherit=profile.statements.inherit)
    return merged([(f"{name}.sql", read_statements(source, name)) for name in names])


def proposed(url: str, release: str, target: str) -> Plan:
    profile = towpath()
    form = format_named(profile.migrations.format)
    folder: Path = resolve(profile.migrations.source)

    def ask(sql: str) -> tuple[Mapping[str, object], ...]:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return tuple(connection.execute(sql.encode()).fetchall())

    return propose(
        survey=survey(release),
        profile=profile,
        target=target,
        forecast_hop=forecast_on_database(
            profile=profile,
            migrations=read_migrations(read_folder(folder), form=form, folder=str(folder)),
            form=form,
            url=url,
            shadows=EmbeddedShadows(ledger=profile.migrations.ledger),
            statements_of=statements_of,
            narrate=lambda _: None,
        ),
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
