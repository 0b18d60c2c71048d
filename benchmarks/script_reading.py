"""How much longer a script of 100 000 statements takes to read than a tenth of it, in every format: a ratio in one run.

Bar: fifteen times, since reading must not grow faster than the script.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations

RESULTS = Path(__file__).parent / "results" / "script_reading.json"
FEW, MANY = 10_000, 100_000
BAR = 15.0
WRITTEN: dict[str, tuple[str, Callable[[str], str]]] = {
    "plain": ("1_a.sql", lambda lines: lines),
    "goose": ("1_a.sql", lambda lines: f"-- +goose NO TRANSACTION\n-- +goose Up\n{lines}"),
    "flyway": ("V1__a.sql", lambda lines: f"{lines}VACUUM t;\n"),
    "dbmate": ("1_a.sql", lambda lines: f"-- migrate:up transaction:false\n{lines}"),
}
"""What a file of each format is called, and how it holds statements that commit one by one."""

INSERT, UPDATE = "INSERT INTO t (id, name) VALUES ({n}, 'x');\n", "UPDATE t SET name = 'x{n}' WHERE id = {n};\n"
"""Rows of constants, which are read by the first of them, and statements that the parser's tree is needed for."""


def seconds(form: str, count: int, *, line: str = INSERT) -> float:
    """CPU time of reading one file and taking its statements apart."""
    name, written = WRITTEN[form]
    text = written("".join(line.format(n=n) for n in range(count)))
    begun = time.process_time()
    (migration,) = read_migrations({name: text.encode()}, form=format_named(form))
    assert sum(len(sent.statements) for sent in migration.sent()) >= count
    return time.process_time() - begun


def main() -> int:
    """Print the table; 1 when the bar is missed."""
    rows: dict[str, dict[str, float]] = {}
    print(f"{'format':<10} {FEW:>10,} {MANY:>10,} {'ratio':>7}")
    for name, form, line in (*((form, form, INSERT) for form in WRITTEN), ("updates", "plain", UPDATE)):
        few, many = seconds(form, FEW, line=line), seconds(form, MANY, line=line)
        rows[name] = {"few_s": few, "many_s": many, "ratio": many / few}
        print(f"{name:<10} {few:>8.2f} s {many:>8.2f} s {many / few:>7.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["ratio"] <= BAR for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
