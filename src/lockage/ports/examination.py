"""A closer look at the platform and the database, for a diagnosis.

Not for runs, which look four times a second: a look here may cost a request for each replica. The surprising thing: every
method is one source that may fail, or be deaf, on its own, and whoever asks goes on without it; so no method asks for what
another one gives. Nothing here changes anything, or waits for a lock.
"""

from __future__ import annotations

from typing import Protocol

from lockage.core.diagnosis.evidence import (
    Condition,
    ConnectionLimits,
    InvalidIndex,
    LedgerRow,
    LogText,
    Node,
    PreparedTransaction,
    Privileges,
    Quota,
    ReleaseRevision,
    ReplicaDetail,
    ReplicationSlot,
    Revision,
    Standby,
    Trouble,
)
from lockage.core.facts import Event
from lockage.core.release.profile import Profile


class PlatformExaminer(Protocol):
    """One workload, looked at closely. A source that the platform does not have is empty, not an error.

    Raises ``UnreachableError`` for what does not answer, ``RefusedError`` for what may not be read.
    """

    def conditions(self) -> tuple[Condition, ...]:
        """Conditions of the workload itself."""
        ...

    def details(self) -> tuple[ReplicaDetail, ...]:
        """Every replica with its containers, terminating ones included."""
        ...

    def revisions(self) -> tuple[Revision, ...]:
        """Every revision that still wants or has replicas, and the newest."""
        ...

    def events(self) -> tuple[Event, ...]:
        """All events of the workload, its revisions, its replicas (gone ones too), autoscalers and nodes, oldest first."""
        ...

    def log(self, replica: str, container: str, *, previous: bool, lines: int) -> LogText:
        """The newest lines of one container; ``previous``: of the process before the last restart, none where there is none."""
        ...

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that run a replica, and those that could."""
        ...

    def quotas(self) -> tuple[Quota, ...]:
        """What limits new replicas."""
        ...

    def releases(self) -> tuple[ReleaseRevision, ...]:
        """Helm's history of the release that made the workload, oldest first."""
        ...

    def neighbours(self) -> tuple[str, ...]:
        """Other workloads that are given the same database address, as far as they can be seen."""
        ...


class DatabaseExaminer(Protocol):
    """The application's database, looked at closely. ``role`` is the application's own where the asking session has another.

    Raises ``UnreachableError`` where nobody gets in, ``RefusedError`` for what the asking role may not read.
    """

    def trouble(self) -> Trouble | None:
        """Why one does not get in, tried anew; None: one does."""
        ...

    def ledger_rows(self, profile: Profile) -> tuple[LedgerRow, ...]:
        """The newest rows of the ledger, newest first, at most 50; not read while it is migrated."""
        ...

    def prepared(self) -> tuple[PreparedTransaction, ...]:
        """Prepared transactions of this database, with their locks."""
        ...

    def slots(self) -> tuple[ReplicationSlot, ...]:
        """Replication slots of the server."""
        ...

    def standbys(self) -> tuple[Standby, ...]:
        """Standbys that this server sends to."""
        ...

    def invalid_indexes(self) -> tuple[InvalidIndex, ...]:
        """Indexes that queries do not use."""
        ...

    def limits(self, role: str | None = None) -> ConnectionLimits:
        """Connections that there may be and are."""
        ...

    def privileges(self, profile: Profile, role: str | None = None) -> Privileges:
        """What keeps the application's role from migrating, if anything."""
        ...

    def server_log(self, lines: int) -> tuple[str, ...]:
        """The newest lines of PostgreSQL's own log; refused where it cannot be read from here."""
        ...

    def wal_bytes(self) -> int:
        """Size of ``pg_wal``."""
        ...

    def disk_free_bytes(self) -> int:
        """Free bytes on the server's disk; refused where they cannot be seen from here."""
        ...
