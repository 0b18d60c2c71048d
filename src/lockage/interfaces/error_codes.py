"""What the error codes mean: the table behind ``lockage explain`` and ``docs/errors.md``.

Not for raising (``lockage.errors``). The surprising thing: adding a code is one line in ``error_codes.toml``, under the
class that raises it; a test finds every code in the source that has no line, and every line that nothing raises.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from lockage.errors import FindingsError, HaltedError, LockageError, RefusedError, UnreachableError, UsageError

CLASSES: Mapping[str, type[LockageError]] = {
    "defect": LockageError,
    "usage": UsageError,
    "refused": RefusedError,
    "unreachable": UnreachableError,
    "halted": HaltedError,
    "findings": FindingsError,
}

STATES: Mapping[str, str] = {
    "defect": "Our mistake; whether anything was changed is in the log.",
    "usage": "Nothing was looked at or changed.",
    "refused": "Lockage looked and will not begin; nothing was changed.",
    "unreachable": "Something does not answer or does not let us in; nothing was changed, and a later try may succeed.",
    "halted": "A run stopped part-way at a named place; the same command goes on from there.",
    "findings": "The answer was given, and it is not that all is well.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One code."""

    schema: str = "lockage.error-code/1"
    code: str
    group: str  # a key of CLASSES
    meaning: str
    state: str  # what has been changed when it is met
    exit_code: int


def error_codes() -> tuple[ErrorCode, ...]:
    """All codes, in order."""
    table = tomllib.loads(resources.files("lockage").joinpath("error_codes.toml").read_text(encoding="utf-8"))
    found = [
        ErrorCode(code=code, group=group, meaning=meaning, state=STATES[group], exit_code=CLASSES[group].exit_code)
        for group, lines in table.items()
        for code, meaning in lines.items()
    ]
    return tuple(sorted(found, key=lambda entry: entry.code))


AREAS: Mapping[str, str] = {
    "LK0": "the command line",
    "LK1": "PostgreSQL",
    "LK2": "profiles, facts and plans",
    "LK3": "the platform, the journal and runs",
    "LK4": "migrations and forecasts",
    "LK5": "Kubernetes and Helm, windows, recovery",
    "LK6": "diagnosis, recovery and bundles",
    "LK7": "forecasts",
}


def as_markdown() -> str:
    """The page ``docs/errors.md``."""
    lines = [
        "# Error codes",
        "",
        "Rendered from `src/lockage/error_codes.toml` (`make docs`); do not edit. `lockage explain CODE` says the same.",
        "",
        "The exit code tells a script what happened; the code tells a person what to look up.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | Done. |",
        *(f"| {CLASSES[group].exit_code} | {group}: {state} |" for group, state in STATES.items()),
        "| 130, 141 | Interrupted by Ctrl-C; the reader of the output went away. The shell's own codes. |",
        "",
    ]
    for prefix, area in AREAS.items():
        rows = [entry for entry in error_codes() if entry.code.startswith(prefix)]
        if rows:
            lines += [f"## {prefix}xx: {area}", "", "| code | exit | meaning |", "|---|---|---|"]
            lines += [f"| {entry.code} | {entry.exit_code} {entry.group} | {entry.meaning} |" for entry in rows]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
