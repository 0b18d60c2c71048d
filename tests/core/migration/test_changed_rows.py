"""What a statement's text says of the rows that it changes."""

from __future__ import annotations

import pytest

from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Change, ChangeKind


def change(sql: str) -> Change:
    (statement,) = split_statements(sql, file="f")
    (found,) = statement.changes
    return found


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("UPDATE t SET id = id, n = 1", ("id",)),
        ("UPDATE t SET id = t.id FROM u", ("id",)),
        ("UPDATE t AS x SET id = x.id FROM u", ("id",)),
        ("UPDATE t AS x SET id = t.id FROM t", ()),
        ("UPDATE t SET id = id FROM u", ()),
        ("UPDATE t SET id = n, n = id", ()),
        ("UPDATE t SET id = id + 0", ()),
        ("UPDATE t SET a[1] = a", ()),
        ("UPDATE t SET (id, n) = (SELECT id, n FROM u)", ()),
    ],
)
def test_a_column_that_is_set_to_itself_is_kept(sql: str, kept: tuple[str, ...]) -> None:
    assert change(sql).kept == kept


@pytest.mark.parametrize(
    ("sql", "constants"),
    [
        ("UPDATE t SET n = n + 1 WHERE id = 1", (("id", 1),)),
        ("UPDATE t SET n = 1 WHERE 1 = id AND kind = -2", (("id", 1), ("kind", -2))),
        ("UPDATE t AS x SET n = 1 WHERE x.id = 1 AND n > 3", (("id", 1),)),
        ("DELETE FROM t WHERE t.id = 1", (("id", 1),)),
        ("SELECT * FROM t WHERE id = 1 FOR UPDATE", (("id", 1),)),
        ("UPDATE t SET id = 2 WHERE id = 1", ()),
        ("UPDATE t SET n = 1 WHERE id = 1 OR id = 2", ()),
        ("UPDATE t SET n = 1 WHERE id = '1'", (("id", "1"),)),
        ("UPDATE t SET n = 1 WHERE name = 'Old_Codes'", (("name", "Old_Codes"),)),
        ("UPDATE t SET n = 1 WHERE name = 'x'::citext", ()),
        ("UPDATE t SET n = 1 WHERE id IN (1)", ()),
        ("UPDATE t SET n = 1 WHERE NOT id = 1", ()),
        ("UPDATE t SET n = 1 FROM u WHERE id = 1", ()),
        ("UPDATE t SET n = 1 FROM u WHERE u.id = 1", ()),
        ("UPDATE t SET n = 1 FROM u WHERE t.id = 1", (("id", 1),)),
        ("DELETE FROM t USING u WHERE id = 1", ()),
    ],
)
def test_a_column_that_every_touched_row_has_at_a_literal_is_known(
    sql: str, constants: tuple[tuple[str, int | str], ...]
) -> None:
    assert change(sql).constants == constants


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("UPDATE t SET id = 2 WHERE id = 1", ("id",)),
        ("UPDATE t SET n = 1 WHERE id = '0f6c'::uuid AND x = now()", ("id",)),
        ("UPDATE t SET n = 1 FROM u WHERE id = 1 AND t.a = 2", ("a",)),
        ("DELETE FROM t WHERE id IS NULL AND a = NULL", ()),
    ],
)
def test_the_columns_whose_value_a_condition_writes_out_are_known_those_set_anew_too(
    sql: str, columns: tuple[str, ...]
) -> None:
    assert change(sql).named_by == columns


@pytest.mark.parametrize(
    ("sql", "joins"),
    [
        ("DELETE FROM t WHERE id = 1", False),
        ("DELETE FROM t USING u WHERE t.id = u.id", True),
        ("UPDATE t SET n = 1 FROM u", True),
        ("UPDATE t SET n = (SELECT 1) WHERE id = 1", False),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u)", True),
        ("SELECT * FROM t JOIN u USING (id) FOR UPDATE OF t", True),
    ],
)
def test_whether_another_table_says_which_rows_are_meant_is_known(sql: str, joins: bool) -> None:
    assert change(sql).joins is joins


@pytest.mark.parametrize("sql", ["UPDATE t SET n = 1 WHERE false", "DELETE FROM t WHERE false"])
def test_what_is_never_true_changes_nothing(sql: str) -> None:
    (statement,) = split_statements(sql, file="f")
    assert statement.changes == ()


def test_literals_that_an_insert_writes_out_are_known_by_their_place() -> None:
    assert change("INSERT INTO t VALUES (1, 'a', 7), (2, 'b', 7)").literals == ((0, (1, 2)), (1, ("a", "b")), (2, (7,)))
    assert change("INSERT INTO t VALUES (1, DEFAULT), (2, 3)").literals == ((0, (1, 2)),)
    assert change("INSERT INTO t SELECT 1").literals == ()
    assert not change("INSERT INTO t VALUES (1)").ignores
    assert change("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING").ignores


def test_a_merge_is_all_that_its_clauses_do() -> None:
    merge = change(
        "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND u.x THEN DELETE WHEN MATCHED THEN UPDATE SET n = NULL, m = 1"
        " WHEN NOT MATCHED THEN INSERT (id, n) VALUES (u.id, 1)"
    )
    assert merge.kind is ChangeKind.MERGE
    assert [(each.kind, each.columns, each.nulls) for each in merge.merges] == [
        (ChangeKind.DELETE, (), ()),
        (ChangeKind.UPDATE, ("n", "m"), ("n",)),
        (ChangeKind.INSERT, ("id", "n"), ()),
    ]
