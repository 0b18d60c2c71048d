"""What statements of the application lock, and their texts as people may read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.forecast.waiting_statements import KeyBetween, KnownRelations, shown, touches

KNOWN = KnownRelations(["public.users", "public.keys", "lab.users", "lab.parts"])
KEY = KeyBetween(
    name="keys_user",
    child="public.keys",
    parent="public.users",
    child_columns=("user_id",),
    parent_columns=("id",),
    on_delete="c",
    on_update="a",
)

READ, LOCK, WRITE = "AccessShareLock", "RowShareLock", "RowExclusiveLock"


def locked(text: str) -> list[tuple[str, str]]:
    return [(touch.relation, touch.mode) for touch in touches(text, KNOWN, [KEY])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM keys JOIN users u ON u.id = user_id", [("public.keys", READ), ("public.users", READ)]),
        ("SELECT 1 FROM lab.users FOR UPDATE", [("lab.users", LOCK)]),
        ("SELECT 1 FROM parts", [("lab.parts", READ)]),
        ("WITH users AS (SELECT 1) SELECT * FROM users", []),
        ("INSERT INTO keys (id, user_id) VALUES ($1, $2)", [("public.keys", WRITE), ("public.users", LOCK)]),
        ("INSERT INTO keys (id) VALUES ($1)", [("public.keys", WRITE)]),
        ("UPDATE keys SET used = $1 WHERE id = $2", [("public.keys", WRITE)]),
        ("UPDATE keys SET user_id = $1", [("public.keys", WRITE), ("public.users", LOCK)]),
        ("DELETE FROM users WHERE id = $1", [("public.users", WRITE), ("public.keys", WRITE)]),
        ("UPDATE users SET id = $1", [("public.users", WRITE), ("public.keys", LOCK)]),
        ("BEGIN", []),
        ("ALTER TABLE users ADD a int", []),
        ("SELECT * FROM users WHERE", []),  # cut off
    ],
)
def test_a_statement_locks_what_it_names_and_then_what_foreign_keys_look_at(text: str, expected: list[tuple[str, str]]) -> None:
    assert locked(text) == expected


def test_only_an_insert_that_changes_no_row_goes_past_locked_rows() -> None:
    plain, upsert = (
        "INSERT INTO keys (id) VALUES (1)",
        "INSERT INTO keys (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1",
    )
    assert touches(plain, KNOWN, ())[0].inserts
    assert not touches(upsert, KNOWN, ())[0].inserts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 'secret', 4711 FROM t -- by alice", "SELECT $1, $2 FROM t"),
        ("SELECT 1 FROM t /* traceparent='00-1' */ WHERE a = 'x'", "SELECT $1 FROM t WHERE a = $2"),
        ("SELECT * FROM t1 WHERE a IN (17, 'cut of", "SELECT * FROM t1 WHERE a IN ([value], [value]"),
        ("SELECT * FROM t WHERE a = $tag$ secret cut", "SELECT * FROM t WHERE a = [value]"),
    ],
)
def test_no_constant_and_no_comment_of_a_statement_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(alphabet=st.characters(categories=("Lu", "Ll")), min_size=4, max_size=20), st.integers(0, 200))
def test_a_secret_is_not_shown_wherever_the_server_cut_the_text(secret: str, cut: int) -> None:
    secret = f"zz{secret}zz"
    text = f"UPDATE keys SET a = 'it''s {secret}', b = E'\\'{secret}' WHERE c = $x${secret}$x$ /* {secret} */"
    assert secret not in shown(text[: len(text) - cut] if cut < len(text) else text)
