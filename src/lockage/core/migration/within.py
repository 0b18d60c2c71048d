"""The query inside a statement that is none: of a cursor, of a COPY, of EXPLAIN and PREPARE.

Not for executing such a statement. The surprising thing: ``COPY t (a, b) FROM`` is read as an INSERT of those columns, since
what it needs of the schema is the same.
"""

from __future__ import annotations

import re

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_TABLE = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
_BEGIN = r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*"

_CURSOR = re.compile(_BEGIN + r"declare\s.*?\bcursor\b.*?\bfor\s+(?P<query>.+)$", re.IGNORECASE | re.DOTALL)
_PREPARED = re.compile(rf"{_BEGIN}prepare\s+{_NAME}\s*(?:\([^)]*\)\s*)?as\s+(?P<query>.+)$", re.IGNORECASE | re.DOTALL)
_EXPLAINED = re.compile(
    _BEGIN + r"explain\s+(?:\([^)]*\)\s*)?(?:(?:analyze|verbose)\s+)*(?P<query>.+)$", re.IGNORECASE | re.DOTALL
)
_COPIED_QUERY = re.compile(_BEGIN + r"copy\s*\((?P<query>.+)\)\s*to\s+stdout\b", re.IGNORECASE | re.DOTALL)
_COPIED = re.compile(
    rf"{_BEGIN}copy\s+(?P<table>{_TABLE})\s*\((?P<columns>[^)]+)\)\s*(?P<way>from\s+stdin|to\s+stdout)\b",
    re.IGNORECASE | re.DOTALL,
)


def query_within(text: str) -> str | None:
    """The query that stands for a statement, None where there is none."""
    for pattern in (_CURSOR, _PREPARED, _EXPLAINED, _COPIED_QUERY):
        if found := pattern.match(text):
            return found["query"].strip()
    if found := _COPIED.match(text):
        table, columns = found["table"], found["columns"]
        if found["way"].lower().startswith("to"):
            return f"SELECT {columns} FROM {table}"  # noqa: S608 - the statement's own words
        values = ", ".join(f"${number}" for number in range(1, len(columns.split(",")) + 1))
        return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 - the same
    return None
