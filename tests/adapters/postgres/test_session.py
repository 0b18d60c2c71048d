"""Sessions: their limits, and a sentence for every way in which a database does not let us in or lets us down."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.session import connect, foreign_errors, load_sql
from lockage.errors import LockageError, RefusedError, UnreachableError, UsageError

pytestmark = pytest.mark.real


def open_session(url: str, *, what: str = "test", **more: object) -> psycopg.Connection[tuple[object, ...]]:
    limits = {"lock_timeout_s": 0.2, "statement_timeout_s": 5.0, "connect_timeout_s": 5.0}
    return connect(url, what=what, **{**limits, **more})  # type: ignore[arg-type]


def refusal(url: str) -> LockageError:
    with pytest.raises(LockageError) as caught:
        open_session(url).close()
    return caught.value


@contextmanager
def role(server: Server, statement: str, undo: str) -> Iterator[None]:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(statement)  # type: ignore[call-overload]
        try:
            yield
        finally:
            admin.execute(undo)  # type: ignore[call-overload]


def test_a_session_has_its_name_and_its_limits(database_url: str) -> None:
    with open_session(database_url, what="guard", idle_in_transaction_limit_s=7.0) as session:
        names = ("application_name", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        found = {name: session.execute("select current_setting(%s)", [name]).fetchone() for name in names}
    assert found == {
        "application_name": ("lockage/guard",),
        "lock_timeout": ("200ms",),
        "statement_timeout": ("5s",),
        "idle_in_transaction_session_timeout": ("7s",),
    }


def test_a_limit_below_a_millisecond_is_not_no_limit(database_url: str) -> None:
    with open_session(database_url, lock_timeout_s=0.0001) as session:
        assert session.execute("show lock_timeout").fetchone() == ("1ms",)


def test_no_limit_is_possible_when_asked_for(database_url: str) -> None:
    with open_session(database_url, statement_timeout_s=None) as session:
        assert session.execute("show statement_timeout").fetchone() == ("0",)


def test_the_limits_survive_a_rolled_back_transaction(database_url: str) -> None:
    with open_session(database_url, autocommit=False) as session:
        session.rollback()
        assert session.execute("show lock_timeout").fetchone() == ("200ms",)


def test_a_read_only_session_refuses_to_write(database_url: str) -> None:
    with (
        open_session(database_url, read_only=True) as session,
        pytest.raises(RefusedError) as caught,
        foreign_errors("making a table"),
    ):
        session.execute("create table t ()")
    assert caught.value.code == "LK134"
    assert caught.value.message.startswith("making a table failed: the session is read-only")


def test_a_database_that_is_down_is_unreachable(free_port: int) -> None:
    error = refusal(f"postgresql://u:hunter2@127.0.0.1:{free_port}/db")
    assert isinstance(error, UnreachableError)
    assert (error.code, error.message) == ("LK121", f"no database answers at 127.0.0.1:{free_port}")


def test_a_socket_that_does_not_exist_is_unreachable() -> None:
    assert refusal("postgresql://u@/db?host=/nowhere").code == "LK121"


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    assert refusal("postgresql://u@no-such-host.invalid/db").code == "LK121"


def test_a_server_that_accepts_and_says_nothing_is_unreachable_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        error = refusal(f"postgresql://u@127.0.0.1:{deaf.getsockname()[1]}/db?sslmode=disable&connect_timeout=2")
    assert error.code == "LK121"


def test_a_refused_password_is_named_and_never_shown(postgres_server: Server) -> None:
    error = refusal(postgres_server.url(password="wr0ng:secret/", tcp=True))
    assert isinstance(error, RefusedError)
    assert not isinstance(error, UnreachableError)
    assert error.code == "LK122"
    assert error.message == (f'the database refuses the password of role "postgres" at 127.0.0.1:{postgres_server.port}')
    shown = "".join(traceback.format_exception(error)) + str(error.hint)
    assert "wr0ng" not in shown
    assert "secret" not in shown


def test_a_missing_password_is_a_refused_password(postgres_server: Server) -> None:
    assert refusal(f"postgresql://postgres@127.0.0.1:{postgres_server.port}/postgres").code == "LK122"


def test_a_missing_database_is_named(postgres_server: Server) -> None:
    error = refusal(postgres_server.url("nothing here", tcp=True))
    assert (error.code, error.exit_code) == ("LK123", 3)
    assert 'no database "nothing here"' in error.message


def test_a_missing_role_is_named(postgres_server: Server) -> None:
    error = refusal(postgres_server.url(user="stranger"))
    assert error.code == "LK124"
    assert 'no role "stranger"' in error.message


def test_a_role_without_a_free_connection_may_try_again(postgres_server: Server) -> None:
    with role(postgres_server, "create role crowded login connection limit 0", "drop role crowded"):
        error = refusal(postgres_server.url(user="crowded"))
    assert (error.code, type(error)) == ("LK125", UnreachableError)


def test_tls_that_the_server_does_not_have_is_named(postgres_server: Server) -> None:
    error = refusal(postgres_server.url(tcp=True) + "?sslmode=require")
    assert error.code == "LK126"
    assert "sslmode" in str(error.hint)


def test_a_role_that_may_not_log_in_is_refused(postgres_server: Server) -> None:
    with role(postgres_server, "create role silent nologin", "drop role silent"):
        assert refusal(postgres_server.url(user="silent")).code == "LK127"


def test_a_role_without_connect_on_the_database_is_told_which_privilege(postgres_server: Server) -> None:
    with (
        role(postgres_server, "create role outsider login", "drop role outsider"),
        role(postgres_server, "create database club", "drop database club"),
        role(postgres_server, "revoke connect on database club from public", "select 1"),
    ):
        error = refusal(postgres_server.url("club", user="outsider"))
    assert error.code == "LK130"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hun@ter2:x@h:port/db",
        "hunter2",
        "postgresql://u:hunter2@h/db?nonsense=1",
        "postgresql://[::1",
        "postgresql://u:hun@ter2@h/db",
    ],
)
def test_an_invalid_url_is_a_usage_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_session(url)
    assert (caught.value.code, caught.value.exit_code) == ("LK120", 2)
    assert "ter2" not in "".join(traceback.format_exception(caught.value, limit=0)) + str(caught.value.hint)


@pytest.mark.parametrize("parameter", ["sslmode=nonsense", "service=nonsense"])
def test_a_parameter_that_no_server_was_asked_about_is_a_usage_error(postgres_server: Server, parameter: str) -> None:
    error = refusal(f"{postgres_server.url('postgres', tcp=True)}?{parameter}")
    assert error.code == "LK120"
    assert "nonsense" in error.message


def failure_of(act: Callable[[], object]) -> LockageError:
    with pytest.raises(LockageError) as caught, foreign_errors("looking"):
        act()
    return caught.value


def test_a_missing_privilege_is_named(postgres_server: Server, database_url: str) -> None:
    with (
        role(postgres_server, "create role poor login password 'p'", "drop role poor"),
        open_session(make_conninfo(database_url, user="poor", password="p")) as session,
    ):
        error = failure_of(lambda: session.execute("select * from pg_authid"))
    assert error.code == "LK130"
    assert "permission denied for table pg_authid" in error.message


def test_a_lock_that_is_held_may_be_tried_again(database_url: str) -> None:
    with psycopg.connect(database_url) as holder, open_session(database_url) as session:
        holder.execute("create table t ()")
        holder.commit()
        holder.execute("lock table t")
        error = failure_of(lambda: session.execute("select * from t"))
    assert (error.code, type(error)) == ("LK131", UnreachableError)


def test_a_statement_over_its_limit_may_be_tried_again(database_url: str) -> None:
    with open_session(database_url, statement_timeout_s=0.05) as session:
        error = failure_of(lambda: session.execute("select pg_sleep(10)"))
    assert error.code == "LK132"
    assert "statement timeout" in error.message


def test_a_lost_connection_is_unreachable_then_and_later(database_url: str) -> None:
    with closing(open_session(database_url)) as session, psycopg.connect(database_url, autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s)", [session.info.backend_pid])
        first = failure_of(lambda: session.execute("select 1"))
        second = failure_of(lambda: session.execute("select 1"))
    assert [first.code, second.code] == ["LK133", "LK133"]


def test_a_deadlock_may_be_tried_again(database_url: str) -> None:
    with (
        open_session(database_url, lock_timeout_s=None, autocommit=False) as one,
        psycopg.connect(database_url) as other,
    ):
        # The victim is the one whose deadlock_timeout comes first.
        other.execute("set deadlock_timeout = '60s'")
        one.execute("set deadlock_timeout = '100ms'")
        one.execute("select pg_advisory_xact_lock(1)")
        other.execute("select pg_advisory_xact_lock(2)")
        waiting = threading.Thread(target=other.execute, args=("select pg_advisory_xact_lock(1)",))
        waiting.start()
        error = failure_of(lambda: one.execute("select pg_advisory_xact_lock(2)"))
        one.rollback()
        waiting.join(10)
    assert (error.code, type(error)) == ("LK135", UnreachableError)


def test_any_other_failure_keeps_its_sqlstate(database_url: str) -> None:
    with open_session(database_url) as session:
        error = failure_of(lambda: session.execute("select 1/0"))
    assert (error.code, error.message) == ("LK139", "looking failed: division by zero (SQLSTATE 22012)")


def test_misuse_of_the_client_stays_a_defect(database_url: str) -> None:
    with open_session(database_url) as session, pytest.raises(psycopg.ProgrammingError), foreign_errors("looking"):
        session.execute("select %s", [])


def test_sql_is_read_from_its_file() -> None:
    assert "set_config('lock_timeout'" in load_sql("set_session")
