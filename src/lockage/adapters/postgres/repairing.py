"""Statements of a repair, executed on the live database: the only place where Lockage changes what is in it.

Not for watching, nor for anything that a person has not seen first. The surprising thing: the migration lock is held meanwhile,
as a migrator would, so that a replica which starts just then waits instead of migrating half a repair.

Codes: LK579 nothing of a repair was done · LK580 a part of it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg

from lockage.adapters.postgres.session import connect
from lockage.errors import HaltedError, RefusedError

LOCK_TIMEOUT_S = 10.0
"""For each lock: everybody who comes later queues behind a waiting ``ALTER``, so it must not wait for long."""

CONNECT_TIMEOUT_S = 5.0


def execute_repair(
    url: str, statements: Sequence[str], *, together: bool, lock: int | None, password: Callable[[], str] | None = None
) -> None:
    """Every statement in order; ``together`` in one transaction. Raises as ``lockage.ports.Database.mend`` says."""
    with closing(
        connect(
            url,
            what="mend",
            lock_timeout_s=LOCK_TIMEOUT_S,
            statement_timeout_s=None,  # an index is built as long as it takes
            connect_timeout_s=CONNECT_TIMEOUT_S,
            idle_in_transaction_limit_s=None,
            password=password,
        )
    ) as session:
        done = 0
        try:
            if lock is not None:
                session.execute("select pg_advisory_lock(%s)", (lock,))
            if together:
                session.execute("begin")
            for statement in statements:
                session.execute(statement.encode())
                done += 0 if together else 1
            if together:
                session.execute("commit")
        except psycopg.Error as error:
            raise _failed(error, statements, done, session) from error


def _failed(
    error: psycopg.Error, statements: Sequence[str], done: int, session: psycopg.Connection[Any]
) -> RefusedError | HaltedError:
    del session  # its end rolls back what is open
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    if done:
        return HaltedError(
            f"statement {done + 1} of {len(statements)} of the repair failed, and what came before it stays: {said}",
            code="LK580",
            hint="lockage recover NAME --plan-only judges anew what is there now",
        )
    return RefusedError(
        f"the repair was not made, and nothing of it stays: {said}",
        code="LK579",
        hint="remove the cause (a right that is missing: --database URL, as the application itself), and type it again",
    )
