"""The truth about who waits for a case of the blocking corpus, from real sessions on a database with data.

A script in a transaction is held open at its end, and once more with what its COMMIT would fire; ``waiting_sessions`` then
reads and writes every relation. What an exception gave back is found as a request that waits (``awaited_locks``). What
refuses a transaction is run three times beside a sampler of ``pg_locks``, which looks as often as it can, once of these with an
old snapshot and an open write in its way; all that was seen held is then taken by a session of our own, and the same readers
and writers try.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from support.awaited_locks import asked_for
from support.blocking_corpus import FOLDER, SHOP, Case, schema_of
from support.waiting_sessions import FROM_WORST, who_waits, who_waits_each

_LINGER = """
create function linger() returns event_trigger language plpgsql as $$ begin perform pg_sleep(0.05); end $$;
create event trigger linger on ddl_command_end execute function linger();
"""
"""So that what runs by itself lasts long enough to be seen, and longest where it has all locks of its last transaction."""

_HELD = """
select distinct n.nspname, c.relname, c.relkind, l.mode, i.indexrelid
  from pg_locks l join pg_class r on r.oid = l.relation
  left join pg_index i on i.indexrelid = r.oid
  left join pg_class t on t.reltoastrelid = r.oid
  join pg_class c on c.oid = coalesce(i.indrelid, t.oid, r.oid)
  join pg_namespace n on n.oid = c.relnamespace
 where l.pid = %s and l.locktype = 'relation' and l.granted and r.oid >= 16384 and c.relkind in ('r', 'p', 'm')
   and n.nspname not like 'pg_%%'
   and (i.indexrelid is null or (i.indislive and l.mode = 'AccessExclusiveLock'))
"""
"""Of an index only what stops whoever plans a query: everybody opens a live index of a table."""

_LIVE = "select indexrelid from pg_index where indislive and indexrelid >= 16384"

_SHORT = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}

_Held = frozenset[tuple[str, str, str, str]]


class Truth:
    """One server with the corpus' schema; gives who waits for a case, by relation, without those for whom nobody waits."""

    def __init__(self, server: Server, *, database: str = "blocking", world: str = SHOP) -> None:
        self._server = server
        self._database = database
        self._world = world
        with self._admin() as admin:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(database)))
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute(schema_of(world).encode())

    @property
    def url(self) -> str:
        """Of the database on which everything is rolled back."""
        return self._server.url(self._database)

    def close(self) -> None:
        with self._admin() as admin:
            for name in (self._database, self._database + "_bulk"):
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def of(self, case: Case) -> dict[str, str]:
        """Relation to ``reads``, ``writes`` or ``rows``."""
        if case.outside:
            found = self._outside(case)
        elif case.each:
            slow = any(word in case.text.lower() for word in ("concurrently", "vacuum"))
            with self._bulk() if slow else self._trial(self._database) as url:
                found = who_waits_each(url, case.statements, outside=lambda statement: self._taken(_sampled(url, statement)))
        else:
            found = who_waits(self.url, case.statements, at_commit=True)
            if "exception" in case.text.lower():
                asked = [
                    _taking(schema, name, "r", mode) for schema, name, mode in sorted(asked_for(self.url, case.statements))
                ]
                found = _worse(found, who_waits(self.url, asked)) if asked else found
        return {relation: blocks for relation, blocks in found.items() if blocks != "none"}

    def _outside(self, case: Case) -> dict[str, str]:
        held: set[tuple[str, str, str, str]] = set()
        for stalled in (False, False, True):
            with self._bulk() as url:
                for statement in case.statements:
                    held |= _sampled(url, statement, stalled=stalled)
        if case.kind == "code":  # what it commits has no lock that stays; what it holds meanwhile are rows
            return self._rows_of(case)
        return self._taken(held)

    def _taken(self, held: Iterable[tuple[str, str, str, str]]) -> dict[str, str]:
        """Who waits for one that holds what was seen held."""
        return who_waits(self.url, [_taking(*lock) for lock in sorted(held) if lock[3] != "AccessShareLock"] or ["select 1"])

    def _rows_of(self, case: Case) -> dict[str, str]:
        """A procedure that commits: its body's statements, each in a transaction of its own."""
        with psycopg.connect(self.url, autocommit=True) as session:
            name = case.statements[0].removeprefix("call ").removesuffix("()")
            row = session.execute("select prosrc from pg_proc where proname = %s", (name,)).fetchone()
        assert row is not None
        inner = [line.strip(" ;\n") for line in row[0].split("\n") if line.strip().startswith(("update", "insert", "delete"))]
        found: dict[str, str] = {}
        for statement in inner:
            for relation, blocks in who_waits(self.url, [statement]).items():
                if found.get(relation, "none") == "none":
                    found[relation] = blocks
        return found

    @contextmanager
    def _bulk(self) -> Iterator[str]:
        """A database with many rows, fresh each time."""
        many = self._database + "_bulk"
        with self._admin() as admin:
            if admin.execute("select 1 from pg_database where datname = %s", (many,)).fetchone() is None:
                admin.execute(_copying(many, self._database))
                with psycopg.connect(self._server.url(many), autocommit=True) as session:
                    session.execute((FOLDER / self._world / "bulk.sql").read_text().encode())
                    session.execute(_LINGER.encode())
        with self._trial(many) as url:
            yield url

    @contextmanager
    def _trial(self, template: str) -> Iterator[str]:
        """A copy of a database, on which things stay."""
        trial = self._database + "_trial"
        with self._admin() as admin:
            admin.execute(_copying(trial, template))
            try:
                yield self._server.url(trial)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(trial)))

    def _admin(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._server.url(), autocommit=True)


def _copying(name: str, template: str) -> sql.Composed:
    return sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))


def _sampled(url: str, statement: str, *, stalled: bool = False) -> _Held:
    with (
        psycopg.connect(url, autocommit=True) as runner,
        psycopg.connect(url, autocommit=True) as sampler,
        psycopg.connect(url) as old,
    ):
        sampler.prepare_threshold = 0
        old.execute("set transaction isolation level repeatable read")
        old.execute("select 1")
        if not stalled:
            old.commit()
        held: set[tuple[str, str, str, str]] = set()
        thread = threading.Thread(target=runner.execute, args=(statement.encode(),))
        thread.start()
        turns = 0
        while thread.is_alive():
            seen = sampler.execute(_HELD, (runner.info.backend_pid,)).fetchall()
            # The locks are younger than the snapshot: an index may have died in between.
            live = {row[0] for row in sampler.execute(_LIVE).fetchall()} if any(row[4] for row in seen) else set()
            held.update(tuple(row[:4]) for row in seen if row[4] is None or row[4] in live)
            turns += 1
            if stalled and turns == 200:  # long enough to see where it waits
                old.commit()
        thread.join()
        return frozenset(held)


def _taking(schema: str, name: str, kind: str, mode: str) -> str:
    if kind == "m":
        if mode == "AccessExclusiveLock":
            return f'alter materialized view "{schema}"."{name}" owner to current_role'
        return f'create index on "{schema}"."{name}" ((1))' if mode in {"ShareLock", "ExclusiveLock"} else "select 1"
    return f'lock table only "{schema}"."{name}" in {_SHORT[mode]} mode'


def _worse(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    return {relation: min(blocks, other[relation], key=FROM_WORST.index) for relation, blocks in one.items()}


def level(blocks: str) -> str:
    """The same without rows, of which no reader of SQL texts says anything."""
    return blocks if blocks in {"reads", "writes"} else "none"


def compared(
    truth: dict[str, str], said: dict[str, str], *, order: Sequence[str], surely: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """Relations found, missed and invented: said exactly, said milder than it is, said worse than it is.

    ``surely``: what is said to be certain; what is worse than the truth and said to be only possible is no invention.
    """
    found: dict[str, list[str]] = {"found": [], "missed": [], "invented": [], "possible": []}
    for relation in sorted({*truth, *said}):
        is_, says = (order.index(where.get(relation, "none")) for where in (truth, said))
        certain = order.index((surely or said).get(relation, "none"))
        verdict = "found" if is_ == says else "missed" if is_ < says else "invented" if is_ > certain else "possible"
        found[verdict].append(f"{relation} {truth.get(relation, 'none')}" + ("" if is_ == says else f" not {order[says]}"))
    return found
