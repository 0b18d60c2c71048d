"""Databases of the demo's own on a server that somebody names: made, copied, and gone at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.errors import RefusedError, UsageError
from lockage.interfaces.demo.pods_database import seeded_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with throwaway(tcp=True) as running:
        with psycopg.connect(running.url(), autocommit=True) as admin:
            admin.execute("create role cloud login createdb createrole password 'c'")
            admin.execute("grant pg_monitor, pg_signal_backend to cloud with admin option")
            admin.execute("create role nobody login password 'n'")
        yield running


def names(server: Server) -> list[str]:
    """Databases and roles of the demo's."""
    with psycopg.connect(server.url()) as admin:
        rows = admin.execute("select datname from pg_database union all select rolname from pg_roles").fetchall()
    return [str(name) for (name,) in rows if str(name).startswith("lockage_demo_")]


@pytest.mark.real
def test_an_administrator_of_somebodys_cloud_is_enough_and_nothing_is_left(server: Server) -> None:
    said: list[str] = []
    url = server.url(user="cloud", password="c", tcp=True)
    with seeded_server(host=None, url=url, rows=1_000, say=said.append) as made:
        copy = made.copy("usual")
        assert len(names(server)) == 4  # two databases and two roles
        logins = (psycopg.connect(made.url(copy, who), autocommit=True) for who in (made.application, made.lockage))
        with closing(next(logins)) as users, closing(next(logins)):
            assert users.execute("select count(*) from api_keys").fetchone() == (1_000,)
            made.drop(copy)  # though both are in it
        assert made.url(copy, made.application).count(f"127.0.0.1:{server.port}") == 1
    assert names(server) == []
    assert said == ["preparing databases of the demonstration's own on 127.0.0.1", "seeding 1,000 API keys"]


@pytest.mark.real
def test_who_may_not_make_databases_is_refused_before_anything_is_made(server: Server) -> None:
    url = server.url(user="nobody", password="n", tcp=True)
    with pytest.raises(RefusedError) as refused, seeded_server(host=None, url=url, rows=1_000, say=lambda _: None):
        pass
    assert refused.value.code == "LK525"
    assert "nobody may not make roles and databases" in refused.value.message
    assert names(server) == []


@pytest.mark.parametrize("url", ["host=x dbname=y", "postgresql:///y", "mysql://x/y"])
def test_what_is_no_url_with_a_host_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as refused, seeded_server(host=None, url=url, rows=1_000, say=lambda _: None):
        pass
    assert refused.value.code == "LK524"
