"""Forecast seconds of many operations beside the seconds that they then take, on tables of three sizes, calibrated three ways.

``python benchmarks/duration_ranges.py [--corpus known|unseen] [--part seen|blind] [--sizes N,N,N] [--only WORD] [--json]``.
``unseen`` are tables and operations that no formula was fitted on, half of them blind. Exit code 1 when a way has fewer than
nine tenths of the actuals inside its ranges, or a median error over 1.5. The surprising thing: the time in which a backend
waited for a processor that other programs had is not counted, where the system tells it (Linux), and each sample is the best of
some tries; otherwise the figures would be those of the machine's other work. The server keeps fsync on, as production does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psycopg

import _duration_operations
import _duration_unseen
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.target import PostgresTarget
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.assess import Seconds
from lockage.core.forecast.calibration.inferred import infer
from lockage.core.forecast.calibration.measured import with_samples
from lockage.core.forecast.compatibility import Compatibility
from lockage.core.forecast.compose import compose
from lockage.core.forecast.duration.calibration import Calibration
from lockage.core.forecast.target_reading import Sample, SampleKind
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.flows.calibrate import worked_on
from lockage.flows.trace_script import trace_script

RESULTS = Path(__file__).parent / "results"

BAR_ERROR, BAR_INSIDE = 1.5, 0.9

LIKE_PRODUCTION = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "autovacuum": "off",
}

WAYS = ("default", "read", "write")

TRIES, WRITE_TRIES = 2, 6
"""Of each sample of reading, by operation; of each sample of writing, by size."""

TRIES_BELOW_S = 0.05
"""What takes less is done twice, on fresh copies, and the shorter time counts: other work here is not the server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Tables, with ``{rows}`` for their size, and what is done to them."""

    setup: str
    operations: Mapping[str, str]
    outside: tuple[str, ...]  # those that no transaction block takes


CORPORA = {
    name: Corpus(setup=module.SETUP, operations=module.OPERATIONS, outside=module.OUTSIDE)
    for name, module in (("known", _duration_operations), ("unseen", _duration_unseen))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One operation at one size, forecast in one way."""

    way: str
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

    @property
    def width(self) -> float | None:
        """How many times its low end the range's high end is."""
        return self.high_s / self.low_s if self.high_s is not None and self.low_s > 0 else None


def scores(corpus: Corpus, sizes: list[int], *, only: Callable[[str], bool]) -> Iterator[tuple[Scored, ...]]:
    """Every operation at every size, each on a fresh copy of the same rows."""
    with seeded(corpus.setup, sizes) as url_of:
        for rows in sizes:
            writes = best(PostgresTarget(url_of(rows)).timed_writes(narrate=lambda _: None) for _ in range(WRITE_TRIES))
            for name, script in corpus.operations.items():
                if not only(name):
                    continue
                url, outside = url_of(rows), name in corpus.outside
                spans = forecasts(url, script, writes, outside=outside)
                actual_s = took(url, script, outside=outside)
                if actual_s < TRIES_BELOW_S:
                    actual_s = min(actual_s, took(url_of(rows), script, outside=outside))
                yield tuple(
                    Scored(
                        way=way,
                        operation=name,
                        rows=rows,
                        low_s=span.low,
                        likely_s=span.likely,
                        high_s=span.high,
                        actual_s=actual_s,
                    )
                    for way, span in spans.items()
                )


@contextmanager
def seeded(setup: str, sizes: Iterable[int]) -> Iterator[Callable[[int], str]]:
    """Gives what makes a fresh database with so many rows and gives its URL."""
    with tempfile.TemporaryDirectory(prefix="lockage-bench-", dir="/var/tmp") as root:
        Path(root).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        with (
            throwaway(tcp=True, settings=LIKE_PRODUCTION, root=Path(root)) as server,
            preferred(server.pid),
            psycopg.connect(server.url(), autocommit=True) as admin,
        ):
            for rows in sizes:
                admin.execute(f"create database seed_{rows}".encode())
                with psycopg.connect(server.url(f"seed_{rows}")) as connection:
                    connection.execute(setup.replace("{rows}", str(rows)).encode())
                with psycopg.connect(server.url(f"seed_{rows}"), autocommit=True) as connection:
                    connection.execute("vacuum (analyze)")

            def fresh(rows: int) -> str:
                admin.execute("drop database if exists trial with (force)")
                admin.execute(f"create database trial template seed_{rows} strategy file_copy".encode())
                return server.url("trial", tcp=True)

            yield fresh


@contextmanager
def preferred(pid: int) -> Iterator[None]:
    """Lets the sessions of a server go before the machine's other work, where we may say so (Linux, root).

    Each has a scheduling group of its own, which the server's priority does not reach. Source: Linux, sched(7), "autogroup".
    """
    ended = threading.Event()
    seen: set[str] = set()

    def prefer() -> None:
        while not ended.wait(0.005):
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                    if child not in seen:
                        seen.add(child)
                        Path(f"/proc/{child}/autogroup").write_text("-10")

    watching = threading.Thread(target=prefer, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def took(url: str, script: str, *, outside: bool) -> float:
    """Seconds from the first statement to the end of the commit, behind a checkpoint."""
    with psycopg.connect(url, autocommit=outside) as connection:
        connection.execute("checkpoint")
        if not outside:
            connection.commit()
        begun, waited_s = time.monotonic(), waiting_s(connection.info.backend_pid)
        connection.execute(script.encode())
        if not outside:
            connection.commit()
        return time.monotonic() - begun - (waiting_s(connection.info.backend_pid) - waited_s)


def waiting_s(pid: int) -> float:
    """Seconds that a process has waited for a processor so far. Source: Linux, Documentation/scheduler/sched-stats.rst."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def best(tries: Iterable[tuple[Sample, ...]]) -> tuple[Sample, ...]:
    """Of each sample the shortest try."""
    return tuple(min(several, key=lambda sample: sample.seconds) for several in zip(*tries, strict=True))


def read_best(target: PostgresTarget, relations: tuple[str, ...]) -> tuple[Sample, ...]:
    """Samples of reading: of each table the place that was read fastest."""
    found: dict[tuple[SampleKind, str], list[Sample]] = {}
    for _ in range(TRIES):
        for sample in target.timed_reads(relations, narrate=lambda _: None):
            if sample.kind is not SampleKind.SCAN or sample.read_bytes > sample.hit_bytes:
                found.setdefault((sample.kind, sample.relation), []).append(sample)

    def byte_s(sample: Sample) -> float:
        return sample.seconds / (sample.hit_bytes + sample.read_bytes + 1.0)

    return tuple(min(several, key=byte_s) for several in found.values())


def forecasts(url: str, script: str, writes: tuple[Sample, ...], *, outside: bool) -> dict[str, Seconds]:
    """The range of the whole script in each way: traced once, calibrated anew for each."""
    form = format_named("plain")
    migrations = read_migrations({"1_trial.sql": script.encode()}, form=form, folder="trial")
    with EmbeddedShadows().of_database(url) as shadow:
        relations = shadow.relations()
        with shadow.session() as session:
            rules = session.rules()
            trace = trace_script(
                session,
                migrations,
                transaction="statement" if outside else "whole",
                relations=relations,
                narrate=lambda _: None,
            )

    def ranged(calibration: Calibration) -> Seconds:
        return compose(
            trace,
            migrations=migrations,
            relations=relations,
            sizes_known=True,
            rules=rules,
            compatibility=Compatibility(),
            assumptions=(),
            calibration=calibration,
        ).total_s

    target = PostgresTarget(url)
    default = infer(target.reading())
    reads = read_best(target, worked_on(trace))
    calibrations = (default, with_samples(default, reads), with_samples(default, (*reads, *writes)))
    return {way: ranged(calibration) for way, calibration in zip(WAYS, calibrations, strict=True)}


def summary(found: Iterable[Scored], way: str) -> dict[str, float]:
    """Figures of one way."""
    those = [one for one in found if one.way == way]
    widths = [one.width for one in those if one.width is not None]
    return {
        "operations": len({one.operation for one in those}),
        "scored": len(those),
        "median_error": median(one.error for one in those),
        "inside_ratio": sum(one.inside for one in those) / len(those),
        "median_width": median(widths) if widths else math.inf,
        "unbounded": sum(one.high_s is None for one in those),
    }


def show(scored: tuple[Scored, ...]) -> None:
    """One line an operation: its actual, and each way's range with a mark where it did not hold."""
    ways = "  ".join(f"{_range(one)}{' ' if one.inside else '!'}{one.error:>5.2f}x" for one in scored)
    first = scored[0]
    print(f"{first.operation:<32} {first.rows:>7} {first.actual_s:>8.3f}  {ways}", flush=True)


def _range(one: Scored) -> str:
    high = "      ?" if one.high_s is None else f"{one.high_s:>7.3f}"
    return f"{one.low_s:>7.3f} {one.likely_s:>7.3f} {high}"


def parts(corpus: str, found: Iterable[Scored]) -> dict[str, list[Scored]]:
    """The scored as they are told: the unseen ones in two halves, of which one was never looked at one by one."""
    if corpus != "unseen":
        return {corpus: list(found)}
    halves: dict[str, list[Scored]] = {"seen": [], "blind": []}
    for one in found:
        halves["blind" if one.operation in _duration_unseen.BLIND else "seen"].append(one)
    return halves


def main() -> int:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", choices=CORPORA, default="known")
    parser.add_argument("--sizes", default="20000,60000,180000")
    parser.add_argument("--only", default="")
    parser.add_argument("--part", choices=["seen", "blind"], help="of the unseen corpus")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    heads = "  ".join(f"{way:<30}" for way in WAYS)
    print(f"{'operation':<32} {'rows':>7} {'actual':>8}  {heads}")
    found: list[Scored] = []

    def wanted(name: str) -> bool:
        return asked.only in name and (asked.part is None or (asked.part == "blind") == (name in _duration_unseen.BLIND))

    for several in scores(CORPORA[asked.corpus], [int(size) for size in asked.sizes.split(",")], only=wanted):
        found += several
        show(several)
    figures = {
        part: {way: summary(scored, way) for way in WAYS} for part, scored in parts(asked.corpus, found).items() if scored
    }
    for part, way in ((part, way) for part in figures for way in WAYS):
        of_way = figures[part][way]
        print(
            f"{part:<6} {way:<8} median error {of_way['median_error']:.2f}x (bar {BAR_ERROR}x), inside "
            f"{of_way['inside_ratio']:.1%} of {of_way['scored']} (bar {BAR_INSIDE:.0%}), median width "
            f"{of_way['median_width']:.1f}x, without a high end {of_way['unbounded']}"
        )
    if not asked.only and asked.part is None:
        RESULTS.mkdir(exist_ok=True)
        told = json.dumps({"figures": figures, "scored": [asdict(one) for one in found]}, indent=2)
        (RESULTS / f"duration_ranges_{asked.corpus}.json").write_text(told)
    if asked.json:
        print(json.dumps(figures))
    every = [of_way for part in figures.values() for of_way in part.values()]
    held = all(one["inside_ratio"] >= BAR_INSIDE and one["median_error"] <= BAR_ERROR for one in every)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
