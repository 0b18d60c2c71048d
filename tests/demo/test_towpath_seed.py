"""A seeded database is one that traffic can sign in to."""

from __future__ import annotations

import hashlib

import psycopg
import pytest

from lockage.demo.towpath.errors import SeedError
from lockage.demo.towpath.identities import SEEDED_USERS, SEEDED_WORKSPACES, token, workspace_id
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import LEAVE_WHEN_SQL, release_named
from lockage.demo.towpath.seed import seed
from lockage.demo.towpath.statements import statements_of

pytestmark = pytest.mark.real


@pytest.fixture
def migrated_url(database_url: str) -> str:
    migrate(database_url, release=release_named("2.26.0"), application_name="towpath/test")
    return database_url


def test_the_tokens_of_live_keys_are_known_by_their_numbers(migrated_url: str) -> None:
    assert seed(migrated_url, rows=500) == 50
    with psycopg.connect(migrated_url, cursor_factory=psycopg.RawCursor) as connection:
        authenticate = statements_of(release_named("2.26.0"))["authenticate"].encode()
        for number in (0, 7, 49):
            key, _, secret = token(number).partition("-")
            row = connection.execute(authenticate, (key,)).fetchone()
            assert row is not None
            assert row[1] == hashlib.sha256(secret.encode()).digest()
            assert row[5] == ["all"]
        found = connection.execute("SELECT id::text FROM workspaces").fetchall()
        assert {(workspace_id(number),) for number in range(SEEDED_WORKSPACES)} == set(found)


def test_most_keys_expired_long_ago_and_the_rest_lives_for_days(migrated_url: str) -> None:
    seed(migrated_url, rows=1000, live_ratio=0.25)
    with psycopg.connect(migrated_url) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE expires_at > now() + interval '1 day'),"
            " count(*) FILTER (WHERE expires_at < now() - interval '8 days'),"
            " count(DISTINCT user_id) FROM api_keys"
        ).fetchone()
        assert row == (250, 750, SEEDED_USERS)
        assert connection.execute(LEAVE_WHEN_SQL).fetchone() == (False,)
        statistics = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'api_keys'").fetchone()
        assert statistics == (1000.0,)


def test_a_database_that_has_users_is_refused(migrated_url: str) -> None:
    seed(migrated_url, rows=10)
    with pytest.raises(SeedError, match="has users already"):
        seed(migrated_url, rows=10)


def test_a_database_at_another_release_is_refused(database_url: str) -> None:
    with pytest.raises(SeedError, match="not migrated to"):
        seed(database_url, rows=10)
    migrate(database_url, release=release_named("2.27.8"), application_name="towpath/test")
    with pytest.raises(SeedError, match="at migration 18; only 12"):
        seed(database_url, rows=10)
