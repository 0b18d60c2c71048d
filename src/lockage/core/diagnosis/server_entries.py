"""PostgreSQL's own log, entry by entry: an error with its DETAIL, HINT and STATEMENT, and the backend that met it.

Not for logs of replicas (``log_lines``). The surprising thing: one entry is several lines whose order is fixed, and a line that
begins with a tab goes on the one above; csvlog and jsonlog say the same in other shapes. A time whose zone is none that
everybody knows is taken for unknown rather than for UTC.

Source: PostgreSQL 18, 19.8 (log_line_prefix, csvlog, jsonlog).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from lockage.core.diagnosis.log_lines import read_line
from lockage.core.diagnosis.server_languages import in_english, kinds_in_english
from lockage.core.diagnosis.server_messages import meant_sqlstate, stated_sqlstate


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """One entry."""

    at: datetime | None
    pid: int | None
    severity: str  # "ERROR", "FATAL", "PANIC", "LOG", "WARNING"
    sqlstate: str | None  # printed, or meant by the words
    message: str
    detail: str = ""
    hint: str = ""
    context: str = ""
    statement: str = ""
    database: str | None = None
    application_name: str = ""

    @property
    def failed(self) -> bool:
        """Whether a statement or a connection ended by it."""
        return self.severity in {"ERROR", "FATAL", "PANIC"}


@dataclass(slots=True)
class _Open:
    at: datetime | None
    pid: int | None
    severity: str
    sqlstate: str | None
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


_LINE = re.compile(
    r"^(?P<prefix>.*?)\b(?P<kind>DEBUG\d?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION|"
    r"BACKTRACE):  ?(?P<text>.*)$"
)
_SEVERITIES = {"DEBUG", "INFO", "NOTICE", "WARNING", "LOG", "ERROR", "FATAL", "PANIC"}
_PID = re.compile(r"\[(\d+)(?:-\d+)?\]|\b(?:pid|PID)[= ](\d+)")
_OTHER_ZONE = re.compile(r"^\S+ [\d:.,]+ (?!UTC|GMT)[A-Z]{2,5}\b")
_CSV = re.compile(r'^\d{4}-\d\d-\d\d [\d:.]+ \S+,(?:"|,)')
_PLACE = re.compile(r" at character \d+$")
_STATE = re.compile(r"^([0-9A-Z]{5}): ")


def server_entries(lines: Iterable[str]) -> tuple[ServerEntry, ...]:
    """The entries in lines of PostgreSQL's log, oldest first; what cannot be read is left out."""
    listed = list(lines)
    first = next((line for line in listed if line.strip()), "")
    if first.lstrip().startswith("{"):
        return tuple(entry for line in listed if (entry := _of_json(line)) is not None)
    if any(_CSV.match(line) for line in listed[:20]):
        return tuple(_of_csv(listed))
    return tuple(_of_text(listed))


# --- stderr -----------------------------------------------------------------------------------------------------------


def _of_text(lines: Sequence[str]) -> Iterator[ServerEntry]:
    current: _Open | None = None
    kind = ""
    for raw in lines:
        match = None if raw.startswith("\t") else _LINE.match(kinds_in_english(raw))
        if match is None:
            if current is not None and kind:
                current.parts[kind].append(raw.strip())
            continue
        kind = match["kind"].rstrip("0123456789")
        if kind in _SEVERITIES:
            if current is not None:
                yield _closed(current)
            current = _opened(raw, match, kind)
            kind = "MESSAGE"
        elif current is None:
            kind = ""
        if current is not None:
            current.parts.setdefault(kind, []).append(match["text"])
    if current is not None:
        yield _closed(current)


def _opened(raw: str, match: re.Match[str], kind: str) -> _Open:
    pid = _PID.search(match["prefix"])
    stated = _STATE.match(match["text"])
    return _Open(
        at=None if _OTHER_ZONE.match(raw) else read_line(raw).at,
        pid=int(pid[1] or pid[2]) if pid else None,
        severity=kind,
        sqlstate=stated[1] if stated else stated_sqlstate(raw),
    )


def _closed(entry: _Open) -> ServerEntry:
    said = {kind: "\n".join(lines) for kind, lines in entry.parts.items()}
    message = in_english(f"{entry.severity}:  {_PLACE.sub('', said.get('MESSAGE', ''))}").partition(":  ")[2]
    return ServerEntry(
        at=entry.at,
        pid=entry.pid,
        severity=entry.severity,
        sqlstate=entry.sqlstate or meant_sqlstate(f"{entry.severity}:  {message}"),
        message=message,
        detail=said.get("DETAIL", ""),
        hint=said.get("HINT", ""),
        context=said.get("CONTEXT", ""),
        statement=said.get("STATEMENT", ""),
    )


# --- jsonlog and csvlog -----------------------------------------------------------------------------------------------

_CSV_FIELDS = (
    "timestamp", "user", "dbname", "pid", "remote_host", "session_id", "line_num", "ps", "session_start", "vxid", "txid",
    "error_severity", "state_code", "message", "detail", "hint", "internal_query", "internal_position", "context", "statement",
    "cursor_position", "location", "application_name", "backend_type",
)  # fmt: skip


def _of_json(line: str) -> ServerEntry | None:
    try:
        record: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    return _of_fields({str(key): str(value) for key, value in cast("dict[object, object]", record).items()})


def _of_csv(lines: Sequence[str]) -> Iterator[ServerEntry]:
    start = next(index for index, line in enumerate(lines) if _CSV.match(line))
    try:
        for row in csv.reader(f"{line}\n" for line in lines[start:]):
            entry = _of_fields(dict(zip(_CSV_FIELDS, row, strict=False)))
            if entry is not None:
                yield entry
    except csv.Error:
        return


def _of_fields(fields: Mapping[str, str]) -> ServerEntry | None:
    severity, stamp, pid = fields.get("error_severity", ""), fields.get("timestamp", ""), fields.get("pid", "")
    if severity.rstrip("12345") not in _SEVERITIES:
        return None
    state = fields.get("state_code", "")
    message = fields.get("message", "")
    return ServerEntry(
        at=None if _OTHER_ZONE.match(stamp) else read_line(stamp).at,
        pid=int(pid) if pid.isdecimal() else None,
        severity=severity,
        sqlstate=state if state and state != "00000" else meant_sqlstate(f"{severity}:  {message}"),
        message=message,
        detail=fields.get("detail", ""),
        hint=fields.get("hint", ""),
        context=fields.get("context", ""),
        statement=fields.get("statement", ""),
        database=fields.get("dbname") or None,
        application_name=fields.get("application_name", ""),
    )
