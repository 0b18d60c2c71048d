"""The lock of a migrator that nobody has described."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.facts import Session
from lockage.core.release.migration_lock import migration_lock
from lockage.core.release.sketch import LedgerSeen
from support.cases import session

GOLANG = LedgerSeen(table="public.schema_migrations", columns=("version", "dirty"))
RAILS = LedgerSeen(table="public.schema_migrations", columns=("version",))
HARBORS = 3646281827
"""Of golang-migrate in a database called ``registry``, as Harbor's profile has it."""


def holding(*keys: int, pid: int = 1) -> Session:
    return replace(session(pid), advisory_locks=keys)


def test_a_known_migrators_key_is_found_where_it_is_held() -> None:
    assert migration_lock((holding(5, HARBORS),), ledgers=(GOLANG,), database="registry") == HARBORS


def test_a_key_that_nobody_holds_is_not_believed() -> None:
    assert migration_lock((holding(5),), ledgers=(GOLANG, RAILS), database="registry") is None


def test_the_key_that_others_wait_for_is_the_migrators() -> None:
    waiter = replace(session(2), wait_event_type="Lock", wait_event="advisory", blocked_by=(1,))
    sessions = (holding(42), holding(77, pid=3), waiter)
    assert migration_lock(sessions, ledgers=(), database="shop") == 42


def test_of_two_keys_that_are_waited_for_neither_is() -> None:
    waiter = replace(session(2), wait_event_type="Lock", wait_event="advisory", blocked_by=(1,))
    assert migration_lock((holding(42, 43), waiter), ledgers=(), database="shop") is None
