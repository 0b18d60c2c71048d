"""Folders of migrations, and the script between two versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.migration.formats import flyway, golang_migrate, plain
from lockage.core.migration.formats.registry import format_named, format_of
from lockage.core.migration.script import read_migrations, select
from lockage.errors import UsageError


def golang(*versions: str) -> dict[str, bytes]:
    return {f"{version}_name.up.sql": b"SELECT 1;" for version in versions}


def test_golang_migrate_takes_up_files_of_any_number_in_numeric_order() -> None:
    files = golang("10", "9", "20240101120000") | {"9_name.down.sql": b"", "README.md": b""}
    found = read_migrations(files, form=golang_migrate.FORMAT)
    assert [m.version for m in found] == [9, 10, 20240101120000]
    assert found[0].name == "name"


def test_plain_takes_numbered_sql_and_leaves_the_ways_back() -> None:
    files = {"001_init.sql": b"", "002-more.sql": b"", "3.sql": b"", "002_more.down.sql": b"", "seed.sql": b""}
    assert [m.version for m in read_migrations(files, form=plain.FORMAT)] == [1, 2, 3]


def test_a_migration_in_a_programming_language_is_kept_by_name_and_has_no_statements() -> None:
    (migration,) = read_migrations({"004_fix.go": b"package x"}, form=plain.FORMAT)
    assert (migration.language, migration.statements()) == ("go", ())


def test_a_byte_order_mark_is_no_sql() -> None:
    (migration,) = read_migrations({"1_a.sql": b"\xef\xbb\xbfSELECT 1"}, form=plain.FORMAT)
    assert len(migration.statements()) == 1


def test_an_empty_file_is_a_migration_without_statements() -> None:
    (migration,) = read_migrations({"1_a.sql": b""}, form=plain.FORMAT)
    assert migration.statements() == ()


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ({}, "LK402", "no migration in db"),
        ({"notes.txt": b""}, "LK402", "none of its 1 files"),
        (golang("7", "007"), "LK403", "migration 7 exists twice in db: 007_name.up.sql and 7_name.up.sql"),
        ({"1_a.up.sql": b"SELECT 1;\n-- \xff"}, "LK404", "1_a.up.sql, line 2: byte 0xff is not UTF-8"),
    ],
)
def test_a_bad_folder_is_a_usage_error(files: dict[str, bytes], code: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_migrations(files, form=golang_migrate.FORMAT, folder="db")
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.hint


def versions(from_version: int | None, to_version: int | None) -> tuple[list[int], list[int]]:
    migrations = read_migrations(golang("1", "3", "4", "9"), form=golang_migrate.FORMAT)
    selection = select(migrations, from_version=from_version, to_version=to_version)
    return [m.version for m in selection.applied], [m.version for m in selection.script]


@pytest.mark.parametrize(
    ("from_version", "to_version", "expected"),
    [
        (None, None, ([1, 3, 4], [9])),
        (None, 4, ([1, 3], [4])),
        (0, None, ([], [1, 3, 4, 9])),
        (3, None, ([1, 3], [4, 9])),
        (3, 4, ([1, 3], [4])),
        (9, None, ([1, 3, 4, 9], [])),
    ],
)
def test_from_is_applied_already_and_to_is_included(
    from_version: int | None, to_version: int | None, expected: tuple[list[int], list[int]]
) -> None:
    assert versions(from_version, to_version) == expected


@pytest.mark.parametrize(("from_version", "to_version"), [(2, None), (None, 5), (4, 3), (99, None)])
def test_an_unknown_or_backward_range_is_a_usage_error(from_version: int | None, to_version: int | None) -> None:
    with pytest.raises(UsageError) as caught:
        versions(from_version, to_version)
    assert caught.value.code == "LK405"


@given(st.sets(st.integers(1, 10**14), min_size=1, max_size=20), st.data())
def test_applied_and_script_together_are_everything_up_to_the_target(numbers: set[int], data: st.DataObject) -> None:
    migrations = read_migrations(golang(*(str(n) for n in numbers)), form=golang_migrate.FORMAT)
    start = data.draw(st.sampled_from(sorted({0, *numbers})))
    selection = select(migrations, from_version=start, to_version=None)
    assert (*selection.applied, *selection.script) == migrations
    assert all(m.version <= start for m in selection.applied)


def test_a_range_that_runs_backwards_is_told_in_the_versions_of_the_files() -> None:
    files = {f"V1.{n}__f.sql": b"SELECT 1;" for n in (1, 2, 10)}
    migrations = read_migrations(files, form=flyway.FORMAT)
    with pytest.raises(UsageError, match=r"^--to 1\.2 lies below --from 1\.10$"):
        select(migrations, from_version=3, to_version=2)


def test_the_format_is_seen_from_the_names() -> None:
    assert format_of({"1_a.up.sql": b"", "1_a.down.sql": b""}).name == "golang-migrate"
    assert format_of({"1_a.sql": b""}).name == "plain"


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no migration format is called liquibase") as caught:
        format_named("liquibase")
    assert "flyway" in (caught.value.hint or "")


def test_the_ledger_of_golang_migrate_is_truncated_and_quoted() -> None:
    assert golang_migrate.ledger_statements('odd"name.t', 7) == (
        'TRUNCATE "odd""name"."t"',
        'INSERT INTO "odd""name"."t" (version, dirty) VALUES (7, false)',
    )
