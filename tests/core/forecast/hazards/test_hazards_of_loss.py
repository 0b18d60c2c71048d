"""Hazards of what no rollback brings back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.hazards import loss
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Failure
from support.hazard_scenes import scene, sized, told
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USER_VIEW, USERS, Script, mark, relation, users_key

SIZES = sized(users=3000.0, keys=20.0, events_1=7.0)
KEY = users_key()


def without(*oids: int) -> CatalogMark:
    return mark(*(relation for oid, relation in BEFORE.relations.items() if oid not in oids))


def emptied(*oids: int) -> CatalogMark:
    return mark(*(replace(r, relfilenode=900 + oid) if oid in oids else r for oid, r in BEFORE.relations.items()))


def thrown_away(script: Script) -> list[Found]:
    return list(loss.rows_thrown_away(scene(script, sizes=SIZES)))


@pytest.mark.parametrize(
    ("sql", "after", "sentence"),
    [
        ("DROP TABLE users", without(USERS), "public.users is dropped with 3000 rows"),
        ("TRUNCATE users", emptied(USERS), "public.users is emptied of 3000 rows"),
        ("DELETE FROM users", BEFORE, "public.users is emptied of 3000 rows"),
        ("ALTER TABLE users DROP COLUMN name", BEFORE, "column name of public.users is dropped in 3000 rows"),
        ("DROP TABLE events", without(EVENTS, EVENTS_1), "public.events is dropped with 7 rows"),
        ("DROP TABLE events_1", without(EVENTS_1), "public.events_1 is dropped with 7 rows"),
    ],
)
def test_rows_that_go_are_told_with_their_number(sql: str, after: CatalogMark, sentence: str) -> None:
    (found,) = thrown_away(Script().did(sql, after=after))
    assert found.sentence == f"{sentence}: once committed, only a backup has them"


@pytest.mark.parametrize(
    "script",
    [
        Script().did("DROP VIEW user_view", after=without(USER_VIEW)),
        Script().did("DELETE FROM users WHERE id = 1"),
        Script().did("ALTER TABLE users RENAME COLUMN a TO b"),
        Script().did("ALTER TABLE users ADD COLUMN a int").did("ALTER TABLE users DROP COLUMN a"),
        Script().did("DROP TABLE users", failure=Failure(sqlstate="2BP01", message="m")),
        Script().did("ALTER TABLE users ALTER COLUMN a TYPE bigint", after=emptied(USERS)),
        Script()
        .did("CREATE TABLE new (id int)", after=mark(*BEFORE.relations.values(), relation(50, "new")))
        .did("DROP TABLE new", after=BEFORE),
    ],
)
def test_what_had_no_rows_or_keeps_them_is_no_loss(script: Script) -> None:
    assert thrown_away(script) == []


def test_an_empty_table_is_no_loss() -> None:
    dropped = Script().did("DROP TABLE users", after=without(USERS))
    assert list(loss.rows_thrown_away(scene(dropped, sizes=sized(users=0.0)))) == []


def test_what_cascade_takes_along_is_named() -> None:
    rules = CatalogRules(foreign_keys=(KEY,))
    (found,) = loss.taken_along(scene(Script(rules=rules).did("DROP TABLE users CASCADE", after=without(USERS, USER_VIEW))))
    assert told([found]) == [("H071", "public.user_view", None)]
    assert found.sentence == "beside what it names it drops view public.user_view, foreign key keys_user of public.keys"
    (found,) = loss.taken_along(scene(Script().did("TRUNCATE users CASCADE", after=emptied(USERS, KEYS))))
    assert found.sentence == "beside what it names it empties public.keys"


def test_what_is_named_is_not_taken_along() -> None:
    rules = CatalogRules(foreign_keys=(KEY,))
    named = Script(rules=rules).did("DROP VIEW user_view", after=without(USER_VIEW))
    named.did("ALTER TABLE keys DROP CONSTRAINT keys_user").did("DROP TABLE users", after=without(USERS, USER_VIEW))
    named.did("DROP TABLE events CASCADE", after=without(USERS, USER_VIEW, EVENTS, EVENTS_1))
    assert list(loss.taken_along(scene(named))) == []


def test_rows_that_are_gone_already_are_not_lost_again() -> None:
    truncated = Script().did("TRUNCATE users CASCADE", after=emptied(USERS, KEYS))
    assert [one.relation for one in thrown_away(truncated)] == ["public.users", "public.keys"]
    dropped = truncated.did("DROP TABLE users, keys", after=without(USERS, KEYS, USER_VIEW))
    dropped.did("TRUNCATE events", after=without(USERS, KEYS, USER_VIEW))
    assert [(one.relation, one.line) for one in thrown_away(dropped)] == [("public.users", 1), ("public.keys", 1)]
    deleted = (
        Script().did("DELETE FROM users").did("ALTER TABLE users DROP COLUMN name").did("TRUNCATE users", after=emptied(USERS))
    )
    assert len(thrown_away(deleted)) == 1


def test_a_partitioned_table_whose_partitions_are_empty_loses_nothing_more() -> None:
    script = Script().did("TRUNCATE events", after=emptied(EVENTS_1)).did("DROP TABLE events", after=without(EVENTS, EVENTS_1))
    assert [one.sentence.split(":")[0] for one in thrown_away(script)] == ["public.events_1 is emptied of 7 rows"]


def test_rows_that_a_rollback_brought_back_are_lost_anew() -> None:
    script = Script().did("TRUNCATE users", after=emptied(USERS)).did("ROLLBACK", after=BEFORE, open_behind=False)
    script.did("DROP TABLE users", transaction=2, after=without(USERS))
    assert ["is dropped with" in one.sentence for one in thrown_away(script)] == [False, True]


def test_what_was_emptied_along_before_is_named_once() -> None:
    twice = Script().did("TRUNCATE users CASCADE", after=emptied(USERS, KEYS))
    twice.did("TRUNCATE users CASCADE", after=mark(*(replace(r, relfilenode=2000 + o) for o, r in BEFORE.relations.items())))
    first, *others = loss.taken_along(scene(twice))
    assert first.sentence == "beside what it names it empties public.keys"
    assert not any("public.keys" in one.sentence for one in others)


def test_what_a_block_writes_anew_beside_what_it_truncates_keeps_its_rows() -> None:
    texts = ["TRUNCATE keys", "ALTER TABLE users ALTER id TYPE text"]
    script = Script().did(f"DO $$ BEGIN {'; '.join(texts)}; END $$", after=emptied(USERS, KEYS), inner=texts)
    assert [one.relation for one in thrown_away(script)] == ["public.keys"]
    both = Script().did("DO $$ BEGIN x; END $$", after=emptied(USERS), inner=["ALTER TABLE users ADD a int", "TRUNCATE users"])
    assert [one.relation for one in thrown_away(both)] == ["public.users"]
