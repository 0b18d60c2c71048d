"""What the embedded PostgreSQL is not built with is stood in for, by name and signature."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.binaries import Binaries, find_binaries
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.standins import without_icu
from lockage.adapters.postgres.throwaway import throwaway

pytestmark = pytest.mark.real

SIGNATURES = """
    select p.oid::regprocedure::text, p.prorettype::regtype::text, p.proretset, p.provolatile::text, p.proisstrict
      from pg_proc as p
      join pg_depend as d on d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e'
      join pg_extension as e on e.oid = d.refobjid
     where e.extname in ('pgcrypto', 'uuid-ossp')
"""


@pytest.fixture(scope="module")
def older() -> Iterator[Binaries]:
    """The server programs of an older major, with its contrib modules."""
    for major in (17, 16, 15, 14):
        found = find_binaries(major)
        if found is not None:
            yield found
            return
    pytest.skip("no server programs of PostgreSQL 14 to 17 on this machine")


def test_a_script_may_ask_for_common_extensions() -> None:
    with EmbeddedShadows().empty() as shadow:
        assert shadow.assumptions == ()
        shadow.run('create extension if not exists "uuid-ossp"; create extension pgcrypto;')
        shadow.run(
            "create table users (id uuid primary key default uuid_generate_v4(), secret bytea default gen_random_bytes(16),"
            " name text, hashed text generated always as (encode(digest(name, 'sha256'), 'hex')) stored)"
        )
        shadow.run("insert into users (name) values ('a'), ('b'); update users set name = crypt(name, gen_salt('bf', 8))")
        assert [assumption.split()[1] for assumption in shadow.assumptions] == ["pgcrypto", "uuid-ossp"]


def test_an_extension_that_is_nowhere_stays_a_failure() -> None:
    with EmbeddedShadows().empty() as shadow, shadow.session() as session:
        seen = session.execute("create extension no_such_extension")
        assert seen.failure is not None
        assert seen.failure.sqlstate == "0A000"


def test_collations_of_icu_are_rewritten_and_named() -> None:
    dump = (
        b"CREATE COLLATION public.de (provider = icu, locale = 'de');\n"
        b"CREATE COLLATION public.loose (provider = icu, deterministic = false, locale = 'und-u-ks-level2');\n"
        b'CREATE TABLE t (x text COLLATE pg_catalog."en-x-icu");\n'
    )
    rewritten, names = without_icu(dump)
    assert rewritten.count(b"(provider = libc, locale = 'C');") == 2
    assert b"icu," not in rewritten
    assert names == ("en-x-icu",)


def test_stand_ins_have_the_signatures_of_the_real_ones(older: Binaries) -> None:
    with throwaway(binaries=older) as server, psycopg.connect(server.url(), autocommit=True) as connection:
        try:
            connection.execute('create extension pgcrypto; create extension "uuid-ossp"')
        except psycopg.errors.Error:
            pytest.skip(f"PostgreSQL {older.major} here has no pgcrypto or no uuid-ossp")
        real = set(connection.execute(SIGNATURES).fetchall())
    with EmbeddedShadows().empty() as shadow:
        shadow.run('create extension pgcrypto; create extension "uuid-ossp"')
        with shadow._login.own_session() as connection:  # type: ignore[attr-defined]
            ours = set(connection.execute(SIGNATURES).fetchall())
    assert real - ours == set()


def test_a_shadow_of_an_older_server_has_its_schema_and_its_freedom_of_names(older: Binaries) -> None:
    with throwaway(binaries=older, tcp=True) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create table users (id int primary key, name text not null)")
            connection.execute("insert into users select i, 'x' from generate_series(1, 50000) as i")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("analyze")
        with EmbeddedShadows().of_database(server.url(tcp=True)) as shadow, shadow.session() as session:
            (assumption,) = shadow.assumptions
            assert f"production runs PostgreSQL {older.major}, the shadow 18" in assumption
            # 18 would name the NOT NULL constraint so by itself.
            seen = session.execute("alter table users add constraint users_name_not_null check (name is not null)")
            assert seen.failure is None
            assert session.execute("alter table users alter column name drop not null").failure is None
            (plan,) = session.execute("update users set name = ''").plans
            assert plan["Plan"]["Plans"][0]["Plan Rows"] == 50_000  # type: ignore[index]
