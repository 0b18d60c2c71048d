"""towpath's two routes to 2.27.8, each hop forecast on arrival and then run for real beside readers and writers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.target import PostgresTarget
from lockage.adapters.sources.folder import read_folder, resolve
from lockage.core.forecast.assess import Forecast, Seconds
from lockage.core.forecast.strategies import without_writes_s
from lockage.core.migration.formats import golang_migrate
from lockage.core.migration.script import read_migrations
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import LEAVE_WHEN_SQL, release_named
from lockage.demo.towpath.statements import statements_of
from lockage.flows.calibrate import Measure, calibrating
from lockage.flows.forecast import Beside, forecast_database
from support.longest_waits import longest_waits
from support.run_queue import kept_from_running

ROUTES = {"direct": ("2.26.0", "2.27.8"), "staged": ("2.26.0", "2.26.6", "2.27.8")}

MIGRATOR = "towpath/towpath-1"

PURGE_ROWS = 5_000


@dataclass(frozen=True, kw_only=True)
class Held:
    """One figure of a forecast beside what it came to."""

    route: str
    hop: str
    what: str  # "total", or a relation with who waited
    low_s: float
    likely_s: float
    high_s: float | None
    actual_s: float  # without what kept the migration's backend from running
    elapsed_s: float  # by the clock

    def holds(self, *, margin_s: float) -> bool:
        """Whether the actual is in the range, but for what the measuring itself takes."""
        below = self.high_s is None or self.actual_s <= self.high_s + margin_s
        return self.low_s - margin_s <= self.actual_s and below


def run_route(route: str, url: str, *, measure: Measure | None = None) -> Iterator[Held]:
    """Every hop of the route on a database that was seeded at 2.26.0; ``measure`` is what may be timed for the forecast."""
    for begin, end in itertools.pairwise(ROUTES[route]):
        made = hop_forecast(url, begin, end, measure=measure)
        with longest_waits(url, made.relations) as waits, kept_from_running(url, application_name=MIGRATOR) as kept:
            begun = time.monotonic()
            migrate(url, release=release_named(end), application_name=MIGRATOR)
            took_s = time.monotonic() - begun
        # What else the machine did meanwhile is no part of a forecast; whoever waited, waited for that, too.
        ran_ratio = 1 - min(kept.seconds / took_s, 1.0)
        hop = f"{begin} to {end}"
        yield _held(route, hop, "total", made.total_s, took_s, ran_ratio)
        by_name = {relation.relation: relation for relation in made.relations}
        for waited in waits:
            relation = by_name[waited.relation]
            expected = without_writes_s(relation, of_any_row=True) if waited.writes else relation.blocked_s
            who = "writer" if waited.writes else "reader"
            yield _held(route, hop, f"{waited.relation}, {who}", expected, waited.longest_s, ran_ratio)
        purge(url, end)


def hop_forecast(url: str, begin: str, end: str, *, measure: Measure | None) -> Forecast:
    """The forecast of one hop on the database as it is."""
    files = read_folder(resolve("package:lockage.demo.towpath/migrations"))
    return forecast_database(
        read_migrations(files, form=golang_migrate.FORMAT),
        url=url,
        form=golang_migrate.FORMAT,
        shadows=EmbeddedShadows(ledger="public.schema_migrations"),
        narrate=lambda _: None,
        from_version=release_named(begin).last_migration,
        to_version=release_named(end).last_migration,
        transaction="whole",
        ledger="public.schema_migrations",
        statements=tuple(statements_of(release_named(begin)).values()),
        beside=Beside(calibrate=calibrating(PostgresTarget(url), measure=measure, narrate=lambda _: None)),
    )


def purge(url: str, release: str) -> None:
    """What 2.26.6 does in the background until the next hop may begin, by its own statement."""
    statements = statements_of(release_named(release))
    if "purge_keys" not in statements:
        return
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as session:
        until = "-infinity"
        while True:
            row = session.execute(statements["purge_keys"].encode(), (until, PURGE_ROWS)).fetchone()
            if row is None or not row[0]:
                break
            until = row[1]
        assert session.execute(LEAVE_WHEN_SQL.encode()).fetchone() == (True,)
    # From another session, whose count is not followed by that of the rows that it deleted itself.
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("vacuum (analyze) api_keys")


def _held(route: str, hop: str, what: str, expected: Seconds, elapsed_s: float, ran_ratio: float) -> Held:
    return Held(
        route=route,
        hop=hop,
        what=what,
        low_s=expected.low,
        likely_s=expected.likely,
        high_s=expected.high,
        actual_s=elapsed_s * ran_ratio,
        elapsed_s=elapsed_s,
    )
