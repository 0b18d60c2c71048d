"""Sessions that last, roles that see little, signals that hit one backend, and the fence."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.core.facts import LedgerState
from lockage.core.sessions import UNSEEN, owned_sessions
from lockage.errors import LockageError, RefusedError, UnreachableError
from lockage.settings import Watching
from ports.database_suite import eventually, session_of
from support.app_profile import PROFILE
from support.stalling_proxy import stalling_proxy

pytestmark = pytest.mark.real


class Role(NamedTuple):
    name: str
    url: str


@pytest.fixture
def small_role(connect_as, database_url: str) -> Iterator[Role]:
    """A role that may connect, and nothing else."""
    admin: psycopg.Connection = connect_as()
    name = f"watcher_{admin.info.dbname}"
    admin.execute(sql.SQL("create role {} login password 'small'").format(sql.Identifier(name)))
    yield Role(name=name, url=make_conninfo(database_url, user=name, password="small"))
    admin.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))


def kill_sessions(admin: psycopg.Connection, application_name: str) -> int:
    killed = admin.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where application_name = %s and datname = current_database()",
        (application_name,),
    ).fetchall()
    return len(killed)


def test_a_lost_session_is_opened_anew(connect_as, database: PostgresDatabase) -> None:
    admin = connect_as()
    database.activity()
    assert kill_sessions(admin, "lockage/watch") == 1
    assert database.activity().session(admin.info.backend_pid) is not None
    assert database.server().major == 18


def test_a_server_that_falls_silent_is_unreachable_and_comes_back(database_url: str) -> None:
    watching = Watching(statement_timeout_s=0.2, connect_timeout_s=2.0)
    target = conninfo_to_dict(database_url)
    with stalling_proxy(str(target["host"]), int(str(target["port"]))) as proxy:
        url = make_conninfo(database_url, port=proxy.port)
        with closing(PostgresDatabase(url, watching=watching)) as database:
            database.activity()
            proxy.stall()
            begun = time.monotonic()
            with pytest.raises(UnreachableError) as caught:
                database.activity()
            assert time.monotonic() - begun < 10
            assert caught.value.code == "LK121", "it lost the session, and could not open another"
            proxy.resume()
            assert eventually(lambda: len(database.activity().sessions) >= 0)


def test_a_pooler_is_refused_before_anything_is_set_in_its_session(connect_as, database_url: str) -> None:
    # As PgBouncer does: the client is given a key of the pooler's own (BackendKeyData, a message of 12 bytes after its "K").
    def other_key(data: bytes) -> bytes:
        return re.sub(rb"K\x00\x00\x00\x0c.{4}", b"K\x00\x00\x00\x0c\x7f\xff\xff\xff", data, flags=re.DOTALL)

    target = conninfo_to_dict(database_url)
    with stalling_proxy(str(target["host"]), int(str(target["port"])), rewrite=other_key) as proxy:
        url = make_conninfo(database_url, port=proxy.port)
        with closing(PostgresDatabase(url)) as database, pytest.raises(RefusedError) as caught:
            database.activity()
    assert caught.value.code == "LK141"


def test_a_database_that_is_gone_is_unreachable(postgres_server) -> None:
    with closing(PostgresDatabase(postgres_server.url("no_such_database"))) as database, pytest.raises(LockageError) as caught:
        database.server()
    assert caught.value.code == "LK123"


def test_a_full_server_does_not_blind_a_session_that_is_open(connect_as, database: PostgresDatabase, small_role: Role) -> None:
    admin = connect_as()
    admin.execute(sql.SQL("alter role {} connection limit 1").format(sql.Identifier(small_role.name)))
    with closing(PostgresDatabase(small_role.url)) as first, closing(PostgresDatabase(small_role.url)) as second:
        first.activity()
        with pytest.raises(UnreachableError) as caught:
            second.activity()
        assert caught.value.code == "LK125"
        assert first.activity().session(admin.info.backend_pid) is not None


def test_a_small_role_still_sees_names_locks_and_waits(connect_as, small_role: Role) -> None:
    admin = connect_as()
    admin.execute("create table api_keys (id int)")
    holder = connect_as("towpath/a", autocommit=False)
    holder.execute("lock table api_keys in access exclusive mode")
    holder.execute("select pg_advisory_xact_lock(5)")
    with closing(PostgresDatabase(small_role.url)) as database:
        session = session_of(database, holder.info.backend_pid)
        assert not database.server().can_see_others
        assert not database.server().can_signal
    assert (session.application_name, session.user) == ("towpath/a", "postgres")
    assert [(k.relation, k.mode) for k in session.relation_locks] == [("public.api_keys", "AccessExclusiveLock")]
    assert session.advisory_locks == (5,)
    assert (session.backend_start, session.client_address, session.state, session.query) == (UNSEEN, None, None, "")
    (owned,) = owned_sessions([session], [], pattern="towpath/{replica}")
    assert owned.orphan, "no replica of that name lives"


def test_a_small_role_is_refused_a_signal_to_another(connect_as, small_role: Role, database: PostgresDatabase) -> None:
    victim = connect_as("app/x")
    begun = session_of(database, victim.info.backend_pid).backend_start
    with closing(PostgresDatabase(small_role.url)) as limited:
        # It does not see when the backend began, so the two do not match, and nothing is sent.
        assert not limited.terminate(pid=victim.info.backend_pid, backend_start=begun).sent
    assert victim.execute("select 1").fetchone() == (1,)


def test_a_role_that_sees_but_may_not_signal_is_told_so(connect_as, small_role: Role, database: PostgresDatabase) -> None:
    admin = connect_as("app/x")
    admin.execute(sql.SQL("grant pg_read_all_stats to {}").format(sql.Identifier(small_role.name)))
    begun = session_of(database, admin.info.backend_pid).backend_start
    with closing(PostgresDatabase(small_role.url)) as limited, pytest.raises(RefusedError) as caught:
        limited.terminate(pid=admin.info.backend_pid, backend_start=begun)
    assert caught.value.code == "LK130"


def test_a_role_that_may_not_read_the_ledger_is_told_so(connect_as, small_role: Role) -> None:
    connect_as().execute("create table schema_migrations (version bigint, dirty boolean)")
    with closing(PostgresDatabase(small_role.url)) as limited:
        reading = limited.ledger(PROFILE)
    assert reading.state is LedgerState.UNREADABLE
    assert reading.problem == "the role may not read public.schema_migrations"


def test_a_cancelled_statement_leaves_its_session(connect_as, database: PostgresDatabase) -> None:
    victim, seen = connect_as("app/x"), []

    def sleep() -> None:
        try:
            victim.execute("select pg_sleep(60)")
        except psycopg.Error as error:
            seen.append(error.sqlstate)

    thread = threading.Thread(target=sleep)
    thread.start()
    pid = victim.info.backend_pid
    assert eventually(lambda: session_of(database, pid).state == "active")
    assert database.cancel(pid=pid, backend_start=session_of(database, pid).backend_start).sent
    thread.join()
    assert seen == ["57014"]
    assert victim.execute("select 1").fetchone() == (1,)


def test_a_query_of_a_profile_gives_rows(database: PostgresDatabase) -> None:
    rows = database.ask("SELECT 'a%b' AS relation, 2::float8 AS rows, NOT EXISTS (SELECT) AS holds")
    assert rows == ({"relation": "a%b", "rows": 2.0, "holds": False},)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE x ()", "LK134"),
        ("SELECT 1; COMMIT; CREATE TABLE x ()", "LK139"),
        ("SELECT * FROM nowhere", "LK139"),
        ("SELECT FROM", "LK139"),
    ],
)
def test_a_query_of_a_profile_that_is_no_single_look_is_refused(database: PostgresDatabase, statement: str, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        database.ask(statement)
    assert caught.value.code == code
    assert database.ask("select 1 as one") == ({"one": 1},)


def test_a_query_behind_a_lock_gives_up(connect_as, database: PostgresDatabase) -> None:
    connect_as().execute("create table api_keys (id int)")
    connect_as(autocommit=False).execute("lock table api_keys in access exclusive mode")
    with pytest.raises(UnreachableError) as caught:
        database.ask("select * from api_keys")
    assert caught.value.code == "LK131"


def test_a_lost_fence_is_taken_again_before_anything_is_sent(connect_as, database: PostgresDatabase) -> None:
    admin, victim = connect_as(), connect_as("app/x")
    assert database.hold_fence(77)
    begun = session_of(database, victim.info.backend_pid).backend_start
    assert kill_sessions(admin, "lockage/fence") == 1
    assert database.terminate(pid=victim.info.backend_pid, backend_start=begun).sent
    assert database.hold_fence(77)


def test_who_lost_the_fence_to_another_cannot_send_anything(connect_as, database: PostgresDatabase, database_url: str) -> None:
    admin, victim = connect_as(), connect_as("app/x")
    assert database.hold_fence(77)
    begun = session_of(database, victim.info.backend_pid).backend_start
    assert kill_sessions(admin, "lockage/fence") == 1
    with closing(PostgresDatabase(database_url)) as other:
        assert other.hold_fence(77)
        with pytest.raises(RefusedError) as caught:
            database.terminate(pid=victim.info.backend_pid, backend_start=begun)
        assert caught.value.code == "LK140"
        assert not database.hold_fence(77)
    assert victim.execute("select 1").fetchone() == (1,)


def test_our_sessions_say_who_they_are(connect_as, database: PostgresDatabase) -> None:
    database.activity()
    database.hold_fence(77)
    rows = connect_as().execute(
        "select application_name from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() order by 1"
    )
    assert [row[0] for row in rows] == ["lockage/fence", "lockage/watch"]
