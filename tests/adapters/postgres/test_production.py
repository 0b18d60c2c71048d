"""What endangers a script on a server, read from a real one."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.production import production_of
from lockage.core.forecast.production import InvalidIndex, Production, SequenceUse
from lockage.settings import Watching

pytestmark = pytest.mark.real


def read(url: str) -> Production:
    return production_of(url, watching=Watching())


def test_room_replicas_and_invalid_indexes_are_read(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table t (i int); create index t_i on t (i)")
        session.execute("update pg_index set indisvalid = false where indexrelid = 't_i'::regclass")
    found = read(database_url)
    assert (found.max_locks_per_transaction, found.max_connections, found.max_prepared_transactions) == (64, 100, 5)
    assert (found.max_wal_bytes, found.slot_keep_bytes) == (64 * 1024 * 1024, -1)
    assert (found.standbys, found.slots) == ((), ())
    defined = "CREATE INDEX t_i ON public.t USING btree (i)"
    assert found.invalid_indexes == (InvalidIndex(index="public.t_i", relation="public.t", definition=defined),)
    assert found.free_disk_bytes is None or found.free_disk_bytes > 0


def test_the_numbers_of_narrow_columns_are_read_by_default_and_by_identity(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table a (id serial, small smallserial, wide bigserial, unused serial)")
        session.execute("create table b (id int generated always as identity)")
        for name, value in (("a_id_seq", 100), ("a_small_seq", 32000), ("a_wide_seq", 5), ("b_id_seq", 7)):
            session.execute("select setval(%s, %s)", (name, value))
    assert read(database_url).sequences == (
        SequenceUse(relation="public.a", column="id", last_value=100, limit=2147483647),
        SequenceUse(relation="public.a", column="small", last_value=32000, limit=32767),
        SequenceUse(relation="public.b", column="id", last_value=7, limit=2147483647),
    )


def test_how_often_indexes_were_used_is_read_with_what_would_take_their_place(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table t (a int primary key, b int, c int)")
        session.execute("insert into t select i, i, i from generate_series(1, 5) as i")
        for name, what in {
            "wide": "(b, c)",
            "narrow": "(b)",
            "downwards": "(b desc)",
            "folded": "(abs(b))",
            "part": "(c) where c > 1",
            "whole": "(c)",
        }.items():
            session.execute(f"create index {name} on t {what}".encode())
        session.execute("set enable_seqscan = off")
        session.execute("select from t where a = 1").fetchall()
    found = read(database_url)
    assert {use.index: (use.scans, use.enforces, use.covered_by) for use in found.index_uses or ()} == {
        "public.t_pkey": (1, True, ()),
        "public.wide": (0, False, ()),
        "public.narrow": (0, False, ("public.wide",)),
        "public.downwards": (0, False, ()),
        "public.folded": (0, False, ()),
        "public.part": (0, False, ("public.whole",)),
        "public.whole": (0, False, ()),
    }
    assert found.uses_since is not None
    assert found.seen_at is not None
    [primary] = [use for use in found.index_uses or () if use.index == "public.t_pkey"]
    assert primary.last_at is not None
    assert found.uses_since <= primary.last_at <= found.seen_at


def test_where_nobody_counts_the_use_of_indexes_is_not_known(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table t (a int primary key)")
        session.execute(sql.SQL("alter database {} set track_counts = off").format(sql.Identifier(session.info.dbname)))
    assert read(database_url).index_uses is None


def test_what_may_not_be_seen_or_is_locked_is_not_known_and_nothing_waits(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table a (id serial)")
        session.execute("select setval('a_id_seq', 9)")
        with session.transaction():
            session.execute("alter sequence a_id_seq cache 5")
            assert read(database_url).sequences is None
        session.execute("create role looker login password 'x'")
    narrow = psycopg.conninfo.make_conninfo(database_url, user="looker", password="x")
    assert read(narrow).sequences == ()
    assert read(narrow).max_connections == 100
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("drop role looker")
