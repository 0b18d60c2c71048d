"""The session in which a script is executed on a shadow, read after each statement from a second session.

Never for production: what it is given is executed. Not for opinions either: it says what was held, planned and changed. The
surprising thing: a statement outside a transaction gets one of its own around it, because otherwise its locks would be gone
before anyone could read them; where the server refuses that, ``gates`` finds them.

It logs in as a superuser that bears the name of the migrator's role, so a script fails for want of an extension but never for
want of a privilege. What reaches out of the server (``COPY … PROGRAM``, ``dblink``) must be refused before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_mark import mark_from_rows
from lockage.adapters.postgres.catalog_rules import rules_from_rows
from lockage.adapters.postgres.exchange import Outcome, Row, exchange
from lockage.adapters.postgres.gates import Gates
from lockage.adapters.postgres.inner_statements import InnerStatements
from lockage.adapters.postgres.plans import PlanCollector, with_oids
from lockage.adapters.postgres.session import foreign_errors, load_sql
from lockage.core.forecast.trace import CatalogMark, CatalogRules, HeldLock, Observation
from lockage.errors import RefusedError

READING_LIMIT_S = 10.0
"""Longest run of a reading of ours in the traced session: of milliseconds, but the machine may be busy."""

_REFUSES_A_TRANSACTION = ("25001", "2D000")
"""active_sql_transaction; invalid_transaction_termination, of a procedure that commits. Source: manual, Appendix A."""

_NEEDS_THE_SCRIPTS_OWN = ("SAVEPOINT", "RELEASE", "LOCK TABLE", "DECLARE CURSOR")
"""Outside a transaction the server refuses these, and one of ours around them would hide that."""

_BEGINS = ("BEGIN", "START TRANSACTION")
_READ_LATER = (*_BEGINS, "SET", "SAVEPOINT", "RELEASE", "SHOW")
"""They change no catalog, and SET TRANSACTION ISOLATION LEVEL allows no query between BEGIN and itself."""

_CHANGES_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", *_READ_LATER)
"""They leave functions, triggers and constraints as they are, unless a function that they call does not."""


class _Executed(NamedTuple):
    outcome: Outcome
    locks: Iterable[HeldLock] = ()
    catalog_touched: bool = True  # False: surely not
    outside: bool = False


class Tracing:
    """One traced session, as the protocol ``TracedSession`` asks for it.

    ``observer`` must be a session of its own with nothing open, and ``new_observer`` gives more of its kind. Statements are
    cancelled after ``statement_limit_s``.
    """

    def __init__(
        self,
        traced: psycopg.Connection[TupleRow],
        observer: psycopg.Connection[TupleRow],
        *,
        new_observer: Callable[[], psycopg.Connection[TupleRow]],
        statement_limit_s: float,
        inner: InnerStatements | None = None,
    ) -> None:
        self._traced = traced
        self._observer = observer
        self._new_observer = new_observer
        self._inner = inner
        self._pid = traced.info.backend_pid
        self._statement_limit_s = statement_limit_s
        self._plans = PlanCollector()
        traced.add_notice_handler(self._plans)
        self._writes: str | None = None  # of the catalog, when ``_mark`` was read in the open transaction
        self._mark = self._read_mark()
        self._rules: CatalogRules | None = None  # None: to be read

    def mark(self) -> CatalogMark:
        """Gives the catalog as the session sees it now; inside an aborted transaction, as it was seen last."""
        if self._status is not TransactionStatus.INERROR:
            self._mark = self._read_mark()
        return self._mark

    def rules(self) -> CatalogRules:
        """Gives what the catalog does by itself as the session sees it now; inside an aborted transaction, as seen last."""
        if self._rules is None and self._status is not TransactionStatus.INERROR:
            self._rules = rules_from_rows(self._read("select_catalog_rules"))
        return self._rules or CatalogRules()

    def command(self, sql: str) -> None:
        """Executes a statement of our own, such as a savepoint around a traced one, and reads nothing.

        Raises RefusedError (LK426) with the server's message.
        """
        outcome = exchange(self._traced, sql, limit_s=self._statement_limit_s)
        if outcome.failure is not None:
            raise RefusedError(
                f"the shadow did not take {sql!r}: {outcome.failure.message} (SQLSTATE {outcome.failure.sqlstate})",
                code="LK426",
                hint="please report it, with the migration that was being forecast",
            )
        if outcome.tag == "ROLLBACK":
            self._rules = None
            self.mark()

    def execute(self, sql: str, *, inner: bool = False) -> Observation:
        """Gives what one statement held, changed and planned; its failure, also by the time limit (57014), is part of it.

        ``inner`` also asks which statements ran inside it; None where the server was not started for that.
        """
        before = self._mark
        self._plans.take()
        asked = self._inner if inner else None
        if asked is not None:
            asked.forget()
        with foreign_errors("reading the locks of the shadow"):
            if self._status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                done = self._in_open_transaction(sql)
            else:
                done = self._in_own_transaction(sql)
            plans = self._plans.take()
            self._keep_hearing(sql)
            if done.outcome.tag not in _CHANGES_ROWS:
                self._rules = None
            changed = done.catalog_touched and self._look_again(done.outcome.tag)
            ran = asked.seen() if asked is not None else None
        return Observation(
            locks=tuple(sorted(set(done.locks), key=lambda lock: (lock.oid, lock.mode))),
            plans=with_oids(plans, (self._mark, before)),
            mark=self._mark if changed else None,
            in_transaction=self._status in (TransactionStatus.INTRANS, TransactionStatus.INERROR),
            failure=done.outcome.failure,
            ran_outside=done.outside,
            inner=ran,
        )

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _in_open_transaction(self, sql: str) -> _Executed:
        outcome = self._send(sql)
        # The transaction of a failed statement holds on to what it had before its last savepoint.
        return _Executed(outcome, self._held(), catalog_touched=outcome.tag not in _READ_LATER)

    def _in_own_transaction(self, sql: str) -> _Executed:
        self._writes = None
        self._send("BEGIN")
        outcome = self._send(sql)
        if outcome.failure is not None:
            self._send("ROLLBACK")
            if outcome.failure.sqlstate in _REFUSES_A_TRANSACTION:
                return self._outside(sql)
            return _Executed(outcome, catalog_touched=False)
        if outcome.tag in _NEEDS_THE_SCRIPTS_OWN:
            self._send("ROLLBACK")
            return _Executed(self._send(sql), catalog_touched=False)
        if outcome.tag in _BEGINS or self._status is TransactionStatus.IDLE:
            return _Executed(outcome, catalog_touched=False)
        locks = self._held()
        touched = self._count_writes() != "0"
        ended = self._send("COMMIT")
        return _Executed(ended if ended.failure else outcome, locks, catalog_touched=touched)

    def _outside(self, sql: str) -> _Executed:
        gates = Gates(self._observer, pid=self._pid, new_session=self._new_observer)
        outcome, locks = gates.run(lambda look: self._send(sql, while_busy=look))
        return _Executed(outcome, locks, outside=True)

    def _send(self, sql: str, *, while_busy: Callable[[], None] | None = None) -> Outcome:
        with self._plans.kept():
            return exchange(self._traced, sql, limit_s=self._statement_limit_s, while_busy=while_busy)

    def _held(self) -> list[HeldLock]:
        rows = self._observer.execute(load_sql("select_held_locks"), {"pid": self._pid}).fetchall()
        return [HeldLock(oid=oid, mode=mode) for oid, mode, granted in rows if granted]

    def _look_again(self, tag: str) -> bool:
        """Reads the catalog if it may have changed; says whether it has."""
        if self._status is TransactionStatus.INERROR or (self._status is TransactionStatus.IDLE and tag == "COMMIT"):
            return False
        if self._status is TransactionStatus.INTRANS and tag != "ROLLBACK":
            # What a savepoint took back was counted all the same, so after ROLLBACK TO the numbers prove nothing.
            writes = self._count_writes()
            if writes in ("0", self._writes):
                return False
        before, self._mark = self._mark, self._read_mark()
        if self._mark != before:
            self._rules = None
            return True
        return False

    def _read_mark(self) -> CatalogMark:
        self._writes = self._count_writes() if self._status is TransactionStatus.INTRANS else None
        return mark_from_rows(self._read("select_catalog_mark"))

    def _read(self, name: str) -> tuple[Row, ...]:
        # What an open transaction made only it can see; otherwise the script's session is left in peace.
        session = self._traced if self._status is TransactionStatus.INTRANS else self._observer
        outcome = exchange(session, load_sql(name), limit_s=READING_LIMIT_S)
        if outcome.failure is not None:
            raise RefusedError(
                f"the catalog of the shadow cannot be read: {outcome.failure.message} (SQLSTATE {outcome.failure.sqlstate})",
                code="LK426",
                hint="please report it, with the migration that was being forecast",
            )
        return outcome.rows

    def _count_writes(self) -> str | None:
        rows = exchange(self._traced, load_sql("select_catalog_writes"), limit_s=READING_LIMIT_S).rows
        return rows[0][0] if rows else None

    def _keep_hearing(self, sql: str) -> None:
        # A session that hears only errors reports no plans.
        if "client_min_messages" in sql.lower() and self._status is not TransactionStatus.INERROR:
            self._send("SET client_min_messages = warning")
