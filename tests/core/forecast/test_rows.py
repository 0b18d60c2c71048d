"""Rows that statements change or lock, across foreign keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.rows import row_locks
from lockage.core.forecast.rows_of_plans import as_doubted, idle_in, row_locks_of_plans, targets_of
from lockage.core.forecast.trace import CatalogMark, CatalogRules, ForeignKey, Trigger
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import ChangeKind
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USER_VIEW, USERS, mark, relation, users_key


def locked(
    sql: str,
    *keys: ForeignKey,
    held: set[int] | None = None,
    targets: dict[int, set[int]] | None = None,
    before: CatalogMark = BEFORE,
) -> set[int]:
    (statement,) = split_statements(sql, file="f")
    rules = CatalogRules(foreign_keys=keys, views={USER_VIEW: (USERS,)})
    found = row_locks(statement.changes, mark=before, rules=rules, held=held, targets=targets or {})
    return {lock.oid for lock in found if lock.rows}


def test_what_an_insert_only_looks_at_where_no_row_is_in_its_way_is_possible() -> None:
    def doubted(sql: str) -> bool:
        (statement,) = split_statements(sql, file="f")
        found = row_locks(statement.changes, mark=BEFORE, rules=CatalogRules(foreign_keys=(users_key(),)))
        return {lock.doubt is not None for lock in found if lock.oid == USERS} == {True}

    assert not doubted("INSERT INTO keys VALUES (1, 2)")
    assert doubted("INSERT INTO keys VALUES (1, 2) ON CONFLICT DO NOTHING")
    assert doubted("INSERT INTO keys VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET a = 1")


def test_an_upsert_may_be_an_update_of_the_columns_that_it_sets() -> None:
    rules = CatalogRules(foreign_keys=(users_key("c", "c"),), unique_keys={USERS: (("id",),)})

    def found(sql: str) -> set[tuple[int, ChangeKind, bool, tuple[str, ...]]]:
        (statement,) = split_statements(sql, file="f")
        locks = row_locks(statement.changes, mark=BEFORE, rules=rules)
        return {(lock.oid, lock.event, lock.strong, lock.columns) for lock in locks if lock.event is ChangeKind.UPDATE}

    insert = "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO "
    assert found(insert + "UPDATE SET name = 'y'") == {(USERS, ChangeKind.UPDATE, False, ("name",))}
    assert found(insert + "UPDATE SET id = 2") == {
        (USERS, ChangeKind.UPDATE, True, ("id",)),
        (KEYS, ChangeKind.UPDATE, False, ("user_id",)),
    }
    assert found(insert + "NOTHING") == set()


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
        ("SELECT * FROM user_view FOR SHARE", {USERS}),
        ("WITH u AS (INSERT INTO users (name) VALUES ('x') RETURNING id) INSERT INTO keys (user_id) SELECT id FROM u", set()),
        ("WITH u AS (INSERT INTO users (name) VALUES ('x') RETURNING id) INSERT INTO keys (user_id) SELECT 3 FROM u", {USERS}),
        (
            "WITH u AS (INSERT INTO users (id) VALUES (3) ON CONFLICT (id) DO NOTHING RETURNING id) "
            "INSERT INTO keys (user_id) SELECT id FROM u",
            {USERS},
        ),
        (
            "WITH u AS (INSERT INTO users (boss) VALUES (3) RETURNING boss) INSERT INTO keys (user_id) SELECT boss FROM u",
            {USERS},
        ),
        ("DELETE FROM keys WHERE id = 1 AND false", set()),
        ("MERGE INTO keys k USING users u ON k.id = u.id WHEN MATCHED THEN DO NOTHING", set()),
        ("MERGE INTO keys k USING users u ON k.id = u.id WHEN MATCHED THEN UPDATE SET a = 1", {KEYS}),
    ],
)
def test_a_foreign_key_locks_the_parents_row_only_when_it_is_looked_up(sql: str, oids: set[int]) -> None:
    assert locked(sql, users_key()) == oids


@pytest.mark.parametrize("action", ["c", "n", "d"])
def test_an_action_on_delete_changes_the_children(action: str) -> None:
    assert locked("DELETE FROM users", users_key(on_delete=action)) == {USERS, KEYS}


def test_an_action_on_update_needs_the_key_to_change() -> None:
    assert locked("UPDATE users SET name = 'x'", users_key(on_update="c")) == {USERS}
    assert locked("UPDATE users SET id = 3", users_key(on_update="c")) == {USERS, KEYS}


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


def test_a_key_that_is_set_to_what_it_is_is_no_change_of_a_key() -> None:
    trigger = Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=("UPDATE",))
    rules = CatalogRules(foreign_keys=(users_key("a", "c"),), unique_keys={USERS: (("id",),)})

    def found(sql: str, rules: CatalogRules = rules) -> dict[int, bool]:
        (statement,) = split_statements(sql, file="f")
        locks = [lock for lock in row_locks(statement.changes, mark=BEFORE, rules=rules) if lock.rows]
        return {oid: any(lock.strong for lock in locks if lock.oid == oid) for oid in {lock.oid for lock in locks}}

    assert found("UPDATE users SET id = id, name = 'x'") == {USERS: False}
    assert found("UPDATE users SET id = id", replace(rules, triggers=(trigger,))) == {USERS: True, KEYS: False}
    behind = replace(trigger, before=False)
    assert found("UPDATE users SET id = id", replace(rules, triggers=(behind,))) == {USERS: False}
    assert found("UPDATE users SET id = name") == {USERS: True, KEYS: False}
    assert found("UPDATE keys SET user_id = user_id") == {KEYS: False}
    assert found("UPDATE keys SET user_id = id") == {KEYS: False, USERS: False}


def test_a_cascade_changes_those_columns_of_a_key_that_the_update_changes() -> None:
    pair = replace(users_key("a", "c"), child_columns=("user_id", "place"), parent_columns=("id", "place"))
    other = ForeignKey(
        name="of_place",
        child_oid=KEYS,
        parent_oid=EVENTS,
        child_columns=("place",),
        parent_columns=("id",),
        on_delete="a",
        on_update="a",
    )
    rules = CatalogRules(foreign_keys=(pair, other), unique_keys={KEYS: (("place",),)})

    def found(sql: str, rules: CatalogRules = rules) -> dict[int, bool]:
        (statement,) = split_statements(sql, file="f")
        locks = row_locks(statement.changes, mark=BEFORE, rules=rules)
        return {lock.oid: lock.strong for lock in locks if lock.rows and lock.oid in {KEYS, EVENTS}}

    assert found("UPDATE users SET id = 3 WHERE id = 1") == {KEYS: False}
    assert found("UPDATE users SET place = 3 WHERE id = 1") == {KEYS: True, EVENTS: False}
    assert found("UPDATE users SET id = 3, place = place WHERE id = 1") == {KEYS: False}
    nulls = replace(rules, foreign_keys=(replace(pair, on_update="n"), other))
    assert found("UPDATE users SET id = 3 WHERE id = 1", nulls) == {KEYS: True}


def test_two_changes_of_one_table_make_the_worse_of_both() -> None:
    statements = split_statements(
        "UPDATE keys SET user_id = NULL WHERE a = 1; UPDATE keys SET user_id = 3; UPDATE keys SET user_id = NULL WHERE b = 1",
        file="f",
    )
    changes = [change for statement in statements for change in statement.changes]
    found = {
        lock.oid: lock
        for lock in row_locks(changes, mark=BEFORE, rules=CatalogRules(foreign_keys=(users_key(),)))
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


def test_a_plan_is_as_doubtful_as_the_text_that_says_what_it_does() -> None:
    planned = row_locks_of_plans([plan("q", USERS)], mark=BEFORE)
    (read,) = (lock for lock in planned if lock.oid == USERS)
    doubted = replace(read, doubt="perhaps")
    assert [lock.doubt for lock in as_doubted(planned, ())] == [None]
    assert [lock.doubt for lock in as_doubted(planned, (doubted,))] == ["perhaps"]
    assert [lock.doubt for lock in as_doubted(planned, (doubted, read))] == [None]
    assert [lock.doubt for lock in as_doubted(planned, (read, doubted))] == [None]
    assert [lock.doubt for lock in as_doubted(planned, (replace(doubted, oid=KEYS), replace(doubted, rows=False)))] == [None]


def test_a_plan_that_never_finds_a_row_locks_none() -> None:
    assert row_locks_of_plans([plan("q", USERS, **{"One-Time Filter": "false"})], mark=BEFORE) == ()


def test_a_table_is_idle_where_every_plan_finds_no_row_of_it() -> None:
    never = {"One-Time Filter": "false"}
    assert idle_in([plan("q", USERS, **never)], "q") == {USERS}
    assert idle_in([plan("q", USERS, **never), plan("q", USERS)], "q") == set()
    assert idle_in([plan("other", USERS, **never)], "q") == set()
    assert idle_in([plan("q", USERS, **{"One-Time Filter": "(now() IS NULL)"})], "q") == set()


def test_a_table_is_idle_where_every_row_would_have_to_be_in_an_empty_list() -> None:
    empty, one = "(id = ANY ('{}'::integer[]))", "(id = ANY ('{1}'::integer[]))"
    assert idle_in([plan("q", USERS, **{"Index Cond": empty})], "q") == {USERS}
    assert idle_in([plan("q", USERS, Filter=f"((a > 1) AND {empty})")], "q") == {USERS}
    assert idle_in([plan("q", USERS, Filter=f"((a > 1) OR {empty})")], "q") == set()
    assert idle_in([plan("q", USERS, **{"Index Cond": one})], "q") == set()
    assert idle_in([plan("q", USERS, Filter=f"(NOT (hashed SubPlan 1)) AND {empty}")], "q") == set()
    assert idle_in([plan("q", USERS, **{"Join Filter": empty})], "q") == set()
    parts = [{"Node Type": "Seq Scan", "Filter": empty}, {"Node Type": "Index Scan", "Index Cond": empty}]
    assert idle_in([plan("q", USERS, **{"Node Type": "Append", "Plans": parts})], "q") == {USERS}
    assert idle_in([plan("q", USERS, **{"Node Type": "Append", "Plans": [*parts, {"Node Type": "Seq Scan"}]})], "q") == set()
    assert idle_in([plan("q", USERS, **{"Node Type": "Append", "Plans": parts, "Subplans Removed": 1})], "q") == set()


def test_a_table_is_idle_where_a_row_would_have_to_have_null_in_a_column_that_takes_none() -> None:
    rules = CatalogRules(not_null={USERS: ("id",)})
    reading = {"Node Type": "Seq Scan", "Relation OID": USERS, "Alias": "u"}
    for condition, idle in {
        "(u.id IS NULL)": {USERS},
        "((u.id IS NULL) AND (u.name = 'x'::text))": {USERS},
        "((u.id IS NULL) OR (u.name = 'x'::text))": set(),
        "(u.name IS NULL)": set(),
        "(k.id IS NULL)": set(),  # of another table, around a subquery
        "(u.id IS NOT NULL)": set(),
        "((u.id + 1) IS NULL)": set(),
    }.items():
        assert idle_in([plan("q", USERS, **reading, Filter=condition)], "q", rules) == idle, condition
        assert idle_in([plan("q", USERS, **reading, Filter=condition)], "q") == set()
        assert {
            lock.oid for lock in row_locks_of_plans([plan("q", USERS, **reading, Filter=condition)], mark=BEFORE, rules=rules)
        } == ({USERS} - idle)


def test_a_row_that_may_go_to_another_partition_is_inserted_there() -> None:
    refers = replace(users_key(), child_oid=EVENTS, child_columns=("user_id",))
    rules = CatalogRules(foreign_keys=(refers,), partition_keys={EVENTS: ("at",)})

    def found(sql: str) -> set[tuple[int, ChangeKind]]:
        (statement,) = split_statements(sql, file="f")
        return {(lock.oid, lock.event) for lock in row_locks(statement.changes, mark=BEFORE, rules=rules)}

    moved = found("UPDATE events SET at = 1 WHERE id = 2")
    assert {(USERS, ChangeKind.LOCK), (EVENTS, ChangeKind.INSERT), (EVENTS, ChangeKind.DELETE)} <= moved
    assert found("UPDATE events SET name = 'x' WHERE id = 2") == {(EVENTS, ChangeKind.UPDATE), (EVENTS_1, ChangeKind.UPDATE)}


def test_of_several_tables_of_one_name_those_are_meant_that_were_locked() -> None:
    other = replace(relation(50, "keys"), relation="tenant.keys")
    before = mark(*BEFORE.relations.values(), other)
    assert locked("UPDATE keys SET a = 1", held={50}, before=before) == {50}
    assert locked("UPDATE keys SET a = 1", held={KEYS, 50}, before=before) == {KEYS, 50}
    assert locked("UPDATE keys SET a = 1", held=set(), before=before) == {KEYS}
    assert locked("UPDATE public.keys SET a = 1", held={50}, before=before) == {KEYS}


def test_rows_change_only_in_the_partitions_that_the_plan_goes_to() -> None:
    update = "update events set a = 1 where id = 3"
    top: dict[str, object] = {"Node Type": "ModifyTable", "Relation OID": EVENTS, "Target Tables": [{"Relation OID": 77}]}
    plans = [{"Query Text": update, "Plan": top}, {"Query Text": "of a trigger", "Plan": {**top, "Relation OID": KEYS}}]
    assert targets_of(plans, update) == {EVENTS: {77}}
    both = {EVENTS, EVENTS_1}
    assert locked(update, held=both, targets={EVENTS: {77}}) == {EVENTS}
    assert locked(update, held=both, targets={EVENTS: {EVENTS_1}}) == both


def test_rows_are_locked_only_in_the_heirs_that_the_plan_reads() -> None:
    select = "select * from events where id = 3 for update"
    scan = {"Node Type": "Append", "Plans": [{"Node Type": "Seq Scan", "Relation OID": EVENTS}]}
    plans = [{"Query Text": select, "Plan": {"Node Type": "LockRows", "Plans": [scan]}}]
    targets = {oid: set(found) for oid, found in targets_of(plans, select).items()}
    assert locked(select, held={EVENTS, EVENTS_1}, targets=targets) == {EVENTS}


def test_rows_that_follow_their_parents_know_by_which_key() -> None:
    (statement,) = split_statements("DELETE FROM users WHERE id = 1", file="f")
    rules = CatalogRules(foreign_keys=(users_key(on_delete="c"),))
    (below,) = [lock for lock in row_locks(statement.changes, mark=BEFORE, rules=rules) if lock.oid == KEYS]
    assert below.by_key is not None
    assert (below.by_key.child_columns, below.by_key.root_oid) == (("user_id",), USERS)


EVENTS_2 = 12
PARTITIONED = mark(*BEFORE.relations.values(), relation(EVENTS_2, "events_2", table=EVENTS, parents=(EVENTS,)))


def doubted(sql: str, *keys: ForeignKey, held: set[int] | None = None) -> dict[int, bool]:
    """By oid of what has rows locked: whether perhaps none of them is met."""
    (statement,) = split_statements(sql, file="f")
    found = row_locks(statement.changes, mark=PARTITIONED, rules=CatalogRules(foreign_keys=keys), held=held)
    return {lock.oid: lock.doubt is not None for lock in found if lock.rows}


@pytest.mark.parametrize(
    ("sql", "doubts"),
    [
        ("DELETE FROM keys WHERE id = 1", {KEYS: False}),
        ("DELETE FROM keys USING users WHERE users.id = keys.id", {KEYS: True}),
        ("UPDATE keys SET a = 1 WHERE id IN (SELECT id FROM users)", {KEYS: True}),
        ("UPDATE events SET a = 1", {EVENTS: False, EVENTS_1: False, EVENTS_2: False}),
        ("UPDATE events SET a = 1 WHERE id = 1", {EVENTS: False, EVENTS_1: True, EVENTS_2: True}),
    ],
)
def test_rows_that_hang_on_other_tables_or_may_lie_elsewhere_are_doubtful(sql: str, doubts: dict[int, bool]) -> None:
    assert doubted(sql) == doubts


def test_the_only_partition_that_was_locked_has_the_rows() -> None:
    assert doubted("UPDATE events SET a = 1 WHERE id = 1", held={EVENTS, EVENTS_1}) == {EVENTS: False, EVENTS_1: False}


def test_whether_rows_refer_to_those_deleted_is_doubtful_unless_all_are() -> None:
    cascade = users_key("c")
    assert doubted("DELETE FROM users WHERE id = 1", cascade) == {USERS: False, KEYS: True}
    assert doubted("DELETE FROM users", cascade) == {USERS: False, KEYS: False}


def test_a_key_that_is_listed_for_each_partition_of_the_parent_counts_once() -> None:
    of_root = replace(users_key(), parent_oid=EVENTS)
    listed = (of_root, replace(of_root, parent_oid=EVENTS_1), replace(of_root, parent_oid=EVENTS_2))
    assert doubted("INSERT INTO keys (user_id) VALUES (1)", *listed) == {EVENTS: False, EVENTS_1: True, EVENTS_2: True}
    seen = {KEYS, EVENTS, EVENTS_1}
    assert doubted("INSERT INTO keys (user_id) VALUES (1)", *listed, held=seen) == {EVENTS: False, EVENTS_1: False}


@pytest.mark.parametrize(
    ("sql", "doubtful"),
    [
        ("INSERT INTO keys (user_id) VALUES (1)", False),
        ("INSERT INTO keys (user_id) SELECT id FROM users", False),
        ("INSERT INTO keys (user_id) SELECT id FROM users WHERE name = 'x'", True),
        ("INSERT INTO keys (user_id) SELECT u.id FROM users u JOIN events e ON e.id = u.id", True),
    ],
)
def test_whether_an_insert_finds_rows_to_insert_may_be_doubtful(sql: str, doubtful: bool) -> None:
    assert doubted(sql, users_key()) == {USERS: doubtful}
