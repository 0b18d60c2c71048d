"""Faults of locks: who holds what the migration needs, and who only seems to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from faults.fault import Fault, Neighbour
from faults.ground import MANY, Ground, eventually
from lockage.demo.towpath.migrator import LOCK_KEY


@contextmanager
def idle_in_transaction(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.holds("api_keys")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    yield


@contextmanager
def idle_in_transaction_elsewhere(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.session("reports/nightly").execute("select count(*) from users")
    ground.upgraded()
    yield


@contextmanager
def running_query(ground: Ground) -> Iterator[None]:
    ground.towpath()
    session = ground.session("reports/nightly")
    ground.runs(session, "select pg_sleep(60) from api_keys limit 1")
    eventually(lambda: ground.ask("select from pg_stat_activity where wait_event = 'PgSleep'"), "the report runs")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    yield


@contextmanager
def query_beside(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.runs(ground.session("reports/nightly"), "select pg_sleep(60) from users limit 1")
    ground.upgraded()
    yield


@contextmanager
def prepared(ground: Ground) -> Iterator[None]:
    ground.towpath()
    session = ground.session("transaction-manager")
    session.execute("lock table api_keys in row exclusive mode")
    session.execute("prepare transaction 'bank-4711'")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    try:
        yield
    finally:
        if ground.ask("select from pg_prepared_xacts where gid = 'bank-4711'"):  # nobody has recovered from it
            ground.order("rollback prepared 'bank-4711'")


@contextmanager
def prepared_elsewhere(ground: Ground) -> Iterator[None]:
    ground.towpath()
    session = ground.session("transaction-manager")
    session.execute("insert into users select gen_random_uuid(), 'x', 'x@x.example' where false")
    session.execute("lock table organizations in access share mode")
    session.execute("prepare transaction 'bank-4712'")
    try:
        yield
    finally:
        ground.order("rollback prepared 'bank-4712'")


@contextmanager
def row_locks(ground: Ground) -> Iterator[None]:
    ground.ferry()
    session = ground.session("harbour-office")
    session.execute("update berths set name = 'closed' where id = 7")
    ground.runs(session, "select pg_sleep(60)")
    eventually(lambda: ground.ask("select from pg_stat_activity where wait_event = 'PgSleep'"), "the office works")
    ground.roll_out("1.4.1")
    ground.until_waits("ferry-%")
    yield


@contextmanager
def rows_of_nobody(ground: Ground) -> Iterator[None]:
    ground.ferry()
    ground.runs(ground.session("harbour-office"), "select pg_sleep(60) from berths limit 1")
    ground.upgraded("1.4.1")
    yield


@contextmanager
def waiting_orphan(ground: Ground) -> Iterator[None]:
    """A migrator was killed while it waited for somebody's lock: its backend waits on, and the next one waits for that."""
    ground.towpath()
    ground.holds("api_keys")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    ground.process("2.27.8").kill()
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def killed_and_gone(ground: Ground) -> Iterator[None]:
    """The same, only that the server looks whether clients are there: the backend is gone before the next one comes."""
    ground.towpath()
    ground.order("alter role towpath set client_connection_check_interval = '100ms'")
    holder = ground.holds("api_keys")
    ground.roll_out("2.27.8")
    pid = ground.until_waits("towpath/%")
    ground.process("2.27.8").kill()
    eventually(lambda: not ground.ask("select from pg_stat_activity where pid = %s", pid), "its backend is gone")
    holder.close()
    ground.until_ready()
    yield


@contextmanager
def working_orphan(ground: Ground) -> Iterator[None]:
    """A migrator was killed in the middle of a file, which PostgreSQL finishes before it notices; the next one waits."""
    ground.towpath("2.27.8", rows=MANY, ready=False)
    ground.until_migrates()
    ground.process("2.27.8").kill()
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def waits_its_turn(ground: Ground) -> Iterator[None]:
    """Two replicas of the new release start at once over many rows: one migrates, one waits."""
    ground.towpath("2.27.8", rows=MANY, replicas=2, ready=False)
    ground.until_waits("towpath/%", event="advisory")
    yield


@contextmanager
def foreign_migration_lock(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.session("maintenance", autocommit=True).execute(f"select pg_advisory_lock({LOCK_KEY})")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%", event="advisory")
    ground.until_old("maintenance", 5.5)
    yield


@contextmanager
def another_advisory_lock(ground: Ground) -> Iterator[None]:
    ground.towpath()
    ground.session("psql").execute("select pg_advisory_lock(42)")
    ground.upgraded()
    yield


WORKER = {"autovacuum": "on", "autovacuum_naptime": "1s"}
SLOWLY = "autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1500"
BURNT = 110_000
"""Transactions: more than the least ``autovacuum_freeze_max_age``."""


def _prevents_wrap_around(ground: Ground, table: str) -> None:
    """An autovacuum works on a table so old that it does not yield; each block with a handler takes a transaction."""
    ground.order(
        "create table burnt (i int)",
        f"alter table {table} set ({SLOWLY})",
        f"do $$ begin for i in 1..{BURNT} loop begin insert into burnt values (i); exception when others then null; end;"
        " end loop; end $$",
        "drop table burnt",
    )
    ground.stop_server()
    ground.start_server(**WORKER)
    ground.until_ready()
    works = "select from pg_stat_activity where query ~ %s"
    eventually(lambda: ground.ask(works, f"^autovacuum:.*{table} .*wraparound"), "it prevents wrap-around")


@contextmanager
def wrap_around(ground: Ground) -> Iterator[None]:
    ground.towpath(rows=MANY)
    _prevents_wrap_around(ground, "api_keys")
    ground.roll_out("2.27.8")
    ground.until_waits("towpath/%")
    yield


@contextmanager
def wrap_around_elsewhere(ground: Ground) -> Iterator[None]:
    ground.towpath(rows=MANY)
    ground.order("create table cargo as select user_id, hashed_secret from api_keys")
    _prevents_wrap_around(ground, "cargo")
    ground.upgraded()
    yield


FAULTS = (
    Fault(
        name="idle in transaction holds a table",
        code="F044",
        make=idle_in_transaction,
        neighbour=Neighbour(name="idle in transaction on another table", make=idle_in_transaction_elsewhere),
    ),
    Fault(
        name="a running query holds a table",
        code="F040",
        make=running_query,
        neighbour=Neighbour(name="a long query on another table", make=query_beside),
    ),
    Fault(
        name="a prepared transaction holds a table",
        code="F045",
        make=prepared,
        neighbour=Neighbour(name="a prepared transaction on another table", make=prepared_elsewhere),
    ),
    Fault(
        name="an autovacuum that prevents wrap-around holds a table",
        code="F046",
        make=wrap_around,
        neighbour=Neighbour(name="an autovacuum prevents wrap-around of another table", make=wrap_around_elsewhere),
    ),
    Fault(
        name="a stranger's migration waits for rows",
        code="F041",
        make=row_locks,
        neighbour=Neighbour(name="a long query beside a stranger's finished upgrade", make=rows_of_nobody),
        known=False,
    ),
    Fault(
        name="an orphan of a killed process waits for somebody",
        code="F044",
        make=waiting_orphan,
        allowed=("F043", "F011", "F010"),  # somebody killed it: that is so
        chained=(("F043", "F010"),),
        neighbour=Neighbour(name="a process was killed and its backend is gone", make=killed_and_gone),
    ),
    Fault(
        name="an orphan of a killed process works",
        code="F010",
        make=working_orphan,
        allowed=("F043", "F011"),
        chained=(("F043", "F010"),),
        neighbour=Neighbour(name="a follower waits its turn", make=waits_its_turn, says=("F042", "F055")),
    ),
    Fault(
        name="somebody else holds the migration lock",
        code="F049",
        make=foreign_migration_lock,
        neighbour=Neighbour(name="somebody holds another advisory lock", make=another_advisory_lock),
    ),
)
