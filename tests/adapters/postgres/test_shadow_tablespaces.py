"""What a script moves from one tablespace to another is moved on the shadow too, which has them all."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.interfaces.offline import read_survey, save_survey

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def production() -> Iterator[str]:
    with throwaway(tcp=True) as server:
        prepare(server)
        yield server.url(tcp=True)


def prepare(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("set allow_in_place_tablespaces = on")
        admin.execute("create tablespace \"slow disks\" location ''")
        admin.execute("create role owner_of_it nologin")
        admin.execute('create table t (id int primary key) tablespace "slow disks"')
        admin.execute("create table kinds (id int primary key, name text)")
        admin.execute("insert into kinds values (1, 'canary-of-a-small-table')")
        admin.execute("insert into t select generate_series(1, 5000)")
        admin.execute("vacuum analyze")
        admin.execute(sql.SQL("alter database {} owner to owner_of_it").format(sql.Identifier(admin.info.dbname)))


def test_a_table_that_leaves_its_tablespace_is_written_anew(production: str) -> None:
    with EmbeddedShadows().of_database(production) as shadow, shadow.session() as session:
        before = session.mark()
        assert session.execute("alter table t set tablespace pg_default").failure is None
        assert session.execute('create index on kinds (name) tablespace "slow disks"').failure is None
        files = {found.relation: found.relfilenode for found in before.relations.values()}
        after = {found.relation: found.relfilenode for found in session.mark().relations.values()}
        assert files["public.t"] != after["public.t"]


def test_a_file_keeps_tablespaces_and_the_owner_of_the_database(production: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_survey(production, tmp_path / "a.survey")
    about = read_survey(tmp_path / "a.survey").about
    assert (about.tablespaces, about.owner) == (("slow disks",), "owner_of_it")


def test_rows_of_small_tables_are_in_a_file_where_values_were_asked_for_and_on_the_shadow_of_it(
    production: str, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    said = save_survey(production, tmp_path / "without.survey")
    assert (said.small_tables, read_survey(tmp_path / "without.survey").small_tables) == (0, ())
    said = save_survey(production, tmp_path / "with.survey", with_values=True)
    survey = read_survey(tmp_path / "with.survey")
    assert (said.small_tables, [(table.name, len(table.rows)) for table in survey.small_tables]) == (1, [("kinds", 1)])
    with EmbeddedShadows().of_survey(survey) as shadow:
        assert any("1 small table the shadow has the 1 row" in sentence for sentence in shadow.assumptions)
        with shadow.session() as session:
            assert (
                session.execute("do $$ begin if not exists (select from kinds) then raise 'bare'; end if; end $$").failure
                is None
            )
