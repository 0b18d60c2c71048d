"""A shadow of a live database: what it takes along, what it leaves alone, and what it says of the difference."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.dump import dump_schema
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.errors import LockageError, RefusedError, UnreachableError
from lockage.ports import TracedSession

pytestmark = pytest.mark.real

SCHEMA = """
    create extension citext;
    create schema app;
    create type app.mood as enum ('glad', 'sad');
    create table app.users (id bigserial primary key, mail citext not null unique, mood app.mood, profile jsonb);
    insert into app.users (mail, mood) select i || '@example.org', 'glad' from generate_series(1, 20000) as i;
    create table app.keys (
        id bigint generated always as identity primary key,
        user_id bigint not null references app.users on delete cascade,
        hours int constraint positive check (hours > 0)
    );
    create index on app.keys (user_id);
    create view app.glad as select id, mail from app.users where mood = 'glad';
    create materialized view app.totals as select count(*) as n from app.users;
    create unique index on app.totals (n);
    create function app.touch() returns trigger language plpgsql as $$ begin new.mood := 'sad'; return new; end $$;
    create trigger touched before update of mail on app.users for each row execute function app.touch();
    create table app.logs (at date not null, line text) partition by range (at);
    create table app.logs_old partition of app.logs for values from ('2020-01-01') to ('2026-01-01');
    create table app.logs_rest partition of app.logs default;
    alter table app.users enable row level security;
    create policy everyone on app.users using (true);
    create table schema_migrations (version bigint primary key, dirty boolean not null);
    insert into schema_migrations values (41, false);
    create table ledger_of_ours (id serial primary key, name text not null, twice int generated always as (id * 2) stored);
    insert into ledger_of_ours (name) values ('one'), ('two\tand a tab');
"""


@pytest.fixture
def production(postgres_server: Server, database_url: str) -> Iterator[str]:
    """The URL, as the role that owns everything in it, of a database with a schema of many kinds and some rows."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    owner = sql.Identifier(f"{name}_owner")
    with psycopg.connect(postgres_server.url(str(name)), autocommit=True) as admin:
        admin.execute(sql.SQL("create role {} login password 'p@ss: w/rd'").format(owner))
        admin.execute(sql.SQL("create role {} nologin").format(sql.Identifier(f"{name}_readers")))
        admin.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(str(name)), owner))
        admin.execute(sql.SQL("alter role {} set statement_timeout = '90s'").format(owner))
        admin.execute(sql.SQL("alter database {} set search_path = app, public").format(sql.Identifier(str(name))))
        admin.execute(sql.SQL("alter schema public owner to {}").format(owner))
    url = postgres_server.url(str(name), user=f"{name}_owner", password="p@ss: w/rd", tcp=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(sql.SQL("grant select on app.users to {}").format(sql.Identifier(f"{name}_readers")))
        connection.execute("analyze")
    yield url
    with psycopg.connect(postgres_server.url(str(name)), autocommit=True) as admin:
        for role in (f"{name}_owner", f"{name}_readers", f"{name}_looker"):
            if admin.execute("select true from pg_roles where rolname = %s", [role]).fetchone():
                admin.execute(sql.SQL("reassign owned by {} to postgres").format(sql.Identifier(role)))
                admin.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
                admin.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(str(name))))
                admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def ask(session: TracedSession, condition: str) -> None:
    """Fails unless the condition holds in the traced session."""
    seen = session.execute(f"do $ask$ begin assert ({condition}); end $ask$")
    assert seen.failure is None, condition


def test_a_shadow_has_the_schema_and_the_ledger_and_no_other_rows(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        names = {relation.relation for relation in session.mark().relations.values()}
        assert {"app.users", "app.keys", "app.glad", "app.totals", "app.logs_old", "app.users_id_seq"} <= names
        ask(session, "select version = 41 and not dirty from schema_migrations")
        ask(session, "not exists (select from app.users)")
        rules = session.rules()
        assert [trigger.name for trigger in rules.triggers] == ["touched"]
        assert {key.on_delete for key in rules.foreign_keys} == {"c"}
        ask(session, "select count(*) = 1 from pg_policies")


def test_a_ledger_is_copied_by_name_and_without_its_generated_columns(production: str) -> None:
    with (
        EmbeddedShadows(ledger="app.ledger_of_ours").of_database(production) as shadow,
        shadow.session() as session,
    ):
        ask(session, "select array_agg(name order by id) = array['one', e'two\\tand a tab'] from ledger_of_ours")
        ask(session, "select bool_and(twice = id * 2) from ledger_of_ours")
        assert session.execute("insert into ledger_of_ours (name) values ('three')").failure is None


def test_a_database_that_a_service_file_describes_is_dumped_too(
    production: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = "".join(f"{name}={value}\n" for name, value in conninfo_to_dict(production).items())
    (tmp_path / "services").write_text(f"[shop]\n{described}")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with EmbeddedShadows().of_database("service=shop") as shadow:
        assert "app.users" in {relation.relation for relation in shadow.relations()}


def test_a_ledger_that_is_not_there_is_said(production: str) -> None:
    with EmbeddedShadows(ledger="public.no_such_ledger").of_database(production) as shadow:
        assert any("public.no_such_ledger" in assumption for assumption in shadow.assumptions)


def test_a_script_runs_under_productions_names_and_settings(production: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(production)
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        ask(session, f"current_database() = '{parts['dbname']}' and current_user = '{parts['user']}'")
        ask(session, "current_setting('search_path') = 'app, public'")
        ask(session, "current_setting('statement_timeout') = '2147483647ms'")  # production's would end the tracing …
        assert session.execute("select 1").wait_limit_ms == 90_000  # … and is known all the same
        ask(session, f"select count(*) = 2 from pg_roles where rolname like '{parts['dbname']}\\_%'")
        ask(session, f"has_table_privilege('{parts['dbname']}_readers', 'app.users', 'select')")
        assert session.execute(f"grant update on users to {parts['dbname']}_readers").failure is None
        assert session.execute(f"alter database {parts['dbname']} set work_mem = '8MB'").failure is None
        assert any("statement_timeout=90s" in assumption for assumption in shadow.assumptions)
        assert any("is a superuser on the shadow" in assumption for assumption in shadow.assumptions)


def test_sizes_are_productions_and_the_planner_believes_them(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        users = next(relation for relation in shadow.relations() if relation.relation == "app.users")
        assert users.rows >= 20_000
        assert users.heap_bytes > 1_000_000
        (plan,) = session.execute("update users set profile = '{}' where mood = 'glad'").plans
        assert 15_000 < plan["Plan"]["Plans"][0]["Plan Rows"] < 50_000  # type: ignore[index]
        (plan,) = session.execute("delete from users where id = 7").plans
        assert plan["Plan"]["Plans"][0]["Plan Rows"] == 1  # type: ignore[index]


def test_a_filled_materialised_view_can_be_read_and_refreshed(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        assert session.execute("select * from totals").failure is None
        assert session.execute("refresh materialized view concurrently totals").failure is None


def test_production_is_neither_changed_nor_kept_locked(production: str) -> None:
    with psycopg.connect(production, autocommit=True) as watcher:

        def state() -> tuple[object, ...]:
            return (
                watcher.execute("select count(*), max(xmin::text::bigint) from pg_class").fetchone(),
                watcher.execute("select count(*) from users").fetchone(),
                watcher.execute("select pg_current_xact_id()::text::bigint").fetchone(),
            )

        before = state()
        with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
            assert session.execute("drop table users cascade").failure is None
            others = watcher.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
            assert others.fetchone() == (0,)
            after = state()
        assert before[:2] == after[:2]
        assert after[2][0] == before[2][0] + 1  # type: ignore[index]


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    with psycopg.connect(url) as holder:
        holder.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(table)))  # type: ignore[arg-type]
        yield
        holder.rollback()


@pytest.mark.parametrize("table", ["users", "schema_migrations", "glad"])
def test_a_locked_table_is_not_waited_for(production: str, table: str) -> None:
    with locked(production, table):
        begun = time.monotonic()
        with pytest.raises(UnreachableError) as raised, EmbeddedShadows().of_database(production):
            pass
        assert raised.value.code == "LK421"
        assert time.monotonic() - begun < 10
    with EmbeddedShadows().of_database(production) as shadow:
        assert shadow.major == 18


def test_a_view_that_is_being_remade_is_not_waited_for(production: str) -> None:
    with psycopg.connect(production) as migrator:
        migrator.execute("drop view glad")
        with pytest.raises(UnreachableError) as raised, EmbeddedShadows().of_database(production):
            pass
        migrator.rollback()
    assert raised.value.code == "LK421"
    assert "app.glad" in raised.value.message


def test_what_may_not_be_read_is_named(production: str, postgres_server: Server) -> None:
    name = str(psycopg.conninfo.conninfo_to_dict(production)["dbname"])
    with psycopg.connect(production, autocommit=True) as connection, psycopg.connect(postgres_server.url()) as admin:
        admin.execute(sql.SQL("create role {} login password 'l'").format(sql.Identifier(f"{name}_looker")))
        admin.commit()
        looker = sql.Identifier(f"{name}_looker")
        connection.execute(sql.SQL("grant usage on schema app to {}").format(looker))
        url = postgres_server.url(name, user=f"{name}_looker", password="l", tcp=True)
        with pytest.raises(RefusedError) as raised, EmbeddedShadows().of_database(url):
            pass
        assert raised.value.code == "LK423"
        connection.execute(sql.SQL("grant select on all tables in schema app, public to {}").format(looker))
        connection.execute(sql.SQL("revoke select on app.users from {}").format(looker))
        with EmbeddedShadows().of_database(url) as shadow, shadow.session() as session:
            assert any("app.users" in assumption for assumption in shadow.assumptions)
            names = {relation.relation for relation in session.mark().relations.values()}
            assert "app.keys" in names
            ask(session, f"current_user = '{name}_owner'")


def test_a_foreign_server_is_out_of_reach(production: str, postgres_server: Server) -> None:
    name = str(psycopg.conninfo.conninfo_to_dict(production)["dbname"])
    with psycopg.connect(postgres_server.url(name), autocommit=True) as admin:
        admin.execute("create extension postgres_fdw")
        admin.execute(
            sql.SQL("create server elsewhere foreign data wrapper postgres_fdw options (host {}, port {}, dbname {})").format(
                sql.Literal(str(postgres_server.socket_dir)), sql.Literal(str(postgres_server.port)), sql.Literal(name)
            )
        )
        admin.execute("create user mapping for public server elsewhere options (user 'postgres', password_required 'false')")
        admin.execute(
            "create foreign table far (id bigint, mood text) server elsewhere options (schema_name 'app', table_name 'users')"
        )
        assert admin.execute("select count(*) from far").fetchone() == (20_000,)
        with EmbeddedShadows().of_database(postgres_server.url(name)) as shadow, shadow.session() as session:
            seen = session.execute("delete from far")
            assert seen.failure is not None
            assert session.execute("alter foreign table far add column x int").failure is None
        assert admin.execute("select count(*) from far").fetchone() == (20_000,)


def test_pg_dump_shows_no_password_and_dies_with_us_while_it_waits(production: str) -> None:
    # pg_dump waits for this lock, and is looked at meanwhile.
    with locked(production, "users"):
        program = (
            "import sys\n"
            "from lockage.adapters.postgres.binaries import embedded_binaries\n"
            "from lockage.adapters.postgres.dump import dump_schema\n"
            "dump_schema(sys.stdin.read(), binaries=embedded_binaries(), lock_timeout_s=60)"
        )
        started = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert started.stdin is not None
        started.stdin.write(production.encode())
        started.stdin.close()
        try:
            dumper = wait_for(lambda: child_called(started.pid, "pg_dump"))
            assert b"p@ss" not in Path(f"/proc/{dumper}/cmdline").read_bytes()
            started.send_signal(signal.SIGKILL)
            started.wait()
            wait_for(lambda: not Path(f"/proc/{dumper}").exists() or None)
            with psycopg.connect(production, autocommit=True) as watcher:
                wait_for(
                    lambda: watcher.execute(
                        "select true where not exists (select from pg_stat_activity"
                        " where application_name like 'lockage/shadow%%' and datname = current_database())"
                    ).fetchone()
                )
        finally:
            started.kill()
            started.wait()


def test_a_connection_that_pg_dump_loses_is_no_matter_of_rights(production: str) -> None:
    with (
        locked(production, "users"),
        ThreadPoolExecutor(max_workers=1) as pool,
        psycopg.connect(production, autocommit=True) as killer,
    ):
        dumping = pool.submit(dump_schema, production, binaries=embedded_binaries(), lock_timeout_s=60)
        waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        pid = wait_for(lambda: dumping.done() or killer.execute(waiting).fetchone())
        killer.execute(f"select pg_terminate_backend({pid[0]})")  # type: ignore[index]
        with pytest.raises(UnreachableError) as caught:
            dumping.result()
    assert caught.value.code == "LK133"


def wait_for(condition: object, limit_s: float = 20) -> int:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if (found := condition()) is not None:  # type: ignore[operator]
            return found
        time.sleep(0.02)
    raise AssertionError("not in time")


def child_called(parent: int, name: str) -> int | None:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text().rsplit(")", 1)
            except OSError:
                continue
            if name in status[0] and int(status[1].split()[1]) == parent:
                return int(folder.name)
    return None


def test_the_shadow_is_gone_with_its_context(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow:
        folder = shadow._login.server.data_dir  # type: ignore[attr-defined]
        assert folder.exists()
    assert not folder.exists()


def test_a_database_that_is_not_there_is_a_refused_login(postgres_server: Server) -> None:
    url = postgres_server.url("no_such_database", tcp=True)
    with pytest.raises(LockageError) as raised, EmbeddedShadows().of_database(url):
        pass
    assert raised.value.code == "LK123"


def test_an_empty_database_has_an_empty_shadow(database_url: str) -> None:
    with EmbeddedShadows().of_database(database_url) as shadow, shadow.session() as session:
        assert session.mark().relations == {}
        assert shadow.assumptions == ()
        assert shadow.relations() == ()
