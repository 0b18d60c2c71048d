"""The session in which a script is executed on a shadow, read after each statement from a second session.

Never for production: what it is given is executed. Not for opinions either: it says what was held, planned and changed. The
surprising thing: a statement outside a transaction gets one of its own around it, because otherwise its locks would be gone
before anyone could read them; where the server refuses that, ``gates`` finds them.

It logs in as a superuser that bears the name of the migrator's role, so a script fails for want of an extension but never for
want of a privilege. What reaches out of the server (``COPY … PROGRAM``, ``dblink``) must be refused before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lockage.adapters.postgres.catalog_watch import CatalogWatch
from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.gates import Gates
from lockage.adapters.postgres.held_locks import HeldLockReader
from lockage.adapters.postgres.inner_statements import InnerStatements
from lockage.adapters.postgres.many import send_many
from lockage.adapters.postgres.planner_facts import PlannerFacts
from lockage.adapters.postgres.plans import PlanCollector, may_switch_plans, with_oids
from lockage.adapters.postgres.scans import gone_through, may_check_rows, scans
from lockage.adapters.postgres.session import foreign_errors
from lockage.adapters.postgres.wait_limits import WaitLimit
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.core.migration.statement import split_statements
from lockage.core.sqlstate import REFUSES_A_TRANSACTION
from lockage.errors import RefusedError

_NEEDS_THE_SCRIPTS_OWN = ("SAVEPOINT", "RELEASE", "LOCK TABLE", "DECLARE CURSOR")
"""Outside a transaction the server refuses these, and one of ours around them would hide that."""

_BEGINS = ("BEGIN", "START TRANSACTION")
_READ_LATER = (*_BEGINS, "SET", "SAVEPOINT", "RELEASE", "SHOW")
"""They change no catalog, and SET TRANSACTION ISOLATION LEVEL allows no query between BEGIN and itself."""


class _Executed(NamedTuple):
    outcome: Outcome
    locks: HeldLocks | Iterable[HeldLock] = ()
    outside: bool = False
    scanned: tuple[int, ...] | None = None


class Tracing:
    """One traced session, as the protocol ``TracedSession`` asks for it.

    ``observer`` must be a session of its own with nothing open, and ``new_observer`` gives more of its kind. Statements are
    cancelled after ``statement_limit_s``. ``discreet``: there are rows of production's, and messages show no value of theirs.
    ``wait_limits``: what sessions of the migrator begin with in production; the traced one begins with ``BEGINS_WITH``.
    """

    def __init__(
        self,
        traced: psycopg.Connection[TupleRow],
        observer: psycopg.Connection[TupleRow],
        *,
        new_observer: Callable[[], psycopg.Connection[TupleRow]],
        statement_limit_s: float,
        inner: InnerStatements | None = None,
        discreet: bool = False,
        planner: PlannerFacts | None = None,
        wait_limits: Mapping[str, int] | None = None,
    ) -> None:
        self._traced = traced
        self._observer = observer
        self._new_observer = new_observer
        self._inner = inner
        self._discreet = discreet
        self._planner = planner
        self._limit = WaitLimit(traced, wait_limits)
        self._pid = traced.info.backend_pid
        self._held = HeldLockReader(observer, pid=self._pid)
        self._statement_limit_s = statement_limit_s
        self._plans = PlanCollector()
        traced.add_notice_handler(self._plans)
        self._catalog = CatalogWatch(traced, observer)

    def mark(self) -> CatalogMark:
        """Gives the catalog as the session sees it now; inside an aborted transaction, as it was seen last."""
        return self._catalog.mark()

    def rules(self) -> CatalogRules:
        """Gives what the catalog does by itself as the session sees it now; inside an aborted transaction, as seen last."""
        return self._catalog.rules()

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
        if outcome.tag == "ROLLBACK" and self._status is TransactionStatus.INTRANS:
            self._catalog.forgive()  # it took back a statement that has failed, of which nothing was read
        else:
            self._note(outcome.tag)

    def tell(self, beliefs: Sequence[TableBelief]) -> bool:
        """Makes the planner believe what the script has made of tables; False where it could not be told all of it."""
        if self._planner is None:
            return False
        told = self._planner.tell(beliefs) if beliefs else True
        if beliefs and self._status is TransactionStatus.INTRANS:
            self._catalog.forgive()
        return told

    def execute(self, sql: str, *, inner: bool = False, analyzes: Sequence[int] | None = None) -> Observation:
        """Gives what one statement held, changed and planned; its failure, also by the time limit (57014), is part of it.

        ``inner`` also asks which statements ran inside it; None where the server was not started for that. ``analyzes``: oids
        of the relations whose statistics it takes anew, () for all; they are put back behind it.
        """
        if analyzes is None or self._planner is None:
            return self._execute(sql, inner=inner)
        self._planner.put_aside(analyzes or None)
        observation = self._execute(sql, inner=inner)
        self._planner.put_back()
        return observation

    def _execute(self, sql: str, *, inner: bool) -> Observation:
        before = self._catalog.mark()
        limit_ms = self._limit.now_ms
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
            self._limit.behind(sql, tag=done.outcome.tag, calls=inner)
            mark = self._catalog.mark()
            ran = asked.seen() if asked is not None else None
        return Observation(
            locks=done.locks if isinstance(done.locks, HeldLocks) else tuple(sorted(set(done.locks))),
            plans=with_oids(plans, (mark, before)),
            mark=None if mark == before else mark,
            in_transaction=self._status in (TransactionStatus.INTRANS, TransactionStatus.INERROR),
            failure=done.outcome.failure,
            ran_outside=done.outside,
            scanned=done.scanned,
            inner=ran,
            wait_limit_ms=limit_ms,
        )

    def execute_all(self, texts: Sequence[str], *, planned: Collection[int]) -> tuple[Observation, int]:
        """Gives what statements that change rows did together, and how many ended well; those behind a failure are not sent.

        Outside a transaction they get one of their own, which a failure takes back. ``planned``: places whose plans are kept.
        """
        before = self._catalog.mark()
        limit_ms = self._limit.now_ms
        self._plans.take()
        own = self._status is TransactionStatus.IDLE
        with foreign_errors("reading the locks of the shadow"):
            if own:
                self._catalog.transaction_begins()
                self._held.forget()
                self._send("BEGIN")
            outcome, done = send_many(texts, planned=planned, send=self._send, may_switch=may_switch_plans(self._traced))
            locks = self._held.read()
            self._note(outcome.tag, locks)
            if own:
                ended = self._send("COMMIT" if outcome.failure is None else "ROLLBACK")
                outcome, done = (outcome, done) if ended.failure is None else (ended, 0)
            if own and outcome.failure is not None:
                self._catalog.doubt()
            plans = self._plans.take()
            mark = self._catalog.mark()
        observation = Observation(
            locks=locks,
            plans=with_oids(plans, (mark, before)),
            mark=None if mark == before else mark,
            in_transaction=self._status in (TransactionStatus.INTRANS, TransactionStatus.INERROR),
            failure=outcome.failure,
            wait_limit_ms=limit_ms,
        )
        return observation, done

    @property
    def _status(self) -> TransactionStatus:
        return self._traced.info.transaction_status

    def _in_open_transaction(self, sql: str) -> _Executed:
        outcome, scanned = self._send_counted(sql)
        # The transaction of a failed statement holds on to what it had before its last savepoint.
        locks = self._held.read()
        self._note(outcome.tag, locks)
        return _Executed(outcome, locks, scanned=scanned)

    def _in_own_transaction(self, sql: str) -> _Executed:
        self._catalog.transaction_begins()
        self._held.forget()
        self._send("BEGIN")
        outcome, scanned = self._send_counted(sql)
        if outcome.failure is not None:
            self._send("ROLLBACK")
            return self._outside(sql) if outcome.failure.sqlstate in REFUSES_A_TRANSACTION else _Executed(outcome)
        if outcome.tag in _NEEDS_THE_SCRIPTS_OWN:
            self._send("ROLLBACK")
            return _Executed(self._send(sql))
        if outcome.tag in _BEGINS or self._status is TransactionStatus.IDLE:
            return _Executed(outcome)
        locks = self._held.read()
        self._note(outcome.tag, locks)
        ended = self._send("COMMIT")
        if ended.failure is None:
            return _Executed(outcome, locks, scanned=scanned)
        self._catalog.doubt()
        return _Executed(ended, locks)

    def _outside(self, sql: str) -> _Executed:
        gates = Gates(self._observer, pid=self._pid, new_session=self._new_observer)
        outcome, locks = gates.run(lambda look: self._send(sql, while_busy=look))
        self._catalog.doubt()
        if outcome.tag == "REINDEX" and not _concurrently(sql):
            locks |= _indexes_being_built(locks, self._catalog.mark())
        return _Executed(outcome, locks, outside=True)

    def _send(self, sql: str, *, while_busy: Callable[[], None] | None = None) -> Outcome:
        with self._plans.kept():
            return exchange(self._traced, sql, limit_s=self._statement_limit_s, while_busy=while_busy, discreet=self._discreet)

    def _send_counted(self, sql: str) -> tuple[Outcome, tuple[int, ...] | None]:
        """The outcome, and for what checks rows by itself, which tables it went through."""
        if not may_check_rows(sql):
            return self._send(sql), None
        tables = tuple(self._catalog.tables())
        before = scans(self._traced, tables)  # transactions that ended a moment ago may still be counted
        outcome = self._send(sql)
        after = scans(self._traced, tables)  # nothing where the statement ended the transaction, or spoiled it
        return outcome, gone_through(before, after)

    def _note(self, tag: str, locks: HeldLocks | None = None) -> None:
        """Lets the catalog know what a statement of this command tag, which has just ended, may have done to it.

        ``locks``: what the transaction holds behind it; None: not read.
        """
        if tag == "SAVEPOINT":
            self._catalog.divided()
        match self._status:
            case TransactionStatus.INTRANS if tag == "ROLLBACK":
                # What a savepoint took back was counted all the same, so the numbers prove nothing.
                self._catalog.doubt()
            case TransactionStatus.INTRANS if tag not in _READ_LATER:
                self._catalog.look(self._held.read() if locks is None else locks)
            case TransactionStatus.IDLE if tag != "COMMIT":
                self._catalog.doubt()
            case _:
                pass

    def _keep_hearing(self, sql: str) -> None:
        # A session that hears only errors reports no plans.
        if "client_min_messages" in sql.lower() and self._status is not TransactionStatus.INERROR:
            self._send("SET client_min_messages = warning")


def _concurrently(sql: str) -> bool:
    return any(statement.concurrently for statement in split_statements(sql, file="statement"))


def _indexes_being_built(locks: Iterable[HeldLock], mark: CatalogMark) -> frozenset[HeldLock]:
    """No gate can be put on an index, but building it anew takes this, table by table.

    Source: PostgreSQL 18, src/backend/catalog/index.c, reindex_index.
    """
    tables = {lock.oid for lock in locks if lock.mode == "ShareLock"}
    return frozenset(
        HeldLock(oid=relation.oid, mode="AccessExclusiveLock")
        for relation in mark.relations.values()
        if relation.kind == "i" and (relation.owner_oid or relation.table_oid) in tables
    )
