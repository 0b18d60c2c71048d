"""Everything that ran when one statement was executed."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.forecast.gaps import find_gaps
from lockage.core.forecast.ran import changes_of, every_change_of
from lockage.core.forecast.rows import row_locks
from lockage.core.forecast.trace import CatalogRules, Rewrite, Routine, Traced, Trigger
from lockage.core.migration.syntax import Change, ChangeKind
from support.traces import BEFORE, EVENTS, KEYS, USER_VIEW, USERS, Script, users_key

PLAN = {"Query Text": "DELETE FROM user_view WHERE id = 4", "Plan": {"Node Type": "ModifyTable", "Operation": "Delete"}}


def rule(on: int, event: str, rest: str, *, name: str = "r") -> Rewrite:
    return Rewrite(
        name=name, table_oid=on, event=event, definition=f"CREATE RULE {name} AS\n    ON {event} TO public.t {rest};"
    )


def ran(sql: str, rules: CatalogRules, *plans: dict[str, object]) -> Traced:
    (step,) = Script(rules=rules).did(sql).trace().statements
    return replace(step, observation=replace(step.observation, plans=plans))


def changed(step: Traced) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.relation.name) for change in every_change_of(step)]


INSTEAD = rule(USER_VIEW, "DELETE", "DO INSTEAD  DELETE FROM public.users\n  WHERE (users.id = old.id)")


def test_what_a_rule_does_in_the_place_of_a_views_change_goes_on_to_whoever_refers() -> None:
    rules = CatalogRules(rewrites=(INSTEAD,), foreign_keys=(users_key("c"),), views={USER_VIEW: (USERS,)})
    changes = list(every_change_of(ran(str(PLAN["Query Text"]), rules, PLAN)))
    assert {lock.oid for lock in row_locks(changes, mark=BEFORE, rules=rules)} == {USERS, KEYS}


def test_what_a_rule_does_under_a_condition_is_only_possible() -> None:
    rules = CatalogRules(rewrites=(rule(EVENTS, "UPDATE", "\n   WHERE (new.a = 1) DO  DELETE FROM public.users"),))
    step = ran("UPDATE events SET a = 1 WHERE id = 3", rules)
    (change,) = (change for change in every_change_of(step) if change.relation.name == "users")
    assert change.joins


def test_a_rule_whose_action_has_a_rule_in_turn_is_followed_and_none_twice() -> None:
    chain = (
        rule(USER_VIEW, "DELETE", "DO INSTEAD  UPDATE public.users SET a = 1"),
        rule(USERS, "UPDATE", "DO  DELETE FROM public.keys", name="s"),
        rule(KEYS, "DELETE", "DO  UPDATE public.users SET b = 1", name="t"),
    )
    step = ran(str(PLAN["Query Text"]), CatalogRules(rewrites=chain, views={USER_VIEW: (USERS,)}), PLAN)
    assert changed(step) == [(ChangeKind.UPDATE, "users"), (ChangeKind.DELETE, "keys"), (ChangeKind.UPDATE, "users")]


def test_rules_of_other_events_do_nothing() -> None:
    rules = CatalogRules(rewrites=(rule(USERS, "INSERT", "DO  DELETE FROM public.keys"),))
    assert changed(ran("UPDATE users SET a = 1", rules)) == [(ChangeKind.UPDATE, "users")]


def test_a_trigger_of_the_table_that_a_rule_leads_to_is_a_gap() -> None:
    trigger = Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=("DELETE",))
    body = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE keys SET a = 1; RETURN OLD; END $$"
    routine = Routine(routine="public.f", language="plpgsql", definition=body)
    rules = CatalogRules(rewrites=(INSTEAD,), triggers=(trigger,), routines=(routine,), views={USER_VIEW: (USERS,)})
    (gap,) = find_gaps(ran(str(PLAN["Query Text"]), rules, PLAN))
    assert "trigger t" in gap.reason


def standard(name: str, body: str) -> Routine:
    definition = f"CREATE OR REPLACE FUNCTION public.{name}()\n RETURNS void\n LANGUAGE sql\nBEGIN ATOMIC\n {body};\nEND\n"
    return Routine(routine=f"public.{name}", language="sql", definition=definition)


def doing(operation: str, oid: int) -> dict[str, object]:
    return {"Query Text": "", "Plan": {"Node Type": "ModifyTable", "Operation": operation, "Relation OID": oid}}


def test_a_statement_of_a_body_of_the_standard_is_found_by_its_plan_which_has_no_text() -> None:
    routines = (
        standard("adds", "INSERT INTO keys (user_id) VALUES (1)"),
        standard("removes", "DELETE FROM keys"),
        standard("asks", "SELECT 1 FROM users FOR SHARE"),
    )
    rules = CatalogRules(routines=routines)

    def inside(*plans: dict[str, object]) -> list[Change]:
        return list(changes_of(ran("SELECT f()", rules, *plans)))

    assert [(c.kind, c.columns) for c in inside(doing("Insert", KEYS))] == [(ChangeKind.INSERT, ("user_id",))]
    assert inside(doing("Insert", USERS)) == []
    assert inside() == []
    locked = {"Node Type": "LockRows", "Plans": [{"Node Type": "Seq Scan", "Relation OID": USERS}]}
    assert [(c.kind, c.relation.name) for c in inside({"Query Text": "", "Plan": locked})] == [(ChangeKind.LOCK, "users")]


def test_of_a_cursor_of_which_a_block_fetches_one_row_not_all_are_locked() -> None:
    def all_rows(query: str, *routines: Routine, fetch: str = "FETCH c INTO r;") -> bool:
        text = f"DO $$ DECLARE c CURSOR FOR {query}; r record; BEGIN OPEN c; {fetch} CLOSE c; END $$"
        step = ran(text, CatalogRules(routines=routines, views={USER_VIEW: (USERS,)}), {"Query Text": query})
        return any(lock.all_rows for lock in row_locks(every_change_of(step), mark=BEFORE, rules=step.rules))

    query = "SELECT * FROM users FOR UPDATE"
    assert not all_rows(query)
    assert all_rows(query, fetch="MOVE FORWARD ALL FROM c;")
    assert all_rows("SELECT * FROM user_view FOR UPDATE")  # whose own query may be asked to its end before the first row
    assert all_rows(query, standard("f", f"BEGIN PERFORM 1; {query}; END"))
