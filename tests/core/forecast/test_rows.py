"""Rows that statements change or lock, across foreign keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.rows import row_locks, row_locks_of_plans
from lockage.core.forecast.trace import CatalogRules, ForeignKey
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import ChangeKind
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USERS


def key(on_delete: str = "a", on_update: str = "a") -> ForeignKey:
    return ForeignKey(
        name="f",
        child_oid=KEYS,
        parent_oid=USERS,
        child_columns=("user_id",),
        parent_columns=("id",),
        on_delete=on_delete,
        on_update=on_update,
    )


def locked(sql: str, *keys: ForeignKey, held: set[int] | None = None) -> set[int]:
    (statement,) = split_statements(sql, file="f")
    rules = CatalogRules(foreign_keys=keys)
    return {lock.oid for lock in row_locks(statement.changes, mark=BEFORE, rules=rules, held=held) if lock.rows}


@pytest.mark.parametrize(
    ("sql", "oids"),
    [
        ("INSERT INTO keys VALUES (1, 2)", {USERS}),
        ("INSERT INTO keys (id, user_id) VALUES (1, 2)", {USERS}),
        ("INSERT INTO keys (id, user_id) VALUES (1, NULL)", set()),
        ("INSERT INTO keys (id) VALUES (1)", set()),
        ("INSERT INTO keys (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", {KEYS}),
        ("UPDATE keys SET user_id = 3", {KEYS, USERS}),
        ("UPDATE keys SET user_id = NULL", {KEYS}),
        ("UPDATE keys SET a = 1", {KEYS}),
        ("DELETE FROM keys", {KEYS}),
        ("DELETE FROM users", {USERS}),
        ("UPDATE users SET id = 3", {USERS}),
        ("SELECT * FROM keys FOR UPDATE", {KEYS}),
        ("SELECT * FROM keys", set()),
    ],
)
def test_a_foreign_key_locks_the_parents_row_only_when_it_is_looked_up(sql: str, oids: set[int]) -> None:
    assert locked(sql, key()) == oids


@pytest.mark.parametrize("action", ["c", "n", "d"])
def test_an_action_on_delete_changes_the_children(action: str) -> None:
    assert locked("DELETE FROM users", key(on_delete=action)) == {USERS, KEYS}


def test_an_action_on_update_needs_the_key_to_change() -> None:
    assert locked("UPDATE users SET name = 'x'", key(on_update="c")) == {USERS}
    assert locked("UPDATE users SET id = 3", key(on_update="c")) == {USERS, KEYS}


def test_a_table_that_refers_to_itself_comes_to_an_end() -> None:
    own = ForeignKey(
        name="f",
        child_oid=USERS,
        parent_oid=USERS,
        child_columns=("boss",),
        parent_columns=("id",),
        on_delete="c",
        on_update="c",
    )
    assert locked("DELETE FROM users", own) == {USERS}


def test_of_a_changed_tables_partitions_only_those_that_were_locked_count() -> None:
    assert locked("UPDATE events SET a = 1", held={EVENTS, EVENTS_1}) == {EVENTS, EVENTS_1}
    assert locked("UPDATE events SET a = 1 WHERE day = 3", held={EVENTS}) == {EVENTS}


def test_two_changes_of_one_table_make_the_worse_of_both() -> None:
    statements = split_statements(
        "UPDATE keys SET user_id = NULL WHERE a = 1; UPDATE keys SET user_id = 3; UPDATE keys SET user_id = NULL WHERE b = 1",
        file="f",
    )
    changes = [change for statement in statements for change in statement.changes]
    found = {
        lock.oid: lock
        for lock in row_locks(changes, mark=BEFORE, rules=CatalogRules(foreign_keys=(key(),)))
        if not lock.constants
    }
    assert found[KEYS].all_rows
    assert USERS in found


def plan(text: str, oid: int, **below: object) -> dict[str, object]:
    top = {"Node Type": "ModifyTable", "Operation": "Update", "Relation OID": oid, "Plans": [{"Node Type": "Result", **below}]}
    return {"Query Text": text, "Plan": top}


def test_a_plan_tells_what_a_view_or_a_rule_leads_to() -> None:
    update = "update user_view set name = 'x'"
    assert [lock.oid for lock in row_locks_of_plans([plan(update, USERS)], mark=BEFORE)] == [USERS]
    assert row_locks_of_plans([plan(update, USERS)], mark=BEFORE, told={update: frozenset({USERS})}) == ()
    (beside,) = row_locks_of_plans([plan(update, KEYS)], mark=BEFORE, told={update: frozenset({USERS})})
    assert beside.oid == KEYS


def test_a_plan_that_never_finds_a_row_locks_none() -> None:
    assert row_locks_of_plans([plan("q", USERS, **{"One-Time Filter": "false"})], mark=BEFORE) == ()


def test_a_row_that_may_go_to_another_partition_is_inserted_there() -> None:
    refers = replace(key(), child_oid=EVENTS, child_columns=("user_id",))
    rules = CatalogRules(foreign_keys=(refers,), partition_keys={EVENTS: ("at",)})

    def found(sql: str) -> set[tuple[int, ChangeKind]]:
        (statement,) = split_statements(sql, file="f")
        return {(lock.oid, lock.event) for lock in row_locks(statement.changes, mark=BEFORE, rules=rules)}

    moved = found("UPDATE events SET at = 1 WHERE id = 2")
    assert {(USERS, ChangeKind.LOCK), (EVENTS, ChangeKind.INSERT), (EVENTS, ChangeKind.DELETE)} <= moved
    assert found("UPDATE events SET name = 'x' WHERE id = 2") == {(EVENTS, ChangeKind.UPDATE), (EVENTS_1, ChangeKind.UPDATE)}
