"""The application's database, for looking and for the least force.

Not for shadows (``shadow``). The surprising thing: a backend is never named by its pid alone, which another may have by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Activity, DatabaseServer, LedgerReading, Relation
from lockage.core.release.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What became of a signal to a backend."""

    pid: int
    sent: bool  # False: it was gone already, or its pid belongs to another session now


class Database(Protocol):
    """The application's database, watched without ever standing in anybody's way.

    Every query has a lock and a statement timeout. Sessions stay open across calls, so that ``max_connections`` being full
    during an outage does not blind us; a connection that was lost is opened anew at the next call.
    """

    def server(self) -> DatabaseServer:
        """The server, its settings and our privileges."""
        ...

    def ledger(self, profile: Profile) -> LedgerReading:
        """The ledger; not read while the profile's advisory lock is held."""
        ...

    def relations(self) -> tuple[Relation, ...]:
        """Sizes of all user tables, partitions and materialised views."""
        ...

    def activity(self) -> Activity:
        """One look: all client sessions of this database, who waits for whom, progress. Cheap: four a second are fine."""
        ...

    def ask(self, sql: str) -> tuple[Mapping[str, object], ...]:
        """Rows of a profile's read-only query, in a read-only transaction with a time limit."""
        ...

    def catalog(self) -> tuple[CatalogObject, ...]:
        """Every object of the catalog that is no extension's; ``UnreachableError`` where a lock keeps it from being read."""
        ...

    def cancel(self, *, pid: int, backend_start: datetime) -> Killed:
        """Cancel the running statement of exactly that backend. Cannot be undone; its client may try again."""
        ...

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        """End exactly that backend. Cannot be undone; its transaction rolls back."""
        ...

    def mend(self, statements: Sequence[str], *, together: bool, lock: int | None) -> None:
        """Execute statements of a repair: ``together`` in one transaction, else each alone, in order, as the application does.

        ``lock`` is the key of the migration lock, held meanwhile so that nobody migrates beside it. Raises ``RefusedError``
        (LK579) where nothing of it stays, ``HaltedError`` (LK580) where the ones before the failed one do. Undone as each says.
        """
        ...

    def hold_fence(self, key: int) -> bool:
        """Hold Lockage's own advisory lock in one session while the run lives; False when another session holds it."""
        ...

    def close(self) -> None:
        """Close all sessions, the fence with them."""
        ...
