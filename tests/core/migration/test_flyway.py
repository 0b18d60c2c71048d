"""Flyway's files, as Flyway itself takes and refuses them."""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.format import ENCLOSED_STATEMENTS, STATEMENTS
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import select, version_named
from lockage.errors import UsageError
from support.formats import chosen, read


def test_flyway_orders_versions_by_their_numbers_and_repeatables_last() -> None:
    names = ("R__b.sql", "R__a.sql", "V1.10__x.sql", "V1.9.0__x.sql", "V2__x.sql", "U2__x.sql")
    found = read("flyway", dict.fromkeys(names, ""))
    assert [m.file for m in found] == ["V1.9.0__x.sql", "V1.10__x.sql", "V2__x.sql", "R__a.sql", "R__b.sql"]
    assert [m.version for m in found] == [1, 2, 3, 4, 5]


def test_flyway_repeatables_are_part_of_every_script_and_no_version() -> None:
    found = read("flyway", {"V7__x.sql": "", "V8__x.sql": "", "R__a.sql": ""})
    assert [m.file for m in select(found, from_version=None, to_version=None).script] == ["V8__x.sql", "R__a.sql"]
    assert [m.file for m in select(found, from_version=0, to_version=7).script] == ["V7__x.sql", "R__a.sql"]
    assert [m.version for m in found[:2]] == [7, 8]


def test_a_flyway_baseline_is_run_for_all_before_it_where_there_is_nothing_yet() -> None:
    found = read("flyway", {"V1__a.sql": "", "V2__b.sql": "", "B2__all.sql": "", "V3__c.sql": "", "B4__later.sql": ""})
    assert chosen(found, 0, end=3) == [[], ["B2__all.sql", "V3__c.sql"]]
    assert chosen(found, 0) == [[], ["B4__later.sql"]]
    assert chosen(found, 2, end=3) == [["B2__all.sql"], ["V3__c.sql"]]
    assert chosen(found, 1, end=2) == [["V1__a.sql"], ["V2__b.sql"]]


def test_a_flyway_baseline_is_not_run_on_a_database_that_has_versions() -> None:
    found = read("flyway", {"V1.1__a.sql": "", "V1.2__b.sql": "", "B1.2__all.sql": "", "V1.3__c.sql": ""})
    assert version_named(found, "1.2", option="--from") == 2
    assert chosen(found, 1, fresh=False) == [["V1.1__a.sql"], ["V1.2__b.sql", "V1.3__c.sql"]]


@pytest.mark.parametrize("said", ["1.10", "1.10.0", "1_10", "01.10", "V1.10__x.sql"])
def test_a_flyway_version_is_known_however_it_is_written(said: str) -> None:
    found = read("flyway", {"V1.9__x.sql": "", "V1.10__x.sql": "", "V2__x.sql": ""})
    assert version_named(found, said, option="--to") == 2


def test_flyway_takes_1_and_1_0_as_the_same_version() -> None:
    with pytest.raises(UsageError, match="migration 1 exists twice") as caught:
        read("flyway", {"V1__a.sql": "", "V1.0__b.sql": ""})
    assert caught.value.code == "LK403"


@pytest.mark.parametrize(
    "statement",
    ["CREATE UNIQUE INDEX CONCURRENTLY i ON t (x)", "VACUUM t", "/* now */ REINDEX DATABASE d", "ALTER SYSTEM SET a = 1"],
)
def test_flyway_finds_what_no_transaction_takes(statement: str) -> None:
    (migration,) = read("flyway", {"V1__a.sql": statement})
    assert migration.sending == STATEMENTS


def test_flyway_keeps_a_word_in_a_string_in_its_transaction() -> None:
    (migration,) = read("flyway", {"V1__a.sql": "INSERT INTO t VALUES ('VACUUM'); -- concurrently"})
    assert (migration.sending, migration.remarks) == (ENCLOSED_STATEMENTS, ())


def test_flyway_says_that_it_refuses_a_mixed_file() -> None:
    (migration,) = read("flyway", {"V1__a.sql": "ALTER TABLE t ADD x int;\nDROP INDEX CONCURRENTLY i;"})
    assert ["line 2" in remark and "mixed=true" in remark for remark in migration.remarks] == [True]


def test_flyway_says_that_its_own_lock_stands_in_the_way_of_a_concurrent_index() -> None:
    (migration,) = read("flyway", {"V1__a.sql": "CREATE INDEX CONCURRENTLY i ON t (x)"})
    assert "transactional.lock=false" in migration.remarks[0]


def test_flyway_heeds_the_configuration_beside_a_file() -> None:
    found = read(
        "flyway", {"V1__a.sql": "SELECT '${x}'", "V1__a.sql.conf": "executeInTransaction=false\nplaceholderReplacement=false"}
    )
    assert (found[0].sending, found[0].unset) == (STATEMENTS, ())


def test_flyway_names_its_callbacks() -> None:
    assert "afterMigrate.sql" in format_named("flyway").remarks({"afterMigrate.sql": b"", "V1__a.sql": b""})[0]


def test_flyway_placeholders_are_replaced_whatever_their_case() -> None:
    (migration,) = read("flyway", {"V1__a.sql": "ALTER TABLE ${Schema}.t ADD x int -- ${flyway:filename}"}, schema="app")
    assert migration.text == "ALTER TABLE app.t ADD x int -- V1__a.sql"


def test_the_suffix_of_a_flyway_file_may_be_in_capitals() -> None:
    assert [m.language for m in read("flyway", {"V1__A.SQL": "SELECT 1;"})] == ["sql"]
