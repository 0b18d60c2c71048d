"""What a trace did not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.gaps import find_gaps
from lockage.core.forecast.trace import CatalogRules, Failure, Routine, Trigger, Use
from support.traces import KEYS, USER_VIEW, USERS, Script


def gaps(script: Script) -> list[tuple[int, str]]:
    return [(gap.line, gap.reason) for gap in find_gaps(script.steps[-1])]


def test_a_straight_block_has_no_gap() -> None:
    assert gaps(Script().did("DO $$ BEGIN ALTER TABLE users ADD a int; UPDATE keys SET b = 1; END $$", inner=[])) == []


def test_a_branch_that_did_not_run_is_a_gap_at_its_own_line() -> None:
    found = gaps(Script().did("DO $$\nBEGIN\n  IF x THEN\n    UPDATE keys SET b = 1;\n  END IF;\nEND $$", inner=[]))
    assert found == [(4, "in a branch did not run: UPDATE keys SET b = 1")]


def test_a_branch_that_ran_is_none() -> None:
    block = "DO $$ BEGIN IF x THEN UPDATE keys SET b = 1; END IF; END $$"
    assert gaps(Script().did(block, inner=["UPDATE keys SET b = $1"])) == []


def test_dynamic_sql_that_ran_in_a_loop_is_none_and_else_can_be_anything() -> None:
    block = "DO $$ DECLARE t text; BEGIN FOR t IN SELECT k FROM z LOOP EXECUTE format('DROP TABLE %s', t); END LOOP; END $$"
    assert gaps(Script().did(block, inner=["SELECT $1", "DROP TABLE a"])) == []
    (gap,) = find_gaps(Script().did(block, inner=["SELECT $1"]).steps[-1])
    assert gap.statements is None


def test_a_caught_exception_gives_locks_back_and_so_counts_as_unseen() -> None:
    block = "DO $$ BEGIN BEGIN LOCK TABLE users; PERFORM 1/0; EXCEPTION WHEN others THEN NULL; END; END $$"
    assert [line for line, _ in gaps(Script().did(block, inner=["LOCK TABLE users"]))] == [1, 1]
    kept = "DO $$ BEGIN BEGIN LOCK TABLE users; EXCEPTION WHEN others THEN NULL; END; END $$"
    assert gaps(Script().did(kept, (USERS, "AccessExclusiveLock"), inner=["LOCK TABLE users"])) == []


def test_a_failure_names_its_sqlstate() -> None:
    script = Script().did("INSERT INTO users VALUES (1)", failure=Failure(sqlstate="23502", message="null value"))
    assert gaps(script) == [(1, "fails on the shadow: null value (SQLSTATE 23502)")]


def test_what_was_not_executed_says_why() -> None:
    script = Script().did("COPY users FROM PROGRAM 'x'", skipped="runs a program on the server")
    assert gaps(script) == [(1, "not executed: it runs a program on the server")]


def test_another_language_can_do_anything() -> None:
    (gap,) = find_gaps(Script().did("DO LANGUAGE plpython3u $$ x $$").steps[-1])
    assert gap.statements is None


def function(body: str) -> CatalogRules:
    definition = f"CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
    return CatalogRules(
        routines=(Routine(routine="public.f", language="plpgsql", definition=definition),),
        triggers=(
            Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=("UPDATE",), columns=("name",)),
        ),
    )


def test_a_row_trigger_that_writes_elsewhere_is_a_gap_of_the_update_that_would_fire_it() -> None:
    rules = function("BEGIN UPDATE keys SET a = 1; RETURN NEW; END")
    (gap,) = find_gaps(Script(rules=rules).did("UPDATE users SET name = 'x'").steps[-1])
    assert gap.reason == "trigger t, function public.f line 1: not called here, so it did not run: UPDATE keys SET a = 1"
    assert gap.statements is not None
    assert [str(change.relation) for s in gap.statements for change in s.changes] == ["keys"]


def of_statements(rules: CatalogRules, *, conditional: bool = False) -> CatalogRules:
    (trigger,) = rules.triggers
    return replace(rules, triggers=(replace(trigger, row_level=False, conditional=conditional),))


def test_a_trigger_of_a_statement_fires_where_no_row_is_met_and_so_was_seen() -> None:
    straight = function("BEGIN UPDATE keys SET a = 1; RETURN NULL; END")
    branch = function("BEGIN IF (SELECT count(*) FROM keys) > 3 THEN UPDATE keys SET a = 1; END IF; RETURN NULL; END")
    update = "UPDATE users SET name = 'x'"
    assert gaps(Script(rules=of_statements(straight)).did(update, inner=[])) == []
    assert len(gaps(Script(rules=of_statements(straight, conditional=True)).did(update, inner=[]))) == 1
    assert len(gaps(Script(rules=of_statements(branch)).did(update, inner=[]))) == 1
    upsert = "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'"
    assert gaps(Script(rules=of_statements(straight)).did(upsert, inner=[])) == []
    assert len(gaps(Script(rules=straight).did(upsert, inner=[]))) == 1


def test_an_upsert_fires_no_trigger_of_columns_that_it_does_not_set() -> None:
    rules = function("BEGIN UPDATE keys SET a = 1; RETURN NEW; END")
    assert (
        gaps(Script(rules=rules).did("INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", inner=[])) == []
    )


def test_a_trigger_that_only_sets_columns_or_looks_is_none() -> None:
    for body in (
        "BEGIN NEW.a = now(); RETURN NEW; END",
        "BEGIN IF EXISTS (SELECT FROM keys) THEN RETURN NULL; END IF; RETURN NEW; END",
    ):
        assert gaps(Script(rules=function(body)).did("UPDATE users SET name = 'x'")) == []


def test_a_trigger_of_another_column_or_event_does_not_fire() -> None:
    rules = function("BEGIN UPDATE keys SET a = 1; RETURN NEW; END")
    assert gaps(Script(rules=rules).did("UPDATE users SET age = 1")) == []
    assert gaps(Script(rules=rules).did("DELETE FROM users")) == []


def test_an_upsert_may_fire_the_triggers_of_an_update() -> None:
    rules = function("BEGIN UPDATE keys SET a = 1; RETURN NEW; END")
    (gap,) = gaps(Script(rules=rules).did("INSERT INTO users VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'x'"))
    assert "trigger t, function public.f" in gap[1]
    assert gaps(Script(rules=rules).did("INSERT INTO users VALUES (1, 'x') ON CONFLICT DO NOTHING")) == []
    assert gaps(Script(rules=rules).did("INSERT INTO users VALUES (1, 'x')")) == []


def test_a_called_function_whose_body_did_not_run_is_a_gap() -> None:
    rules = CatalogRules(
        routines=(
            Routine(
                routine="public.g",
                language="plpgsql",
                definition="CREATE FUNCTION public.g() RETURNS void LANGUAGE plpgsql AS"
                " $$ BEGIN IF x THEN DELETE FROM keys; END IF; END $$",
            ),
        )
    )
    assert [line for line, _ in gaps(Script(rules=rules).did("SELECT g()", (KEYS, "RowExclusiveLock"), inner=[]))] == [1]
    assert gaps(Script(rules=rules).did("SELECT g()", inner=["DELETE FROM keys"])) == []


@pytest.mark.parametrize(("code", "gaps_found"), [("DELETE FROM keys", 1), ("PERFORM upper(x)", 0), ("PERFORM f(x)", 0)])
def test_a_function_that_looks_at_nothing_is_as_bad_as_those_that_it_calls(code: str, gaps_found: int) -> None:
    outer = "CREATE FUNCTION public.f(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(g($1)) $$"
    inner = f"CREATE FUNCTION public.g(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN {code}; RETURN x; END $$"
    rules = CatalogRules(
        routines=(
            Routine(routine="public.f", language="sql", definition=outer),
            Routine(routine="public.g", language="plpgsql", definition=inner),
        )
    )
    text = "ALTER TABLE users ADD COLUMN b text GENERATED ALWAYS AS (f(name)) STORED"
    assert len(gaps(Script(rules=rules).did(text, inner=[]))) == gaps_found


CALLED_BY = {
    "CREATE TABLE t (a int DEFAULT g(), b int GENERATED ALWAYS AS (g()) STORED, CHECK (g() > 0))": 0,
    "CREATE VIEW v AS SELECT g()": 0,
    "CREATE POLICY p ON users USING (g() > 0)": 0,
    "CREATE RULE r AS ON INSERT TO users WHERE g() > 0 DO ALSO NOTHING": 0,
    "CREATE DOMAIN d AS int CHECK (g() > 0)": 0,
    "CREATE TABLE t PARTITION OF users FOR VALUES FROM (g()) TO (9)": 1,
    "CREATE TABLE t AS SELECT g()": 1,
    "CREATE TABLE t AS SELECT g() WITH NO DATA": 0,
    "CREATE TABLE t AS EXECUTE p (g()) WITH NO DATA": 1,
    "CREATE MATERIALIZED VIEW m AS SELECT g() WITH NO DATA": 0,
    "CREATE MATERIALIZED VIEW m AS SELECT g()": 1,
    "ALTER TABLE users ADD CHECK (g() > 0)": 1,
    "ALTER TABLE users ADD CHECK (g() > 0) NOT VALID": 0,
    "ALTER TABLE users ALTER a SET DEFAULT g()": 0,
    "ALTER TABLE users ALTER a SET DEFAULT g(), ADD b int DEFAULT g()": 1,
    "ALTER TABLE users ALTER a SET DEFAULT g(), ADD CHECK (g() > 0) NOT VALID": 0,
    "ALTER TABLE users ADD b int DEFAULT g()": 1,
    "ALTER TABLE users ALTER a TYPE int USING g()": 1,
    "ALTER DOMAIN d SET DEFAULT g()": 0,
    "ALTER DOMAIN d ADD CHECK (g() > 0) NOT VALID": 0,
    "ALTER DOMAIN d ADD CHECK (g() > 0)": 1,
    "CREATE INDEX ON users (g())": 1,
}
"""Statements with the number of gaps, where nobody saw what the function does that they name."""


@pytest.mark.parametrize("text", CALLED_BY)
def test_a_function_that_is_only_written_down_does_not_run(text: str) -> None:
    body = "CREATE FUNCTION public.g() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF x THEN DELETE FROM keys; END IF; END $$"
    rules = CatalogRules(routines=(Routine(routine="public.g", language="plpgsql", definition=body),))
    assert len(gaps(Script(rules=rules).did(text, inner=[]))) == CALLED_BY[text]


@pytest.mark.parametrize(
    ("use", "text", "found"),
    [
        ("INSERT", "INSERT INTO users (name) VALUES ('x')", 1),
        ("INSERT", "UPDATE users SET name = 'x'", 0),
        ("WRITE", "UPDATE users SET name = 'x'", 1),
        ("WRITE", "DELETE FROM users", 0),
        ("READ", "INSERT INTO users (name) VALUES ('x')", 0),
        ("WRITE", "INSERT INTO keys VALUES (1)", 0),
    ],
)
def test_a_function_that_a_changed_table_runs_by_itself_may_leave_a_gap(use: str, text: str, found: int) -> None:
    body = "CREATE FUNCTION public.g() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF x THEN DELETE FROM keys; END IF; END $$"
    rules = CatalogRules(
        routines=(Routine(routine="public.g", language="plpgsql", definition=body),),
        uses=(Use(relation_oid=USERS, by="check c", routine="public.g", reads_oid=None, event=use),),
    )
    assert len(gaps(Script(rules=rules).did(text))) == found


def test_a_trigger_in_the_place_of_a_view_that_met_no_row_is_a_gap() -> None:
    routine = Routine(
        routine="public.instead",
        language="plpgsql",
        definition="CREATE FUNCTION public.instead() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE users SET name = new.name WHERE id = new.id; RETURN new; END $$",
    )
    trigger = Trigger(name="i", table_oid=USER_VIEW, routine="public.instead", row_level=True, events=("UPDATE",))
    rules = CatalogRules(triggers=(trigger,), routines=(routine,))
    (step,) = Script(rules=rules).did("UPDATE user_view SET name = 'x'").trace().statements
    (gap,) = find_gaps(step)
    assert "trigger i, function public.instead" in gap.reason


def test_a_function_called_with_constants_takes_the_way_that_the_catalog_shows() -> None:
    routine = Routine(
        routine="public.add_once",
        language="plpgsql",
        definition="""CREATE FUNCTION public.add_once(t regclass) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
          IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = t) THEN
            EXECUTE format('ALTER TABLE %s ADD a int', t);
          END IF;
        END $$""",
    )
    rules = CatalogRules(routines=(routine,))
    assert gaps(Script(rules=rules).did("SELECT add_once('keys')", inner=[])) == []
    assert len(gaps(Script(rules=rules).did("SELECT add_once(name) FROM users", inner=[]))) == 1
    assert len(gaps(Script(rules=rules).did("SELECT CASE WHEN now() > 'today' THEN add_once('keys') END", inner=[]))) == 1


def test_a_trigger_that_branches_by_its_event_has_only_that_events_gaps() -> None:
    body = """IF TG_OP = 'DELETE' THEN DELETE FROM keys; RETURN old; END IF; INSERT INTO events VALUES (1); RETURN new;"""
    trigger = Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=("UPDATE", "DELETE"))
    rules = CatalogRules(
        triggers=(trigger,),
        routines=(
            Routine(
                routine="public.f",
                language="plpgsql",
                definition=f"CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
            ),
        ),
    )
    ((_, reason),) = gaps(Script(rules=rules).did("UPDATE users SET a = 1", inner=[]))
    assert "INSERT INTO events" in reason
    ((_, reason),) = gaps(Script(rules=rules).did("DELETE FROM users", inner=[]))
    assert "DELETE FROM keys" in reason


def test_a_body_of_the_sql_standard_is_read() -> None:
    routine = Routine(
        routine="public.f",
        language="sql",
        definition="CREATE FUNCTION public.f() RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE keys SET a = 1; END",
    )
    assert gaps(Script(rules=CatalogRules(routines=(routine,))).did("SELECT f()", inner=[])) == []
