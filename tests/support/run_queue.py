"""How long a backend was ready to run and did not, because the machine did something else: no forecast can know that.

Linux tells it per process; elsewhere it is taken for nothing. The surprising thing: it is the second number of three without
names in ``/proc/PID/schedstat``, in nanoseconds. Source: Linux, Documentation/scheduler/sched-stats.rst.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

LOOK_S = 0.01


@dataclass(kw_only=True)
class KeptFromRunning:
    """Seconds until now."""

    seconds: float = 0.0


@contextmanager
def kept_from_running(url: str, *, application_name: str) -> Generator[KeptFromRunning]:
    """Of the one session of that name that begins inside the context."""
    found, stop = KeptFromRunning(), threading.Event()
    thread = threading.Thread(target=_follow, args=(url, application_name, found, stop))
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _follow(url: str, application_name: str, found: KeptFromRunning, stop: threading.Event) -> None:
    query = "select pid from pg_stat_activity where application_name = %s and datname = current_database()"
    with psycopg.connect(url, autocommit=True) as session:
        row = None
        while row is None and not stop.wait(LOOK_S):
            row = session.execute(query, (application_name,)).fetchone()
    while row is not None and not stop.wait(LOOK_S):
        try:
            found.seconds = int(Path(f"/proc/{row[0]}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return  # it has ended, or this is no Linux
