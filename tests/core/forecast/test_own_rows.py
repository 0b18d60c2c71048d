"""Rows that an open transaction has inserted itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.timeline import holds
from lockage.core.forecast.trace import CatalogRules
from support.traces import KEYS, USERS, Script, users_key

RULES = CatalogRules(
    foreign_keys=(users_key("c", "c"),),
    unique_keys={USERS: (("id",),), KEYS: (("id", "user_id"),)},
    columns={USERS: ("id", "name"), KEYS: ("id", "user_id", "a")},
)


def rows_of_others(*script: str, rules: CatalogRules = RULES) -> set[int]:
    """Tables with rows for which somebody waits; of a block all that stands in it ran."""
    made = Script(rules=rules)
    for sql in script:
        made.did(sql, inner=[line.strip(" ;") for line in sql.splitlines()[1:-1]] if sql.startswith("DO") else None)
    return {hold.oid for hold in holds(made.trace(), [()] * len(made.steps)) if hold.blocks is Blocks.ROWS}


def block(*lines: str, declares: str = "n int;") -> str:
    return "\n".join([f"DO $$ DECLARE {declares} BEGIN", *(f"{line};" for line in lines), "END $$"])


def test_a_row_whose_key_was_moved_is_the_scripts_own_under_the_new_one() -> None:
    insert, move = "INSERT INTO users VALUES (7, 'x')", "UPDATE users SET id = 8 WHERE id = 7"
    assert (
        rows_of_others(insert, move, "UPDATE users SET name = 'y' WHERE id = 8", "INSERT INTO keys VALUES (1, 8, 1)") == set()
    )
    assert rows_of_others(insert, move, "DELETE FROM users WHERE id = 9") == {USERS, KEYS}
    assert rows_of_others(move, insert) == {USERS, KEYS}


def test_a_row_is_known_again_by_a_key_of_several_columns_and_by_no_part_of_it() -> None:
    insert = "INSERT INTO keys VALUES (1, NULL, 1)"
    whole = replace(RULES, unique_keys={KEYS: (("id", "a"),)})
    assert rows_of_others(insert, "DELETE FROM keys WHERE id = 1 AND a = 1", rules=whole) == set()
    assert rows_of_others(insert, "DELETE FROM keys WHERE id = 1", rules=whole) == {KEYS}
    several = "INSERT INTO keys VALUES (1, NULL, 1), (2, NULL, 2)"
    assert rows_of_others(several, "DELETE FROM keys WHERE id = 1 AND a = 2", rules=whole) == {KEYS}


def test_a_row_that_a_block_has_inserted_is_its_own() -> None:
    insert, update = "INSERT INTO users VALUES (7, 'x')", "UPDATE users SET name = 'y' WHERE id = 7"
    assert rows_of_others(block(insert, update)) == set()
    assert rows_of_others(block(insert), update) == set()
    assert rows_of_others(block(update, insert)) == {USERS}
    assert rows_of_others(block(update, insert, update)) == {USERS}


@pytest.mark.parametrize(
    "lines",
    [
        ("IF random() < 1 THEN", "INSERT INTO users VALUES (7, 'x')", "END IF"),
        ("BEGIN", "INSERT INTO users VALUES (7, 'x')", "EXCEPTION WHEN others THEN NULL; END"),
        ("INSERT INTO users VALUES (7, 'x') ON CONFLICT DO NOTHING",),
    ],
)
def test_a_row_that_a_block_may_not_have_inserted_is_somebodys(lines: tuple[str, ...]) -> None:
    text = block(*lines, "UPDATE users SET name = 'y' WHERE id = 7").replace("THEN;", "THEN").replace("BEGIN;", "BEGIN")
    assert rows_of_others(text) == {USERS}


def test_who_is_referred_to_only_until_the_row_is_deleted_again_is_possible_where_the_commit_looks() -> None:
    insert, delete = "INSERT INTO users VALUES (7, 'x', 3)", "DELETE FROM users WHERE id = 7"
    key = replace(users_key(), child_oid=USERS, child_columns=("chief",), parent_oid=KEYS)

    def doubts(*script: str, deferred: bool = True) -> set[bool]:
        rules = replace(
            RULES,
            foreign_keys=(replace(key, deferred=deferred),),
            columns={USERS: ("id", "name", "chief"), KEYS: ("id",)},
            unique_keys={USERS: (("id",),), KEYS: (("id",),)},
        )
        made = Script(rules=rules)
        for sql in script:
            made.did(sql)
        found = holds(made.trace(), [()] * len(made.steps))
        return {hold.doubt is not None for hold in found if hold.oid == KEYS and hold.blocks is Blocks.ROWS}

    assert doubts(insert, delete) == {True}
    assert doubts(insert, delete, deferred=False) == {False}
    assert doubts(insert) == {False}
    assert doubts(delete, insert) == {False}
    assert doubts(insert, "DELETE FROM users WHERE id = 8") == {False}
    assert doubts(insert, "DELETE FROM users WHERE name = 'x'") == {False}
    assert doubts(insert, "SET CONSTRAINTS ALL IMMEDIATE", delete) == {False}
    assert doubts("INSERT INTO users VALUES (7, 'x', 3), (8, 'y', 4)", delete) == {False}


def test_rows_that_an_exception_gave_back_are_possible_and_not_certain() -> None:
    text = block("BEGIN", "UPDATE users SET name = 'y'", "EXCEPTION WHEN others THEN NULL; END").replace("BEGIN;", "BEGIN")

    def doubts(*locks: tuple[int, str]) -> set[bool]:
        script = Script(rules=RULES).did(text, *locks, inner=["UPDATE users SET name = 'y'"])
        return {hold.doubt is not None for hold in holds(script.trace(), [()]) if hold.blocks is Blocks.ROWS}

    assert doubts() == {True}
    assert doubts((USERS, "RowExclusiveLock")) == {False}


def test_a_variable_with_the_key_that_an_insert_gave_back_names_the_blocks_own_row() -> None:
    insert = "INSERT INTO users (name) VALUES ('x') RETURNING id INTO n"
    assert rows_of_others(block(insert, "UPDATE users SET name = 'y' WHERE id = n")) == set()
    assert rows_of_others(block(insert, "UPDATE users SET name = 'y' WHERE id = m", declares="n int; m int;")) == {USERS}
    assert rows_of_others(block(insert, "DELETE FROM keys WHERE id = n")) == {KEYS}


def test_a_variable_that_had_a_value_before_may_name_anybodys_row() -> None:
    insert = "INSERT INTO users (name) VALUES ('x') RETURNING id INTO n"
    assert rows_of_others(block(insert, "UPDATE users SET name = 'y' WHERE id = n", declares="n int := 3;")) == {USERS}
