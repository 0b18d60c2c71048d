"""How long ``lockage --help`` and its neighbours take from start to exit, as a person at a prompt feels it.

Bar: 0.5 s for ``lockage --help`` (design, section 7).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = 15
COMMANDS = ("--help", "version", "explain LK001", "survey --help", "forecast --help", "upgrade --help", "runs")


def seconds(command: str, environment: dict[str, str]) -> float:
    """Wall time of one call."""
    program = Path(sys.executable).with_name("lockage")
    begun = time.perf_counter()
    subprocess.run([program, *command.split()], check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def main() -> int:
    """Print the table; 1 when the bar is missed."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LOCKAGE_HOME": home}
        print(f"{'command':<24} {'median':>8} {'slowest':>8}   of {TIMES}")
        medians: dict[str, float] = {}
        for command in COMMANDS:
            seconds(command, environment)  # the first one pays for cold caches
            taken = [seconds(command, environment) for _ in range(TIMES)]
            medians[command] = statistics.median(taken)
            print(f"lockage {command:<16} {medians[command]:>6.2f} s {max(taken):>6.2f} s")
    return 0 if medians["--help"] <= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
