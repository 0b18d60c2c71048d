"""From when to when, on real shadows: what the traces of real transactions come to in seconds since the script began."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast
from lockage.core.migration.formats import golang_migrate
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.script import read_migrations
from lockage.flows.forecast import forecast_database

pytestmark = pytest.mark.real

SCRIPTS = {
    "1_rows.up.sql": "update users set name = 'y'; alter table users add column age int",
    "2_index.up.sql": "create index on users (name)",
    "3_view.up.sql": "alter table keys add column note text; update users set age = 1",
}


@pytest.fixture
def filled(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(
            "create table users (id int primary key, name text);"
            "create table keys (id int primary key, user_id int references users);"
            "create view named_keys as select * from keys;"
            "create table schema_migrations (version bigint primary key, dirty boolean not null);"
            "insert into users select i, 'x' from generate_series(1, 20000) i"
        )
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("analyze")
    return database_url


def made(url: str, transaction: Transaction) -> Forecast:
    files = {name: text.encode() for name, text in SCRIPTS.items()}
    return forecast_database(
        read_migrations(files, form=golang_migrate.FORMAT),
        url=url,
        form=golang_migrate.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
        transaction=transaction,
    )


def of(forecast: Forecast, name: str) -> RelationForecast:
    return next(relation for relation in forecast.relations if relation.relation == name)


def brief(relation: RelationForecast) -> list[tuple[int, Blocks, str | None]]:
    return [(s.transaction, s.blocks, s.mode or s.because) for s in relation.stretches]


def test_each_file_a_transaction(filled: str) -> None:
    forecast = made(filled, "file")
    assert brief(of(forecast, "public.users")) == [
        (1, Blocks.ROWS, "RowExclusiveLock"),
        (1, Blocks.READS, "AccessExclusiveLock"),
        (2, Blocks.WRITES, "ShareLock"),
        (3, Blocks.ROWS, "RowExclusiveLock"),
    ]
    # Whoever writes keys looks at users, and so does whoever writes them through the view.
    assert brief(of(forecast, "public.named_keys")) == [
        (1, Blocks.WRITES, "is a view of public.keys"),
        (3, Blocks.READS, "is a view of public.keys"),
    ]
    assert [(span.transaction, span.file, span.statements) for span in forecast.spans] == [
        (1, "1_rows.up.sql", 2),
        (2, "2_index.up.sql", 1),
        (3, "3_view.up.sql", 2),
    ]


def test_all_files_one_transaction(filled: str) -> None:
    forecast = made(filled, "whole")
    # What is locked against readers in the first file stays so to the end.
    assert brief(of(forecast, "public.users")) == [
        (1, Blocks.ROWS, "RowExclusiveLock"),
        (1, Blocks.READS, "AccessExclusiveLock"),
    ]
    (span,) = forecast.spans
    assert (span.file, span.last_file) == ("1_rows.up.sql", "3_view.up.sql")


@pytest.mark.parametrize("transaction", ["file", "whole", "statement"])
def test_stretches_and_locks_agree_with_the_rest_of_the_forecast(filled: str, transaction: Transaction) -> None:
    forecast = made(filled, transaction)
    end = forecast.total_s.likely
    assert forecast.spans[0].from_s.likely == 0
    assert forecast.spans[-1].until_s.likely == pytest.approx(end)
    for relation in forecast.relations:
        worst = [stretch for stretch in relation.stretches if stretch.blocks is relation.blocks]
        assert bool(worst) is (relation.blocks is not Blocks.NONE)
        assert sum(stretch.lasts_s.likely for stretch in worst) == pytest.approx(relation.blocked_s.likely)
        for stretch in relation.stretches:
            assert stretch.from_s.likely + stretch.lasts_s.likely == pytest.approx(stretch.until_s.likely)
            assert stretch.until_s.likely <= end + 1e-9
        for lock in relation.locks:
            assert lock.from_s is not None
            assert lock.until_s is not None
            span = forecast.spans[lock.transaction - 1]
            assert span.from_s.likely <= lock.from_s.likely < lock.until_s.likely <= span.until_s.likely + 1e-9
