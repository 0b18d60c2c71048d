"""The real database passes the port's suite."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.ports import Database
from ports.database_suite import DatabaseSuite
from support.app_profile import PROFILE

pytestmark = pytest.mark.real


class PostgresScene:
    """One database of the test server."""

    profile = PROFILE
    relation = "public.thing"

    def __init__(self, url: str, connect_as) -> None:
        self._url = url
        self._connect_as = connect_as
        self._admin: psycopg.Connection = connect_as()
        self._admin.execute("create table thing (id int primary key)")
        self._admin.execute("create table schema_migrations (version bigint not null primary key, dirty boolean not null)")

    def open(self) -> Database:
        return PostgresDatabase(self._url)

    def set_ledger(self, version: int, *, dirty: bool) -> None:
        self._admin.execute("truncate schema_migrations")
        self._admin.execute("insert into schema_migrations values (%s, %s)", (version, dirty))

    def client(self, application_name: str, *, advisory_lock: int | None = None, locks_relation: bool = False) -> int:
        connection = self._connect_as(application_name, autocommit=False)
        connection.execute("select 1")
        if advisory_lock is not None:
            connection.execute("select pg_advisory_xact_lock(%s)", (advisory_lock,))
        if locks_relation:
            connection.execute("lock table thing in access exclusive mode")
        return connection.info.backend_pid


class TestPostgresDatabase(DatabaseSuite):
    @pytest.fixture
    def scene(self, database_url: str, connect_as) -> PostgresScene:
        return PostgresScene(database_url, connect_as)
