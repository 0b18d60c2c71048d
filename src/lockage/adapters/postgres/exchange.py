"""Sends one simple Query and gives what came of it, the way a migrator's own driver would.

Not for queries with parameters, nor for anything on production: it executes text as it stands. The surprising thing: a
statement's command tag is read from the server's answer, so nobody has to guess from the text what a statement was.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from lockage.core.forecast.trace import Failure

CANCEL_LIMIT_S = 5.0
"""How long a cancelled statement may take to end before its session is closed. A backend looks for interrupts often."""

BUSY_STEP_S = 0.001
"""Pause between two calls of ``while_busy``."""

Row = tuple[str | None, ...]

_SESSION_GONE = Failure(sqlstate="08003", message="the session is gone")
# Source: PostgreSQL 18 manual, Appendix A: 08003 connection_does_not_exist, 08006 connection_failure,
# 57014 query_canceled.
_CONNECTION_FAILURE = "08006"
_QUERY_CANCELED = "57014"

_RAISES = ("exec_stmt_raise", "exec_stmt_assert")
"""Where code of PL/pgSQL fails with words of its own. Source: PostgreSQL 18, src/pl/plpgsql/src/pl_exec.c."""

_OF_CODE = "the code raises an exception, whose words may hold values of rows and are not shown"

_QUOTED = re.compile(r'(?<=: )".*"$|"[^"]*"', re.DOTALL)
"""A value at the end, which may hold quotes itself, and anything else in quotes."""

_NAMED = re.compile(
    r"\b(?:relation|table|column|constraint|index|view|type|function|schema|role|trigger|rule|policy|sequence|domain|extension|"
    r"database|collation|operator|partition|parameter|cursor|language|tablespace|publication|statistics object) $"
)
"""What stands before the name of an object. All else that a message quotes is a value. Source: PostgreSQL's message style."""

_COPY = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)
_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the server answered to one simple Query."""

    tags: tuple[str, ...] = ()  # command tags without counts, of the statements that ended well, in order
    rows: tuple[Row, ...] = ()  # of the last result that has columns
    failure: Failure | None = None

    @property
    def tag(self) -> str:
        """The last command tag; empty where no statement ended well."""
        return self.tags[-1] if self.tags else ""


def exchange(
    connection: psycopg.Connection[TupleRow],
    text: str,
    *,
    limit_s: float,
    while_busy: Callable[[], None] | None = None,
    discreet: bool = False,
) -> Outcome:
    """Gives the outcome of ``text``, sent as one simple Query; what takes longer than ``limit_s`` is cancelled (57014).

    ``while_busy`` is called again and again until the answer is there. A failure is part of the outcome, the loss of the
    session too (SQLSTATE class 08). ``discreet``: its message must show no value of a row, only what ``text`` itself says.
    """
    if connection.pgconn.status != pq.ConnStatus.OK:
        return Outcome(failure=_SESSION_GONE)
    tags: list[str] = []
    rows: tuple[Row, ...] = ()
    failure: Failure | None = None
    reply = _Reply(connection, limit_s=limit_s, while_busy=while_busy)
    try:
        connection.pgconn.send_query(text.encode())
        while (result := reply.next_result()) is not None:
            if result.status in _COPY:
                reply.end_copy(result)
            elif result.status in _GOOD:
                tags.append(_tag(result))
                rows = _rows(result) if result.nfields else rows
            elif result.status == pq.ExecStatus.FATAL_ERROR:
                failure = failure or _failure(result, text if discreet else None)
    except psycopg.OperationalError as error:
        failure = failure or Failure(sqlstate=error.sqlstate or _CONNECTION_FAILURE, message=str(error).strip())
    if failure is not None and reply.cancelled and failure.sqlstate == _QUERY_CANCELED:
        # The server's own words, "due to user request", name neither the limit nor whose request it was.
        failure = replace(failure, message=f"it did not end within {limit_s:g} s, and was cancelled")
    return Outcome(tags=tuple(tags), rows=rows, failure=failure)


class _Reply:
    """Waits for the results with a limit; past it the statement is cancelled, and past another the session is closed."""

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        *,
        limit_s: float,
        while_busy: Callable[[], None] | None,
    ) -> None:
        self.connection = connection
        self.pgconn = connection.pgconn
        self.until = time.monotonic() + limit_s
        self.cancelled = False
        self.while_busy = while_busy

    def next_result(self) -> PGresult | None:
        """Gives the next result; None behind the last one."""
        while self.pgconn.flush():
            self.wait(to_write=True)
            self.pgconn.consume_input()
        while self.pgconn.is_busy():
            self.wait()
            self.pgconn.consume_input()
        return self.pgconn.get_result()

    def end_copy(self, result: PGresult) -> None:
        """Sends no data to a COPY FROM STDIN, for a script has none here, and throws away that of a COPY TO STDOUT."""
        if result.status != pq.ExecStatus.COPY_OUT:
            self.pgconn.put_copy_end()
            return
        while (size := self.pgconn.get_copy_data(1)[0]) >= 0:
            if size == 0:
                self.wait()
                self.pgconn.consume_input()

    def wait(self, *, to_write: bool = False) -> None:
        """Waits for the socket for a moment, and minds the limit."""
        socket = self.pgconn.socket
        step_s = BUSY_STEP_S if self.while_busy else max(0.0, min(0.5, self.until - time.monotonic()))
        readable, writable, _ = select.select([socket], [socket] if to_write else [], [], step_s)
        if self.while_busy is not None and not (readable or writable):
            self.while_busy()
        # Also where there is something to read: a loop that reports plan after plan must end.
        if time.monotonic() < self.until:
            return
        if self.cancelled:
            self.connection.close()
            raise psycopg.OperationalError("it went on after it was cancelled, and its session was closed")
        self.pgconn.get_cancel().cancel()
        self.cancelled = True
        self.until = time.monotonic() + CANCEL_LIMIT_S


def _tag(result: PGresult) -> str:
    words = (result.command_status or b"").decode().split(" ")
    return " ".join(word for word in words if not word.isdigit())


def _rows(result: PGresult) -> tuple[Row, ...]:
    columns = range(result.nfields)
    return tuple(tuple(_text(result.get_value(row, column)) for column in columns) for row in range(result.ntuples))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def error_field(result: PGresult, which: pq.DiagnosticField) -> str:
    """One field of a server's error; "" where it was not sent."""
    return (result.error_field(which) or b"").decode(errors="replace")


def _failure(result: PGresult, text: str | None) -> Failure:
    message = error_field(result, pq.DiagnosticField.MESSAGE_PRIMARY) or "the connection was lost"
    if text is not None:
        own_words = error_field(result, pq.DiagnosticField.SOURCE_FUNCTION) in _RAISES
        message = _OF_CODE if own_words and message not in text else discreetly(message, text)
    return Failure(sqlstate=error_field(result, pq.DiagnosticField.SQLSTATE) or _CONNECTION_FAILURE, message=message)


def discreetly(message: str, text: str) -> str:
    """The message without the values that it quotes, but for those that ``text`` has, too."""

    def shown(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[0][1:-1] in text or _NAMED.search(message[: quoted.start()]) else '"…"'

    return _QUOTED.sub(shown, message)
