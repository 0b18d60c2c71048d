"""Everything that a database of strangers may hold is on its shadow, whatever the major; what cannot be is said."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.extension_sketches import make_sketches
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.beside_schema import ExtensionSketch
from lockage.ports import Shadow, TracedSession

pytestmark = pytest.mark.real

MAJORS = (15, 18)

ROLES = """
    create role app_owner login password 'o';
    create role readers nologin;
    create role writer login in role readers noinherit;
    create role "Odd Name" nologin createdb;
    grant readers to "Odd Name" with admin option;
    grant pg_read_all_data to readers;
    alter role app_owner set search_path = app, public;
    alter role writer in database rich set work_mem = '7MB';
    alter database rich set timezone = 'Asia/Tokyo';
    alter database rich owner to app_owner;
"""

_AS = "language internal immutable strict as"
VECTOR = (
    "create type public.vector",
    f"create function public.vector_in(cstring, oid, integer) returns public.vector {_AS} 'textin'",
    f"create function public.vector_out(public.vector) returns cstring {_AS} 'textout'",
    f"create function public.vector_typmod_in(cstring[]) returns integer {_AS} 'varchartypmodin'",
    f"create function public.vector_typmod_out(integer) returns cstring {_AS} 'varchartypmodout'",
    "create type public.vector (input = public.vector_in, output = public.vector_out, typmod_in = public.vector_typmod_in,"
    " typmod_out = public.vector_typmod_out)",
    "create function public.vector_cmp(public.vector, public.vector) returns integer language internal immutable strict"
    " as 'bttextcmp'",
    f"create function public.vector_lt(public.vector, public.vector) returns boolean {_AS} 'text_lt'",
    f"create function public.vector_eq(public.vector, public.vector) returns boolean {_AS} 'texteq'",
    "create function public.l2_distance(public.vector, public.vector) returns float8 language sql immutable"
    " as 'select 1.0::float8'",
    "create operator public.< (function = public.vector_lt, leftarg = public.vector, rightarg = public.vector)",
    "create operator public.= (function = public.vector_eq, leftarg = public.vector, rightarg = public.vector, merges, hashes)",
    "create operator public.<-> (function = public.l2_distance, leftarg = public.vector, rightarg = public.vector)",
    "create operator class public.vector_ops default for type public.vector using btree as operator 1 public.<,"
    " operator 3 public.=, function 1 public.vector_cmp(public.vector, public.vector)",
    "create cast (public.vector as text) without function as assignment",
    "create function public.vector_sum(public.vector, public.vector) returns public.vector language sql as 'select $1'",
    "create aggregate public.sum(public.vector) (sfunc = public.vector_sum, stype = public.vector)",
    "create table public.vector_spaces (id int primary key, name text)",
)

SCHEMA = """
    create extension citext;
    create extension postgres_fdw;
    create schema app authorization app_owner;
    create collation app.plainly (provider = libc, locale = 'C');
    create type app.mood as enum ('glad', 'sad');
    create type app.place as (street text, number int);
    create type app.span as range (subtype = int4);
    create domain app.percent as int default 5 check (value between 0 and 100);
    create domain app.name as citext not null;
    create sequence app.numbers increment 5;
    create table app.kinds (id int primary key, name app.name);
    create table app.users (
        id bigint generated always as identity primary key, mail citext not null unique, mood app.mood default 'glad',
        kind_id int references app.kinds, lives app.place, done app.percent, shown text collate app.plainly,
        loud text generated always as (upper(shown)) stored, near vector(3), stays app.span,
        number int default nextval('app.numbers'),
        exclude using gist (stays with &&)
    );
    create unique index on app.users (near);
    create index users_shown on app.users (shown text_pattern_ops) include (done) where mood = 'glad';
    create statistics app.users_both on mood, done from app.users;
    alter table app.kinds replica identity full;
    alter table app.users enable row level security, force row level security;
    create policy mine on app.users for select to readers using (mail = current_user::text);
    create table app.logs (at date not null, part int not null, line text, primary key (at, part)) partition by range (at);
    create table app.logs_old partition of app.logs for values from ('2020-01-01') to ('2026-01-01') partition by list (part);
    create table app.logs_old_1 partition of app.logs_old for values in (1);
    create table app.logs_old_rest partition of app.logs_old default;
    create table app.logs_rest partition of app.logs default;
    create index on app.logs (line);
    create table app.notes (id int primary key, at date, part int, foreign key (at, part) references app.logs);
    create table app.creatures (id int primary key, name text);
    create table app.fish (depth int) inherits (app.creatures);
    create unlogged table app.scratch (id int);
    create view app.glad with (security_barrier) as select id, mail from app.users where mood = 'glad' with check option;
    create materialized view app.totals as select mood, count(*) as n from app.users group by mood;
    create unique index on app.totals (mood);
    create function app.touch() returns trigger language plpgsql as $$ begin new.mood := 'sad'; return new; end $$;
    create trigger touched before update of mail on app.users for each row when (old.mail <> new.mail)
        execute function app.touch();
    create function app.through() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger through instead of insert on app.glad for each row execute function app.through();
    create procedure app.tidy() language sql as 'delete from app.scratch';
    create aggregate app.all_of(int) (sfunc = int4pl, stype = int, initcond = '0');
    create rule scratch_quiet as on delete to app.scratch do instead nothing;
    create function app.watch() returns event_trigger language plpgsql as $$ begin perform 1; end $$;
    create event trigger watch on ddl_command_end execute function app.watch();
    create publication feed for table app.kinds, app.creatures;
    create publication everything for all tables;
    create server elsewhere foreign data wrapper postgres_fdw options (host 'nowhere.invalid');
    create foreign table app.far (id int) server elsewhere;
    create cast (app.place as text) with inout;
    create text search configuration app.words (copy = simple);
    alter default privileges in schema app grant select on tables to readers;
    grant usage on schema app to readers;
    grant select (id, mail) on app.users to readers;
    grant select on app.totals, app.glad to readers;
    alter table app.kinds owner to app_owner;
    alter table app.users owner to app_owner;
    alter table app.logs owner to app_owner;
    alter view app.glad owner to "Odd Name";
    insert into app.kinds select i, 'kind ' || i from generate_series(1, 3) as i;
    insert into app.users (mail, kind_id, mood, done, shown)
        select i || '@example.org', i % 3 + 1, case when i % 10 = 0 then 'sad' else 'glad' end::app.mood, i % 100, 'x' || i % 7
          from generate_series(1, 20000) as i;
    refresh materialized view app.totals;
    analyze;
"""

OBJECTS = """
    select 'class', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relpersistence, c.relreplident,
               c.relrowsecurity, c.relforcerowsecurity, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
               c.reloptions, c.relowner::regrole, c.relacl)
      from pg_class as c where c.oid >= 16384 and c.relnamespace::regnamespace::text !~ '^pg_'
    union all
    select 'column', concat(a.attrelid::regclass, '.', a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
               a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation,
               a.attacl)
      from pg_attribute as a join pg_class as c on c.oid = a.attrelid
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select 'constraint', concat_ws(' ', c.conname, c.conrelid::regclass, c.contypid::regtype), pg_get_constraintdef(c.oid)
      from pg_constraint as c where c.oid >= 16384 and c.contype not in ('n', 't')
    union all select 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index as i
               where i.indexrelid >= 16384 and i.indrelid not in (select oid from pg_class where relkind = 't')
    union all select 'trigger', t.tgname, concat(pg_get_triggerdef(t.oid), t.tgenabled) from pg_trigger as t
               where not t.tgisinternal
    union all select 'rule', concat_ws(' ', r.rulename, r.ev_class::regclass), pg_get_ruledef(r.oid) from pg_rewrite as r
               where r.oid >= 16384
    union all select 'policy', p.polname, concat(p.polcmd, pg_get_expr(p.polqual, p.polrelid)) from pg_policy as p
    union all select 'routine', p.oid::regprocedure::text, concat_ws(' ', p.prokind, p.prorettype::regtype) from pg_proc as p
               where p.oid >= 16384 and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
    union all select 'type', t.oid::regtype::text, concat_ws(' ', t.typtype, (
                  select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum as e where e.enumtypid = t.oid))
      from pg_type as t where t.oid >= 16384 and t.typnamespace::regnamespace::text !~ '^pg_'
    union all select 'event trigger', evtname, concat_ws(' ', evtevent, evtenabled) from pg_event_trigger
    union all select 'publication', pubname, concat_ws(' ', puballtables, (
                  select string_agg(prrelid::regclass::text, ',' order by prrelid::regclass::text)
                    from pg_publication_rel where prpubid = p.oid)) from pg_publication as p
    union all select 'statistics', stxname, pg_get_statisticsobjdef(oid) from pg_statistic_ext
    union all select 'server', srvname, srvoptions::text from pg_foreign_server
    union all select 'words', cfgname, '' from pg_ts_config where oid >= 16384
    union all select 'privileges', defaclobjtype::text, defaclacl::text from pg_default_acl
    union all select 'extension', extname, '' from pg_extension
    union all select 'operator', concat_ws(' ', oprname, oprleft::regtype, oprright::regtype), oprcanhash::text from pg_operator
               where oid >= 16384
    union all select 'cast', concat_ws(' ', castsource::regtype, casttarget::regtype), castcontext::text from pg_cast
               where oid >= 16384
    union all select 'role', rolname, concat_ws(' ', rolsuper, rolcreatedb, rolinherit) from pg_roles
               where rolname !~ '^pg_' and rolname <> 'app_owner'
    union all select 'member', concat_ws(' ', roleid::regrole, member::regrole), '' from pg_auth_members
               where member::regrole::text !~ '^pg_'
    union all select 'setting', concat(setrole::regrole), setconfig::text from pg_db_role_setting where setrole <> 0
    union all select 'owner', datname, datdba::regrole::text from pg_database where datname = current_database()
    order by 1, 2, 3
"""


def objects(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        return set(connection.execute(OBJECTS).fetchall())


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"PostgreSQL {major}")
def production(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of that major with a schema of everything."""
    binaries = find_binaries(request.param)
    if binaries is None:
        pytest.skip(f"no server programs of PostgreSQL {request.param} on this machine")
    with throwaway(binaries=binaries, tcp=True) as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create database rich")
        with psycopg.connect(server.url("rich"), autocommit=True) as admin:
            for statement in ROLES.split(";"):
                admin.execute(statement.encode())
            make_sketches(admin, [ExtensionSketch(name="nowhere_vectors", schema="public", version="0.8.0", orders=VECTOR)])
        with psycopg.connect(server.url("rich"), autocommit=True) as admin:
            admin.execute(SCHEMA.encode())
        yield server


@pytest.fixture(scope="module")
def shadow(production: Server) -> Iterator[Shadow]:
    with EmbeddedShadows().of_database(production.url("rich", tcp=True)) as shadow:
        yield shadow


@pytest.fixture(scope="module")
def session(shadow: Shadow) -> Iterator[TracedSession]:
    with shadow.session() as session:
        yield session


def test_a_shadow_is_of_productions_own_major(production: Server, shadow: Shadow) -> None:
    with psycopg.connect(production.url("rich")) as connection:
        assert shadow.major == connection.info.server_version // 10_000
    assert not any("differ between majors" in assumption for assumption in shadow.assumptions)


def test_a_shadow_lacks_nothing_of_a_schema_of_everything(production: Server, shadow: Shadow) -> None:
    with psycopg.connect(production.url("rich")) as real, shadow._login.own_session() as ours:  # type: ignore[attr-defined]
        wanted, there = objects(real), objects(ours)
    assert wanted - there == set()
    assert not any("did not take" in assumption or "missing" in assumption for assumption in shadow.assumptions)


def test_an_extension_that_is_nowhere_is_sketched_and_said(shadow: Shadow, session: TracedSession) -> None:
    assert any("extension nowhere_vectors is a stand-in" in assumption for assumption in shadow.assumptions)
    for statement in (
        "begin",
        "alter table app.users add column far vector(5) default '[1,2]', add check (near <-> far < 3)",
        "create index on app.users (far)",
        "select sum(near), near::text from app.users group by near",
        "create extension if not exists nowhere_vectors",
        "drop extension nowhere_vectors cascade",
        "rollback",
    ):
        assert session.execute(statement).failure is None, statement


def test_the_planner_expects_the_rows_that_production_expects(production: Server, session: TracedSession) -> None:
    for condition in (
        "mood = 'sad'",
        "done < 10",
        "done between 20 and 29 and mood = 'glad'",
        "shown = 'x3'",
        "mail < '3'",
        "lives is null",
        "kind_id in (1, 2)",
        "id > 15000",
    ):
        query = f"select * from app.users where {condition}"
        with psycopg.connect(production.url("rich")) as real:
            row = real.execute(sql.SQL("explain (format json) {}").format(sql.SQL(query))).fetchone()  # type: ignore[arg-type]
        (plan,) = session.execute(query).plans
        expected, ours = row[0][0]["Plan"]["Plan Rows"], plan["Plan"]["Plan Rows"]  # type: ignore[index]
        assert expected * 0.95 - 2 <= ours <= expected * 1.05 + 2, condition


def test_a_block_is_seen_inside(session: TracedSession) -> None:
    seen = session.execute("do $$ begin update app.users set done = 1 where id = 7; end $$", inner=True)
    assert seen.failure is None
    assert seen.inner is not None
    assert any("update app.users" in text for text in seen.inner)
    assert any("app.users" in str(plan["Query Text"]) for plan in seen.plans)


def test_small_tables_have_their_rows_and_go_on_behind_them(shadow: Shadow, session: TracedSession) -> None:
    assert session.execute("do $$ begin assert (select count(*) = 3 from app.kinds); end $$").failure is None
    assert session.execute("do $$ begin assert not exists (select from app.users); end $$").failure is None
    assert any("of 1 small table the shadow has the 3 rows" in assumption for assumption in shadow.assumptions)


def test_an_event_trigger_of_a_script_does_not_notice_us(session: TracedSession) -> None:
    made = "create function app.refuse() returns event_trigger language plpgsql as $$ begin raise 'no'; end $$"
    assert session.execute(made).failure is None
    assert session.execute("create event trigger refuse on ddl_command_end execute function app.refuse()").failure is None
    assert session.execute("comment on table app.kinds is 'x'").failure is not None
    assert session.execute("drop event trigger refuse").failure is None
    assert session.execute("vacuum app.kinds").failure is None
