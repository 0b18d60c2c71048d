"""What the embedded PostgreSQL is not built with is stood in for, by name and signature."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres.binaries import Binaries, embedded_binaries, find_binaries
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.shadow_filling import assumptions_of, fill
from lockage.adapters.postgres.shadow_server import require_major, shadow_server
from lockage.adapters.postgres.standins import with_known_collations
from lockage.adapters.postgres.throwaway import throwaway
from lockage.errors import RefusedError, UsageError

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
        shadow.run("alter table users add unique (secret), add check (length(secret) = 16)")
        shadow.run("insert into users (name) values ('a'), ('b'); update users set name = crypt(name, gen_salt('bf', 8))")
        assert [assumption.split()[1] for assumption in shadow.assumptions] == ["pgcrypto", "uuid-ossp"]


def test_an_extension_that_is_nowhere_stays_a_failure() -> None:
    with EmbeddedShadows().empty() as shadow, shadow.session() as session:
        seen = session.execute("create extension no_such_extension")
        assert seen.failure is not None
        assert seen.failure.sqlstate == "0A000"


COLLATED = (
    b"CREATE COLLATION public.de (provider = icu, locale = 'de');\n"
    b"CREATE COLLATION public.loose (provider = icu, deterministic = false, locale = 'und-u-ks-level2');\n"
    b"CREATE COLLATION public.far (provider = libc, locale = 'xx_XX.utf8');\n"
    b"CREATE COLLATION public.plain (provider = libc, locale = 'C');\n"
    b'CREATE TABLE t (x text COLLATE pg_catalog."en-x-icu", y text COLLATE pg_catalog."xx_XX",'
    b' z text COLLATE pg_catalog."C");\n'
)


def test_collations_that_the_server_cannot_have_sort_as_c_and_are_named() -> None:
    with throwaway() as server, psycopg.connect(server.url(), autocommit=True) as connection:
        rewritten, names = with_known_collations(connection, COLLATED)
        assert b"icu," not in rewritten
        assert b"xx_XX.utf8" not in rewritten
        assert names == ("public.de", "public.loose", "public.far", "en-x-icu", "xx_XX")
        connection.execute(rewritten)


def test_a_server_with_icu_keeps_its_collations(older: Binaries) -> None:
    with throwaway(binaries=older) as server, psycopg.connect(server.url(), autocommit=True) as connection:
        if connection.execute("select from pg_collation where collprovider = 'i'").fetchone() is None:
            pytest.skip(f"PostgreSQL {older.major} here is built without ICU")
        rewritten, names = with_known_collations(connection, COLLATED)
        assert names == ("public.far", "xx_XX")
        connection.execute(rewritten)


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


@pytest.fixture(scope="module")
def older_production(older: Binaries) -> Iterator[str]:
    """An older server with a few rows."""
    with throwaway(binaries=older, tcp=True) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create table users (id int primary key, name text not null)")
            connection.execute("insert into users select i, 'x' from generate_series(1, 50000) as i")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("analyze")
        yield server.url(tcp=True)


def test_a_server_of_our_major_has_an_older_ones_schema_and_its_freedom_of_names(
    older: Binaries, older_production: str
) -> None:
    original, dump = EmbeddedShadows().take(older_production)
    with shadow_server(None, cache_dir=None) as server:
        filled = fill(server, original, dump, programs=embedded_binaries())
        (assumption,) = assumptions_of(original, filled, server=server, ledger=None)
        assert f"production runs PostgreSQL {older.major}, the shadow 18" in assumption
        with filled.login.own_session() as session:
            # 18 would name the NOT NULL constraint so by itself.
            session.execute("alter table users add constraint users_name_not_null check (name is not null)")
            session.execute("alter table users alter column name drop not null")
            row = session.execute("explain (format json) update users set name = ''").fetchone()
            assert row is not None
            assert row[0][0]["Plan"]["Plans"][0]["Plan Rows"] == 50_000


def test_a_shadow_of_an_older_server_fails_as_that_one_would(older: Binaries, older_production: str) -> None:
    with EmbeddedShadows().of_database(older_production) as shadow, shadow.session() as session:
        assert shadow.major == older.major
        assert shadow.assumptions == ()
        virtual = session.execute("alter table users add column twice int generated always as (id * 2) virtual")
        assert virtual.failure is not None
        (plan,) = session.execute("update users set name = ''").plans
        assert plan["Plan"]["Plans"][0]["Plan Rows"] == 50_000  # type: ignore[index]


def test_an_empty_shadow_is_of_the_major_that_was_asked_for(older: Binaries) -> None:
    with EmbeddedShadows().empty(major=older.major) as shadow:
        assert shadow.major == older.major
        assert shadow.assumptions == ()
        shadow.run("create table t (id int primary key, name text); insert into t values (1, 'x')")
        with shadow.session() as session:
            assert session.execute("vacuum t").ran_outside
    with EmbeddedShadows().empty(major=9) as shadow:
        assert shadow.major == 18
        assert shadow.assumptions == (
            "production runs PostgreSQL 9, the shadow 18: a few locks and failures differ between majors",
        )


def test_a_major_that_cannot_be_had_is_refused_with_what_to_install(older: Binaries) -> None:
    require_major(18)
    require_major(older.major)
    with pytest.raises(UsageError) as too_old:
        require_major(12)
    assert too_old.value.code == "LK691"
    absent = next((major for major in (13, 14, 16, 17) if find_binaries(major) is None), None)
    if absent is not None:
        with pytest.raises(RefusedError) as refused:
            require_major(absent)
        assert refused.value.code == "LK690"
        assert f"postgresql-{absent}" in (refused.value.hint or "")
