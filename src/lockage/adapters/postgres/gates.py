"""Finds the locks of a statement that cannot run inside a transaction, by making each of its requests wait.

Such a statement (``CREATE INDEX CONCURRENTLY``, ``VACUUM``, a procedure that commits) has given its locks back when it ends,
and on an empty shadow it lasts too short a time to be sampled. So before it, a *gate* is put on every table: a prepared
transaction that holds ``AccessExclusiveLock`` on it. The statement then waits at each table that it touches; its request is
read there, with all that it holds by then, and the gate is opened. Behind it another gate is closed at once, for the same
statement may come again in a later transaction of its own and ask for more.

Not for statements that can run in a transaction: those are read exactly. The surprising thing: prepared transactions, because
each gives its lock back by itself, keeps no session busy, and no index build waits for its snapshot, for it has none.

What is not seen: a further mode that the statement asks for while it still holds the table, unless it meets another gate
meanwhile, or a procedure's loop has come so often that the gate stands open for what was seen; and the second and later tables
that nobody can put a gate on (indexes, TOAST tables, sequences), which a statement reaches through a table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.held import HeldLock
from lockage.core.forecast.lock_modes import badness, blocks_of

MAX_GATES = 1000
"""Prepared transactions that a shadow allows (``max_prepared_transactions``); tables beyond them stand open."""

MAX_RETURNS = 6
"""How often one table's gate is closed again for everybody. VACUUM comes twice, DETACH PARTITION CONCURRENTLY too. A procedure
may loop: from then on only more than was seen until then finds the gate closed."""

CLOSING_LIMIT_S = 5.0
"""Longest wait for a request of ours to stand in the queue, or for all gates to close: of milliseconds, if all is well."""

_CLOSED = "ACCESS EXCLUSIVE"
"""The mode of a gate at which whatever touches the table waits."""

Session = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    oid: int
    names: sql.Identifier
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    key: str  # of its prepared transaction
    closer: Session | None  # which closes it as soon as the statement gives the table back; None: it is closed


class Gates:
    """Puts gates on all tables and reads one session's requests at them; for one statement.

    ``keeper`` is a session with nothing open, ``new_session`` gives more of its kind, and ``pid`` is the backend to watch.
    """

    def __init__(self, keeper: Session, *, pid: int, new_session: Callable[[], Session]) -> None:
        self._keeper = keeper
        self._pid = pid
        self._new_session = new_session
        self._tables: dict[int, _Table] = {}
        self._gates: dict[int, _Gate] = {}  # by oid of the table
        self._idle: list[Session] = []
        self._seen: set[HeldLock] = set()
        self._passed: Counter[int] = Counter()

    def run(self, statement: Callable[[Callable[[], None]], Outcome]) -> tuple[Outcome, frozenset[HeldLock]]:
        """Gives the outcome of ``statement``, which is handed what to call while it is busy, and the locks it asked for."""
        with ExitStack() as self._sessions:
            try:
                self._close_all()
                outcome = statement(self._look)
            finally:
                for table in list(self._gates):
                    self._open(self._gates.pop(table))
        return outcome, frozenset(self._seen)

    def _close_all(self) -> None:
        rows = self._keeper.execute(load_sql("select_gated_tables"), {"limit": MAX_GATES}).fetchall()
        self._tables = {row[0]: _Table(oid=row[0], names=sql.Identifier(row[1], row[2]), kind=row[3]) for row in rows}
        orders: list[sql.Composable] = []
        for table in self._tables.values():
            gate = _Gate(key=self._key(table.oid), closer=None)
            orders.append(_closing(table, gate))
            self._gates[table.oid] = gate
        if orders:
            exchange(self._keeper, sql.SQL(";").join(orders).as_string(self._keeper), limit_s=CLOSING_LIMIT_S)

    def _look(self) -> None:
        rows = self._keeper.execute(load_sql("select_held_locks"), {"pid": self._pid}).fetchall()
        waiting = [relation for relation, _, granted in rows if not granted]
        if not waiting:
            self._open_awaited()
            return
        self._seen.update(HeldLock(oid=relation, mode=mode) for relation, mode, _ in rows)
        for relation in waiting:
            gate = self._gates.pop(relation, None)
            if gate is None:
                continue
            mode = self._next_mode(self._tables[relation])
            if mode is not None:
                self._close_behind(self._tables[relation], mode)
            self._open(gate)

    def _next_mode(self, table: _Table) -> LiteralString | None:
        """The mode in which a gate closes behind the statement; None where nothing worse can come."""
        if self._passed[table.oid] < MAX_RETURNS:
            return _CLOSED
        seen = max((badness(blocks_of(lock.mode)) for lock in self._seen if lock.oid == table.oid), default=0)
        if table.kind == "m" or seen >= badness(Blocks.READS):
            return None
        return "ACCESS SHARE" if seen >= badness(Blocks.WRITES) else "ROW EXCLUSIVE"

    def _close_behind(self, table: _Table, mode: LiteralString) -> None:
        """Asks for the lock anew, behind the statement in the queue, so that the gate closes when it gives the table back."""
        self._passed[table.oid] += 1
        closer = self._idle.pop() if self._idle else self._sessions.enter_context(self._new_session())
        gate = _Gate(key=self._key(table.oid), closer=closer)
        _look_up(closer, table)
        closer.pgconn.send_query(_closing(table, gate, mode).as_string(closer).encode())
        closer.pgconn.flush()
        until = time.monotonic() + CLOSING_LIMIT_S
        pid = {"pid": closer.info.backend_pid}
        while not any(not granted for _, _, granted in self._keeper.execute(load_sql("select_held_locks"), pid)):
            if time.monotonic() > until:
                break  # then a second request of the statement's may go unseen
        self._gates[table.oid] = gate

    def _open(self, gate: _Gate) -> None:
        if gate.closer is not None:
            # Whoever waits at this gate waits for its closer, which has the lock and is about to be done.
            while gate.closer.pgconn.get_result() is not None:
                pass
            self._idle.append(gate.closer)
        exchange(self._keeper, f"ROLLBACK PREPARED '{gate.key}'", limit_s=CLOSING_LIMIT_S)

    def _open_awaited(self) -> None:
        # Some statements wait for the end of every transaction that holds a lock on a table, or a snapshot: ours too.
        rows = self._keeper.execute(load_sql("select_awaited_gates"), {"pid": self._pid}).fetchall()
        for key, pid in rows:
            for oid, gate in list(self._gates.items()):
                if gate.closer is not None and gate.closer.info.backend_pid == pid:
                    gate.closer.pgconn.get_cancel().cancel()
                elif gate.key != key:
                    continue
                self._open(self._gates.pop(oid))

    def _key(self, oid: int) -> str:
        return f"lockage-gate-{oid}-{self._passed[oid]}"


def _look_up(closer: Session, table: _Table) -> None:
    """Lets the session read all that the lock needs from the catalog, in a first try that must fail.

    With something left to read it would wait with a snapshot, for which an index build waits in its turn.
    """
    exchange(closer, "BEGIN", limit_s=CLOSING_LIMIT_S)
    exchange(closer, "SET LOCAL lock_timeout = 1", limit_s=CLOSING_LIMIT_S)
    exchange(closer, _lock(table, _CLOSED).as_string(closer), limit_s=CLOSING_LIMIT_S)
    exchange(closer, "ROLLBACK", limit_s=CLOSING_LIMIT_S)


def _lock(table: _Table, mode: LiteralString) -> sql.Composable:
    if table.kind == "m":
        # LOCK TABLE takes no materialised view. This takes the same lock, and what it changes is rolled back with the gate.
        return sql.SQL("ALTER MATERIALIZED VIEW {} OWNER TO CURRENT_USER").format(table.names)
    return sql.SQL("LOCK TABLE ONLY {} IN {} MODE").format(table.names, sql.SQL(mode))


def _closing(table: _Table, gate: _Gate, mode: LiteralString = _CLOSED) -> sql.Composable:
    order = sql.SQL("BEGIN; {}; PREPARE TRANSACTION {}")
    return order.format(_lock(table, mode), sql.Literal(gate.key))
