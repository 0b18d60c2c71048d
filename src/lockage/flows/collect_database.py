"""What the database shows, for ``collect``: one login that tells whether one gets in, then two threads with a session each.

Not for judging. The surprising thing: the sessions are looked at twice, a second apart, and the replicas are read in between. A
backend that is in both looks and whose client is nobody's then has none; and what moved meanwhile works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lockage.core.diagnosis.evidence import DatabaseEvidence, Missing, Trouble
from lockage.core.facts import Activity, OwnedSession, Replica, Workload
from lockage.core.redaction import mask_secrets
from lockage.core.release.profile import Profile
from lockage.core.sessions import role_of_replicas
from lockage.errors import LockageError
from lockage.flows.looks import POLL_S, Answer, Looks
from lockage.flows.survey import judged_sessions
from lockage.ports import Clock, Database, DatabaseExaminer
from lockage.settings import Collecting

T = TypeVar("T")

SERVER_LOG_LINES = 2000
"""Newest lines of PostgreSQL's own log: on a server that logs every statement, some seconds of it."""


NO_SUCH_ROLE = "LK613"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The database, on the way that leads there."""

    database: Database  # for the looks at sessions; used, and closed, by one thread
    closer: DatabaseExaminer  # for the rest; used by another one
    role: str | None = None  # the application's own, as its address says; None: the sessions tell it
    alone: bool = False  # sessions of that role from a replica's address are its one process', whatever they are called
    profile: Profile | None = None  # where the database told more of the application than its objects did
    close_closer: Callable[[], None] = lambda: None
    close_way: Callable[[], None] = lambda: None  # in the thread that found it


class DatabaseLooks:
    """The database's sources."""

    def __init__(
        self,
        *,
        looks: Looks,
        clock: Clock,
        settings: Collecting,
        profile: Profile,
        reach: Callable[[], Reached],
        replicas: Callable[[], tuple[Replica, ...]],
    ) -> None:
        self._looks = looks
        self._clock = clock
        self._settings = settings
        self.profile = profile
        self._reach = reach
        self._replicas = Answer("the replicas between two looks at the sessions", replicas)
        self._reached: Reached | None = None
        self._entry = Answer("the database", self._enter, limit_s=settings.reach_s)
        self._server = self._by_database("the database's server", lambda it: it.server())
        self._first = self._by_database("the database's sessions", lambda it: it.activity())
        # It waits for the replicas too, which may be what is deaf.
        again_s = 2 * settings.look_s + settings.look_gap_s
        self._second = Answer("a second look at the database's sessions", self._look_again, limit_s=again_s)
        self._ledger = self._by_database("the ledger", lambda it: it.ledger(self.profile))
        self._ledger_rows = self._by_closer("the rows of the ledger", lambda it: it.ledger_rows(self.profile))
        self._prepared = self._by_closer("prepared transactions", lambda it: it.prepared())
        self._slots = self._by_closer("replication slots", lambda it: it.slots())
        self._standbys = self._by_closer("standbys", lambda it: it.standbys())
        self._invalid = self._by_closer("invalid indexes", lambda it: it.invalid_indexes())
        self._limits = self._by_closer("limits of connections", lambda it: it.limits(self._role))
        self._privileges = self._by_closer("privileges of the role", lambda it: it.privileges(self.profile, self._role))
        self._wal = self._by_closer("size of pg_wal", lambda it: it.wal_bytes())
        self._free = self._by_closer("free space on the server's disk", lambda it: it.disk_free_bytes())
        self._messages = self._by_closer("PostgreSQL's own messages", lambda it: it.server_log(SERVER_LOG_LINES))
        self._of_sessions = (self._server, self._first, self._second, self._ledger)
        # What needs the role comes last: the sessions may have to tell it.
        self._of_the_rest = (
            self._ledger_rows, self._prepared, self._invalid, self._slots, self._standbys, self._wal, self._messages,
            self._privileges, self._limits, self._free,
        )  # fmt: skip

    def begin(self) -> None:
        """Find the way there, log in, and ask everything, in threads of their own."""
        self._looks.ask(self._entry, after=self._leave)

    @property
    def replicas(self) -> tuple[Replica, ...] | None:
        """The replicas as they were between the two looks; None where there were none."""
        return self._replicas.value if self._second.value is not None else None

    def evidence(self, workload: Workload | None) -> DatabaseEvidence:
        """What was seen. The workload's name is that of the replicas' sessions, where the profile says no more."""
        first, second = self._first.value, self._second.value
        looks = tuple(look for look in (first, second) if look is not None)
        return DatabaseEvidence(
            trouble=self._entry.value or self._silence(),
            server=self._server.value,
            ledger=self._ledger.value,
            ledger_rows=self._ledger_rows.value,
            looks=looks or None,
            look_gap_s=(second.at - first.at).total_seconds() if first is not None and second is not None else 0.0,
            owned=self._owned(first, second, workload),
            prepared=self._prepared.value,
            slots=self._slots.value,
            standbys=self._standbys.value,
            invalid_indexes=self._invalid.value,
            limits=self._limits.value,
            absent_role=self._role if self._limits.code == NO_SUCH_ROLE else None,
            privileges=self._privileges.value,
            server_log=self._messages.value,
            wal_bytes=self._wal.value,
            disk_free_bytes=self._free.value,
        )

    def missing(self) -> tuple[Missing, ...]:
        """What was not. A database that lets nobody in is one sentence and not fifteen."""
        trouble = self._entry.value
        if trouble is not None:
            return (Missing(source="the database", why=trouble.text),)
        asked: tuple[Answer[Any], ...] = (self._entry, *self._of_sessions, self._replicas, *self._of_the_rest)
        return tuple(missing for answer in asked if (missing := answer.missing) is not None)

    def _silence(self) -> Trouble | None:
        """A database that says nothing at all is in trouble too."""
        return Trouble(text=self._entry.why) if self._entry.why is not None else None

    def _owned(
        self, first: Activity | None, second: Activity | None, workload: Workload | None
    ) -> tuple[OwnedSession, ...] | None:
        replicas = self._replicas.value
        if first is None or second is None or replicas is None or workload is None:
            return None
        return judged_sessions(self.profile, workload, replicas, before=first, after=second, role=self._role_alone)

    def _by_database(self, source: str, look: Callable[[Database], T]) -> Answer[T]:
        return Answer(source, lambda: look(self._database))

    def _by_closer(self, source: str, look: Callable[[DatabaseExaminer], T]) -> Answer[T]:
        return Answer(source, lambda: look(self._closer))

    # --- in the threads -----------------------------------------------------------------------------------------------

    def _enter(self) -> Trouble | None:
        try:
            reached = self._reach()
        except LockageError as error:
            return Trouble(text=mask_secrets(error.message))
        self._reached = reached
        self.profile = reached.profile or self.profile
        trouble = reached.closer.trouble()
        if trouble is not None:
            return trouble
        self._looks.ask(*self._of_sessions, after=reached.database.close)
        self._looks.ask(*self._of_the_rest, after=reached.close_closer)
        return None

    def _leave(self) -> None:
        """Close the way when nobody is on it any more; a way found too late, at once."""
        if self._reached is None:
            return
        asked = (*self._of_sessions, *self._of_the_rest) if self._entry.settled and self._entry.value is None else ()
        while not self._looks.over and not all(answer.settled for answer in asked):
            self._clock.sleep(POLL_S)
        self._reached.close_way()

    def _look_again(self) -> Activity:
        """The replicas, then the sessions again a moment after the first look."""
        until = self._clock.monotonic() + self._settings.look_gap_s
        self._looks.within(self._replicas)
        self._clock.sleep(until - self._clock.monotonic())
        return self._database.activity()

    @property
    def _database(self) -> Database:
        assert self._reached is not None
        return self._reached.database

    @property
    def _closer(self) -> DatabaseExaminer:
        assert self._reached is not None
        return self._reached.closer

    @property
    def _role_alone(self) -> str | None:
        return self._reached.role if self._reached is not None and self._reached.alone else None

    @property
    def _role(self) -> str | None:
        if self._reached is not None and self._reached.role is not None:
            return self._reached.role
        looks = (look for look in (self._first.value, self._second.value) if look is not None)
        pattern = self.profile.workload.application_name
        return role_of_replicas((session for look in looks for session in look.sessions), pattern=pattern)
