"""Asks a live database the queries that a forecast has for it, each read-only and with a limit.

Not for showing rows: what a query gives never leaves this module, but whether it gave any. The surprising thing: a query that
fails on a value (SQLSTATE class 22) is an answer too, since the statement that it stands for would fail on the same value.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.own_mark import OWN_MARK
from lockage.adapters.postgres.session import connect
from lockage.core.forecast.assess import Answer
from lockage.settings import DataChecking, Watching

_OF_DATA = ("22", "23")
"""SQLSTATE classes: data_exception, integrity_constraint_violation. Source: PostgreSQL 18 manual, Appendix A."""


class DataChecks:
    """One read-only session, opened at the first question. Not for several threads at once."""

    def __init__(
        self,
        url: str,
        *,
        limit_s: float | None = None,
        watching: Watching | None = None,
        password: Callable[[], str] | None = None,
    ) -> None:
        """``limit_s`` is for each query."""
        self._url, self._password = url, password
        self._limit_s = DataChecking().query_s if limit_s is None else limit_s
        self._watching = watching or Watching()
        self._connection: psycopg.Connection[TupleRow] | None = None

    def answer(self, query: str) -> Answer:
        """Whether a query gives no row. UNKNOWN where it waits for a lock, takes too long or is not taken at all."""
        connection = self._opened()
        try:
            # Binary results travel by the extended protocol, which takes one statement only.
            with connection.cursor(binary=True) as cursor:
                cursor.execute(f"{query} {OWN_MARK}".encode())
                if cursor.description is None:
                    return Answer.UNKNOWN
                return Answer.HOLDS if cursor.fetchone() is None else Answer.FAILS
        except psycopg.Error as error:
            if connection.closed:
                self._connection = None
            return Answer.FAILS if _met_in_a_row(error) else Answer.UNKNOWN

    def close(self) -> None:
        """Close the session; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> psycopg.Connection[TupleRow]:
        if self._connection is None:
            self._connection = connect(
                self._url,
                what="check-data",
                lock_timeout_s=self._watching.lock_timeout_s,
                statement_timeout_s=self._limit_s,
                connect_timeout_s=self._watching.connect_timeout_s,
                read_only=True,
                password=self._password,
            )
        return self._connection


def _met_in_a_row(error: psycopg.Error) -> bool:
    """Whether a value of some row was the reason, and not one that stands in the query, such as an enum's that is yet to come.

    Of those PostgreSQL says at which letter of the query they stand, since it reads them before it runs anything.
    """
    return (error.sqlstate or "").startswith(_OF_DATA) and error.diag.statement_position is None
