"""Fixtures that every test may use: a real PostgreSQL for each worker, and an empty database for each test."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres import embedded
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway


def pytest_configure() -> None:
    """Neither a busy machine nor a run in the background of a shell makes a test fail."""
    hypothesis.settings.register_profile("unhurried", deadline=None)
    hypothesis.settings.load_profile("unhurried")
    # There SIGINT is ignored, and so it would be by every command.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One throw-away PostgreSQL 18 for this test process, on a Unix socket and on TCP; ends with it."""
    with throwaway(tcp=True, settings={"max_connections": "100", "max_prepared_transactions": "5"}) as server:
        yield server


@pytest.fixture(scope="session")
def _database_numbers() -> Iterator[int]:
    return iter(range(1, 1_000_000))


@pytest.fixture
def database_url(postgres_server: Server, _database_numbers: Iterator[int]) -> Iterator[str]:
    """The URL, over TCP and with the superuser's password, of a fresh empty database that is dropped afterwards."""
    name = f"test_{next(_database_numbers)}"
    database = sql.Identifier(name)
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(database))
        yield postgres_server.url(name, tcp=True)
        admin.execute(sql.SQL("drop database {} with (force)").format(database))


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file that is not there, and that a server of whatever user could make: whoever reaches out of the database does."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # and so is no folder of pytest's above it
        yield Path(folder) / "touched"


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listened a moment ago."""
    return embedded.free_port()
