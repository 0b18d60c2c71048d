"""Which pieces of work a statement is made of, and what makes their range wide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockage.core.facts import Relation
from lockage.core.forecast.assess import Operation
from lockage.core.forecast.duration.calibration import UNCALIBRATED, Calibration
from lockage.core.forecast.duration.estimate import Estimate, estimates
from lockage.core.forecast.gaps import find_gaps
from lockage.core.forecast.target_reading import ColumnDetail, IndexDetail, TableDetail
from lockage.core.forecast.trace import CatalogRules, Routine, Trigger
from support.traces import BEFORE, KEYS, USERS, Script, mark, relation, users_key


def size(name: str, rows: float, *, indexes: int = 1) -> Relation:
    return Relation(
        relation=f"public.{name}",
        kind="r",
        rows=rows,
        heap_bytes=int(rows * 100),
        index_bytes=0,
        toast_bytes=0,
        indexes=indexes,
    )


SIZES = (size("users", 100_000), size("keys", 1_000_000))


def last(script: Script, *, calibration: Calibration = UNCALIBRATED) -> Estimate:
    return estimates(script.trace(), [()] * len(script.steps), SIZES, sizes_known=True, calibration=calibration)[-1]


def kinds(script: Script, *, calibration: Calibration = UNCALIBRATED) -> dict[str, Operation]:
    return {operation.kind: operation for operation in last(script, calibration=calibration).operations}


def key(*, on_delete: str = "a") -> CatalogRules:
    return CatalogRules(foreign_keys=(users_key(on_delete),))


def with_index_on(*columns: str) -> Calibration:
    index = IndexDetail(index="public.keys_pkey", columns=columns)
    detail = TableDetail(columns={name: ColumnDetail(type="bigint", mean_bytes=8.0) for name in columns}, indexes=(index,))
    return replace(UNCALIBRATED, tables={"public.keys": detail})


def trigger(definition: str) -> CatalogRules:
    return CatalogRules(
        triggers=(Trigger(name="t", table_oid=USERS, routine="public.f", row_level=True, events=("UPDATE",)),),
        routines=(Routine(routine="public.f", language="plpgsql", definition=definition),),
    )


EMPTY = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
BUSY = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO log VALUES (1); UPDATE counts SET n = n + 1; RETURN NEW; END $$"
)


def test_a_row_trigger_is_called_for_each_row_and_its_statements_count() -> None:
    idle, busy = (kinds(Script(rules=trigger(code)).did("UPDATE users SET a = 1"))["trigger"] for code in (EMPTY, BUSY))
    assert idle.rows == busy.rows == 100_000
    assert busy.seconds.likely > 3 * idle.seconds.likely


def test_a_trigger_whose_function_cannot_be_read_has_no_high_end_and_says_so() -> None:
    rules = replace(trigger(EMPTY), routines=())
    found = kinds(Script(rules=rules).did("UPDATE users SET a = 1"))["trigger"]
    assert found.seconds.high is None
    assert found.note


def test_new_children_look_at_their_parents_one_by_one() -> None:
    found = kinds(Script(rules=key()).did("UPDATE keys SET user_id = 1"))
    assert (found["foreign-key"].relation, found["foreign-key"].rows) == ("public.users", 1_000_000)
    assert "foreign-key" not in kinds(Script(rules=key()).did("UPDATE keys SET name = 'x'"))


def test_a_cascade_deletes_the_children_through_their_index() -> None:
    script = Script(rules=key(on_delete="c")).did("DELETE FROM users")
    found = kinds(script, calibration=with_index_on("user_id"))["cascade"]
    assert (found.relation, found.rows) == ("public.keys", 1_000_000)
    assert found.seconds.high is not None


def test_without_an_index_every_deleted_parent_scans_all_children() -> None:
    script = Script(rules=key()).did("DELETE FROM users")
    indexed = kinds(script, calibration=with_index_on("user_id"))["foreign-key"]
    scanned = kinds(script, calibration=with_index_on("id"))["foreign-key"]
    assert scanned.seconds.likely > 1000 * indexed.seconds.likely


def test_children_of_whose_indexes_nothing_is_known_have_no_high_end() -> None:
    assert kinds(Script(rules=key()).did("DELETE FROM users"))["foreign-key"].seconds.high is None


def built(sql: str) -> Script:
    after = mark(*BEFORE.relations.values(), relation(99, "fresh", "i", table=KEYS))
    return Script().did(sql, after=after)


def test_a_concurrent_build_waits_for_older_transactions_and_nobody_knows_how_long() -> None:
    found = kinds(built("CREATE INDEX CONCURRENTLY fresh ON keys (a)"))
    assert found["wait"].seconds.high is None
    assert found["index-build"].seconds.high is not None


@pytest.mark.parametrize(("oldest_s", "least_high_s"), [(0.0, 1.0), (60.0, 180.0)])
def test_open_transactions_that_were_seen_bound_the_wait(oldest_s: float, least_high_s: float) -> None:
    seen = replace(UNCALIBRATED, oldest_transaction_s=oldest_s)
    found = kinds(built("CREATE INDEX CONCURRENTLY fresh ON keys (a)"), calibration=seen)["wait"]
    assert found.seconds.high is not None
    assert found.seconds.high >= least_high_s
    assert found.seconds.likely >= oldest_s / 2


def test_a_concurrent_build_takes_longer_than_an_ordinary_one() -> None:
    ordinary, beside = (kinds(built(f"CREATE INDEX {word} fresh ON keys (a)"))["index-build"] for word in ("", "CONCURRENTLY"))
    assert beside.seconds.likely > 1.2 * ordinary.seconds.likely


@pytest.mark.parametrize(("slow", "fast"), [("gist", "btree"), ("gin", "btree"), ("btree", "brin")])
def test_the_access_method_decides_what_a_build_takes(slow: str, fast: str) -> None:
    times = [
        kinds(built(f"CREATE INDEX fresh ON keys USING {method} (a)"))["index-build"].seconds.likely for method in (slow, fast)
    ]
    assert times[0] > 1.3 * times[1]


def test_a_wider_key_takes_longer() -> None:
    def likely(mean_bytes: float) -> float:
        detail = TableDetail(columns={"a": ColumnDetail(type="text", mean_bytes=mean_bytes)})
        calibration = replace(UNCALIBRATED, tables={"public.keys": detail})
        return kinds(built("CREATE INDEX fresh ON keys (a)"), calibration=calibration)["index-build"].seconds.likely

    assert likely(200.0) > 1.3 * likely(10.0)


def test_an_update_says_how_much_wal_it_writes() -> None:
    found = kinds(Script().did("UPDATE keys SET a = 1"))["update"]
    assert found.wal_bytes > 1_000_000 * 100


def test_what_drops_a_table_is_listed() -> None:
    after = mark(*(r for oid, r in BEFORE.relations.items() if oid != USERS))
    assert kinds(Script().did("DROP TABLE users", after=after))["drop"].relation == "public.users"


def test_an_index_build_behind_an_update_of_all_rows_takes_in_both_versions() -> None:
    after = mark(*BEFORE.relations.values(), relation(99, "fresh", "i", table=KEYS))
    clean = kinds(Script().did("CREATE INDEX fresh ON keys (a)", after=after))["index-build"]
    dirty = kinds(Script().did("UPDATE keys SET b = 1").did("CREATE INDEX fresh ON keys (a)", after=after))["index-build"]
    assert dirty.seconds.likely > 1.5 * clean.seconds.likely


def with_columns(**columns: ColumnDetail) -> Calibration:
    return replace(UNCALIBRATED, tables={"public.keys": TableDetail(columns=columns)})


def test_a_partial_index_takes_in_the_rows_that_statistics_say_and_any_number_where_they_say_nothing() -> None:
    columns = {name: ColumnDetail(type="bigint", mean_bytes=8.0, null_ratio=0.9) for name in ("a", "gone_at")}
    known = with_columns(**columns)
    whole, most, few, any_ = (
        kinds(built(f"CREATE INDEX fresh ON keys (a){where}"), calibration=known)["index-build"].seconds
        for where in ("", " WHERE gone_at IS NULL", " WHERE gone_at IS NOT NULL", " WHERE a > 3")
    )
    assert few.likely < 0.4 * whole.likely < most.likely
    assert any_.low < few.low
    assert (any_.high or 0) > 0.95 * (most.high or 0)


def test_a_sorted_gist_build_is_quicker_than_one_of_texts() -> None:
    def took(type_: str) -> float:
        known = with_columns(a=ColumnDetail(type=type_, mean_bytes=20.0))
        return kinds(built("CREATE INDEX fresh ON keys USING gist (a)"), calibration=known)["index-build"].seconds.likely

    assert took("int4range") < 0.7 * took("box") < 0.7 * took("text")


def test_a_function_that_is_known_to_be_slow_makes_an_update_slower() -> None:
    slow, quick = (kinds(Script().did(f"UPDATE keys SET a = {f}()"))["update"].seconds for f in ("gen_random_uuid", "pi"))
    assert slow.likely > quick.likely + 1.5


LOOPING = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "FOR i IN 1..NEW.n LOOP INSERT INTO log VALUES (i); END LOOP; RETURN NEW; END $$"
)

ONE_ROW = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO users VALUES (1); RETURN NEW; END $$"


def test_a_trigger_that_goes_round_in_loops_has_no_high_end() -> None:
    assert kinds(Script(rules=trigger(LOOPING)).did("UPDATE users SET a = 1"))["trigger"].seconds.high is None


def test_a_trigger_that_inserts_one_row_each_time_has_a_high_end_though_it_did_not_run() -> None:
    def high_s(code: str) -> float | None:
        trace = Script(rules=trigger(code)).did("UPDATE users SET a = 1").trace()
        gaps = [find_gaps(step) for step in trace.statements]
        assert all(gaps)
        return estimates(trace, gaps, SIZES, sizes_known=True)[-1].seconds.high

    assert high_s(ONE_ROW) is not None
    assert high_s(ONE_ROW.replace("INSERT INTO users VALUES (1)", "DELETE FROM users WHERE a > 3")) is None


def test_a_trigger_for_each_statement_that_reads_what_changed_does_as_many_rows() -> None:
    code = (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO keys SELECT id FROM changed; RETURN NULL; END $$"
    )
    rules = trigger(code)
    rules = replace(rules, triggers=(replace(rules.triggers[0], row_level=False),))
    found = kinds(Script(rules=rules).did("UPDATE users SET a = 1"))["trigger"]
    assert (found.relation, found.rows) == ("public.keys", 100_000)
    assert found.seconds.likely > 0.02


def test_rows_that_may_leave_their_partition_are_put_in_anew() -> None:
    moving = CatalogRules(partition_keys={KEYS: ("at",)})
    stays, goes = (last(Script(rules=moving).did(f"UPDATE keys SET {column} = 1")).operations[-1] for column in ("a", "at"))
    assert stays.seconds.likely != goes.seconds.likely
    assert goes.wal_bytes > stays.wal_bytes


def test_an_alter_table_goes_through_the_table_once_for_all_that_it_checks() -> None:
    script = Script().did("ALTER TABLE keys ALTER a SET NOT NULL, ALTER b SET NOT NULL, ADD CHECK (a > 0)")
    assert [operation.kind for operation in last(script).operations] == ["scan"]
    apart = Script().did("ALTER TABLE keys ALTER a SET NOT NULL").did("ALTER TABLE keys ALTER b SET NOT NULL")
    assert len([o for e in estimates(apart.trace(), [(), ()], SIZES, sizes_known=True) for o in e.operations]) == 2


def test_how_often_a_loop_goes_round_is_not_known() -> None:
    loop = "DO $$ BEGIN LOOP DELETE FROM keys WHERE a < 3; EXIT WHEN NOT FOUND; END LOOP; END $$"
    assert last(Script().did(loop)).seconds.high is None
    assert last(Script().did("DO $$ BEGIN DELETE FROM keys WHERE a < 3; END $$")).seconds.high is not None


def test_an_exclusion_constraint_looks_every_row_up() -> None:
    known = with_columns(a=ColumnDetail(type="int4range", mean_bytes=14.0))
    index, excluding = (
        kinds(built(sql), calibration=known)["index-build"].seconds
        for sql in (
            "CREATE INDEX fresh ON keys USING gist (a)",
            "ALTER TABLE keys ADD CONSTRAINT fresh EXCLUDE USING gist (a WITH &&)",
        )
    )
    assert excluding.likely > 5 * index.likely


@pytest.mark.parametrize("word", ["", "CONCURRENTLY "])
def test_to_fill_a_view_anew_puts_no_entry_after_the_other_into_its_indexes(word: str) -> None:
    start = mark(*BEFORE.relations.values(), relation(50, "totals", "m"))
    script = Script(start=start).did(f"REFRESH MATERIALIZED VIEW {word}totals")
    bare, indexed = (
        estimates(script.trace(), [()], (replace(size("totals", 1_000_000, indexes=count), kind="m"),), sizes_known=True)
        for count in (0, 3)
    )
    (alone,), (beside,) = bare[0].operations, indexed[0].operations
    assert (alone.kind, beside.kind) == ("refresh", "refresh")
    assert alone.seconds == beside.seconds
