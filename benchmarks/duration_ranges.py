"""Forecast seconds of common operations beside the seconds that they then take, on tables of three sizes.

``python benchmarks/duration_ranges.py [--sizes N,N,N] [--json]``. Exit code 1 when fewer than nine tenths of the actuals are
inside their ranges. The surprising thing: the server keeps fsync on, as production does; a throw-away one without it would
make every forecast look too long.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psycopg

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.flows.forecast import forecast_database

RESULTS = Path(__file__).parent / "results" / "duration_ranges.json"

LIKE_PRODUCTION = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "autovacuum": "off",
}

SETUP = """
CREATE TABLE owners (id bigint PRIMARY KEY, name text);
INSERT INTO owners SELECT g, 'owner ' || g FROM generate_series(1, 200) g;
CREATE TABLE items (
    id bigint PRIMARY KEY, owner_id bigint NOT NULL, kind text NOT NULL, amount integer NOT NULL, note text,
    created_at timestamptz NOT NULL, token text NOT NULL
);
INSERT INTO items
SELECT g, 1 + g % 200, 'kind ' || g % 7, g % 1000, repeat(md5(g::text), 3), now() - g * interval '1 minute', md5(g::text)
FROM generate_series(1, {rows}) g;
CREATE INDEX items_owner ON items (owner_id);
CREATE UNIQUE INDEX items_token ON items (token);
"""

OPERATIONS = {
    "add column": "ALTER TABLE items ADD COLUMN extra integer;",
    "update all": "UPDATE items SET amount = amount + 1;",
    "backfill": "ALTER TABLE items ADD COLUMN total bigint; UPDATE items SET total = amount WHERE total IS NULL;",
    "backfill, not null": (
        "ALTER TABLE items ADD COLUMN f text; UPDATE items SET f = kind; ALTER TABLE items ALTER f SET NOT NULL;"
    ),
    "type rewrite": "ALTER TABLE items ALTER COLUMN amount TYPE bigint;",
    "index": "CREATE INDEX items_created ON items (created_at);",
    "index on text": "CREATE INDEX items_kind ON items (kind, token);",
    "set not null": "ALTER TABLE items ALTER COLUMN note SET NOT NULL;",
    "check": "ALTER TABLE items ADD CONSTRAINT positive CHECK (amount >= 0);",
    "foreign key": "ALTER TABLE items ADD CONSTRAINT owned FOREIGN KEY (owner_id) REFERENCES owners (id);",
    "delete half": "DELETE FROM items WHERE amount < 500;",
    "copy": "CREATE TABLE items_copy AS SELECT * FROM items;",
    "insert select": "CREATE TABLE log (item bigint, at timestamptz); INSERT INTO log SELECT id, created_at FROM items;",
    "scopes": (
        "ALTER TABLE items ADD COLUMN scopes text[]; UPDATE items SET scopes = ARRAY[kind]; "
        "ALTER TABLE items ALTER scopes SET NOT NULL; CREATE INDEX items_scopes ON items USING gin (scopes); "
        "ALTER TABLE items ALTER COLUMN amount TYPE bigint;"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One operation at one size."""

    operation: str
    rows: int
    low_s: float
    likely_s: float
    high_s: float | None
    actual_s: float

    @property
    def inside(self) -> bool:
        """Whether the actual is in the range."""
        return self.low_s <= self.actual_s and (self.high_s is None or self.actual_s <= self.high_s)

    @property
    def error(self) -> float:
        """By which factor the likely figure is off, either way."""
        return math.exp(abs(math.log(self.actual_s / self.likely_s)))


def scores(sizes: list[int]) -> Iterator[Scored]:
    """Every operation at every size, each on a fresh copy of the same rows."""
    with seeded(sizes) as url_of:
        for rows in sizes:
            for name, script in OPERATIONS.items():
                url = url_of(rows)
                low, likely, high = forecast(url, script)
                with psycopg.connect(url) as connection:
                    connection.execute("checkpoint")
                    connection.commit()
                    begun = time.monotonic()
                    connection.execute(script.encode())
                    connection.commit()
                    actual_s = time.monotonic() - begun
                yield Scored(operation=name, rows=rows, low_s=low, likely_s=likely, high_s=high, actual_s=actual_s)


@contextmanager
def seeded(sizes: list[int]) -> Iterator[Callable[[int], str]]:
    """Gives what makes a fresh database with so many rows and gives its URL."""
    with tempfile.TemporaryDirectory(prefix="lockage-bench-", dir="/var/tmp") as root:
        Path(root).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        with (
            throwaway(tcp=True, settings=LIKE_PRODUCTION, root=Path(root)) as server,
            psycopg.connect(server.url(), autocommit=True) as admin,
        ):
            for rows in sizes:
                admin.execute(f"create database seed_{rows}".encode())
                with psycopg.connect(server.url(f"seed_{rows}")) as connection:
                    connection.execute(SETUP.replace("{rows}", str(rows)).encode())
                with psycopg.connect(server.url(f"seed_{rows}"), autocommit=True) as connection:
                    connection.execute("vacuum (analyze)")

            def fresh(rows: int) -> str:
                admin.execute("drop database if exists trial with (force)")
                admin.execute(f"create database trial template seed_{rows} strategy file_copy".encode())
                return server.url("trial", tcp=True)

            yield fresh


def forecast(url: str, script: str) -> tuple[float, float, float | None]:
    """Low, likely and high of the whole script."""
    form = format_named("plain")
    migrations = read_migrations({"1_before.sql": b"SELECT 1;", "2_trial.sql": script.encode()}, form=form, folder="trial")
    found = forecast_database(
        migrations, url=url, form=form, shadows=EmbeddedShadows(), narrate=lambda _: None, from_version=1, transaction="whole"
    )
    return found.total_s.low, found.total_s.likely, found.total_s.high


def main() -> int:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="20000,100000,500000")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[Scored] = []
    print(f"{'operation':<20} {'rows':>8} {'low':>8} {'likely':>8} {'high':>8} {'actual':>8}  {'error':>6}")
    for one in scores([int(size) for size in asked.sizes.split(",")]):
        found.append(one)
        high = "unknown" if one.high_s is None else f"{one.high_s:.3f}"
        mark = "" if one.inside else "  outside"
        print(
            f"{one.operation:<20} {one.rows:>8} {one.low_s:>8.3f} {one.likely_s:>8.3f} {high:>8} {one.actual_s:>8.3f} "
            f" {one.error:>5.2f}x{mark}",
            flush=True,
        )
    inside = sum(one.inside for one in found)
    print(f"inside: {inside} of {len(found)} (bar 9 of 10); median error: {median(one.error for one in found):.2f}x")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in found], indent=2))
    if asked.json:
        print(json.dumps([asdict(one) for one in found]))
    return 0 if inside >= 0.9 * len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
