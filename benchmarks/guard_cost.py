"""What the guard's looks cost the database: backend CPU and wall time of one ``activity()``, in four situations.

``python benchmarks/guard_cost.py [--json]``. The bar is 2 ms of backend CPU a look on an idle system; exit code 1 above it.
The surprising thing: it is the *server's* CPU that is measured, in the backend of our own session, not ours.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass

import psutil
import psycopg

from lockage.adapters.postgres.database import PostgresDatabase
from lockage.adapters.postgres.throwaway import throwaway

BAR_MS = 2.0
MEASURE_S = 3.0  # CPU time is counted in ticks of 10 ms: enough looks make a tick small


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One situation."""

    situation: str
    sessions: int
    looks: int
    backend_cpu_ms: float
    wall_ms: float
    wall_worst_ms: float


@contextmanager
def waiting(url: str, count: int) -> Iterator[None]:
    """``count`` sessions that wait behind one another for a table."""
    with ExitStack() as stack:
        holder = stack.enter_context(closing(psycopg.connect(url)))
        holder.execute("lock table busy in access exclusive mode")
        clients = [stack.enter_context(closing(psycopg.connect(url))) for _ in range(count)]
        threads = [threading.Thread(target=_try, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        yield
        holder.rollback()
        for thread in threads:
            thread.join()


def _try(client: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        client.execute("select * from busy")
        client.rollback()


@contextmanager
def idle(url: str, count: int) -> Iterator[None]:
    """``count`` idle sessions."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(closing(psycopg.connect(url)))
        yield


@contextmanager
def holding(url: str, count: int) -> Iterator[None]:
    """``count`` sessions in a transaction, each with locks on a hundred tables."""
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(closing(psycopg.connect(url)))
            client.execute("; ".join(f"lock table t{n} in access share mode" for n in range(100)))
        yield


def measure(url: str, situation: str, around: Callable[[], contextmanager]) -> Cost:
    """Looks for some seconds in one situation."""
    with around(), closing(PostgresDatabase(url)) as database, closing(psycopg.connect(url, autocommit=True)) as other:
        for _ in range(10):
            sessions = len(database.activity().sessions)
        row = other.execute(
            "select pid from pg_stat_activity where application_name = 'lockage/watch' and datname = current_database()"
        ).fetchone()
        assert row is not None
        backend = psutil.Process(row[0])
        walls: list[float] = []
        before, begun = backend.cpu_times(), time.perf_counter()
        while time.perf_counter() - begun < MEASURE_S:
            one = time.perf_counter()
            database.activity()
            walls.append(time.perf_counter() - one)
        after = backend.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    return Cost(
        situation=situation,
        sessions=sessions,
        looks=len(walls),
        backend_cpu_ms=round(used_s / len(walls) * 1000, 3),
        wall_ms=round(sum(walls) / len(walls) * 1000, 3),
        wall_worst_ms=round(max(walls) * 1000, 1),
    )


def main() -> int:
    """Exit code 1 when a look on an idle system is above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    with throwaway(settings={"max_connections": "400", "max_locks_per_transaction": "512"}) as server:
        url = server.url()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("create table busy (id int)")
        costs = [measure(url, "idle", lambda: idle(url, 10))]
        costs += [measure(url, f"{n} sessions waiting", lambda n=n: waiting(url, n)) for n in (50, 300)]
        with psycopg.connect(url, autocommit=True) as admin:
            for first in range(0, 10_000, 1_000):
                admin.execute("; ".join(f"create table t{n} (id int primary key)" for n in range(first, first + 1_000)))
            admin.execute("vacuum analyze pg_class")
        costs.append(measure(url, "idle, 10 000 tables", lambda: idle(url, 10)))
        costs.append(measure(url, "2 000 locks, 10 000 tables", lambda: holding(url, 20)))
    if arguments.json:
        print(
            json.dumps(
                {"schema": "lockage.bench.guard-cost/1", "bar_ms": BAR_MS, "costs": [asdict(c) for c in costs]}, indent=2
            )
        )
    else:
        print(f"{'situation':28} {'sessions':>8} {'looks':>6} {'backend CPU ms':>14} {'wall ms':>8} {'worst ms':>8}")
        for c in costs:
            row = (
                f"{c.situation:28} {c.sessions:8} {c.looks:6} {c.backend_cpu_ms:14.3f} {c.wall_ms:8.3f} {c.wall_worst_ms:8.1f}"
            )
            print(row)
    return 0 if costs[0].backend_cpu_ms <= BAR_MS else 1


if __name__ == "__main__":
    sys.exit(main())
