"""A catalog that is read in parts is the catalog that is read as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from lockage.adapters.postgres import catalog_watch
from lockage.adapters.postgres.catalog_watch import MANY_LOCKED, CatalogWatch
from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.trace import CatalogRules
from support.blocking_corpus import SCHEMA, cases

pytestmark = pytest.mark.real

LOCKED = "select relation, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and relation >= 16384"

TABLES = 30

Session = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def traced(database_url: str) -> Iterator[Session]:
    with psycopg.connect(database_url, autocommit=True) as session:
        yield session


@pytest.fixture
def observer(database_url: str) -> Iterator[Session]:
    with psycopg.connect(database_url, autocommit=True) as session:
        yield session


def in_no_order(rules: CatalogRules) -> dict[str, object]:
    """The rules without the order of their entries."""
    mappings = (
        "views",
        "views_of_only",
        "views_below",
        "sequences",
        "composites",
        "columns",
        "unique_keys",
        "defaults",
        "required",
    )
    ordered = {"columns", "defaults", "required"}
    found: dict[str, object] = {
        name: {oid: values if name in ordered else set(values) for oid, values in getattr(rules, name).items()}
        for name in mappings
    }
    lists = ("foreign_keys", "triggers", "routines", "rewrites", "writable_views", "uses")
    return found | {name: sorted(map(repr, getattr(rules, name))) for name in lists}


def do(watch: CatalogWatch, traced: Session, statement: str) -> None:
    """Execute one statement as the tracing does, in a savepoint of its own."""
    traced.execute("savepoint lockage_trace")
    watch.divided()
    traced.execute(statement.encode())
    watch.look(HeldLocks(HeldLock(int(str(oid)), str(mode)) for oid, mode in traced.execute(LOCKED).fetchall()))
    seen = watch.mark()
    traced.execute("release savepoint lockage_trace")
    assert dict(seen.relations) == dict(CatalogWatch(traced, traced).mark().relations), statement


def check_rules(watch: CatalogWatch, traced: Session, statement: str) -> None:
    assert in_no_order(watch.rules()) == in_no_order(CatalogWatch(traced, traced).rules()), statement


@pytest.mark.parametrize(
    "statement",
    [
        "alter table one add check (is_good(kind))",
        "alter table one alter column kind set default is_good(1)::int",
        "create index on one (is_good(kind))",
        "alter table one enable row level security",
    ],
)
def test_a_function_that_a_table_begins_to_execute_is_known(traced: Session, observer: Session, statement: str) -> None:
    traced.execute("create table one (kind int); create table two ()")
    traced.execute("create function is_good(int) returns bool language sql immutable as 'select $1 > 0'")
    traced.execute("create policy of_two on one using (exists (select from two))")
    watch = CatalogWatch(traced, observer)
    assert not watch.rules().uses
    watch.transaction_begins()
    traced.execute("begin")
    do(watch, traced, statement)
    assert len(watch.rules().uses) == 1


def test_what_a_transaction_has_written_is_not_read_once_more_in_the_next(traced: Session, observer: Session) -> None:
    watch = CatalogWatch(traced, observer)
    watch.mark()
    for statement in ("create table one (kind int)", "insert into one values (1)"):
        watch.transaction_begins()
        traced.execute("begin")
        before = watch.mark()
        do(watch, traced, statement)
        traced.execute("commit")
    assert watch.mark() is before


@pytest.mark.slow
def test_behind_each_statement_of_the_corpus_nothing_is_missed(traced: Session, observer: Session) -> None:
    traced.execute(SCHEMA.encode())
    watch, checked = CatalogWatch(traced, observer), 0
    for case in cases()[::2]:
        if case.outside or case.kind == "transactions":
            continue
        watch.mark()
        watch.rules()
        watch.transaction_begins()
        traced.execute("begin")
        with contextlib.suppress(psycopg.Error):  # some of them fail, here as elsewhere
            for statement in case.statements:
                do(watch, traced, statement)
                check_rules(watch, traced, statement)
                checked += 1
        traced.execute("rollback")
        watch.doubt()
    assert checked > 75


def script() -> Iterator[str]:
    for n in range(TABLES):
        yield (
            f"create table t{n} (id serial primary key, name text unique, kind int, other int references t{max(n - 1, 0)},"
            " made date default now())"
        )
        yield f"create index t{n}_kind on t{n} (kind)"
    for n in range(0, TABLES, 3):
        yield f"alter table t{n} alter column kind set not null"
        yield f"alter table t{n} alter column made drop default"
        yield f"alter table t{n} rename column name to label"
        yield f"drop index t{n}_kind"
        yield f"alter table t{n} drop constraint t{n}_other_fkey"
        yield f"alter table t{n} add column more int generated by default as identity"
        yield f"create view v{n} as select id, label from t{n}"
        yield f"create function f{n}() returns trigger language plpgsql as $$ begin return new; end $$"
        yield f"create trigger g{n} before update of kind on t{n} for each row execute function f{n}()"
        yield f"alter table t{n} alter column other type bigint" if n % 2 else f"alter table t{n} rename column id to key"
        yield f"insert into t{n} (label, kind) values ('x', 1)"
        yield f"alter function f{n}() rename to h{n}"
    yield "alter table t1 rename to renamed"
    yield "create table p (id int, at date) partition by range (at)"
    yield "create table p1 partition of p for values from ('2026-01-01') to ('2027-01-01')"
    yield "create table p2 (id int, at date)"
    yield "alter table p attach partition p2 for values from ('2027-01-01') to ('2028-01-01')"
    yield "create index on p (id)"
    yield "alter table p detach partition p1"
    yield "create schema elsewhere"
    yield "alter table t2 set schema elsewhere"
    yield "alter schema elsewhere rename to somewhere"
    yield "create function is_good(int) returns bool language sql immutable as 'select $1 > 0'"
    yield "alter table t7 add check (is_good(kind))"
    yield "alter table t8 alter column kind set default is_good(1)::int"
    yield "create index on t9 (is_good(kind))"
    yield "create policy of_kind on t10 using (exists (select from t11))"
    yield "alter table t10 enable row level security"
    yield "drop table t4, t5 cascade"
    yield "truncate t6 cascade"
    yield "drop view v0"
    yield from taken_out()


def taken_out() -> Iterator[str]:
    """What is taken out of a catalog tells of no relation."""
    yield "create table heir () inherits (t12)"
    yield "alter table t13 add column more_again int"
    yield "alter table heir no inherit t12"
    yield "drop policy of_kind on t10"
    yield "create index t14_good on t14 (is_good(kind))"
    yield "drop index t14_good"
    yield "alter table t14 drop constraint t14_name_key"
    yield "alter table t14 drop constraint t14_other_fkey"
    yield "create rule no_more as on delete to t16 do instead nothing"
    yield "drop rule no_more on t16"
    yield "drop trigger g18 on t18"
    yield "alter table t19 alter column kind type bigint"
    yield (
        "do $$ begin begin create table gone_again (id int); drop table t20 cascade; raise exception 'no';"
        " exception when others then null; end; end $$"
    )
    yield "create table short_lived (id int primary key); alter table t20 add check (kind > 0); drop table short_lived"
    yield "alter table t20 validate constraint t20_kind_check"
    yield "create temp table passing on commit drop as select 1 as id"
    yield "reindex table t21"
    yield "cluster t21 using t21_pkey"


@pytest.mark.parametrize("many", [0, catalog_watch.MANY])
def test_in_one_long_transaction_nothing_is_missed_either(
    traced: Session, observer: Session, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(catalog_watch, "MANY", many)
    watch = CatalogWatch(traced, observer)
    watch.mark()
    watch.rules()
    watch.transaction_begins()
    traced.execute("begin")
    for number, statement in enumerate(script()):
        do(watch, traced, statement)
        if number % 4 == 0 or number > 150:
            check_rules(watch, traced, statement)
    check_rules(watch, traced, "at the end")
    assert len({oid for oid, _ in traced.execute(LOCKED).fetchall()}) > 2 * MANY_LOCKED
