"""How much longer a script of 100 000 statements takes to read than a tenth of it, in every format, and how much memory.

Bars: fifteen times, since reading must not grow faster than the script; 256 MB for the long one. The surprising thing: each
script is read in a process of its own, because memory that another has left would hide what it needs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations

RESULTS = Path(__file__).parent / "results" / "script_reading.json"
FEW, MANY = 10_000, 100_000
BAR, BAR_MB = 15.0, 256.0
WRITTEN: dict[str, tuple[str, Callable[[str], str]]] = {
    "plain": ("1_a.sql", lambda lines: lines),
    "goose": ("1_a.sql", lambda lines: f"-- +goose NO TRANSACTION\n-- +goose Up\n{lines}"),
    "flyway": ("V1__a.sql", lambda lines: f"{lines}VACUUM t;\n"),
    "dbmate": ("1_a.sql", lambda lines: f"-- migrate:up transaction:false\n{lines}"),
}
"""What a file of each format is called, and how it holds statements that commit one by one."""

INSERT, UPDATE = "INSERT INTO t (id, name) VALUES ({n}, 'x');\n", "UPDATE t SET name = 'x{n}' WHERE id = {n};\n"
"""Rows of constants, which are read by the first of them, and statements that the parser's tree is needed for."""

SCRIPTS = {form: (form, INSERT) for form in WRITTEN} | {"updates": ("plain", UPDATE), "in turn": ("plain", INSERT + UPDATE)}


def one(name: str, count: int) -> dict[str, float]:
    """CPU time of reading one script and taking its statements apart in this process, and the peak of its memory."""
    form, lines = SCRIPTS[name]
    file, written = WRITTEN[form]
    text = written("".join(lines.format(n=n) for n in range(count // lines.count("\n"))))
    begun = time.process_time()
    (migration,) = read_migrations({file: text.encode()}, form=format_named(form))
    assert sum(len(sent.statements) for sent in migration.sent()) >= count
    return {"cpu_s": time.process_time() - begun, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(name: str, count: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", name, str(count)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Print the table; 1 when a bar is missed."""
    rows: dict[str, dict[str, float]] = {}
    print(f"{'format':<10} {FEW:>10,} {MANY:>10,} {'ratio':>7} {'memory':>9}")
    for name in SCRIPTS:
        few, many = measure(name, FEW), measure(name, MANY)
        ratio = many["cpu_s"] / few["cpu_s"]
        rows[name] = {"few_s": few["cpu_s"], "many_s": many["cpu_s"], "ratio": ratio, "mb": many["mb"]}
        print(f"{name:<10} {few['cpu_s']:>8.2f} s {many['cpu_s']:>8.2f} s {ratio:>7.1f} {many['mb']:>6.0f} MB")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["ratio"] <= BAR and row["mb"] <= BAR_MB for row in rows.values()) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
    else:
        sys.exit(main())
