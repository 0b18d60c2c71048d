"""What the forecast says of towpath's direct and of its staged route holds when they are run."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from support.towpath_routes import ROUTES, Held, run_route

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROWS = 60_000

MARGIN_S = 0.1
"""What the measuring itself takes on a machine that runs other tests beside this one; the routes take seconds."""

TRIES = 2
"""What else the machine does, its disk among it, is no part of a forecast; a defect shows every time."""

LIKE_PRODUCTION = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "replica"}


@pytest.fixture(scope="module")
def production() -> Iterator[Server]:
    """A server that writes to its disk."""
    with tempfile.TemporaryDirectory(prefix="lk-r-", dir="/var/tmp") as root:
        Path(root).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        with throwaway(tcp=True, settings=LIKE_PRODUCTION, root=Path(root)) as server:
            yield server


def seeded(server: Server, name: str) -> str:
    """A database of 2.26.0, half of whose keys expired long ago."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    url = server.url(name, tcp=True)
    migrate(url, release=release_named("2.26.0"), application_name="towpath/towpath-1")
    seed(url, rows=ROWS, live_ratio=0.5)
    return url


@pytest.mark.parametrize("route", ROUTES)
def test_the_seconds_forecast_for_a_route_hold_in_a_real_run(route: str, production: Server) -> None:
    outside: list[Held] = []
    for number in range(TRIES):
        url = seeded(production, f"{route}_{number}")
        found = list(run_route(route, url))
        assert {one.hop for one in found} == {f"{begin} to {end}" for begin, end in itertools.pairwise(ROUTES[route])}
        assert any(one.what == "public.api_keys, reader" and one.actual_s > 0.1 for one in found)
        with psycopg.connect(url) as connection:
            assert connection.execute("select version from schema_migrations").fetchone() == (18,)
        outside = [one for one in found if not one.holds(margin_s=MARGIN_S)]
        if not outside:
            break
    assert not outside
