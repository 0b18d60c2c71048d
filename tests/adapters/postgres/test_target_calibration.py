"""A live database asked how fast it is: what is read, what is timed, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from lockage.adapters.postgres.binaries import Binaries
from lockage.adapters.postgres.target import PostgresTarget
from lockage.adapters.postgres.target_reading import read_target
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.target_reading import SampleKind, TargetReading
from lockage.errors import RefusedError

pytestmark = pytest.mark.real

TABLE = """
create table items (id bigint primary key, kind text not null, token text not null, at timestamptz) with (fillfactor = 90);
insert into items select g, 'kind ' || g % 3, md5(g::text), now() from generate_series(1, 20000) as g;
create index items_kind on items (kind, lower(token)) where id > 10;
create index items_at on items using brin (at);
"""

SCHEMAS = "select nspname from pg_namespace where nspname like 'lockage%'"


@pytest.fixture
def filled(database_url: str) -> Iterator[str]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute("vacuum (analyze) items")
        yield database_url


def left_in(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [row[0] for row in connection.execute(SCHEMAS)]


def test_settings_columns_and_indexes_are_read(filled: str) -> None:
    reading = PostgresTarget(filled).reading()
    assert reading.major == 18
    assert reading.sizes["shared_buffers"] == 32 * 1024 * 1024
    assert reading.settings["fsync"] == "off"
    items = reading.tables["public.items"]
    assert items.fill_ratio == 0.9
    assert items.columns["token"].mean_bytes == 33.0
    assert items.columns["id"].correlation == 1.0
    by_name = {index.index: index for index in items.indexes}
    assert by_name["public.items_kind"].columns == ("kind", "")
    assert by_name["public.items_kind"].partial
    assert by_name["public.items_kind"].share == pytest.approx(0.9995)
    assert by_name["public.items_at"].share is None
    assert items.columns["at"].null_ratio == 0.0
    assert by_name["public.items_at"].method == "brin"
    assert by_name["public.items_pkey"].unique


def test_the_oldest_open_transaction_of_others_is_seen(filled: str) -> None:
    with psycopg.connect(filled) as other:
        other.execute("select 1")
        time.sleep(0.3)  # its age is what is asked for
        assert (PostgresTarget(filled).reading().oldest_transaction_s or 0.0) >= 0.3


def test_a_role_that_may_see_little_still_gives_a_reading(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as admin:
        reading = _read_by_a_stranger(admin, filled)
    assert reading.oldest_transaction_s is None
    assert reading.tables["public.items"].columns["token"].mean_bytes is None
    assert reading.sizes["work_mem"] == 4 * 1024 * 1024


def test_the_processor_is_timed_without_a_table_and_the_session_stays_as_it_was(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as session:
        asked = "select name, setting from pg_settings where name in ('jit', 'max_parallel_workers_per_gather') order by name"
        session.execute("set jit = on")
        before = session.execute(asked).fetchall()
        compute = read_target(session).compute
        assert session.execute(asked).fetchall() == before
    assert compute is not None
    assert (compute.kind, compute.rows) == (SampleKind.COMPUTE, 20_000)
    assert 0.0005 < compute.seconds < 1.0


def test_where_digests_cannot_be_made_all_else_is_read(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as admin:
        admin.execute("revoke execute on function md5(text) from public")
        try:
            reading = _read_by_a_stranger(admin, filled)
        finally:
            admin.execute("grant execute on function md5(text) to public")
    assert reading.compute is None
    assert reading.tables["public.items"].columns


def test_digests_that_take_longer_than_the_limit_are_left_out(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as session:
        session.execute("set statement_timeout = 1")
        reading = read_target(session)
        session.execute("set statement_timeout = 0")
    assert (reading.major, reading.compute) == (18, None)


def test_a_function_of_the_databases_own_with_the_name_of_the_digest_is_not_called(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as session:
        session.execute(
            "create function public.md5(text) returns text language plpgsql as 'begin raise sqlstate ''LK000''; end'"
        )
        session.execute("set search_path = public, pg_catalog")
        assert read_target(session).compute is not None


def test_sample_scans_are_timed_and_change_nothing(filled: str) -> None:
    said: list[str] = []
    samples = PostgresTarget(filled).timed_reads(["public.items", "public.missing"], narrate=said.append)
    by_kind = {sample.kind for sample in samples}
    assert by_kind == {SampleKind.COMPUTE, SampleKind.SORT, SampleKind.SCAN}
    scans = [sample for sample in samples if sample.kind is SampleKind.SCAN]
    assert {scan.relation for scan in scans} == {"public.items"}
    assert all(scan.seconds > 0 and scan.hit_bytes + scan.read_bytes > 0 for scan in scans)
    assert sum(scan.rows for scan in scans) > 15_000
    assert said == ["calibrating by reading: at most 64 MB of the 2 largest tables that the script works on, in at most 8 s; "
                    "nothing is changed"]  # fmt: skip


def test_a_table_that_somebody_locks_is_left_out(filled: str) -> None:
    with psycopg.connect(filled) as other:
        other.execute("lock table items in access exclusive mode")
        begun = time.monotonic()
        samples = PostgresTarget(filled).timed_reads(["public.items"], narrate=lambda _: None)
        assert time.monotonic() - begun < 5
    assert SampleKind.SCAN not in {sample.kind for sample in samples}


def test_writing_is_timed_in_a_schema_that_is_gone_afterwards(filled: str) -> None:
    said: list[str] = []
    samples = PostgresTarget(filled).timed_writes(narrate=said.append)
    assert {sample.kind for sample in samples} == {
        SampleKind.INSERT,
        SampleKind.UPDATE,
        SampleKind.DELETE,
        SampleKind.INDEX,
        SampleKind.REWRITE,
        SampleKind.KEY,
        SampleKind.COMMIT,
    }
    assert all(sample.seconds > 0 for sample in samples)
    assert left_in(filled) == []
    assert said[0].startswith("calibrating by writing: about 60 MB of WAL")
    assert said[-1].startswith("dropped schema lockage_calibration_")


def test_a_role_that_may_not_make_a_schema_is_refused_with_what_to_grant(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as admin:
        admin.execute("create role \"Guest\" login password 'x'")
        try:
            target = PostgresTarget(_as(filled, "Guest"))
            with pytest.raises(RefusedError, match="role Guest may not make a schema") as refused:
                target.require_writes()
            with pytest.raises(RefusedError, match="role Guest may not make a schema"):
                target.timed_writes(narrate=lambda _: None)
            assert refused.value.hint is not None
            grant, _, other = refused.value.hint.rpartition(", or ")
            admin.execute(grant.encode())  # it works as it is typed
            target.require_writes()
        finally:
            admin.execute('drop owned by "Guest"; drop role "Guest"')
    assert (refused.value.code, other) == ("LK701", "use --calibrate=read")


INTERRUPTED = """
import sys
from lockage.adapters.postgres.target import PostgresTarget
PostgresTarget(sys.argv[1]).timed_writes(narrate=lambda line: print(line, flush=True))
"""


def _begun(url: str) -> subprocess.Popen[str]:
    """A calibration in a process of its own that has made its schema."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("made schema"):
        assert process.poll() is None
    return process


def test_an_interrupt_leaves_nothing(filled: str) -> None:
    with _begun(filled) as process:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode != 0
    assert left_in(filled) == []


def test_what_a_killed_calibration_left_is_dropped_by_the_next_and_what_is_not_ours_is_kept(filled: str) -> None:
    with _begun(filled) as process:
        process.kill()
        process.wait(20)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create schema lockage_calibration_00000000")  # bears our name, and not our comment
        (left,) = (name for name in left_in(filled) if name != "lockage_calibration_00000000")
        while connection.execute("select from pg_locks where locktype = 'advisory'").fetchone():
            time.sleep(0.05)  # until the server has seen that its client is gone
    said: list[str] = []
    PostgresTarget(filled).timed_writes(narrate=said.append)
    assert said[0] == f"dropped schema {left}, which an earlier calibration had left"
    assert left_in(filled) == ["lockage_calibration_00000000"]


def test_what_another_calibration_is_using_is_left_alone(filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as other:
        other.execute("create schema lockage_calibration_11111111")
        other.execute("comment on schema lockage_calibration_11111111 is 'Made by Lockage to measure'")
        other.execute("select pg_advisory_lock(hashtext('lockage calibration'), hashtext('lockage_calibration_11111111'))")
        PostgresTarget(filled).timed_writes(narrate=lambda _: None)
        assert left_in(filled) == ["lockage_calibration_11111111"]


DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="no server binaries of PostgreSQL 15 here")
def test_an_older_major_is_read_and_timed_too() -> None:
    with throwaway(binaries=Binaries(major=15, bin_dir=DEBIAN_15), tcp=True) as server:
        target = PostgresTarget(server.url("postgres", tcp=True))
        assert target.reading().major == 15
        assert target.timed_reads([], narrate=lambda _: None)
        assert target.timed_writes(narrate=lambda _: None)


def _read_by_a_stranger(admin: psycopg.Connection[TupleRow], url: str) -> TargetReading:
    """What a role without any right is told."""
    admin.execute("create role looker login password 'x'")
    try:
        return PostgresTarget(_as(url, "looker")).reading()
    finally:
        admin.execute("drop role looker")


def _as(url: str, role: str) -> str:
    return make_conninfo(url, user=role, password="x")
