"""How long an embedded PostgreSQL takes: initdb and first start, throw-away start and end, with their medians.

Run as ``python benchmarks/embedded_start.py [--rounds N]``; prints a table and writes ``results/embedded_start.json``.
The cache is a folder of its own, so that the first throw-away start, which makes the template, is measured too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from lockage.adapters.postgres.account import server_account, short_folder
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.data_directory import initialise
from lockage.adapters.postgres.embedded import start_detached, stop
from lockage.adapters.postgres.throwaway import throwaway

RESULTS = Path(__file__).parent / "results" / "embedded_start.json"


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def throwaway_seconds(*, tcp: bool, cache_dir: Path, root: Path | None = None) -> tuple[float, float]:
    begin = time.perf_counter()
    with throwaway(tcp=tcp, cache_dir=cache_dir, root=root):
        up = time.perf_counter()
    return up - begin, time.perf_counter() - up


def measure(rounds: int, place: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    cache, log_file = place / "cache", place / "server.log"

    def note(name: str, value_s: float) -> None:
        found.setdefault(name, []).append(value_s)

    note("throw-away, first on this machine", throwaway_seconds(tcp=False, cache_dir=cache)[0])
    for number in range(rounds):
        for name, tcp, root in (
            ("throw-away, socket", False, None),
            ("throw-away, TCP and password", True, None),
            ("throw-away, on disk", False, place),
        ):
            start_s, end_s = throwaway_seconds(tcp=tcp, cache_dir=cache, root=root)
            note(f"{name}: start", start_s)
            note(f"{name}: end", end_s)
        data_dir = place / f"data{number}"
        note("detached: initdb", seconds(lambda d=data_dir: initialise(d, binaries=embedded_binaries(), password="x")))
        note("detached: start", seconds(lambda d=data_dir: start_detached(d, log_file=log_file)))
        note("detached: stop", seconds(lambda d=data_dir: stop(d)))
        shutil.rmtree(data_dir)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    place = short_folder("lk-bench-", None, server_account())
    place.chmod(0o755)
    try:
        found = measure(rounds, place)
    finally:
        shutil.rmtree(place)
    print(f"{'seconds':40} {'median':>7} {'lowest':>7} {'highest':>7}")
    for name, values in found.items():
        print(f"{name:40} {statistics.median(values):7.3f} {min(values):7.3f} {max(values):7.3f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"schema": "lockage.bench.embedded_start/1", "seconds": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
