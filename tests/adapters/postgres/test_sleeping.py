"""A schema in somebody else's file runs nothing while a shadow is made of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.sleeping import schema_asleep
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.dump_parts import check_schema
from lockage.core.forecast.saved_survey import SavedLedger, SavedSurvey
from lockage.errors import UsageError
from lockage.interfaces.offline import read_survey, save_survey

SCENES = """
    create table t (id int); create index on t ((evil('index')));
    create table p (id int) partition by range (id); create table p1 partition of p for values from (evil('bound')) to (5);
    create table a (id int); alter table a add column x int default evil('added_column');
    create foreign data wrapper w validator checks options (a 'b');
    create domain d as bigint check (evil('domain') = 1);
    create table steps (version d check (evil('check') = 1), x int default evil('default'));
    create trigger t before insert on steps for each row execute function fired(); alter table steps enable always trigger t;
    create event trigger l on login execute function event(); alter event trigger l enable always;
    create event trigger e on ddl_command_end execute function event(); alter event trigger e enable always;
    create table u (id int);
"""


def evil(folder: Path) -> str:
    """Functions that leave a file where they were executed."""
    return f"""
        set search_path = public;
        create function worse(name text) returns int language plpgsql volatile as $$
            begin execute format('copy (select 1) to program %L', 'cat > {folder}/' || name); return 1; end $$;
        create function evil(name text) returns int language plpgsql immutable as $$ begin return worse(name); end $$;
        create function fired() returns trigger language plpgsql as $$ begin perform worse('trigger'); return new; end $$;
        create function event() returns event_trigger language plpgsql as $$ begin perform worse(tg_event); end $$;
        create function checks(text[], oid) returns void language plpgsql as $$ begin perform worse('validator'); end $$;
    """


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that the server's account may write to, too."""
    folder = Path(tempfile.mkdtemp(prefix="lk-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=[15, 18])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SavedSurvey:
    """The survey of a database in which next to nothing is, of either major."""
    binaries = find_binaries(request.param)
    if binaries is None:
        pytest.skip(f"no PostgreSQL {request.param} on this machine")
    file = tmp_path_factory.mktemp("plain") / "a.survey"
    with throwaway(binaries=binaries, tcp=True) as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create table other (id int)")
        save_survey(server.url(tcp=True), file)
    return replace(read_survey(file), ledgers=(SavedLedger(schema="public", name="steps", columns=("version",), rows=("7",)),))


@pytest.mark.real
def test_nothing_in_a_file_is_executed_while_a_shadow_is_made_of_it(plain: SavedSurvey, open_folder: Path) -> None:
    schema = plain.schema_sql + evil(open_folder) + SCENES
    check_schema(schema, source="a.survey")
    with EmbeddedShadows(ledger="public.steps").of_survey(replace(plain, schema_sql=schema)) as shadow:
        with shadow.session() as session:
            assert session.execute("alter table other add column x int").failure is None
        shadow.catalog()
    assert [path.name for path in open_folder.iterdir()] == []


@pytest.mark.real
def test_an_event_trigger_that_reaches_out_is_off_on_the_shadow_of_a_database_too(database_url: str, open_folder: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("create table other (id int)")
        admin.execute(evil(open_folder).encode())
        admin.execute("create event trigger e on ddl_command_end execute function event()")
    with EmbeddedShadows().of_database(database_url) as shadow, shadow.session() as session:
        assert session.execute("alter table other add column x int").failure is None
        assert any("are off on the shadow: e" in sentence for sentence in shadow.assumptions)
    assert [path.name for path in open_folder.iterdir()] == []


@pytest.mark.real
def test_functions_are_awake_again_for_the_script(plain: SavedSurvey) -> None:
    schema = plain.schema_sql + "create function public.two() returns int language sql as 'select 2';\n"
    with EmbeddedShadows().of_survey(replace(plain, schema_sql=schema)) as shadow, shadow.session() as session:
        assert session.execute("do $$ begin if public.two() <> 2 then raise 'asleep'; end if; end $$").failure is None


def test_functions_sleep_before_anything_can_call_them() -> None:
    parts = "".join(
        schema_asleep("CREATE FUNCTION f();\nALTER FUNCTION f() OWNER TO a;\nCREATE TABLE t ();\nCREATE TABLE u ();\n")
    )
    asleep = [parts.index("CREATE FUNCTION"), parts.rindex("lockage_asleep", 0, parts.index("CREATE TABLE t"))]
    assert asleep == sorted(asleep)
    assert "lockage_asleep" not in parts[parts.index("CREATE TABLE t") : parts.index("CREATE TABLE u")]


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE TABLE steps (version bigint DEFAULT lo_import('/etc/passwd'));",
        "CREATE DOMAIN d AS text CHECK (pg_read_file('/etc/passwd') <> '');",
    ],
)
def test_a_table_that_reaches_out_of_the_database_is_refused(planted: str) -> None:
    with pytest.raises(UsageError, match=r"schema\.sql, line 1") as caught:
        check_schema(planted, source="a.survey")
    assert caught.value.code == "LK717"
