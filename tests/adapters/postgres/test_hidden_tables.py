"""A role that may read only a part: the rest is on the shadow as the catalog describes it, and is said to be unread."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Blocks
from lockage.core.migration.formats import plain
from lockage.core.migration.script import Migration
from lockage.flows.forecast import forecast_database

pytestmark = pytest.mark.real

SCHEMA = """
    create schema vault;
    create type vault.grade as enum ('a', 'b');
    create function vault.stamp() returns trigger language plpgsql as $$ begin return new; end $$;
    create table public.regions (id int primary key, name text);
    create table vault.accounts (
        id bigint generated always as identity primary key, region_id int references public.regions on delete cascade,
        grade vault.grade not null default 'a', mail text unique, loud text generated always as (upper(mail)) stored,
        constraint mails check (mail like '%@%')
    );
    create index accounts_region on vault.accounts (region_id);
    create trigger stamped before update on vault.accounts for each row execute function vault.stamp();
    create table vault.parts (id int not null, at date not null, primary key (id, at)) partition by range (at);
    create table vault.parts_1 partition of vault.parts for values from ('2026-01-01') to ('2026-07-01');
    create table public.orders (id int primary key, account_id bigint references vault.accounts, total int);
    create view public.glad_orders as
        select o.id, a.mail from public.orders as o join vault.accounts as a on a.id = o.account_id;
    insert into regions select i, 'r' from generate_series(1, 5) as i;
    insert into vault.accounts (region_id, mail) select 1 + i % 5, i || '@example.org' from generate_series(1, 5000) as i;
    insert into orders select i, i, i from generate_series(1, 5000) as i;
    analyze;
"""


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """Of the database, for a role that may read ``public`` alone."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
        admin.execute("create role part_reader login password 'p'")
        admin.execute("grant usage on schema public to part_reader; grant select on regions, orders to part_reader")
        yield psycopg.conninfo.make_conninfo(database_url, user="part_reader", password="p")
        admin.execute("drop owned by part_reader; drop role part_reader")


def test_what_is_said_to_be_granted_lets_the_role_read_everything(url: str, database_url: str) -> None:
    with EmbeddedShadows().of_database(url) as shadow:
        (said,) = (assumption for assumption in shadow.assumptions if "GRANT" in assumption)
    assert said == (
        "so that part_reader may read them: GRANT USAGE ON SCHEMA vault TO part_reader;"
        " GRANT SELECT ON vault.accounts, vault.parts, vault.parts_1 TO part_reader"
    )
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(said.partition(": ")[2].encode())
    with EmbeddedShadows().of_database(url) as shadow:
        assert not [
            assumption for assumption in shadow.assumptions if "could not be read" in assumption or "GRANT" in assumption
        ]


def blocked(url: str, script: str) -> tuple[dict[str, Blocks], tuple[str, ...], tuple[str, ...]]:
    forecast = forecast_database(
        [Migration(version=1, name="m", file="1_m.sql", text=script)],
        url=url,
        form=plain.FORMAT,
        shadows=EmbeddedShadows(),
        narrate=lambda _: None,
        from_version=0,
    )
    found = {relation.relation: relation.blocks for relation in forecast.relations if relation.blocks is not Blocks.NONE}
    return found, forecast.assumptions, tuple(unknown.reason for unknown in forecast.unknown)


def test_unread_tables_are_named_with_their_partners(url: str) -> None:
    with EmbeddedShadows().of_database(url) as shadow, shadow.session() as session:
        said = [assumption for assumption in shadow.assumptions if "could not be read" in assumption]
        assert [sentence.split()[0] for sentence in said] == ["vault.accounts", "vault.parts", "vault.parts_1"]
        assert "its rows are unknown" in said[0]
        assert "public.orders, public.regions" in said[0]
        assert not any("did not take" in assumption for assumption in shadow.assumptions)
        names = {relation.relation for relation in session.mark().relations.values()}
        assert {"vault.accounts_region", "vault.parts_1", "public.glad_orders", "vault.accounts_pkey"} <= names
        assert {key.name for key in session.rules().foreign_keys} == {"accounts_region_id_fkey", "orders_account_id_fkey"}
        assert {trigger.name for trigger in session.rules().triggers} == {"stamped"}


def test_what_reaches_an_unread_table_by_a_foreign_key_is_foreseen(url: str) -> None:
    found, _, unknown = blocked(url, "drop table orders cascade")
    assert found["vault.accounts"] is Blocks.READS
    assert unknown == ()
    found, _, _ = blocked(url, "delete from regions where id = 3")
    assert found["vault.accounts"] is Blocks.ROWS
    assert found["public.orders"] is Blocks.ROWS


def test_a_script_that_changes_an_unread_table_is_foreseen(url: str) -> None:
    found, assumptions, unknown = blocked(
        url, "alter table vault.accounts drop constraint mails, alter column grade drop default"
    )
    assert found == {
        "vault.accounts": Blocks.READS, "public.orders": Blocks.WRITES, "public.regions": Blocks.ROWS,
        "public.glad_orders": Blocks.READS,
    }  # fmt: skip
    assert unknown == ()
    assert any("vault.accounts could not be read" in assumption for assumption in assumptions)
