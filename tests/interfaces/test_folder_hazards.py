"""Hazards that a live database's ledger and server show, through the whole of a folder's forecast."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
import pytest

from lockage.core.forecast.assess import Hazard
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder

pytestmark = pytest.mark.real

FIRST, SECOND, THIRD = "CREATE TABLE a (id serial PRIMARY KEY);", "CREATE TABLE b (id int);", "ALTER TABLE a ADD c int;"

LEDGERS = {
    "prisma": (
        "create table _prisma_migrations (migration_name text, checksum text, finished_at timestamptz default now(),"
        " rolled_back_at timestamptz, started_at timestamptz default now())",
        "insert into _prisma_migrations (migration_name, checksum) values (%s, %s)",
        "{}_m/migration.sql",
        lambda version: f"{version}_m",
        lambda text: hashlib.sha256(text.encode()).hexdigest(),
    ),
    "sqlx": (
        "create table _sqlx_migrations (version bigint, success boolean default true, checksum bytea)",
        "insert into _sqlx_migrations (version, checksum) values (%s, %s)",
        "{}_m.sql",
        int,
        lambda text: hashlib.sha384(text.encode()).digest(),
    ),
}


@pytest.mark.parametrize("form", LEDGERS)
def test_a_file_that_was_edited_after_it_was_applied_is_named(form: str, tmp_path: Path, database_url: str) -> None:
    make, insert, named, version_of, checksum = LEDGERS[form]
    texts = dict(enumerate((FIRST, SECOND, THIRD), start=1))
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(FIRST)
        session.execute(SECOND)
        session.execute(make)
        for version in (1, 2):
            session.execute(insert, (version_of(version), checksum(texts[version])))
    texts[2] += " -- edited"
    for version, text in texts.items():
        file = tmp_path / named.format(version)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert [(hazard.code, hazard.file) for hazard in hazards(form, tmp_path, database_url)] == [("H061", named.format(2))]


def test_what_the_server_shows_is_known_to_the_rules(tmp_path: Path, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(FIRST)
        session.execute("select setval('a_id_seq', 2000000000)")
    (tmp_path / "1_m.sql").write_text(THIRD)
    assert [(hazard.code, hazard.relation) for hazard in hazards("plain", tmp_path, database_url)] == [("H030", "public.a")]


def hazards(form: str, folder: Path, url: str) -> tuple[Hazard, ...]:
    start = 0 if form == "plain" else None
    question = FolderQuestion(folder=folder, form=form, from_version=start, database_url=url)
    return forecast_of_folder(question, narrate=lambda line: None).hazards
