"""Sessions for tests that play the application, the migration and strangers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.settings import Watching
from ports.database_suite import PATIENCE_S

Connect = Callable[..., psycopg.Connection]


@pytest.fixture
def connect_as(database_url: str) -> Iterator[Connect]:
    """Opens sessions with an application name; all are closed at the end."""
    with ExitStack() as stack:

        def connect(application_name: str = "test", *, url: str = database_url, autocommit: bool = True) -> psycopg.Connection:
            connection = psycopg.connect(url, application_name=application_name, autocommit=autocommit)
            return stack.enter_context(closing(connection))

        yield connect


@pytest.fixture
def patient(database_url: str) -> Iterator[PostgresDatabase]:
    """The port under test with a lock timeout so long that a wait shows even on a busy machine."""
    watching = Watching(lock_timeout_s=PATIENCE_S, statement_timeout_s=PATIENCE_S)
    with closing(PostgresDatabase(database_url, watching=watching)) as port:
        yield port


@pytest.fixture
def database(database_url: str) -> Iterator[PostgresDatabase]:
    """The port under test."""
    with closing(PostgresDatabase(database_url)) as port:
        yield port
