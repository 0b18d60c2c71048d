"""What can be executed of a statement that is no query: the query in a cursor, in a COPY, in EXPLAIN and PREPARE, or itself.

Not for executing it. The surprising thing: ``COPY t (a, b) FROM`` is read as an INSERT of those columns, since what it needs of
the schema is the same, and so is ANALYZE as a SELECT that reads no row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import postgast

from lockage.core.migration.parsing import parse

BEGINNINGS = 100
"""Places at which a text that was cut off may end, that are tried at most."""

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_TABLE = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
_BEGIN = r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*"

_QUERY = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|insert|update|delete|with|merge|values|table|call)\b", re.IGNORECASE | re.DOTALL
)
"""What is executed, by its first word; the rest (SET, LISTEN, BEGIN) reads no schema."""

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
_COPIED_WHOLE = re.compile(
    rf"{_BEGIN}copy\s+(?:binary\s+)?(?P<table>{_TABLE})\s+(?P<way>from\s+stdin|to\s+stdout)\b", re.IGNORECASE | re.DOTALL
)
_LOOKED_AT = re.compile(
    _BEGIN
    + r"(?:analyze|analyse|vacuum)\b\s*(?:\([^)]*\)\s*)?(?:(?:full|freeze|verbose|analyze|analyse)\b\s*)*(?P<tables>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_ONE_LOOKED_AT = re.compile(
    rf"(?:only\s+)?(?P<table>{_TABLE})\s*\*?\s*(?:\((?P<columns>[^)]+)\))?\s*(?:,\s*|;?\s*$)", re.IGNORECASE | re.DOTALL
)
_TEMPORARY = r"create\s+(?:(?:local|global)\s+)?temp(?:orary)?\s"
_EXECUTABLE = re.compile(
    _BEGIN + rf"(?:truncate\s|lock\s|refresh\s+materialized\s|{_TEMPORARY}|create\s+table\s.*?\bpartition\s+of\s|"
    r"alter\s+table\s.*?\b(?:attach|detach)\s+partition\s|cluster\s|reindex\s|set\s+(?:local\s+|session\s+)?role\s|"
    r"set\s+constraints\s)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCopy:
    """A COPY that names no columns."""

    table: str  # as the statement writes it
    incoming: bool  # FROM STDIN; else TO STDOUT


def whole_copy(text: str) -> WholeCopy | None:
    """What a statement copies, where it is such a COPY."""
    found = _COPIED_WHOLE.match(text)
    return None if found is None else WholeCopy(table=found["table"], incoming=found["way"].lower().startswith("from"))


def executable(text: str) -> bool:
    """Whether a statement is no query, and can be executed in a transaction and taken back all the same."""
    return _EXECUTABLE.match(text) is not None


_ENDS = re.compile(
    r"\b(?:where|and|or|order\s+by|group\s+by|having|limit|offset|union|for|(?:(?:left|right|full|inner|cross)\s+(?:outer\s+)?)?join)\b"
    r"|,|/\*|--",
    re.IGNORECASE,
)
_CUT = re.compile(_BEGIN + r"(?:select|with|update|delete)\b", re.IGNORECASE)


def beginning_of(text: str) -> str | None:
    """The longest beginning of a query that was cut off which is a query by itself; None where there is none.

    Servers and collectors cut (``track_activity_query_size``). Where the beginning fails the whole does; nothing follows
    from its success.
    """
    if not _CUT.match(text) or _parses(text):
        return None
    ends = [found.start() for found in _ENDS.finditer(text)][-BEGINNINGS:]
    return next((part for end in reversed(ends) if _parses(part := text[:end].rstrip())), None)


def _parses(text: str) -> bool:
    try:
        parse(text)
    except postgast.PgQueryError:
        return False
    return True


def is_kept(text: str) -> bool:
    """Whether a session that prepares a statement keeps the plan of its query: not that in a cursor, a COPY or an EXPLAIN."""
    if _PREPARED.match(text):
        return True
    return not any(pattern.match(text) for pattern in (_CURSOR, _EXPLAINED, _COPIED_QUERY, _COPIED, _COPIED_WHOLE, _LOOKED_AT))


def is_query(text: str) -> bool:
    """Whether a statement is one that a server plans, by its first word."""
    return _QUERY.match(text) is not None


def to_prepare(text: str) -> str | None:
    """What is prepared for a statement to try it: itself, or the query that stands for it; None: it names nothing to try.

    A COPY of a whole table is not among them, since its columns are the catalog's to say (``whole_copy``).
    """
    if is_query(text) or executable(text):
        return text
    within = query_within(text)
    return within if within is not None and is_query(within) else None


def can_be_tried(text: str) -> bool:
    """Whether a schema can break the statement, and executing it on a shadow shows that."""
    return to_prepare(text) is not None or whole_copy(text) is not None


def query_within(text: str) -> str | None:
    """The query that stands for a statement, None where there is none."""
    for pattern in (_CURSOR, _PREPARED, _EXPLAINED, _COPIED_QUERY):
        if found := pattern.match(text):
            return found["query"].strip()
    if found := _LOOKED_AT.match(text):
        return _reading_nothing(found["tables"])
    if found := _COPIED.match(text):
        table, columns = found["table"], found["columns"]
        if found["way"].lower().startswith("to"):
            return f"SELECT {columns} FROM {table}"  # noqa: S608 - the statement's own words
        values = ", ".join(f"${number}" for number in range(1, len(columns.split(",")) + 1))
        return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 - the same
    return None


def _reading_nothing(tables: str) -> str | None:
    """A query over the tables and columns that a list names, which reads no row; None where it names none: all are meant."""
    each = [f"SELECT {one['columns'] or ''} FROM {one['table']} LIMIT 0" for one in _ONE_LOOKED_AT.finditer(tables)]  # noqa: S608 - the statement's own words
    if len(each) < 2:
        return each[0] if each else None
    return "SELECT FROM " + ", ".join(f"({query}) AS looked_at_{number}" for number, query in enumerate(each))
