"""Finds the locks of a statement that cannot run inside a transaction, by making each of its requests wait.

Such a statement (``CREATE INDEX CONCURRENTLY``, ``VACUUM``, a procedure that commits) has given its locks back when it ends,
and on an empty shadow it lasts too short a time to be sampled. So before it, a *gate* is put on every table: a prepared
transaction that holds ``AccessExclusiveLock`` on it. The statement then waits at each table that it touches; its request is
read there, with all that it holds by then, and the gate is opened.

Not for statements that can run in a transaction: those are read exactly. The surprising thing: prepared transactions, because
each gives its lock back by itself, takes no session, and no index build waits for its snapshot, for it has none.

What is not seen: a further mode on a table whose gate is open already, unless another gate is met while it is held. Views need
no gate (their tables have), nor do indexes, TOAST tables and sequences, which a statement reaches through a table.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from lockage.adapters.postgres.exchange import Outcome, exchange
from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.trace import HeldLock

MAX_GATES = 400
"""Prepared transactions that a shadow allows (``max_prepared_transactions``); where there are more tables, they share gates."""

_GATE_KEY = "lockage-gate-{}"


class Gates:
    """Puts gates on all tables, and reads one session's requests at them."""

    def __init__(self, keeper: psycopg.Connection[TupleRow], *, pid: int) -> None:
        self._keeper = keeper
        self._pid = pid
        self._closed: dict[int, str] = {}  # oid of the table to the key of its gate
        self._seen: set[HeldLock] = set()

    def run(self, statement: Callable[[Callable[[], None]], Outcome]) -> tuple[Outcome, frozenset[HeldLock]]:
        """Gives the outcome of ``statement``, which is handed what to call while it is busy, and the locks it was seen with."""
        self._seen = set()
        self._close()
        try:
            outcome = statement(self._look)
        finally:
            for key in set(self._closed.values()):
                self._open(key)
        return outcome, frozenset(self._seen)

    def _close(self) -> None:
        tables = self._keeper.execute(load_sql("select_gated_tables")).fetchall()
        groups: dict[str, list[TupleRow]] = {}
        for index, table in enumerate(tables):
            groups.setdefault(_GATE_KEY.format(index % MAX_GATES), []).append(table)
        orders: list[sql.Composable] = []
        for key, members in groups.items():
            orders.append(sql.SQL("BEGIN"))
            orders.extend(_lock(table) for table in members)
            orders.append(sql.SQL("PREPARE TRANSACTION {}").format(sql.Literal(key)))
            self._closed.update((table[0], key) for table in members)
        if orders:
            exchange(self._keeper, sql.SQL(";").join(orders).as_string(self._keeper), limit_s=30)

    def _look(self) -> None:
        rows = self._keeper.execute(load_sql("select_held_locks"), {"pid": self._pid}).fetchall()
        waiting = [relation for relation, _, granted in rows if not granted]
        if not waiting:
            return
        self._seen.update(HeldLock(oid=relation, mode=mode) for relation, mode, _ in rows)
        for relation in waiting:
            if key := self._closed.get(relation):
                self._open(key)

    def _open(self, key: str) -> None:
        self._keeper.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(key)))
        self._closed = {oid: other for oid, other in self._closed.items() if other != key}


def _lock(table: TupleRow) -> sql.Composable:
    _, schema, name, kind = table
    names = sql.Identifier(schema, name)
    if kind == "m":
        # LOCK TABLE takes no materialised view. This takes the same lock, and what it changes is rolled back with the gate.
        return sql.SQL("ALTER MATERIALIZED VIEW {} OWNER TO CURRENT_ROLE").format(names)
    return sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(names)
