"""On which rows an old statement is executed, and in which other circumstances."""

from __future__ import annotations

import pytest

from lockage.adapters.postgres.circumstances import Rows, further, usual_rows, where_all_is_shown


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('INSERT INTO public."T" (a) values ($1)', Rows(emptied='public."T"')),
        ("with x as (delete from only t where a = $1 returning *) insert into u select * from x", Rows("u", "t")),
        ("select a from t", Rows()),
    ],
)
def test_an_insert_meets_no_row_and_a_delete_one_that_nobody_keeps(text: str, rows: Rows) -> None:
    assert usual_rows(text) == rows


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("select a from t where b = $1", []),
        ("update t set a = $1 where b = 5", [("UPDATE t SET a = $1", Rows())]),
        ("update t set a = $1 where b = $2", [("UPDATE t SET a = $1", Rows())]),
        ("insert into t (a) values ($1)", []),
        (
            "insert into t (a) values ($1) on conflict (a) do update set a = $2",
            [("insert into t (a) values ($1) on conflict (a) do update set a = $2", Rows())],
        ),
        ("insert into t (a) values (5)", [("insert into t (a) values ($1)", Rows("t"))]),
        ("insert into t (a) values ($1), ($2)", [("INSERT INTO t (a) VALUES ($1)", Rows("t"))]),
        ("insert into t (a) select b from u where c = 7", [("INSERT INTO t (a) SELECT b FROM u", Rows())]),
        ("insert into t (a) select b from t where c = $1", [("insert into t (a) select b from t where c = $1", Rows())]),
        (
            "merge into t using u on t.a = u.a when not matched then insert values (u.a)",
            [("merge into t using u on t.a = u.a when not matched then insert values (u.a)", Rows("t"))],
        ),
        (
            "select date_trunc($1, a at time zone $2) from t",
            [("select date_trunc('hour', a at time zone 'UTC') from t", Rows())],
        ),
    ],
)
def test_what_one_row_hides_is_tried_on_others(text: str, texts: list[tuple[str, Rows]]) -> None:
    tried = [(way.text, way.rows) for way in further(text)]
    assert tried[: len(texts)] == texts
    assert bool(tried) is bool(texts)


def test_where_all_is_shown_a_statement_meets_every_row() -> None:
    way = where_all_is_shown("delete from v where a = 5")
    assert (way.text, way.rows) == ("DELETE FROM v", Rows(bereaved="v", shown=True))
    kept = "update v set b = 1 where a = $1"
    assert where_all_is_shown(kept).text == kept
