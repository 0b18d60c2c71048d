"""The forecast of who waits, against real sessions that do or do not wait."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Forecast
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.flows.forecast import forecast_database
from lockage.ports import Shadows
from support.migration_corpus import CASES, SETUP, SETUP_OF_CASE
from support.undone import UndoneShadows
from support.waiting_sessions import who_waits

pytestmark = [pytest.mark.real, pytest.mark.slow]

_DATABASE = "corpus"


@pytest.fixture(scope="module")
def corpus_url(postgres_server: Server) -> Iterator[str]:
    """One database with the corpus' schema and data: every case rolls back what it did."""
    name = sql.Identifier(_DATABASE)
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(name))
        url = postgres_server.url(_DATABASE, tcp=True)
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(SETUP.encode())
        yield url
        admin.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture(scope="module")
def corpus_shadows(corpus_url: str) -> Iterator[Shadows]:
    """One shadow of that database, on which nothing stays."""
    with EmbeddedShadows().of_database(corpus_url) as shadow:
        yield UndoneShadows(shadow)


def forecast_of(url: str, shadows: Shadows, *statements: str) -> Forecast:
    migration = Migration(version=1, name="case", file="1_case.sql", text=";\n".join(statements))
    return forecast_database(
        [migration],
        url=url,
        form=plain.FORMAT,
        shadows=shadows,
        narrate=lambda line: None,
        from_version=0,
        transaction="whole",
    )


def assert_foretold(case: str, url: str, shadows: Shadows) -> None:
    forecast = forecast_of(url, shadows, *CASES[case])
    foretold = {relation.relation: relation.blocks.value for relation in forecast.relations if relation.blocks != "none"}
    truth = {relation: blocks for relation, blocks in who_waits(url, CASES[case]).items() if blocks != "none"}
    assert foretold == truth


@pytest.mark.parametrize("case", [case for case in CASES if case not in SETUP_OF_CASE])
def test_who_waits_is_foretold(case: str, corpus_url: str, corpus_shadows: Shadows) -> None:
    assert_foretold(case, corpus_url, corpus_shadows)


@pytest.mark.parametrize("case", SETUP_OF_CASE)
def test_who_waits_is_foretold_on_a_schema_of_its_own(case: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute((SETUP + SETUP_OF_CASE[case]).encode())
    assert_foretold(case, database_url, EmbeddedShadows())


@pytest.mark.parametrize("key", ["", ", primary key (id)"])
def test_who_inserts_into_a_hashed_partition_is_tried_on_that_very_partition(corpus_url: str, key: str) -> None:
    with psycopg.connect(corpus_url, autocommit=True) as session:
        session.execute(f"create table hashed (id int not null{key}) partition by hash (id)")
        for number in range(3):
            session.execute(f"create table hashed_{number} partition of hashed for values with (modulus 3, remainder {number})")
        session.execute("insert into hashed select generate_series(1, 12)")
        try:
            for number in range(3):
                truth = who_waits(corpus_url, [f"lock table only hashed_{number} in share mode"])
                waits = {name: blocks for name, blocks in truth.items() if blocks != "none"}
                assert waits == {"public.hashed": "writes", f"public.hashed_{number}": "writes"}
        finally:
            session.execute("drop table hashed")
