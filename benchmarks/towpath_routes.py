"""Seconds forecast for towpath's direct and staged routes beside those that its migrations, readers and writers then take.

``python benchmarks/towpath_routes.py [--rows N] [--calibrate read|write] [--json]``. Exit code 1 when an actual is outside its
range. Every relation that a lock blocks has a real reader and a real writer that wait, on a server that keeps fsync on. The
surprising thing: the time in which the machine's other work kept the migration from running is taken out of the actual, and
left in the clock's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg

from duration_ranges import LIKE_PRODUCTION
from lockage.adapters.postgres.throwaway import throwaway
from lockage.demo.towpath.migrator import migrate
from lockage.demo.towpath.releases import release_named
from lockage.demo.towpath.seed import seed
from lockage.flows.calibrate import Measure
from support.towpath_routes import ROUTES, Held, run_route

MARGIN_S = 0.05
"""What the measuring itself takes: a login, a rest between two tries, a thread that must wait for its turn."""

RESULTS = Path(__file__).parent / "results" / "towpath_routes.json"


@contextmanager
def seeded(rows: int) -> Iterator[str]:
    """A fresh database of 2.26.0 with so many API keys."""
    with tempfile.TemporaryDirectory(prefix="lockage-bench-", dir="/var/tmp") as root:
        Path(root).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        with throwaway(tcp=True, settings=LIKE_PRODUCTION, root=Path(root)) as server:
            with psycopg.connect(server.url(), autocommit=True) as admin:
                admin.execute("create database towpath")
            url = server.url("towpath", tcp=True)
            migrate(url, release=release_named("2.26.0"), application_name="towpath/towpath-1")
            seed(url, rows=rows)
            yield url


def main() -> int:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=600_000)
    parser.add_argument("--calibrate", choices=list(Measure), type=Measure)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[Held] = []
    print(f"{'route and hop':<26} {'what':<36} {'low':>8} {'likely':>8} {'high':>8} {'actual':>8} {'clock':>8}")
    for route in ROUTES:
        with seeded(asked.rows) as url:
            for one in run_route(route, url, measure=asked.calibrate):
                found.append(one)
                high = "unknown" if one.high_s is None else f"{one.high_s:.3f}"
                mark = "" if one.holds(margin_s=MARGIN_S) else "  outside"
                print(
                    f"{f'{one.route}, {one.hop}':<26} {one.what:<36} {one.low_s:>8.3f} {one.likely_s:>8.3f} {high:>8} "
                    f"{one.actual_s:>8.3f} {one.elapsed_s:>8.3f}{mark}",
                    flush=True,
                )
    holding = sum(one.holds(margin_s=MARGIN_S) for one in found)
    print(f"inside: {holding} of {len(found)}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in found], indent=2))
    if asked.json:
        print(json.dumps([asdict(one) for one in found]))
    return 0 if holding == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
