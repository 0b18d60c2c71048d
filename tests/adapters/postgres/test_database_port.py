"""The real database passes the port's suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.throwaway import throwaway
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

    def waiter(self, application_name: str) -> int:
        connection = self._connect_as(application_name)
        connection.pgconn.send_query(b"select count(*) from thing")  # its answer is never asked for
        return connection.info.backend_pid


class TestPostgresDatabase(DatabaseSuite):
    @pytest.fixture
    def scene(self, database_url: str, connect_as) -> PostgresScene:
        return PostgresScene(database_url, connect_as)


@pytest.fixture(scope="module")
def older_url() -> Iterator[str]:
    older = next((found for major in (14, 15, 16, 17) if (found := find_binaries(major)) is not None), None)
    if older is None:
        pytest.skip("no PostgreSQL 14 to 17 is installed on this machine")
    with throwaway(binaries=older) as server:
        yield server.url()


class TestOlderPostgresDatabase(DatabaseSuite):
    """The same on the oldest major that this machine has beside the embedded one."""

    @pytest.fixture
    def scene(self, older_url: str) -> Iterator[PostgresScene]:
        with ExitStack() as stack:

            def connect(application_name: str = "test", *, autocommit: bool = True) -> psycopg.Connection:
                connection = psycopg.connect(older_url, application_name=application_name, autocommit=autocommit)
                return stack.enter_context(closing(connection))

            yield PostgresScene(older_url, connect)
            stack.pop_all().close()
            with psycopg.connect(older_url, autocommit=True) as admin:
                admin.execute("drop table thing, schema_migrations")

    def test_the_server_sizes_and_progress_can_be_read(self, scene: PostgresScene) -> None:
        pid = scene.client("app/x")
        with closing(scene.open()) as database:
            server = database.server()
            assert 14 <= server.major <= 17
            assert server.settings["max_connections"] == str(server.max_connections)
            assert {r.relation for r in database.relations()} == {"public.thing", "public.schema_migrations"}
            assert [work.pid for work in database.activity().work] == [pid]
