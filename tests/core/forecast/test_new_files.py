"""Which new files are tables written anew, and which only look like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lockage.core.forecast.new_files import filled_indexes, rewritten
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Traced
from support.traces import BEFORE, EVENTS_1, KEYS, KEYS_PKEY, USERS, Script, users_key

RULES = CatalogRules(foreign_keys=(users_key(),))


def with_new_files(*oids: int) -> CatalogMark:
    relations = dict(BEFORE.relations)
    relations |= {oid: replace(relations[oid], relfilenode=100 + oid) for oid in oids}
    return CatalogMark(relations=relations)


def step(sql: str, *oids: int, inner: Sequence[str] | None = None) -> Traced:
    return Script(rules=RULES).did(sql, after=with_new_files(*oids), inner=inner).steps[-1]


def named(found: Traced) -> list[str]:
    return [relation.relation for relation in rewritten(found)]


def test_a_table_with_a_new_file_was_written_anew() -> None:
    assert named(step("ALTER TABLE users ALTER id TYPE bigint", USERS)) == ["public.users"]


@pytest.mark.parametrize(
    ("truncate", "oids"),
    [
        ("TRUNCATE users", [USERS]),
        ("TRUNCATE users CASCADE", [USERS, KEYS, KEYS_PKEY]),
        ("TRUNCATE keys", [KEYS, KEYS_PKEY]),
        ("TRUNCATE events", [EVENTS_1]),
    ],
)
def test_to_truncate_a_table_writes_nothing_anew_from_within_a_block_either(truncate: str, oids: list[int]) -> None:
    for found in (step(truncate, *oids), step(f"DO $$ BEGIN {truncate}; END $$", *oids, inner=[truncate])):
        assert named(found) == []
        assert list(filled_indexes(found)) == []


def test_what_a_block_writes_anew_beside_a_truncated_table_is_seen() -> None:
    texts = ["TRUNCATE keys", "ALTER TABLE users ALTER id TYPE bigint"]
    assert named(step(f"DO $$ BEGIN {'; '.join(texts)}; END $$", USERS, KEYS, inner=texts)) == ["public.users"]


def test_a_table_that_a_block_both_writes_anew_and_truncates_counts_as_written() -> None:
    texts = ["ALTER TABLE users ALTER id TYPE bigint", "TRUNCATE users"]
    assert named(step(f"DO $$ BEGIN {'; '.join(texts)}; END $$", USERS, inner=texts)) == ["public.users"]


def test_the_indexes_of_a_table_that_was_written_anew_were_filled_anew() -> None:
    found = step("ALTER TABLE keys ALTER id TYPE bigint", KEYS, KEYS_PKEY)
    assert [(index.oid, table.oid) for index, table in filled_indexes(found)] == [(KEYS_PKEY, KEYS)]
