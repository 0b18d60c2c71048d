"""What is held from which statement to which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.timeline import Hold, holds
from lockage.core.forecast.trace import CatalogRules, ViewBelow
from support.traces import (
    BEFORE,
    EVENTS,
    EVENTS_1,
    KEYS,
    KEYS_PKEY,
    SERIAL,
    USER_VIEW,
    USERS,
    Script,
    mark,
    relation,
    users_key,
)

EXCLUSIVE = "AccessExclusiveLock"


def held(script: Script) -> list[Hold]:
    return list(holds(script.trace(), [()] * len(script.steps)))


def seen(script: Script) -> set[tuple[int, str | None, Blocks, int, int]]:
    return {(h.oid, h.mode, h.blocks, h.first, h.last) for h in held(script)}


def test_a_lock_lasts_from_its_statement_to_the_end_of_its_transaction() -> None:
    script = Script().did("SELECT 1").did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE)).did("SELECT 2", (USERS, EXCLUSIVE))
    assert seen(script) == {(USERS, EXCLUSIVE, Blocks.READS, 1, 2)}


def test_a_commit_in_the_file_ends_it_and_the_next_transaction_takes_it_anew() -> None:
    script = (
        Script()
        .did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE))
        .did("COMMIT", open_behind=False)
        .did("ALTER TABLE users ADD b int", (USERS, EXCLUSIVE), transaction=2)
    )
    assert seen(script) == {(USERS, EXCLUSIVE, Blocks.READS, 0, 1), (USERS, EXCLUSIVE, Blocks.READS, 2, 2)}


def test_a_rollback_to_a_savepoint_gives_the_lock_back() -> None:
    script = (
        Script().did("SAVEPOINT s").did("ALTER TABLE users ADD a int", (USERS, EXCLUSIVE)).did("ROLLBACK TO s").did("SELECT 1")
    )
    assert seen(script) == {(USERS, EXCLUSIVE, Blocks.READS, 1, 2)}


def test_rows_changed_behind_a_savepoint_are_given_back_too() -> None:
    script = (
        Script()
        .did("SAVEPOINT s")
        .did("UPDATE users SET a = 1", (USERS, "RowExclusiveLock"))
        .did("ROLLBACK TO s")
        .did("SELECT 1")
    )
    assert {(h.first, h.last) for h in held(script) if h.blocks is Blocks.ROWS} == {(1, 2)}


def test_a_full_update_blocks_rows_though_its_table_lock_blocks_nobody() -> None:
    script = Script().did("UPDATE users SET a = 1", (USERS, "RowExclusiveLock"))
    assert {h.blocks for h in held(script)} == {Blocks.NONE, Blocks.ROWS}


def test_what_the_script_made_holds_up_nobody() -> None:
    after = mark(*BEFORE.relations.values(), relation(99, "fresh"))
    script = Script().did("CREATE TABLE fresh (i int)", (99, EXCLUSIVE), after=after)
    assert held(script) == []


def test_an_index_made_in_an_earlier_transaction_holds_up_users_of_its_old_table() -> None:
    after = mark(*BEFORE.relations.values(), relation(99, "fresh_idx", "i", table=USERS))
    script = (
        Script()
        .did("CREATE INDEX fresh_idx ON users (a)", (USERS, "ShareLock"), (99, EXCLUSIVE), open_behind=False, after=after)
        .did("ALTER INDEX fresh_idx SET TABLESPACE x", (99, EXCLUSIVE), transaction=2)
    )
    assert [(h.oid, h.via, h.blocks) for h in held(script)] == [
        (USERS, None, Blocks.WRITES),
        (USERS, "public.fresh_idx", Blocks.READS),
    ]


def test_a_lock_on_an_index_counts_for_its_table() -> None:
    (hold,) = held(Script().did("REINDEX INDEX keys_pkey", (KEYS_PKEY, EXCLUSIVE)))
    assert (hold.oid, hold.via, hold.blocks) == (KEYS, "public.keys_pkey", Blocks.READS)


def test_a_toast_table_is_named_after_its_table() -> None:
    toast = replace(relation(99, "", "t", table=KEYS), relation="pg_toast.pg_toast_16541")
    script = Script(start=mark(*BEFORE.relations.values(), toast)).did("ALTER TABLE keys ADD a text", (99, EXCLUSIVE))
    assert [(h.oid, h.via) for h in held(script)] == [(KEYS, "TOAST of public.keys")]


def test_a_lock_on_a_partition_counts_for_it_and_for_the_table_above() -> None:
    found = held(Script().did("LOCK TABLE events_1", (EVENTS_1, EXCLUSIVE)))
    assert {(h.oid, h.via) for h in found} == {(EVENTS_1, None), (EVENTS, "public.events_1")}


def test_a_lock_on_a_sequence_stops_writers_that_draw_from_it_but_no_reader() -> None:
    rules = CatalogRules(sequences={SERIAL: (KEYS,)})
    (hold,) = held(Script(rules=rules).did("ALTER SEQUENCE keys_id_seq RESTART", (SERIAL, EXCLUSIVE)))
    assert (hold.oid, hold.via, hold.blocks) == (KEYS, "public.keys_id_seq", Blocks.WRITES)


def test_a_table_made_anew_under_the_old_name_is_the_old_one_to_its_users() -> None:
    rest = [r for r in BEFORE.relations.values() if r.oid != USERS]
    gone, again = mark(*rest), mark(*rest, relation(50, "users"))
    script = (
        Script()
        .did("DROP TABLE users", (USERS, EXCLUSIVE), after=gone)
        .did("CREATE TABLE users (i int)", (USERS, EXCLUSIVE), (50, EXCLUSIVE), after=again)
        .did("COMMIT", open_behind=False)
        .did("ALTER TABLE users ADD j int", (50, EXCLUSIVE), transaction=2)
    )
    assert [(h.oid, h.first) for h in held(script)] == [(USERS, 0), (USERS, 3)]


def test_a_renamed_table_keeps_its_oid_and_with_it_its_old_name() -> None:
    renamed = mark(*[relation(r.oid, "people") if r.oid == USERS else r for r in BEFORE.relations.values()])
    script = (
        Script()
        .did("ALTER TABLE users RENAME TO people", open_behind=False, after=renamed)
        .did("ALTER TABLE people ADD a int", (USERS, EXCLUSIVE), transaction=2)
    )
    assert [h.oid for h in held(script)] == [USERS]


def test_deleting_parents_changes_rows_of_children_by_cascade_though_no_lock_on_them_was_seen() -> None:
    script = Script(rules=CatalogRules(foreign_keys=(users_key("c"),))).did("DELETE FROM users", (USERS, "RowExclusiveLock"))
    assert {h.oid for h in held(script) if h.blocks is Blocks.ROWS} == {USERS, KEYS}


REFERS = users_key()


def parents_locked(*statements: str) -> bool:
    script = Script(rules=CatalogRules(foreign_keys=(REFERS,)))
    for statement in statements:
        script.did(statement)
    return any(hold.oid == USERS and hold.blocks is Blocks.ROWS for hold in held(script))


def test_a_parent_that_the_transaction_made_itself_holds_up_nobody() -> None:
    child = "INSERT INTO keys (id, user_id) VALUES (1, 7), (2, 8)"
    assert parents_locked(child)
    assert parents_locked("INSERT INTO users (id) VALUES (7)", child)
    assert not parents_locked("INSERT INTO users (id) VALUES (7), (8)", child)
    assert not parents_locked(child, "INSERT INTO users (id) VALUES (7), (8)")
    assert parents_locked("INSERT INTO users (id) VALUES (7), (8) ON CONFLICT DO NOTHING", child)
    assert parents_locked("SAVEPOINT s", "INSERT INTO users (id) VALUES (7), (8)", "ROLLBACK TO s", child)


def test_rows_that_the_transaction_inserted_itself_are_nobodys() -> None:
    rules = CatalogRules(unique_keys={USERS: (("id",),)}, columns={USERS: ("id", "name")})

    def rows(*texts: str) -> int:
        script = Script(rules=rules)
        for text in texts:
            script.did(text, (USERS, "RowExclusiveLock"))
        return sum(hold.blocks is Blocks.ROWS for hold in held(script))

    insert = "INSERT INTO users (id, name) VALUES (900, 'x')"
    assert rows(insert, "UPDATE users SET name = 'y' WHERE id = 900", "DELETE FROM users WHERE id = 900") == 0
    assert rows(insert, "UPDATE users SET name = 'y' WHERE id = 901") == 1
    assert rows(insert, "UPDATE users SET id = 5 WHERE name = 'x'") == 1
    assert rows(insert + " ON CONFLICT DO NOTHING", "DELETE FROM users WHERE id = 900") == 1


def test_rows_named_by_a_whole_key_are_pinned() -> None:
    rules = CatalogRules(unique_keys={KEYS: (("id",), ("a", "b"))})

    def pinned(text: str) -> list[bool]:
        return [hold.pinned for hold in held(Script(rules=rules).did(text)) if hold.blocks is Blocks.ROWS]

    assert pinned("DELETE FROM keys WHERE id = 1 AND name = 'x'") == [True]
    assert pinned("DELETE FROM keys WHERE a = 1") == [False]
    assert pinned("DELETE FROM keys WHERE a = 1 AND b = 2") == [True]
    assert pinned("DELETE FROM keys WHERE id > 1") == [False]


def test_statements_in_a_block_that_differ_in_a_constant_alone_are_held_each_by_itself() -> None:
    texts = ["UPDATE keys SET a = 1 WHERE name = 'one'", "UPDATE keys SET a = 1 WHERE name = 'two'"]
    plans = tuple(
        {"Query Text": text, "Plan": {"Node Type": "ModifyTable", "Operation": "Update", "Relation OID": KEYS}}
        for text in texts
    )

    def constants(times: int) -> set[tuple[tuple[str, int | str], ...]]:
        script = Script().did("SELECT f()", (KEYS, "RowExclusiveLock"))
        (step,) = script.steps
        script.steps = [replace(step, observation=replace(step.observation, plans=plans * times))]
        return {hold.constants for hold in held(script) if hold.blocks is Blocks.ROWS}

    assert constants(1) == {(("name", "one"),), (("name", "two"),)}
    assert constants(500) == {()}  # there may have been more, of which nothing is known


def test_of_two_locked_tables_of_one_name_the_plan_says_which_is_meant() -> None:
    other = replace(relation(50, "keys"), relation="archive.keys")
    delete = "DELETE FROM keys WHERE id = 1"
    script = Script(start=mark(*BEFORE.relations.values(), other)).did(
        delete, (KEYS, "RowExclusiveLock"), (50, "RowExclusiveLock")
    )
    (step,) = script.steps
    plan = {"Query Text": delete, "Plan": {"Node Type": "ModifyTable", "Operation": "Delete", "Relation OID": KEYS}}

    def rows() -> set[int]:
        return {hold.oid for hold in held(script) if hold.blocks is Blocks.ROWS}

    assert rows() == {KEYS, 50}
    script.steps = [replace(step, observation=replace(step.observation, plans=(plan,)))]
    assert rows() == {KEYS}


KEYED = CatalogRules(unique_keys={USERS: (("id",),)})


@pytest.mark.parametrize("key", ["7", "'tmp'"])
def test_rows_that_the_script_inserted_itself_are_nobody_elses(key: str) -> None:
    script = (
        Script(rules=KEYED)
        .did(f"INSERT INTO users (id) VALUES ({key})", (USERS, "RowExclusiveLock"))
        .did(f"DELETE FROM users WHERE id = {key}", (USERS, "RowExclusiveLock"))
    )
    assert {h.blocks for h in held(script)} == {Blocks.NONE}


@pytest.mark.parametrize("key", ["7", "'tmp'"])
def test_a_row_that_is_deleted_and_inserted_anew_was_somebodys(key: str) -> None:
    script = (
        Script(rules=KEYED)
        .did(f"DELETE FROM users WHERE id = {key}", (USERS, "RowExclusiveLock"))
        .did(f"INSERT INTO users (id) VALUES ({key})", (USERS, "RowExclusiveLock"))
        .did(f"UPDATE users SET a = 1 WHERE id = {key}", (USERS, "RowExclusiveLock"))
    )
    assert {(h.first, h.last) for h in held(script) if h.blocks is Blocks.ROWS} == {(0, 2)}


def test_a_text_that_is_one_value_only_in_some_types_is_no_key_of_ones_own() -> None:
    script = (
        Script(rules=KEYED)
        .did("INSERT INTO users (id) VALUES ('tmp')", (USERS, "RowExclusiveLock"))
        .did("DELETE FROM users WHERE id = 'Tmp'", (USERS, "RowExclusiveLock"))
    )
    assert {(h.first, h.blocks) for h in held(script)} == {(0, Blocks.NONE), (1, Blocks.ROWS)}


@pytest.mark.parametrize(
    ("sql", "pinned"),
    [
        ("UPDATE users SET id = 2 WHERE id = 1", True),
        ("DELETE FROM users WHERE id = 'a-1'::uuid", True),
        ("DELETE FROM users WHERE id > 1", False),
        ("UPDATE users SET a = 1 FROM keys WHERE keys.id = 1", False),
    ],
)
def test_rows_are_pinned_where_a_whole_key_is_written_out(sql: str, pinned: bool) -> None:
    script = Script(rules=KEYED).did(sql, (USERS, "RowExclusiveLock"))
    assert {h.pinned for h in held(script) if h.blocks is Blocks.ROWS} == {pinned}


def test_rows_that_a_view_names_by_the_tables_key_are_pinned() -> None:
    shown = ViewBelow(table_oid=USERS, columns=("id",), filtered=False)
    rules = replace(KEYED, views={USER_VIEW: (USERS,)}, views_below={USER_VIEW: (shown,)}, columns={USER_VIEW: ("no",)})
    script = Script(rules=rules).did("DELETE FROM user_view WHERE no = 5", (USERS, "RowExclusiveLock"))
    assert {(h.oid, h.pinned) for h in held(script) if h.blocks is Blocks.ROWS} == {(USERS, True)}


def test_what_reaches_a_table_from_its_heir_is_known_to() -> None:
    heir = relation(50, "heirs", parents=(USERS,))
    start = mark(*BEFORE.relations.values(), heir)
    locked = Script(start=start).did("LOCK TABLE heirs", (50, EXCLUSIVE))
    assert {(h.oid, h.of_heir) for h in held(locked)} == {(50, False), (USERS, True)}
    deleted = Script(start=start).did("DELETE FROM heirs", (50, "RowExclusiveLock"))
    assert {(h.oid, h.of_heir) for h in held(deleted) if h.blocks is Blocks.ROWS} == {(50, False), (USERS, True)}
    partition = Script().did("LOCK TABLE events_1", (EVENTS_1, EXCLUSIVE))
    assert {h.of_heir for h in held(partition)} == {False}


def test_nobody_refers_to_a_row_of_the_scripts_own() -> None:
    rules = CatalogRules(foreign_keys=(users_key("c"),), unique_keys={USERS: (("id",),), KEYS: (("id",),)})
    own = Script(rules=rules).did("INSERT INTO users (id) VALUES (7)").did("DELETE FROM users WHERE id = 7")
    other = Script(rules=rules).did("INSERT INTO users (id) VALUES (7)").did("DELETE FROM users WHERE id = 8")
    assert [h.oid for h in held(own) if h.blocks is Blocks.ROWS] == []
    assert {h.oid for h in held(other) if h.blocks is Blocks.ROWS} == {USERS, KEYS}


def test_a_row_of_the_scripts_own_that_comes_to_refer_to_another_locks_that_one() -> None:
    rules = CatalogRules(foreign_keys=(users_key("c"),), unique_keys={USERS: (("id",),), KEYS: (("id",),)})
    begun = Script(rules=rules).did("INSERT INTO keys (id) VALUES (7)")
    refers = begun.did("UPDATE keys SET user_id = 1 WHERE id = 7").did("UPDATE keys SET a = 1 WHERE id = 7")
    assert [h.oid for h in held(refers) if h.blocks is Blocks.ROWS] == [USERS]
