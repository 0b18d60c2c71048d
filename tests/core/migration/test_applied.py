"""Where a database stands that keeps a row for each migration."""

from __future__ import annotations

import pytest

from lockage.core.migration.applied import AppliedRow, applied_of
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import Migration, read_migrations
from lockage.errors import RefusedError


def folder(form: str, *names: str) -> tuple[Migration, ...]:
    return read_migrations(dict.fromkeys(names, b"-- migrate:up\n-- +goose Up\n"), form=format_named(form))


def rows(*versions: str, failed: str | None = None) -> list[AppliedRow]:
    done = [AppliedRow(version=version, applied=True, failed=False) for version in versions]
    return done if failed is None else [*done, AppliedRow(version=failed, applied=False, failed=True)]


FLYWAY = ("V1__a.sql", "V1.2__b.sql", "V1.10__c.sql", "V2__d.sql", "R__e.sql")


@pytest.mark.parametrize(
    ("form", "names", "has", "at"),
    [
        ("goose", ("1_a.sql", "2_b.sql", "3_c.sql"), ("1", "2"), 2),
        ("goose", ("1_a.sql", "2_b.sql"), (), 0),
        ("dbmate", ("001_a.sql", "002_b.sql"), ("001",), 1),
        ("flyway", FLYWAY, ("1", "1.2"), 2),
        ("flyway", FLYWAY, ("1.0", "1.2.0", "1.10"), 3),
        ("flyway", FLYWAY, ("1.9",), 2),  # a baseline
        ("prisma", ("0_init/migration.sql", "20240101000000_a/migration.sql"), ("0_init",), 1),
        ("sqlx", ("5_a.sql", "6_b.sql"), ("1", "2", "5"), 5),  # old ones that were put together
    ],
)
def test_a_database_stands_at_the_newest_that_its_ledger_has(
    form: str, names: tuple[str, ...], has: tuple[str, ...], at: int
) -> None:
    found = applied_of(folder(form, *names), rows(*has), table="t")
    assert (found.version, found.remarks) == (at, ())


def test_an_older_migration_that_is_missing_is_named_and_not_forecast() -> None:
    found = applied_of(folder("goose", "1_a.sql", "2_b.sql", "3_c.sql"), rows("1", "3"), table="goose_db_version")
    assert (found.version, found.remarks) == (
        3,
        ("the ledger goose_db_version lacks 2_b.sql, older than what it has; not forecast here",),
    )
    assert found.late == ("2_b.sql",)


@pytest.mark.parametrize(
    ("said", "code"), [(rows("1", "9"), "LK431"), (rows("1", failed="2"), "LK430"), (rows("1", "20250101000000"), "LK431")]
)
def test_a_ledger_that_is_newer_or_stopped_half_way_is_refused(said: list[AppliedRow], code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        applied_of(folder("goose", "1_a.sql", "2_b.sql"), said, table="t")
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
