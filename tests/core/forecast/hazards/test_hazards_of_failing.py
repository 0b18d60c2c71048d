"""Hazards of what fails or breaks, and of the ledger; and how all are sorted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lockage.core.forecast.assess import Answer, Broken, Check, Severity, Unknown
from lockage.core.forecast.hazards import failing, ledger, release
from lockage.core.forecast.hazards.find import RULES, HazardQuestion, certain_failures, find_hazards, reaching, with_hazards
from lockage.core.forecast.production import Production
from lockage.core.forecast.trace import Failure
from lockage.core.migration.applied import Applied
from lockage.core.migration.formats.format import MigratorLock
from lockage.interfaces.hazards import hazard_kinds
from support.hazard_scenes import scene, sized, told
from support.traces import BEFORE, USERS, Script, mark, relation


def failed(sqlstate: str) -> list[str]:
    script = Script().did("SELECT 1", failure=Failure(sqlstate=sqlstate, message="m"))
    unknown = Unknown(file="1_a.sql", line=1, reason="fails on the shadow")
    seen = scene(script, forecast={"unknown": (unknown,)})
    rules = (
        failing.refuses_a_transaction,
        failing.fails_on_data,
        failing.enum_value_used_too_early,
        failing.fails_for_certain,
        failing.unknown,
    )
    return [one.code for rule in rules for one in rule(seen)]


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("25001", "H040"),
        ("2D000", "H040"),
        ("23505", "H041"),
        ("22012", "H041"),
        ("P0001", "H041"),
        ("55P04", "H042"),
        ("42701", "H043"),
        ("42P01", "H043"),
        ("57014", "H044"),
        ("58P01", "H044"),
    ],
)
def test_a_failure_is_one_hazard_by_its_sqlstate(sqlstate: str, code: str) -> None:
    assert failed(sqlstate) == [code]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer.HOLDS, []),
        (Answer.FAILS, [("H041", None, "error")]),
        (Answer.NOT_ASKED, [("H041", None, None)]),
        (Answer.UNKNOWN, [("H041", None, None)]),
    ],
)
def test_a_check_is_as_bad_as_its_answer(answer: Answer, expected: list[object]) -> None:
    check = Check(query="SELECT\n 1", why="two are alike", file="1_a.sql", line=3, answer=answer)
    found = list(failing.fails_on_data(scene(forecast={"checks": (check,)})))
    assert told(found) == expected
    assert answer is not Answer.NOT_ASKED or found[0].remedy == "Look first: SELECT 1"


@pytest.mark.parametrize(("parameter", "certain"), [("app.host", []), ("work_memory", ["H043"])])
def test_a_parameter_of_the_applications_own_may_be_set_by_its_migrator(parameter: str, certain: list[str]) -> None:
    failure = Failure(sqlstate="42704", message=f'unrecognized configuration parameter "{parameter}"')
    seen = scene(Script().did(f"SELECT current_setting('{parameter}')", failure=failure))
    assert [one.code for one in failing.fails_for_certain(seen)] == certain


def test_a_failure_on_rows_is_told_with_whose_rows_they_were() -> None:
    script = Script().did("SELECT 1", failure=Failure(sqlstate="22P02", message="no such value"))
    (found,) = failing.fails_on_data(scene(script))
    assert found.sentence == (
        "it fails with the rows that the shadow has, of small tables at most: no such value (SQLSTATE 22P02);"
        " with all of production's nobody has tried it"
    )


@pytest.mark.parametrize(("earlier", "certain"), [("22P02", []), ("42601", ["H043", "H043"])])
def test_what_may_follow_from_a_failure_on_rows_is_not_certain(earlier: str, certain: list[str]) -> None:
    script = Script().did("SELECT 1", failure=Failure(sqlstate=earlier, message="m"))
    script.did("DROP TYPE e", failure=Failure(sqlstate="2BP01", message="cannot drop type e"))
    assert [one.code for one in failing.fails_for_certain(scene(script))] == certain


MAKES = "BEGIN IF EXISTS (SELECT FROM users) THEN CREATE TABLE late (a int); END IF; END"
FILLS = "BEGIN IF EXISTS (SELECT FROM users) THEN DELETE FROM keys; END IF; END"


@pytest.mark.parametrize(
    ("earlier", "seen", "certain"),
    [
        ("CREATE TABLE late AS SELECT pg_read_file('x')", {"skipped": "calls pg_read_file"}, []),
        ("SELECT dblink_exec('CREATE TABLE late (a int)')", {"skipped": "calls dblink_exec"}, []),
        ("DO 'import os' LANGUAGE plpython3u", {"skipped": "is a block in plpython3u"}, []),
        ("COPY users FROM PROGRAM 'x'", {"skipped": "runs a program on the server"}, ["H043"]),
        (f"DO $${MAKES}$$", {"inner": ()}, []),
        (f"DO $${FILLS}$$", {"inner": ()}, ["H043"]),
        (
            "CREATE TABLE late AS SELECT current_setting('app.host')",
            {"failure": Failure(sqlstate="42704", message='unrecognized configuration parameter "app.host"')},
            [],
        ),
        ("CREATE TABLE late (a int)", {}, ["H043"]),
    ],
)
def test_what_may_be_missing_for_want_of_what_nobody_saw_is_not_certain(
    earlier: str, seen: Mapping[str, Any], certain: list[str]
) -> None:
    script = Script().did(earlier, **seen).did("ALTER TABLE late ADD b int", failure=Failure(sqlstate="42P01", message="m"))
    assert [one.code for one in failing.fails_for_certain(scene(script))] == certain


@pytest.mark.parametrize("sqlstate", ["42830", "42P10", "42P16", "42809", "42723", "42P06", "42501"])
def test_a_key_that_is_missing_is_as_uncertain_as_a_table_behind_what_nobody_saw(sqlstate: str) -> None:
    script = Script().did("SELECT dblink_exec('x')", skipped="calls dblink_exec")
    script.did("INSERT INTO users VALUES (1)", failure=Failure(sqlstate=sqlstate, message="m"))
    assert not list(failing.fails_for_certain(scene(script)))


def test_what_nobody_saw_is_told_once_for_each_file() -> None:
    unknown = tuple(Unknown(file=file, line=line, reason="r") for file in ("1_a.sql", "2_b.sql") for line in (3, 5, 9))
    found = list(failing.unknown(scene(forecast={"unknown": unknown})))
    assert [(one.file, one.line) for one in found] == [("1_a.sql", 3), ("2_b.sql", 3)]
    assert "2 more places" in found[0].sentence
    (found,) = failing.unknown(scene(forecast={"unknown": unknown[:2]}))
    assert "(and so in 1 more place of the file)" in found.sentence


def test_a_statement_that_looked_at_no_row_cannot_fail_on_one() -> None:
    script = Script().did("ALTER TABLE users ALTER a SET NOT NULL")
    check = Check(query="SELECT 1", why="no NULL", file="1_a.sql", line=1)
    for scanned, expected in ((None, 1), ((USERS,), 1), ((), 0)):
        step = script.steps[-1]
        script.steps[-1] = replace(step, observation=replace(step.observation, scanned=scanned))
        assert len(list(failing.fails_on_data(scene(script, forecast={"checks": (check,)})))) == expected


def test_broken_queries_are_told_once_for_each_reason() -> None:
    broken = tuple(Broken(query=query, sqlstate="42703", message="no column x") for query in ("SELECT x", "SELECT x, y"))
    (found,) = release.broken_queries(scene(forecast={"broken": broken, "statements_checked": 9}))
    assert found.sentence.startswith("2 statements of the running release fail once this has run: ")


def test_a_query_that_breaks_for_some_values_only_is_a_warning() -> None:
    narrow = Broken(query="INSERT", sqlstate="22001", message="too long", certain=False)
    found = list(release.broken_queries(scene(forecast={"may_break": (narrow,), "statements_checked": 9})))
    assert told(found) == [("H050", None, "warning")]
    assert "a statement of the running release may fail for some values" in found[0].sentence


GONE = mark(*(r for r in BEFORE.relations.values() if r.oid != USERS))
RENAMED = mark(*GONE.relations.values(), relation(USERS, "people"))
REMADE = mark(*GONE.relations.values(), relation(77, "users"))


def test_what_goes_away_is_told_where_no_statement_was_given() -> None:
    dropped = scene(Script().did("DROP TABLE users", after=GONE))
    assert [one.sentence.split(",")[0] for one in release.what_goes_away(dropped)] == ["public.users is dropped"]
    renamed = scene(Script().did("ALTER TABLE users RENAME TO people", after=RENAMED))
    assert [one.sentence.split(",")[0] for one in release.what_goes_away(renamed)] == ["public.users becomes public.people"]
    remade = Script().did("DROP TABLE users", after=GONE).did("CREATE VIEW users AS SELECT 1", after=REMADE)
    assert not list(release.what_goes_away(scene(remade)))
    checked = scene(Script().did("DROP TABLE users", after=GONE), forecast={"statements_checked": 3})
    assert not list(release.what_goes_away(checked))


def test_a_column_goes_away_unless_the_script_made_it() -> None:
    script = Script().did("ALTER TABLE users DROP COLUMN a").did("ALTER TABLE users RENAME b TO c")
    assert [one.sentence.split(",")[0] for one in release.what_goes_away(scene(script))] == [
        "column a of public.users is dropped",
        "column b of public.users becomes c",
    ]
    own = Script().did("ALTER TABLE users ADD COLUMN a int").did("ALTER TABLE users DROP COLUMN a")
    assert not list(release.what_goes_away(scene(own)))


def test_late_and_edited_migrations_are_told_by_their_files() -> None:
    seen = scene(applied=Applied(version=3, late=("2_b.sql",), edited=("1_a.sql",)))
    assert [(one.code, one.file) for one in (*ledger.out_of_order(seen), *ledger.edited(seen))] == [
        ("H060", "2_b.sql"),
        ("H061", "1_a.sql"),
    ]


def test_hazards_come_worst_first_with_the_catalogues_words_and_each_once() -> None:
    script = Script().did("SELECT 1", failure=Failure(sqlstate="42701", message="m"))
    check = Check(query="SELECT 1", why="w", file="1_a.sql", line=9)
    found = find_hazards(scene(script, forecast={"checks": (check, check)}), hazard_kinds())
    assert [(hazard.code, hazard.severity) for hazard in found] == [("H043", Severity.ERROR), ("H041", Severity.WARNING)]
    assert found[0].remedy == " ".join(hazard_kinds()["H043"].remedy.split())
    assert [hazard.code for hazard in reaching(found, Severity.ERROR)] == ["H043"]
    assert reaching(found, Severity.NOTE) == found


def test_what_fails_for_certain_stands_before_every_other_hazard() -> None:
    script = Script().did("SELECT 1", failure=Failure(sqlstate="42701", message="m"))
    found = find_hazards(scene(script, applied=Applied(version=3, edited=("60_b.sql",)), forecast={}), hazard_kinds())
    assert [(one.code, one.severity) for one in found] == [("H043", Severity.ERROR), ("H061", Severity.ERROR)]
    assert [one.code for one in certain_failures(found)] == ["H043"]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Production(), ("free", "locks", "replicas", "sequences", "invalid")),
        (Production(free_disk_bytes=1, max_locks_per_transaction=1, standbys=(), slots=(), sequences=()), ("invalid",)),
    ],
)
def test_what_is_not_known_of_the_server_is_an_assumption(known: Production, expected: tuple[str, ...]) -> None:
    seen = scene(Script().did("SELECT 1"), sizes=sized(users=1.0))
    question = HazardQuestion(catalogue=hazard_kinds(), production=known)
    made = with_hazards(
        seen.forecast,
        question,
        trace=seen.trace,
        rules=seen.rules,
        relations=seen.relations.values(),
        lock=MigratorLock.NONE,
    )
    (said,) = made.assumptions
    assert len(said.split(":")[1].split(", ")) == len(expected)
    assert all(word in said for word in expected)


def test_nothing_is_found_in_nothing() -> None:
    assert not [found for rule in RULES for found in rule(scene(Script()))]
