"""Which rows a shadow gets of a live database, and that no value of theirs is ever shown."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.exchange import discreetly
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.small_tables import ROWS_LIMIT
from lockage.ports import TracedSession

SCHEMA = """
    create table kinds (id serial primary key, name text unique, secret text);
    create table plans (id int primary key, kind_id int not null references kinds, next_id int references plans);
    create table users (id bigint primary key, kind_id int references kinds, name text);
    create table badges (id int primary key, user_id bigint not null references users);
    create table days (
        id int generated always as identity primary key, day date, twice int generated always as (id * 2) stored
    );
    create table months (id int, month date not null) partition by range (month);
    create table months_1 partition of months for values from ('2026-01-01') to ('2026-07-01');
    create table months_2 partition of months default;
    create table hidden_rows (id int primary key);
    alter table hidden_rows enable row level security;
    insert into kinds (name, secret) select 'kind ' || i, 'hunter' || i from generate_series(1, 20) as i;
    insert into plans select i, i, nullif(i - 1, 0) from generate_series(1, 5) as i;
    insert into users select i, 1 + i % 20, 'user ' || i from generate_series(1, 30000) as i;
    insert into badges select i, i from generate_series(1, 5) as i;
    insert into days (day) select date '2026-01-01' + i from generate_series(1, 3) as i;
    insert into months select i, date '2026-01-01' + i * 30 from generate_series(0, 9) as i;
    insert into hidden_rows values (1);
    analyze;
"""


@pytest.fixture
def production(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    return database_url


def count(session: TracedSession, table: str, rows: int) -> None:
    seen = session.execute(f"do $$ begin assert (select count(*) = {rows} from {table}), '{table}'; end $$")
    assert seen.failure is None, seen.failure


@pytest.mark.real
def test_small_tables_come_with_all_that_they_refer_to_and_large_ones_without_rows(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        for table, rows in {"kinds": 20, "plans": 5, "days": 3, "months_1": 7, "months_2": 3, "users": 0, "badges": 0}.items():
            count(session, table, rows)
        assert any("of 6 small tables the shadow has the 39 rows" in assumption for assumption in shadow.assumptions)


@pytest.mark.real
def test_what_is_inserted_behind_copied_rows_meets_none_of_them(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        assert session.execute("insert into kinds (name) values ('new')").failure is None
        assert session.execute("insert into days (day) values ('2026-05-01')").failure is None
        assert session.execute("insert into plans values (6, 21, 5)").failure is None


@pytest.mark.real
def test_a_sequence_that_several_tables_draw_on_goes_on_behind_all_of_them(production: str) -> None:
    with psycopg.connect(production, autocommit=True) as connection:
        connection.execute(b"""
            create table actions (id serial primary key, what text);
            create table logins (primary key (id)) inherits (actions);
            insert into logins (what) select 'l' from generate_series(1, 9);
            insert into actions (what) values ('older');
            update actions set id = 0 where what = 'older';
            create sequence far start 500;
            create table orders (no bigint primary key default nextval('far'));
            insert into orders values (1);
        """)
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        assert session.execute("insert into actions (what) values ('new')").failure is None
        assert session.execute("insert into logins (what) values ('new')").failure is None
        count(session, "only actions where id > 9", 1)
        assert session.execute("insert into orders default values").failure is None
        count(session, "orders where no >= 500", 1)


@pytest.mark.real
def test_a_loop_over_a_small_table_runs(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        block = (
            "do $$ declare k record; begin for k in select * from kinds loop update users set name = k.name; end loop; end $$"
        )
        seen = session.execute(block, inner=True)
        assert seen.inner is not None
        assert any("update users" in text.lower() for text in seen.inner)


@pytest.mark.real
def test_no_value_of_a_copied_row_is_shown(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        cast = session.execute("alter table kinds alter column secret type int using secret::int").failure
        assert cast is not None
        assert "hunter" not in cast.message
        assert cast.message.startswith("invalid input syntax for type integer")
        block = "do $$ begin raise 'bad secret %', (select secret from kinds limit 1); end $$"
        raised = session.execute(block).failure
        assert raised is not None
        assert "hunter" not in raised.message
        plain = session.execute("do $$ begin raise 'not today'; end $$").failure
        assert plain is not None
        assert plain.message == "not today"
        missing = session.execute("alter table nothing add column x int").failure
        assert missing is not None
        assert missing.message == 'relation "nothing" does not exist'


@pytest.mark.real
def test_a_small_table_that_is_locked_against_writers_is_read_all_the_same(production: str) -> None:
    with psycopg.connect(production) as holder:
        holder.execute("lock table kinds in exclusive mode")
        with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
            count(session, "kinds", 20)
        holder.execute("rollback")


@pytest.mark.real
def test_rows_under_row_security_and_tables_that_have_grown_stay_where_they_are(production: str, database_url: str) -> None:
    with psycopg.connect(production, autocommit=True) as connection:
        connection.execute(f"insert into days (day) select date '2000-01-01' + i from generate_series(1, {ROWS_LIMIT}) as i")
        connection.execute("create role poor_looker_of_rows login password 'p'")
        try:
            connection.execute("grant select on all tables in schema public to poor_looker_of_rows")
            url = psycopg.conninfo.make_conninfo(database_url, user="poor_looker_of_rows", password="p")
            with EmbeddedShadows().of_database(url) as shadow, shadow.session() as session:
                for table, rows in {"kinds": 20, "days": 0, "hidden_rows": 0}.items():
                    count(session, table, rows)
        finally:
            connection.execute("drop owned by poor_looker_of_rows; drop role poor_looker_of_rows")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ('invalid input syntax for type integer: "a"b"', 'invalid input syntax for type integer: "…"'),
        ('value "99" is out of range for type smallint', 'value "…" is out of range for type smallint'),
        ('invalid input value for enum app.mood: "glum"', 'invalid input value for enum app.mood: "glum"'),
        ('duplicate key value violates unique constraint "k"', 'duplicate key value violates unique constraint "k"'),
        ('null value in column "a" of relation "t" violates not-null constraint',) * 2,
    ],
)
def test_a_message_shows_names_and_what_the_statement_says_itself(message: str, shown: str) -> None:
    assert discreetly(message, "insert into t values ('glum')") == shown


@pytest.mark.real
def test_a_table_that_does_not_take_its_rows_keeps_no_other_from_its_own(production: str) -> None:
    with psycopg.connect(production, autocommit=True) as connection:
        connection.execute("create table odd (id int)")
        connection.execute("insert into odd values (1)")
        # Says no to every row but in production, where they are already.
        connection.execute("alter table odd add constraint never check (id > 1) not valid")
        # Looks into a larger one, which comes later.
        connection.execute(
            "create function known(int) returns boolean language sql as 'select exists (select from kinds where id = $1)'"
        )
        connection.execute("create table few (id int check (known(id)))")
        connection.execute("insert into few values (1)")
        connection.execute("analyze odd, few")
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        for table, rows in {"odd": 0, "few": 1, "kinds": 20}.items():
            count(session, table, rows)
