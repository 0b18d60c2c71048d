"""Many small commands for one session at one go, and what came of each.

Not for scripts: what fails ends its group, and nothing is waited for with a limit but the session's own ``statement_timeout``.
The surprising thing: a group that fails inside a transaction leaves it aborted, so each group begins by rolling back to a
savepoint.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import error_field
from lockage.core.forecast.trace import Failure

GROUPS_AT_ONCE = 100
"""Groups sent before their answers are read. Enough to hide the way there and back, and little enough to stop in time."""

_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Execute a text, whose parameters have these types (0: the server's choice)."""

    text: str
    values: tuple[bytes | None, ...] = ()
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Prepare a text under a name."""

    name: bytes
    text: str
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Ask for the types of a prepared statement's parameters."""

    name: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Execute what was prepared."""

    name: bytes
    values: tuple[bytes | None, ...]


Command: TypeAlias = Run | Prepare | Describe | Execute


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one group."""

    failure: Failure | None = None
    position: int = 0  # of the failure in its text, in characters from 1; 0: not said
    parameter_types: tuple[int, ...] = ()  # of the group's last Describe
    value: str | None = None  # first column of the first row of the last result


def answers(session: psycopg.Connection[TupleRow], groups: Iterable[Sequence[Command]]) -> Generator[Answer]:
    """The answer to each group, in order. A failure is an answer; raises psycopg.OperationalError when the session is lost."""
    pgconn = session.pgconn
    waiting = iter(groups)
    while part := list(islice(waiting, GROUPS_AT_ONCE)):
        pgconn.enter_pipeline_mode()
        for group in part:
            for command in group:
                _send(pgconn, command)
            pgconn.pipeline_sync()
        found = [_answer(pgconn) for _ in part]
        pgconn.exit_pipeline_mode()
        yield from found


def _send(pgconn: PGconn, command: Command) -> None:
    match command:
        case Run(text=text, values=values, types=types):
            pgconn.send_query_params(text.encode(), values, types or None)
        case Prepare(name=name, text=text, types=types):
            pgconn.send_prepare(name, text.encode(), types or None)
        case Describe(name=name):
            pgconn.send_describe_prepared(name)
        case Execute(name=name, values=values):
            pgconn.send_query_prepared(name, values)


def _answer(pgconn: PGconn) -> Answer:
    answer = Answer()
    while True:
        result = pgconn.get_result()
        if result is None:
            if pgconn.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError("the session was lost")
            continue
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            return answer
        answer = _with(answer, result)


def _with(answer: Answer, result: PGresult) -> Answer:
    if answer.failure is not None or result.status == pq.ExecStatus.PIPELINE_ABORTED:
        return answer
    if result.status not in _GOOD:
        failure = Failure(sqlstate=error_field(result, pq.DiagnosticField.SQLSTATE), message=_primary(result))
        return Answer(failure=failure, position=int(error_field(result, pq.DiagnosticField.STATEMENT_POSITION) or 0))
    types = tuple(result.param_type(index) for index in range(result.nparams))
    value = result.get_value(0, 0) if result.ntuples and result.nfields else None
    return Answer(
        parameter_types=types or answer.parameter_types, value=None if value is None else value.decode(errors="replace")
    )


def _primary(result: PGresult) -> str:
    return error_field(result, pq.DiagnosticField.MESSAGE_PRIMARY) or "the connection was lost"
