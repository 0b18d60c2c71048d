"""Every format's corpus gives the same forecast as plain SQL in the same transactions; from folders, archives and tags."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.forecast.seconds import rounded
from lockage.core.migration.formats.format import Format
from lockage.core.migration.formats.registry import FORMATS
from lockage.errors import RefusedError, UsageError
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder
from lockage.interfaces.wording.forecast import who_wait

pytestmark = [pytest.mark.real, pytest.mark.slow]

CORPUS = Path(__file__).parents[1] / "corpus" / "formats"
AFTER_THE_FIRST = {"plain": "1", "golang-migrate": "1", "goose": "1", "flyway": "1", "prisma": "20240101120000_init"}
AFTER_THE_FIRST["sql-migrate"] = "2024-01-01.0-init.sql"


def forecast(folder: Path, **question: Any) -> Forecast:
    return forecast_of_folder(FolderQuestion(folder=folder, **question), narrate=lambda _: None)


def of_corpus(name: str) -> Forecast:
    values = {"table": "orders"} if FORMATS[name].variables else {}
    return forecast(CORPUS / name, from_version=AFTER_THE_FIRST.get(name, "20240101120000"), values=values)


def essence(made: Forecast) -> dict[str, Any]:
    """What a forecast says, without where in which file it stands, and without the ledger that only one migrator has."""

    def plain(text: str) -> str:
        return re.sub(r"\s+", " ", text)

    return {
        "relations": [
            (
                relation.relation,
                relation.blocks,
                rounded(relation.blocked_s),  # sums over different stretches differ in their last digit
                sorted(
                    (lock.mode, plain(lock.statement), lock.transaction, lock.blocks, lock.via or "") for lock in relation.locks
                ),
            )
            for relation in made.relations
            if relation.relation != "public.schema_migrations"
        ],
        "operations": [
            {field: getattr(operation, field) for field in operation.__dataclass_fields__ if field not in {"file", "line"}}
            for operation in made.operations
        ],
        "statements": [
            (plain(place.statement), place.seconds)
            for place in made.places
            if place.statement.upper() not in {"BEGIN", "COMMIT"}
        ],
        "unknown": [unknown.reason for unknown in made.unknown],
        "transactions": made.transactions,
    }


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """Of plain files, whose transactions are those of the reference, as the next test says."""
    return essence(of_corpus("plain"))


def test_plain_files_give_the_forecast_of_the_reference_but_for_the_time_of_its_begin_and_commit(
    expected: dict[str, Any],
) -> None:
    made = forecast(CORPUS / "reference", from_version="1", transaction="statement")
    assert {relation.relation: relation.blocks for relation in made.relations} == {
        "public.orders": Blocks.READS,
        "public.lines": Blocks.READS,
    }
    assert (made.transactions, expected["transactions"]) == (6, 6)
    found = essence(made)
    assert [(name, blocks, locks) for name, blocks, _, locks in found["relations"]] == [
        (name, blocks, locks) for name, blocks, _, locks in expected["relations"]
    ]
    assert [text for text, _ in found["statements"]] == [text for text, _ in expected["statements"]]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "plain"])
def test_a_corpus_gives_the_forecast_of_plain_sql_in_the_same_transactions(name: str, expected: dict[str, Any]) -> None:
    assert essence(of_corpus(name)) == expected


LEDGERS = {
    "goose": (
        "CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint, is_applied boolean, tstamp timestamp)",
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (2, false)",
    ),
    "dbmate": (
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)",
        "INSERT INTO schema_migrations VALUES ('20240101120000')",
    ),
    "sqlx": (
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text, success boolean, checksum bytea)",
        "INSERT INTO _sqlx_migrations VALUES (20240101120000, 'init', true, '')",
    ),
    "prisma": (
        "CREATE TABLE _prisma_migrations (id text, migration_name text, finished_at timestamptz, rolled_back_at timestamptz)",
        "INSERT INTO _prisma_migrations VALUES ('a', '20240101120000_init', NULL, now()),"
        " ('b', '20240101120000_init', now(), NULL)",
    ),
    "diesel": (
        "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp)",
        "INSERT INTO __diesel_schema_migrations VALUES ('20240101120000')",
    ),
    "sql-migrate": (
        "CREATE TABLE gorp_migrations (id text PRIMARY KEY, applied_at timestamptz)",
        "INSERT INTO gorp_migrations VALUES ('2024-01-01.0-init.sql')",
    ),
    "pop": (
        "CREATE TABLE schema_migration (version varchar(48) UNIQUE)",
        "INSERT INTO schema_migration VALUES ('20240101120000')",
    ),
    "flyway": (
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version text, type text, success boolean)",
        "INSERT INTO flyway_schema_history VALUES (1, '1', 'SQL', true), (2, '1.2', 'SQL', true), (3, '1.2', 'UNDO_SQL', true),"
        " (4, NULL, 'SQL', true)",
    ),
}

FIRST_LABELS = {
    "goose": "1",
    "dbmate": "20240101120000",
    "sqlx": "20240101120000",
    "diesel": "20240101120000",
    "sql-migrate": "2024-01-01.0-init.sql",
    "pop": "20240101120000",
    "prisma": "20240101120000_init",
    "flyway": "1",
}


@pytest.mark.parametrize("name", list(LEDGERS))
def test_a_database_says_by_its_migrators_ledger_where_the_script_begins(name: str, database_url: str) -> None:
    values = {"table": "orders"} if FORMATS[name].variables else {}
    everything = forecast(CORPUS / name, database_url=database_url, values=values)
    with psycopg.connect(database_url, autocommit=True) as session:
        for statement in (
            *LEDGERS[name],
            "CREATE TABLE orders (id bigint PRIMARY KEY, state text)",
            "CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders)",
        ):
            session.execute(statement)
    made = forecast(CORPUS / name, database_url=database_url, values=values)
    assert made.script.migrations == everything.script.migrations[1:]
    assert everything.script.migrations[0].label == FIRST_LABELS[name]
    assert {relation.relation: relation.blocks for relation in made.relations} == {
        "public.orders": Blocks.READS,
        "public.lines": Blocks.READS,
    }


@pytest.mark.parametrize(
    ("name", "table"), [("goose", "goose_db_version"), ("golang-migrate", "schema_migrations"), ("pop", "schema_migration")]
)
def test_a_ledger_in_another_schema_than_the_migrators_is_not_passed_over(name: str, table: str, database_url: str) -> None:
    values = {"table": "orders"} if FORMATS[name].variables else {}
    made = forecast(CORPUS / name, database_url=database_url, values=values)
    assert [said for said in made.assumptions if "no migration is taken to be applied" in said]
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(f"create schema app; create table app.{table} (version bigint, dirty boolean)".encode())
    with pytest.raises(RefusedError, match=f"app.{table}") as caught:
        forecast(CORPUS / name, database_url=database_url, values=values)
    assert caught.value.code == "LK693"
    said = forecast(CORPUS / name, database_url=database_url, values=values, from_version="0")
    assert said.script.migrations == made.script.migrations


def test_a_concurrent_index_in_a_transaction_of_the_migrators_fails_as_it_will(tmp_path: Path) -> None:
    for form, head in (("goose", "-- +goose Up\n"), ("goose", "-- +goose NO TRANSACTION\n-- +goose Up\n")):
        (tmp_path / "1_a.sql").write_text("-- +goose Up\nCREATE TABLE t (x int);\n")
        (tmp_path / "2_b.sql").write_text(f"{head}CREATE INDEX CONCURRENTLY i ON t (x);\n")
        made = forecast(tmp_path, form=form)
        failed = [unknown.reason for unknown in made.unknown if "transaction block" in unknown.reason]
        assert bool(failed) is ("NO TRANSACTION" not in head)


@pytest.mark.parametrize(
    ("form", "head"), [("goose", "-- +goose Up\n"), ("sql-migrate", "-- +migrate Up\n"), ("dbmate", "-- migrate:up\n")]
)
def test_what_can_be_anything_makes_nobody_wait_for_the_migrators_own_table(form: str, head: str, tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text(
        f"{head}DO LANGUAGE plpgsql 'BEGIN IF now() < ''2000-01-01'' THEN EXECUTE version(); END IF; END';\n"
    )
    made = forecast(tmp_path, form=form, from_version="0")
    assert made.unknown
    assert made.script.ledger is not None
    assert who_wait(made) == ()


def test_an_earlier_file_without_a_transaction_may_use_the_enum_value_that_it_added(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("-- +goose Up\nCREATE TYPE mood AS ENUM ('good');\nCREATE TABLE t (x mood);\n")
    added = "ALTER TYPE mood ADD VALUE 'bad';\nALTER TABLE t ALTER COLUMN x SET DEFAULT 'bad';\nINSERT INTO t VALUES ('bad');\n"
    (tmp_path / "2_b.sql").write_text(f"-- +goose NO TRANSACTION\n-- +goose Up\n{added}")
    (tmp_path / "3_c.sql").write_text("-- +goose Up\nALTER TABLE t ADD COLUMN y int;\n")
    assert forecast(tmp_path, from_version="2").unknown == ()
    assert forecast(tmp_path, from_version="1", to_version="2").unknown == ()


def test_a_program_is_unknown_and_named_with_what_hangs_on_it(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("-- +goose Up\nCREATE TABLE t (x int);\n")
    (tmp_path / "2_b.go").write_text("package migrations")
    (tmp_path / "3_c.sql").write_text("-- +goose Up\nALTER TABLE made_by_go ADD COLUMN y int;\n")
    made = forecast(tmp_path, from_version="1")
    reasons = {unknown.file: unknown.reason for unknown in made.unknown}
    assert "written in go" in reasons["2_b.go"]
    assert "3_c.sql" in reasons["2_b.go"]
    assert "made_by_go" in reasons["3_c.sql"]
    assert made.total_s.high is None


def packed(tmp_path: Path) -> Path:
    archive = tmp_path / "release.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(CORPUS / "flyway", arcname="app-1.0/db/migration")
    return archive


def test_an_archive_is_forecast_as_the_folder_in_it(tmp_path: Path, expected: dict[str, Any]) -> None:
    made = forecast(packed(tmp_path), from_version="1", values={"table": "orders"})
    assert essence(made) == expected


def git(repository: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
    subprocess.run(["git", *settings, "-C", str(repository), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "db" / "migrations").mkdir(parents=True)
    git(tmp_path, "init", "-q", "app")
    for number, tag in ((1, "v1.0.0"), (2, "v1.1.0")):
        text = "CREATE TABLE t (x int)" if number == 1 else "ALTER TABLE t ADD COLUMN y int"
        (folder / "db" / "migrations" / f"{number:03}_m.sql").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", tag)
        git(folder, "tag", tag)
    (folder / "db" / "migrations" / "003_m.sql").write_text("not committed, and no SQL")
    return folder


def test_a_tag_is_forecast_without_being_checked_out(repository: Path) -> None:
    for start in ("v1.0.0", "1.0.0", "1"):
        made = forecast(repository, tag="v1.1.0", from_version=start)
        assert [migration.file for migration in made.script.migrations] == ["002_m.sql"]
        assert {relation.relation: relation.blocks for relation in made.relations} == {"public.t": Blocks.READS}


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (lambda: {"tag": "v1.2.0"}, "LK654"),
        (lambda: {"tag": "v1.1.0", "within": "docs"}, "LK576"),
        (lambda: {"tag": "v1.1.0", "from_version": "v0.9.0"}, "LK405"),
        (lambda: {"tag": "--output=x"}, "LK654"),
    ],
)
def test_a_tag_or_folder_that_is_not_there_is_a_usage_error(
    repository: Path, question: Callable[[], dict[str, Any]], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        forecast(repository, **question())
    assert caught.value.code == code
    assert caught.value.hint


def test_what_hangs_on_an_earlier_program_is_left_out_and_no_certain_failure(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("-- +goose Up\nCREATE TABLE t (x int);\n")
    (tmp_path / "2_b.go").write_text("package migrations")
    (tmp_path / "3_c.sql").write_text("-- +goose Up\nALTER TABLE made_by_go ADD COLUMN y int;\n")
    (tmp_path / "4_d.sql").write_text("-- +goose Up\nALTER TABLE t ADD COLUMN z int;\nDROP TABLE made_by_go;\n")
    for start in ("3", "1"):
        made = forecast(tmp_path, from_version=start)
        assert "public.t" in {relation.relation for relation in made.relations}
        assert not [hazard for hazard in made.hazards if hazard.code == "H043"]
    [said] = [text for text in forecast(tmp_path, from_version="3").assumptions if text.startswith("3_c.sql")]
    assert said.startswith("3_c.sql was not run before the script, which may hang on 2_b.go: ")


def test_what_fails_with_no_program_before_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("ALTER TABLE nowhere ADD COLUMN y int;\n")
    (tmp_path / "2_b.sql").write_text("SELECT 1;\n")
    with pytest.raises(RefusedError, match=r"^1_a\.sql: an earlier migration cannot be executed on the shadow"):
        forecast(tmp_path)


def test_a_migration_may_look_at_its_migrators_ledger(tmp_path: Path) -> None:
    (tmp_path / "2_b.sql").write_text("DELETE FROM _sqlx_migrations;\n")
    assert forecast(tmp_path, form="sqlx", from_version=0).unknown == ()


@pytest.mark.parametrize("form", [form for form in FORMATS.values() if form.applied is not None], ids=lambda form: form.name)
def test_a_ledger_can_be_made_as_its_definition_says(form: Format, database_url: str) -> None:
    assert form.applied is not None
    with psycopg.connect(database_url) as session:
        session.execute(f"CREATE TABLE {form.applied.table} {form.applied.definition}")
        session.execute(form.applied.sql)
        session.execute(form.applied.checksums or "SELECT 1")


def test_a_flyway_baseline_is_the_schema_that_later_versions_find(tmp_path: Path) -> None:
    (tmp_path / "B2__all.sql").write_text("CREATE TABLE t (x int);\n")
    (tmp_path / "V3__more.sql").write_text("ALTER TABLE t ADD COLUMN y int;\n")
    for start in (None, 0, "2"):
        assert forecast(tmp_path, from_version=start).unknown == ()
