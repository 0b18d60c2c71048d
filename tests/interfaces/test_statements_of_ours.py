"""What Lockage itself asks of a database is not taken for what the running release asks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Forecast
from lockage.flows.calibrate import Measure
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder
from lockage.interfaces.wiring_statements import statements_seen

pytestmark = pytest.mark.real

OF_THE_APPLICATION = "select name from users where id = $1"

LEDGER = """
create table schema_migrations (version bigint primary key, dirty boolean not null);
insert into schema_migrations values (1, false);
create table users (id int primary key, name text);
insert into users select g, 'x' from generate_series(1, 50) as g;
create table orders (id int primary key, owner int references users, note text);
insert into orders select g, 1, repeat('x', 200) from generate_series(1, 20000) as g;
analyze;
create extension pg_stat_statements;
"""


def forecast(folder: Path, **question: Any) -> Forecast:
    return forecast_of_folder(FolderQuestion(folder=folder, **question), narrate=lambda _: None)


def test_forecasts_leave_nothing_behind_that_is_counted_as_the_running_releases(tmp_path: Path) -> None:
    (tmp_path / "1_users.up.sql").write_text("select 1")
    (tmp_path / "2_names.up.sql").write_text("alter table users alter name set not null; alter table orders add unique (note);")
    with throwaway(tcp=True, settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        url = server.url()
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(LEDGER)
            session.execute("select pg_stat_statements_reset()")
            session.execute("select name from users where id = 7", prepare=False)
        first = forecast(tmp_path, database_url=url, check_data=True)
        forecast(tmp_path, database_url=url, measure=Measure.WRITE)
        second = forecast(tmp_path, database_url=url, check_data=True)
        assert [each.text for each in statements_seen(url).statements] == [OF_THE_APPLICATION]
    assert first.old_release is not None
    assert second.old_release is not None
    assert (second.old_release.checked, second.old_release.statements) == (first.old_release.checked, 1)
    assert second.calls_s is not None
    assert second.calls_s <= 1.0
    assert not any(relation.waiting and relation.waiting.deadlocks for relation in second.relations)
