"""Runs every benchmark of this folder and lets each print its table: ``python benchmarks [NAME …]``.

Not for measuring anything itself. The surprising thing: each benchmark is a program of its own, started in a fresh process,
because several of them measure imports and start-up.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    """Exit code 0 when all benchmarks (or those named) ended well, else 1."""
    programs = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("_") and (not names or path.stem in names))
    failed: list[str] = []
    for program in programs:
        print(f"\n== {program.stem}", flush=True)
        begun = time.monotonic()
        if subprocess.run([sys.executable, program], check=False).returncode != 0:
            failed.append(program.stem)
        print(f"   ({time.monotonic() - begun:.0f} s)", flush=True)
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
