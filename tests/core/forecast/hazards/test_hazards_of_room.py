"""Hazards of room: numbers, disk, WAL, the lock table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.hazards import room
from lockage.core.forecast.production import Production, SequenceUse
from support.hazard_scenes import operation, scene, sized, told
from support.traces import BEFORE, KEYS, USERS, Script, mark

LIMIT = 2_147_483_647


@pytest.mark.parametrize(
    ("used", "inserted", "expected"),
    [
        (0.5, 0.0, []),
        (0.8, 0.0, [("H030", "public.users", None)]),
        (0.96, 0.0, [("H030", "public.users", "error")]),
        (0.6, 0.5 * LIMIT, [("H030", "public.users", "error")]),
    ],
)
def test_numbers_run_out_by_what_is_used_and_by_what_the_script_inserts(
    used: float, inserted: float, expected: list[object]
) -> None:
    use = SequenceUse(relation="public.users", column="id", last_value=int(used * LIMIT), limit=LIMIT)
    seen = scene(operations=[operation("insert", "users", rows=inserted)], production=Production(sequences=(use,)))
    assert told(list(room.numbers_run_out(seen))) == expected


def rewriting(*, rows: float, **known: object) -> object:
    after = mark(*(replace(r, relfilenode=999) if r.oid == USERS else r for r in BEFORE.relations.values()))
    script = Script().did("ALTER TABLE users ALTER a TYPE int8", (USERS, "AccessExclusiveLock"), after=after)
    operations = [replace(operation("rewrite", "users", rows=rows), wal_bytes=rows * 200)]
    return scene(script, operations=operations, sizes=sized(users=rows), **known)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (10**9, [("H031", "public.users", None)]),
        (40 * 10**8, [("H031", "public.users", "warning")]),
        (10**12, []),
        (None, [("H031", "public.users", "note")]),
    ],
)
def test_the_disk_must_have_what_the_script_writes(free: int | None, expected: list[object]) -> None:
    seen = rewriting(rows=1e7, production=Production(free_disk_bytes=free))
    assert told(list(room.disk(seen))) == expected  # type: ignore[arg-type]


def test_nobody_is_asked_about_the_disk_for_little() -> None:
    assert not list(room.disk(rewriting(rows=1e5)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Production(standbys=(), slots=()), []),
        (Production(), [("H032", "public.users", "note")]),
        (Production(standbys=("b",), slots=()), [("H032", "public.users", None)]),
        (Production(standbys=(), slots=("s",), slot_keep_bytes=10**6), [("H032", "public.users", "error")]),
        (Production(standbys=(), slots=("s",), slot_keep_bytes=-1), [("H032", "public.users", None)]),
    ],
)
def test_who_must_follow_much_wal_is_told(known: Production, expected: list[object]) -> None:
    assert told(list(room.wal(rewriting(rows=1e7, production=known)))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("each", "connections", "expected"), [(64, 100, []), (2, 1, [("H033", None, None)]), (1, 1, [("H033", None, "error")])]
)
def test_one_transaction_must_fit_into_the_lock_table(each: int, connections: int, expected: list[object]) -> None:
    script = Script().did("SELECT 1", (USERS, "AccessShareLock"), (KEYS, "AccessShareLock"), (KEYS, "ShareLock"))
    known = Production(max_locks_per_transaction=each, max_connections=connections, max_prepared_transactions=0)
    assert told(list(room.lock_table(scene(script, production=known)))) == expected
