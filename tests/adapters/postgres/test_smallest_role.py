"""The role of ``lockage rbac --database`` is enough for survey, forecast and guard on a real server, and for no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.role_needs import read_shape
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.facts import LedgerState
from lockage.core.plan.database_role import DatabaseShape, SchemaShape, database_role
from lockage.core.plan.rights import Use
from lockage.settings import Watching
from support.app_profile import PROFILE

pytestmark = pytest.mark.real

PASSWORD = "secret-of-the-test"
APPLICATION = """
    create table public.schema_migrations (version bigint primary key, dirty boolean not null);
    insert into public.schema_migrations values (41, false);
    create schema "App";
    create table "App"."Users" (id bigserial primary key, mail text not null unique);
    insert into "App"."Users" (mail) select i || '@example.org' from generate_series(1, 5000) as i;
    create table "App".keys (id bigint generated always as identity, user_id bigint references "App"."Users");
    create view "App".glad as select id from "App"."Users";
    create table "App".veiled (id bigint);
    alter table "App".veiled enable row level security;
    analyze;
"""


@dataclass(frozen=True)
class Shop:
    """A database with an application that owns it, and the smallest role beside it."""

    admin: str
    application: str
    application_role: str
    lockage: str
    lockage_role: str
    script: str

    def grant(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(text.encode())


@pytest.fixture(params=[Use.UPGRADE])
def shop(database_url: str, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        database = admin.info.dbname
        owner, role = f"app_{database}", f"lockage_{database}"
        admin.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(owner), PASSWORD))
        admin.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(database), sql.Identifier(owner)))
        # As administrators do who take least privilege seriously.
        admin.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))
        admin.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(owner)))
        application = make_conninfo(database_url, user=owner, password=PASSWORD)
        with psycopg.connect(application, autocommit=True) as app:
            app.execute(APPLICATION)
        shape = read_shape(database_url, watching=Watching())
        script = database_role(shape, ledger="public.schema_migrations", use=request.param, role=role)
        admin.execute(script.encode())
        admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), PASSWORD))
        yield Shop(
            admin=database_url,
            application=application,
            application_role=owner,
            lockage=make_conninfo(database_url, user=role, password=PASSWORD),
            lockage_role=role,
            script=script,
        )
        for each in (role, owner):
            admin.execute(sql.SQL("reassign owned by {} to postgres").format(sql.Identifier(each)))
            admin.execute(sql.SQL("drop owned by {} cascade").format(sql.Identifier(each)))
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(each)))


@pytest.fixture
def database(shop: Shop) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(shop.lockage)) as port:
        yield port


def test_a_survey_sees_everything(shop: Shop, database: PostgresDatabase) -> None:
    server = database.server()
    assert not server.superuser
    assert server.can_see_others
    assert server.can_signal
    assert database.ledger(PROFILE).state is LedgerState.READ
    users = next(each for each in database.relations() if each.relation == "App.Users")
    assert users.rows == 5000
    assert users.row_bytes > 0  # widths come from statistics that only readers of the table see
    assert database.ask('select count(*) as n from "App"."Users"') == ({"n": 5000},)


def test_a_guard_sees_the_blocker_and_ends_it(shop: Shop, database: PostgresDatabase) -> None:
    with psycopg.connect(shop.application) as blocker:
        blocker.execute('lock table "App".keys in access exclusive mode')
        session = database.activity().session(blocker.info.backend_pid)
        assert session is not None
        assert session.user == shop.application_role
        assert session.query.startswith("lock table")
        assert ("App.keys", "AccessExclusiveLock") in {(lock.relation, lock.mode) for lock in session.relation_locks}
        assert database.hold_fence(4711)
        assert database.terminate(pid=session.pid, backend_start=session.backend_start).sent
        with pytest.raises(psycopg.OperationalError):
            blocker.execute("select 1")


def test_a_shadow_has_every_table_with_its_statistics(shop: Shop) -> None:
    with EmbeddedShadows(ledger="public.schema_migrations").of_database(shop.lockage) as shadow:
        relations = {each.relation: each for each in shadow.relations()}
        assert {"App.Users", "App.keys", "App.veiled", "public.schema_migrations"} <= set(relations)
        assert not [said for said in shadow.assumptions if "may not read" in said or "unreadable" in said]
        with shadow.session() as session:
            seen = session.execute('update "App"."Users" set mail = mail')
        assert seen.failure is None


def test_tables_of_the_next_release_are_readable_too(shop: Shop, database: PostgresDatabase) -> None:
    with psycopg.connect(shop.application, autocommit=True) as app:
        app.execute("create table public.later (id bigserial)")
    assert database.ask("select * from public.later") == ()


def test_it_writes_nothing(shop: Shop) -> None:
    with psycopg.connect(shop.lockage, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create temporary table t (id int)")
        connection.execute("set default_transaction_read_only = off")
        for statement in (
            'delete from "App".keys',
            "create table public.mine (id int)",
            "update public.schema_migrations set dirty = true",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_rows_behind_row_level_security_are_named_as_hidden(shop: Shop, database: PostgresDatabase) -> None:
    assert (
        "-- App.veiled has row-level security: without a policy for this role, or BYPASSRLS, it sees no row of it."
        in shop.script
    )
    with psycopg.connect(shop.application, autocommit=True) as app:
        app.execute('insert into "App".veiled values (1)')
    assert database.ask('select * from "App".veiled') == ()


def test_a_schema_that_was_left_out_counts_as_unknown(shop: Shop) -> None:
    shop.grant(f'revoke usage on schema "App" from {shop.lockage_role}')
    with EmbeddedShadows(ledger="public.schema_migrations").of_database(shop.lockage) as shadow:
        assert any("App.Users" in said for said in shadow.assumptions), shadow.assumptions


def test_superusers_of_the_application_are_named() -> None:
    shape = DatabaseShape(database="Shop", schemas=(SchemaShape(name="public", owners=("app",)),), superusers=("postgres",))
    written = database_role(shape, ledger="public.schema_migrations", use=Use.UPGRADE)
    assert "-- postgres is connected as a superuser: only a superuser can end its sessions." in written
    assert 'GRANT CONNECT ON DATABASE "Shop" TO lockage;' in written


def test_who_only_looks_may_end_nobody() -> None:
    shape = DatabaseShape(database=None, schemas=(), seen=False)
    written = database_role(shape, ledger="app.ledger", use=Use.LOOK)
    assert "pg_signal_backend" not in written
    assert "Nobody looked at the database" in written
