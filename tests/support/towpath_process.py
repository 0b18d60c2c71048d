"""A towpath server as a process of its own, for tests that need a real application."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 30.0


def eventually(condition: Callable[[], bool], *, limit_s: float = LIMIT_S) -> None:
    """Return as soon as the condition holds; fail when it does not within the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {limit_s} s"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Towpath:
    """A started process and what it wrote."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        """Base URL; waits for the listener line."""
        eventually(lambda: "View the Web UI" in self.log or self.process.poll() is not None)
        match = re.search(r"View the Web UI: (\S+)", self.log)
        assert match, self.log
        return match[1]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def until_healthy(self) -> Towpath:
        """Wait for /healthz; the process must not end."""
        with urllib.request.urlopen(f"{self.address}/healthz", timeout=LIMIT_S) as answer:
            assert answer.read() == b"OK"
        return self

    def stop(self) -> float:
        """Send SIGTERM; the seconds until it had ended."""
        asked = time.monotonic()
        self.process.terminate()
        self.process.wait(LIMIT_S)
        return time.monotonic() - asked


Start = Callable[..., Towpath]
