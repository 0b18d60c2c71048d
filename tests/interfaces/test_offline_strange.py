"""A forecast from a file is that of the database also where the database is a strange one, and only part of it may be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder
from lockage.interfaces.offline import save_survey
from support.untimed import leave_untimed

pytestmark = pytest.mark.real

SCHEMA = """
create schema app; create schema "Odd name";
create table t (id int primary key, a text, b int);
insert into t select i, 'v' || i, i % 7 from generate_series(1, 20000) as i;
create table app.p (id int, k int) partition by list (k);
create table app.p1 partition of app.p for values in (1);
create table app.rest partition of app.p default;
create table app.hidden (id int primary key, t_id int references t on delete cascade);
create table "Odd name"."it's" (id int primary key, d text collate "C");
create view app.v as select * from t;
create materialized view app.m as select b, count(*) from t group by b;
create function app.noted() returns trigger language plpgsql as $$ begin
  update t set b = b where id = new.id; return new; end $$;
create trigger noted after insert on app.p for each row execute function app.noted();
alter table t enable row level security; create policy all_of_it on t using (true);
create extension postgres_fdw; create extension citext schema app;
create server elsewhere foreign data wrapper postgres_fdw options (host 'nowhere.invalid');
create foreign table app.far (id int) server elsewhere;
create table app.words (w app.citext primary key);
create publication feed for table t;
create statistics app.both on a, b from t;
insert into app.p select i, i % 2 from generate_series(1, 3000) as i;
insert into app.hidden select i, i from generate_series(1, 5000) as i;
analyze;
create role looker login password 'x';
grant usage on schema app, "Odd name" to looker;
grant select on t, app.p, app.p1, app.rest, app.words, "Odd name"."it's" to looker;
"""

SCRIPT = """
alter table t add z int;
update t set z = 1;
delete from t where id = 4;
alter table app.p add y int default 5;
insert into app.p values (5, 1, 1);
alter table app.hidden add q int;
alter table app.words alter w type text;
alter table "Odd name"."it's" add x int;
refresh materialized view app.m;
drop table app.rest;
"""

OF_THE_MOMENT = ("assumptions",)
"""What says which way the answer came by."""


@pytest.fixture
def looker(database_url: str) -> Iterator[str]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
        admin.execute("select pg_stat_force_next_flush()")
        leave_untimed(admin)
        yield make_conninfo(database_url, user="looker", password="x")
        admin.execute("drop owned by looker")
        admin.execute("drop role looker")


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Paths at which two answers differ; numbers by more than a fiftieth, since the server works between the two."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [found for key in keys for found in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for place, (left, right) in pairs for found in differences(left, right, f"{path}[{place}]")]
    if isinstance(one, float) and isinstance(other, float):
        return [] if one == pytest.approx(other, rel=0.02) else [path]
    return [] if one == other else [path]


def test_the_answer_is_the_same_but_for_what_it_stands_on(looker: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1_a.sql").write_text(SCRIPT)
    save_survey(looker, tmp_path / "a.survey")
    live, offline = (
        json.loads(
            msgspec.json.encode(
                forecast_of_folder(
                    FolderQuestion(folder=tmp_path / "m", from_version=0, database_url=url, survey=survey),
                    narrate=lambda _: None,
                )
            )
        )
        for url, survey in ((looker, None), (None, tmp_path / "a.survey"))
    )
    assert len(live["relations"]) > 8
    for name in OF_THE_MOMENT:
        live.pop(name)
        offline.pop(name)
    assert differences(live, offline) == []
