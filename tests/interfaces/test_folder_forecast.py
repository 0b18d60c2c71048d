"""Any folder of migrations is forecast, with and without a database; what is wrong with it is said first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lockage.adapters.postgres.binaries import find_binaries
from lockage.core.forecast.assess import Blocks, Forecast
from lockage.errors import LockageError, UsageError
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder

pytestmark = pytest.mark.real

FIRST = "CREATE TABLE shop (id bigint PRIMARY KEY, name text)"
SECOND = "ALTER TABLE shop ADD COLUMN price numeric"
THIRD = "CREATE INDEX CONCURRENTLY shop_name ON shop (name)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, text in ((1, FIRST), (2, SECOND), (3, THIRD)):
        (tmp_path / f"{number:06d}_m{number}.up.sql").write_text(text)
        (tmp_path / f"{number:06d}_m{number}.down.sql").write_text("SELECT 1")
    return tmp_path


def forecast(folder: Path, **question: Any) -> Forecast:
    return forecast_of_folder(FolderQuestion(folder=folder, **question), narrate=lambda _: None)


def versions(made: Forecast) -> list[int]:
    return [migration.version for migration in made.script.migrations]


def ledger(url: str, version: int, *, dirty: bool = False) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        session.execute("INSERT INTO schema_migrations VALUES (%s, %s)", (version, dirty))


def test_without_from_the_newest_is_forecast_on_the_schema_of_the_earlier_ones(folder: Path) -> None:
    made = forecast(folder)
    assert versions(made) == [3]
    assert {relation.relation: relation.blocks for relation in made.relations}["public.shop"] is Blocks.NONE


def test_from_zero_forecasts_all_and_nothing_existed_before(folder: Path) -> None:
    made = forecast(folder, from_version=0)
    assert versions(made) == [1, 2, 3]
    assert not [r for r in made.relations if r.relation == "public.shop"]


def test_from_and_to_choose_the_script(folder: Path) -> None:
    made = forecast(folder, from_version=1, to_version=2)
    assert versions(made) == [2]
    [shop] = [r for r in made.relations if r.relation == "public.shop"]
    assert (shop.blocks, shop.locks[0].mode, shop.locks[0].line) == (Blocks.READS, "AccessExclusiveLock", 1)


def test_a_database_says_by_its_ledger_where_the_script_begins(folder: Path, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(FIRST)
    ledger(database_url, 1)
    assert versions(forecast(folder, database_url=database_url)) == [2, 3]


def test_a_database_without_a_ledger_has_everything_before_it(folder: Path, database_url: str) -> None:
    assert versions(forecast(folder, database_url=database_url)) == [1, 2, 3]


def test_a_database_that_is_up_to_date_has_nothing_before_it(folder: Path, database_url: str) -> None:
    ledger(database_url, 3)
    assert versions(forecast(folder, database_url=database_url)) == []


@pytest.mark.parametrize(
    ("version", "dirty", "code"),
    [(2, True, "LK430"), (9, False, "LK431")],
)
def test_a_ledger_that_does_not_fit_is_refused(folder: Path, database_url: str, version: int, dirty: bool, code: str) -> None:
    ledger(database_url, version, dirty=dirty)
    with pytest.raises(LockageError) as caught:
        forecast(folder, database_url=database_url)
    assert (caught.value.code, caught.value.exit_code) == (code, 3)
    assert caught.value.hint


def test_an_end_that_the_database_has_passed_is_refused_in_its_words(folder: Path, database_url: str) -> None:
    ledger(database_url, 3)
    with pytest.raises(UsageError, match=r"^the database has applied 3 already, and --to 2 ends before it$"):
        forecast(folder, database_url=database_url, to_version=2)


def test_plain_files_and_a_database_need_a_word_where_to_begin(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "001_shop.sql").write_text(FIRST)
    with pytest.raises(LockageError) as caught:
        forecast(tmp_path, database_url=database_url)
    assert (caught.value.code, caught.value.exit_code) == ("LK003", 2)
    assert versions(forecast(tmp_path, database_url=database_url, from_version=0)) == [1]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("000004_m4.up.sql", b"ALTER TABEL shop ADD x int", r"000004_m4\.up\.sql, line 1"),
        ("000004_m4.up.sql", b"SELECT '\xff'", "is not UTF-8"),
        ("000003_again.up.sql", b"SELECT 1", "migration 3 exists twice"),
    ],
)
def test_a_folder_with_a_mistake_is_a_usage_error_that_names_the_file(
    folder: Path, file: str, content: bytes, said: str
) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(LockageError, match=said) as caught:
        forecast(folder)
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_folder_without_migrations_is_a_usage_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(LockageError) as caught:
            forecast(folder)
        assert caught.value.exit_code == 2


def test_a_database_that_is_down_is_said_so(folder: Path, free_port: int) -> None:
    with pytest.raises(LockageError) as caught:
        forecast(folder, database_url=f"postgres://app:secret@127.0.0.1:{free_port}/shop")
    assert (caught.value.code, caught.value.exit_code) == ("LK121", 3)
    assert "secret" not in str(caught.value)


def test_a_folder_is_forecast_for_the_server_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text(FIRST)
    (tmp_path / "2_b.up.sql").write_text("ALTER TABLE shop ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) VIRTUAL")
    assert forecast(tmp_path, server_major=18).unknown == ()
    older = next((major for major in (17, 16, 15, 14, 13) if find_binaries(major) is not None), None)
    if older is None:
        pytest.skip("no server programs of PostgreSQL 13 to 17 on this machine")
    [unknown] = forecast(tmp_path, server_major=older).unknown
    assert "syntax error" in unknown.reason


def test_a_server_that_is_not_there_is_refused_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(LockageError) as raised:
        forecast(folder / "nothing", server_major=12)
    assert raised.value.code == "LK691"
    absent = next((major for major in (13, 14, 16, 17) if find_binaries(major) is None), None)
    if absent is not None:
        with pytest.raises(LockageError) as raised:
            forecast(folder, server_major=absent)
        assert raised.value.code == "LK690"


@pytest.mark.parametrize(("name", "data"), [("a.zip", b"PK\x03\x04 cut short"), ("a.tar.gz", b"no archive")])
def test_a_file_that_is_no_archive_is_refused_as_one(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read as an archive: it is broken") as caught:
        forecast_of_folder(FolderQuestion(folder=tmp_path / name), narrate=lambda _: None)
    assert caught.value.code == "LK655"
