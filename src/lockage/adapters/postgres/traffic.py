"""One look at the traffic of a live database, for a forecast: open transactions, free connections, statements a second.

Not for a guard, which looks four times a second (``activity``). The surprising thing: it never fails. A forecast without a look
is worth more than none, so whatever keeps something from being seen becomes a sentence of the answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from itertools import groupby
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from lockage.adapters.postgres.activity import read_activity
from lockage.adapters.postgres.session import foreign_errors, granting_sight, load_sql, reading_session
from lockage.core.facts import RelationLock, Session
from lockage.core.forecast.traffic import LockOrder, PreparedLocks, StatementLoad, Traffic, orders_between
from lockage.errors import LockageError
from lockage.settings import Waits, Watching

T = TypeVar("T")

HIDDEN = "<insufficient privilege>"
"""What the server shows of another role's statement to who may not see it."""

LOOKS = 5
"""Looks at the locks of open transactions: in which order an application locks is seen only while it does."""

LOOK_PAUSE_S = 0.05
"""Between two of them: a transaction of a web request is some ten milliseconds long, so that five meet others each."""

ORDERS_LIMIT = 500
"""What is kept of them."""

_WHERE = (
    "select n.nspname from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace"
    " where e.extname = 'pg_stat_statements'"
)


def read_traffic(url: str, *, watching: Watching, waits: Waits, password: Callable[[], str] | None = None) -> Traffic:
    """What goes on in the database at ``url``; what could not be seen is in ``problems``."""
    try:
        with reading_session(url, what="traffic", watching=watching, password=password) as connection:
            return _Look(connection, waits).traffic()
    except LockageError as error:
        return Traffic(problems=(f"nobody looked who stands in the way now, or how much would queue: {error.message}",))


class _Look:
    """Asks one thing after the other, and keeps what could not be had."""

    def __init__(self, connection: psycopg.Connection[Any], waits: Waits) -> None:
        self._connection = connection
        self._waits = waits
        self._problems: list[str] = []

    def traffic(self) -> Traffic:
        sessions = self._sessions()
        snapshots = self._rows("who keeps a snapshot", load_sql("select_snapshots"))
        prepared = self._rows("prepared transactions", load_sql("select_prepared"))
        orders = self._orders(sessions)
        free = self._free_connections(sessions)
        self._of_a_standby()
        statements, since = self._statements()
        return Traffic(
            sessions=sessions,
            snapshots={row["pid"]: row["age_s"] for row in snapshots or ()},
            prepared=_prepared(prepared or ()),
            statements=statements,
            counted_since=since,
            free_connections=free,
            orders=orders,
            problems=tuple(self._problems),
        )

    def _sessions(self) -> tuple[Session, ...]:
        found = self._tried("who stands in the way now", lambda: read_activity(self._connection))
        if found is None:
            return ()
        sessions = tuple(s for s in found.sessions if not s.application_name.startswith("lockage/"))
        if any(session.state is None and not session.is_autovacuum for session in sessions):
            self._problems.append(
                f"what other roles' sessions do, and since when, cannot be seen: {granting_sight(self._connection)}"
            )
        return sessions

    def _orders(self, sessions: tuple[Session, ...]) -> tuple[LockOrder, ...]:
        """In which order open transactions lock, by a few looks."""
        found, earlier = set(orders_between((), sessions)), sessions
        for _ in range(LOOKS - 1 if sessions else 0):
            time.sleep(LOOK_PAUSE_S)
            seen = self._tried("in which order transactions lock", lambda: read_activity(self._connection))
            if seen is None:
                break
            later = tuple(s for s in seen.sessions if not s.application_name.startswith("lockage/"))
            found |= set(orders_between(earlier, later))
            earlier = later
        return tuple(sorted(found, key=lambda one: (one.first, one.second, one.first_mode, one.text))[:ORDERS_LIMIT])

    def _of_a_standby(self) -> None:
        rows = self._rows("whether this is a standby", "select pg_catalog.pg_is_in_recovery() as standby")
        if rows and rows[0]["standby"]:
            self._problems.append(
                "this server is a standby: who is at work on it, its statements and its connections are not those of its"
                " primary, where the script runs"
            )

    def _free_connections(self, sessions: Sequence[Session]) -> int | None:
        """Those that may still be opened, and those of clients here that do nothing: a pool would give them out first.

        As the application's count the role of most sessions; the one that asks may have a limit of its own.
        """
        roles = Counter(session.user for session in sessions if session.user and not session.is_autovacuum)
        busiest = roles.most_common(1)[0][0] if roles else None
        rows = self._rows("free connections", load_sql("select_connection_limits"), {"role": busiest})
        if not rows:
            return None
        row = rows[0]
        left = [row["server_limit"] - row["reserved"] - row["server_connections"]]
        limited = ("database",) if busiest is None else ("database", "role")
        left += [row[f"{what}_limit"] - row[f"{what}_connections"] for what in limited if row[f"{what}_limit"] >= 0]
        idle = sum(1 for session in sessions if session.state == "idle")
        return max(min(left), 0) + idle

    def _statements(self) -> tuple[tuple[StatementLoad, ...] | None, Any]:
        schema = self._rows("statements", _WHERE)
        if not schema:
            self._problems.append(
                "how many statements would queue is not known: extension pg_stat_statements is not in the database"
            )
            return None, None
        name: str = schema[0]["nspname"]
        view = load_sql("select_statement_load"), sql.Identifier(name, "pg_stat_statements")
        rows = self._counted(*view)
        if rows is None:
            return None, None
        hidden = sum(1 for row in rows if row["text"] == HIDDEN)
        if hidden:
            self._problems.append(
                f"{'1 statement' if hidden == 1 else f'{hidden} statements'} of other roles cannot be seen, and would queue"
                f" uncounted: {granting_sight(self._connection)}"
            )
        reset = self._reset(name)
        if reset is None:
            time.sleep(self._waits.counting_s)
            later = self._counted(*view)
            return (None if later is None else _between(rows, later, self._waits.counting_s)), None
        if reset["thrown_away"]:
            self._problems.append("the server has thrown rare statements away to make room, so that a few queue uncounted")
        since = reset["since"].astimezone(UTC)
        return tuple(_load(row, row["counted_s"] or reset["counted_s"]) for row in rows if row["text"] != HIDDEN), since

    def _reset(self, schema: str) -> Mapping[str, Any] | None:
        name = "pg_stat_statements_info"
        there = self._rows(
            "since when statements are counted",
            "select 1 from pg_catalog.pg_views where schemaname = %(schema)s and viewname = %(name)s",
            {"schema": schema, "name": name},
        )
        if not there:
            return None
        rows = self._counted(load_sql("select_statement_reset"), sql.Identifier(schema, name))
        return rows[0] if rows and rows[0]["counted_s"] else None

    def _counted(self, text: LiteralString, view: sql.Identifier) -> list[dict[str, Any]] | None:
        return self._rows("how many statements would queue", sql.SQL(text).format(view=view))

    def _rows(
        self, what: str, query: LiteralString | sql.Composed, values: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]] | None:
        def ask() -> list[dict[str, Any]]:
            with self._connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(query, values).fetchall()

        return self._tried(what, ask)

    def _tried(self, what: str, ask: Callable[[], T]) -> T | None:
        try:
            with foreign_errors(f"reading {what}"):
                return ask()
        except LockageError as error:
            self._problems.append(f"{what} is not known: {error.message}")
            return None


def _prepared(rows: Sequence[Mapping[str, Any]]) -> tuple[PreparedLocks, ...]:
    return tuple(
        PreparedLocks(
            gid=gid,
            user=those[0]["owner"],
            age_s=float(those[0]["age_s"]),
            locks=tuple(
                RelationLock(relation=row["relation"], mode=row["mode"], granted=True) for row in those if row["relation"]
            ),
        )
        for gid, group in groupby(rows, key=lambda row: str(row["gid"]))
        if (those := list(group))
    )


def _load(row: Mapping[str, Any], counted_s: float) -> StatementLoad:
    # Whatever was counted in less than a second was counted in a burst, such as the first statements of a session.
    calls_s = row["calls"] / max(counted_s, 1.0)
    return StatementLoad(text=row["text"], calls_s=calls_s, mean_s=row["mean_s"], max_s=row["max_s"])


def _between(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], seconds: float
) -> tuple[StatementLoad, ...]:
    before = {row["text"]: row["calls"] for row in first}
    return tuple(
        _load({**row, "calls": max(row["calls"] - before.get(row["text"], 0.0), 0.0)}, seconds)
        for row in second
        if row["text"] != HIDDEN
    )
