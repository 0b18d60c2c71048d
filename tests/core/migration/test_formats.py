"""Every format's corpus says the same script in the same transactions, and each format keeps its migrator's rules.

The corpora in ``tests/corpus/formats`` are one script of migrations, written as each migrator wants it; ``reference`` has it in
plain SQL with ``BEGIN`` and ``COMMIT`` around each transaction.
"""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.format import ENCLOSED_QUERY, QUERY
from lockage.core.migration.formats.registry import FORMATS, format_named, format_of, overlooked
from lockage.core.migration.script import number_of, read_migrations, version_named
from lockage.core.migration.syntax import Control
from lockage.errors import UsageError
from support.formats import CORPUS, chosen, corpus, files_of, read, refused, transactions


def reference() -> list[list[str]]:
    found: list[list[str]] = []
    inside = False
    for migration in read_migrations(files_of("reference"), form=format_named("plain")):
        for statement in migration.statements():
            if statement.control is not None:
                inside = statement.control is Control.BEGIN
                if inside:
                    found.append([])
            elif inside:
                found[-1].append(statement.headline)
            else:
                found.append([statement.headline])
    return found


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_corpus_is_the_reference_script_in_the_same_transactions(name: str) -> None:
    assert transactions(corpus(name)) == reference()


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_folder_is_recognised_by_looking_at_it(name: str) -> None:
    assert format_of(files_of(name)).name == name


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_statement_stands_on_its_line_of_the_file(name: str) -> None:
    files = files_of(name)
    for migration in corpus(name):
        lines = files[migration.file].decode().splitlines()
        for statement in migration.statements():
            assert lines[statement.line - 1].split()[0] == statement.text.split()[0]


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_leads_back_is_left_out(name: str) -> None:
    assert not [m.file for m in corpus(name) if "nothing_of_this_is_run" in m.text]


def test_one_registration_is_one_module_with_its_corpus() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == {*FORMATS, "reference"}


# dbmate, sqlx, Prisma


def test_dbmate_sends_a_section_without_transaction_as_one_query() -> None:
    (migration,) = read(
        "dbmate", {"1_a.sql": "-- migrate:up transaction:false\nSELECT 1; SELECT 2;\n-- migrate:down\nSELECT 3"}
    )
    assert [(s.sending, len(s.statements)) for s in migration.sent()] == [(QUERY, 2)]


def test_dbmate_goes_by_the_names_letter_by_letter() -> None:
    found = read("dbmate", dict.fromkeys(("9_a.sql", "10_b.sql"), "-- migrate:up\n-- migrate:down"))
    assert [(m.file, m.version, m.label) for m in found] == [("10_b.sql", 1, "10"), ("9_a.sql", 2, "9")]
    assert version_named(found, "9", option="--to") == 2


@pytest.mark.parametrize(
    ("text", "words"), [("SELECT 1;\n-- migrate:up", "takes no statement"), ("-- nothing", "no “-- migrate:up”")]
)
def test_what_dbmate_itself_refuses_is_refused(text: str, words: str) -> None:
    error = refused("dbmate", text)
    assert (error.code, words in error.message) == ("LK653", True)


def test_sqlx_heeds_its_mark_only_as_the_first_bytes() -> None:
    first, second = read("sqlx", {"1_a.sql": "-- no-transaction\nSELECT 1", "2_b.sql": "\n-- no-transaction\nSELECT 1"})
    assert (first.sending.enclosed, second.sending.enclosed) == (False, True)


def test_prisma_migrations_are_known_by_folder_and_by_number() -> None:
    found = read("prisma", {"0_init/migration.sql": "", "20240101000000_more/migration.sql": "", "migration_lock.toml": ""})
    assert [m.version for m in found] == [1, 2]
    assert (
        version_named(found, "20240101000000", option="--to") == version_named(found, "20240101000000_more", option="--to") == 2
    )
    assert version_named(found, "0_init", option="--from") == 1
    assert version_named(found, "0", option="--from") == 0  # nothing is applied
    assert version_named(found, "0", option="--to") == 1


# Programs, variables, and what fits nothing


@pytest.mark.parametrize(
    ("form", "file", "language"),
    [("goose", "2_x.go", "go"), ("flyway", "V2__x.java", "java"), ("plain", "002_x.py", "py"), ("plain", "002_x.ts", "ts")],
)
def test_a_program_is_a_migration_that_nobody_can_run(form: str, file: str, language: str) -> None:
    (migration,) = read_migrations({file: b"\xff not even text"}, form=format_named(form))
    assert (migration.language, migration.statements(), migration.sent()) == (language, (), ())


@pytest.mark.parametrize(
    ("form", "file", "text"),
    [
        ("flyway", "V1__a.sql", "SELECT 1;\nALTER TABLE ${table} ADD x int; SELECT '${other}'"),
        ("goose", "1_a.sql", "-- +goose ENVSUB ON\n-- +goose Up\nALTER TABLE ${table} ADD x int; SELECT '${other}';"),
        ("plain", "1_a.sql", "SELECT 1;\nALTER TABLE ${table} ADD x int; SELECT '${other}'"),
    ],
)
def test_a_variable_without_a_value_is_named_with_file_and_line(form: str, file: str, text: str) -> None:
    (migration,) = read(form, {file: text}, unrelated="x")
    with pytest.raises(UsageError) as caught:
        migration.statements()
    line = 3 if form == "goose" else 2
    assert caught.value.message == f"{file}, line {line}: the variable table is not set"
    assert (caught.value.code, caught.value.hint) == ("LK651", "give its value: --set table=VALUE --set other=VALUE")


# Diesel, sql-migrate, pop


def test_diesel_heeds_the_metadata_beside_a_file() -> None:
    files = {"2024-01-02-030405_a/up.sql": "SELECT 1;", "2024-01-02-030406_b/up.sql": "SELECT 1;"}
    first, second = read("diesel", {**files, "2024-01-02-030406_b/metadata.toml": "run_in_transaction = false"})
    assert (first.label, first.version, first.sending) == ("20240102030405", 20240102030405, ENCLOSED_QUERY)
    assert second.sending == QUERY


def test_diesel_metadata_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^1_a/up.sql, line 1: 1_a/metadata.toml beside it cannot be read") as caught:
        read("diesel", {"1_a/up.sql": "", "1_a/metadata.toml": "run = = 1"})
    assert caught.value.code == "LK653"


def test_sql_migrate_goes_by_the_number_and_then_by_the_whole_name() -> None:
    text = "-- +migrate Up\nSELECT 1;\n"
    found = read("sql-migrate", dict.fromkeys(("10-a.sql", "9-b.sql", "9-a.sql"), text))
    assert [m.file for m in found] == ["9-a.sql", "9-b.sql", "10-a.sql"]
    assert version_named(found, "9-b.sql", option="--from") == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- +migrate Up\nSELECT 1\n-- +migrate Down\n", "line 2: the statement does not end with a semicolon"),
        ("-- nothing\n", "has no “-- .migrate Up”"),
        ("-- +migrate Up\n-- +migrate StatementBegin\nSELECT 1;", "has no StatementEnd"),
    ],
)
def test_what_sql_migrate_itself_refuses_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read("sql-migrate", {"1_a.sql": text})


def test_sql_migrate_leaves_out_what_stands_before_the_way_up_and_says_so() -> None:
    [found] = read("sql-migrate", {"1_a.sql": "SELECT 1;\n-- +migrate Up\nSELECT 2;\n"})
    assert [statement.text for statement in found.statements()] == ["SELECT 2"]
    assert found.remarks == ("1_a.sql, line 1: what stands before “-- +migrate Up” is not run by sql-migrate",)


def test_pop_takes_the_file_for_postgresql_and_leaves_out_what_only_others_have() -> None:
    names = ("1_a.up.sql", "1_a.pg.up.sql", "1_a.mysql.up.sql", "2_b.sqlite3.up.sql", "3_c.autocommit.up.sql", "4_d.up.fizz")
    found = read("pop", dict.fromkeys(names, "SELECT 1;"))
    assert [m.file for m in found] == ["1_a.pg.up.sql", "3_c.autocommit.up.sql", "4_d.up.fizz"]
    assert [m.sending for m in found[:2]] == [ENCLOSED_QUERY, QUERY]
    assert found[2].language == "fizz"


# Plain files, golang-migrate, Prisma


@pytest.mark.parametrize(
    "mark",
    [
        "-- +micrate Up",
        "-- rambler up",
        "-- Up Migration",
        "# --- !Ups",
        "-- //@UNDO",
        "--liquibase formatted sql",
        "---- create above / drop below ----",
    ],
)
def test_a_file_with_the_marks_of_an_unknown_migrator_is_not_plain(mark: str) -> None:
    with pytest.raises(UsageError, match=r"plain: 1_a.sql has the marks of \w[\w-]+, and plain SQL would run the way back too"):
        format_of({"1_a.sql": f"{mark}\nCREATE TABLE t ();\n".encode(), "2_b.sql": b"SELECT 1;"})
    assert format_of({"1_a.sql": f"SELECT '{mark}';".encode()}).name == "plain"


def test_plain_files_of_one_number_are_run_in_the_order_of_their_names() -> None:
    found = read("plain", {"7_b.sql": "", "7_a.sql": "", "8_c.sql": ""})
    assert [(m.file, m.version, m.label) for m in found] == [("7_a.sql", 1, "7"), ("7_b.sql", 2, "7"), ("8_c.sql", 3, "8")]
    with pytest.raises(UsageError, match=r"^--from 7 could be 7_a\.sql or 7_b\.sql$"):
        version_named(found, "7", option="--from")


def test_a_migration_of_number_0_is_no_sign_that_nothing_is_applied() -> None:
    found = read("golang-migrate", {"00_init.up.sql": "", "01_more.up.sql": ""})
    assert version_named(found, "0", option="--from") == 0
    assert chosen(found, 0) == [[], ["00_init.up.sql", "01_more.up.sql"]]
    assert [number_of(found, version) for version in (0, 1)] == [1, 2]


def test_golang_migrate_takes_whatever_follows_up_and_a_program_is_named() -> None:
    found = read("golang-migrate", {"1_a.up.pgsql": "SELECT 1;", "2_b.up.go": "package b", "2_b.up.sql.bak": ""})
    assert [(m.file, m.language) for m in found] == [("1_a.up.pgsql", "sql"), ("2_b.up.go", "go")]


def test_a_folder_of_prisma_s_with_a_program_in_it_is_named() -> None:
    found = read("prisma", {"1_a/migration.sql": "", "1_a/migration.ts": "", "2_b/migration.ts": ""})
    assert [(m.file, m.language) for m in found] == [("1_a/migration.sql", "sql"), ("2_b/migration.ts", "ts")]


def test_sqlx_is_known_by_the_name_of_its_ledger_too() -> None:
    assert format_of({"1_a.sql": b"DELETE FROM _sqlx_migrations WHERE version = 0;"}).name == "sqlx"


@pytest.mark.parametrize("form", ["sqlx", "prisma", "dbmate", "diesel", "sql-migrate"])
def test_a_value_for_a_format_without_variables_is_refused(form: str) -> None:
    with pytest.raises(UsageError, match=f"{form} has no variables") as caught:
        read(form, {"1_a.up.sql": ""}, x="y")
    assert caught.value.code == "LK652"


def test_files_that_fit_nothing_are_refused_with_the_reason_of_every_format() -> None:
    with pytest.raises(UsageError) as caught:
        format_of({"schema.sql": b"", "notes.txt": b""}, folder="db")
    assert caught.value.code == "LK650"
    for name in FORMATS:
        assert f"\n  {name}: no file is named " in caught.value.message


def test_a_folder_too_high_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError) as caught:
        format_of({"db/migrations/001_a.sql": b"", "db/migrations/002_b.sql": b""})
    assert "--path db/migrations" in (caught.value.hint or "")


@pytest.mark.parametrize("name", list(FORMATS))
def test_of_a_corpus_nothing_is_overlooked(name: str) -> None:
    assert overlooked(format_named(name), files_of(name)) == ()


def test_migrations_of_another_format_beside_the_others_are_named() -> None:
    files = dict.fromkeys(("V1__a.sql", "U1__a.sql", "2_b.sql", "3_c.up.sql", "3_c.down.sql", "seed.sql"), b"")
    assert overlooked(format_of(files), files) == (
        "files beside the migrations that are not named as flyway wants it are left out: 2_b.sql, 3_c.up.sql",
    )


def test_a_plain_name_may_have_spaces() -> None:
    assert [m.file for m in read("plain", {"10 b.sql": "", "2 a.sql": ""})] == ["2 a.sql", "10 b.sql"]


def test_an_empty_folder_is_said_to_be_empty() -> None:
    with pytest.raises(UsageError, match="no migration in db") as caught:
        format_of({}, folder="db")
    assert caught.value.code == "LK402"


def test_files_in_the_folder_decide_before_those_further_down() -> None:
    assert format_of({"001_a.sql": b"", "old/V1__a.sql": b""}).name == "plain"


def test_utf_16_is_recognised() -> None:
    with pytest.raises(UsageError, match="looks like UTF-16") as caught:
        read_migrations({"1_a.sql": "SELECT 1".encode("utf-16")}, form=format_named("plain"))
    assert caught.value.code == "LK404"


@pytest.mark.parametrize("form", ["plain", "goose", "flyway"])
def test_of_a_script_of_thousands_of_lines_no_statement_is_lost(form: str) -> None:
    lines = "".join(f"INSERT INTO t (id, name) VALUES ({n}, '${{x}}');\n" for n in range(5_000))
    file, text = {
        "plain": ("1_a.sql", lines),
        "goose": ("1_a.sql", f"-- +goose ENVSUB ON\n-- +goose NO TRANSACTION\n-- +goose Up\n{lines}"),
        "flyway": ("V1__a.sql", f"{lines}VACUUM t;\n"),
    }[form]
    (migration,) = read(form, {file: text}, x="y")
    assert sum(len(sent.statements) for sent in migration.sent()) == 5_000 + (form == "flyway")


def test_a_format_that_nobody_knows_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        format_named("liquibase")
    assert (refused.value.code, refused.value.message) == ("LK406", "no migration format is called liquibase")
    assert all(name in (refused.value.hint or "") for name in FORMATS)
