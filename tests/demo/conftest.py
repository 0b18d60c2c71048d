"""towpath servers as processes of their own, for tests of the demonstration."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.towpath_process import LIMIT_S, Start, Towpath


@pytest.fixture
def start_towpath(tmp_path: Path) -> Iterator[Start]:
    """``start(release, url, replica=…, **variables)`` starts ``towpath server`` on a free port; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(release: str, url: str, *, replica: str = "towpath-1", **variables: str) -> Towpath:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOWPATH_")},
            "TOWPATH_PG_CONNECTION_URL": url,
            "TOWPATH_HTTP_ADDRESS": "127.0.0.1:0",
            "TOWPATH_REPLICA": replica,
            **variables,
        }
        log_file = tmp_path / f"{replica}-{len(started)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lockage.demo.towpath", "--release", release, "server"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return Towpath(process=process, log_file=log_file)

    yield start
    for process in started:
        process.kill()
        process.wait(LIMIT_S)
