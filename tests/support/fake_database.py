"""The database of a ``FakeWorld`` behind its port; passes the same suite as the real one, as far as that one is free of SQL.

The surprising thing: the fake application migrates as the real one does, under an advisory lock, waiting for sessions that
hold its relations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Activity, DatabaseServer, LedgerReading, LedgerState, Relation, RelationLock, Session, Work
from lockage.core.release.profile import Profile
from lockage.ports import Killed
from support.fake_world import Client, FakeWorld


class FakeDatabase:
    """The database port over a ``FakeWorld``."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    @property
    def world(self) -> FakeWorld:
        """The world at present, if the database can be reached; a session that was lost has lost its fence."""
        if self._world.cut_off("database"):
            self._world.fence = None
        self._world.reach("database", code="LK121")
        self._world.settle()
        return self._world

    def server(self) -> DatabaseServer:
        return DatabaseServer(
            version="18.0", version_num=180000, database="app", user="app", superuser=False, can_signal=True,
            can_see_others=True, in_recovery=False, connections=len(self.activity().sessions), max_connections=100,
            size_bytes=1, settings={}, extensions={}, prepared_transactions=0,
        )  # fmt: skip

    def ledger(self, profile: Profile) -> LedgerReading:
        table, w = profile.migrations.ledger, self.world
        holder = next((s.pid for s in self._sessions() if profile.migrations.advisory_lock in s.advisory_locks), None)
        if holder is not None:
            return LedgerReading(table=table, state=LedgerState.MIGRATING, holder_pid=holder)
        return LedgerReading(table=table, state=LedgerState.READ, version=w.ledger, dirty=w.dirty)

    def relations(self) -> tuple[Relation, ...]:
        return ()

    def catalog(self) -> tuple[CatalogObject, ...]:
        return ()

    def activity(self) -> Activity:
        w = self.world
        return Activity(at=w.clock.now(), sessions=tuple(self._sessions()), work=self._work())

    def _work(self) -> tuple[Work, ...]:
        moved = int(self._world.now_s * 1000)
        return tuple(
            Work(pid=p.port, command=None, phase=None, done_ratio=None, wal_lsn_bytes=moved, blocks=moved)
            for p in self._world.pods
            if p.migration_began_s is not None
        )

    def _sessions(self) -> Iterator[Session]:
        w = self._world
        key = w.profile.migrations.advisory_lock
        for pod in w.pods:
            if pod.started_s is None:
                continue
            migrates = w.migrates(pod)
            wants = w.ledger < w.profile.migrations.releases[pod.release] and not migrates
            blocked = w.blocking(pod) if wants and pod.stop_s is None else ()
            yield _session(
                pid=pod.port,
                began=w.at(pod.started_s),
                application_name=f"app/{pod.name}",
                port=pod.port,
                state="active" if migrates or blocked else "idle",
                age_s=w.now_s - (pod.migration_began_s or w.now_s) if migrates or blocked else None,
                blocked_by=blocked,
                advisory_locks=(key,) if migrates and key is not None else (),
            )
        for client in w.clients:
            yield _session(
                pid=client.pid,
                began=w.at(client.began_s),
                application_name=client.application_name,
                port=client.port,
                state=client.state,
                age_s=w.now_s - client.began_s,
                query=client.query,
                blocked_by=self._in_the_way(client),
                relation_locks=client.locks,
                advisory_locks=client.advisory_locks,
            )

    def _in_the_way(self, client: Client) -> tuple[int, ...]:
        others = (c for c in self._world.clients if c is not client and client.waits_for is not None)
        return tuple(c.pid for c in others if any(lock.relation == client.waits_for for lock in c.locks))

    def ask(self, sql: str) -> tuple[Mapping[str, object], ...]:
        return ({"holds": self.world.answers.get(sql, True)},)

    def cancel(self, *, pid: int, backend_start: datetime) -> Killed:
        found = self._exactly(pid, backend_start)
        for client in found:
            if not client.tries_again:
                client.state, client.waits_for = "idle in transaction", None
        return Killed(pid=pid, sent=bool(found))

    def terminate(self, *, pid: int, backend_start: datetime) -> Killed:
        found = self._exactly(pid, backend_start)
        for client in found:
            self._world.clients.remove(client)
        return Killed(pid=pid, sent=bool(found))

    def _exactly(self, pid: int, backend_start: datetime) -> list[Client]:
        w = self.world
        return [c for c in w.clients if c.pid == pid and w.at(c.began_s) == backend_start]

    def mend(self, statements: Sequence[str], *, together: bool, lock: int | None) -> None:
        """Only what is written to the ledger is known here."""
        del together, lock
        w = self.world
        for statement in statements:
            found = re.search(r"VALUES \((\d+), false\)", statement)
            if found is not None:
                w.ledger, w.dirty = int(found[1]), False
        w.changes.append(("mend", tuple(statements)))

    def hold_fence(self, key: int) -> bool:
        del key
        w = self.world
        if w.fence not in {None, self}:
            return False
        w.fence = self
        return True

    def close(self) -> None:
        if self._world.fence is self:
            self._world.fence = None


def _session(
    *,
    pid: int,
    began: datetime,
    application_name: str,
    port: int,
    state: str,
    age_s: float | None,
    query: str = "",
    blocked_by: tuple[int, ...] = (),
    relation_locks: tuple[RelationLock, ...] = (),
    advisory_locks: tuple[int, ...] = (),
) -> Session:
    return Session(
        pid=pid, backend_start=began, user="app", database="app", application_name=application_name,
        client_address="127.0.0.1", client_port=port, state=state, wait_event_type="Lock" if blocked_by else None,
        wait_event="relation" if blocked_by else None, transaction_age_s=age_s, statement_age_s=age_s,
        state_age_s=age_s, query=query, blocked_by=blocked_by, relation_locks=relation_locks,
        advisory_locks=advisory_locks,
    )  # fmt: skip
