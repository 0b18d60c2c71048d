"""The fake database of the flows' tests keeps the port's promises, as far as one promises them of it."""

from __future__ import annotations

import itertools

import pytest

from lockage.core.facts import RelationLock
from lockage.ports import Database
from ports.database_suite import DatabaseSuite
from support.app_profile import PROFILE
from support.fake_database import FakeDatabase
from support.fake_world import Client, FakeWorld


class FakeScene:
    """A fake world without replicas."""

    profile = PROFILE
    relation = "public.thing"

    def __init__(self) -> None:
        self._world = FakeWorld(profile=PROFILE, release="1.0.0", ledger=12, replicas=0)
        self._pids = itertools.count(100)

    def open(self) -> Database:
        return FakeDatabase(self._world)

    def set_ledger(self, version: int, *, dirty: bool) -> None:
        self._world.ledger, self._world.dirty = version, dirty

    def client(self, application_name: str, *, advisory_lock: int | None = None, locks_relation: bool = False) -> int:
        lock = RelationLock(relation=self.relation, mode="AccessExclusiveLock", granted=True)
        client = Client(
            pid=next(self._pids),
            application_name=application_name,
            began_s=0.0,
            locks=(lock,) if locks_relation else (),
            advisory_locks=() if advisory_lock is None else (advisory_lock,),
        )
        self._world.clients.append(client)
        return client.pid

    def waiter(self, application_name: str) -> int:
        client = Client(
            pid=next(self._pids), application_name=application_name, began_s=0.0, state="active", waits_for=self.relation
        )
        self._world.clients.append(client)
        return client.pid


class TestFakeDatabase(DatabaseSuite):
    @pytest.fixture
    def scene(self) -> FakeScene:
        return FakeScene()
