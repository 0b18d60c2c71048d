"""The line in which a process says why it ends, in whatever else it prints before it does.

Not for errors of PostgreSQL (``log_lines``). The surprising thing: it is seldom the last line. Calls, fields of the error and
what the runtime says of itself stand behind it.
"""

from __future__ import annotations

import re

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.log_lines import Line, read_lines

_TELLING = re.compile(
    r"^panic: |^fatal error: |^thread '.*' panicked at|Exception in thread |^Caused by: |"
    r"^\w[\w.:]*(?:Error|Exception|Failure)\b|"
    r"^(?:Uncaught|Unhandled)|^Error: |^error: |^fatal: |^\*\* \(|runtime error: |^Encountered an error"
)
_CODE_ALONE = re.compile(r"Error: P\d{4}\s*")
"""Prisma's first line; what it means stands below."""
_PART = re.compile(r"\s+(?:'?\w+'?: ['\"\d]|\d+: \S+::)")
"""A field of an error that is printed with its fields, or a call of Rust's."""
_TRAIL = re.compile(
    r"^\s+|^Stack backtrace:|^goroutine \d+|^\tat |^\s*at |^Traceback |^exit status|^\s*$|^\d+ errors? occurred|"
    r"^[{}\])]+;?$|^Node\.js v"
)


def last_words(log: LogText, *, look_back: int = 200) -> Line | None:
    """The line in which a process says why it ends: the last that tells of a failure, else the last that says anything."""
    lines = read_lines(log)[-look_back:]
    telling = [line for line in lines if _tells(line) and not _PART.match(line.raw)]
    if telling:
        return telling[-1]
    said = [line for line in lines if line.text.strip() and not _TRAIL.match(line.text)]
    return said[-1] if said else None


def _tells(line: Line) -> bool:
    if _CODE_ALONE.fullmatch(line.text):
        return False
    return line.is_error or (not line.level and _TELLING.search(line.text) is not None)
