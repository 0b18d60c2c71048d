"""Who waits although nothing is held on their own relation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.indirect import indirect_holds
from lockage.core.forecast.rows import Followed
from lockage.core.forecast.timeline import Hold
from lockage.core.forecast.trace import CatalogMark, CatalogRules, ForeignKey, Rewrite, Routine, Trigger, ViewBelow
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USER_VIEW, USERS, mark, relation, users_key

SHARE, EXCLUSIVE = "ShareLock", "AccessExclusiveLock"


def on(oid: int, blocks: Blocks, mode: str | None = None) -> Hold:
    return Hold(oid=oid, mode=mode, blocks=blocks, first=0, last=0)


def waits(hold: Hold, rules: CatalogRules, *, catalog: CatalogMark = BEFORE) -> dict[int, tuple[Blocks, bool]]:
    """By oid: the level, and whether it is certain."""
    return {h.oid: (h.blocks, h.doubt is None) for h in indirect_holds([hold], mark=catalog, rules=rules)}


def with_trigger(body: str, *events: str) -> CatalogRules:
    definition = f"CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
    trigger = Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=events)
    routine = Routine(routine="public.f", language="plpgsql", definition=definition)
    return CatalogRules(triggers=(trigger,), routines=(routine,), unique_keys={KEYS: (("id",),)})


def test_what_a_trigger_does_for_an_event_holds_up_those_who_set_that_event_off() -> None:
    body = "IF TG_OP = 'DELETE' THEN INSERT INTO keys VALUES (1); RETURN old; END IF; RETURN new;"
    assert waits(on(KEYS, Blocks.WRITES, SHARE), with_trigger(body, "INSERT")) == {}
    assert waits(on(KEYS, Blocks.WRITES, SHARE), with_trigger(body, "INSERT", "DELETE")) == {USERS: (Blocks.ROWS, True)}


def test_what_stands_under_a_condition_that_rows_decide_is_possible_and_not_certain() -> None:
    body = "IF new.name <> 'x' THEN INSERT INTO keys VALUES (1); END IF; RETURN new;"
    assert waits(on(KEYS, Blocks.WRITES, SHARE), with_trigger(body, "INSERT")) == {USERS: (Blocks.WRITES, False)}


def test_what_a_trigger_with_a_condition_does_is_possible() -> None:
    rules = with_trigger("INSERT INTO keys VALUES (1); RETURN new;", "INSERT")
    conditional = replace(rules, triggers=tuple(replace(trigger, conditional=True) for trigger in rules.triggers))
    assert waits(on(KEYS, Blocks.WRITES, SHARE), rules) == {USERS: (Blocks.WRITES, True)}
    assert waits(on(KEYS, Blocks.WRITES, SHARE), conditional) == {USERS: (Blocks.WRITES, False)}


def test_what_a_condition_itself_reads_is_certain() -> None:
    body = "IF EXISTS (SELECT FROM keys WHERE id = new.id) THEN RAISE EXCEPTION 'no'; END IF; RETURN new;"
    assert waits(on(KEYS, Blocks.READS, EXCLUSIVE), with_trigger(body, "INSERT")) == {USERS: (Blocks.WRITES, True)}
    assert waits(on(KEYS, Blocks.WRITES, SHARE), with_trigger(body, "INSERT")) == {}


def test_an_upsert_of_the_users_own_key_meets_no_row_where_the_user_inserts() -> None:
    own = "INSERT INTO keys VALUES (new.id, 1) ON CONFLICT (id) DO UPDATE SET a = 1; RETURN new;"
    fixed = "INSERT INTO keys VALUES (7, 1) ON CONFLICT (id) DO UPDATE SET a = 1; RETURN new;"
    rows = on(KEYS, Blocks.ROWS)
    assert waits(rows, with_trigger(own, "INSERT")) == {}
    assert waits(rows, with_trigger(own, "INSERT", "UPDATE")) == {USERS: (Blocks.ROWS, True)}
    assert waits(rows, with_trigger(fixed, "INSERT")) == {USERS: (Blocks.WRITES, True)}


def test_of_pinned_rows_only_those_wait_whose_trigger_comes_to_them() -> None:
    rules = with_trigger("UPDATE keys SET a = 1 WHERE id = new.id; RETURN new;", "INSERT")
    assert waits(on(KEYS, Blocks.ROWS), rules) == {USERS: (Blocks.WRITES, True)}
    assert waits(replace(on(KEYS, Blocks.ROWS), pinned=True), rules) == {USERS: (Blocks.ROWS, True)}


def test_a_trigger_that_always_comes_to_one_row_holds_up_all_who_insert() -> None:
    rules = with_trigger("UPDATE keys SET a = a + 1 WHERE name = tg_table_name; RETURN new;", "INSERT")
    assert waits(replace(on(KEYS, Blocks.ROWS), pinned=True), rules) == {USERS: (Blocks.WRITES, True)}


def test_readers_of_a_partition_that_has_partitions_wait_for_the_table_above() -> None:
    catalog = mark(
        *BEFORE.relations.values(),
        relation(60, "events_2", "p", table=EVENTS, parents=(EVENTS,)),
        relation(61, "events_2_1", table=EVENTS, parents=(60,)),
    )
    found = waits(on(EVENTS, Blocks.READS, EXCLUSIVE), CatalogRules(), catalog=catalog)
    assert found == {EVENTS_1: (Blocks.WRITES, True), 60: (Blocks.READS, True), 61: (Blocks.WRITES, True)}


def test_rows_that_a_cascade_changed_hold_up_no_other_parents() -> None:
    rules = CatalogRules(foreign_keys=(users_key("c"),))
    rows = replace(on(KEYS, Blocks.ROWS), strong=True)
    assert waits(rows, rules) == {USERS: (Blocks.ROWS, True)}
    assert waits(replace(rows, by_key=Followed(("user_id",), USERS)), rules) == {}


def test_to_refer_to_rows_holds_up_only_deletes_that_come_to_them() -> None:
    referred = replace(on(KEYS, Blocks.ROWS), referred=True)
    assert waits(referred, CatalogRules(foreign_keys=(users_key("c"),))) == {USERS: (Blocks.ROWS, True)}
    assert waits(referred, CatalogRules(foreign_keys=(users_key("n"),))) == {}


def test_who_inserts_through_a_view_without_the_column_that_refers_may_wait_for_a_locked_parent() -> None:
    required = CatalogRules(
        foreign_keys=(users_key(),), views={USER_VIEW: (KEYS,)}, writable_views=(USER_VIEW,), columns={USER_VIEW: ("id",)}
    )
    assert USER_VIEW not in waits(on(USERS, Blocks.READS, EXCLUSIVE), required)  # such a row is refused before
    filled = replace(required, defaults={KEYS: ("user_id",)})
    rules = replace(required, foreign_keys=(replace(users_key(), optional=True),))
    for given in (filled, rules):
        assert waits(on(USERS, Blocks.READS, EXCLUSIVE), given)[USER_VIEW] == (Blocks.WRITES, False)
    shown = replace(rules, columns={USER_VIEW: ("id", "user_id")})
    assert waits(on(USERS, Blocks.READS, EXCLUSIVE), shown)[USER_VIEW] == (Blocks.WRITES, True)
    rows = replace(on(USERS, Blocks.ROWS), strong=True, all_rows=True)
    assert USER_VIEW not in waits(rows, rules)
    assert waits(rows, shown)[USER_VIEW] == (Blocks.WRITES, True)


def test_who_inserts_through_a_view_without_what_every_row_must_have_is_refused_before_a_parent_is_looked_at() -> None:
    above = USER_VIEW + 100
    catalog = mark(*BEFORE.relations.values(), relation(above, "again", "v"))
    rules = CatalogRules(
        foreign_keys=(replace(users_key(), optional=True),),
        views={USER_VIEW: (KEYS,), above: (USER_VIEW,)},
        writable_views=(USER_VIEW, above),
        views_below={
            USER_VIEW: (ViewBelow(table_oid=KEYS, columns=("id", "name"), filtered=False),),
            above: (ViewBelow(table_oid=USER_VIEW, columns=("key",), filtered=False),),
        },
        columns={USER_VIEW: ("key", "label"), above: ("key",)},
    )

    def through(rules: CatalogRules) -> set[int]:
        found = waits(on(USERS, Blocks.READS, EXCLUSIVE), rules, catalog=catalog)
        return {oid for oid in (USER_VIEW, above) if oid in found}

    assert through(rules) == {USER_VIEW, above}
    assert through(replace(rules, required={KEYS: ("id",)})) == {USER_VIEW, above}
    assert through(replace(rules, required={KEYS: ("id", "name")})) == {USER_VIEW}
    lacking = replace(rules, required={KEYS: ("id", "name", "code")})
    assert through(lacking) == set()
    fills = Trigger(name="t", table_oid=KEYS, routine="public.f", row_level=True, events=("INSERT",))
    assert through(replace(lacking, triggers=(fills,))) == {USER_VIEW, above}
    assert waits(on(KEYS, Blocks.READS, EXCLUSIVE), lacking)[USER_VIEW] == (Blocks.READS, True)


def test_a_view_shows_a_column_that_refers_by_whatever_name() -> None:
    below = ViewBelow(table_oid=KEYS, columns=("id", "user_id"), filtered=False)
    rules = CatalogRules(
        foreign_keys=(users_key(),),
        views={USER_VIEW: (KEYS,)},
        writable_views=(USER_VIEW,),
        views_below={USER_VIEW: (below,)},
        columns={USER_VIEW: ("id", "whose")},
        required={KEYS: ("user_id",)},
    )
    assert waits(on(USERS, Blocks.READS, EXCLUSIVE), rules)[USER_VIEW] == (Blocks.WRITES, True)
    lacking = replace(rules, required={KEYS: ("user_id", "code")})
    assert waits(on(USERS, Blocks.READS, EXCLUSIVE), lacking)[USER_VIEW] == (Blocks.ROWS, True)
    other_name = replace(rules, columns={USER_VIEW: ("user_id", "whose")}, required={})
    assert waits(on(USERS, Blocks.READS, EXCLUSIVE), other_name)[USER_VIEW] == (Blocks.WRITES, True)


@pytest.mark.parametrize("refers", [True, False])
def test_no_foreign_key_comes_to_the_heirs_of_the_tables_that_it_names(refers: bool) -> None:
    rules = CatalogRules(foreign_keys=(users_key("c"),))
    hold = on(USERS if refers else KEYS, Blocks.READS, EXCLUSIVE)
    assert waits(hold, rules) != {}
    assert waits(replace(hold, of_heir=True), rules) == {}


def test_to_refer_to_rows_holds_up_what_changes_a_key_of_theirs() -> None:
    referred = replace(on(KEYS, Blocks.ROWS), referred=True)
    beside = CatalogRules(foreign_keys=(users_key("n", "c"),), unique_keys={KEYS: (("id",),)})
    within = replace(beside, unique_keys={KEYS: (("id", "user_id"),)})
    assert waits(referred, beside) == {}
    assert waits(referred, within) == {USERS: (Blocks.ROWS, True)}


def test_rows_that_need_not_refer_to_anybody_hold_up_deletes_only_perhaps() -> None:
    rules = CatalogRules(foreign_keys=(replace(users_key("c"), optional=True),))
    rows = replace(on(KEYS, Blocks.ROWS), strong=True)
    assert waits(rows, rules) == {USERS: (Blocks.ROWS, False)}
    assert waits(replace(rows, all_rows=True), rules) == {USERS: (Blocks.ROWS, True)}


def test_a_trigger_that_changes_rows_by_those_of_other_tables_may_come_to_others() -> None:
    rules = with_trigger("UPDATE keys SET a = 1 FROM events WHERE events.id = keys.id; RETURN new;", "INSERT")
    assert waits(on(KEYS, Blocks.ROWS), rules) == {USERS: (Blocks.WRITES, False)}
    assert waits(on(KEYS, Blocks.WRITES, SHARE), rules) == {USERS: (Blocks.WRITES, True)}


def test_a_delete_that_would_cascade_waits_only_perhaps_where_another_key_may_refuse_it_first() -> None:
    above, other = 70, 71
    catalog = mark(*BEFORE.relations.values(), relation(above, "companies"), relation(other, "contracts"))
    cascades = replace(between(above, USERS), on_delete="c")
    rules = CatalogRules(foreign_keys=(users_key("c"), cascades))
    rows = replace(on(KEYS, Blocks.ROWS), strong=True)
    assert waits(rows, rules, catalog=catalog)[above] == (Blocks.ROWS, True)
    refused = replace(rules, foreign_keys=(*rules.foreign_keys, replace(between(above, other), on_delete="a")))
    assert waits(rows, refused, catalog=catalog)[above] == (Blocks.ROWS, False)


def test_values_of_a_row_type_hold_up_no_view_that_does_not_show_them() -> None:
    rules = CatalogRules(views={USER_VIEW: (USERS,)})
    reads = on(USERS, Blocks.READS, EXCLUSIVE)
    assert waits(reads, rules) == {USER_VIEW: (Blocks.READS, True)}
    assert waits(replace(reads, values_only=True), rules) == {}


def test_deletes_of_parents_wait_only_perhaps_where_another_child_may_refuse_them_first() -> None:
    rows = replace(on(KEYS, Blocks.ROWS), strong=True)
    looks, cascades = (CatalogRules(foreign_keys=(users_key(action),)) for action in ("a", "c"))
    assert waits(rows, looks) == {USERS: (Blocks.ROWS, False)}
    assert waits(replace(rows, all_rows=True), looks) == {USERS: (Blocks.ROWS, True)}
    assert waits(rows, cascades) == {USERS: (Blocks.ROWS, True)}
    assert waits(on(KEYS, Blocks.READS, EXCLUSIVE), looks)[USERS] == (Blocks.ROWS, True)


def test_a_trigger_that_counts_in_a_row_is_not_stopped_by_what_only_a_delete_of_it_would_meet() -> None:
    grand, child = 70, 71
    catalog = mark(*BEFORE.relations.values(), relation(grand, "projects"), relation(child, "comments"))
    rules = with_trigger("UPDATE projects SET n = n + 1 WHERE id = new.id; RETURN new;", "INSERT")
    rules = replace(rules, unique_keys={grand: (("id",),)}, foreign_keys=(between(grand, USERS), between(USERS, child)))
    found = waits(on(child, Blocks.READS, EXCLUSIVE), rules, catalog=catalog)
    assert found == {USERS: (Blocks.ROWS, True), grand: (Blocks.ROWS, True)}


def test_all_rows_of_a_partition_are_not_all_that_a_key_refers_to() -> None:
    child = 70
    catalog = mark(*BEFORE.relations.values(), relation(child, "notes"))
    rules = CatalogRules(foreign_keys=(between(EVENTS, child), between(EVENTS_1, child)))
    gone = replace(on(EVENTS_1, Blocks.ROWS), strong=True, all_rows=True)
    assert waits(gone, rules, catalog=catalog)[child] == (Blocks.ROWS, True)
    assert waits(gone, CatalogRules(foreign_keys=(between(EVENTS_1, child),)), catalog=catalog)[child] == (Blocks.WRITES, True)
    assert waits(replace(gone, oid=EVENTS), rules, catalog=catalog)[child] == (Blocks.WRITES, True)


def test_who_waits_for_a_sequence_inserts_and_does_not_look_change_or_delete() -> None:
    rules = replace(
        with_trigger("UPDATE keys SET a = 1 WHERE id = new.id; RETURN new;", "INSERT"), foreign_keys=(between(EVENTS, KEYS),)
    )
    drawn = replace(on(KEYS, Blocks.WRITES, "ShareRowExclusiveLock"), inserts_only=True)
    assert waits(drawn, rules) == {}
    assert waits(drawn, with_trigger("INSERT INTO keys VALUES (1); RETURN new;", "INSERT")) == {USERS: (Blocks.WRITES, True)}


def between(parent: int, child: int) -> ForeignKey:
    return ForeignKey(
        name=f"{child}_{parent}",
        child_oid=child,
        parent_oid=parent,
        child_columns=(f"p{parent}" if parent not in {EVENTS, EVENTS_1} else "event_id",),
        parent_columns=("id",),
        on_delete="c",
        on_update="a",
    )


def test_a_rule_in_the_place_of_an_insert_spares_the_views_users_those_below() -> None:
    rule = Rewrite(
        name="r", table_oid=USER_VIEW, event="INSERT", definition="CREATE RULE r AS\n ON INSERT TO a.v DO INSTEAD NOTHING;"
    )
    rules = CatalogRules(views={USER_VIEW: (USERS,)}, writable_views=(USER_VIEW,))
    written = on(USERS, Blocks.WRITES, SHARE)
    assert waits(written, rules) == {USER_VIEW: (Blocks.WRITES, True)}
    assert waits(written, replace(rules, rewrites=(rule,))) == {USER_VIEW: (Blocks.ROWS, True)}
    assert waits(replace(written, inserts_only=True), replace(rules, rewrites=(rule,))) == {}
    perhaps = replace(rule, definition="CREATE RULE r AS\n ON INSERT TO a.v\n   WHERE (new.id > 1) DO INSTEAD NOTHING;")
    assert waits(written, replace(rules, rewrites=(perhaps,))) == {USER_VIEW: (Blocks.WRITES, True)}


def test_other_partitions_may_refuse_deletes_of_parents_and_may_have_the_parents() -> None:
    other = EVENTS_1 + 100
    catalog = mark(*BEFORE.relations.values(), relation(other, "events_2", table=EVENTS, parents=(EVENTS,)))
    all_of_one = replace(on(EVENTS_1, Blocks.ROWS), strong=True, all_rows=True)
    child = replace(users_key(), child_oid=EVENTS_1)
    assert waits(all_of_one, CatalogRules(foreign_keys=(child,)), catalog=catalog)[USERS] == (Blocks.ROWS, False)
    of_root = replace(users_key("c"), parent_oid=EVENTS)
    listed = (of_root, replace(of_root, parent_oid=EVENTS_1), replace(of_root, parent_oid=other))
    found = waits(replace(on(KEYS, Blocks.ROWS), strong=True), CatalogRules(foreign_keys=listed), catalog=catalog)
    assert {oid: found[oid] for oid in (EVENTS, EVENTS_1, other)} == {
        EVENTS: (Blocks.ROWS, True),
        EVENTS_1: (Blocks.ROWS, False),
        other: (Blocks.ROWS, False),
    }


def test_a_partition_that_its_key_places_may_not_refer_to_rows_that_are_held() -> None:
    refers = replace(users_key(), child_oid=EVENTS, child_columns=("user_id", "day"))
    rules = CatalogRules(foreign_keys=(refers, replace(refers, child_oid=EVENTS_1)), partition_keys={EVENTS: ("day",)})
    rows = replace(on(USERS, Blocks.ROWS), strong=True)
    assert waits(rows, rules) == {EVENTS: (Blocks.ROWS, True), EVENTS_1: (Blocks.ROWS, False)}
    apart = replace(rules, partition_keys={EVENTS: ("place",)})
    assert waits(rows, apart) == {EVENTS: (Blocks.ROWS, True), EVENTS_1: (Blocks.ROWS, True)}
    assert waits(replace(rows, all_rows=True), rules)[EVENTS_1] == (Blocks.WRITES, True)


def test_who_uses_a_view_of_only_a_table_does_not_come_to_its_heirs() -> None:
    rules = CatalogRules(views={USER_VIEW: (USERS,)}, writable_views=(USER_VIEW,))
    only = replace(rules, views_of_only={USER_VIEW: (USERS,)})
    for hold in (on(USERS, Blocks.READS, EXCLUSIVE), on(USERS, Blocks.ROWS)):
        of_heir = replace(hold, of_heir=True)
        assert USER_VIEW in waits(hold, only)
        assert USER_VIEW in waits(of_heir, rules)
        assert USER_VIEW not in waits(of_heir, only)


def test_a_view_that_shows_some_rows_perhaps_shows_none_of_those_that_are_held() -> None:
    shown = ViewBelow(table_oid=USERS, columns=("id",), filtered=True)
    rules = CatalogRules(views={USER_VIEW: (USERS,)}, writable_views=(USER_VIEW,), views_below={USER_VIEW: (shown,)})
    rows = on(USERS, Blocks.ROWS)
    assert waits(rows, rules) == {USER_VIEW: (Blocks.ROWS, False)}
    assert waits(replace(rows, all_rows=True), rules) == {USER_VIEW: (Blocks.ROWS, True)}
    assert waits(on(USERS, Blocks.WRITES, SHARE), rules) == {USER_VIEW: (Blocks.WRITES, True)}
    everything = replace(rules, views_below={USER_VIEW: (replace(shown, filtered=False),)})
    assert waits(rows, everything) == {USER_VIEW: (Blocks.ROWS, True)}
