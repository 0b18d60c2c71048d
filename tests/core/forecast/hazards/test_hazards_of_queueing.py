"""The hazard of waiting for a lock without a limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.hazards import queueing
from lockage.core.forecast.trace import CatalogRules, Routine
from lockage.core.forecast.waiting_records import InTheWay, LongStatement, Queue, Waiting
from support.hazard_scenes import LONG, blocked, scene, sized, told
from support.traces import BEFORE, KEYS, USERS, Script, mark, relation

EXCLUSIVE, SHARE, GENTLE = "AccessExclusiveLock", "ShareLock", "ShareUpdateExclusiveLock"
ADD = "ALTER TABLE users ADD COLUMN n int"
NEW = 60


@pytest.mark.parametrize(
    ("limit_ms", "expected", "words"),
    [
        (0, [("H005", "public.users", None)], "is awaited without a limit:"),
        (None, [("H005", "public.users", None)], "is awaited without a limit that is known:"),
        (2000, [], ""),
        (10_000, [], ""),
        (60_000, [("H005", "public.users", "note")], "is awaited for up to 60 s (limit 10 s):"),
    ],
)
def test_the_value_of_the_limit_counts(limit_ms: int | None, expected: list[object], words: str) -> None:
    found = list(queueing.waits_without_limit(scene(Script().did(ADD, (USERS, EXCLUSIVE), wait_limit_ms=limit_ms))))
    assert told(found) == expected
    assert all(words in one.sentence for one in found)


def test_who_queues_is_told_by_the_lock() -> None:
    [writers] = queueing.waits_without_limit(scene(Script().did("CREATE INDEX ON users (a)", (USERS, SHARE))))
    assert writers.sentence == (
        "ShareLock on public.users is awaited without a limit: behind one long transaction that uses the table everybody"
        " queues who writes it"
    )
    assert not list(queueing.waits_without_limit(scene(Script().did("ANALYZE users", (USERS, GENTLE)))))


WRITER = InTheWay(pid=4711, user="app", application="report", what="active", since_s=312.0, holds="RowExclusiveLock")
VACUUM = InTheWay(pid=1, user="", application="", what="autovacuum", since_s=9.0, holds="AccessShareLock", gives_way=True)
PREPARED = replace(WRITER, pid=None, what="prepared transaction x", since_s=None)
LONG_ONE = LongStatement(statement="SELECT", mean_s=2.0, max_s=45.0, calls_s=0.1)
QUEUE = Queue(calls_s=120.0, waiting=1.0, waiting_most=2.0, free_connections=9, fills_s=None)


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (
            Waiting(in_the_way=(WRITER, PREPARED)),
            "; in its way now: backend 4711 (report), for 312 s so far, and 1 more",
        ),
        (Waiting(in_the_way=(PREPARED,)), "; in its way now: prepared transaction x"),
        (
            Waiting(in_the_way=(VACUUM,), long_statements=(LONG_ONE,)),
            "; a statement of the application that uses it has taken 45 s",
        ),
        (Waiting(queue=QUEUE), "; 120 statements a second would queue"),
        (Waiting(queue=replace(QUEUE, calls_s=0.0)), "reads or writes it"),
        (None, "reads or writes it"),
    ],
)
def test_how_busy_the_table_is_is_told_where_somebody_looked(waiting: Waiting | None, words: str) -> None:
    users = replace(blocked("users", Blocks.READS, LONG), waiting=waiting)
    script = Script().did(ADD, (USERS, EXCLUSIVE))
    [found] = queueing.waits_without_limit(scene(script, relations=[users]))
    assert found.sentence.endswith(words)
    assert found.severity is None


def test_of_two_tables_the_one_that_somebody_uses_now_is_told() -> None:
    users = replace(blocked("users", Blocks.WRITES, LONG), waiting=Waiting(in_the_way=(WRITER,)))
    script = Script().did(ADD, (USERS, SHARE)).did("ALTER TABLE keys ADD n int", (USERS, SHARE), (KEYS, EXCLUSIVE))
    [found] = queueing.waits_without_limit(scene(script, relations=[users]))
    assert found.relation == "public.users"


def test_what_the_script_makes_or_what_is_empty_has_no_queue() -> None:
    made = mark(*BEFORE.relations.values(), relation(NEW, "fresh", "r"))
    script = Script().did("CREATE TABLE fresh (i int)", (NEW, EXCLUSIVE), after=made).did("ALTER TABLE fresh ADD j int")
    assert not list(queueing.waits_without_limit(scene(script)))
    script = Script().did(ADD, (USERS, EXCLUSIVE))
    assert not list(queueing.waits_without_limit(scene(script, sizes=sized(users=0.0))))


def test_a_transaction_and_a_file_are_told_of_once() -> None:
    both = Script().did(ADD, (USERS, SHARE)).did("ALTER TABLE keys ADD n int", (USERS, SHARE), (KEYS, EXCLUSIVE))
    [found] = queueing.waits_without_limit(scene(both))
    assert (found.relation, "on public.keys (and on 1 more)" in found.sentence) == ("public.keys", True)
    apart = Script().did(ADD, (USERS, SHARE), open_behind=False)
    apart.did("ALTER TABLE keys ADD n int", (KEYS, EXCLUSIVE), transaction=2, open_behind=False)
    assert len(list(queueing.waits_without_limit(scene(apart)))) == 1


def test_a_table_that_is_had_is_not_waited_for_again() -> None:
    script = Script().did(ADD, (USERS, EXCLUSIVE), wait_limit_ms=2000)
    script.did("CREATE INDEX ON users (a)", (USERS, EXCLUSIVE), (USERS, SHARE), wait_limit_ms=0)
    assert not list(queueing.waits_without_limit(scene(script)))


def test_a_statement_that_limits_itself_is_believed() -> None:
    block = "DO $$ BEGIN SET LOCAL lock_timeout = '2s'; ALTER TABLE users ADD n int; END $$"
    assert not list(queueing.waits_without_limit(scene(Script().did(block, (USERS, EXCLUSIVE)))))
    assert not list(queueing.waits_without_limit(scene(Script().did("LOCK TABLE users NOWAIT", (USERS, EXCLUSIVE)))))
    definition = "CREATE FUNCTION public.widen() RETURNS void LANGUAGE sql SET lock_timeout TO '2s' AS ''"
    rules = CatalogRules(routines=(Routine(routine="public.widen", language="sql", definition=definition),))
    assert not list(queueing.waits_without_limit(scene(Script(rules=rules).did("SELECT widen()", (USERS, EXCLUSIVE)))))
    assert list(queueing.waits_without_limit(scene(Script().did("SELECT widen()", (USERS, EXCLUSIVE)))))
