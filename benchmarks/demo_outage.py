"""Seconds without service in the demonstration's upgrade, beside the shortest outage that was possible in the same run.

``python benchmarks/demo_outage.py [--rounds N] [--rows N] [--json]``. Exit code 1 when the median round is over its bar of
1.1 times the shortest plus 1.5 s a hop, or fewer than nine tenths of the forecasts held. The surprising thing: the database is
seeded once; every round begins from the same rows, by way of a template.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from lockage.interfaces.demo import stage
from lockage.interfaces.demo.evening import Watching, lockage_way
from lockage.interfaces.demo.performance import LockagePerformance
from lockage.interfaces.demo.playbill import MARGIN_RATIO, MARGIN_S
from lockage.interfaces.folders import find_folders

RESULTS = Path(__file__).parent / "results" / "demo_outage.json"


def allowed_s(round_: LockagePerformance) -> float:
    """The bar of one round."""
    return MARGIN_RATIO * round_.limit_s + MARGIN_S * round_.hops


def perform(rounds: int, rows: int) -> list[LockagePerformance]:
    """The rounds, on one stage."""
    with tempfile.TemporaryDirectory(prefix="lockage-bench-") as home:
        Path(home).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        folders = find_folders({**os.environ, "LOCKAGE_HOME": home})
        watching = Watching()
        try:
            stage.up(folders, rows=rows, say=watching.say)
            performed: list[LockagePerformance] = []
            for number in range(rounds):
                if number:
                    stage.reset(folders, say=watching.say)
                performed.append(lockage_way(folders, watching))
                print(f"   round {number + 1} of {rounds}: {performed[-1].unavailable_s:.2f} s", file=sys.stderr, flush=True)
            return performed
        finally:
            stage.down(folders)


def main() -> int:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=stage.DEFAULT_ROWS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    performed = perform(asked.rounds, asked.rows)
    print("round  outcome  without service   shortest    bar  migration               forecast  held")
    for number, p in enumerate(performed, start=1):
        high = "unknown" if p.forecast_s.high is None else f"{p.forecast_s.high:.2f}"
        forecast = f"{p.forecast_s.low:.2f} / {p.forecast_s.likely:.2f} / {high}"
        print(
            f"{number:>5} {p.outcome:>8} {p.unavailable_s:>14.2f} s {p.limit_s:>7.2f} s {allowed_s(p):>4.1f} s "
            f"{p.migration_s:>8.2f} s {forecast:>22} {p.forecasts_held}/{p.forecasts_made:>3}"
        )
    ratio = median(p.unavailable_s / allowed_s(p) for p in performed)
    held, made = sum(p.forecasts_held for p in performed), sum(p.forecasts_made for p in performed)
    print(f"median of without service / bar: {ratio:.2f} (bar 1); forecasts held: {held} of {made} (bar 9 of 10)")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {"rounds": [msgspec.to_builtins(p) for p in performed], "median_ratio": ratio, "held": held, "made": made}
    RESULTS.write_text(json.dumps(record, indent=2))
    if asked.json:
        print(json.dumps(record))
    healthy = all(p.outcome == "healthy" for p in performed)
    return 0 if healthy and ratio <= 1 and held >= 0.9 * made else 1


if __name__ == "__main__":
    sys.exit(main())
