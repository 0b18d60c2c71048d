"""A password that a program prints, asked for each connection."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lockage.adapters.password_command import password_of
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.errors import RefusedError

URL = "postgresql://app@db.example.com:6000,other:6001/shop"


def printing(text: str, *, code: int = 0, errors: str = "") -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.stderr.write({errors!r}); sys.exit({code})"]


def asked(command: list[str]) -> str:
    return password_of(command, url=URL, environment={})()


def refusal(command: list[str]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        asked(command)
    assert caught.value.code == "LK539"
    return caught.value


@pytest.mark.real
def test_the_password_is_what_it_prints_without_the_end_of_the_line() -> None:
    assert asked(printing(" a b\r\n")) == " a b"


@pytest.mark.real
def test_the_program_gets_the_address_as_the_replicas_have_it() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1:])",
        "{host}:{port}",
        "--user={user}",
        "{database}",
        "{other}",
    ]
    assert asked(command) == "['db.example.com:6000', '--user=app', 'shop', '{other}']"


@pytest.mark.real
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            printing("hunter2", code=3, errors="first\nlogin password=hunter2 expired\n"),
            "it ended with 3: login password=*** expired",
        ),
        (printing(""), "it printed nothing"),
        (["/nowhere/aws"], "it is not installed"),
        (["/tmp"], "Permission denied"),
    ],
)
def test_a_program_that_gives_none_is_named_and_no_secret_shown(command: list[str], said: str) -> None:
    error = refusal(command)
    assert error.message.endswith(said)
    assert "hunter2" not in error.message


def test_an_address_that_is_none_is_not_shown() -> None:
    with pytest.raises(RefusedError) as caught:
        password_of(["x"], url="postgresql://app:hunter2%zz@db/x", environment={})
    assert "hunter2" not in caught.value.message


@pytest.mark.real
def test_every_connection_asks_anew(database_url: str, tmp_path: Path) -> None:
    parts = conninfo_to_dict(database_url)
    without = make_conninfo(database_url, password="expired")
    count = tmp_path / "count"
    command = [sys.executable, "-c", f"open({str(count)!r}, 'a').write('x'); print({parts['password']!r})"]
    password = password_of(command, url=without, environment={})
    with closing(PostgresDatabase(without, password=password)) as database:
        database.server()
        database.server()
        assert count.read_text() == "x"
        assert database.hold_fence(7)
        assert count.read_text() == "xx"
    with EmbeddedShadows(password=password).of_database(without) as shadow:
        assert shadow.relations() == ()
    assert count.read_text() == "xxx"
