"""Work that PostgreSQL spares itself is in no forecast: scans that something proves needless, indexes that keep their files."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.migration.formats import plain
from lockage.core.migration.script import read_migrations
from lockage.flows.forecast import forecast_database

pytestmark = pytest.mark.real

SCHEMA = """
create table customers (id int primary key);
create table orders (id int primary key, customer_id int, code varchar(10) unique, constraint given check (customer_id > 0));
alter table orders add constraint there check (customer_id is not null);
insert into customers select generate_series(1, 10);
insert into orders select i, 1 + i % 10, i from generate_series(1, 2000) i;
"""

CASES = {
    "alter table orders alter customer_id set not null": [],
    "alter table orders alter code set not null": ["scan"],
    "alter table orders alter code type varchar(20)": [],
    "alter table orders alter code type varchar(5)": ["rewrite"],
    "alter table orders add column a int references customers": [],
    "alter table orders add column b int default 1 references customers": ["scan"],
    "alter table orders add column c text": [],
    "alter table orders add foreign key (customer_id) references customers not valid": [],
}


@pytest.fixture(scope="module")
def operations(postgres_server) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    """By statement, what it works on rows; each has a transaction of its own."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("create database spared template template0")
    url = postgres_server.url("spared")
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(SCHEMA)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("analyze")
    files = {f"{n}_m.sql": text.encode() for n, text in enumerate(CASES, start=1)}
    forecast = forecast_database(
        read_migrations(files, form=plain.FORMAT),
        url=url,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda line: None,
        from_version=0,
    )
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("drop database spared with (force)")
    return {
        text: [operation.kind for operation in forecast.operations if operation.file == f"{n}_m.sql"]
        for n, text in enumerate(CASES, start=1)
    }


@pytest.mark.parametrize("text", CASES)
def test_only_work_that_is_done_is_forecast(text: str, operations: dict[str, list[str]]) -> None:
    assert operations[text] == CASES[text]
