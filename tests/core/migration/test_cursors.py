"""Cursors of which a body fetches single rows."""

from __future__ import annotations

import pytest

from lockage.core.migration.procedure import read_code

ALL = "SELECT * FROM t FOR UPDATE"


def fetched(*lines: str, query: str = ALL) -> frozenset[str]:
    declares = f"c CURSOR FOR {query}; d refcursor; r record;"
    body = "\n".join(f"{line};" for line in lines)
    return read_code(f"DO $$ DECLARE {declares} BEGIN\n{body}\nEND $$", language="plpgsql").fetched_in_part


def test_rows_fetched_one_by_one_before_the_cursor_is_closed_are_a_part() -> None:
    update = "UPDATE t SET a = 1 WHERE CURRENT OF c"
    assert fetched("OPEN c", "FETCH c INTO r", update, "FETCH NEXT FROM c INTO r", "MOVE c", "CLOSE c") == {ALL}
    assert fetched(f"OPEN d FOR {ALL} NOWAIT", "FETCH d INTO r", "CLOSE d") == {f"{ALL} NOWAIT"}


@pytest.mark.parametrize(
    "lines",
    [
        ("OPEN c", "FETCH c INTO r"),  # whoever comes later in the transaction can go on
        ("OPEN c", "FETCH c INTO r", "IF r.a THEN CLOSE c; END IF"),
        ("OPEN c", "LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; END LOOP", "CLOSE c"),
        ("LOOP OPEN c; FETCH c INTO r; CLOSE c; END LOOP",),
        ("FOR q IN c LOOP NULL; END LOOP",),
        ("OPEN c", "MOVE FORWARD ALL FROM c", "CLOSE c"),
        ("OPEN c", "MOVE FORWARD 3 FROM c", "CLOSE c"),
        ("OPEN c", "FETCH LAST FROM c INTO r", "CLOSE c"),
        ("OPEN c", "FETCH RELATIVE 3 FROM c INTO r", "CLOSE c"),
        ("OPEN c", "FETCH c INTO r", "PERFORM f(c)", "CLOSE c"),
        ("OPEN c", "FETCH c INTO r", "d := c", "CLOSE c"),
        ("OPEN c", "FETCH c INTO r", "EXECUTE 'FETCH ALL FROM c'", "CLOSE c"),
        ("OPEN c", "FETCH c INTO r", "CLOSE c", f"FOR r IN {ALL} LOOP NULL; END LOOP"),
    ],
)
def test_of_any_other_cursor_all_rows_may_be_asked_for(lines: tuple[str, ...]) -> None:
    assert fetched(*lines) == frozenset()


@pytest.mark.parametrize(
    "query",
    ["WITH x AS (SELECT * FROM t FOR UPDATE) SELECT * FROM x", "SELECT * FROM (SELECT * FROM t) x ORDER BY a FOR UPDATE"],
)
def test_what_a_subquery_locks_may_be_locked_before_the_first_row(query: str) -> None:
    assert fetched("OPEN c", "FETCH c INTO r", "CLOSE c", query=query) == frozenset()
