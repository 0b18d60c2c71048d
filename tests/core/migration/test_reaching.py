"""Which statements of earlier migrations are left out, since they reach out of the database."""

from __future__ import annotations

import pytest

from lockage.core.migration.reaching import Reaching
from lockage.core.migration.statement import split_statements

FUNCTION = (
    "create function app.F(n int) returns int language plpgsql as $$ begin copy (select 1) to program 'x'; return 1; end $$"
)
TRIGGER = FUNCTION.replace("F(n int) returns int", "f() returns trigger")


@pytest.mark.parametrize(
    "used",
    [
        "select app.f(1)",
        "do $$ begin perform app.F(1); end $$",
        "create table t (id int, a int default app.f(1)); insert into t (id) values (1)",
        "create table t (id int); alter table t alter id set default app.f(1); insert into t values (1)",
        "create table t (id int); alter table t add column a int default app.f(1)",
        "create table t (id int); create index on t (app.f(id))",
        "create view v as select app.f(1) as a; create table u as select * from v",
        "create domain d as int check (app.f(value) > 0); select 1::d",
        "create function g() returns int language sql as 'select app.f(1)'; select g()",
        "create table t (id int primary key, a int default app.f(1)); create table r (t int references t); delete from t",
        "create foreign table w (a text) server s options (program 'x'); alter foreign table w rename a to b; select * from w",
    ],
)
def test_the_use_of_what_reaches_out_is_left_out_and_nothing_else(used: str) -> None:
    reaching = Reaching()
    assert [*reaching.left_out(split_statements(FUNCTION, file="1.sql"))] == []
    later = split_statements(f"create table other (id int); insert into other values (1); {used}", file="2.sql")
    assert [*reaching.left_out(later)] == [later[-1]]


def test_whoever_changes_a_table_whose_trigger_reaches_out_is_left_out_and_who_alters_it_is_not() -> None:
    made = "create table t (id int primary key); create table r (t int references t on delete cascade);"
    trigger = "create trigger z before delete on r for each row execute function app.f()"
    statements = split_statements(
        f"{TRIGGER}; {made} {trigger}; alter table r add column a int; drop index if exists i; delete from r", file="1.sql"
    )
    assert [*Reaching().left_out(statements)] == [statements[-1]]


def test_nothing_is_left_out_where_nothing_reaches_out() -> None:
    statements = split_statements("create function f() returns int language sql as 'select 1'; select f()", file="1.sql")
    assert [*Reaching().left_out(statements)] == []


def test_what_reaches_out_by_itself_is_left_out() -> None:
    (statement,) = split_statements("copy t from program 'x'", file="1.sql")
    assert [*Reaching().left_out([statement])] == [statement]
