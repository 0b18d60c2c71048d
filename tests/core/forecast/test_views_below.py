"""Changes of a view's rows, as those of the table below."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.forecast.rows import row_locks
from lockage.core.forecast.trace import CatalogRules, ForeignKey, Rewrite, Trigger, ViewBelow
from lockage.core.forecast.views_below import below_views
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Change, Name
from support.traces import BEFORE, KEYS, USER_VIEW, USERS

RULES = CatalogRules(
    views={USER_VIEW: (USERS,)},
    views_below={USER_VIEW: (ViewBelow(table_oid=USERS, columns=("id", "login", None), filtered=True),)},
    columns={USER_VIEW: ("id", "name", "age"), USERS: ("id", "name", "login", "note")},
    unique_keys={USERS: (("id",), ("login",))},
    foreign_keys=(
        ForeignKey(
            name="f",
            child_oid=KEYS,
            parent_oid=USERS,
            child_columns=("u",),
            parent_columns=("id",),
            on_delete="c",
            on_update="a",
        ),
    ),
)


def below(sql: str, rules: CatalogRules = RULES) -> Change | None:
    (change,) = split_statements(sql, file="a.sql")[0].changes
    return below_views(change, mark=BEFORE, rules=rules, held=None)


def test_an_update_of_a_view_is_one_of_the_tables_own_columns_and_so_of_its_keys() -> None:
    change = below("UPDATE user_view SET name = 'x' WHERE id = 5")
    assert change is not None
    assert (change.relation, change.columns, change.constants) == (
        Name(schema="public", name="users"),
        ("login",),
        (("id", 5),),
    )
    (lock,) = (lock for lock in row_locks([change], mark=BEFORE, rules=RULES) if lock.oid == USERS)
    assert lock.strong


def test_all_rows_of_a_view_that_shows_some_are_not_all_of_the_table() -> None:
    whole = replace(RULES, views_below={USER_VIEW: (replace(RULES.views_below[USER_VIEW][0], filtered=False),)})
    for text in ("DELETE FROM user_view", "SELECT * FROM user_view FOR UPDATE"):
        some, everything = below(text), below(text, whole)
        assert some is not None
        assert everything is not None
        assert (some.has_condition, everything.has_condition) == (True, False)


def test_a_delete_through_a_view_goes_on_to_whom_the_table_has_below() -> None:
    change = below("DELETE FROM user_view WHERE id = 5")
    assert change is not None
    assert {lock.oid for lock in row_locks([change], mark=BEFORE, rules=RULES)} == {USERS, KEYS}


def test_an_insert_into_a_view_keeps_the_places_of_its_values() -> None:
    change = below("INSERT INTO user_view VALUES (7, NULL)")
    assert change is not None
    assert (change.columns[:2], change.nulls, dict(change.literals)[0]) == (("id", "login"), ("login",), (7,))


def test_what_a_rule_or_a_trigger_does_in_the_place_of_a_change_is_left_to_the_plan() -> None:
    rule = Rewrite(
        name="r", table_oid=USER_VIEW, event="UPDATE", definition="CREATE RULE r AS ON UPDATE TO v DO INSTEAD NOTHING;"
    )
    trigger = Trigger(name="t", table_oid=USER_VIEW, routine="public.f", row_level=True, events=("DELETE",))
    other = replace(RULES, rewrites=(rule,), triggers=(trigger,))
    assert below("UPDATE user_view SET name = 'x'", other) is None
    assert below("DELETE FROM user_view", other) is None
    assert below("DELETE FROM user_view", replace(RULES, rewrites=(rule,))) is not None
    assert below("UPDATE user_view SET name = 'x'", replace(RULES, views_below={})) is None


def test_a_change_of_a_table_is_its_own() -> None:
    change = below("UPDATE users SET name = 'x'")
    assert change is not None
    assert change.relation == Name(schema=None, name="users")
