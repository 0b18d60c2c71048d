"""The truth about who waits for a case of the blocking corpus, from real sessions on a database with data.

A script in a transaction is held open at its end, and once more with what its COMMIT would fire; ``waiting_sessions`` then
reads and writes every relation. What refuses a transaction is run three times beside a sampler of ``pg_locks``, which looks as
often as it can, once of these with an old snapshot and an open write in its way; all that was seen held is then taken by a
session of our own, and the same readers and writers try.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from support.blocking_corpus import SCHEMA, Case
from support.waiting_sessions import who_waits

BULK = """
insert into plain select i, 'p' || i, i, '{}' from generate_series(1000, 40000) i;
insert into customers select i, 1, 'c' || i, 'n', 'new', 1, 50, 'n' from generate_series(1000, 20000) i;
insert into orders (customer_id, label) select 1, 'o' || i from generate_series(1000, 20000) i;
insert into products (sku, title) select 's' || i, 't' from generate_series(1000, 20000) i;
insert into readings select i, i % 20, 'k', 1 from generate_series(1000, 40000) i;
insert into lab.things select i, 't' from generate_series(1000, 20000) i;
insert into lab.parts select i, i from generate_series(1000, 20000) i;
insert into big_texts select i, repeat(md5(i::text), 100) from generate_series(1000, 3000) i;
refresh materialized view order_counts;
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

    def __init__(self, server: Server, *, database: str = "blocking") -> None:
        self._server = server
        self._database = database
        with self._admin() as admin:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(database)))
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute(SCHEMA.encode())

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
        found = self._outside(case) if case.outside else who_waits(self.url, case.statements, at_commit=True)
        return {relation: blocks for relation, blocks in found.items() if blocks != "none"}

    def _outside(self, case: Case) -> dict[str, str]:
        held: set[tuple[str, str, str, str]] = set()
        for stalled in (False, False, True):
            with self._bulk() as url:
                for statement in case.statements:
                    held |= _sampled(url, statement, stalled=stalled)
        if case.kind == "code":  # what it commits has no lock that stays; what it holds meanwhile are rows
            return self._rows_of(case)
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
        many, trial = self._database + "_bulk", self._database + "_trial"
        with self._admin() as admin:
            if admin.execute("select 1 from pg_database where datname = %s", (many,)).fetchone() is None:
                admin.execute(_copying(many, self._database))
                with psycopg.connect(self._server.url(many), autocommit=True) as session:
                    session.execute(BULK.encode())
            admin.execute(_copying(trial, many))
            try:
                yield self._server.url(trial)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(trial)))

    def _admin(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._server.url(), autocommit=True)


def _copying(name: str, template: str) -> sql.Composed:
    return sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))


def _sampled(url: str, statement: str, *, stalled: bool) -> _Held:
    with (
        psycopg.connect(url, autocommit=True) as runner,
        psycopg.connect(url, autocommit=True) as sampler,
        psycopg.connect(url) as old,
    ):
        sampler.prepare_threshold = 0
        old.execute("set transaction isolation level repeatable read")
        old.execute("select count(*) from regions")
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


def level(blocks: str) -> str:
    """The same without rows, of which no reader of SQL texts says anything."""
    return blocks if blocks in {"reads", "writes"} else "none"


def compared(truth: dict[str, str], said: dict[str, str], *, order: Sequence[str]) -> dict[str, list[str]]:
    """Relations found, missed and invented: said exactly, said milder than it is, said worse than it is."""
    found: dict[str, list[str]] = {"found": [], "missed": [], "invented": []}
    for relation in sorted({*truth, *said}):
        is_, says = (order.index(where.get(relation, "none")) for where in (truth, said))
        verdict = "found" if is_ == says else "missed" if is_ < says else "invented"
        found[verdict].append(f"{relation} {truth.get(relation, 'none')}" + ("" if is_ == says else f" not {order[says]}"))
    return found
