"""Hazards of work over whole tables, and of indexes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockage.core.forecast.assess import Answer, Check, Seconds
from lockage.core.forecast.hazards import indexes, tables
from lockage.core.forecast.hazards.seen import Seen
from lockage.core.forecast.production import IndexUse, InvalidIndex, Production
from lockage.core.forecast.trace import CatalogMark, CatalogRelation
from lockage.core.migration.formats.format import MigratorLock
from support.hazard_scenes import LONG, SHORT, UNKNOWN, scene, sized, told
from support.traces import BEFORE, KEYS, KEYS_PKEY, USERS, Script, mark, relation

EXCLUSIVE, SHARE, GENTLE = "AccessExclusiveLock", "ShareLock", "ShareUpdateExclusiveLock"
INDEX = 50


def with_new_file(oid: int) -> CatalogMark:
    return mark(*(replace(r, relfilenode=1000 + r.oid) if r.oid == oid else r for r in BEFORE.relations.values()))


def with_index(name: str = "fresh") -> CatalogMark:
    return mark(*BEFORE.relations.values(), relation(INDEX, name, "i", table=USERS))


@pytest.mark.parametrize(
    ("users", "seconds", "expected"),
    [
        (5.0, LONG, [("H010", "public.users", None)]),
        (5.0, UNKNOWN, [("H010", "public.users", None)]),
        (5.0, SHORT, [("H010", "public.users", "note")]),
        (0.0, LONG, []),
    ],
)
def test_a_rewrite_of_a_table_with_rows_is_told(users: float, seconds: Seconds, expected: list[object]) -> None:
    script = Script().did("ALTER TABLE users ALTER a TYPE int8", (USERS, EXCLUSIVE), after=with_new_file(USERS))
    assert told(list(tables.rewrites(scene(script, seconds=seconds, sizes=sized(users=users))))) == expected


def test_a_truncation_is_no_rewrite() -> None:
    script = Script().did("TRUNCATE users", (USERS, EXCLUSIVE), after=with_new_file(USERS))
    assert not list(tables.rewrites(scene(script)))


def checked(sql: str, mode: str, *, scanned: tuple[int, ...] | None = (USERS,), **known: object) -> Seen:
    script = Script().did(sql, (USERS, mode))
    script.steps[-1] = replace(script.steps[-1], observation=replace(script.steps[-1].observation, scanned=scanned))
    return scene(script, **known)


CHECK = "ALTER TABLE users ADD CHECK (a > 0)"
NOT_NULL = "ALTER TABLE users ALTER a SET NOT NULL"


def test_a_check_of_all_rows_under_a_lock_is_told_and_under_none_is_not() -> None:
    assert told(list(tables.constraints_checked_at_once(checked(CHECK, EXCLUSIVE)))) == [("H011", "public.users", None)]
    assert not list(tables.constraints_checked_at_once(checked("ALTER TABLE users VALIDATE CONSTRAINT c", GENTLE)))
    assert not list(tables.constraints_checked_at_once(checked(CHECK, EXCLUSIVE, sizes=sized(users=0.0))))


def test_a_validation_under_the_lock_of_an_earlier_statement_is_told() -> None:
    seen = checked("ALTER TABLE users VALIDATE CONSTRAINT c", EXCLUSIVE)
    assert told(list(tables.constraints_checked_at_once(seen))) == [("H011", "public.users", None)]


def test_set_not_null_is_told_where_it_went_through_the_table() -> None:
    assert told(list(tables.not_null_by_scan(checked(NOT_NULL, EXCLUSIVE)))) == [("H012", "public.users", None)]
    assert not list(tables.not_null_by_scan(checked(NOT_NULL, EXCLUSIVE, scanned=())))
    assert told(list(tables.not_null_by_scan(checked(NOT_NULL, EXCLUSIVE, scanned=None)))) == [("H012", "public.users", None)]
    assert not list(tables.constraints_checked_at_once(checked(NOT_NULL, EXCLUSIVE)))


@pytest.mark.parametrize(("mode", "expected"), [(SHARE, 1), (EXCLUSIVE, 1), (GENTLE, 0)])
def test_an_index_that_is_built_under_a_lock_is_told(mode: str, expected: int) -> None:
    script = Script().did("CREATE INDEX fresh ON users (a)", (USERS, mode), after=with_index())
    assert len(list(indexes.builds_that_block(scene(script)))) == expected
    assert not list(indexes.builds_that_block(scene(script, sizes=sized(users=0.0))))


def test_an_index_on_a_table_that_the_script_made_is_none() -> None:
    made = mark(*BEFORE.relations.values(), relation(98, "fresh"), relation(INDEX, "fresh_i", "i", table=98))
    script = Script().did("CREATE INDEX ON fresh (a)", (98, SHARE), after=made)
    assert not list(indexes.builds_that_block(scene(script)))


def test_an_index_that_takes_over_the_file_of_the_former_was_not_built() -> None:
    rest = (r for r in BEFORE.relations.values() if r.oid != KEYS_PKEY)
    other = replace(relation(INDEX, "keys_pkey", "i", table=KEYS), relfilenode=BEFORE.relations[KEYS_PKEY].relfilenode)
    script = Script().did("ALTER TABLE keys ALTER a TYPE varchar(9)", (KEYS, EXCLUSIVE), after=mark(*rest, other))
    assert not list(indexes.builds_that_block(scene(script)))


def concurrently(sql: str, **known: object) -> Seen:
    script = Script().did(sql, (USERS, GENTLE), after=with_index(), open_behind=False)
    script.steps[-1] = replace(script.steps[-1], observation=replace(script.steps[-1].observation, ran_outside=True))
    return scene(script, **known)


def test_a_unique_concurrent_build_may_leave_an_invalid_index_behind_unless_the_rows_were_asked() -> None:
    unique = "CREATE UNIQUE INDEX CONCURRENTLY fresh ON users (a)"
    assert told(list(indexes.invalid_indexes(concurrently(unique)))) == [("H021", "public.users", None)]
    assert not list(indexes.invalid_indexes(concurrently("CREATE INDEX CONCURRENTLY fresh ON users (a)")))
    asked = Check(query="SELECT", why="alike", file="1_a.sql", line=1, answer=Answer.HOLDS)
    assert not list(indexes.invalid_indexes(concurrently(unique, forecast={"checks": (asked,)})))


def test_an_invalid_index_of_production_is_told_until_the_script_drops_it() -> None:
    known = Production(invalid_indexes=(InvalidIndex(index="public.keys_pkey", relation="public.keys"),))
    assert told(list(indexes.invalid_indexes(scene(Script().did("SELECT 1"), production=known)))) == [
        ("H021", "public.keys", None)
    ]
    gone = mark(*(r for r in BEFORE.relations.values() if r.oid != KEYS_PKEY))
    script = Script().did("DROP INDEX keys_pkey", (KEYS, EXCLUSIVE), after=gone)
    assert not list(indexes.invalid_indexes(scene(script, production=known)))


@pytest.mark.parametrize(
    ("lock", "expected"), [(MigratorLock.NONE, 0), (MigratorLock.SAME_SESSION, 1), (MigratorLock.OTHER_SESSION, 1)]
)
def test_a_concurrent_build_waits_for_the_lock_of_a_migrator_that_has_one(lock: MigratorLock, expected: int) -> None:
    seen = concurrently("CREATE INDEX CONCURRENTLY fresh ON users (a)", migrator_lock=lock)
    assert len(list(indexes.builds_that_wait_for_the_migrator(seen))) == expected


def without(*oids: int, beside: tuple[CatalogRelation, ...] = ()) -> CatalogMark:
    return mark(*(r for r in BEFORE.relations.values() if r.oid not in oids), *beside)


DROPPED = Script().did("DROP INDEX keys_pkey", (KEYS, EXCLUSIVE), after=without(KEYS_PKEY))


def test_an_index_of_a_large_table_that_goes_is_told() -> None:
    assert told(list(indexes.indexes_that_go(scene(DROPPED)))) == [("H023", "public.keys", None)]
    assert told(list(indexes.indexes_that_go(scene(DROPPED, sizes=sized(keys=20_000.0))))) == [("H023", "public.keys", None)]
    assert not list(indexes.indexes_that_go(scene(DROPPED, sizes=sized(keys=20.0))))


NEW = relation(INDEX, "fresh", "i", table=KEYS)
SAME_NAME = relation(INDEX, "keys_pkey", "i", table=KEYS)


@pytest.mark.parametrize(
    "script",
    [
        Script().did("DROP TABLE keys", after=without(KEYS, KEYS_PKEY)),
        Script().did("ALTER TABLE keys DROP COLUMN id", after=without(KEYS_PKEY)),
        Script().did("ALTER TABLE keys ALTER id TYPE int8", after=without(KEYS_PKEY, beside=(SAME_NAME,))),
        Script()
        .did("CREATE INDEX fresh ON keys (a)", after=without(beside=(NEW,)))
        .did("DROP INDEX keys_pkey", after=without(KEYS_PKEY, beside=(NEW,))),
    ],
)
def test_an_index_that_goes_with_its_table_or_has_a_successor_is_not_told(script: Script) -> None:
    assert not list(indexes.indexes_that_go(scene(script)))


NOW = datetime(2026, 11, 23, tzinfo=UTC)
LONG_AGO, YESTERDAY = NOW - timedelta(days=40), NOW - timedelta(days=1)


def counted(*uses: IndexUse, since: datetime | None = LONG_AGO, standbys: tuple[str, ...] | None = ()) -> Production:
    return Production(index_uses=uses, uses_since=since, seen_at=NOW, standbys=standbys)


def used(scans: int = 0, **known: Any) -> IndexUse:
    return IndexUse(index="public.keys_pkey", scans=scans, **known)


@pytest.mark.parametrize(
    ("production", "severity", "words"),
    [
        (Production(), None, "and how often it is used is not known"),
        (counted(), None, "and how often it is used is not known"),
        (counted(used(1234, last_at=YESTERDAY)), None, "which was scanned 1234 times since 2026-10-14, last on 2026-11-22"),
        (counted(used(1)), None, "which was scanned once since 2026-10-14"),
        (counted(used()), "note", "which was never scanned since 2026-10-14"),
        (counted(used(), since=YESTERDAY), None, "which was never scanned since 2026-11-22, which is too short a time to tell"),
        (counted(used(), since=None), None, "which was never scanned, and how long that is, is not known"),
        (counted(used(), standbys=("b",)), None, "which was never scanned since 2026-10-14, which says nothing of replicas"),
        (counted(used(), standbys=None), None, "which was never scanned since 2026-10-14, which says nothing of replicas"),
        (counted(used(enforces=True)), None, "which was never scanned since 2026-10-14, but does more than find rows"),
        (counted(used(9, covered_by=("public.wide",))), "note", "and public.wide begins with the same columns"),
        (counted(used(9, covered_by=("public.wide",), enforces=True)), None, "which was scanned 9 times since 2026-10-14"),
    ],
)
def test_how_often_an_index_was_used_is_told_and_one_that_nobody_misses_is_a_note(
    production: Production, severity: str | None, words: str
) -> None:
    [found] = indexes.indexes_that_go(scene(DROPPED, production=production))
    assert (found.severity, found.sentence.split(": ")[0]) == (severity, f"public.keys_pkey is dropped, {words}")


def test_an_index_that_goes_too_is_no_successor() -> None:
    # Each begins with the columns of the other, so one of them would do, and both go.
    twin = relation(INDEX, "twin", "i", table=KEYS)
    both = mark(*BEFORE.relations.values(), twin)
    script = Script(start=both).did("DROP INDEX keys_pkey, twin", after=without(KEYS_PKEY))
    known = counted(
        used(3, covered_by=("public.twin",)), IndexUse(index="public.twin", scans=0, covered_by=("public.keys_pkey",))
    )
    [found] = indexes.indexes_that_go(scene(script, production=known))
    assert (found.severity, "scanned 3 times" in found.sentence) == (None, True)


def test_a_partitioned_index_is_used_as_often_as_those_of_its_partitions() -> None:
    whole = relation(INDEX, "whole", "I", table=KEYS)
    script = Script(start=mark(*BEFORE.relations.values(), whole)).did("DROP INDEX whole", after=without(KEYS_PKEY))
    [found] = indexes.indexes_that_go(scene(script, production=counted(used(3))))
    assert found.sentence.startswith("public.whole is dropped, which was scanned 3 times")
    [found] = indexes.indexes_that_go(scene(script, production=counted(used())))
    assert found.severity == "note"


def test_an_invalid_index_may_go() -> None:
    known = Production(invalid_indexes=(InvalidIndex(index="public.keys_pkey", relation="public.keys"),))
    assert not list(indexes.indexes_that_go(scene(DROPPED, production=known)))
