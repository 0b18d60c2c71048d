"""A survey kept in a file, and the forecast from it against the one from the database itself."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway
from lockage.adapters.sources.folder import read_folder, resolve
from lockage.core.forecast.assess import Forecast, Seconds
from lockage.core.forecast.calibration.computing import says_computing
from lockage.core.forecast.calibration.inferred import infer
from lockage.core.forecast.saved_survey import packed as files_of
from lockage.core.forecast.saved_survey import unpacked
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.interfaces.deployments import profile_named
from lockage.interfaces.folder_forecast import FolderQuestion, forecast_of_folder
from lockage.interfaces.offline import read_survey, save_survey
from lockage.interfaces.offline_release import forecast_of_release
from support.blocking_corpus import cases, foretold
from support.blocking_truth import Truth
from support.undone import UndoneShadows
from support.untimed import leave_untimed

pytestmark = pytest.mark.real

CANARIES = {
    "most common value": "canary-mcv-7f3a",
    "histogram": "canary-histogram-9b1c",
    "row": "canary-row-5d2e",
    "default of a secret column": "canary-default-4c8d",
    "password of a foreign server's user": "canary-mapping-2a6b",
    "address of a foreign server": "canary-host.internal",
    "setting of the application": "canary-setting-1e9f",
    "token in a function": "ghp_canaryCanaryCanary0123456789abcd",
    "literal of a statement": "canary-literal-8e7d",
    "password of the URL": "canary-url-6a5b",
}

SCHEMA = f"""
create table schema_migrations (version bigint not null, dirty boolean not null);
insert into schema_migrations values (2, false);
create type state as enum ('password', 'token', 'open');
create table users (
    id bigserial primary key, name text not null, email text, state state not null default 'password',
    api_token text default '{CANARIES["default of a secret column"]}', created_at timestamptz default now()
);
create table keys (
    id bigint primary key, user_id bigint references users on delete cascade, scope text check (scope in ('all', 'token'))
);
create index on keys (user_id);
create index on users (lower(email)) where state = 'token';
create table events (at date not null, kind text) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
create view names as select id, name from users;
create materialized view counts as select state, count(*) from users group by 1;
create function note() returns trigger language plpgsql as $$
begin
  -- a comment
  perform 'Authorization: Bearer {CANARIES["token in a function"]}';
  return new;
end $$;
create trigger noted after update on users for each row execute function note();
create function twice(a int) returns int begin atomic select case when a > 0 then a * 2 else 0 end; end;
create extension postgres_fdw;
create server other foreign data wrapper postgres_fdw options (host '{CANARIES["address of a foreign server"]}', port '5432');
create user mapping for public server other options (user 'app', password '{CANARIES["password of a foreign server's user"]}');
create foreign table remote (id int) server other options (table_name 'remote');
insert into users (name, email)
  select case when i % 3 = 0 then '{CANARIES["most common value"]}' else 'n' || i end,
         '{CANARIES["histogram"]}' || i from generate_series(1, 20000) i;
insert into keys select i, i, 'all' from generate_series(1, 20000) i;
insert into events select '2024-01-01'::date + i % 300, '{CANARIES["row"]}' from generate_series(1, 3000) i;
"""

SCRIPTS: Mapping[str, str] = {
    "3_columns.up.sql": "alter table users add age int; update users set age = 1; alter table users alter age set not null;",
    "4_indexes.up.sql": "create index on keys (scope); create unique index on users (email);",
    "5_keys.up.sql": "alter table keys add constraint u foreign key (id) references users; delete from users where id = 7;",
    "6_rewrite.up.sql": "alter table keys alter id type text; alter table events add column x int default 1;",
    "7_code.up.sql": "do $$ begin if exists (select from users) then delete from keys; end if; end $$;",
    "8_view.up.sql": "refresh materialized view counts;",
}  # fmt: skip


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name, text in {"1_a.up.sql": "select 1", "2_b.up.sql": "select 2", **SCRIPTS}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def production(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(SCHEMA.encode())
        name = session.info.dbname
        session.execute(f"alter database {name} set app.jwt_secret = '{CANARIES['setting of the application']}'".encode())
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("analyze")
        session.execute("select pg_stat_force_next_flush()")
        leave_untimed(session)
    return database_url


def saved(url: str, file: Path, *, with_values: bool = False) -> Path:
    save_survey(url, file, with_values=with_values)
    return file


def forecast(folder: Path, *, url: str | None = None, survey: Path | None = None) -> Forecast:
    question = FolderQuestion(folder=folder, database_url=url, survey=survey)
    return forecast_of_folder(question, narrate=lambda _: None)


def rounded(seconds: Seconds) -> tuple[float | None, ...]:
    return tuple(None if one is None else float(f"{one:.2g}") for one in (seconds.low, seconds.likely, seconds.high))


def plain(made: Forecast) -> Mapping[str, object]:
    """What must be the same live and offline."""
    return {
        "relations": [
            (r.relation, r.blocks, r.locks, r.because, r.rows, r.bytes, rounded(r.blocked_s)) for r in made.relations
        ],
        "operations": [(o.kind, o.relation, o.file, o.line, round(o.rows), rounded(o.seconds)) for o in made.operations],
        "unknown": made.unknown,
        "checks": made.checks,
        "total": rounded(made.total_s),
        "hazards": made.hazards,
    }


def contents(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {m.name: found.read() for m in archive if (found := archive.extractfile(m)) is not None}


def packed(file: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def test_a_forecast_from_a_file_is_that_of_the_database(production: str, migrations: Path, tmp_path: Path) -> None:
    live = forecast(migrations, url=production)
    offline = forecast(migrations, survey=saved(production, tmp_path / "a.survey"))
    assert [m.file for m in offline.script.migrations] == sorted(SCRIPTS)
    assert plain(offline) == plain(live)
    assert any("is as it was at" in sentence for sentence in offline.assumptions)
    assert any("most common values and histograms are not in the file" in sentence for sentence in offline.assumptions)
    assert set(live.assumptions) - set(offline.assumptions) <= {s for s in live.assumptions if "small table" in s}


def test_with_values_a_condition_on_them_meets_as_many_rows_as_in_the_database(
    production: str, migrations: Path, tmp_path: Path
) -> None:
    (migrations / "9_some.up.sql").write_text("delete from keys where id < 1000; update users set name = 'x' where email > 'd'")
    live = forecast(migrations, url=production)
    file = saved(production, tmp_path / "a.survey", with_values=True)
    assert plain(forecast(migrations, survey=file)) == plain(live)


def test_nothing_that_was_planted_is_in_the_file(production: str, tmp_path: Path) -> None:
    found = contents(saved(production, tmp_path / "a.survey"))
    leaked = {what: path for what, canary in CANARIES.items() for path, data in found.items() if canary.encode() in data}
    assert leaked == {}
    schema = found["lockage-survey/schema.sql"].decode()
    assert "'password', 'token', 'open'" in " ".join(re.sub(r"\s+", " ", schema).split())
    assert "'token'::public.state" in schema


def test_values_are_in_the_file_where_they_were_asked_for(production: str, tmp_path: Path) -> None:
    file = saved(production, tmp_path / "a.survey", with_values=True)
    assert CANARIES["most common value"].encode() in contents(file)["lockage-survey/statistics.json"]
    assert read_survey(file).about.with_values


def test_the_only_rows_in_the_file_are_the_ledgers_and_only_its_owner_may_read_it(production: str, tmp_path: Path) -> None:
    file = saved(production, tmp_path / "a.survey")
    (ledger,) = read_survey(file).ledgers
    assert (ledger.name, ledger.rows) == ("schema_migrations", ("2\tf",))
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.survey"]


def test_a_file_that_cannot_be_written_is_refused(production: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be written") as caught:
        save_survey(production, tmp_path / "file" / "a.survey")
    assert caught.value.code == "LK718"


@pytest.fixture(scope="module")
def good(postgres_server, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("drop database if exists small")  # of the same module, where its tests came to this process twice
        session.execute("create database small template template0")
    url = postgres_server.url("small", tcp=True)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("create table t (id int primary key)")
    return saved(url, tmp_path_factory.mktemp("good") / "good.survey")


def refused(file: Path) -> LockageError:
    with pytest.raises(UsageError) as caught:
        read_survey(file)
    assert caught.value.hint
    return caught.value


def test_a_file_that_was_cut_short_is_refused(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    for length in (0, 10, len(data) // 2, len(data) - 9, len(data) - 1):
        cut = tmp_path / "cut.survey"
        cut.write_bytes(data[:length])
        assert refused(cut).code == "LK715", length


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"select 1", b"\x1f\x8b\x08\x00garbage"])
def test_a_file_that_is_no_survey_is_refused(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(data)
    assert refused(file).code == "LK715"


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing").code == refused(tmp_path).code == "LK715"


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "lockage-survey/../../evil", "lockage-survey/extra.json", "other/survey.json"]
)
def test_a_name_that_a_survey_has_no_business_with_is_refused(name: str, good: Path, tmp_path: Path) -> None:
    assert refused(packed(tmp_path / "a", {**contents(good), name: b"x"})).code == "LK715"


def test_a_file_of_another_version_is_refused_by_name(good: Path, tmp_path: Path) -> None:
    files = contents(good)
    manifest = json.loads(files["lockage-survey/manifest.json"])
    files["lockage-survey/manifest.json"] = json.dumps({**manifest, "schema": "lockage.survey-file/2"}).encode()
    error = refused(packed(tmp_path / "a", files))
    assert (error.code, "lockage.survey-file/2" in error.message) == ("LK716", True)


def test_a_changed_file_is_refused_by_its_digest(good: Path, tmp_path: Path) -> None:
    files = contents(good)
    files["lockage-survey/relations.json"] = b"[]"
    assert refused(packed(tmp_path / "a", files)).code == "LK717"


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\\\u0000b"])
def test_a_character_that_no_text_of_postgresql_holds_is_refused(text: str, good: Path, tmp_path: Path) -> None:
    files = contents(good)
    survey = files["lockage-survey/survey.json"].replace(b'"database": "small"', f'"database": "{text}"'.encode())
    assert survey != files["lockage-survey/survey.json"]
    manifest = json.loads(files["lockage-survey/manifest.json"])
    manifest["files"][0] |= {"sha256": hashlib.sha256(survey).hexdigest(), "size_bytes": len(survey)}
    files |= {"lockage-survey/survey.json": survey, "lockage-survey/manifest.json": json.dumps(manifest).encode()}
    file = packed(tmp_path / "a", files)
    if text.count("\\") == 1:
        assert refused(file).code == "LK717"
    else:  # written out, it is six characters
        assert read_survey(file).about.database == "a\\u0000b"


@pytest.mark.parametrize(
    "planted",
    [
        "copy t to program 'touch /tmp/owned';",
        "do $$ begin end $$;",
        "create role evil superuser;",
        "set standard_conforming_strings = off;",
        "create table x as select pg_read_file('/etc/passwd');",
        "create materialized view x as select 1;",
        "select pg_sleep(100);",
        "\\! touch /tmp/owned",
    ],
)
def test_a_schema_that_does_what_no_dump_does_is_refused_with_its_line(planted: str, good: Path, tmp_path: Path) -> None:
    import hashlib

    files = contents(good)
    schema = files["lockage-survey/schema.sql"] + planted.encode() + b"\n"
    manifest = json.loads(files["lockage-survey/manifest.json"])
    for one in manifest["files"]:
        if one["path"] == "schema.sql":
            one |= {"sha256": hashlib.sha256(schema).hexdigest(), "size_bytes": len(schema)}
    files |= {"lockage-survey/schema.sql": schema, "lockage-survey/manifest.json": json.dumps(manifest).encode()}
    error = refused(packed(tmp_path / "a", files))
    assert error.code == "LK717"
    assert "schema.sql, line" in error.message


def test_how_fast_the_server_computes_is_in_the_file_and_one_without_it_opens_too(good: Path) -> None:
    survey = read_survey(good)
    assert survey.server.reading is not None
    assert survey.server.reading.compute is not None
    assert any(says_computing(sentence) for sentence in infer(survey.server.reading).assumptions)
    files = dict(files_of(survey)[1])
    server = json.loads(files["server.json"])
    del server["reading"]["compute"]
    before = json.dumps(server).encode()
    manifest = json.loads(files["manifest.json"])
    for one in manifest["files"]:
        if one["path"] == "server.json":
            one["sha256"] = hashlib.sha256(before).hexdigest()
    older = files | {"server.json": before, "manifest.json": json.dumps(manifest).encode()}
    reading = unpacked(older, source="older.survey").server.reading
    assert reading == replace(survey.server.reading, compute=None)


def test_the_same_survey_is_the_same_file(good: Path, tmp_path: Path) -> None:
    survey = read_survey(good)
    assert files_of(survey) == files_of(replace(survey))
    assert {name.partition("/")[2]: data for name, data in contents(good).items()} == dict(files_of(survey)[1])


@pytest.fixture(scope="module")
def counted() -> Iterator[str]:
    """A database that counts statements, some of which hold values all the same."""
    with throwaway(tcp=True, settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        with psycopg.connect(server.url(tcp=True), autocommit=True) as session:
            session.execute("create extension pg_stat_statements; create table t (id int primary key, note text)")
            session.execute("select pg_stat_statements_reset()")
            for _ in range(3):
                session.execute(f"select note from t where note = '{CANARIES['literal of a statement']}'".encode())
            session.execute(f"/* {CANARIES['row']} */ select id from t where id = 77123".encode())
            session.execute(f"create role app password '{CANARIES['password of the URL']}'".encode())
            session.execute(f"create temp table fresh as select '{CANARIES['row']}' as a, 77123 as b".encode())
            session.execute("vacuum (analyze) t")
            session.execute("truncate t")
        yield server.url(tcp=True)


def test_statements_are_in_the_file_without_their_values_and_are_held_against_the_script(counted: str, tmp_path: Path) -> None:
    file = saved(counted, tmp_path / "a.survey")
    text = contents(file)["lockage-survey/statements.json"].decode()
    assert "select note from t where note = $1" in text
    assert "select id from t where id = $1" in text
    assert not [canary for canary in CANARIES.values() if any(canary.encode() in data for data in contents(file).values())]
    assert "create role" not in text
    assert "77123" not in text
    assert "vacuum (analyze) t" in text
    assert "truncate t" in text
    assert "are no queries that can be checked without values: they are not in the file" in text
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1_a.sql").write_text("alter table t drop column note")
    live, offline = (
        forecast_of_folder(
            FolderQuestion(folder=tmp_path / "m", from_version=0, database_url=url, survey=survey), narrate=lambda _: None
        )
        for url, survey in ((counted, None), (None, file))
    )
    assert [broken.query for broken in offline.broken] == ["select note from t where note = $1"]
    assert [broken.query for broken in live.broken] == [broken.query for broken in offline.broken]


@pytest.mark.slow
def test_scripts_of_the_blocking_corpus_are_forecast_from_a_file_as_from_the_database(
    postgres_server: Server, tmp_path: Path
) -> None:
    from lockage.adapters.postgres.shadow import EmbeddedShadows

    truth = Truth(postgres_server)
    try:
        survey = read_survey(saved(truth.url, tmp_path / "a.survey"))
        with EmbeddedShadows().of_database(truth.url) as live, EmbeddedShadows().of_survey(survey) as offline:
            for case in [case for case in cases() if not case.outside][::60]:
                assert foretold(case, "", UndoneShadows(offline)) == foretold(case, "", UndoneShadows(live)), case.id
    finally:
        truth.close()


@pytest.fixture
def towpath(database_url: str) -> str:
    """A database as release 2.26.0 of towpath has it."""
    profile = profile_named("towpath", here=Path())
    source = str(profile.migrations.source)
    files = read_folder(resolve(source))
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table schema_migrations (version bigint not null primary key, dirty boolean not null)")
        for migration in read_migrations(files, form=format_named("golang-migrate"), folder=source):
            if migration.version <= profile.migrations.releases["2.26.0"]:
                session.execute(migration.text.encode())
        session.execute("insert into schema_migrations values (12, false)")
    return database_url


def test_a_file_that_knows_its_application_needs_no_folder(towpath: str, tmp_path: Path) -> None:
    file = tmp_path / "a.survey"
    save_survey(towpath, file, taken_of="demo", release="2.26.0", profile="towpath")
    made = forecast_of_release(file, to="2.27.8", profile=None, here=tmp_path, narrate=lambda _: None)
    assert [migration.version for migration in made.script.migrations] == [13, 14, 15, 16, 17, 18]
    assert made.transactions == 1
    assert made.statements_checked > 0
    newest = forecast_of_release(file, to=None, profile=None, here=tmp_path, narrate=lambda _: None)
    assert newest.script.migrations[-1].version == 19


def test_a_file_of_a_database_alone_needs_the_folder(good: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say of which application") as caught:
        forecast_of_release(good, to=None, profile=None, here=tmp_path, narrate=lambda _: None)
    assert "--migrations DIR" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("ledger", "files"),
    [
        ("schema_migrations", ("20240101000000_a.sql", "20240202000000_b.sql")),  # dbmate's
        ("schema_migration", ("20240101000000_a.postgres.up.sql", "20240202000000_b.postgres.up.sql")),  # pop's
    ],
)
def test_the_ledger_of_another_migrator_says_in_the_file_too_where_the_database_stands(
    ledger: str, files: tuple[str, ...], database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(f"create table {ledger} (version varchar primary key); create table t (id int)".encode())
        session.execute(f"insert into {ledger} values ('20240101000000')".encode())
    (tmp_path / "m").mkdir()
    for name in files:
        (tmp_path / "m" / name).write_text("-- migrate:up\nalter table t add column x int;\n-- migrate:down\n")
    file = saved(database_url, tmp_path / "a.survey")
    assert [m.file for m in forecast(tmp_path / "m", survey=file).script.migrations] == [files[-1]]


def test_a_ledger_that_no_migrator_is_known_for_is_taken_where_the_profile_names_it(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create table steps (version bigint, dirty boolean); insert into steps values (7, false)")
        session.execute("create table other (note text); insert into other values ('x')")
    save_survey(database_url, tmp_path / "a.survey", ledger="public.steps")
    assert [(ledger.name, ledger.rows) for ledger in read_survey(tmp_path / "a.survey").ledgers] == [("steps", ("7\tf",))]
