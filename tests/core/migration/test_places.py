"""Where in a repository or an archive the migrations are, from names alone."""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.places import files_within, likeliest_folder, may_matter
from lockage.core.migration.formats.registry import FORMATS
from lockage.errors import UsageError


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["db/001_a.sql", "db/002_b.sql", "other/001_a.sql"], "db"),
        (["001_a.sql"], ""),
        (["README.md", "schema.sql"], None),
        (["app/prisma/migrations/0_init/migration.sql", "app/prisma/migrations/1_b/migration.sql"], "app/prisma/migrations"),
        (["r/db/migration/2024/V1__a.sql", "r/db/migration/2024/V2__b.sql", "r/db/migration/2025/V3__c.sql"], "r/db/migration"),
        (["a/V1__a.sql", "a/V2__b.sql", "b/V1__a.sql"], "a"),  # two applications: they have a version in common
        (
            ["one/resources/db/migration/V1__a.sql", "one/resources/db/migration/V2__b.sql", "two/db/migration/V7__c.sql"],
            "one/resources/db/migration",
        ),  # two databases of one repository
        (["src/test/V1__a.sql", "src/test/V2__b.sql", "src/main/V1__a.sql"], "src/main"),
        (["m/2024-01-01-000000_a/up.sql", "m/2024-01-02-000000_b/up.sql", "m/2024-01-02-000000_b/down.sql"], "m"),
        (["m/mysql/1_a.sql", "m/mysql/2_b.sql", "m/postgres/1_a.sql"], "m/postgres"),
        (["jdbc-h2/m/V1__a.sql", "jdbc-h2/m/V2__b.sql", "jdbc-pg/m/V1__a.sql"], "jdbc-pg/m"),
        (["db/migrations_sqlite3/1_a.sql", "db/migrations_sqlite3/2_b.sql", "db/migrations/1_a.sql"], "db/migrations"),
        (["mysql/1_a.sql"], "mysql"),  # the reader is to see that, and not that there are none
        (["node_modules/x/1_a.sql", "node_modules/x/2_a.sql", "db/1_a.sql"], "db"),
    ],
)
def test_the_folder_with_most_migrations_is_found(paths: list[str], folder: str | None) -> None:
    assert likeliest_folder(paths, FORMATS.values()) == folder


def test_files_are_named_from_the_folder_that_they_are_in() -> None:
    files = {"app/db/1_a.sql": b"1", "app/db/old/2_b.sql": b"2", "app/x.sql": b"3"}
    assert files_within(files, "app/db/", forms=()) == ({"1_a.sql": b"1", "old/2_b.sql": b"2"}, "app/db")
    assert files_within(files, ".", forms=()) == (files, "")


@pytest.mark.parametrize(
    ("file", "hint"), [("db/1_a.sql", "its folder db has files that could be: --path db"), ("1_a.sql", "leave --path out")]
)
def test_a_folder_that_no_file_is_in_is_told_with_the_one_that_is_meant(file: str, hint: str) -> None:
    with pytest.raises(UsageError, match=r"^no migration in the folder nowhere of the archive: no file is in it$") as caught:
        files_within({file: b"1"}, "nowhere", forms=tuple(FORMATS.values()))
    assert (caught.value.code, caught.value.hint) == ("LK402", hint)


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("a/1.sql", True),
        ("V1__a.sql.conf", True),
        ("x.go", True),
        (".git/x.sql", False),
        ("logo.png", False),
        ("Makefile", False),
    ],
)
def test_only_what_can_be_a_migration_matters(path: str, matters: bool) -> None:
    assert may_matter(path) is matters
