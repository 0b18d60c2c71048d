"""How long a forecast takes, phase by phase, and how much memory, on databases that grow: tables, migrations, statements.

``python benchmarks/forecast_speed.py [--scales N,N,N] [--statements N] [--json]``. Bars: 108 migrations over 120 tables in 5 s,
none above 300 MB; from the smallest scale to the largest the CPU time for one migration, that of all processes together, does
not grow by more than a quarter. The surprising thing: each forecast runs in a process of its own, because memory that another
has left would hide what it needs; and once more for its memory, because whoever counts the pages of a process holds them
meanwhile, which costs that CPU time. Whatever else the machine does makes the CPU time of the same work longer, by a quarter on
a shared one, so each scale is timed again and again, in turn with the others, and the least counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args

import psycopg

from _growing_databases import migrations, old_statements, schema
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.flows.forecast import forecast_database
from lockage.interfaces.offline import opened_survey, save_survey
from lockage.ports import OldStatements, Shadow, Shadows, TracedSession

RESULTS = Path(__file__).parent / "results" / "forecast_speed.json"
BAR_S, BAR_MB, BAR_GROWTH = 5.0, 300.0, 1.25
SAMPLE_S = 0.1
ROUNDS = 3


# --- one forecast, timed ----------------------------------------------------------------------------------------------


class Watch:
    """Seconds by phase; phases lie one inside the other, and each counts without what is inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Counts what happens inside."""
        begun, self._open = time.perf_counter(), [*self._open, (name, 0.0)]
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            *outer, (_, inside) = self._open
            self.seconds[name] = self.seconds.get(name, 0.0) + took - inside
            self._open = [*outer[:-1], (outer[-1][0], outer[-1][1] + took)] if outer else []


class TimedStatements:
    """The old release's statements, timed."""

    def __init__(self, statements: OldStatements, watch: Watch) -> None:
        self._statements, self._watch = statements, watch

    def __getattr__(self, name: str):
        found = getattr(self._statements, name)

        def timed(*args: object, **kwargs: object) -> object:
            with self._watch.phase("statements"):
                return found(*args, **kwargs)

        return timed if callable(found) else found


class TimedShadow:
    """A shadow, timed."""

    def __init__(self, shadow: Shadow, watch: Watch) -> None:
        self._shadow, self._watch = shadow, watch

    def __getattr__(self, name: str):
        return getattr(self._shadow, name)

    @contextmanager
    def session(self) -> Iterator[TracedSession]:
        """Everything between its beginning and its end counts as the trace."""
        with self._watch.phase("trace"), self._shadow.session() as session:
            yield session

    @contextmanager
    def twin(self) -> Iterator[Shadow]:
        """A second shadow, on which a break of an old statement is searched for."""
        with self._watch.phase("breaks"), self._shadow.twin() as twin:
            yield twin

    @contextmanager
    def statements(self) -> Iterator[OldStatements]:
        """Each of its calls counts."""
        with self._shadow.statements() as statements:
            yield TimedStatements(statements, self._watch)  # type: ignore[misc]


class TimedShadows:
    """Shadows of a live database, or of a survey's file, timed: the dump, and its restoring."""

    def __init__(self, watch: Watch, survey: Path | None) -> None:
        self._watch, self._survey = watch, survey

    @contextmanager
    def of_database(self, url: str) -> Iterator[Shadow]:
        """The phases: take, start and restore, and after the forecast's own the end of the server."""
        with self._watch.phase("end"), ExitStack() as making:
            with self._watch.phase("shadow"):
                if self._survey is None:
                    shadow = making.enter_context(EmbeddedShadows().of_database(url))
                else:
                    offline = making.enter_context(opened_survey(self._survey, ledger=None))
                    shadow = making.enter_context(offline.shadows.of_database(url))
            with self._watch.phase("compose"):
                yield TimedShadow(shadow, self._watch)  # type: ignore[misc]

    def empty(self, *, major: int | None = None):
        """Never asked here."""
        raise NotImplementedError


def one(asked: dict[str, object]) -> dict[str, object]:
    """Makes one forecast in this process; gives seconds by phase and this process' own peak of memory."""
    tables, count = int(str(asked["tables"])), int(str(asked["migrations"]))
    form = format_named("plain")
    watch = Watch()
    begun = time.perf_counter()
    read = read_migrations(migrations(count, tables), form=form, folder="bench")
    watch.seconds["read"] = time.perf_counter() - begun
    shadows: Shadows = TimedShadows(watch, Path(str(asked["survey"])) if asked["survey"] else None)  # type: ignore[assignment]
    made = forecast_database(
        read,
        url=str(asked["url"]),
        form=form,
        shadows=shadows,
        narrate=lambda _: None,
        from_version=0,
        transaction=asked["transaction"],  # type: ignore[arg-type]
        statements=old_statements(int(str(asked["statements"])), tables),
    )
    total = time.perf_counter() - begun
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": {**watch.seconds, "total": total},
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "own_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "unknown": len(made.unknown),
        "failed": [u.reason for u in made.unknown if "fails on the shadow" in u.reason][:5],
        "checked": made.statements_checked,
    }


# --- many of them -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One forecast."""

    way: str
    tables: int
    migrations: int
    statements: int
    transaction: str
    seconds: dict[str, float]
    cpu_s: float  # of this process, of pg_dump and psql, and of the shadow's server
    own_mb: float
    tree_mb: float  # of all processes together, shared pages counted once; 0: not weighed
    unknown: int
    checked: int


def measure(
    url: str,
    *,
    tables: int,
    count: int,
    statements: int = 0,
    transaction: str = "file",
    survey: Path | None = None,
    weighed: bool = True,
) -> Run:
    """One forecast in a fresh process, and once more with the peak of its tree where that is ``weighed``."""
    asked = {
        "url": url,
        "tables": tables,
        "migrations": count,
        "statements": statements,
        "transaction": transaction,
        "survey": str(survey) if survey else None,
    }
    found, _ = in_own_process(asked, watched=False)
    _, tree_mb = in_own_process(asked, watched=True) if weighed else (None, 0.0)
    if found["failed"]:
        print(f"   statements failed: {found['failed']}", file=sys.stderr)
    return Run(
        way="file" if survey else "live",
        tables=tables,
        migrations=count,
        statements=statements,
        transaction=transaction,
        seconds=found["seconds"],
        cpu_s=found["cpu_s"],
        own_mb=found["own_mb"],
        tree_mb=tree_mb,
        unknown=found["unknown"],
        checked=found["checked"],
    )


def in_own_process(asked: dict[str, object], *, watched: bool) -> tuple[dict[str, Any], float]:
    """What ``one`` found, and the peak of all its processes in MB, 0 where nobody watched."""
    command = [sys.executable, __file__, "--one", json.dumps(asked)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        peak = Peak(program.pid) if watched else None
        output, _ = program.communicate()
        tree_mb = peak.end() if peak else 0.0
    if program.returncode != 0:
        raise SystemExit(f"the forecast of {asked['tables']} tables failed")
    return json.loads(output.splitlines()[-1]), tree_mb


class Peak:
    """Looks at a process and all below it, until it is told to end."""

    def __init__(self, pid: int) -> None:
        self._pid, self._highest, self._over = pid, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """The peak, in MB."""
        self._over.set()
        self._thread.join()
        return self._highest

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._highest = max(self._highest, sum(_pss_mb(pid) for pid in _tree(self._pid)))


def _tree(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        at = waiting.pop()
        found.append(at)
        for task in Path(f"/proc/{at}/task").glob("*/children"):
            try:
                waiting += [int(word) for word in task.read_text().split()]
            except OSError:
                continue
    return found


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


@contextmanager
def databases(sizes: list[int]) -> Iterator[dict[int, str]]:
    """One database for each number of tables, with rows and statistics; gives their URLs."""
    with tempfile.TemporaryDirectory(prefix="lockage-bench-", dir="/var/tmp") as root:
        Path(root).chmod(0o755)  # the account that PostgreSQL runs as, when we are root, must come in
        settings = {"max_locks_per_transaction": "1000", "autovacuum": "off"}
        with throwaway(tcp=True, settings=settings, root=Path(root)) as server:
            urls: dict[int, str] = {}
            with psycopg.connect(server.url(), autocommit=True) as admin:
                for tables in sizes:
                    admin.execute(f"create database bench_{tables}".encode())
                    urls[tables] = server.url(f"bench_{tables}", tcp=True)
                    with psycopg.connect(urls[tables], autocommit=True) as session:
                        for statement in schema(tables):
                            session.execute(statement.encode())
                        session.execute("analyze")
            yield urls


PHASES = ("read", "shadow", "trace", "statements", "breaks", "compose", "end", "total")


def show(run: Run) -> None:
    """One line of the table."""
    cells = " ".join(f"{run.seconds.get(phase, 0.0):>10.2f}" for phase in PHASES)
    each_ms = run.cpu_s / run.migrations * 1000
    print(
        f"{run.way:<5} {run.tables:>6} {run.migrations:>6} {run.statements:>6} {run.transaction:<9} {cells} "
        f"{run.cpu_s:>6.2f} {each_ms:>7.1f} {run.own_mb:>7.0f} {run.tree_mb:>7.0f}",
        flush=True,
    )


def main() -> int:
    """Print the table and write JSON; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scales", default="250,500,1000")
    parser.add_argument("--statements", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(json.loads(asked.one))))
        return 0
    scales = [int(scale) for scale in asked.scales.split(",") if scale]
    heads = " ".join(f"{phase:>10}" for phase in PHASES)
    firsts = f"{'from':<5} {'tables':>6} {'files':>6} {'old':>6} {'one per':<9}"
    print(f"{firsts} {heads} {'CPU':>6} {'ms/file':>7} {'own MB':>7} {'all MB':>7}")
    runs: list[Run] = []
    with databases(sorted({120, *scales})) as urls:

        def run(tables: int, count: int, **more: Any) -> None:
            runs.append(measure(urls[tables], tables=tables, count=count, **more))
            show(runs[-1])

        for transaction in get_args(Transaction):
            run(120, 108, transaction=transaction)
        with tempfile.TemporaryDirectory() as folder:
            save_survey(urls[120], Path(folder) / "survey.tar.gz")
            run(120, 108, survey=Path(folder) / "survey.tar.gz")
        if asked.statements:
            run(120, 108, statements=asked.statements)
        for round_, transaction, scale in product(range(ROUNDS), ("file", "whole"), scales):
            run(scale, scale, transaction=transaction, weighed=not round_)
    good = judged(runs, scales)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"schema": "lockage.bench.forecast_speed/1", "runs": [asdict(r) for r in runs]}, indent=2) + "\n"
    )
    if asked.json:
        print(json.dumps([asdict(run) for run in runs]))
    return 0 if good else 1


def judged(runs: list[Run], scales: list[int]) -> bool:
    """Whether the bars are met; says so."""
    small = [run for run in runs if run.tables == 120 and not run.statements]
    slowest, largest = max(run.seconds["total"] for run in small), max(run.tree_mb for run in runs)
    good = slowest <= BAR_S and largest <= BAR_MB
    print(f"108 migrations over 120 tables: {slowest:.1f} s (bar {BAR_S:g}); at most {largest:.0f} MB (bar {BAR_MB:g})")
    for transaction in ("file", "whole") if len(scales) > 1 else ():
        of_scales = [r for r in runs if r.tables != 120 and r.transaction == transaction]
        by_scale = {scale: min(r.cpu_s for r in of_scales if r.migrations == scale) / scale for scale in scales}
        growth = by_scale[max(by_scale)] / by_scale[min(by_scale)]
        steps = ", ".join(f"{scale}: {by_scale[scale] * 1000:.1f} ms" for scale in sorted(by_scale))
        print(f"CPU time for one migration, one transaction per {transaction}: {steps}; x{growth:.2f} (bar {BAR_GROWTH:g})")
        good &= growth <= BAR_GROWTH
    return good


if __name__ == "__main__":
    sys.exit(main())
