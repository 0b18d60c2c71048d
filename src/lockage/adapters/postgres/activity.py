"""One look at a database: who is connected, who waits for whom, which locks on which relations, how far long commands are.

Not for judging whose session it is (``core.sessions``). The surprising thing: no name of a relation is asked of the relation
itself, so a look waits for nobody, even while an ``ALTER`` holds everything; and a role without ``pg_read_all_stats`` still
sees pids, names, waits, blockers and locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lockage.adapters.postgres.progress import read_work
from lockage.adapters.postgres.session import load_sql
from lockage.core.facts import Activity, RelationLock, Session
from lockage.core.sessions import UNSEEN


def read_activity(connection: psycopg.Connection[Any]) -> Activity:
    """All sessions of this database but our asking one, with locks, waits and progress, at the server's time."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load_sql("select_sessions")).fetchall()
        now = datetime.now(UTC)
        locks = cursor.execute(load_sql("select_locks")).fetchall()
    sessions = _sessions(rows, locks)
    busy = [s.pid for s in sessions if s.state not in {None, "idle"}]
    at = rows[0]["at"].astimezone(UTC) if rows else now
    # A slow answer makes the database seem behind, which never makes a living client's session look older than its process.
    ahead_s = (at - now).total_seconds()
    return Activity(at=at, sessions=sessions, work=read_work(connection, busy=busy), ahead_s=ahead_s)


def _sessions(rows: Iterable[Mapping[str, Any]], locks: Iterable[Mapping[str, Any]]) -> tuple[Session, ...]:
    relations: defaultdict[int, list[RelationLock]] = defaultdict(list)
    advisory: defaultdict[int, list[int]] = defaultdict(list)
    for lock in locks:
        if lock["relation"] is None:
            advisory[lock["pid"]].append(lock["advisory"])
        else:
            found = RelationLock(relation=lock["relation"], mode=lock["mode"], granted=lock["granted"])
            relations[lock["pid"]].append(found)
    return tuple(_session(row, relations[row["pid"]], advisory[row["pid"]]) for row in rows)


def _session(row: Mapping[str, Any], relations: Sequence[RelationLock], advisory: Sequence[int]) -> Session:
    begun: datetime | None = row["backend_start"]
    return Session(
        pid=row["pid"],
        backend_start=UNSEEN if begun is None else begun.astimezone(UTC),
        user=row["user"],
        database=row["database"],
        application_name=row["application_name"] or "",
        client_address=row["client_address"],
        client_port=row["client_port"],
        state=row["state"],
        wait_event_type=row["wait_event_type"],
        wait_event=row["wait_event"],
        transaction_age_s=row["transaction_age_s"],
        statement_age_s=row["statement_age_s"],
        state_age_s=row["state_age_s"],
        query=row["query"],
        blocked_by=tuple(sorted(set(row["blocked_by"]))),
        relation_locks=tuple(relations),
        advisory_locks=tuple(advisory),
    )
