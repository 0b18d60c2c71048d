"""Throw-away servers: isolated, quick, and gone with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from lockage.adapters.postgres.throwaway import throwaway

pytestmark = pytest.mark.real

PARENT = """
import sys, time
from lockage.adapters.postgres.throwaway import throwaway
with throwaway(tcp={tcp}) as server:
    print(server.pid, server.data_dir, flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, f"not within {limit_s} s"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def parent() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PARENT.format(tcp=False)], stdout=subprocess.PIPE, text=True)


def test_a_database_url_leads_to_an_empty_database(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert row == (0,)


def test_nothing_remains_after_the_block() -> None:
    with throwaway() as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert psutil.pid_exists(server.pid)
    assert is_gone(server.pid)
    assert not server.data_dir.parent.exists()


def test_a_killed_parent_takes_its_server_and_folder_along(parent: subprocess.Popen[str]) -> None:
    with parent:
        assert parent.stdout is not None
        pid, data_dir = parent.stdout.readline().split()
        assert Path(data_dir).exists() or os.geteuid() != 0
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: is_gone(int(pid)))
    wait_until(lambda: not Path(data_dir).parent.exists())
