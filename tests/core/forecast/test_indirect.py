"""Who waits although nothing is held on their own relation."""

from __future__ import annotations

from dataclasses import replace

from lockage.core.forecast.assess import Blocks
from lockage.core.forecast.indirect import indirect_holds
from lockage.core.forecast.rows import Followed
from lockage.core.forecast.timeline import Hold
from lockage.core.forecast.trace import CatalogMark, CatalogRules, ForeignKey, Routine, Trigger
from support.traces import BEFORE, EVENTS, EVENTS_1, KEYS, USER_VIEW, USERS, mark, relation

SHARE, EXCLUSIVE = "ShareLock", "AccessExclusiveLock"


def on(oid: int, blocks: Blocks, mode: str | None = None) -> Hold:
    return Hold(oid=oid, mode=mode, blocks=blocks, first=0, last=0)


def waits(hold: Hold, rules: CatalogRules, *, catalog: CatalogMark = BEFORE) -> dict[int, tuple[Blocks, bool]]:
    """By oid: the level, and whether it is certain."""
    return {h.oid: (h.blocks, h.certain) for h in indirect_holds([hold], mark=catalog, rules=rules)}


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


def key(on_delete: str) -> ForeignKey:
    return ForeignKey(
        name="f",
        child_oid=KEYS,
        parent_oid=USERS,
        child_columns=("user_id",),
        parent_columns=("id",),
        on_delete=on_delete,
        on_update="a",
    )


def test_rows_that_a_cascade_changed_hold_up_no_other_parents() -> None:
    rules = CatalogRules(foreign_keys=(key("c"),))
    rows = replace(on(KEYS, Blocks.ROWS), strong=True)
    assert waits(rows, rules) == {USERS: (Blocks.ROWS, True)}
    assert waits(replace(rows, by_key=Followed(("user_id",), USERS)), rules) == {}


def test_to_refer_to_rows_holds_up_only_deletes_that_come_to_them() -> None:
    referred = replace(on(KEYS, Blocks.ROWS), referred=True)
    assert waits(referred, CatalogRules(foreign_keys=(key("c"),))) == {USERS: (Blocks.ROWS, True)}
    assert waits(referred, CatalogRules(foreign_keys=(key("n"),))) == {}


def test_values_of_a_row_type_hold_up_no_view_that_does_not_show_them() -> None:
    rules = CatalogRules(views={USER_VIEW: (USERS,)})
    reads = on(USERS, Blocks.READS, EXCLUSIVE)
    assert waits(reads, rules) == {USER_VIEW: (Blocks.READS, True)}
    assert waits(replace(reads, values_only=True), rules) == {}
