"""Who stands in a script's way now, who would queue behind it, and what may deadlock with it: records, a part of the forecast.

Not for working any of it out (``waiting``). The surprising thing: nothing here is certain. Sessions come and go between a look
and the night of the upgrade, calls a second are averages, and a deadlock needs two who meet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """A session, or a prepared transaction, whose end the script would have to wait for if it began now."""

    pid: int | None  # None: a prepared transaction, which has no backend
    user: str
    application: str
    what: str  # "idle in transaction", "active", "autovacuum", "prepared transaction NAME", …
    since_s: float | None  # age of its transaction; None: not visible
    holds: str | None  # its strongest lock that conflicts; None: its snapshot, which a concurrent index build waits for
    statement: str = ""  # its last or running one, without constants; "": none, or not visible
    gives_way: bool = False  # PostgreSQL ends it as soon as somebody waits for it: an ordinary autovacuum


@dataclass(frozen=True, slots=True, kw_only=True)
class LongStatement:
    """A statement that is known to run long and that the script would have to wait for."""

    statement: str  # without constants
    mean_s: float
    max_s: float
    calls_s: float | None  # calls a second; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Statements that would wait while the relation is blocked, by what was counted so far."""

    calls_s: float  # of them arrive in a second, on average
    waiting: float  # arrive in the likely blocked seconds
    waiting_most: float | None  # in the blocked seconds at most; None: as long as nobody knows
    free_connections: int | None  # that may wait before nobody else gets in; None: not known
    fills_s: float | None  # blocked seconds after which no connection is left; None: not known, or it ends before


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlock:
    """Two relations that a transaction of the script and a statement of the application may lock in opposite orders."""

    first: str  # that the script locks first, and the application second
    second: str
    transaction: int
    file: str  # of the script's lock on ``second``
    line: int
    because: str  # the application's order, in a clause
    statement: str = ""  # of the application, without constants; "": it follows from a foreign key alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is known of waiting at one relation; ``queue`` None: nobody has counted the statements that touch it."""

    in_the_way: tuple[InTheWay, ...] = ()  # who does not give way first, then the oldest
    long_statements: tuple[LongStatement, ...] = ()  # longest first
    queue: Queue | None = None
    deadlocks: tuple[Deadlock, ...] = ()  # possible ones; named at the relation that the script locks second
    lock_timeout_s: float | None = None  # of the migration's session that would bound the queue before it has the lock
