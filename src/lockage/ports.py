"""What the flows ask of the world, as small protocols: the platform, the releaser, the database, the shadow, the journal.

Not for decisions, and not for one platform only: each protocol was written with Kubernetes and Helm in mind before the local
platform. The surprising thing is what is missing: nothing here edits a probe of a live workload. A probe is part of the
revision, so it travels inside a ``Rollout``, and so does the number of replicas.

Everything here is synchronous. What cannot be reached raises ``UnreachableError``; what the asking identity may not do
raises ``RefusedError``. "Look" methods change nothing; "act" methods say how they are undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lockage.core.facts import (
    Activity,
    Check,
    Contender,
    DatabaseServer,
    Event,
    LedgerReading,
    Probe,
    Relation,
    Replica,
    Usage,
    VersionReading,
    Workload,
)
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.core.release.profile import Profile

# --- the platform -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The one change that makes a revision: which release, how many replicas, which liveness probe."""

    release: str
    replicas: int
    liveness: Probe | None  # None: without a liveness probe


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """Who holds the lease, and until when."""

    holder: str
    run_id: str
    renewed_at: datetime
    expires_at: datetime


class Platform(Protocol):
    """One workload on its platform: a Deployment on Kubernetes, or processes under the local supervisor."""

    def workload(self) -> Workload:
        """A fresh look at what the platform was asked for."""
        ...

    def replicas(self) -> tuple[Replica, ...]:
        """A fresh look at every replica, terminating ones included."""
        ...

    def events(self) -> tuple[Event, ...]:
        """Events of the workload and its replicas, oldest first."""
        ...

    def log(self, replica: str, *, previous: bool = False) -> str:
        """All lines that the replica wrote; ``previous``: of the process before the last restart."""
        ...

    def command_version(self, replica: str) -> VersionReading:
        """The version that the profile's version command prints inside the replica."""
        ...

    def service_url(self) -> str:
        """The URL on which users reach the application."""
        ...

    def replica_url(self, replica: str) -> str:
        """The URL of one replica, past the service."""
        ...

    def releases(self) -> tuple[str, ...]:
        """Releases that can be rolled out here, as far as the platform can tell; empty when it cannot."""
        ...

    def contenders(self) -> tuple[Contender, ...]:
        """Controllers that would undo a change of the workload, as they are now."""
        ...

    def usage(self) -> tuple[Usage, ...]:
        """Memory and CPU of every replica that runs, as they were seen last. Never waits for what it asks."""
        ...

    def preflight(self, rollout: Rollout, *, between: Callable[[], None] = lambda: None) -> tuple[Check, ...]:
        """Whether the rollout would be accepted and its replicas could start: everything that can be known beforehand.

        What runs for it is short-lived and gone at the end (a pod that brings the image to a node); nothing serves it.
        ``between`` is called again and again while it is waited for. A check that could not be made is ok, and says so.
        """
        ...

    def scale(self, replicas: int) -> None:
        """Ask for a number of replicas, the revision unchanged. Undone by scaling back."""
        ...

    def annotate(self, changes: Mapping[str, str | None], *, expected: str) -> None:
        """Set (or remove: None) annotations on the workload's own metadata, never on its replicas.

        ``expected`` is the resource version that was seen. Raises ``RefusedError`` (LK310) when another has written since.
        """
        ...

    def roll_out(self, rollout: Rollout) -> None:
        """Make a new revision by one change, and return when the platform has accepted it.

        Idempotent: the same rollout again changes nothing. Not undone by Lockage once the schema has moved.
        """
        ...

    def pin(self, replicas: int, autoscalers: Sequence[Contender]) -> None:
        """Keep these autoscalers at exactly this number; at 0 they rest by themselves. Undone by ``unpin``."""
        ...

    def unpin(self, former: Sequence[Contender]) -> None:
        """Put autoscalers back to how they were; one that has gone meanwhile is let go."""
        ...

    def lease(self) -> LeaseState | None:
        """Who holds the lease now; None when nobody does, or it has run out."""
        ...

    def hold_lease(self, *, holder: str, run_id: str, duration_s: float) -> None:
        """Take or renew the lease. Raises ``RefusedError`` (LK311) while another holder's is valid."""
        ...

    def drop_lease(self, *, holder: str) -> None:
        """Give the lease back when it is ours; nothing otherwise."""
        ...


class Releaser(Protocol):
    """What makes a revision of a workload on Kubernetes: ``helm upgrade`` with the application's chart, or a patch."""

    @property
    def title(self) -> str:
        """Who does it, for people: "Helm 3.22.0, release coder"."""
        ...

    def check(self, rollout: Rollout) -> tuple[Check, ...]:
        """What the rollout would make, rendered and held against what was asked for, and whether the API server would take it.

        Changes nothing. A check that is not ok names the object, the value and what was expected.
        """
        ...

    def image(self, rollout: Rollout) -> str | None:
        """The image that replicas of the rollout would run; None where that cannot be told. Changes nothing."""
        ...

    def release(self, rollout: Rollout) -> None:
        """Make the change; returns when the API server has accepted it, and never waits for replicas.

        Raises ``RefusedError`` when the rendered result is not what was asked for, or when it was not accepted.
        """
        ...


class Service(Protocol):
    """What users get: requests over HTTP."""

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """One request; a connection that fails or times out is an ``Answer`` with status 0.

        Raises ``UnreachableError`` when it is the way there that fails (Kubernetes' API server), not the application.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer to one HTTP request; status 0 and a ``problem`` when there was none."""

    status: int
    body: str
    problem: str | None = None


# --- the database -----------------------------------------------------------------------------------------------------


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

    def cancel(self, *, pid: int, backend_start: datetime) -> Killed:
        """Cancel the running statement of exactly that backend. Cannot be undone; its client may try again."""
        ...

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        """End exactly that backend. Cannot be undone; its transaction rolls back."""
        ...

    def hold_fence(self, key: int) -> bool:
        """Hold Lockage's own advisory lock in one session while the run lives; False when another session holds it."""
        ...

    def close(self) -> None:
        """Close all sessions, the fence with them."""
        ...


# --- the shadow -------------------------------------------------------------------------------------------------------


class Shadow(Protocol):
    """A throw-away PostgreSQL with production's schema; gone at the end of its context, or of our process."""

    @property
    def major(self) -> int:
        """Major version of the shadow's server."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What differs from production, one sentence each (missing extensions, unreadable tables, another major)."""
        ...

    def relations(self) -> tuple[Relation, ...]:
        """Relations of the shadow, with production's sizes where a database was copied."""
        ...

    def run(self, sql: str) -> None:
        """Execute a script untraced (earlier migrations), statement by statement, outside a transaction where it must be.

        Raises ``RefusedError`` with the server's message.
        """
        ...

    def session(self) -> AbstractContextManager[TracedSession]:
        """One traced session: what the migrator's connection would be."""
        ...

    def statements(self) -> AbstractContextManager[OldStatements]:
        """A session of the old release with its statements prepared and kept, to be executed after the script."""
        ...


class TracedSession(Protocol):
    """The session in which a script is executed statement by statement, and read after each from a second session."""

    def mark(self) -> CatalogMark:
        """Relations as they are now: oids, names, relfilenodes, owners of indexes, TOAST tables and partitions."""
        ...

    def rules(self) -> CatalogRules:
        """Foreign keys, triggers, routines, views and sequences as they are now, uncommitted ones of this session included."""
        ...

    def execute(self, sql: str, *, inner: bool = False) -> Observation:
        """Execute one statement and read what it holds, changed and planned. A failure is part of the observation.

        Outside a transaction the statement gets one of its own, whose locks are read before it commits; one that refuses it
        (25001) then runs bare. Inside a transaction opened by ``BEGIN`` 25001 is a failure like any other, and a failed
        statement leaves the transaction aborted until ``ROLLBACK TO`` or ``ROLLBACK``. ``SAVEPOINT``, ``ROLLBACK TO`` and
        ``RELEASE`` are statements like all others. ``inner``: also report which statements ran inside it.
        """
        ...

    def command(self, sql: str) -> None:
        """Execute a statement of our own (savepoints around a traced one) without reading anything. Raises ``RefusedError``."""
        ...


class OldStatements(Protocol):
    """The old release's statements on a kept session."""

    def prepare(self, statements: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Prepare all; gives (statement, reason) of those that could not be prepared even before the script."""
        ...

    def broken(self) -> tuple[tuple[str, str, str], ...]:
        """Execute the prepared ones in rolled-back savepoints; gives (statement, SQLSTATE, message) of those that fail."""
        ...


class Shadows(Protocol):
    """Makes shadows."""

    def of_database(self, url: str) -> AbstractContextManager[Shadow]:
        """A shadow of a live database: schema, ledger rows, sizes. Takes no lock that could hurt."""
        ...

    def empty(self, *, major: int | None = None) -> AbstractContextManager[Shadow]:
        """A shadow with nothing in it."""
        ...


# --- the journal ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of a run's story: what was about to be done, or was done, or was seen."""

    at: datetime
    kind: str  # "run", "plan", "step-begun", "step-done", "acted", "saw", "halted", "ended"
    hop: int  # index into the route, from 0; -1: of the whole run
    step: str  # name of the step; "" where there is none
    text: str  # one sentence for people
    data: bytes = b"{}"  # JSON of a record, for us


class Journal(Protocol):
    """The small store of one run: append, read, one writer at a time."""

    @property
    def run_id(self) -> str:
        """Identity of the run, sortable by time."""
        ...

    def append(self, entry: JournalEntry) -> None:
        """Add one entry; it is on disk when this returns."""
        ...

    def entries(self) -> tuple[JournalEntry, ...]:
        """All entries, oldest first."""
        ...


class Journals(Protocol):
    """All runs that this machine knows of."""

    def create(self, deployment: str, *, run_id: str) -> AbstractContextManager[Journal]:
        """A new run's journal, locked for writing. Raises ``RefusedError`` (LK312) when a run of it is being written."""
        ...

    def open(self, run_id: str) -> AbstractContextManager[Journal]:
        """An existing run's journal, locked for writing. Raises ``RefusedError`` (LK312) when another process writes it."""
        ...

    def read(self, run_id: str) -> tuple[JournalEntry, ...]:
        """Entries of a run, without the lock."""
        ...

    def runs(self, deployment: str | None = None) -> tuple[str, ...]:
        """Identities of all runs (of one deployment), oldest first."""
        ...


# --- time -------------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time, handed in so that flows can be tested without waiting."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back, for waits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


Narrate = Callable[[str], None]
"""Says one line to whoever watches; called from flows, rendered by interfaces."""
