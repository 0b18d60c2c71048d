"""``lockage recover`` out of every fault of the local catalogue, and killed at every chosen effect, with the seconds of each.

``make test`` holds one of each way to recover; here are all of them: ten minutes of one core. The surprising thing:
the table is pytest's own, since each line is a test that has to pass.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ("tests/faults/test_recovered.py", "tests/faults/test_recovery_killed.py")


def main() -> int:
    """Exit code 0 where every recovery ends as it should."""
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:randomly", "--durations=0", "--durations-min=1"]
    return subprocess.run(
        [*command, *TESTS], cwd=ROOT, env=os.environ | {"LOCKAGE_EVERY_RECOVERY": "1"}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
