"""What replicas complain of in their logs, in structured form, whichever language and library they are written in.

For rules: ``complaints(platform.logs)`` gives every line that holds an error of PostgreSQL or of the way to it, oldest first in
each log; ``last_words(log)`` what a process said before it ended. A complaint has the ``sqlstate`` (printed, or meant by the
server's words: see ``stated``), or the ``fault`` below SQL, and the server's own ``message`` without what the client put around
it. PostgreSQL's own log is read the same way: ``complaints((LogText(replica="", container="postgresql", lines=server_log),))``.

Not for deciding: a complaint is what was said then, and may be long over; compare ``at`` and ``previous`` with the present
process. The surprising thing: one error takes several lines (a traceback, Node's ``code: '42501'`` below its message, Flyway's
``SQL State`` above it), and gives one complaint.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from lockage.core.diagnosis.evidence import LogText
from lockage.core.diagnosis.server_languages import in_english
from lockage.core.diagnosis.server_messages import (
    Fault,
    fault_in,
    meant_sqlstate,
    speaks_of_a_database,
    stated_sqlstate,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line with what a logger puts in front of it taken off."""

    at: datetime | None  # aware; None: the line has no time
    level: str  # "debug", "info", "warn", "error", "fatal"; "": it says none
    text: str  # the sentence; of JSON and logfmt the message and the error
    raw: str

    @property
    def is_error(self) -> bool:
        """Whether its level says that something failed."""
        return self.level in {"error", "fatal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One error of PostgreSQL, or of the way to it, in a log."""

    replica: str
    container: str
    previous: bool  # of the process before the last restart
    at: datetime | None
    level: str  # of the log line; "" where it says none
    sqlstate: str | None
    stated: bool  # the SQLSTATE is printed there, not meant by words
    fault: Fault | None  # None where the server itself has answered
    message: str  # the server's sentence: 'permission denied for table api_keys'
    detail: str  # its DETAIL and HINT, where they follow
    fatal: bool  # the server's severity is FATAL or PANIC: the connection ended, or never began
    raw: str
    trace: tuple[str, ...] = ()  # the calls that it came through, as far as they are printed

    @property
    def words(self) -> str:
        """The line as it was written, and the message in English."""
        return f"{self.raw} {self.message}"

    @property
    def is_servers(self) -> bool:
        """Whether the server sent it, also where nothing tells its SQLSTATE: an exception of a trigger has words of its own."""
        return self.fault is None and (self.sqlstate is not None or _OF_SERVER.search(self.raw) is not None)


_TIME = re.compile(
    r"\s*[\[(]?(?P<day>\d{4}[-/]\d\d[-/]\d\d)[T ](?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r"\s?(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d)?[\])]?[:,]?\s*"
)
_KLOG = re.compile(r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w./-]+:\d+\] ")
_LEVEL = re.compile(
    r"[\[(<|]?\s*\b(?P<level>TRACE|DEBUG?|INFO?|NOTICE|WARN(?:ING)?|ERRO?R?|FATAL|PANIC|CRIT(?:ICAL)?|SEVERE|LOG)\b\s*"
    r"[\])>|:]?",
    re.IGNORECASE,
)
_LOGFMT = re.compile(r'\b(?P<key>level|lvl|msg|message|err|error|time|ts)=(?P<value>"(?:[^"\\]|\\.)*"|\S+)')
_LEVELS = {
    "trace": "debug", "debu": "debug", "debug": "debug", "inf": "info", "info": "info", "notice": "info", "log": "info",
    "warn": "warn", "warning": "warn", "err": "error", "erro": "error", "error": "error", "severe": "error",
    "fatal": "fatal", "panic": "fatal", "crit": "fatal", "critical": "fatal", "dpanic": "fatal",
    "i": "info", "w": "warn", "e": "error", "f": "fatal",
    "10": "debug", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "fatal",
}  # fmt: skip
"""Levels by their names; the numbers are those of pino and bunyan."""

_SENTENCE = re.compile(r"(?:\b(?:ERROR|FATAL|PANIC):\s+(?:[0-9A-Z]{5}: )?|\bpq: |error returned from database: )")
_CLIENT = re.compile(r"\bpq: |PSQLException|\bpsycopg2?\.|\bPG::\w+|asyncpg\.exceptions|Npgsql\.|Postgrex\.Error|PostgresError|"
                     r"error returned from database: |pgconn\.|^(?:psql:\S+ )?(?:ERROR|FATAL):  ")  # fmt: skip
_CALL = re.compile(r"\s+at ")
_CALLS_CLIENT = re.compile(r"node_modules/(?:pg|pg-protocol|postgres)/")
_OF_SERVER = re.compile(
    r"psycopg2?\.errors\.\w|PSQLException: (?:ERROR|FATAL): |\bPG::(?!ConnectionBad|UnableToSend)\w|"
    r"asyncpg\.exceptions\.(?!_base|Interface|ConnectionDoesNotExist)\w|PostgresException|PostgresError: |"
    r"error returned from database: |\bpq: |^(?:psql:\S+ )?(?:ERROR|FATAL):  |\(SQLSTATE "
)
"""How clients print an error that the server has sent, told from one of their own."""
_FRAME = re.compile(r"\s+(?:at |File \"|from |\S+:\d+)|\s*github\.com/\S+\(")
"""A line of a stack: it names the library that was called, and says nothing itself."""
_TAIL = re.compile(
    r"\s*(?:\(SQLSTATE|\(sqlstate=|\(details: | in line \d+: | \(column \d+\) in line |\s*Position: \d+|"
    r"\s*Call getNextException| \[Failed SQL: |\[SQL: |\\n|\s+Where: |\n)"
)
_CODE_LINE = re.compile(r"^\s*['\"]?(?:code|SQL State|sqlState|sqlstate|state_code|Error Code|Database error code)\b")
_DETAIL = re.compile(r"^\s*(?:\S+ \S+ \S+ \[\d+\] )?(?:DETAIL|HINT|CONTEXT|Hint|Detail):\s+(?P<text>.+)")
_NEAR_LINES = 12
"""How far below its message Node prints an error's code: severity, detail, hint and position stand between."""
_MESSAGE_CHARS = 300
_TRACE_LINES = 40
_OF_A_TRACE = re.compile(r"\s+(?:File \"|at |\^|~|\w)|Caused by: |Traceback |During handling |The above exception ")
_CONNECTS = re.compile(r"(?i)connect")
_NO_NUMBER = re.compile(r"invalid literal for int\(\) with base 10|Port could not be cast to integer")
_READS_AN_ADDRESS = re.compile(r"sqlalchemy/engine/url\.py|asyncpg/connect_utils\.py|dj_database_url|yoyo/connections\.py")
_FATAL_FIELD = re.compile(r"""\bseverity\\?["']?\s*:\s*\\?["'](?:FATAL|PANIC)\b""")
_IN_FRONT = re.compile(r"\s|$|node:|triggerUncaught")
"""Lines between whoever speaks and an error of his: its fellows, and what Node prints before it ends."""
_UNNAMED = re.compile(r"(?:Error|AggregateError)(?: \[\w+\])?: ")
"""An error of Node's own, whose calls do not say whose it is."""

KEPT = 256
"""Logs whose lines are kept as they were read: every family reads the same ones, and sixty patterns a line take their time."""


def read_line(raw: str) -> Line:
    """The line with its time and level, as text loggers, JSON loggers, logfmt and klog write them. Naive times are UTC.

    What PostgreSQL says in another language stands in ``text`` in English.
    """
    line = _read(raw)
    text = in_english(line.text)
    return line if text is line.text else replace(line, text=text)


def _read(raw: str) -> Line:
    raw = raw.rstrip("\r\n")
    stamped = _TIME.match(raw)
    rest = raw[stamped.end() :] if stamped else raw
    at = _moment(stamped) if stamped else None
    if stamped and (again := _TIME.match(rest)):  # what collected the log put its own time in front
        at, rest = _moment(again) or at, rest[again.end() :]
    if rest.lstrip().startswith("{"):
        found = _of_json(rest, raw, at)
        if found is not None:
            return found
    if klog := _KLOG.match(rest):
        return Line(at=at, level=_LEVELS[klog["level"].lower()], text=rest[klog.end() :], raw=raw)
    fields = {m["key"]: _unquoted(m["value"]) for m in _LOGFMT.finditer(rest)}
    if "msg" in fields or ("level" in fields and ("err" in fields or "error" in fields)):
        return _of_fields(fields, raw, at)
    return _of_text(rest, raw, at)


@lru_cache(maxsize=KEPT)
def read_lines(log: LogText) -> tuple[Line, ...]:
    """Every line of a log."""
    return tuple(read_line(raw) for raw in log.lines)


def complaints(logs: Iterable[LogText] | None) -> tuple[Complaint, ...]:
    """Every complaint in the logs, in the order of their lines; none where no log was seen."""
    return tuple(found for log in logs or () for found in _complaints_of(log))


@lru_cache(maxsize=KEPT)
def _complaints_of(log: LogText) -> tuple[Complaint, ...]:
    lines = read_lines(log)
    found = (
        _complaint(log, lines, index)
        for index, line in enumerate(lines)
        if not (_CODE_LINE.match(line.text) or _DETAIL.match(line.raw))
    )
    return tuple(complaint for complaint in found if complaint is not None)


def _complaint(log: LogText, lines: Sequence[Line], index: int) -> Complaint | None:
    line = lines[index]
    stated = stated_sqlstate(_sentence(line.text)) or stated_sqlstate(line.text)
    meant = meant_sqlstate(line.text)
    below = () if _FRAME.match(line.text) else _frames_below(lines, index)
    if stated is None and (meant is not None or _CLIENT.search(line.text) or any(map(_CALLS_CLIENT.search, below))):
        stated = _stated_nearby(lines, index)
    fault = fault_in(line.text) if stated is None and meant is None else None
    if fault is not None and not _is_of_a_database(lines, index):
        return None
    if fault is None and stated is None and meant is None:
        fault = _number_in_an_address(lines, index)
    if stated is None and meant is None and fault is None and (_FRAME.match(line.text) or not _CLIENT.search(line.text)):
        return None
    return Complaint(
        replica=log.replica,
        container=log.container,
        previous=log.previous,
        at=line.at or _time_above(lines, index),
        level=line.level,
        sqlstate=stated or meant,
        stated=stated is not None,
        fault=fault,
        message=_message(line.text),
        detail=_detail(lines, index),
        fatal=re.search(r"\b(?:FATAL|PANIC):", line.text) is not None or _is_called_fatal(lines, index),
        raw=line.raw,
        trace=(*_trace_above(lines, index), *below),
    )


def _is_of_a_database(lines: Sequence[Line], index: int) -> bool:
    """Whether the line is about the way to a database: by its own words, or by what stands around it.

    Python has the calls above an error and Node has them below; a client that tries several addresses indents one a line
    below whom it asks; and who migrates asks a database.
    """
    line = lines[index]
    if speaks_of_a_database(line.text):
        return True
    if any(_CONNECTS.search(raw) and speaks_of_a_database(raw) for raw in _trace_above(lines, index)):
        return True
    if any(speaks_of_a_database(raw) for raw in _frames_below(lines, index)):
        return True
    if not (line.raw[:1].isspace() or _UNNAMED.match(line.text)):
        return False
    before = reversed(lines[max(index - _NEAR_LINES, 0) : index])
    head = next((other for other in before if not _IN_FRONT.match(other.raw)), None)
    return head is not None and speaks_of_a_database(head.text)


def _trace_above(lines: Sequence[Line], index: int) -> list[str]:
    trace: list[str] = []
    for line in reversed(lines[max(index - _TRACE_LINES, 0) : index]):
        if not _OF_A_TRACE.match(line.raw):
            break
        trace.append(line.raw)
    return trace


def _frames_below(lines: Sequence[Line], index: int) -> tuple[str, ...]:
    following = (line.raw for line in lines[index + 1 : index + 1 + _TRACE_LINES])
    return tuple(itertools.takewhile(_CALL.match, following))


def _number_in_an_address(lines: Sequence[Line], index: int) -> Fault | None:
    """What Python says of a port that is none, deep in the client library that reads the address."""
    if not _NO_NUMBER.search(lines[index].text):
        return None
    return Fault.BAD_URL if any(map(_READS_AN_ADDRESS.search, _trace_above(lines, index)[:_NEAR_LINES])) else None


def _is_called_fatal(lines: Sequence[Line], index: int) -> bool:
    """Whether the error is printed with its fields, as Node does, and its severity is FATAL."""
    below = lines[index + 1 : index + 1 + _TRACE_LINES]
    fields = itertools.takewhile(lambda line: line.raw[:1] in {" ", "\t", "{"}, below)
    return any(_FATAL_FIELD.search(raw) for raw in (lines[index].raw, *(line.raw for line in fields)))


def _stated_nearby(lines: Sequence[Line], index: int) -> str | None:
    """The code that stands on a line of its own, above the message or below it."""
    below = index + 1 + len(_frames_below(lines, index))
    for line in lines[below : below + _NEAR_LINES]:
        if _CODE_LINE.match(line.text):
            return stated_sqlstate(line.text)
        if meant_sqlstate(line.text) is not None:
            break
    above = [line for line in lines[max(index - 3, 0) : index] if _CODE_LINE.match(line.text)]
    return next((code for line in above if (code := stated_sqlstate(line.text))), None)


def _time_above(lines: Sequence[Line], index: int) -> datetime | None:
    """When it was said: an error's later lines have no time of their own."""
    return next((line.at for line in reversed(lines[max(index - 80, 0) : index]) if line.at is not None), None)


def _sentence(text: str) -> str:
    """What stands behind the last mark that the server's sentence begins: some clients print why they asked before it."""
    starts = [found.end() for found in _SENTENCE.finditer(text)]
    return text[starts[-1] :] if starts else text


def _message(text: str) -> str:
    sentence = _sentence(text)
    cut = _TAIL.search(sentence)
    words = " ".join((sentence[: cut.start()] if cut and cut.start() else sentence).split())
    # What the client had put the sentence between ends behind it.
    words = words.removesuffix('"') if words.count('"') % 2 else words
    words = words.removesuffix(")") if words.count(")") > words.count("(") else words
    return words[:_MESSAGE_CHARS]


def _detail(lines: Sequence[Line], index: int) -> str:
    found = (_DETAIL.match(line.raw) or _DETAIL.match(line.text) for line in lines[index + 1 : index + 5])
    return " ".join(match["text"].strip() for match in found if match)


# --- how loggers write ------------------------------------------------------------------------------------------------


def _moment(found: re.Match[str]) -> datetime | None:
    zone = found["zone"] or "Z"
    zone = "+00:00" if zone in {"Z", "UTC", "GMT"} else zone
    part = (found["part"] or "0")[:6].ljust(6, "0")
    try:
        at = datetime.fromisoformat(f"{found['day'].replace('/', '-')}T{found['clock']}.{part}{zone}")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _of_text(rest: str, raw: str, at: datetime | None) -> Line:
    if '="' in rest:  # a quoted field: the server's own quotes stand in it with a backslash before them
        rest = rest.replace('\\"', '"').replace("\\n\\t", " ")
    level = _LEVEL.search(rest[:48])
    if level is None or not (level[0] != level["level"] or level["level"].isupper() or level.start() == 0):
        return Line(at=at, level="", text=rest, raw=raw)
    name = _LEVELS.get(level["level"].lower(), "")
    # "ERROR:  …" and "panic: …" are words of whoever failed, and part of the sentence.
    own = level[0].endswith(":")
    return Line(at=at, level=name, text=rest if own or level.start() else rest[level.end() :].lstrip(" :-"), raw=raw)


def _of_fields(fields: Mapping[str, str], raw: str, at: datetime | None) -> Line:
    said = [fields.get("msg") or fields.get("message") or "", fields.get("err") or fields.get("error") or ""]
    level = _LEVELS.get((fields.get("level") or fields.get("lvl") or "").lower(), "")
    stamp = _TIME.match(fields.get("time") or fields.get("ts") or "")
    return Line(at=at or (_moment(stamp) if stamp else None), level=level, text=": ".join(s for s in said if s), raw=raw)


def _of_json(rest: str, raw: str, at: datetime | None) -> Line | None:
    try:
        # A number may have more digits than Python turns into one.
        record: object = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    fields = {str(key).lower(): value for key, value in cast("dict[object, object]", record).items()}
    words = [
        _words(fields.get(key))
        for key in ("msg", "message", "event", "err", "error", "exception", "errorverbose", "error.message")
    ]
    code = next(
        (str(fields[k]) for k in ("sqlstate", "state_code", "code", "error.code") if isinstance(fields.get(k), str)), ""
    )
    severity = fields.get("error_severity")
    text = ": ".join(dict.fromkeys(word for word in words if word))
    if isinstance(severity, str) and severity in {"ERROR", "FATAL", "PANIC"}:
        text = f"{severity}: {text}"
    level = fields.get("level") or fields.get("severity") or fields.get("lvl") or fields.get("log.level") or severity or ""
    return Line(
        at=at or _json_moment(fields),
        level=_LEVELS.get(str(level).lower(), ""),
        text=f"{text} (SQLSTATE {code})" if code and stated_sqlstate(f"code: {code}") else text,
        raw=raw,
    )


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        inner = {str(key).lower(): one for key, one in cast("dict[object, object]", value).items()}
        said = next(
            (str(inner[k]) for k in ("message", "msg", "detail", "error", "value") if isinstance(inner.get(k), str)), ""
        )
        code = inner.get("code") or inner.get("sqlstate")
        return f"{said} (SQLSTATE {code})" if isinstance(code, str) and stated_sqlstate(f"code: {code}") else said
    return ""


def _json_moment(fields: Mapping[str, object]) -> datetime | None:
    for key in ("ts", "time", "timestamp", "@timestamp", "datetime", "date"):
        value = fields.get(key)
        if isinstance(value, str) and (found := _TIME.match(value)):
            return _moment(found)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 1e11 else value  # JavaScript counts milliseconds
            try:
                return datetime.fromtimestamp(seconds, UTC)
            except (ValueError, OverflowError, OSError):
                return None
    return None


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"').replace("\\n", "\n") if value.startswith('"') and len(value) > 1 else value
