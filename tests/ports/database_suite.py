"""What every ``Database`` must do, the real one and the fake: subclass ``DatabaseSuite`` and give it a ``scene``."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Protocol

from lockage.core.facts import LedgerState, Session
from lockage.core.release.profile import Profile
from lockage.ports import Database

LIMIT_S = 30.0
"""For a condition to come true: many times what it takes on a busy machine."""

PATIENCE_S = 20.0
"""A lock timeout that no test may reach."""


class DatabaseScene(Protocol):
    """A database with one table and a ledger, and clients at will."""

    profile: Profile  # with an advisory lock
    relation: str

    def open(self) -> Database:
        """A new port on this database."""
        ...

    def set_ledger(self, version: int, *, dirty: bool) -> None:
        """The ledger says so."""
        ...

    def client(self, application_name: str, *, advisory_lock: int | None = None, locks_relation: bool = False) -> int:
        """The pid of a session idle in a transaction, that holds these locks (AccessExclusiveLock)."""
        ...

    def waiter(self, application_name: str) -> int:
        """The pid of a session whose statement wants the relation that another one holds."""
        ...


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within the limit."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def session_of(database: Database, pid: int) -> Session:
    """The session of a pid that is there."""
    found = database.activity().session(pid)
    assert found is not None
    return found


class DatabaseSuite:
    """Inherited by the tests of each implementation."""

    def test_the_ledger_says_version_and_dirt(self, scene: DatabaseScene) -> None:
        scene.set_ledger(13, dirty=True)
        with closing(scene.open()) as database:
            reading = database.ledger(scene.profile)
        assert (reading.state, reading.version, reading.dirty) == (LedgerState.READ, 13, True)
        assert reading.table == scene.profile.migrations.ledger

    def test_the_holder_of_the_advisory_lock_is_migrating(self, scene: DatabaseScene) -> None:
        scene.set_ledger(12, dirty=False)
        pid = scene.client("app/x", advisory_lock=scene.profile.migrations.advisory_lock)
        with closing(scene.open()) as database:
            reading = database.ledger(scene.profile)
        assert (reading.state, reading.version, reading.holder_pid) == (LedgerState.MIGRATING, None, pid)

    def test_a_session_is_shown_with_its_name_and_its_locks(self, scene: DatabaseScene) -> None:
        key = scene.profile.migrations.advisory_lock
        pid = scene.client("app/x", advisory_lock=key, locks_relation=True)
        with closing(scene.open()) as database:
            session = session_of(database, pid)
        assert session.application_name == "app/x"
        assert session.in_transaction
        assert session.state == "idle in transaction"
        assert session.advisory_locks == (key,)
        assert (scene.relation, "AccessExclusiveLock", True) in {
            (lock.relation, lock.mode, lock.granted) for lock in session.relation_locks
        }

    def test_a_terminated_session_is_gone_with_its_locks(self, scene: DatabaseScene) -> None:
        pid = scene.client("app/x", advisory_lock=scene.profile.migrations.advisory_lock)
        with closing(scene.open()) as database:
            killed = database.terminate(pid=pid, backend_start=session_of(database, pid).backend_start)
            assert (killed.pid, killed.sent) == (pid, True)
            assert eventually(lambda: database.activity().session(pid) is None)
            assert database.ledger(scene.profile).state is not LedgerState.MIGRATING

    def test_nothing_is_sent_to_a_pid_that_belongs_to_another_session_now(self, scene: DatabaseScene) -> None:
        pid = scene.client("app/x")
        with closing(scene.open()) as database:
            begun = session_of(database, pid).backend_start
            earlier = begun - timedelta(microseconds=1)
            assert not database.terminate(pid=pid, backend_start=earlier).sent
            assert not database.cancel(pid=pid, backend_start=earlier).sent
            assert session_of(database, pid).backend_start == begun

    def test_who_waits_is_shown_with_whom_it_waits_for(self, scene: DatabaseScene) -> None:
        holder = scene.client("app/x", locks_relation=True)
        pid = scene.waiter("app/y")
        with closing(scene.open()) as database:
            assert eventually(lambda: session_of(database, pid).waits_for_lock)
            waiter = session_of(database, pid)
            assert (waiter.state, waiter.blocked_by) == ("active", (holder,))
            assert session_of(database, holder).blocked_by == ()
            assert not session_of(database, holder).waits_for_lock

    def test_a_cancelled_statement_waits_no_longer_and_its_session_stays(self, scene: DatabaseScene) -> None:
        scene.client("app/x", locks_relation=True)
        pid = scene.waiter("app/y")
        with closing(scene.open()) as database:
            assert eventually(lambda: session_of(database, pid).waits_for_lock)
            assert database.cancel(pid=pid, backend_start=session_of(database, pid).backend_start).sent
            assert eventually(lambda: not session_of(database, pid).waits_for_lock)
            assert session_of(database, pid).state != "active"

    def test_the_fence_is_held_by_one_at_a_time(self, scene: DatabaseScene) -> None:
        with closing(scene.open()) as other:
            with closing(scene.open()) as database:
                assert database.hold_fence(77)
                assert database.hold_fence(77), "it is ours already"
                assert not other.hold_fence(77)
            assert eventually(lambda: other.hold_fence(77)), "closing gives it back"
