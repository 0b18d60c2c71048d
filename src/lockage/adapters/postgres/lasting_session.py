"""A session that lasts: opened at its first use, kept open, and opened anew when it was lost.

Not for anything that lives in a session (a transaction, an advisory lock): that is gone after a reopening, and who holds one
must ask ``generation``. The surprising thing: a query is tried a second time only when the connection itself was lost, so
everything that runs here must be harmless when it runs twice.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import foreign_errors, load_sql, reading_session
from lockage.errors import UnreachableError
from lockage.settings import Watching

T = TypeVar("T")

_LOST = "LK133"

SILENCE_FACTOR = 3.0
"""Times the statement timeout: when a query has no answer by then, the server no longer keeps its own limits, so it is frozen.
Its kernel goes on acknowledging, so that no keepalive notices."""


class LastingSession:
    """One named, read-only session with the limits of one who only watches. Not for several threads at once."""

    def __init__(self, url: str, *, what: str, watching: Watching, password: Callable[[], str] | None = None) -> None:
        self._url = url
        self._password = password
        self._what = what
        self._watching = watching
        self._connection: psycopg.Connection[TupleRow] | None = None
        self.generation = 0
        """How often it was opened."""

    def run(self, doing: str, query: Callable[[psycopg.Connection[Any]], T]) -> T:
        """What ``query`` gives; it is called a second time, on a new connection, when the first one was lost.

        Raises what ``connect`` and ``foreign_errors`` raise; ``doing`` begins the sentence.
        """
        connection = self._opened()
        try:
            return self._within_limit(doing, query, connection)
        except UnreachableError as error:
            if error.code != _LOST and not connection.closed:
                raise
        self.close()
        return self._within_limit(doing, query, self._opened())

    def close(self) -> None:
        """Close it; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _within_limit(
        self, doing: str, query: Callable[[psycopg.Connection[Any]], T], connection: psycopg.Connection[Any]
    ) -> T:
        with foreign_errors(doing), _cut_after(SILENCE_FACTOR * self._watching.statement_timeout_s, connection):
            return query(connection)

    def _opened(self) -> psycopg.Connection[TupleRow]:
        if self._connection is not None and self._connection.closed:
            self.close()
        if self._connection is None:
            connection = reading_session(self._url, what=self._what, watching=self._watching, password=self._password)
            try:
                with foreign_errors("setting up a session of ours"):
                    connection.execute(load_sql("set_watching"))
            except BaseException:
                connection.close()
                raise
            # Planning a look costs eight times its run; connect() prepares nothing by itself.
            connection.prepare_threshold = 1
            self._connection = connection
            self.generation += 1
        return self._connection


@contextmanager
def _cut_after(limit_s: float, connection: psycopg.Connection[Any]) -> Generator[None]:
    """Break the connection when the block lasts too long, so that whoever waits on it is told that it was lost."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        timer = threading.Timer(limit_s, _shut, (ours,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
