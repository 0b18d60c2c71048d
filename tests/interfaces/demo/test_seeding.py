"""The demonstration's database counts what is asked of it, as production does: a forecast of it knows who would queue."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.throwaway import throwaway
from lockage.interfaces.demo.seeding import SERVER_SETTINGS, copy_database, count_statements
from lockage.interfaces.wiring import traffic

pytestmark = pytest.mark.real


def test_a_copy_of_the_database_counts_statements() -> None:
    with throwaway(tcp=True, settings=SERVER_SETTINGS) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as administrator:
            administrator.execute("create database seeded")
            with psycopg.connect(server.url("seeded"), autocommit=True) as session:
                count_statements(session)
                session.execute("create table orders as select 1 as id")
            copy_database(administrator, "towpath", owner="postgres", template="seeded")
        with psycopg.connect(server.url("towpath"), autocommit=True) as session:
            session.execute("select id from orders where id = 7")
        counted = traffic(server.url("towpath"))
    assert "select id from orders where id = $1" in {load.text for load in counted.statements or ()}
