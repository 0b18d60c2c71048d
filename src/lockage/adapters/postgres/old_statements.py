"""The old release's statements on a kept session: prepared and executed before the script, executed again after it.

Not for judging whether a failure matters, and not for production: they are executed. The surprising thing: each is executed
before the script too, for with made-up parameters on a shadow without data a statement may fail by itself; only what fails
afterwards, and failed otherwise or not at all before, is broken.

A failure by the data (a key that exists, a value out of range) says nothing about a shadow without data and never counts. A
column that got ``NOT NULL`` without a default, and is not named by an old INSERT, does: the made-up parameters are never NULL
where a value of the type is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import exchange
from lockage.adapters.postgres.session import foreign_errors, load_sql
from lockage.core.forecast.trace import Failure

NOT_OF_THE_SCHEMA = ("22", "23", "40", "53", "55", "57", "P0")
"""SQLSTATE classes of failures by data, locks, limits and a function's own RAISE. Source: PostgreSQL 18 manual, Appendix A."""

NOT_NULL_VIOLATION = "23502"

_QUERY = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|insert|update|delete|with|merge|values|table)\b", re.IGNORECASE | re.DOTALL
)
"""What is executed, by its first word; the rest (SET, LISTEN, BEGIN) reads no schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    statement: str
    name: bytes
    parameters: tuple[bytes | None, ...]
    before: Failure | None


class KeptStatements:
    """Statements on one kept session, as the protocol ``OldStatements`` asks for it."""

    def __init__(self, session: psycopg.Connection[TupleRow], *, statement_limit_s: float) -> None:
        self._session = session
        self._limit_s = statement_limit_s
        self._prepared: list[_Prepared] = []

    def prepare(self, statements: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Prepares and executes all; gives (statement, reason) of those that cannot even be prepared."""
        left_out: list[tuple[str, str]] = []
        with foreign_errors("preparing the old release's statements on the shadow"):
            for statement in statements:
                reason = self._prepare(statement)
                if reason is not None:
                    left_out.append((statement, reason))
        return tuple(left_out)

    def broken(self) -> tuple[tuple[str, str, str], ...]:
        """Executes them again, each in a transaction that is rolled back; gives (statement, SQLSTATE, message)."""
        found: list[tuple[str, str, str]] = []
        with foreign_errors("executing the old release's statements on the shadow"):
            for prepared in self._prepared:
                after = self._execute(prepared.name, prepared.parameters)
                if after is not None and after != prepared.before and _counts(after):
                    found.append((prepared.statement, after.sqlstate, after.message))
        return tuple(found)

    def _prepare(self, statement: str) -> str | None:
        if not _QUERY.match(statement):
            return "it is no query"
        pgconn = self._session.pgconn
        name = f"lockage_{len(self._prepared)}".encode()
        made = pgconn.prepare(name, statement.encode())
        if made.status != pq.ExecStatus.COMMAND_OK:
            return _failure(made).message
        described = pgconn.describe_prepared(name)
        types = [described.param_type(index) for index in range(described.nparams)]
        parameters = tuple(self._value(type_oid) for type_oid in types)
        before = self._execute(name, parameters)
        self._prepared.append(_Prepared(statement=statement, name=name, parameters=parameters, before=before))
        return None

    def _execute(self, name: bytes, parameters: Sequence[bytes | None]) -> Failure | None:
        exchange(self._session, "BEGIN", limit_s=self._limit_s)
        # libpq takes None for NULL, which the declared type forgets.
        result = self._session.pgconn.exec_prepared(name, cast("Sequence[bytes]", parameters))
        good = result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
        exchange(self._session, "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()", limit_s=self._limit_s)
        return None if good else _failure(result)

    def _value(self, type_oid: int) -> bytes | None:
        row = self._session.execute(load_sql("select_sample_value"), {"type": type_oid}).fetchone()
        return None if row is None or row[0] is None else str(row[0]).encode()


def _counts(failure: Failure) -> bool:
    return failure.sqlstate == NOT_NULL_VIOLATION or not failure.sqlstate.startswith(NOT_OF_THE_SCHEMA)


def _failure(result: PGresult) -> Failure:
    def field(which: pq.DiagnosticField) -> str:
        return (result.error_field(which) or b"").decode(errors="replace")

    return Failure(sqlstate=field(pq.DiagnosticField.SQLSTATE), message=field(pq.DiagnosticField.MESSAGE_PRIMARY))
