"""Real readers and writers beside a migration: the longest that each of them waits, relation by relation.

A reader selects one row; a writer's UPDATE changes none, since the lock on the table alone stops it. So whoever waits for rows,
or through a foreign key, is not measured. They rest between two tries, in order not to take the server from the migration; what
is shorter than that rest may be missed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from lockage.core.forecast.assess import Blocks, RelationForecast

REST_S = 0.02
"""A dozen of them at fifty tries a second are less than a twentieth of a core."""

_COLUMN = """
select a.attname
  from pg_attribute as a join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p')
   and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
 order by a.attnum limit 1
"""


@dataclass(kw_only=True)
class Waited:
    """Who tried at one relation, and the longest that one try took."""

    relation: str
    writes: bool
    tries: int = 0
    longest_s: float = 0.0


@contextmanager
def longest_waits(url: str, relations: Iterable[RelationForecast]) -> Generator[list[Waited]]:
    """Readers and writers at work while the context lasts; at every relation that a lock on the whole of it blocks."""
    probes = list(_probes(url, relations))
    stop = threading.Event()
    ready = threading.Barrier(len(probes) + 1)
    threads = [threading.Thread(target=_try, args=(url, probe, waited, stop, ready)) for waited, probe in probes]
    for thread in threads:
        thread.start()
    ready.wait(timeout=30)
    try:
        yield [waited for waited, _ in probes]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _probes(url: str, relations: Iterable[RelationForecast]) -> Iterable[tuple[Waited, sql.Composed]]:
    with psycopg.connect(url) as connection:
        for relation in relations:
            own = relation.blocks is Blocks.WRITES and not relation.because
            if relation.blocks is not Blocks.READS and not own:
                continue
            schema, name = relation.relation.split(".", 1)
            table = sql.Identifier(schema, name)
            if relation.blocks is Blocks.READS:
                yield Waited(relation=relation.relation, writes=False), sql.SQL("select 1 from {} limit 1").format(table)
            column = connection.execute(_COLUMN, (schema, name)).fetchone()
            if column is not None:
                update = sql.SQL("update {0} set {1} = {1} where false").format(table, sql.Identifier(column[0]))
                yield Waited(relation=relation.relation, writes=True), update


def _try(url: str, probe: sql.Composed, waited: Waited, stop: threading.Event, ready: threading.Barrier) -> None:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
        session.execute(probe)
        ready.wait(timeout=30)
        while not stop.wait(REST_S):
            begun = time.monotonic()
            # A view of two tables may meet the migration in the opposite order; whom the server ends has waited, too.
            with suppress(psycopg.errors.DeadlockDetected):
                session.execute(probe)
            waited.longest_s = max(waited.longest_s, time.monotonic() - begun)
            waited.tries += 1
