"""The forecast of who waits, against real sessions that do or do not wait."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Forecast
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.flows.forecast import forecast_database
from support.migration_corpus import CASES, SETUP, SETUP_OF_CASE
from support.waiting_sessions import who_waits


def forecast_of(url: str, *statements: str) -> Forecast:
    migration = Migration(version=1, name="case", file="1_case.sql", text=";\n".join(statements))
    return forecast_database(
        [migration],
        url=url,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda line: None,
        from_version=0,
        transaction="whole",
    )


def foretold(forecast: Forecast) -> dict[str, str]:
    return {relation.relation: relation.blocks.value for relation in forecast.relations if relation.blocks != "none"}


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_who_waits_is_foretold(case: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute((SETUP + SETUP_OF_CASE.get(case, "")).encode())
    forecast = forecast_of(database_url, *CASES[case])
    truth = {relation: blocks for relation, blocks in who_waits(database_url, CASES[case]).items() if blocks != "none"}
    assert foretold(forecast) == truth
