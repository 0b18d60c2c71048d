"""Text in another encoding than it should be in, and in none, keeps no database from being read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from lockage.adapters.postgres.any_text import dump_in_utf8, in_some_encoding
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.original import read_original
from lockage.adapters.postgres.session import reading_session
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.interfaces.offline import read_survey, save_survey
from lockage.settings import Watching


@pytest.mark.parametrize(("data", "text"), [(b"plain", "plain"), ("é日".encode(), "é日"), (b"r\xf4le", "rôle")])
def test_bytes_are_utf_8_where_they_can_be(data: bytes, text: str) -> None:
    assert in_some_encoding(data) == text


def test_a_dump_without_an_encoding_becomes_one_in_utf_8_line_by_line() -> None:
    dump = b"SET client_encoding = 'SQL_ASCII';\nCREATE TABLE t\xe9 ();\nCREATE TABLE t\xc3\xa9 ();\n"
    assert dump_in_utf8(dump).decode() == "SET client_encoding = 'UTF8';\nCREATE TABLE té ();\nCREATE TABLE té ();\n"


@contextlib.contextmanager
def database(server: Server, encoding: str) -> Iterator[str]:
    name = sql.Identifier(f"in_{encoding.lower()}")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        make = sql.SQL("create database {} template template0 locale 'C' encoding {}")
        admin.execute(make.format(name, sql.Literal(encoding)))
        try:
            yield server.url(f"in_{encoding.lower()}", tcp=True)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.mark.real
@pytest.mark.parametrize(("encoding", "name"), [("LATIN1", "tä"), ("EUC_JP", "日本"), ("SQL_ASCII", "tä")])
def test_a_script_says_names_that_are_not_ascii_in_a_database_of_any_encoding(
    encoding: str, name: str, postgres_server: Server
) -> None:
    alter = sql.SQL("alter table {} add column {} int").format(sql.Identifier(name), sql.Identifier(f"{name}2"))
    with database(postgres_server, encoding) as url:
        options = {} if encoding == "SQL_ASCII" else {"client_encoding": "UTF8"}
        with psycopg.connect(url, autocommit=True, **options) as admin:
            admin.execute(sql.SQL("create table {} (id int)").format(sql.Identifier(name)).as_string().encode())
        with EmbeddedShadows().of_database(url) as shadow, shadow.session() as session:
            seen = session.execute(f"do $$ begin {alter.as_string()}; end $$", inner=True)
            assert seen.failure is None
            assert [statement for statement in seen.inner or () if name in statement]


@pytest.mark.real
def test_bytes_that_are_no_text_are_read_from_a_database_without_an_encoding(postgres_server: Server, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with database(postgres_server, "SQL_ASCII") as url:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(b"create table big (note text default '\xe9\xff')")
            admin.execute(b"insert into big select '\xe9\xff' from generate_series(1, 5000)")
            admin.execute("analyze")
        save_survey(url, tmp_path / "a.survey")
        survey = read_survey(tmp_path / "a.survey")
        assert "DEFAULT 'éÿ'" in survey.schema_sql
        for opened in (EmbeddedShadows().of_database(url), EmbeddedShadows().of_survey(survey)):
            with opened as shadow:
                assert [relation.relation for relation in shadow.relations()] == ["public.big"]
                assert any("has no encoding (SQL_ASCII)" in sentence for sentence in shadow.assumptions)


@pytest.mark.real
def test_a_database_in_another_encoding_may_be_called_postgres() -> None:
    with throwaway(tcp=True) as server:
        with psycopg.connect(server.url("template1"), autocommit=True) as admin:
            admin.execute("alter database postgres rename to other")
            admin.execute("create database postgres template template0 locale 'C' encoding 'LATIN1'")
        with psycopg.connect(server.url(tcp=True), autocommit=True) as admin:
            admin.execute("create table t (id int)")
        with EmbeddedShadows().of_database(server.url(tcp=True)) as shadow:
            assert [relation.relation for relation in shadow.relations()] == ["public.t"]


@pytest.mark.real
def test_a_role_that_was_named_in_a_database_of_another_encoding_is_read(postgres_server: Server, database_url: str) -> None:
    with database(postgres_server, "LATIN1") as url, psycopg.connect(url, autocommit=True, client_encoding="UTF8") as other:
        other.execute('create role "rôle of latin1"')
        try:
            with reading_session(database_url, what="test", watching=Watching()) as session:
                roles = [role.name for role in read_original(session, ledger=None).roles]
        finally:
            other.execute('drop role "rôle of latin1"')
    assert "rôle of latin1" in roles


@pytest.mark.real
def test_what_database_and_role_say_of_text_changes_no_dump(database_url: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with psycopg.connect(database_url, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute("create table \"日本\" (note text default 'back\\slash')")
        for setting in ("client_encoding = latin1", "standard_conforming_strings = off", "quote_all_identifiers = on"):
            admin.execute(sql.SQL("alter database {} set " + setting).format(name))
    save_survey(database_url, tmp_path / "a.survey")
    survey = read_survey(tmp_path / "a.survey")
    assert "SET standard_conforming_strings = on" in survey.schema_sql
    assert "note text DEFAULT 'back\\slash'" in survey.schema_sql
    with EmbeddedShadows().of_database(database_url) as shadow:
        assert [relation.relation for relation in shadow.relations()] == ["public.日本"]
