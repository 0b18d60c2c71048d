"""Scripts that do not end, reach outside or are very long: on real shadows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.core.forecast.assess import Blocks, Forecast
from lockage.core.migration.formats import plain
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.script import read_migrations
from lockage.errors import RefusedError
from lockage.flows.forecast import forecast_folder

pytestmark = pytest.mark.real

SCHEMA = "create table users (id bigint primary key, name text);"


def folder(script: str, *, limit_s: float = 30.0, schema: str = SCHEMA, transaction: Transaction = "file") -> Forecast:
    return forecast_folder(
        read_migrations({"1_a.sql": schema.encode(), "2_b.sql": script.encode()}, form=plain.FORMAT),
        form=plain.FORMAT,
        shadows=EmbeddedShadows(statement_limit_s=limit_s),
        narrate=lambda _: None,
        from_version=1,
        transaction=transaction,
    )


ENDLESS = (
    "do $$ begin loop perform 1; end loop; end $$",
    "select pg_sleep(1000)",
    "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n",
)


@pytest.mark.parametrize("statement", ENDLESS)
@pytest.mark.parametrize("transaction", ["file", "statement"])
def test_a_statement_without_end_is_cut_off_and_unknown_and_the_script_goes_on(
    statement: str, transaction: Transaction
) -> None:
    begun = time.monotonic()
    forecast = folder(f"{statement};\nalter table users add column a int;", limit_s=0.5, transaction=transaction)
    assert time.monotonic() - begun < 20
    assert any("it did not end within " in unknown.reason and "57014" in unknown.reason for unknown in forecast.unknown)
    assert forecast.total_s.high is None
    assert [lock.line for r in forecast.relations for lock in r.locks if lock.mode == "AccessExclusiveLock"] == [2]


STUBBORN = (
    "do $$ begin loop begin perform pg_sleep(10); exception when query_canceled then null; end; end loop; end $$;\n"
    "alter table users add column a int;"
)


def test_a_statement_that_will_not_be_cancelled_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match=r"2_b\.sql:1 ") as raised:
        folder(STUBBORN, limit_s=0.5)
    assert raised.value.code == "LK695"


def reaching(mark: Path) -> dict[str, str]:
    return {
        "copy to a program": f"copy users to program 'touch {mark}'",
        "copy to a file": f"copy users to '{mark}'",
        "copy in a block": f"do $$ begin copy (select 1) to '{mark}'; end $$",
        "dynamic copy in a block": f"do $$ begin execute 'copy (select 1) to program ''touch {mark}'''; end $$",
        "copy in a function": (
            f"create function f() returns void language plpgsql as $$ begin copy (select 1) to '{mark}'; end $$; select f()"
        ),
        "dynamic copy in a function": (
            "create function f() returns void language plpgsql as"
            f" $$ begin execute 'copy (select 1) to program ''touch {mark}'''; end $$; select f()"
        ),
        "copy in a function that a function calls": (
            f"create function f() returns void language plpgsql as $$ begin copy (select 1) to '{mark}'; end $$;"
            "create function g() returns void language sql as $$ select f() $$; do $$ begin perform g(); end $$"
        ),
        "copy in a trigger": (
            "create function f() returns trigger language plpgsql as"
            f" $$ begin copy (select 1) to '{mark}'; return null; end $$;"
            "create trigger t after update on users for each statement execute function f(); update users set name = 'x'"
        ),
        "large object": "select lo_import('/etc/hostname')",
        "large object in an assignment": "do $$ declare o oid; begin o := lo_import('/etc/hostname'); end $$",
        "another database": "create extension dblink; select dblink_exec('dbname=x', 'select 1')",
        "untrusted language": f"do language plpython3u $$ open('{mark}', 'w') $$",
        "library": "create function f(text) returns int language c as '/lib/x86_64-linux-gnu/libc.so.6', 'system'",
    }


@pytest.mark.parametrize("name", reaching(Path("/nowhere")))
def test_what_reaches_outside_is_not_executed_but_reported(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    mark = tmp_path / "touched"
    forecast = folder(reaching(mark)[name])
    assert not mark.exists()
    assert any(unknown.reason.startswith("not executed: ") for unknown in forecast.unknown)
    assert forecast.total_s.high is None


def test_a_function_that_only_looks_alike_runs() -> None:
    script = (
        "create function copy_program(n int) returns int language sql as $$ select n $$;"
        "create function g() returns void language plpgsql as $$ begin perform copy_program(1); end $$; select g();"
        "update users set name = 'copy from program' where id = 1;"
    )
    forecast = folder(script)
    assert not forecast.unknown


@pytest.mark.slow
@pytest.mark.parametrize("transaction", ["file", "statement"])
def test_a_script_of_a_hundred_thousand_lines_is_traced_whole(transaction: Transaction) -> None:
    lines = "".join(f"insert into users (id, name) values ({n}, 'name {n}');\n" for n in range(100_000))
    forecast = folder(f"{lines}alter table users add column a int;", transaction=transaction)
    assert not forecast.unknown
    assert sum(o.rows for o in forecast.operations if o.kind == "insert") == 100_000
    (users,) = forecast.relations
    assert users.blocks is Blocks.READS
    assert users.locks[-1].line == 100_001
