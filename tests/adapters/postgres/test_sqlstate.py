"""Failed logins by their words: the cases that no server can be brought to at will."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.sqlstate import explain_login, explain_statement
from lockage.errors import RefusedError, UnreachableError, UsageError

WHERE = {"host": "db.example", "port": "6432", "user": "app", "dbname": "shop", "password": "hunter2"}


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        ("FATAL:  the database system is starting up", "LK128", UnreachableError),
        ("FATAL:  the database system is shutting down", "LK128", UnreachableError),
        ("FATAL:  the database system is not yet accepting connections", "LK128", UnreachableError),
        ("FATAL:  sorry, too many clients already", "LK125", UnreachableError),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "LK125", UnreachableError),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL encryption',
            "LK127",
            RefusedError,
        ),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", no encryption', "LK126", RefusedError),
        ('FATAL:  Peer authentication failed for user "app"', "LK127", RefusedError),
        ("SSL error: certificate verify failed", "LK126", RefusedError),
        ("server closed the connection unexpectedly", "LK121", UnreachableError),
        ('FATAL:  database "shop" is not currently accepting connections', "LK123", RefusedError),
        ("FATAL:  something that nobody foresaw", "LK129", RefusedError),
        ('FATAL:  could not access file "gone_library": No such file or directory', "LK129", RefusedError),
    ],
)
def test_a_failed_login_is_told_by_its_words(words: str, code: str, kind: type[RefusedError]) -> None:
    error = explain_login(psycopg.OperationalError(words), WHERE)
    assert (error.code, type(error)) == (code, kind)
    assert "db.example:6432" in error.message


def test_words_that_we_do_not_know_are_passed_on_without_the_password() -> None:
    error = explain_login(psycopg.OperationalError("FATAL:  odd: hunter2\n\tand more"), WHERE)
    assert error.hint == "its words: FATAL: odd: *** and more"


def test_an_address_that_libpq_does_not_take_is_no_refusal_of_the_server() -> None:
    error = explain_login(psycopg.OperationalError('connection is bad: definition of service "shop" not found'), WHERE)
    assert isinstance(error, UsageError)
    assert (error.code, error.message) == (
        "LK120",
        'the address of the database cannot be used: definition of service "shop" not found',
    )


def test_a_failed_statement_without_sqlstate_is_a_lost_connection() -> None:
    error = explain_statement(psycopg.OperationalError("consuming input failed"), "reading pg_locks")
    assert error is not None
    assert (error.code, error.message) == ("LK133", "reading pg_locks failed: the connection to the database was lost")


def test_a_connection_that_brings_nonsense_is_a_lost_one() -> None:
    said = psycopg.DatabaseError('lost synchronization with server: got message type "')
    explained = explain_statement(said, "reading sessions")
    assert isinstance(explained, UnreachableError)
    assert explained.code == "LK133"
    assert explain_statement(psycopg.ProgrammingError("the query has 1 placeholder"), "reading sessions") is None


@pytest.mark.parametrize("error", [psycopg.errors.DiskFull("no"), psycopg.errors.OutOfMemory("no")])
def test_a_server_without_room_is_told_from_one_that_refuses(error: psycopg.Error) -> None:
    explained = explain_statement(error, "reading sessions")
    assert explained is not None
    assert (explained.code, "the server has no room left" in explained.message) == ("LK136", True)
