"""A forecast that is ended in the middle leaves nothing behind; its shadow was nobody else's to reach meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.interfaces.cli.failures import INTERRUPTED_EXIT

pytestmark = pytest.mark.real

PATIENCE_S = 60.0


def until(found: object) -> Iterator[None]:
    """Asked again and again until it is broken out of; fails when nothing comes of it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        yield
        time.sleep(0.02)
    pytest.fail(f"not within {PATIENCE_S:.0f} s: {found}")


def words(process: psutil.Process) -> list[str]:
    """Its command line; nothing where it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def servers_below(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "-D" in words(child)]


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Migrations of which the newest does not end by itself."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1_a.sql").write_text("CREATE TABLE a (id int);")
    (tmp_path / "db" / "2_b.sql").write_text("SELECT pg_sleep(25);")
    return tmp_path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED_EXIT), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_forecast_that_is_ended_leaves_no_server_and_no_file(endless: Path, number: signal.Signals, code: int) -> None:
    asked = ["forecast", "--migrations", "db", "--output", "html=page.html"]
    command = [sys.executable, "-m", "lockage.interfaces.cli.main", *asked]
    environment = {**os.environ, "LOCKAGE_HOME": str(endless / "home")}
    started = subprocess.Popen(command, cwd=endless, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in until("a statement that sleeps"):
        if any("SELECT" in " ".join(words(child)) for child in psutil.Process(started.pid).children(recursive=True)):
            break
    servers = servers_below(psutil.Process(started.pid))
    folder = Path(words(servers[0])[words(servers[0]).index("-D") + 1])
    assert folder.exists()
    started.send_signal(number)
    started.communicate(timeout=PATIENCE_S)
    assert started.returncode == code
    for _ in until("every server process and the shadow's folder gone"):
        if not folder.exists() and all(map(ended, servers)):
            break
    assert [file.name for file in endless.iterdir() if file.name not in {"db", "home"}] == []


def test_a_shadow_listens_on_a_socket_of_its_own_and_is_no_administrators_process() -> None:
    others = servers_below(psutil.Process())  # of other tests
    with EmbeddedShadows(statement_limit_s=5).empty() as shadow, shadow.session() as session:
        assert session.execute("select 1").failure is None
        servers = [server for server in servers_below(psutil.Process()) if server not in others]
        assert servers
        for server in servers:
            assert server.uids().effective != 0
            assert [one for one in server.net_connections(kind="inet") if one.status == psutil.CONN_LISTEN] == []
